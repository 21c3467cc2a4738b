//! What goes into broker.conf, namesrv.conf, controller.conf, rmq-proxy.json and the properties of jars. The keys that follow from the cluster file come first and in a fixed
//! order, then those set by hand, sorted. Both IPs and both store paths are always written: RocketMQ guesses the
//! former, and up to 4.9.3 the latter do not follow each other.

use super::{folders::Folders, properties};
use crate::{
    acl::Acl,
    catalogue::{File, Kind, Standing, standing},
    launch::Role,
    names::Version,
    placement::{BrokerSeat, ControllerSeat, ServiceSeat},
    topology::{EXPORTER_GRPC, Host, Jar, JvmSettings, Mode, Topology},
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

/// The text of rmq-proxy.json: numbers and flags as such where the release has the key as one.
pub fn json(version: Version, lines: &Lines) -> String {
    let typed = |key: &str, value: &str| {
        let is_text = match standing(File::Proxy, key, version) {
            Standing::Known(key) | Standing::Neighbours(key, _) => matches!(key.kind, Kind::Text | Kind::Choice(_)),
            _ => false,
        };
        let bare = value.parse::<i64>().is_ok() || matches!(value, "true" | "false");
        if bare && !is_text { value.to_owned() } else { serde_json::Value::from(value).to_string() }
    };
    let entries: Vec<String> = lines.iter().map(|(key, value)| format!("  {key:?}: {}", typed(key, value))).collect();
    format!("{{\n{}\n}}\n", entries.join(",\n"))
}

/// `a:1;b:2`, as RocketMQ wants its NameServers.
pub fn address_list(addresses: &[SocketAddr]) -> String {
    addresses.iter().map(SocketAddr::to_string).collect::<Vec<_>>().join(";")
}

/// How many members of a group must have a message before it is acknowledged, and go on to take messages: most of them,
/// so that of those that a failover can elect at least one has it. Of two, one that is left goes on alone.
pub fn least_in_sync(members: usize) -> usize {
    if members < 3 { 1 } else { members / 2 + 1 }
}

/// Whom a broker has to do with.
#[derive(Debug)]
pub struct Others<'o> {
    /// Every NameServer.
    pub namesrvs: &'o [SocketAddr],
    /// Every controller.
    pub controllers: &'o [SocketAddr],
    /// All members of its group where that elects its master, with their numbers and where they meet each other.
    pub members: &'o [(u64, SocketAddr)],
}

/// broker.conf of one broker.
pub fn broker(
    topology: &Topology,
    seat: &BrokerSeat,
    host: &Host,
    folders: &Folders,
    others: &Others<'_>,
    settings: &JvmSettings,
) -> Lines {
    let mut lines = vec![
        ("brokerClusterName", topology.name.to_string()),
        ("brokerName", seat.group.to_string()),
        ("brokerIP1", host.public_address.to_string()),
        ("brokerIP2", host.address.to_string()),
        ("listenPort", seat.port.to_string()),
        ("namesrvAddr", address_list(others.namesrvs)),
        ("storePathRootDir", folders.store().display().to_string()),
        ("storePathCommitLog", folders.commit_log().display().to_string()),
    ];
    if !seat.elected {
        let role = broker_role(topology.mode, seat.role());
        lines.splice(2..2, [("brokerId", seat.broker_id.to_string()), ("brokerRole", role.to_owned())]);
    }
    if topology.version >= Version::new(5, 1, 1) && topology.mode != Mode::Dledger {
        lines.push(("haListenPort", seat.ha_port().to_string()));
    }
    if topology.mode == Mode::SyncSlaves && topology.version.is_5() {
        // CommitLog.handleHA of 5.x answers a send at once while inSyncReplicas is 1, whatever brokerRole says.
        lines.extend([("totalReplicas", "2".to_owned()), ("inSyncReplicas", "2".to_owned())]);
    }
    match topology.mode {
        Mode::Controller => lines.extend(in_controller_mode(others)),
        Mode::Dledger => lines.extend(in_dledger_mode(seat, others)),
        _ => {}
    }
    if topology.mode.has_slaves() || topology.mode.is_elected() {
        // Without it nothing can be read while the master is down (PullMessageProcessor).
        lines.push(("slaveReadEnable", "true".to_owned()));
    }
    lines.extend(topology.acl.iter().flat_map(Acl::broker));
    with_recovery(topology.version, with_metrics_port(with_overrides(lines, &settings.config), seat.port - 1))
}

/// Over so many bytes of its commit log a broker builds its queues anew when it was not closed cleanly: ten files of their
/// default length.
const RECOVERED: u64 = 10 << 30;
const FILE_SIZE: &str = "mappedFileSizeCommitLog";
const RECOVERED_FILES: &str = "commitLogRecoverMaxNum";

/// 5.5.0 goes back ten files, however short they are (`CommitLog.recoverAbnormally`). Queues reach the disk up to a minute
/// late (`flushConsumeQueueThoroughInterval`), so after a power loss messages in files before these would be read by nobody.
fn with_recovery(version: Version, mut lines: Lines) -> Lines {
    let value = |name: &str| lines.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let size: Option<u64> = value(FILE_SIZE).and_then(|size| size.parse().ok());
    if let Some(size) = size.filter(|size| (1..RECOVERED / 10).contains(size))
        && version >= Version::new(5, 5, 0)
        && value(RECOVERED_FILES).is_none()
    {
        lines.push((RECOVERED_FILES.to_owned(), (RECOVERED / size).to_string()));
    }
    lines
}

const METRICS_PORT: &str = "metricsPromExporterPort";

/// All brokers of a host would serve their own metrics on 5557, and the exporter too (`BrokerConfig`, 5.1.0-5.5.0); of a
/// broker's four ports in a row this one is not used.
fn with_metrics_port(mut lines: Lines, port: u16) -> Lines {
    let serves = lines.iter().any(|(key, value)| key == "metricsExporterType" && value == "PROM");
    if serves && metrics_port(&lines).is_none() {
        lines.push((METRICS_PORT.to_owned(), port.to_string()));
    }
    lines
}

/// Every port that a broker listens on.
pub(super) fn ports(seat: &BrokerSeat, lines: &Lines) -> Vec<u16> {
    [seat.port, seat.fast_port(), seat.ha_port()].into_iter().chain(metrics_port(lines)).collect()
}

fn metrics_port(lines: &Lines) -> Option<u16> {
    lines.iter().find(|(key, _)| key == METRICS_PORT)?.1.parse().ok()
}

/// A send is acknowledged when all members that are in sync have it (`allAckInSyncStateSet`), refused where those are
/// too few (`minInSyncReplicas`), and only one of them is elected: nothing acknowledged is lost by a failover (5.5.0
/// `CommitLog.asyncPutMessage`, `ReplicasInfoManager.electMaster`).
fn in_controller_mode(others: &Others<'_>) -> Vec<(&'static str, String)> {
    let (all, least) = (others.members.len(), least_in_sync(others.members.len()));
    vec![
        ("enableControllerMode", "true".to_owned()),
        ("controllerAddr", address_list(others.controllers)),
        ("allAckInSyncStateSet", "true".to_owned()),
        ("totalReplicas", all.to_string()),
        ("inSyncReplicas", least.to_string()),
        ("minInSyncReplicas", least.to_string()),
    ]
}

fn in_dledger_mode(seat: &BrokerSeat, others: &Others<'_>) -> Vec<(&'static str, String)> {
    let peers: Vec<String> = others.members.iter().map(|(id, address)| format!("n{id}-{address}")).collect();
    vec![
        ("enableDLegerCommitLog", "true".to_owned()),
        ("dLegerGroup", seat.group.to_string()),
        ("dLegerPeers", peers.join(";")),
        ("dLegerSelfId", dledger_id(seat)),
        // One thread is the default up to 4.7, and each send waits for the followers.
        ("sendMessageThreadPoolNums", "16".to_owned()),
    ]
}

/// dLegerSelfId: a letter and the member's number (4.5-5.5 `DLedgerCommitLog` reads the number after the first letter).
pub fn dledger_id(seat: &BrokerSeat) -> String {
    format!("n{}", seat.broker_id)
}

/// What a controller keeps to: controller.conf, or its lines in namesrv.conf. It listens on its own port of the peers,
/// not on listenPort (5.5.0 `DLedgerController`).
pub fn controller(
    topology: &Topology,
    seat: &ControllerSeat,
    peers: &[(String, SocketAddr)],
    folders: &Folders,
) -> Vec<(&'static str, String)> {
    let peers: Vec<String> = peers.iter().map(|(id, address)| format!("{id}-{address}")).collect();
    vec![
        ("controllerDLegerGroup", format!("{}-controller", topology.name)),
        ("controllerDLegerPeers", peers.join(";")),
        ("controllerDLegerSelfId", seat.self_id()),
        ("controllerStorePath", folders.store().display().to_string()),
    ]
}

fn broker_role(mode: Mode, role: Role) -> &'static str {
    match (role, mode) {
        (Role::Slave, _) => "SLAVE",
        (_, Mode::SyncSlaves) => "SYNC_MASTER",
        _ => "ASYNC_MASTER",
    }
}

/// namesrv.conf of one NameServer, with the lines of the controller that is in it.
pub fn namesrv(port: u16, controller: Option<Vec<(&str, String)>>) -> Vec<(&str, String)> {
    let mut lines = vec![("listenPort", port.to_string())];
    if let Some(controller) = controller {
        lines.push(("enableControllerInNamesrv", "true".to_owned()));
        lines.extend(controller);
    }
    lines
}

/// rmq-proxy.json of one proxy. Both ports are those of its seat.
pub fn proxy(topology: &Topology, seat: &ServiceSeat, host: &Host, namesrvs: &str, settings: &JvmSettings) -> Lines {
    let mut lines = vec![
        ("rocketMQClusterName", topology.name.to_string()),
        ("proxyClusterName", topology.name.to_string()),
        ("proxyMode", "CLUSTER".to_owned()),
        ("namesrvAddr", namesrvs.to_owned()),
        // Both would be guessed from the machine; proxies know each other by them (5.5.0 `HeartbeatSyncer`).
        ("proxyName", host.name.to_string()),
        ("localServeAddr", host.public_address.to_string()),
    ];
    lines.extend(["grpcServerPort", "remotingListenPort"].into_iter().zip(seat.ports.iter().map(u16::to_string)));
    lines.extend(topology.acl.iter().flat_map(Acl::proxy));
    with_overrides(lines, &settings.config)
}

/// application.properties of the dashboard (1.0.0-2.1.0) or the exporter (0.0.2).
pub fn jar(
    topology: &Topology,
    jar: &Jar,
    seat: &ServiceSeat,
    namesrvs: &str,
    folders: &Folders,
    settings: &JvmSettings,
) -> Lines {
    let mut lines: Vec<(&str, String)> = seat.ports.iter().map(|port| ("server.port", port.to_string())).collect();
    lines.push(("rocketmq.config.namesrvAddr", namesrvs.to_owned()));
    if jar.role == Role::Exporter {
        // What clients send it, from the release after 0.0.2 on; 5559 on every host if it is not set.
        lines.extend(seat.ports.iter().map(|port| ("grpc.server.port", (port + EXPORTER_GRPC).to_string())));
    }
    if jar.role == Role::Dashboard {
        // Of the two the list wins from 1.0.1 on, and has this machine in it where it is not set.
        lines.push(("rocketmq.config.namesrvAddrs[0]", namesrvs.to_owned()));
        lines.push(("rocketmq.config.dataPath", folders.store().display().to_string()));
        lines.push(("rocketmq.config.loginRequired", jar.login.to_string()));
    }
    lines.extend(topology.acl.iter().flat_map(|acl| acl.jar(jar.role)));
    with_overrides(lines, &settings.config)
}

/// Lines with what was set by hand.
pub fn with_overrides(lines: Vec<(&str, String)>, config: &BTreeMap<String, String>) -> Lines {
    let mut all: Lines =
        lines.into_iter().map(|(key, value)| (key.to_owned(), config.get(key).cloned().unwrap_or(value))).collect();
    let more = config.iter().filter(|(key, _)| !all.iter().any(|(written, _)| written == *key));
    let more: Vec<_> = more.map(|(key, value)| (key.clone(), value.clone())).collect();
    all.extend(more);
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn brokers_that_serve_their_metrics_have_a_port_each_unless_it_is_set() {
        let lines = |more: &[(&str, &str)]| -> Lines {
            more.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
        };
        let port = |more: &[(&str, &str)]| metrics_port(&with_metrics_port(lines(more), 10910));
        assert_eq!(port(&[]), None);
        assert_eq!(port(&[("metricsExporterType", "OTLP_GRPC")]), None);
        assert_eq!(port(&[("metricsExporterType", "PROM")]), Some(10910));
        assert_eq!(port(&[("metricsExporterType", "PROM"), (METRICS_PORT, "5600")]), Some(5600));
    }

    #[test]
    fn short_files_are_recovered_over_as_many_bytes_as_long_ones() {
        let files = |version: Version, more: &[(&str, &str)]| {
            let lines = more.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect();
            let lines = with_recovery(version, lines);
            lines.into_iter().find(|(key, _)| key == RECOVERED_FILES).map(|(_, value)| value)
        };
        let (newest, older) = (Version::new(5, 5, 0), Version::new(5, 3, 3));
        assert_eq!(files(newest, &[]), None);
        assert_eq!(files(newest, &[(FILE_SIZE, "1073741824")]), None);
        assert_eq!(files(newest, &[(FILE_SIZE, "1048576")]).as_deref(), Some("10240"));
        assert_eq!(files(newest, &[(FILE_SIZE, "1048576"), (RECOVERED_FILES, "20")]).as_deref(), Some("20"));
        assert_eq!(files(older, &[(FILE_SIZE, "1048576")]), None);
    }
}
