//! Everything that one host should have: folders, files, and for each instance the command that runs it and what it
//! must look like from outside when it is right.
//! In: a topology, its placement, the host's name and facts. Out: [`Desired`]. Nothing is looked up here.

mod addresses;
pub mod conf;
mod expected;
pub mod folders;
pub mod java_options;
pub mod javas;
mod logback;
pub mod memory;
pub mod properties;
mod rendered;

pub use addresses::{controller_addresses, namesrv_addresses, tls_addresses};
pub use expected::{Elections, ExpectedBroker, Partner};
pub use java_options::Java;
pub use rendered::{Directory, Owner, RenderedFile};

use crate::{
    acl::{Acl, PLAIN_ACL},
    launch::{Launch, Registered, Role, Service, StoreFormat, StoreIdentity, port_inside},
    limits::Limits,
    names::{BrokerName, HostName, InstanceName, Version},
    online::live_key,
    placement::{BrokerSeat, ControllerSeat, Placement},
    size::Size,
    topology::{Host, Jar, Mode, Source, Topology},
};
use addresses::near;
use folders::Folders;
use sha2::{Digest, Sha256};
use std::{
    collections::{BTreeMap, BTreeSet},
    net::{IpAddr, SocketAddr},
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

/// One instance of this host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Instance {
    /// How it is run.
    pub launch: Launch,
    /// Where this host's agent reaches it.
    pub address: SocketAddr,
    /// What it must look like, for a broker.
    pub broker: Option<ExpectedBroker>,
    /// The jar that it is, for one that is no part of the release.
    pub jar: Option<JarFile>,
}

/// A jar that must be on the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JarFile {
    /// Where it is kept.
    pub path: PathBuf,
    /// What it is.
    pub jar: Jar,
}

impl JarFile {
    /// The file of a dashboard's users, which a person writes, where it has some.
    pub fn users(&self, instance: &Instance) -> Option<PathBuf> {
        self.jar.login.then(|| instance.launch.directory.join("store").join("users.properties"))
    }
}

/// Everything that one host should have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Desired {
    /// Which host.
    pub host: HostName,
    /// brokerClusterName.
    pub cluster: String,
    /// Its address, to be found on one of its network cards; `None` where the file says it will not be there.
    pub local_address: Option<IpAddr>,
    /// The release.
    pub version: Version,
    /// Where the release comes from.
    pub source: Option<Source>,
    /// The folder that releases are unpacked into.
    pub distributions: PathBuf,
    /// Who may use the brokers, where that is controlled.
    pub acl: Option<Acl>,
    /// Every controller of the cluster, as this host reaches them.
    pub controllers: Vec<SocketAddr>,
    /// Every NameServer of the cluster, as the hosts reach them.
    pub namesrvs: Vec<SocketAddr>,
    /// Where nobody is taken in plain text, of what this host reaches, itself included.
    pub over_tls: BTreeSet<SocketAddr>,
    /// Every broker of the cluster with its brokerName.
    pub brokers: Vec<(BrokerName, Partner)>,
    /// What its instances may take together.
    pub limits: Limits,
    /// Folders, parents first.
    pub directories: Vec<Directory>,
    /// Files.
    pub files: Vec<RenderedFile>,
    /// Instances, in the order they start: the NameServer, the controller, masters, slaves, the proxy, jars.
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
    let mut jvms = memory::share(memory, &jvms, memory::pops(placement))?
        .into_iter()
        .zip(jvms.iter().map(|(_, settings)| settings));

    let namesrvs = namesrv_addresses(topology, placement, |host| host.address);
    let mut controllers = controller_addresses(topology, placement);
    let over_tls = addresses::tls_addresses_from(host, topology, placement);
    let (directories, files, instances) = (Vec::new(), Vec::new(), Vec::new());
    let mut builder = Builder { topology, host, facts, namesrvs, over_tls, directories, files, instances };
    if placement.uses(&host.name) {
        builder.directory(host.base_dir.clone(), Owner::Agent);
    }
    let ids = placement.controllers.iter().map(ControllerSeat::self_id);
    let peers: Vec<(String, SocketAddr)> = ids.zip(controllers.iter().copied()).collect();
    let controller = placement.controllers.iter().find(|seat| seat.host == host.name);
    let controller_lines = |seat, name: &InstanceName, role| {
        let folders = Folders::of(&host.base_dir, topology.layout, name, role);
        conf::controller(topology, seat, &peers, &folders)
    };
    if let Some(port) = namesrv_port
        && let Some((share, settings)) = jvms.next()
    {
        let name = InstanceName::namesrv();
        let inside = controller.filter(|seat| seat.in_namesrv);
        let lines = inside.map(|seat| controller_lines(seat, &name, Role::Namesrv));
        let lines = conf::with_overrides(conf::namesrv(port, lines), &settings.config);
        let ports = [port].into_iter().chain(inside.map(|seat| seat.port)).collect();
        builder.instance(name, Role::Namesrv, port, ports, &lines, share, settings, None);
    }
    if let Some(seat) = controller.filter(|seat| !seat.in_namesrv)
        && let Some((share, settings)) = jvms.next()
    {
        let name = InstanceName::controller();
        let lines = controller_lines(seat, &name, Role::Controller);
        let lines = conf::with_overrides(lines, &settings.config);
        builder.instance(name, Role::Controller, seat.port, vec![seat.port], &lines, share, settings, None);
    }
    for (seat, (share, settings)) in seats.iter().zip(jvms.by_ref()) {
        let folders = Folders::of(&host.base_dir, topology.layout, &seat.instance(), seat.role());
        let members: Vec<(u64, SocketAddr)> = match seat.elected {
            true => expected::members(topology, placement, seat).map(|(id, it)| (id, it.ha_address)).collect(),
            false => Vec::new(),
        };
        let others = conf::Others { namesrvs: &builder.namesrvs, controllers: &controllers, members: &members };
        let lines = conf::broker(topology, seat, host, &folders, &others, settings);
        let expected = expected::broker(topology, placement, seat, host, &lines);
        let ports = conf::ports(seat, &lines);
        builder.instance(seat.instance(), seat.role(), seat.port, ports, &lines, share, settings, Some(expected));
    }
    let namesrv_list = conf::address_list(&builder.namesrvs);
    for (seat, (share, settings)) in placement.services_on(&host.name).zip(jvms) {
        let (name, port) = (InstanceName::service(seat.role), seat.ports.first().copied().unwrap_or_default());
        let folders = Folders::of(&host.base_dir, topology.layout, &name, seat.role);
        let lines = match topology.jars.iter().find(|jar| jar.role == seat.role) {
            Some(jar) => conf::jar(topology, jar, seat, &namesrv_list, &folders, settings),
            None => conf::proxy(topology, seat, host, &namesrv_list, settings),
        };
        builder.instance(name, seat.role, port, seat.ports.clone(), &lines, share, settings, None);
    }
    let own = |seat: &ControllerSeat| seat.host == host.name;
    for (address, _) in controllers.iter_mut().zip(&placement.controllers).filter(|(_, seat)| own(seat)) {
        address.set_ip(near(host));
    }
    Ok(Desired {
        host: host.name.clone(),
        cluster: topology.name.to_string(),
        local_address: (!host.nat).then_some(host.address),
        version: topology.version,
        source: topology.source.clone(),
        distributions: folders::distributions(&host.base_dir),
        acl: topology.acl.clone(),
        controllers,
        namesrvs: builder.namesrvs,
        over_tls: builder.over_tls,
        brokers: expected::brokers(topology, placement),
        limits: host.limits,
        directories: builder.directories,
        files: builder.files,
        instances: builder.instances,
    })
}

struct Builder<'t> {
    topology: &'t Topology,
    host: &'t Host,
    facts: &'t HostFacts,
    namesrvs: Vec<SocketAddr>,
    over_tls: BTreeSet<SocketAddr>,
    directories: Vec<Directory>,
    files: Vec<RenderedFile>,
    instances: Vec<Instance>,
}

impl Builder<'_> {
    fn directory(&mut self, path: PathBuf, owner: Owner) {
        self.directories.push(Directory { path, owner, mode: 0o755 });
    }

    fn plain_acl(&mut self, folders: &Folders, broker: Option<&ExpectedBroker>) {
        let (Some(acl), Some(broker)) = (&self.topology.acl, broker) else { return };
        if let Some(text) = acl.plain_acl(&broker.others()) {
            self.files.push(RenderedFile::new(folders.conf().join(PLAIN_ACL), text));
        }
    }

    #[expect(
        clippy::too_many_arguments,
        reason = "called right above, once for each kind; a struct would only repeat the names"
    )]
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
        self.directory(folders.home.clone(), Owner::Agent);
        self.directory(folders.conf(), Owner::Agent);
        for written in folders.written(role, port_inside(role, &ports).is_some()) {
            self.directory(written, Owner::RocketMq);
        }
        let jar = topology.jars.iter().find(|jar| jar.role == role);
        let (conf, log) = match role {
            Role::Namesrv => ("namesrv.conf", "namesrv.log"),
            Role::Controller => ("controller.conf", "controller.log"),
            Role::Master | Role::Slave | Role::Member => ("broker.conf", "broker.log"),
            Role::Proxy => ("rmq-proxy.json", "proxy.log"),
            Role::Dashboard => ("application.properties", "dashboardlogs/rocketmq-dashboard.log"),
            Role::Exporter => ("application.properties", "exporterlogs/rocketmq-exporter.log"),
        };
        let (conf, log) =
            (folders.conf().join(conf), if role.is_jar() { folders.logs() } else { folders.rocketmq_logs() }.join(log));
        let first_file = self.files.len();
        let text = if role == Role::Proxy { conf::json(topology.version, lines) } else { conf::text(lines) };
        self.files.push(RenderedFile::new(conf.clone(), text));
        if let Some((file, text)) = logback::logback(topology.version, role) {
            self.files.push(RenderedFile::new(folders.conf().join(file), text));
        }
        let distribution = folders::distribution(&self.host.base_dir, topology.version);
        let mut own = vec![java_options::main_class(role).to_owned()];
        let conf = conf.display();
        own.extend(match (role, jar) {
            (_, Some(jar)) => [
                folders::jar(&self.host.base_dir, jar).display().to_string(),
                format!("--spring.config.additional-location=file:{conf}"),
            ],
            (Role::Proxy, _) => ["-pc".to_owned(), conf.to_string()],
            _ => ["-c".to_owned(), conf.to_string()],
        });
        let java = &self.facts.java;
        let arguments = java_options::arguments(role, java.release, &folders, &distribution, share, settings, &own);
        // What it takes while it runs is no reason for a restart.
        let is_live = |key: &str| is_broker && live_key(topology.version, key).is_some();
        let fixed: conf::Lines = lines.iter().filter(|(key, _)| !is_live(key)).cloned().collect();
        let more = self.files[first_file..].iter().skip(1).map(|file| file.text.clone());
        let texts: Vec<String> = [conf::text(&fixed)].into_iter().chain(more).collect();
        let fingerprint = fingerprint(&java.program, &arguments, &texts);
        // After the fingerprint: a broker reads it again when it changes.
        self.plain_acl(&folders, broker.as_ref());
        let logs = match is_broker {
            true => {
                vec![folders.rocketmq_logs().join("store.log"), log, folders.rocketmq_logs().join("storeerror.log")]
            }
            false => vec![log],
        };
        let store = broker.as_ref().map(|broker| StoreIdentity {
            root: folders.store(),
            commit_log: match topology.mode {
                Mode::Dledger => folders.store().join(format!("dledger-n{}", broker.broker_id)).join("data"),
                _ => folders.commit_log(),
            },
            format: match topology.mode {
                Mode::Dledger => StoreFormat::Dledger { self_id: format!("n{}", broker.broker_id) },
                Mode::Controller => StoreFormat::Epochs,
                _ => StoreFormat::Plain,
            },
            cluster: broker.cluster.clone(),
            broker: broker.group.clone(),
        });
        let address = SocketAddr::new(near(self.host), port);
        let registered = broker.as_ref().map(|broker| Registered {
            broker: broker.group.clone(),
            id: broker.elections.is_none().then_some(broker.broker_id),
            address: broker.client_address,
        });
        let cluster = topology.name.to_string();
        let offsets_of = broker.as_ref().and_then(ExpectedBroker::slave);
        let partner = broker.as_ref().and_then(|broker| Some(broker.partner.as_ref()?.host.clone()));
        let inside = port_inside(role, &ports).map(|port| SocketAddr::new(address.ip(), port));
        let asked = [address].into_iter().chain(inside).chain(offsets_of).chain(self.namesrvs.iter().copied());
        let over_tls = asked.filter(|it| self.over_tls.contains(it)).collect();
        let service = Service { address, namesrvs: self.namesrvs.clone(), registered, cluster, over_tls };
        let launch = Launch {
            instance: name,
            role,
            program: java.program.clone(),
            arguments,
            environment: environment(&folders),
            directory: folders.home.clone(),
            console: folders.console(),
            logs,
            store,
            service: Some(service),
            offsets_of,
            partner,
            ports,
            stop_deadline: if is_broker { BROKER_STOP } else { NAMESRV_STOP },
            fingerprint,
        };
        let jar = jar.map(|jar| JarFile { path: folders::jar(&self.host.base_dir, jar), jar: jar.clone() });
        self.instances.push(Instance { launch, address, broker, jar });
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
