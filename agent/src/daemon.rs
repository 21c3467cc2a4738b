//! `run`: the one place that builds the adapters, ties them together, and takes them apart again.

mod aims;
mod file_watch;
pub mod goal;
mod ports;
mod synced;
mod trial;

use self::{
    aims::{agents, aim, config_view, online_aim, public_namesrvs, targets_of},
    file_watch::{FileWatch, STILL},
};
use crate::{
    accounts::{self, Account},
    admission::Admission,
    agreement,
    audit::Audit,
    claim::{self, Claim, ClaimError},
    cluster::Applied,
    control, copies,
    host::HostError,
    http::{self, Heartbeat, Limits, Published},
    notify::Notify,
    online,
    peers::Peers,
    probe,
    reach::Reach,
    reconcile::{Channels, Goal, Hangs, Installer, Journal, Reconciler},
    rollout,
    settings::{OnExit, Settings, SupervisorKind},
    supervise::{self, Backend, Embedded, Supervisor, Systemd, Timing, systemd},
    sync::{self, Cuts, Logs, OwnReport, RemoteReports, Shown},
};
use ports::Ports;
use rocketmq_agent_domain::{
    desired::Desired,
    finding,
    health::{report::HostReport, summary},
    launch::{Cause, Role},
    names::{HostName, InstanceName},
    topology::Topology,
};
use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    pin::pin,
    sync::Arc,
    time::{Duration, Instant},
};
use synced::Synced;
use tokio::{
    net::TcpListener,
    signal::unix::{SignalKind, signal},
    sync::{mpsc, watch},
};
use tracing::{error, info, warn};

/// While JVMs are waited for, the agent is alive and says so.
const BEAT: Duration = Duration::from_secs(5);
/// Orders that wait for the roll-out to look at them.
const ORDERS: usize = 16;
const ENDING: &str = "stopping every instance cleanly; this can take minutes";

/// What is published, while the loop turns.
fn own_report(report: watch::Receiver<Option<Arc<HostReport>>>, heartbeat: Arc<Heartbeat>) -> OwnReport {
    Arc::new(move || if heartbeat.age() < Limits::default().stalled { report.borrow().clone() } else { None })
}

/// Runs until SIGTERM or SIGINT.
pub async fn run(settings: Settings) -> anyhow::Result<()> {
    let account = accounts::intended(settings.embedded.run_as);
    // Before the file is read, so that no edit goes unseen.
    let mut watched = FileWatch::new(&settings.cluster_file);
    let mut secret_watched = FileWatch::new(&settings.secret_file);
    let (mut synced, mut goal) = synced::start(&settings).await?;
    let mut claimed = claim_base(&goal, account)?;
    let supervisor = supervisor(&settings, account)?;
    if systemd::is_booted() && accounts::is_root() {
        // Before a JVM is started that would share them.
        systemd::limit_memory(matches!(supervisor, Backend::Embedded(_))).await;
    }
    // Unlike a wrong file this may be put right by others at any time, so it is said and looked at again.
    goal.account_problem = account_problem(&settings, &supervisor);
    let topology = Arc::clone(&goal.cluster.topology);
    let name = goal.desired.host.clone();
    let ports = Ports::new();
    let (address, sync_address) = addresses(&settings, &topology, &name)?;
    let listener = ports.first(address, http::bind(address)).await;
    // Where the system chose a port, the one that it chose.
    let address = listener.as_ref().map_or(Ok(address), TcpListener::local_addr)?;
    let admission = Arc::new(match &supervisor {
        Backend::Systemd(_) => Admission::of_host(&settings),
        Backend::Embedded(_) => Admission::embedded(&settings),
    });
    supervisor.admitted_by(Arc::clone(&admission) as Arc<dyn supervise::Gate>);
    let (pids, pids_seen) = watch::channel(BTreeMap::new());
    let (desired_sender, desired_seen) = watch::channel(Arc::new(goal.desired.clone()));
    let cuts = Arc::new(Cuts::default());
    let (report, report_seen) = watch::channel(None);
    let heartbeat = Arc::new(Heartbeat::new());
    // With a source the hosts have nothing to say to each other but for their commit logs and reports.
    if let Some(synced) = synced.as_ref().filter(|synced| synced.handle.book.has_trust()) {
        let logs = Logs::new(desired_seen.clone(), pids_seen.clone(), account, Arc::clone(&cuts));
        let shown = Shown { logs: Some(logs), report: Some(own_report(report_seen.clone(), Arc::clone(&heartbeat))) };
        let (ports, handle) = (ports.clone(), synced.handle.clone());
        tokio::spawn(async move {
            ports.listen(sync_address, || sync::listen(sync_address, handle.clone(), shown.clone())).await;
        });
    }
    let (orders, ordered) = mpsc::channel(ORDERS);
    let audit = Audit::new(&settings.state_dir);
    if let Some(synced) = &synced {
        tokio::spawn(trial::watch(synced.handle.clone(), audit.clone()));
    }
    let peers = Arc::new(Peers::new(name.clone(), agents(&topology)));
    let doors = control::Doors {
        sync: synced.as_ref().map(|it| it.handle.clone()),
        peers: Arc::clone(&peers),
        state_dir: settings.state_dir.clone(),
        orders,
        audit,
    };
    // Without it nothing can be ordered here; the instances of this host do not depend on that.
    match control::bind(&settings.control_socket).await {
        Ok(socket) => drop(tokio::spawn(control::serve(socket, doors))),
        Err(error) => warn!("commands cannot reach this agent: {:#}", anyhow::Error::from(error)),
    }
    if goal.waits.is_none() {
        Applied::write(&goal.cluster, &settings.state_dir)?;
    }
    info!(host = %name, cluster = %topology.name, mode = %topology.mode, rocketmq = %topology.version,
        http = %address, "rocketmq-agent {} begins", env!("CARGO_PKG_VERSION"));

    let (nsaddr, nsaddr_seen) = watch::channel(public_namesrvs(&goal.cluster));
    let (config, config_seen) = watch::channel(Arc::new(config_view(&settings, &goal)));
    let (targets, targets_seen) = watch::channel(targets_of(&goal));
    let published = Published {
        report: report_seen,
        heartbeat: Arc::clone(&heartbeat),
        peers: Arc::clone(&peers),
        nsaddr: nsaddr_seen,
        config: config_seen,
        reach: Arc::new(Reach::new(targets_seen)),
    };
    let (stop_http, http_stopped) = watch::channel(false);
    if let Some(address) = settings.agent_check {
        let (ports, published, stop) = (ports.clone(), published.clone(), http_stopped.clone());
        tokio::spawn(async move {
            let listener = ports.listen(address, || http::bind(address)).await;
            http::answer_agent_checks(listener, published, Limits::default(), stopped(stop)).await;
        });
    }
    let server = {
        let (ports, stop) = (ports.clone(), http_stopped);
        tokio::spawn(async move {
            let bound = async {
                match listener {
                    Some(listener) => listener,
                    None => ports.listen(address, || http::bind(address)).await,
                }
            };
            tokio::select! {
                listener = bound => http::serve(listener, published, Limits::default(), stopped(stop)).await,
                () = stopped(stop.clone()) => {}
            }
        })
    };
    copies::spawn(desired_seen.clone(), account);
    let (services, rounds, has_master) = probe::spawn(desired_seen.clone(), pids_seen);
    let book = synced.as_ref().map(|synced| Arc::clone(&synced.handle.book));
    let reports = book.clone().and_then(RemoteReports::of).map(Arc::new);
    let agreement = agreement::spawn(desired_seen, services.clone(), rounds.clone(), book, account);
    let (online_sender, online_seen) = watch::channel(Arc::new(online_aim(&goal)));
    online::spawn(online_seen, services.clone(), rounds, reports.clone());
    let notify = Arc::new(Notify::new());
    let alive = {
        let (heartbeat, notify) = (Arc::clone(&heartbeat), Arc::clone(&notify));
        Box::new(move || {
            heartbeat.beat();
            notify.alive();
        })
    };
    let last_report = report.subscribe();
    let (aim_sender, aim_seen) = watch::channel(Arc::new(aim(&goal)));
    let rollout = rollout::spawn(settings.state_dir.clone(), aim_seen, report.subscribe(), ordered, reports);
    let channels = Channels { services, has_master, pids, report, rollout, agreement, cuts, alive };
    let mut reconciler = Reconciler {
        supervisor,
        installer: Installer::default(),
        account,
        admission,
        channels,
        journal: Journal::default(),
        since: BTreeMap::new(),
        ends: BTreeMap::new(),
        logged_blocked: BTreeMap::new(),
        hangs: Hangs::default(),
    };

    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    loop {
        (reconciler.channels.alive)();
        if claimed.is_none() {
            claimed = claim_base(&goal, account)?;
        }
        let still = watched.is_still(Instant::now());
        let edited = still && watched.is_new();
        let next = match &mut synced {
            Some(synced) => {
                if secret_watched.is_still(Instant::now()) && secret_watched.is_new() {
                    secret_watched.take();
                    synced.handle.book.reread();
                }
                if edited {
                    // Before it is read: what is written meanwhile is another edit.
                    watched.take();
                    synced.offer_again(&settings).await;
                    synced.look_at_file(&settings);
                }
                synced.next(&settings, &goal).map(|(entry, next)| (Some(entry), next))
            }
            None => {
                // What is wrong need not be in the file: a Java may be installed, a disk have room again.
                let looks = edited || (still && goal.file_problem.is_some());
                let next = looks.then(|| (None, goal::next(&settings, &goal)));
                // Written while it was read: that was no file yet.
                if looks && !watched.take() {
                    continue;
                }
                next
            }
        };
        if let Some((entry, next)) = next {
            match next.and_then(|next| take(&settings, &goal, &next, (&mut claimed, account)).map(|()| next)) {
                Ok(next) => {
                    info!("cluster.toml has changed and is taken");
                    if let (Some(synced), Some(entry)) = (&mut synced, &entry) {
                        synced.take(entry, &settings);
                    }
                    let config = synced.as_ref().map_or(goal.config, Synced::report);
                    goal = Goal { config, account_problem: goal.account_problem, ..next };
                    peers.set(agents(&goal.cluster.topology));
                    nsaddr.send_replace(public_namesrvs(&goal.cluster));
                    targets.send_replace(targets_of(&goal));
                    desired_sender.send_replace(Arc::new(goal.desired.clone()));
                    aim_sender.send_replace(Arc::new(aim(&goal)));
                    online_sender.send_replace(Arc::new(online_aim(&goal)));
                }
                Err(problem) => {
                    let cause = goal::file_problem(&problem);
                    if goal.file_problem.as_ref() != Some(&cause) {
                        error!("{}", cause.what);
                    }
                    goal.file_problem = Some(cause);
                }
            }
            config.send_replace(Arc::new(config_view(&settings, &goal)));
        }
        if let Some(synced) = &synced {
            goal.config = synced.report();
        }
        if goal.account_problem.is_some() {
            goal.account_problem = account_problem(&settings, &reconciler.supervisor);
            if goal.account_problem.is_none() {
                // What systemd tried meanwhile failed for that, and need not wait for its next try.
                goal.desired.instances.iter().for_each(|it| reconciler.supervisor.settled(&it.launch.instance));
            }
        }
        goal.port_problems = ports.problems();
        let stepped = reconciler.pass(&goal).await;
        if let Some(report) = &*last_report.borrow() {
            notify.published(&summary::in_one_line(report));
        }
        // Cancel-safe: a signal is kept by its stream, and a pass starts from scratch.
        tokio::select! {
            () = reconciler.wait(stepped) => {}
            () = tokio::time::sleep(STILL), if watched.is_new() || secret_watched.is_new() => {}
            () = news(&mut synced) => {}
            _ = terminate.recv() => break,
            _ = interrupt.recv() => break,
        }
    }
    if settings.embedded.on_exit == OnExit::Stop && matches!(reconciler.supervisor, Backend::Embedded(_)) {
        info!("{ENDING}");
        notify.stopping(ENDING);
        reconciler.publish_ending();
        let order = stop_order(&goal.desired);
        let mut stopping = pin!(reconciler.supervisor.shutdown(&order));
        // Cancel-safe: the shutdown is polled on, not begun again.
        while tokio::time::timeout(BEAT, &mut stopping).await.is_err() {
            heartbeat.beat();
            notify.stopping(ENDING);
        }
    } else {
        notify.stopping("the agent ends; RocketMQ runs on");
    }
    stop_http.send_replace(true);
    server.await?;
    info!("rocketmq-agent ends");
    Ok(())
}

/// Who runs the JVMs on this host.
fn supervisor(settings: &Settings, account: Option<Account>) -> anyhow::Result<Backend> {
    let fits = systemd::is_booted() && accounts::is_root();
    let chosen = match settings.supervisor {
        // What an agent that was their parent left running is left as it is: see docs/decisions/0005-systemd-units.md.
        SupervisorKind::Auto if fits => SupervisorKind::Systemd,
        chosen => chosen,
    };
    if chosen != SupervisorKind::Systemd {
        return Ok(Backend::Embedded(Embedded::open(&settings.state_dir, account, Timing::default())?));
    }
    if !fits {
        anyhow::bail!(
            "supervisor = \"systemd\" needs systemd as the first process of this host, and an agent that is root"
        );
    }
    Ok(Backend::Systemd(Systemd::open(&settings.state_dir, account)?))
}

/// Why the account that RocketMQ runs as cannot be used.
fn account_problem(settings: &Settings, supervisor: &Backend) -> Option<Cause> {
    let account = accounts::run_as(settings.embedded.run_as);
    let checked = account.and_then(|account| match (account, supervisor) {
        (Some(_), Backend::Systemd(_)) => accounts::is_named(),
        _ => Ok(()),
    });
    let what = format!("{:#}", anyhow::Error::from(checked.err()?));
    Some(finding::ACCOUNT_UNUSABLE.of(&[("why", &what)]))
}

/// Never over where there is no config sync.
async fn news(synced: &mut Option<Synced>) {
    match synced {
        Some(synced) => synced.changed().await,
        None => std::future::pending().await,
    }
}

async fn stopped(mut stop: watch::Receiver<bool>) {
    // An error means that the daemon is gone, which is as good a reason.
    let _ = stop.wait_for(|stop| *stop).await;
}

/// Claims this host's base folder. One that cannot be written is no reason to end: nothing can be started in it, the
/// plan says why, and it is tried again. A host that is to run nothing has none.
fn claim_base(goal: &Goal, account: Option<Account>) -> Result<Option<Claim>, ClaimError> {
    let name = &goal.desired.host;
    let Some(host) = goal.cluster.topology.host(name).filter(|_| goal.cluster.placement.uses(name)) else {
        return Ok(None);
    };
    match claim::claim(&host.base_dir, account) {
        Ok(claim) => Ok(Some(claim)),
        Err(ClaimError::Folder { .. } | ClaimError::Make(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// Makes a goal the one to come back to. On an error nothing has changed.
fn take(
    settings: &Settings,
    goal: &Goal,
    next: &Goal,
    (claimed, account): (&mut Option<Claim>, Option<Account>),
) -> anyhow::Result<()> {
    let base_dir = |goal: &Goal| goal.cluster.topology.host(&goal.desired.host).map(|host| host.base_dir.clone());
    let moved = base_dir(goal) != base_dir(next);
    let claim = if moved { claim_base(next, account)? } else { None };
    Applied::write(&next.cluster, &settings.state_dir)?;
    if moved {
        *claimed = claim;
    }
    Ok(())
}

/// Where the agent is asked, and where for config sync.
fn addresses(settings: &Settings, topology: &Topology, name: &HostName) -> anyhow::Result<(SocketAddr, SocketAddr)> {
    let host = topology.host(name).ok_or_else(|| HostError::unknown(topology, name))?;
    let at = |port| SocketAddr::new(everywhere(host.address), port);
    Ok((settings.listen.unwrap_or(at(host.agent_port)), settings.sync_listen.unwrap_or(at(host.sync_port))))
}

/// All addresses of the same kind.
fn everywhere(address: IpAddr) -> IpAddr {
    if address.is_ipv4() { IpAddr::V4(Ipv4Addr::UNSPECIFIED) } else { IpAddr::V6(Ipv6Addr::UNSPECIFIED) }
}

/// What stands before the brokers first, then these, all at once; the controller then, and the NameServer when they have unregistered.
fn stop_order(desired: &Desired) -> Vec<Vec<InstanceName>> {
    let names = |wanted: fn(Role) -> bool| {
        let some = desired.instances.iter().filter(|i| wanted(i.launch.role));
        some.map(|instance| instance.launch.instance.clone()).collect::<Vec<_>>()
    };
    let controller = names(|role| role == Role::Controller);
    vec![names(Role::is_service), names(Role::is_broker), controller, names(|role| role == Role::Namesrv)]
}
