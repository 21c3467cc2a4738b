//! `run`: the one place that builds the adapters, ties them together, and takes them apart again.

use crate::{
    accounts::{self, Account},
    claim::{self, Claim, ClaimError},
    cluster::{Applied, Cluster, ClusterError},
    host::{self, HostError},
    http::{self, ConfigView, Heartbeat, Limits, Published},
    java::{self, JavaError},
    peers::Peers,
    probe,
    reconcile::{Channels, Goal, Installer, Reconciler},
    settings::{OnExit, Settings, SupervisorKind},
    supervise::{Backend, Embedded, Supervisor, Systemd, Timing, systemd},
};
use rocketmq_agent_domain::{
    desired::{Desired, HostFacts, Java, desired, java_options, namesrv_addresses},
    launch::{Cause, Role},
    names::{HostName, InstanceName},
    topology::Topology,
};
use std::{
    collections::BTreeMap,
    fs,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::{Path, PathBuf},
    sync::Arc,
    time::SystemTime,
};
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    sync::watch,
};
use tracing::{error, info, warn};

/// Runs until SIGTERM or SIGINT.
pub async fn run(settings: Settings) -> anyhow::Result<()> {
    let account = accounts::run_as(settings.embedded.run_as)?;
    let mut goal = first_goal(&settings)?;
    let mut claimed = claim_base(&goal)?;
    let supervisor = supervisor(&settings, account)?;
    let topology = Arc::clone(&goal.cluster.topology);
    let name = goal.desired.host.clone();
    let listener = listen(&settings, &topology, &name).await?;
    Applied::write(&goal.cluster, &settings.state_dir)?;
    info!(host = %name, cluster = %topology.name, mode = %topology.mode, rocketmq = %topology.version,
        http = %listener.local_addr()?, "rocketmq-agent {} begins", env!("CARGO_PKG_VERSION"));

    let (report, report_seen) = watch::channel(None);
    let (pids, pids_seen) = watch::channel(BTreeMap::new());
    let (desired_sender, desired_seen) = watch::channel(Arc::new(goal.desired.clone()));
    let (nsaddr, nsaddr_seen) = watch::channel(public_namesrvs(&goal.cluster));
    let (config, config_seen) = watch::channel(Arc::new(config_view(&settings, &goal)));
    let peers = Arc::new(Peers::new(name.clone(), agents(&topology)));
    let heartbeat = Arc::new(Heartbeat::new());
    let published = Published {
        report: report_seen,
        heartbeat: Arc::clone(&heartbeat),
        peers: Arc::clone(&peers),
        nsaddr: nsaddr_seen,
        config: config_seen,
    };
    let (stop_http, http_stopped) = watch::channel(false);
    let server = tokio::spawn(http::serve(listener, published, Limits::default(), stopped(http_stopped)));
    let services = probe::spawn(desired_seen, pids_seen);
    let channels = Channels { services, pids, report };
    let mut reconciler =
        Reconciler { supervisor, installer: Installer::default(), account, channels, logged: BTreeMap::new() };

    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut watched = FileWatch::new(&settings.cluster_file);
    loop {
        heartbeat.beat();
        if claimed.is_none() {
            claimed = claim_base(&goal)?;
        }
        if watched.changed() {
            match next_goal(&settings, &goal, &name) {
                Ok(next) => {
                    Applied::write(&next.cluster, &settings.state_dir)?;
                    info!("cluster.toml has changed and is taken");
                    for name in changed_instances(&goal.desired, &next.desired) {
                        // What failed with the old configuration need not wait to be tried with the new one.
                        reconciler.supervisor.settled(&name);
                    }
                    goal = next;
                    peers.set(agents(&goal.cluster.topology));
                    nsaddr.send_replace(public_namesrvs(&goal.cluster));
                    desired_sender.send_replace(Arc::new(goal.desired.clone()));
                }
                Err(problem) => {
                    error!("cluster.toml has changed and is not taken: {problem:#}");
                    goal.file_problem = Some(file_problem(&problem));
                }
            }
            config.send_replace(Arc::new(config_view(&settings, &goal)));
        }
        let stepped = reconciler.pass(&goal).await;
        // Cancel-safe: a signal is kept by its stream, and a pass starts from scratch.
        tokio::select! {
            () = reconciler.wait(stepped) => {}
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
        }
    }
    if settings.embedded.on_exit == OnExit::Stop && matches!(reconciler.supervisor, Backend::Embedded(_)) {
        info!("stopping every instance cleanly; this can take minutes");
        reconciler.supervisor.shutdown(&stop_order(&goal.desired)).await;
    }
    stop_http.send_replace(true);
    server.await?;
    info!("rocketmq-agent ends");
    Ok(())
}

/// Who runs the JVMs on this host.
fn supervisor(settings: &Settings, account: Option<Account>) -> anyhow::Result<Backend> {
    let by_systemd = match settings.supervisor {
        SupervisorKind::Auto => systemd::is_booted() && accounts::is_root(),
        SupervisorKind::Embedded => false,
        SupervisorKind::Systemd => true,
    };
    if !by_systemd {
        return Ok(Backend::Embedded(Embedded::open(&settings.state_dir, account, Timing::default())?));
    }
    if account.is_some() {
        accounts::is_named()?;
    }
    Ok(Backend::Systemd(Systemd::open(&settings.state_dir, account)?))
}

async fn stopped(mut stop: watch::Receiver<bool>) {
    // An error means that the daemon is gone, which is as good a reason.
    let _ = stop.wait_for(|stop| *stop).await;
}

/// Claims this host's base folder. One that cannot be written is no reason to end: nothing can be started in it, the
/// plan says why, and it is tried again.
fn claim_base(goal: &Goal) -> Result<Option<Claim>, ClaimError> {
    let Some(host) = goal.cluster.topology.host(&goal.desired.host) else { return Ok(None) };
    match claim::claim(&host.base_dir) {
        Ok(claim) => Ok(Some(claim)),
        Err(ClaimError::Folder { .. }) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The cluster file as it lies there; where it cannot be used, what was applied last, so that a typo does not keep
/// brokers down after a reboot.
fn first_goal(settings: &Settings) -> anyhow::Result<Goal> {
    let applied = Applied::read(&settings.state_dir)?;
    let previous = applied.as_ref().map(|applied| &applied.placement);
    match goal_of(settings, Cluster::read(&settings.cluster_file, previous), None) {
        Ok(goal) => Ok(goal),
        Err(problem) => {
            let Some(applied) = applied.filter(|_| problem.downcast_ref::<ClusterError>().is_some()) else {
                return Err(problem);
            };
            error!("cluster.toml cannot be used, and what was applied last is kept to: {problem:#}");
            let earlier = Cluster::of(&settings.cluster_file, applied.cluster_file, Some(&applied.placement));
            let mut goal = goal_of(settings, earlier, None)?;
            goal.file_problem = Some(file_problem(&problem));
            Ok(goal)
        }
    }
}

fn next_goal(settings: &Settings, goal: &Goal, host: &HostName) -> anyhow::Result<Goal> {
    let cluster = Cluster::read(&settings.cluster_file, Some(&goal.cluster.placement));
    let next = goal_of(settings, cluster, Some(host))?;
    let base_dir = |goal: &Goal| goal.cluster.topology.host(host).map(|host| host.base_dir.clone());
    if base_dir(&next) != base_dir(goal)
        || next.cluster.topology.layout != goal.cluster.topology.layout
        || next.cluster.topology.name != goal.cluster.topology.name
    {
        anyhow::bail!("cluster.name, base_dir and cluster.layout never change under data");
    }
    Ok(next)
}

fn goal_of(
    settings: &Settings,
    cluster: Result<Cluster, ClusterError>,
    host: Option<&HostName>,
) -> anyhow::Result<Goal> {
    let cluster = cluster?;
    let name = host::identify(&cluster.topology, host.or(settings.host.as_ref()))?;
    let facts = facts(&cluster.topology, &name)?;
    let desired = desired(&cluster.topology, &cluster.placement, &name, &facts)?;
    Ok(Goal { cluster, desired, file_problem: None })
}

/// What is measured on this host.
pub fn facts(topology: &Topology, name: &HostName) -> anyhow::Result<HostFacts> {
    let home = topology.host(name).and_then(|host| host.java_home.clone());
    let found = java::find(home.as_deref(), |release| java_options::runs_on(topology.version, release));
    let java = found.map_err(|source| UnfitJava {
        version: topology.version.to_string(),
        range: java_options::java_range(topology.version),
        source,
    })?;
    Ok(HostFacts { memory: host::memory()?, java: Java { program: java.program, release: java.version } })
}

/// No Java of this host can run the release.
#[derive(Debug, thiserror::Error)]
#[error("RocketMQ {version} needs {range}")]
pub struct UnfitJava {
    version: String,
    range: &'static str,
    #[source]
    source: JavaError,
}

fn file_problem(problem: &anyhow::Error) -> Cause {
    Cause {
        id: "cluster-file-not-taken".to_owned(),
        what: format!("cluster.toml is not taken: {problem:#}"),
        fix: "put it right; until then the last good one holds".to_owned(),
    }
}

async fn listen(settings: &Settings, topology: &Topology, name: &HostName) -> anyhow::Result<TcpListener> {
    let host = topology.host(name).ok_or_else(|| HostError::Unknown(name.clone()))?;
    let everywhere =
        if host.address.is_ipv4() { IpAddr::V4(Ipv4Addr::UNSPECIFIED) } else { IpAddr::V6(Ipv6Addr::UNSPECIFIED) };
    let address = settings.listen.unwrap_or(SocketAddr::new(everywhere, host.agent_port));
    Ok(http::bind(address).await?)
}

fn agents(topology: &Topology) -> Vec<(HostName, SocketAddr)> {
    topology.hosts.iter().map(|host| (host.name.clone(), SocketAddr::new(host.address, host.agent_port))).collect()
}

/// The list for clients: the addresses that they reach.
fn public_namesrvs(cluster: &Cluster) -> Arc<str> {
    let addresses = namesrv_addresses(&cluster.topology, &cluster.placement, |host| host.public_address);
    rocketmq_agent_domain::desired::conf::address_list(&addresses).into()
}

fn config_view(settings: &Settings, goal: &Goal) -> ConfigView {
    ConfigView {
        host: goal.desired.host.clone(),
        agent: env!("CARGO_PKG_VERSION").to_owned(),
        path: settings.cluster_file.clone(),
        cluster_file: goal.cluster.file_digest(),
        placement: goal.cluster.placement_digest(),
    }
}

/// Instances whose configuration differs between two goals.
fn changed_instances(before: &Desired, after: &Desired) -> Vec<InstanceName> {
    let fingerprint = |goal: &Desired, name: &InstanceName| goal.instance(name).map(|i| i.launch.fingerprint.clone());
    let names = after.instances.iter().map(|instance| instance.launch.instance.clone());
    names.filter(|name| fingerprint(before, name) != fingerprint(after, name)).collect()
}

/// Brokers first, all at once; the NameServer when they have unregistered.
fn stop_order(desired: &Desired) -> Vec<Vec<InstanceName>> {
    let names = |namesrv: bool| {
        let some = desired.instances.iter().filter(|i| (i.launch.role == Role::Namesrv) == namesrv);
        some.map(|instance| instance.launch.instance.clone()).collect::<Vec<_>>()
    };
    vec![names(false), names(true)]
}

/// Notices that a file was replaced or edited.
struct FileWatch {
    path: PathBuf,
    seen: Option<(SystemTime, u64)>,
}

impl FileWatch {
    fn new(path: &Path) -> Self {
        let mut watch = Self { path: path.to_owned(), seen: None };
        watch.changed();
        watch
    }

    /// Whether it differs from what the last call saw; a file that cannot be looked at is taken as unchanged.
    fn changed(&mut self) -> bool {
        let now = match fs::metadata(&self.path).and_then(|found| Ok((found.modified()?, found.len()))) {
            Ok(now) => now,
            Err(error) => {
                warn!(%error, "cannot look at {}", self.path.display());
                return false;
            }
        };
        self.seen.replace(now) != Some(now)
    }
}
