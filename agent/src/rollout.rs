//! This host's part of a roll-out, beside the loop: asks the other agents, keeps the record on disk, takes and gives
//! back a master's write permission. In: the aim and the reports that the loop publishes. Out: [`Turns`]; the loop
//! publishes them, and stops what they name. What is decided is in `rocketmq_agent_domain::rollout`.

mod orders;

pub use orders::{ByHand, Order, Progress, Wanted};

use self::orders::Orders;
use crate::{
    acl, clock,
    files::{self, FileError},
    peers::{Patience, Peers},
    remoting::{Broker, Client, Controller, OnlineConfig, OnlineKey, Replica},
    sync::RemoteReports,
};
use rocketmq_agent_domain::{
    acl::Acl,
    health::report::{HostReport, HostView},
    launch::{Cause, Role},
    names::{HostName, InstanceName},
    observed::Fact,
    rollout::{Act, Facts, PERMISSION, Phase, Record, Restart, Seat, Stop, Turn, Turns, Verb, asks, resumed, step},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs, io,
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{
    sync::{mpsc, watch},
    time,
};
use tracing::{info, warn};

/// Between two steps.
const PAUSE: Duration = Duration::from_secs(1);
/// How soon it is seen that a slave's agent waits for a master of this host.
const LOOK: Duration = Duration::from_secs(5);
/// For an answer of a broker.
const TIMEOUT: Duration = Duration::from_secs(3);
/// A loop passes every 5 s; a report that stays the same for longer than this is out of date.
const OLD: Duration = Duration::from_secs(30);

/// What a roll-out is to bring about, and with whom.
#[derive(Debug)]
pub struct Aim {
    /// This host.
    pub host: HostName,
    /// What the cluster file wants.
    pub restart: Restart,
    /// Why nothing is to move, where somebody said so.
    pub paused: Option<Cause>,
    /// All instances, in their order.
    pub order: Vec<Seat>,
    /// Where this host's instances are told, and brokerPermission by their files.
    pub told: BTreeMap<InstanceName, (SocketAddr, String)>,
    /// brokerClusterName.
    pub cluster: String,
    /// Sends to a master wait for its slave.
    pub sync: bool,
    /// The controllers, which can be asked for another master; none in other modes.
    pub controllers: Vec<SocketAddr>,
    /// The agents of hosts whose slaves may want a master of this host drained.
    pub borrowers: Vec<(HostName, SocketAddr)>,
    /// Every host's agent.
    pub agents: Vec<(HostName, SocketAddr)>,
    /// Who may tell brokers anything, where that is controlled.
    pub acl: Option<Acl>,
    /// Where nobody is taken in plain text.
    pub over_tls: BTreeSet<SocketAddr>,
    /// The digest of the file that this is from.
    pub cluster_file: String,
    /// The digest of its placement.
    pub placement: String,
}

/// Begins; what an earlier agent was doing is gone on with.
pub fn spawn(
    state_dir: PathBuf,
    aim: watch::Receiver<Arc<Aim>>,
    report: watch::Receiver<Option<Arc<HostReport>>>,
    orders: mpsc::Receiver<Order>,
    reports: Option<Arc<RemoteReports>>,
) -> watch::Receiver<Turns> {
    let path = state_dir.join("rollout.json");
    let record = read(&path).and_then(resumed);
    let turns = record.iter().map(|it| {
        info!(instance = %it.instance, "{}: goes on: it {}", it.instance, it.phase);
        (it.instance.clone(), Turn { verb: it.verb, phase: it.phase, since: it.since, waits: None })
    });
    // The first report says so already: nobody else may move.
    let (turns, seen) = watch::channel(Turns { turns: turns.collect(), ..Turns::default() });
    let asking = |agents: &Vec<_>| Peers::new(aim.borrow().host.clone(), agents.clone()).trusted(reports.clone());
    let (peers, slaves) = (asking(&aim.borrow().agents), asking(&aim.borrow().borrowers));
    // An answer from before this agent announced a turn is no answer.
    let peers = peers.with_patience(Patience { fresh: Duration::ZERO, ..Patience::default() });
    let (client, orders, looked) = (Client::new(TIMEOUT), (orders, Orders::default()), Instant::now());
    let task = Task { path, record, turns, peers, slaves, looked, client, heard: BTreeMap::new(), orders };
    tokio::spawn(task.run(aim, report));
    seen
}

struct Task {
    path: PathBuf,
    record: Option<Record>,
    turns: watch::Sender<Turns>,
    peers: Peers,
    /// The agents of this host's masters' slaves, and when they were last asked.
    slaves: Peers,
    looked: Instant,
    client: Client,
    /// When each host's last report was made by its clock, and since when that is known by this one's.
    heard: BTreeMap<HostName, (u64, Instant)>,
    /// Where they come in, and those that are being followed.
    orders: (mpsc::Receiver<Order>, Orders),
}

impl Task {
    async fn run(mut self, mut aim: watch::Receiver<Arc<Aim>>, mut report: watch::Receiver<Option<Arc<HostReport>>>) {
        loop {
            if aim.has_changed().unwrap_or(false) {
                self.peers.set(aim.borrow().agents.clone());
                self.slaves.set(aim.borrow().borrowers.clone());
            }
            let goal = Arc::clone(&aim.borrow_and_update());
            let own = report.borrow_and_update().clone();
            let Some(own) = own.filter(|own| self.is_shown(own, &goal)) else {
                if report.changed().await.is_err() {
                    return;
                }
                continue;
            };
            while let Ok(order) = self.orders.0.try_recv() {
                self.orders.1.begin(order, &own);
            }
            self.orders.1.look_at(&own);
            let is_pending = own.instances.iter().any(|it| it.restart_pending);
            let is_asked = self.record.is_none() && self.is_asked(&goal).await;
            if self.record.is_some() || !self.orders.1.is_empty() || is_pending || is_asked {
                self.step(&goal, &own, is_asked).await;
                time::sleep(PAUSE).await;
                continue;
            }
            self.publish(BTreeMap::new());
            // Both are cancel-safe.
            tokio::select! {
                changed = report.changed() => if changed.is_err() { return },
                Some(order) = self.orders.0.recv() => self.orders.1.begin(order, &own),
            }
        }
    }

    /// Whether all that this has concluded so far is published, and for the same cluster.
    fn is_shown(&self, own: &HostReport, aim: &Aim) -> bool {
        let shown = |record: &Record| {
            let its = own.instances.iter().find(|it| it.instance == record.instance);
            its.is_none_or(|it| it.rollout.as_ref().is_some_and(|turn| turn.phase == record.phase))
        };
        own.cluster_file == aim.cluster_file && own.placement == aim.placement && self.record.iter().all(shown)
    }

    /// Whether a slave of one of this host's masters is to be restarted; looks now and then.
    async fn is_asked(&mut self, aim: &Aim) -> bool {
        if self.looked.elapsed() < LOOK || aim.borrowers.is_empty() {
            return false;
        }
        let said = self.slaves.others().await;
        self.looked = Instant::now();
        said.values().filter_map(Fact::known).any(asks)
    }

    async fn step(&mut self, aim: &Aim, own: &HostReport, is_asked: bool) {
        self.client.sign_as(acl::signer(aim.acl.as_ref()));
        self.client.speak_tls_to(aim.over_tls.clone());
        let wish = self.orders.1.wish();
        let hosts = match (aim.restart, &self.record, &wish) {
            (Restart::Manual, None, None) if !is_asked => Vec::new(),
            _ => self.ask(own).await,
        };
        let permission = self.permission().await;
        let facts = Facts {
            now: clock::now(),
            restart: aim.restart,
            paused: aim.paused.as_ref(),
            wish: wish.as_ref(),
            order: &aim.order,
            own,
            hosts: &hosts,
            told: &aim.told,
            sync: aim.sync,
            by_controllers: !aim.controllers.is_empty(),
            permission,
        };
        let outcome = step(self.record.clone(), &facts, &self.turns.borrow().turns);
        let changed = outcome.record.as_ref().map(|it| it.phase) != self.record.as_ref().map(|it| it.phase);
        if let Err(error) = self.write(outcome.record.as_ref()) {
            // What is not on disk is not done.
            warn!("cannot keep the record of the roll-out: {:#}", anyhow::Error::from(error));
            return;
        }
        if changed {
            log(self.record.as_ref(), outcome.record.as_ref(), &outcome.turns);
        }
        self.orders.1.stepped(self.record.as_ref(), outcome.record.as_ref(), outcome.wished.as_ref());
        self.record = outcome.record;
        self.publish(outcome.turns);
        if let Some(record) = &self.record {
            let value = match outcome.act {
                Act::Nothing => return,
                Act::HandOver => return self.hand_over(aim, record, own).await,
                Act::Take => "4",
                Act::Give => &record.permission,
            };
            self.permit(record, value).await;
        }
    }

    async fn ask(&mut self, own: &HostReport) -> Vec<HostView> {
        let mut hosts = self.peers.cluster(own).await.hosts;
        for view in hosts.iter_mut().filter(|view| view.host != own.host && view.unknown_since.is_none()) {
            let Some(report) = &view.report else { continue };
            let heard = self.heard.entry(view.host.clone()).or_insert((report.at, Instant::now()));
            if heard.0 != report.at {
                *heard = (report.at, Instant::now());
            } else if heard.1.elapsed() > OLD {
                view.unknown_since = Some(report.at);
                view.error = Some("its loop stands still".into());
            }
        }
        hosts
    }

    /// brokerPermission that the recorded master runs with.
    async fn permission(&self) -> Fact<String> {
        let Some(record) = self.record.as_ref().filter(|it| it.role == Role::Master && it.phase.is_in_flight()) else {
            return Fact::Unknown("it was not asked".to_owned());
        };
        let broker = Broker::new(&self.client, record.address.to_string(), TIMEOUT);
        match broker.config().await {
            Ok(mut config) => match config.remove(PERMISSION) {
                Some(value) => Fact::Known(value),
                None => Fact::Unknown(format!("it says nothing of {PERMISSION}")),
            },
            Err(error) => Fact::from(Err(error)),
        }
    }

    /// Has another member elected that is in sync; the next step sees whether it came to that.
    async fn hand_over(&self, aim: &Aim, record: &Record, own: &HostReport) {
        let name = &record.instance;
        let Some(report) = own.instances.iter().find(|it| it.instance == *name) else { return };
        match self.elect_another(aim, name, &report.address).await {
            Ok(Some(next)) => info!(instance = %name, "{name}: {} is to be its master", next.broker_address),
            Ok(None) => warn!(instance = %name, "{name}: no other member is in sync to be its master"),
            Err(error) => warn!(instance = %name, "{name}: no other master is elected: {error:#}"),
        }
    }

    async fn elect_another(&self, aim: &Aim, name: &InstanceName, own: &str) -> anyhow::Result<Option<Replica>> {
        for address in &aim.controllers {
            let controller = Controller::new(&self.client, address.to_string(), TIMEOUT);
            if !controller.metadata().await.is_ok_and(|said| said.is_leader) {
                continue;
            }
            let mut states = controller.sync_states(&[name.as_str()]).await?;
            let state = states.remove(name.as_str()).unwrap_or_default();
            let next = state.in_sync_replicas.into_iter().find(|it| it.alive && it.broker_address != own);
            if let Some(next) = &next {
                controller.elect(&aim.cluster, name.as_str(), next.broker_id).await?;
            }
            return Ok(next);
        }
        anyhow::bail!("no controller leads")
    }

    async fn permit(&self, record: &Record, value: &str) {
        let broker = Broker::new(&self.client, record.address.to_string(), TIMEOUT);
        let mut change = OnlineConfig::default();
        let name = &record.instance;
        let done = match change.set(OnlineKey::BrokerPermission, value) {
            Ok(()) => broker.update_config(&change).await.map_err(anyhow::Error::from),
            Err(error) => Err(error.into()),
        };
        match done {
            Ok(()) => info!(instance = %name, "{name}: {PERMISSION} = {value}"),
            // The next step sees what it has, and tries again.
            Err(error) => warn!(instance = %name, "{name}: {PERMISSION} = {value} is not set: {error:#}"),
        }
    }

    fn publish(&self, turns: BTreeMap<InstanceName, Turn>) {
        let mut next = Turns { turns, ..Turns::default() };
        if let Some(record) = self.record.as_ref().filter(|it| it.phase == Phase::Stopping) {
            let stop = Stop { pid: Some(record.pid), stays: record.verb == Verb::Stop };
            next.stop.insert(record.instance.clone(), stop);
        }
        self.orders.1.add_to(&mut next);
        self.turns.send_if_modified(|turns| {
            let differs = *turns != next;
            *turns = next;
            differs
        });
    }

    /// Keeps on disk what must be gone on with.
    fn write(&self, next: Option<&Record>) -> Result<(), FileError> {
        let kept = |record: Option<&Record>| {
            let record = record.filter(|it| it.phase.is_in_flight());
            record.and_then(|record| serde_json::to_vec_pretty(record).ok())
        };
        let (before, after) = (kept(self.record.as_ref()), kept(next));
        match after {
            Some(text) if before.as_ref() != Some(&text) => files::write_file(&self.path, &text, 0o600, None),
            None if before.is_some() => {
                if let Err(error) = fs::remove_file(&self.path) {
                    // An agent that finds it looks at the permission, and is done.
                    warn!("cannot remove {}: {error}", self.path.display());
                }
                Ok(())
            }
            _ => Ok(()),
        }
    }
}

fn log(before: Option<&Record>, after: Option<&Record>, turns: &BTreeMap<InstanceName, Turn>) {
    let Some(record) = after.or(before) else { return };
    let name = &record.instance;
    let waits = turns.get(name).and_then(|turn| turn.waits.as_ref()).map(|cause| format!(": {}", cause.what));
    let words = waits.unwrap_or_default();
    match after {
        Some(record) => info!(instance = %name, "{name}: {}{words}", record.phase),
        None => info!(instance = %name, "{name}: its turn is over{words}"),
    }
}

fn read(path: &Path) -> Option<Record> {
    let text = match fs::read(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return None,
        Err(error) => {
            warn!("cannot read {}: {error}", path.display());
            return None;
        }
    };
    match serde_json::from_slice(&text) {
        Ok(record) => Some(record),
        Err(error) => {
            warn!("{} is damaged, look whether every master has {PERMISSION} = 6: {error}", path.display());
            None
        }
    }
}

#[cfg(test)]
mod tests;
