//! What goes into broker.conf and namesrv.conf. The keys that follow from the cluster file come first and in a fixed
//! order, then those set by hand, sorted. Both IPs and both store paths are always written: RocketMQ guesses the
//! former, and up to 4.9.3 the latter do not follow each other.

use super::{folders::Folders, properties};
use crate::{
    launch::Role,
    names::Version,
    placement::BrokerSeat,
    topology::{Host, JvmSettings, Mode, Topology},
};
use std::{collections::BTreeMap, net::SocketAddr};

/// Keys and values in the order they are written.
pub type Lines = Vec<(String, String)>;

/// The first line of every properties file rendered here.
pub const FIRST_LINE: &str = "# Written by rocketmq-agent from cluster.toml: a change made here does not last.\n";

/// The text of a properties file, with a first line that says whose it is.
pub fn text(lines: &Lines) -> String {
    let mut text = String::from(FIRST_LINE);
    for (key, value) in lines {
        text += &properties::line(key, value);
    }
    text
}

/// `a:1;b:2`, as RocketMQ wants its NameServers.
pub fn address_list(addresses: &[SocketAddr]) -> String {
    addresses.iter().map(SocketAddr::to_string).collect::<Vec<_>>().join(";")
}

/// broker.conf of one broker.
pub fn broker(
    topology: &Topology,
    seat: &BrokerSeat,
    host: &Host,
    folders: &Folders,
    namesrvs: &[SocketAddr],
    settings: &JvmSettings,
) -> Lines {
    let mut lines = vec![
        ("brokerClusterName", topology.name.to_string()),
        ("brokerName", seat.group.to_string()),
        ("brokerId", seat.broker_id.to_string()),
        ("brokerRole", broker_role(topology.mode, seat.role()).to_owned()),
        ("brokerIP1", host.public_address.to_string()),
        ("brokerIP2", host.address.to_string()),
        ("listenPort", seat.port.to_string()),
        ("namesrvAddr", address_list(namesrvs)),
        ("storePathRootDir", folders.store().display().to_string()),
        ("storePathCommitLog", folders.commit_log().display().to_string()),
    ];
    if topology.version >= Version::new(5, 1, 1) {
        lines.push(("haListenPort", seat.ha_port().to_string()));
    }
    if topology.mode == Mode::SyncSlaves && topology.version.is_5() {
        // CommitLog.handleHA of 5.x answers a send at once while inSyncReplicas is 1, whatever brokerRole says.
        lines.extend([("totalReplicas", "2".to_owned()), ("inSyncReplicas", "2".to_owned())]);
    }
    if topology.mode.has_slaves() {
        // Without it nothing can be read while the master is down (PullMessageProcessor).
        lines.push(("slaveReadEnable", "true".to_owned()));
    }
    with_overrides(lines, &settings.config)
}

fn broker_role(mode: Mode, role: Role) -> &'static str {
    match (role, mode) {
        (Role::Slave, _) => "SLAVE",
        (_, Mode::SyncSlaves) => "SYNC_MASTER",
        _ => "ASYNC_MASTER",
    }
}

/// namesrv.conf of one NameServer.
pub fn namesrv(port: u16, settings: &JvmSettings) -> Lines {
    with_overrides(vec![("listenPort", port.to_string())], &settings.config)
}

fn with_overrides(lines: Vec<(&str, String)>, config: &BTreeMap<String, String>) -> Lines {
    let mut all: Lines =
        lines.into_iter().map(|(key, value)| (key.to_owned(), config.get(key).cloned().unwrap_or(value))).collect();
    let more = config.iter().filter(|(key, _)| !all.iter().any(|(written, _)| written == *key));
    let more: Vec<_> = more.map(|(key, value)| (key.clone(), value.clone())).collect();
    all.extend(more);
    all
}
