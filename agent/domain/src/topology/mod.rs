//! A cluster file that holds together: defaults filled in, every cross-reference known, every rule kept.
//! In: a [`ClusterFile`]. Out: a [`Topology`], or every [`Problem`] found. It does not decide where anything runs.

mod acl;
mod derived;
mod elected;
mod groups;
mod hosts;
mod properties;
mod services;
mod settings;
mod source;
pub(crate) mod tls;
mod voters;

pub use hosts::AGENT_PORT;
pub use services::{EXPORTER_GRPC, Jar, ServicePorts};
pub use settings::{JvmSettings, Layers};

use crate::{
    acl::Acl,
    catalogue::File,
    cluster_file::{self, At, ClusterFile},
    hang::{OnHang, Policy},
    limits::Limits,
    names::{BrokerName, ClusterName, HostName, Version, Zone},
    problem::{Problem, Problems, did_you_mean},
    releases,
    rollout::Restart,
    size::Size,
    sync_policy::SyncPolicy,
};
use serde::{Deserialize, Serialize};
use std::{cell::RefCell, collections::BTreeMap, fmt, net::IpAddr, path::PathBuf, time::Duration};

/// What kind of cluster it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Mode {
    /// One NameServer, one broker.
    #[serde(rename = "single")]
    Single,
    /// Masters only.
    #[serde(rename = "multi-master")]
    MultiMaster,
    /// Every master has a slave that follows when it can.
    #[serde(rename = "2m-2s-async")]
    AsyncSlaves,
    /// Every master answers a send when its slave has the message too.
    #[serde(rename = "2m-2s-sync")]
    SyncSlaves,
    /// Controllers elect the master of a group from those members that have everything (5.x).
    #[serde(rename = "controller")]
    Controller,
    /// The members of a group elect their leader by raft.
    #[serde(rename = "dledger")]
    Dledger,
}

const MODES: [(&str, Mode); 6] = [
    ("single", Mode::Single),
    ("multi-master", Mode::MultiMaster),
    ("2m-2s-async", Mode::AsyncSlaves),
    ("2m-2s-sync", Mode::SyncSlaves),
    ("controller", Mode::Controller),
    ("dledger", Mode::Dledger),
];

impl Mode {
    /// Whether masters have slaves that are placed as such.
    pub fn has_slaves(self) -> bool {
        matches!(self, Mode::AsyncSlaves | Mode::SyncSlaves)
    }

    /// Whether a store that was made in one of the two can be read in the other.
    pub fn reads_stores_of(self, other: Mode) -> bool {
        self == other || !(self.is_elected() || other.is_elected())
    }

    /// Whether a group elects its master.
    pub fn is_elected(self) -> bool {
        matches!(self, Mode::Controller | Mode::Dledger)
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(MODES.iter().find(|(_, mode)| mode == self).map_or("", |(name, _)| name))
    }
}

/// How the folders below `base_dir` are named.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Layout {
    /// One folder an instance: `namesrv`, `broker-a`.
    Instance,
    /// The classic guide's tree: `server`, `broker-master`, `broker-slave`.
    Role,
}

/// One host of the cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Host {
    /// Its name.
    pub name: HostName,
    /// Where the other hosts reach it (brokerIP2).
    pub address: IpAddr,
    /// Where clients reach it (brokerIP1).
    pub public_address: IpAddr,
    /// The address is not on a card of the host itself.
    pub nat: bool,
    /// It has a vote on the cluster file, and runs nothing of RocketMQ.
    pub witness: bool,
    /// Its failure domain.
    pub zone: Option<Zone>,
    /// The memory to compute heaps from, when it is said rather than measured.
    pub memory: Option<Size>,
    /// What its instances may take together.
    pub limits: Limits,
    /// The Java to use, when it is said rather than found.
    pub java_home: Option<PathBuf>,
    /// The folder of everything on it.
    pub base_dir: PathBuf,
    /// Its agent's HTTP port.
    pub agent_port: u16,
    /// The port of its config sync.
    pub sync_port: u16,
    /// Whether it runs a NameServer, and on which port.
    pub namesrv_port: Option<u16>,
    /// Whether it runs a controller, and on which port.
    pub controller_port: Option<u16>,
    /// Whether that runs inside its NameServer.
    pub in_namesrv: bool,
    /// Whether it may run brokers.
    pub brokers: bool,
    /// listenPort of its first master.
    pub master_port: u16,
    /// listenPort of its first slave.
    pub slave_port: u16,
    /// What it runs besides.
    pub services: Vec<ServicePorts>,
}

/// A broker group that is named in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NamedGroup {
    /// brokerName.
    pub name: BrokerName,
    /// Pinned to these hosts: the master's, then the slave's, or all members'.
    pub hosts: Option<Vec<HostName>>,
}

/// Where the distribution comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Source {
    /// A directory, an archive or a URL.
    pub location: String,
    /// The archive's checksum.
    pub sha512: Option<String>,
}

/// A valid cluster.
#[derive(Debug)]
pub struct Topology {
    /// brokerClusterName.
    pub name: ClusterName,
    /// Its kind.
    pub mode: Mode,
    /// How many groups there are to be, when it is said.
    pub groups: Option<usize>,
    /// How many members a group has where it elects its master.
    pub members: usize,
    /// How folders are named.
    pub layout: Layout,
    /// The RocketMQ release.
    pub version: Version,
    /// Where it comes from; needed to run, not to render.
    pub source: Option<Source>,
    /// Who may use the brokers, where that is controlled.
    pub acl: Option<Acl>,
    /// Programs that are no part of the release.
    pub jars: Vec<Jar>,
    /// Hosts, in the order of the ring.
    pub hosts: Vec<Host>,
    /// Who votes on changes of the file, where it says so.
    pub sync_hosts: Option<Vec<HostName>>,
    /// Groups that the file names.
    pub named_groups: Vec<NamedGroup>,
    /// A slave this far behind still counts as in sync.
    pub max_lag: Size,
    /// What becomes of sends to a sync master without its slave.
    pub sync: SyncPolicy,
    /// What is done about instances that run with an older configuration.
    pub restart: Restart,
    /// What is done about an instance that hangs.
    pub hangs: Policy,
    /// JVM settings and properties by level.
    pub layers: Layers,
    /// What the file is taken with, and a person should know.
    pub warnings: Vec<Problem>,
}

impl Topology {
    /// The host of that name.
    pub fn host(&self, name: &HostName) -> Option<&Host> {
        self.hosts.iter().find(|host| host.name == *name)
    }

    /// Whether it runs nothing of RocketMQ; not of a host that is not there.
    pub fn is_witness(&self, name: &HostName) -> bool {
        self.host(name).is_some_and(|host| host.witness)
    }
}

/// Why a key of a configuration file cannot be set by hand in any release: where its value comes from.
pub fn derived(file: File, key: &str) -> Option<&'static str> {
    match file {
        File::Broker => derived::broker_key(key, None),
        File::Namesrv => derived::namesrv_key(key),
        File::Controller => None,
        File::Proxy => derived::proxy_key(key),
    }
}

/// Reads and judges a cluster file.
pub fn read(text: &str) -> Result<Topology, Vec<Problem>> {
    let problems = RefCell::new(Problems::new(text));
    let file = cluster_file::parse(text, &problems);
    let mut problems = problems.into_inner();
    if problems.has("syntax") {
        // What follows from text that could not be read would only hide what is wrong with it.
        return Err(problems.into_vec().into_iter().filter(|problem| problem.rule == "syntax").collect());
    }
    let topology = judge(&file, &mut problems);
    topology.iter().for_each(|topology| tls::judge(&file, topology, &mut problems));
    topology.filter(|_| problems.is_empty()).ok_or_else(|| problems.into_vec())
}

/// `None` only where something without which no topology can be had is missing; that has been reported.
fn judge(file: &ClusterFile, problems: &mut Problems<'_>) -> Option<Topology> {
    let mode = file.mode.as_ref().and_then(|mode| judge_mode(mode, problems));
    let layout = judge_layout(file.layout.as_ref(), problems);
    let version = file.version.as_ref().and_then(|version| judge_version(version, problems));
    let source = source::judge(file, problems);
    let hosts = hosts::judge(file, mode, problems);
    let sync_hosts = voters::judge(file, &hosts, problems);
    let members = elected::judge(file, mode, version, &hosts, problems);
    let named_groups = groups::judge(file, mode, members, &hosts, problems);
    let jars = services::judge(file, version, problems);
    settings::judge(file, version, problems);
    let hangs = judge_hangs(file, problems);
    Some(Topology {
        name: file.name.as_ref().map(|name| name.value.clone()).or_else(|| "DefaultCluster".parse().ok())?,
        mode: mode?,
        groups: file.groups.as_ref().map(|groups| groups.value),
        members,
        layout,
        version: version?,
        source,
        acl: acl::judge(file, version, problems),
        jars,
        hosts,
        sync_hosts,
        named_groups,
        max_lag: file.max_lag.as_ref().map_or(Size::mib(16), |lag| lag.value),
        sync: judge_sync(file, mode, problems),
        restart: file.restart.as_ref().map_or(Restart::Manual, |restart| restart.value),
        hangs,
        layers: settings::layers(file),
        warnings: problems.warnings(),
    })
}

fn judge_mode(mode: &At<String>, problems: &mut Problems<'_>) -> Option<Mode> {
    let known = MODES.iter().find(|(name, _)| *name == mode.value).map(|(_, mode)| *mode);
    if known.is_none() {
        let names = MODES.map(|(name, _)| name);
        let guess = did_you_mean(&mode.value, names);
        let fix = if guess.is_empty() { format!("use one of {}", names.join(", ")) } else { guess };
        let what = format!("there is no mode \"{}\"", mode.value);
        problems.add(mode.at, "unknown-mode", "cluster.mode", what, fix);
    }
    known
}

fn judge_sync(file: &ClusterFile, mode: Option<Mode>, problems: &mut Problems<'_>) -> SyncPolicy {
    let Some(sync) = &file.sync else { return SyncPolicy::Available };
    if mode.is_some_and(|mode| mode != Mode::SyncSlaves) {
        let what = "only masters of mode \"2m-2s-sync\" wait for a slave";
        problems.add(sync.at, "no-sync-master", "broker.sync", what, "leave it out, or change cluster.mode");
    }
    sync.value
}

fn judge_hangs(file: &ClusterFile, problems: &mut Problems<'_>) -> Policy {
    let (least, most) = (Duration::from_secs(10), Duration::from_secs(3600));
    let after = file.hang_after.as_ref().map_or(Duration::from_secs(60), |after| after.value.0);
    if let Some(at) = file.hang_after.as_ref().map(|after| after.at)
        && !(least..=most).contains(&after)
    {
        let what = "must be between 10s and 1h";
        problems.add(at, "out-of-range", "supervision.hang_after", what, format!("this is {} s", after.as_secs()));
    }
    Policy { on_hang: file.on_hang.as_ref().map_or(OnHang::Report, |on_hang| on_hang.value), after }
}

fn judge_layout(layout: Option<&At<String>>, problems: &mut Problems<'_>) -> Layout {
    match layout.map(|layout| layout.value.as_str()) {
        None | Some("instance") => Layout::Instance,
        Some("role") => Layout::Role,
        Some(other) => {
            let what = format!("there is no layout \"{other}\"");
            let at = layout.map_or(0, |layout| layout.at);
            problems.add(at, "unknown-layout", "cluster.layout", what, "use \"instance\" or \"role\"");
            Layout::Instance
        }
    }
}

/// Oldest and newest line that the facts behind the rendered keys and options were checked for.
fn judge_version(version: &At<Version>, problems: &mut Problems<'_>) -> Option<Version> {
    if version.value < Version::new(4, 5, 0) || version.value.major > 5 {
        let what = format!("RocketMQ {} is not known to this agent", version.value);
        problems.add(version.at, "unknown-version", "rocketmq.version", what, "use a release from 4.5.0 to 5.x");
        return None;
    }
    for hole in releases::vulnerabilities(version.value) {
        let what = hole.in_words(version.value);
        problems.warn(
            version.at,
            "known-vulnerability",
            "rocketmq.version",
            what,
            "let only your own hosts reach the ports",
        );
    }
    Some(version.value)
}

fn judge_absolute(path: Option<&At<String>>, key: &str, problems: &mut Problems<'_>) {
    let Some(path) = path else { return };
    let plain = path.value.starts_with('/')
        && !path.value.split('/').any(|part| part == "..")
        && !path.value.chars().any(|c| c.is_whitespace() || c.is_control() || matches!(c, ',' | ';' | ':' | '\\'));
    if !plain {
        let what = "must be an absolute path without \"..\", blanks, ',', ';', ':' or '\\'";
        problems.add(path.at, "bad-path", key, what, format!("this is \"{}\"", path.value));
    }
}

/// Reports each name of a list that is not a host, or that comes twice.
fn judge_host_list(list: &[At<HostName>], key: &str, hosts: &[Host], problems: &mut Problems<'_>) {
    let mut seen = BTreeMap::new();
    for name in list {
        if !hosts.iter().any(|host| host.name == name.value) {
            let fix = did_you_mean(name.value.as_str(), hosts.iter().map(|host| host.name.as_str()));
            problems.add(name.at, "unknown-host", key, format!("there is no host \"{}\"", name.value), fix);
        }
        if seen.insert(&name.value, ()).is_some() {
            problems.add(name.at, "host-twice", key, format!("host \"{}\" is named twice", name.value), "");
        }
    }
}
