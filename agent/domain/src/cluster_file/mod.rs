//! `cluster.toml` as a person wrote it: typed names, places of every value, no decisions and no defaults.
//! In: text. Out: a [`ClusterFile`] and the problems found while reading it; [`crate::topology`] judges the whole.

mod acl;
mod reader;
mod sections;
pub mod shape;

pub use acl::AclFile;
pub use reader::{At, Properties, Section, document};

use crate::{
    duration::Span,
    hang::OnHang,
    limits::CpuQuota,
    names::{BrokerName, ClusterName, HostName, Version, Zone},
    problem::Problems,
    rollout::Restart,
    size::Size,
    sync_policy::SyncPolicy,
};
use std::{cell::RefCell, net::IpAddr, str::FromStr};

/// Any string; for keys whose rules depend on others and are judged later.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text(pub String);

impl FromStr for Text {
    type Err = std::convert::Infallible;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Ok(Self(text.to_owned()))
    }
}

/// The whole file.
#[derive(Debug)]
pub struct ClusterFile {
    /// `cluster.name`.
    pub name: Option<At<ClusterName>>,
    /// `cluster.mode`, not yet judged.
    pub mode: Option<At<String>>,
    /// `cluster.groups`.
    pub groups: Option<At<usize>>,
    /// `cluster.members`.
    pub members: Option<At<usize>>,
    /// `cluster.base_dir`.
    pub base_dir: Option<At<String>>,
    /// `cluster.layout`.
    pub layout: Option<At<String>>,
    /// `rocketmq.version`.
    pub version: Option<At<Version>>,
    /// `rocketmq.source`.
    pub source: Option<At<String>>,
    /// `rocketmq.sha512`.
    pub sha512: Option<At<String>>,
    /// `rocketmq.java_home`.
    pub java_home: Option<At<String>>,
    /// `rocketmq.extra_keys`.
    pub extra_keys: Vec<At<Text>>,
    /// `agent.port`.
    pub agent_port: Option<At<u16>>,
    /// `rollout.restart`.
    pub restart: Option<At<Restart>>,
    /// `supervision.on_hang`.
    pub on_hang: Option<At<OnHang>>,
    /// `supervision.hang_after`.
    pub hang_after: Option<At<Span>>,
    /// `agent.sync_port`.
    pub sync_port: Option<At<u16>>,
    /// `sync.hosts`.
    pub sync_hosts: Option<At<Vec<At<HostName>>>>,
    /// `[namesrv]`.
    pub namesrv: NamesrvFile,
    /// `namesrv.hosts`.
    pub namesrv_hosts: Option<At<Vec<At<HostName>>>>,
    /// `[controller]`, which has the same keys.
    pub controller: NamesrvFile,
    /// `controller.hosts`.
    pub controller_hosts: Option<At<Vec<At<HostName>>>>,
    /// `controller.in_namesrv`.
    pub in_namesrv: Option<At<bool>>,
    /// `[broker]`.
    pub broker: BrokerFile,
    /// `broker.hosts`.
    pub broker_hosts: Option<At<Vec<At<HostName>>>>,
    /// `broker.max_lag`.
    pub max_lag: Option<At<Size>>,
    /// `broker.sync`.
    pub sync: Option<At<SyncPolicy>>,
    /// `[acl]`.
    pub acl: Option<AclFile>,
    /// `[proxy]`.
    pub proxy: Option<ProxyFile>,
    /// `proxy.hosts`.
    pub proxy_hosts: Option<At<Vec<At<HostName>>>>,
    /// `[dashboard]`.
    pub dashboard: Option<JarFile>,
    /// `[exporter]`.
    pub exporter: Option<JarFile>,
    /// `[limits]`.
    pub limits: LimitsFile,
    /// `[[host]]`, in order.
    pub hosts: Vec<HostFile>,
    /// `host` is there and is not an array of tables.
    pub has_bad_hosts: bool,
    /// `[[group]]`, in order.
    pub named_groups: Vec<GroupFile>,
}

/// What can be said of a JVM and its properties file at any level.
#[derive(Debug, Clone, Default)]
pub struct JvmFile {
    /// Xms and Xmx.
    pub heap: Option<At<Size>>,
    /// Xmn.
    pub young: Option<At<Size>>,
    /// MaxDirectMemorySize.
    pub direct_memory: Option<At<Size>>,
    /// More options, in order.
    pub java_options: Vec<At<Text>>,
    /// Keys for the properties file.
    pub config: Properties,
    /// Where in the file this is, for messages: `host[0].broker`.
    pub path: String,
}

/// `[limits]` or `[host.limits]`.
#[derive(Debug, Default)]
pub struct LimitsFile {
    /// The most memory.
    pub memory: Option<At<Size>>,
    /// The most CPU time.
    pub cpu: Option<At<CpuQuota>>,
}

/// `[namesrv]`, `[controller]`, `[host.namesrv]` or `[host.controller]`.
#[derive(Debug, Default)]
pub struct NamesrvFile {
    /// The port.
    pub port: Option<At<u16>>,
    /// Its JVM and properties.
    pub jvm: JvmFile,
}

/// `[proxy]` or `[host.proxy]`.
#[derive(Debug, Default)]
pub struct ProxyFile {
    /// Where the table starts.
    pub at: usize,
    /// The port for gRPC.
    pub port: Option<At<u16>>,
    /// The port for the remoting protocol.
    pub remoting_port: Option<At<u16>>,
    /// Its JVM and its rmq-proxy.json.
    pub jvm: JvmFile,
}

/// `[dashboard]` or `[exporter]`.
#[derive(Debug)]
pub struct JarFile {
    /// Where the table starts.
    pub at: usize,
    /// Where it runs.
    pub host: Option<At<HostName>>,
    /// Where the jar is to be had.
    pub source: Option<At<String>>,
    /// Its checksum.
    pub sha256: Option<At<String>>,
    /// The port of its HTTP.
    pub port: Option<At<u16>>,
    /// Whether it asks who you are.
    pub login: Option<At<bool>>,
    /// Its JVM and properties.
    pub jvm: JvmFile,
}

/// `[broker]`, `[host.broker]` or `[[group]]`.
#[derive(Debug, Default)]
pub struct BrokerFile {
    /// The first master's listenPort.
    pub port: Option<At<u16>>,
    /// The first slave's listenPort.
    pub slave_port: Option<At<u16>>,
    /// For both roles.
    pub jvm: JvmFile,
    /// For masters.
    pub master: JvmFile,
    /// For slaves.
    pub slave: JvmFile,
}

/// `[[host]]`.
#[derive(Debug)]
pub struct HostFile {
    /// Where the table starts.
    pub at: usize,
    /// Its name.
    pub name: Option<At<HostName>>,
    /// Where the other hosts reach it.
    pub address: Option<At<IpAddr>>,
    /// Where clients reach it.
    pub public_address: Option<At<IpAddr>>,
    /// The address is not on a card of its own.
    pub nat: Option<At<bool>>,
    /// It runs nothing of RocketMQ.
    pub witness: Option<At<bool>>,
    /// Its failure domain.
    pub zone: Option<At<Zone>>,
    /// The memory to share out.
    pub memory: Option<At<Size>>,
    /// Its Java.
    pub java_home: Option<At<String>>,
    /// Its folder.
    pub base_dir: Option<At<String>>,
    /// Its agent's HTTP port.
    pub agent_port: Option<At<u16>>,
    /// Overrides for what its instances may take.
    pub limits: LimitsFile,
    /// Its config sync's port.
    pub sync_port: Option<At<u16>>,
    /// Overrides for its NameServer.
    pub namesrv: NamesrvFile,
    /// Overrides for its controller.
    pub controller: NamesrvFile,
    /// Overrides for its brokers.
    pub broker: BrokerFile,
    /// Overrides for its proxy.
    pub proxy: Option<ProxyFile>,
}

/// `[[group]]`.
#[derive(Debug)]
pub struct GroupFile {
    /// brokerName.
    pub name: Option<At<BrokerName>>,
    /// The master's host, then the slave's; or those of all members.
    pub hosts: Option<At<Vec<At<HostName>>>>,
    /// Overrides for its brokers.
    pub broker: BrokerFile,
}

/// Reads the file. What could be read is returned even when there are problems, so that they can all be reported.
pub fn parse<'a>(text: &'a str, problems: &RefCell<Problems<'a>>) -> ClusterFile {
    let document = document(text, problems);
    let root = Section::top(document.get_ref(), shape::ROOT, problems);
    let cluster = root.section("cluster");
    let rocketmq = root.section("rocketmq");
    let namesrv = root.section("namesrv");
    let controller = root.section("controller");
    let broker = root.section("broker");
    let proxy = root.section("proxy");
    let supervision = root.section("supervision");
    let cluster = cluster.as_ref();
    let rocketmq = rocketmq.as_ref();
    if cluster.is_none_or(|section| !section.has("mode")) {
        root.missing("cluster.mode", "say for example mode = \"2m-2s-sync\"");
    }
    if rocketmq.is_none_or(|section| !section.has("version")) {
        root.missing("rocketmq.version", "say for example version = \"5.5.0\"");
    }
    let hosts: Vec<HostFile> = root.sections("host").iter().map(read_host).collect();
    ClusterFile {
        has_bad_hosts: hosts.is_empty() && root.has("host"),
        hosts,
        name: cluster.and_then(|s| s.parsed("name", "bad-name")),
        mode: cluster.and_then(|s| s.text("mode")),
        groups: cluster.and_then(|s| s.integer("groups", 1, 1000)).map(|n| n.map(|n| n as usize)),
        members: cluster.and_then(|s| s.integer("members", 2, 5)).map(|n| n.map(|n| n as usize)),
        base_dir: cluster.and_then(|s| s.text("base_dir")),
        layout: cluster.and_then(|s| s.text("layout")),
        version: rocketmq.and_then(|s| s.parsed("version", "bad-version")),
        source: rocketmq.and_then(|s| s.text("source")),
        sha512: rocketmq.and_then(|s| s.text("sha512")),
        java_home: rocketmq.and_then(|s| s.text("java_home")),
        extra_keys: rocketmq
            .and_then(|s| s.list("extra_keys", "wrong-type"))
            .map(|list| list.value)
            .unwrap_or_default(),
        agent_port: root.section("agent").and_then(|s| s.port("port")),
        restart: root.section("rollout").and_then(|s| s.parsed("restart", "bad-choice")),
        on_hang: supervision.as_ref().and_then(|s| s.parsed("on_hang", "bad-choice")),
        hang_after: supervision.as_ref().and_then(|s| s.parsed("hang_after", "bad-duration")),
        sync_port: root.section("agent").and_then(|s| s.port("sync_port")),
        sync_hosts: root.section("sync").and_then(|s| s.list("hosts", "bad-name")),
        namesrv_hosts: namesrv.as_ref().and_then(|s| s.list("hosts", "bad-name")),
        namesrv: namesrv.as_ref().map(read_namesrv).unwrap_or_default(),
        controller_hosts: controller.as_ref().and_then(|s| s.list("hosts", "bad-name")),
        in_namesrv: controller.as_ref().and_then(|s| s.flag("in_namesrv")),
        controller: controller.as_ref().map(read_namesrv).unwrap_or_default(),
        broker_hosts: broker.as_ref().and_then(|s| s.list("hosts", "bad-name")),
        max_lag: broker.as_ref().and_then(|s| s.parsed("max_lag", "bad-size")),
        sync: broker.as_ref().and_then(|s| s.parsed("sync", "bad-choice")),
        broker: broker
            .as_ref()
            .map(|s| BrokerFile { port: s.port("port"), slave_port: s.port("slave_port"), ..read_broker(s) })
            .unwrap_or_default(),
        proxy_hosts: proxy.as_ref().and_then(|s| s.list("hosts", "bad-name")),
        acl: root.section("acl").map(|s| acl::read(&s)),
        proxy: proxy.as_ref().map(read_proxy),
        dashboard: root.section("dashboard").map(|s| read_jar(&s, s.flag("login"))),
        exporter: root.section("exporter").map(|s| read_jar(&s, None)),
        limits: root.section("limits").map(|s| read_limits(&s)).unwrap_or_default(),
        named_groups: root.sections("group").iter().map(read_group).collect(),
    }
}

fn read_jvm(section: &Section<'_, '_>) -> JvmFile {
    JvmFile {
        heap: section.parsed("heap", "bad-size"),
        young: section.parsed("young", "bad-size"),
        direct_memory: section.parsed("direct_memory", "bad-size"),
        java_options: section.list("java_options", "wrong-type").map(|list| list.value).unwrap_or_default(),
        config: section.properties("config"),
        path: section.path().to_owned(),
    }
}

fn read_limits(section: &Section<'_, '_>) -> LimitsFile {
    LimitsFile { memory: section.parsed("memory", "bad-size"), cpu: section.parsed("cpu", "bad-quota") }
}

fn read_namesrv(section: &Section<'_, '_>) -> NamesrvFile {
    NamesrvFile { port: section.port("port"), jvm: read_jvm(section) }
}

fn read_proxy(section: &Section<'_, '_>) -> ProxyFile {
    let (port, remoting_port) = (section.port("port"), section.port("remoting_port"));
    ProxyFile { at: section.at, port, remoting_port, jvm: read_jvm(section) }
}

fn read_jar(section: &Section<'_, '_>, login: Option<At<bool>>) -> JarFile {
    for (key, fix) in [("source", "say where its jar is to be had"), ("sha256", "`sha256sum FILE` prints it")] {
        if !section.has(key) {
            section.missing(key, fix);
        }
    }
    JarFile {
        at: section.at,
        host: section.parsed("host", "bad-name"),
        source: section.text("source"),
        sha256: section.text("sha256"),
        port: section.port("port"),
        login,
        jvm: read_jvm(section),
    }
}

fn read_broker(section: &Section<'_, '_>) -> BrokerFile {
    let role = |key| section.section(key).map(|s| read_jvm(&s)).unwrap_or_default();
    BrokerFile { port: None, slave_port: None, jvm: read_jvm(section), master: role("master"), slave: role("slave") }
}

fn read_host(section: &Section<'_, '_>) -> HostFile {
    for (key, fix) in [("name", "every host needs one"), ("address", "every host needs its own IP address")] {
        if !section.has(key) {
            section.missing(key, fix);
        }
    }
    HostFile {
        at: section.at,
        name: section.parsed("name", "bad-name"),
        address: section.parsed("address", "bad-address"),
        public_address: section.parsed("public_address", "bad-address"),
        nat: section.flag("nat"),
        witness: section.flag("witness"),
        zone: section.parsed("zone", "bad-name"),
        memory: section.parsed("memory", "bad-size"),
        java_home: section.text("java_home"),
        base_dir: section.text("base_dir"),
        agent_port: section.port("agent_port"),
        limits: section.section("limits").map(|s| read_limits(&s)).unwrap_or_default(),
        sync_port: section.port("sync_port"),
        namesrv: section.section("namesrv").map(|s| read_namesrv(&s)).unwrap_or_default(),
        controller: section.section("controller").map(|s| read_namesrv(&s)).unwrap_or_default(),
        broker: section
            .section("broker")
            .map(|s| BrokerFile { port: s.port("port"), slave_port: s.port("slave_port"), ..read_broker(&s) })
            .unwrap_or_default(),
        proxy: section.section("proxy").map(|s| read_proxy(&s)),
    }
}

fn read_group(section: &Section<'_, '_>) -> GroupFile {
    if !section.has("name") {
        section.missing("name", "every group needs its brokerName");
    }
    GroupFile {
        name: section.parsed("name", "bad-name"),
        hosts: section.list("hosts", "bad-name"),
        broker: read_broker(section),
    }
}
