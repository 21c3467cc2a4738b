//! The rules for a broker: it answers, is registered everywhere under its own name, id and address, runs with what
//! was rendered, and replicates.

use super::{
    Findings, cause, disk,
    facts::{BrokerFacts, HaConnection, PartnerFacts, Runtime},
    member, not_answering, pressure,
    report::InstanceReport,
};
use crate::{
    desired::{ExpectedBroker, Instance},
    launch::Role,
    observed::Fact,
    online::OnlineKey,
    rollout::PERMISSION,
    size::Size,
    sync_policy::{IN_SYNC_REPLICAS, SyncPolicy},
    topics,
};
use std::{collections::BTreeMap, net::SocketAddr};

/// It runs with another value than it should.
pub(crate) const CONFIG_DIFFERS: &str = "config-differs";
/// It was never told of a NameServer that is in the file.
pub(crate) const NAMESRV_NOT_TOLD: &str = "namesrv-not-told";
/// A NameServer does not answer, so that nobody knows whether it has the broker.
pub(crate) const NAMESRV_UNREACHABLE: &str = "namesrv-unreachable";
/// A master without write permission.
pub(crate) const READ_ONLY: &str = "read-only";

/// So many new connections in three minutes are no restart.
const LOOPS: usize = 6;

pub(super) fn judge(instance: &Instance, facts: &BrokerFacts, report: &mut InstanceReport, findings: &mut Findings) {
    let Some(expected) = &instance.broker else { return };
    let runtime = match &facts.runtime {
        Fact::Known(runtime) => runtime,
        Fact::Unknown(why) => {
            findings.reasons.push(not_answering(why));
            return;
        }
    };
    report.answers = true;
    report.version = Some(runtime.version.clone());
    report.max_offset = Some(runtime.max_offset);
    report.figures = runtime.figures.clone();
    report.disk_full_in = runtime.filling.map(|filling| filling.minutes * 60);
    disk::judge(runtime, findings);
    pressure::judge(runtime, findings);
    findings.warnings.extend(topics::warning(&facts.missing_topics));
    judge_permission(instance.launch.role, expected, facts, findings);
    if let (Some(elections), Some(members)) = (&expected.elections, &facts.members) {
        member::judge(expected, elections, facts, members, runtime, report, findings);
    } else {
        judge_registration(expected, facts, findings);
    }
    judge_config(expected, facts, report, findings);
    if instance.launch.role == Role::Master {
        tell_of_sends(expected, facts, findings);
    }
    judge_replication(instance.launch.role, expected, facts, runtime, report, findings);
}

/// What the NameServers have under its brokerName, of those that answer and that it was told of; the others are named.
/// Clients go on to the next NameServer when one does not answer, so that one which answers is enough to be found.
pub(super) fn registrations<'f>(
    facts: &'f BrokerFacts,
    findings: &mut Findings,
) -> Vec<(SocketAddr, &'f BTreeMap<u64, String>)> {
    let told = facts.config.known().and_then(|config| config.get(OnlineKey::NamesrvAddr.name()));
    let (mut found, mut unreachable) = (Vec::new(), Vec::new());
    for (namesrv, registered) in &facts.registered {
        match registered {
            Fact::Unknown(why) => {
                let what = format!("whether NameServer {namesrv} knows it cannot be told: {why}");
                unreachable.push(cause(NAMESRV_UNREACHABLE, what, "look at that NameServer"));
            }
            Fact::Known(_) if told.is_some_and(|told| !told.split(';').any(|it| it == namesrv.to_string())) => {
                let what = format!("it was started before NameServer {namesrv} was in cluster.toml");
                findings.reasons.push(cause(NAMESRV_NOT_TOLD, what, "it registers there when it is told"));
            }
            Fact::Known(addresses) => found.push((*namesrv, addresses)),
        }
    }
    if found.is_empty() { &mut findings.reasons } else { &mut findings.warnings }.extend(unreachable);
    found
}

/// Every NameServer must name this broker, and nobody else, under its name and id: a second claimant makes the route
/// flap between the two with no error anywhere.
fn judge_registration(expected: &ExpectedBroker, facts: &BrokerFacts, findings: &mut Findings) {
    let own = expected.client_address.to_string();
    for (namesrv, addresses) in registrations(facts, findings) {
        judge_one_registration(expected, &own, namesrv, addresses, findings);
    }
}

fn judge_one_registration(
    expected: &ExpectedBroker,
    own: &str,
    namesrv: SocketAddr,
    addresses: &BTreeMap<u64, String>,
    findings: &mut Findings,
) {
    let (group, id) = (&expected.group, expected.broker_id);
    match addresses.get(&id) {
        Some(address) if address == own => {}
        Some(other) => {
            let what = format!("NameServer {namesrv} has {group} with brokerId {id} at {other}, not at {own}");
            let fix = "two brokers claim one identity: stop the one that is not in cluster.toml";
            findings.reasons.push(cause("two-claimants", what, fix));
        }
        None => {
            let what = format!("NameServer {namesrv} does not have {group} with brokerId {id}");
            findings.reasons.push(cause(
                "not-registered",
                what,
                "it registers every 30 s; if it stays so, look at its broker.log",
            ));
        }
    }
    if let Some((other_id, _)) = addresses.iter().find(|(other, address)| **other != id && *address == own) {
        let what = format!("NameServer {namesrv} has {own} as {group} with brokerId {other_id}, not {id}");
        findings.reasons.push(cause("wrong-id", what, "compare broker.conf with what the broker runs with"));
    }
}

/// RocketMQ drops a value that it does not understand without a word, and anybody can change one online. That a master
/// waits for nobody may be the agent's own doing.
fn judge_config(expected: &ExpectedBroker, facts: &BrokerFacts, report: &mut InstanceReport, findings: &mut Findings) {
    let effective = match &facts.config {
        Fact::Known(effective) => effective,
        Fact::Unknown(why) => {
            findings.reasons.push(cause("config-unknown", format!("what it runs with cannot be read: {why}"), ""));
            return;
        }
    };
    let is_lowered = effective.get(IN_SYNC_REPLICAS).is_some_and(|count| count == "1");
    report.sync_lowered = expected.replicas.filter(|it| *it == SyncPolicy::Available).map(|_| is_lowered);
    for (key, wanted) in &expected.config {
        let found = effective.get(key);
        if key == IN_SYNC_REPLICAS && report.sync_lowered == Some(true) {
            let what = format!("it acknowledges sends without its slave ({key} = 1): what it takes now is on it alone");
            let fix =
                "bring its slave back; sends wait for it again once it has caught up (broker.sync = \"available\")";
            findings.reasons.push(cause("sync-lowered", what, fix));
        } else if found != Some(wanted) {
            let found = found.map_or("nothing".to_owned(), |value| format!("\"{value}\""));
            let what = format!("it runs with {key} = {found}, and \"{wanted}\" was rendered");
            let fix = "somebody changed it online, or this release does not understand it; a restart brings it back";
            findings.reasons.push(cause(CONFIG_DIFFERS, what, fix));
        }
    }
    for (key, wanted) in expected.live.iter().filter(|(key, _)| !expected.config.contains_key(key.name())) {
        if let Some(found) = effective.get(key.name()).filter(|found| *found != wanted) {
            let what = format!("it runs with {key} = \"{found}\", and cluster.toml leaves it at \"{wanted}\"");
            let fix = "somebody changed it online: put it into cluster.toml, or set it back; a restart does that too";
            findings.reasons.push(cause(CONFIG_DIFFERS, what, fix));
        }
    }
}

/// What sends to a sync master are answered while nobody replicates from it, where that stays so.
fn tell_of_sends(expected: &ExpectedBroker, facts: &BrokerFacts, findings: &mut Findings) {
    if !expected.sync || facts.ha_connection != Fact::Known(HaConnection::Missing) {
        return;
    }
    match expected.replicas {
        Some(SyncPolicy::Available) => {}
        Some(SyncPolicy::Strict) => {
            let what = "no send to it is answered SEND_OK until its slave is back (broker.sync = \"strict\")";
            findings.warnings.push(cause("sync-strict", what, ""));
        }
        None => {
            let what = "sends to it are stored and answered SLAVE_NOT_AVAILABLE until its slave is back: RocketMQ 4.x \
                        has nothing that could be lowered, whatever broker.sync says";
            findings.warnings.push(cause("sync-not-lowered", what, ""));
        }
    }
}

/// The permission of its topics in the route: without the bit for writing no client sends to this broker, and nothing
/// says so anywhere. A cluster file that takes it has its reasons.
fn judge_permission(role: Role, expected: &ExpectedBroker, facts: &BrokerFacts, findings: &mut Findings) {
    const WRITES: u64 = 2;
    if expected.config.contains_key(PERMISSION) {
        // Another than the file's is named as any other key.
        return;
    }
    if let Some(permission) = facts.permission.filter(|permission| role == Role::Master && permission & WRITES == 0) {
        let what = format!("it takes no messages: it runs with brokerPermission = {permission}");
        let fix = "somebody took its write permission online; `mqadmin updateBrokerConfig -k brokerPermission -v 6` or a \
                   restart gives it back";
        findings.reasons.push(cause(READ_ONLY, what, fix));
    }
}

fn judge_replication(
    role: Role,
    expected: &ExpectedBroker,
    facts: &BrokerFacts,
    runtime: &Runtime,
    report: &mut InstanceReport,
    findings: &mut Findings,
) {
    let Some(partner) = &facts.partner else { return };
    let is_slave = role == Role::Slave;
    let required = is_slave || expected.sync;
    let other = if is_slave { "master" } else { "slave" };
    let partner = match partner {
        Fact::Known(partner) => partner,
        Fact::Unknown(why) => {
            let what = format!("its {other} does not answer: {why}");
            let fix = expected.partner.as_ref().map(|p| format!("look at host {}", p.host)).unwrap_or_default();
            let id = if is_slave { "master-unreachable" } else { "slave-unreachable" };
            findings.put(required, cause(id, what, fix));
            return;
        }
    };
    if let Fact::Known(HaConnection::Missing) = facts.ha_connection {
        let (from, to) = if is_slave {
            ("it has no connection", "to its master's HA port")
        } else {
            ("no slave is connected", "to its HA port")
        };
        let at =
            expected.partner.as_ref().filter(|_| is_slave).map(|p| format!(" {}", p.ha_address)).unwrap_or_default();
        let fix = "it connects after its next registration (30 s); if it stays so, open listenPort+1 between the hosts";
        findings.put(required, cause("no-replication", format!("{from} {to}{at}"), fix));
    } else if let Fact::Known(HaConnection::Settling) = facts.ha_connection {
        let what = "replication was connected a moment ago and begins within seconds; sends would time out";
        findings.put(required, cause("replication-settling", what, ""));
    } else if let Fact::Unknown(why) = &facts.ha_connection {
        findings
            .put(required, cause("replication-unknown", format!("whether it replicates cannot be told: {why}"), ""));
    }
    if facts.ha_reconnects >= LOOPS {
        let who = if is_slave { "it" } else { "its slave" };
        let what = format!("{who} connected {} times for replication in the last three minutes", facts.ha_reconnects);
        let fix = "look for the reason in the slave's rocketmqlogs/store.log: its disk, or a log that does not fit its \
                   master's";
        findings.put(required, cause("replication-loops", what, fix));
    }
    let (slave_max, master_max) =
        if is_slave { (runtime.max_offset, partner.max_offset) } else { (partner.max_offset, runtime.max_offset) };
    report.lag = Some(master_max.saturating_sub(slave_max));
    report.lag_seconds = facts.behind_for.map(|ms| ms / 1000);
    if slave_max == 0 && master_max > 0 {
        // However little the master has: until the first bytes came, sends that wait for the slave time out.
        let what =
            if is_slave { "it has nothing of its master's log yet" } else { "its slave has nothing of its log yet" };
        findings.put(required, cause("slave-empty", what, "replication begins within seconds of the connection"));
        return;
    }
    // A master sends what follows the slave's end, and where it has deleted that, nothing, for ever (HAConnection).
    let master_min = if is_slave { partner.min_offset } else { runtime.min_offset };
    if let Some(master_min) = master_min.filter(|min| slave_max < *min) {
        let (slave, master) = if is_slave { ("its", "its master's") } else { ("its slave's", "its own") };
        let what = format!(
            "{slave} log ends at {slave_max} and {master} begins at {master_min}: what lies between is nowhere any more, \
             and the slave never catches up"
        );
        let fix = "stop the slave, move its store folder aside and start it: it begins anew from its master; delete the old \
                   one when it has caught up";
        findings.put(required, cause("replication-gap", what, fix));
        return;
    }
    if slave_max > master_max {
        let what = format!("the slave is {} ahead of its master", Size(slave_max - master_max));
        let fix = "the master lost the end of its log: stop both and compare the stores before anything else";
        findings.reasons.push(cause("slave-ahead", what, fix));
    } else if master_max - slave_max > expected.max_lag.0 {
        let lag = Size(master_max - slave_max);
        let what =
            if is_slave { format!("it is {lag} behind its master") } else { format!("its slave is {lag} behind") };
        findings.put(required, cause("lagging", format!("{what} (broker.max_lag is {})", expected.max_lag), ""));
    }
    if is_slave {
        judge_history(runtime, partner, report, findings);
    }
}

/// A new slave starts at its master's last commit log file (HAConnection: slaveRequestOffset == 0), so what came
/// before exists on the master only, until retention has passed.
fn judge_history(runtime: &Runtime, master: &PartnerFacts, report: &mut InstanceReport, findings: &mut Findings) {
    let (Some(master_min), Some(own_min)) = (master.min_offset, runtime.min_offset) else { return };
    if own_min > master_min {
        let missing = Size(own_min - master_min);
        report.no_history_before = Some(runtime.earliest_message.unwrap_or_default());
        report.missing_history = Some(missing.0);
        let what =
            format!("it has no history before offset {own_min}: {missing} of older messages are on the master only");
        let fix = "wait until retention has passed, or copy the master's store while it is stopped";
        findings.warnings.push(cause("no-history", what, fix));
    }
}

impl Findings {
    /// A reason where the mode depends on it, else a warning.
    fn put(&mut self, required: bool, cause: crate::launch::Cause) {
        if required { self.reasons.push(cause) } else { self.warnings.push(cause) }
    }
}
