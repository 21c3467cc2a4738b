//! Everything that one host should have: folders, files, and for each instance the command that runs it and what it
//! must look like from outside when it is right.
//! In: a topology, its placement, the host's name and facts. Out: [`Desired`]. Nothing is looked up here.

pub mod conf;
pub mod folders;
pub mod java_options;
mod logback;
pub mod memory;
pub mod properties;

pub use java_options::Java;

use crate::{
    launch::{Launch, Registered, Role, Service, StoreIdentity},
    limits::Limits,
    names::{BrokerName, HostName, InstanceName, Version},
    online::{Live, live, live_key},
    placement::{BrokerSeat, Placement},
    size::Size,
    sync_policy::SyncPolicy,
    topology::{Host, Source, Topology},
};
use folders::Folders;
use sha2::{Digest, Sha256};
use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, SocketAddr},
    path::PathBuf,
    time::Duration,
};

/// What is measured on a host before anything can be rendered for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostFacts {
    /// Physical memory.
    pub memory: Size,
    /// The Java that runs its instances.
    pub java: Java,
}

/// Whose a folder is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// The agent's: RocketMQ reads what is rendered there and cannot change it.
    Agent,
    /// The account's that RocketMQ runs as.
    RocketMq,
}

/// A folder that must be there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directory {
    /// Absolute.
    pub path: PathBuf,
    /// Whose it is.
    pub owner: Owner,
    /// Permission bits.
    pub mode: u32,
}

/// A file that must have exactly this text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenderedFile {
    /// Absolute.
    pub path: PathBuf,
    /// Its whole text.
    pub text: String,
    /// Permission bits.
    pub mode: u32,
}

/// The other member of a broker's group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partner {
    /// Where it runs.
    pub host: HostName,
    /// Its listenPort, as the hosts reach it.
    pub address: SocketAddr,
    /// Its HA port, as the hosts reach it.
    pub ha_address: SocketAddr,
}

/// What a broker must look like from outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpectedBroker {
    /// brokerClusterName.
    pub cluster: String,
    /// brokerName.
    pub group: BrokerName,
    /// 0 for the master.
    pub broker_id: u64,
    /// What it must be registered as in every NameServer.
    pub client_address: SocketAddr,
    /// The other member, in modes with slaves.
    pub partner: Option<Partner>,
    /// A slave this far behind still counts as in sync.
    pub max_lag: Size,
    /// Sends wait for the slave.
    pub sync: bool,
    /// What becomes of them without it, of a master that can be told while it runs for how many members to wait.
    pub replicas: Option<SyncPolicy>,
    /// What it is to run with, of all keys that it takes without a restart.
    pub live: Live,
    /// The properties that were rendered, to be compared with what the broker says it runs with.
    pub config: BTreeMap<String, String>,
}

/// One instance of this host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instance {
    /// How it is run.
    pub launch: Launch,
    /// Where this host's agent reaches it.
    pub address: SocketAddr,
    /// What it must look like, for a broker.
    pub broker: Option<ExpectedBroker>,
}

/// Everything that one host should have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Desired {
    /// Which host.
    pub host: HostName,
    /// Its address, to be found on one of its network cards; `None` where the file says it will not be there.
    pub local_address: Option<IpAddr>,
    /// The release.
    pub version: Version,
    /// Where the release comes from.
    pub source: Option<Source>,
    /// The folder that releases are unpacked into.
    pub distributions: PathBuf,
    /// Every NameServer of the cluster, as the hosts reach them.
    pub namesrvs: Vec<SocketAddr>,
    /// What its instances may take together.
    pub limits: Limits,
    /// Folders, parents first.
    pub directories: Vec<Directory>,
    /// Files.
    pub files: Vec<RenderedFile>,
    /// Instances, in the order they start: the NameServer, masters, slaves.
    pub instances: Vec<Instance>,
}

impl Desired {
    /// The instance of that name.
    pub fn instance(&self, name: &InstanceName) -> Option<&Instance> {
        self.instances.iter().find(|instance| instance.launch.instance == *name)
    }
}

/// Why a host's state cannot be worked out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DesiredError {
    /// The cluster file does not know it.
    #[error("there is no host \"{0}\" in the cluster file")]
    UnknownHost(HostName),
    /// Heaps do not fit.
    #[error(transparent)]
    Memory(#[from] memory::TooLittleMemory),
}

/// A clean stop flushes and persists; an idle broker takes up to 20 s, one with a large page cache minutes.
const BROKER_STOP: Duration = Duration::from_secs(300);
const NAMESRV_STOP: Duration = Duration::from_secs(60);

/// Works out what a host should have.
pub fn desired(
    topology: &Topology,
    placement: &Placement,
    host: &HostName,
    facts: &HostFacts,
) -> Result<Desired, DesiredError> {
    let host = topology.host(host).ok_or_else(|| DesiredError::UnknownHost(host.clone()))?;
    let mut seats: Vec<&BrokerSeat> = placement.brokers_on(&host.name).collect();
    seats.sort_by_key(|seat| seat.broker_id);
    let namesrv_port = placement.namesrvs.iter().find(|seat| seat.host == host.name).map(|seat| seat.port);

    let jvms = memory::jvms(topology, placement, host);
    let memory = host.memory.unwrap_or(facts.memory);
    let memory = host.limits.memory.map_or(memory, |limit| limit.min(memory));
    let mut jvms = memory::share(memory, &jvms)?.into_iter().zip(jvms.iter().map(|(_, settings)| settings));

    let namesrvs = namesrv_addresses(topology, placement, |host| host.address);
    let mut builder =
        Builder { topology, host, facts, namesrvs, directories: Vec::new(), files: Vec::new(), instances: Vec::new() };
    builder.directory(host.base_dir.clone(), Owner::Agent);
    if let Some(port) = namesrv_port
        && let Some((share, settings)) = jvms.next()
    {
        let lines = conf::namesrv(port, settings);
        builder.instance(InstanceName::namesrv(), Role::Namesrv, port, vec![port], &lines, share, settings, None);
    }
    for (seat, (share, settings)) in seats.iter().zip(jvms) {
        let folders = Folders::of(&host.base_dir, topology.layout, &seat.instance(), seat.role());
        let lines = conf::broker(topology, seat, host, &folders, &builder.namesrvs, settings);
        let expected = expected_broker(topology, placement, seat, host, &lines);
        let ports = vec![seat.port, seat.fast_port(), seat.ha_port()];
        builder.instance(seat.instance(), seat.role(), seat.port, ports, &lines, share, settings, Some(expected));
    }
    Ok(Desired {
        host: host.name.clone(),
        local_address: (!host.nat).then_some(host.address),
        version: topology.version,
        source: topology.source.clone(),
        distributions: folders::distributions(&host.base_dir),
        namesrvs: builder.namesrvs,
        limits: host.limits,
        directories: builder.directories,
        files: builder.files,
        instances: builder.instances,
    })
}

/// The NameServers, by their hosts' addresses of one kind.
pub fn namesrv_addresses(
    topology: &Topology,
    placement: &Placement,
    address: impl Fn(&Host) -> IpAddr,
) -> Vec<SocketAddr> {
    let seats = placement.namesrvs.iter();
    seats.filter_map(|seat| Some(SocketAddr::new(address(topology.host(&seat.host)?), seat.port))).collect()
}

fn expected_broker(
    topology: &Topology,
    placement: &Placement,
    seat: &BrokerSeat,
    host: &Host,
    lines: &conf::Lines,
) -> ExpectedBroker {
    let partner = placement.members(&seat.group).find(|other| other.broker_id != seat.broker_id).and_then(|other| {
        let address = topology.host(&other.host)?.address;
        Some(Partner {
            host: other.host.clone(),
            address: SocketAddr::new(address, other.port),
            ha_address: SocketAddr::new(address, other.ha_port()),
        })
    });
    let sync = topology.mode == crate::topology::Mode::SyncSlaves;
    let is_told = sync && seat.role() == Role::Master && topology.version.is_5();
    let config = lines.iter().cloned().collect();
    ExpectedBroker {
        cluster: topology.name.to_string(),
        group: seat.group.clone(),
        broker_id: seat.broker_id,
        client_address: SocketAddr::new(host.public_address, seat.port),
        partner,
        max_lag: topology.max_lag,
        sync,
        replicas: is_told.then_some(topology.sync),
        live: live(topology.version, &config),
        config,
    }
}

struct Builder<'t> {
    topology: &'t Topology,
    host: &'t Host,
    facts: &'t HostFacts,
    namesrvs: Vec<SocketAddr>,
    directories: Vec<Directory>,
    files: Vec<RenderedFile>,
    instances: Vec<Instance>,
}

impl Builder<'_> {
    fn directory(&mut self, path: PathBuf, owner: Owner) {
        self.directories.push(Directory { path, owner, mode: 0o755 });
    }

    #[expect(clippy::too_many_arguments, reason = "called twice, right above; a struct would only repeat the names")]
    fn instance(
        &mut self,
        name: InstanceName,
        role: Role,
        port: u16,
        ports: Vec<u16>,
        lines: &conf::Lines,
        share: memory::Share,
        settings: &crate::topology::JvmSettings,
        broker: Option<ExpectedBroker>,
    ) {
        let topology = self.topology;
        let folders = Folders::of(&self.host.base_dir, topology.layout, &name, role);
        let is_broker = broker.is_some();
        self.directory(folders.home.clone(), Owner::RocketMq);
        self.directory(folders.conf(), Owner::Agent);
        self.directory(folders.logs(), Owner::RocketMq);
        self.directory(folders.tmp(), Owner::RocketMq);
        if is_broker {
            self.directory(folders.store(), Owner::RocketMq);
        }
        let conf = folders.conf().join(if is_broker { "broker.conf" } else { "namesrv.conf" });
        let first_file = self.files.len();
        self.files.push(RenderedFile { path: conf.clone(), text: conf::text(lines), mode: 0o644 });
        if let Some((file, text)) = logback::logback(topology.version, role) {
            self.files.push(RenderedFile { path: folders.conf().join(file), text, mode: 0o644 });
        }
        let distribution = folders::distribution(&self.host.base_dir, topology.version);
        let own = [java_options::main_class(role).to_owned(), "-c".to_owned(), conf.display().to_string()];
        let java = &self.facts.java;
        let arguments = java_options::arguments(role, java.release, &folders, &distribution, share, settings, &own);
        // What it takes while it runs is no reason for a restart.
        let is_live = |key: &str| is_broker && live_key(topology.version, key).is_some();
        let fixed: conf::Lines = lines.iter().filter(|(key, _)| !is_live(key)).cloned().collect();
        let more = self.files[first_file..].iter().skip(1).map(|file| file.text.clone());
        let texts: Vec<String> = [conf::text(&fixed)].into_iter().chain(more).collect();
        let fingerprint = fingerprint(&java.program, &arguments, &texts);
        let log = |file: &str| folders.rocketmq_logs().join(file);
        let logs = if is_broker { vec![log("store.log"), log("broker.log")] } else { vec![log("namesrv.log")] };
        let store = broker.as_ref().map(|broker| StoreIdentity {
            root: folders.store(),
            commit_log: folders.commit_log(),
            cluster: broker.cluster.clone(),
            broker: broker.group.clone(),
        });
        let near = if self.host.nat { IpAddr::V4(Ipv4Addr::LOCALHOST) } else { self.host.address };
        let address = SocketAddr::new(near, port);
        let registered = broker.as_ref().map(|broker| Registered {
            broker: broker.group.clone(),
            id: broker.broker_id,
            address: broker.client_address,
        });
        let service = Service { address, namesrvs: self.namesrvs.clone(), registered };
        let launch = Launch {
            instance: name,
            role,
            program: java.program.clone(),
            arguments,
            environment: environment(&folders),
            directory: folders.home.clone(),
            console: folders.logs().join("console.log"),
            logs,
            store,
            service: Some(service),
            ports,
            stop_deadline: if is_broker { BROKER_STOP } else { NAMESRV_STOP },
            fingerprint,
        };
        self.instances.push(Instance { launch, address, broker });
    }
}

fn environment(folders: &Folders) -> BTreeMap<String, String> {
    let home = folders.home.display().to_string();
    [
        ("HOME", home.clone()),
        ("ROCKETMQ_HOME", home),
        ("LANG", "C.UTF-8".to_owned()),
        ("PATH", "/usr/bin:/bin".to_owned()),
    ]
    .map(|(key, value)| (key.to_owned(), value))
    .into()
}

/// A digest of what an instance is started with: equal digests, no restart, on every host and agent release.
fn fingerprint(program: &std::path::Path, arguments: &[String], texts: &[String]) -> String {
    let mut digest = Sha256::new();
    let parts = arguments.iter().chain(texts).map(String::as_str);
    for part in [program.to_string_lossy().as_ref()].into_iter().chain(parts) {
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part.as_bytes());
    }
    digest.finalize().iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}
