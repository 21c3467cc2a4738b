//! What is changed on running brokers, beside the loop: keys of their files that need no restart, and for how many members a
//! sync master waits. In: what should be, and each round of the probe. Out: UPDATE_BROKER_CONFIG, read back. A broker that
//! can write its file rewrites it then; the loop writes it anew. Nothing is kept on disk: what is due follows from what
//! the broker says it runs with. What is decided is in `rocketmq_agent_domain::{online, sync_policy}`.

use crate::{
    acl,
    peers::Peers,
    probe::{Service, Services},
    remoting::{Broker, Client, OnlineConfig, OnlineKey, RemotingError},
    room,
    sync::RemoteReports,
};
use rocketmq_agent_domain::{
    desired::{Desired, ExpectedBroker, Instance},
    health::facts::{BrokerFacts, HaConnection, ServiceFacts},
    health::report::HostReport,
    held::{self, HELD, is_held, says_so},
    names::{HostName, InstanceName},
    observed::Fact,
    online::{Due, Live, due},
    sync_policy::{IN_SYNC_REPLICAS, SyncPolicy, Track, slave_of},
};
use std::{
    collections::BTreeMap,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::sync::watch;
use tracing::{info, warn};

/// For an answer of a broker.
const TIMEOUT: Duration = Duration::from_secs(3);
/// What a broker does not take is tried again after this: each try makes it write its file.
const AGAIN: Duration = Duration::from_secs(30);
/// And what did not come to it, or of which it did not say so.
const SOON: Duration = Duration::from_secs(3);

/// What running brokers are kept to, and who else is in the cluster.
#[derive(Debug)]
pub struct Aim {
    /// This host's part.
    pub desired: Desired,
    /// Every host's agent.
    pub agents: Vec<(HostName, SocketAddr)>,
    /// Nothing is to be done on this host yet.
    pub waits: bool,
}

/// Begins; a round of the probe wakes it. `reports` is how the other agents are asked where they show who they are.
pub fn spawn(
    aim: watch::Receiver<Arc<Aim>>,
    services: watch::Receiver<Services>,
    rounds: watch::Receiver<()>,
    reports: Option<Arc<RemoteReports>>,
) {
    let (host, agents) = (aim.borrow().desired.host.clone(), aim.borrow().agents.clone());
    let task = Task {
        peers: Peers::new(host, agents).trusted(reports),
        client: Client::new(TIMEOUT),
        began: Instant::now(),
        known: BTreeMap::new(),
    };
    tokio::spawn(task.run(aim, services, rounds));
}

/// What is remembered of one process.
#[derive(Debug, Default)]
struct Known {
    pid: u32,
    slave: Track,
    /// What was wanted when it last ran with all of it.
    taken: Option<Live>,
    /// For how many members it was last seen to wait.
    waits_for: Option<u32>,
    /// What it did not take, and when that is tried again.
    refused: Option<(OnlineConfig, Instant)>,
}

struct Task {
    peers: Peers,
    client: Client,
    began: Instant,
    known: BTreeMap<InstanceName, Known>,
}

impl Task {
    async fn run(
        mut self,
        mut aim: watch::Receiver<Arc<Aim>>,
        services: watch::Receiver<Services>,
        mut rounds: watch::Receiver<()>,
    ) {
        while rounds.changed().await.is_ok() {
            if aim.has_changed().unwrap_or(false) {
                self.peers.set(aim.borrow().agents.clone());
            }
            let aim = Arc::clone(&aim.borrow_and_update());
            let services = services.borrow().clone();
            self.known.retain(|name, known| services.get(name).is_some_and(|service| service.pid == known.pid));
            if !aim.waits {
                self.look(&aim.desired, &services).await;
            }
        }
    }

    async fn look(&mut self, desired: &Desired, services: &Services) {
        self.client.sign_as(acl::signer(desired.acl.as_ref()));
        self.client.speak_tls_to(desired.over_tls.clone());
        let brokers = desired.instances.iter().filter_map(|instance| {
            let Service { pid, facts: ServiceFacts::Broker(facts), .. } = services.get(&instance.launch.instance)?
            else {
                return None;
            };
            Some((instance, instance.broker.as_ref()?, *pid, &**facts))
        });
        let brokers: Vec<(&Instance, &ExpectedBroker, u32, &BrokerFacts)> = brokers.collect();
        // Whether its agent brings a slave back matters only while it is away.
        let is_away = |(_, expected, _, facts): &(_, &ExpectedBroker, _, &BrokerFacts)| {
            expected.replicas == Some(SyncPolicy::Available)
                && facts.ha_connection == Fact::Known(HaConnection::Missing)
        };
        let hosts = if brokers.iter().any(is_away) { self.peers.others().await } else { BTreeMap::new() };
        let release = format!("V{}", desired.version.to_string().replace('.', "_"));
        for (instance, expected, pid, facts) in brokers {
            let name = &instance.launch.instance;
            let known = self.known.entry(name.clone()).or_insert_with(|| Known { pid, ..Known::default() });
            let Fact::Known(config) = &facts.config else {
                // What is not known is no reason to change anything, now or later.
                known.slave = Track::default();
                continue;
            };
            let mut change = OnlineConfig::default();
            // One of another release waits for its restart, and may only seem to take what this one does.
            let is_of_release = facts.runtime.known().is_some_and(|runtime| runtime.version.starts_with(&release));
            match due(&expected.live, config, known.taken.as_ref()) {
                Due::Nothing => known.taken = Some(expected.live.clone()),
                Due::Set(keys) if is_of_release => change = keys,
                Due::Set(_) | Due::Drifted => {}
            }
            let before = says_so(config);
            // What is taken behind a gap is dropped by the next start.
            let has_gap = facts.runtime.known().is_none_or(|runtime| runtime.gap.is_some());
            let is_held = is_held(desired.version, instance, room::used(instance), || before) || before && has_gap;
            // What somebody else has set is left alone.
            if before != is_held && (before || config.get(held::KEY.name()).is_some_and(|value| value == "0")) {
                // Both are values that it may have.
                let _ = change.set(held::KEY, if is_held { HELD } else { "0" });
            }
            let host = expected.partner.as_ref().and_then(|partner| hosts.get(&partner.host)?.known());
            if let Some(count) = wait_for(self.began.elapsed(), known, expected, facts, name, host) {
                // 1 and 2 are values that it may have.
                let _ = change.set(OnlineKey::InSyncReplicas, &count.to_string());
            }
            if change.is_empty() {
                known.refused = None;
            } else if known
                .refused
                .as_ref()
                .is_none_or(|(refused, again)| *refused != change || *again <= Instant::now())
            {
                let broker = Broker::new(&self.client, instance.address.to_string(), TIMEOUT);
                let done = set(&broker, name, &change).await;
                known.refused = done.err().map(|error| {
                    let keys = change.body().lines().collect::<Vec<_>>().join(", ");
                    let again = if matches!(error, RemotingError::NotApplied { .. }) { AGAIN } else { SOON };
                    warn!(instance = %name, "{name}: {keys} is not taken while it runs: {error}");
                    (change, Instant::now() + again)
                });
            }
        }
    }
}

/// For how many members a master is to wait, where that is another number than now.
fn wait_for(
    now: Duration,
    known: &mut Known,
    expected: &ExpectedBroker,
    facts: &BrokerFacts,
    name: &InstanceName,
    host: Option<&HostReport>,
) -> Option<u32> {
    let Fact::Known(config) = &facts.config else { return None };
    let waits_for = config.get(IN_SYNC_REPLICAS)?.parse().ok()?;
    // Not when it is set: then it may have come to the broker and its answer not back.
    match (known.waits_for.replace(waits_for), waits_for) {
        (before, 1) if before != Some(1) => {
            warn!(instance = %name, "{name}: sends are acknowledged without its slave ({IN_SYNC_REPLICAS} = 1)");
        }
        (Some(1), 2) => info!(instance = %name, "{name}: sends wait for its slave again ({IN_SYNC_REPLICAS} = 2)"),
        _ => {}
    }
    match expected.replicas? {
        SyncPolicy::Strict => (waits_for == 1).then_some(2),
        SyncPolicy::Available => known.slave.look(now, slave_of(facts, name, host), waits_for),
    }
}

/// Sets what is not so yet: what the probe read may be from before the last change.
async fn set(broker: &Broker, name: &InstanceName, change: &OnlineConfig) -> Result<(), RemotingError> {
    let before = broker.config().await?;
    let value_of = |key: OnlineKey| before.get(key.name()).map(String::as_str).unwrap_or_default();
    let mut due = OnlineConfig::default();
    for (key, value) in change.iter().filter(|(key, value)| value_of(*key) != *value) {
        // It came out of another of its kind.
        let _ = due.set(key, value);
    }
    if due.is_empty() {
        return Ok(());
    }
    broker.update_config(&due).await?;
    for (key, value) in due.iter() {
        info!(instance = %name, "{name}: {key} = {value}, taken while it runs (was {})", value_of(key));
    }
    Ok(())
}
