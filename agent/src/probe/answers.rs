//! What the answers of brokers, and the sockets between them, mean for the facts. What is not said is unknown.

use super::figures;
use crate::{
    remoting::{LogEnds, RemotingError, RuntimeInfo},
    supervise::sockets::{Socket, Sockets},
};
use rocketmq_agent_domain::{
    desired::{Instance, Partner},
    health::facts::{PartnerFacts, Runtime},
    launch::Role,
    observed::Fact,
};

pub(super) fn is_answer<T>(answer: &Result<T, RemotingError>) -> bool {
    answer.as_ref().err().is_none_or(RemotingError::is_answer)
}

fn unsigned(number: Option<i64>) -> Option<u64> {
    number.and_then(|number| u64::try_from(number).ok())
}

/// A broker that does not say where its log ends is unknown: taken for 0, it would be called empty or ahead.
pub(super) fn own(answer: Result<RuntimeInfo, RemotingError>) -> (Fact<Runtime>, bool) {
    let answered = is_answer(&answer);
    let end = |info: &RuntimeInfo| info.commit_log_max_offset;
    let runtime = known_end(answer, end, |info, max_offset| Runtime {
        version: info.version.clone(),
        boot_timestamp: unsigned(info.boot_timestamp_ms),
        min_offset: unsigned(info.commit_log_min_offset),
        max_offset,
        gap: None,
        disk_used: fullest(info),
        filling: None,
        page_cache_lock: unsigned(info.page_cache_lock_ms),
        send_wait: unsigned(info.send_pool.head_wait_ms),
        pull_wait: unsigned(info.pull_pool.head_wait_ms),
        earliest_message: unsigned(info.earliest_message_timestamp_ms),
        figures: figures::of(&info.raw),
    });
    (runtime, answered)
}

fn fullest(info: &RuntimeInfo) -> Option<f64> {
    let paths = info.commit_log_disk_ratios.values().copied();
    paths.chain(info.commit_log_disk_ratio).chain(info.consume_queue_disk_ratio).reduce(f64::max)
}

/// What a broker says that does not take this host's credential.
pub(super) fn unauthorized<T>(answer: &Result<T, RemotingError>) -> Option<String> {
    answer.as_ref().err().and_then(RemotingError::unauthorized).map(str::to_owned)
}

pub(super) fn others(answer: Result<LogEnds, RemotingError>) -> Fact<PartnerFacts> {
    let facts = |ends: &LogEnds, max_offset| PartnerFacts { min_offset: unsigned(ends.min_offset), max_offset };
    known_end(answer, |ends| ends.max_offset, facts)
}

fn known_end<A, T>(
    answer: Result<A, RemotingError>,
    end: impl FnOnce(&A) -> Option<i64>,
    make: impl FnOnce(&A, u64) -> T,
) -> Fact<T> {
    match answer {
        Ok(said) => match unsigned(end(&said)) {
            Some(end) => Fact::Known(make(&said, end)),
            None => Fact::Unknown("it does not say where its commit log ends".to_owned()),
        },
        Err(error) => Fact::from(Err(error)),
    }
}

/// Replication is a TCP connection, and the kernel knows of it whatever the release: a slave's goes to its master's HA
/// port, a master's comes in on its own.
pub(super) fn connections(instance: &Instance, partner: &Partner, sockets: &Fact<Sockets>) -> Fact<Vec<Socket>> {
    match (sockets, instance.launch.role) {
        (Fact::Unknown(why), _) => Fact::Unknown(why.clone()),
        (Fact::Known(sockets), Role::Slave) => Fact::Known(sockets.established(partner.ha_address)),
        // listenPort + 1, see BrokerSeat::ha_port.
        (Fact::Known(sockets), _) => Fact::Known(sockets.accepted(instance.address.port() + 1)),
    }
}
