//! One round of questions. Everything is asked at the same time, each with a limit, over kept connections.

use super::{Pids, Service, Services, figures, replication::Replication, silence::Track};
use crate::{
    remoting::{Broker, Client, ClusterInfo, NameServer, RemotingError, RuntimeInfo},
    supervise::sockets::Sockets,
};
use futures_util::future::{join, join_all};
use rocketmq_agent_domain::{
    desired::{Desired, ExpectedBroker, Instance, Partner},
    hang::Others,
    health::facts::{BrokerFacts, HaConnection, PartnerFacts, Runtime, ServiceFacts},
    launch::Role,
    names::InstanceName,
    observed::Fact,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    time::{Duration, Instant},
};

/// A broker that takes longer for a few figures is not well.
const TIMEOUT: Duration = Duration::from_secs(3);
/// The configuration is read back at least this often: anybody can change it online.
const CONFIG_EVERY: Duration = Duration::from_secs(30);

/// The configuration that a process was last seen to run with.
struct ReadBack {
    pid: u32,
    at: Instant,
    config: BTreeMap<String, String>,
}

/// Keeps connections and what need not be asked every time.
pub(super) struct Asker {
    client: Client,
    configs: BTreeMap<InstanceName, ReadBack>,
    replication: BTreeMap<InstanceName, Replication>,
    tracks: BTreeMap<InstanceName, Track>,
}

impl Default for Asker {
    fn default() -> Self {
        Self {
            client: Client::new(TIMEOUT),
            configs: BTreeMap::new(),
            replication: BTreeMap::new(),
            tracks: BTreeMap::new(),
        }
    }
}

/// What one instance was asked.
struct Asked {
    facts: ServiceFacts,
    /// The configuration, if it was read anew.
    config: Option<BTreeMap<String, String>>,
    /// It answered something, be it that it refuses.
    answered: bool,
}

type Views = BTreeMap<SocketAddr, Fact<ClusterInfo>>;

impl Asker {
    /// Asks about everything that runs.
    pub(super) async fn round(&mut self, desired: &Desired, pids: &Pids) -> Services {
        let views = self.namesrv_views(desired).await;
        let running = desired.instances.iter().filter_map(|i| Some((i, *pids.get(&i.launch.instance)?)));
        let running: Vec<(&Instance, u32)> = running.collect();
        let ha = self.replication(&running);
        let asked = join_all(running.iter().map(|(instance, pid)| self.one(instance, *pid, &views, &ha))).await;
        let mut services = Services::new();
        for ((instance, pid), Asked { facts, config, answered }) in running.into_iter().zip(asked) {
            let name = instance.launch.instance.clone();
            let answered = answered || config.is_some();
            if let Some(config) = config {
                self.configs.insert(name.clone(), ReadBack { pid, at: Instant::now(), config });
            }
            let track = self.tracks.entry(name.clone()).or_insert_with(|| Track::new(pid));
            let silence = track.look(pid, instance.address, answered, || others_of(instance, &facts, &views)).await;
            services.insert(name, Service { pid, facts, silence });
        }
        services
    }

    /// The connections for replication, of the brokers that have one.
    fn replication(&mut self, running: &[(&Instance, u32)]) -> BTreeMap<InstanceName, Fact<HaConnection>> {
        let paired = running.iter().filter_map(|(i, pid)| Some((i, *pid, i.broker.as_ref()?.partner.as_ref()?)));
        let mut sockets = None;
        let mut found = BTreeMap::new();
        for (instance, pid, partner) in paired {
            let name = instance.launch.instance.clone();
            let replication = self.replication.entry(name.clone()).or_default();
            let seen = if replication.is_held(pid) {
                replication.still()
            } else {
                // Once a round at most: on a broker with thousands of clients the table is long.
                let sockets = sockets.get_or_insert_with(|| Fact::from(Sockets::read()));
                replication.see(pid, connections(instance, partner, sockets))
            };
            found.insert(name, seen);
        }
        found
    }

    async fn namesrv_views(&self, desired: &Desired) -> Views {
        let asked = join_all(desired.namesrvs.iter().map(|address| async {
            let namesrv = NameServer::new(&self.client, address.to_string(), TIMEOUT);
            (*address, Fact::from(namesrv.cluster_info().await))
        }));
        asked.await.into_iter().collect()
    }

    async fn one(
        &self,
        instance: &Instance,
        pid: u32,
        views: &Views,
        ha: &BTreeMap<InstanceName, Fact<HaConnection>>,
    ) -> Asked {
        let Some(expected) = &instance.broker else {
            let (answer, answered) = self.namesrv(instance).await;
            return Asked { facts: ServiceFacts::Namesrv(answer), config: None, answered };
        };
        let broker = Broker::new(&self.client, instance.address.to_string(), TIMEOUT);
        let ha_connection = ha.get(&instance.launch.instance).cloned().unwrap_or(Fact::Known(HaConnection::Missing));
        // Without its slave a master may be told at any moment to go on alone.
        let is_settled = expected.replicas.is_none() || ha_connection == Fact::Known(HaConnection::Standing);
        let kept = self.configs.get(&instance.launch.instance).filter(|kept| {
            is_settled && kept.pid == pid && kept.at.elapsed() < CONFIG_EVERY && agrees(&kept.config, expected)
        });
        let ask_config = async {
            match kept {
                Some(kept) => (Fact::Known(kept.config.clone()), None),
                None => match broker.config().await {
                    Ok(config) => {
                        let live: BTreeSet<&str> = expected.live.keys().map(|key| key.name()).collect();
                        let is_ours = |key: &str| expected.config.contains_key(key) || live.contains(key);
                        let ours: BTreeMap<_, _> = config.into_iter().filter(|(key, _)| is_ours(key)).collect();
                        (Fact::Known(ours.clone()), Some(ours))
                    }
                    Err(error) => (Fact::from(Err(error)), None),
                },
            }
        };
        let (((runtime, answered), partner), (config, read)) =
            join(self.offsets(instance.launch.role, &broker, expected), ask_config).await;
        let registered = views.iter().map(|(address, view)| (*address, addresses_of(view, expected))).collect();
        let facts = BrokerFacts { runtime, config, registered, partner, ha_connection };
        Asked { facts: ServiceFacts::Broker(Box::new(facts)), config: read, answered }
    }

    async fn namesrv(&self, instance: &Instance) -> (Fact<()>, bool) {
        let namesrv = NameServer::new(&self.client, instance.address.to_string(), TIMEOUT);
        let answer = namesrv.cluster_info().await.map(|_| ());
        let answered = is_answer(&answer);
        (Fact::from(answer), answered)
    }

    /// The slave of the two is asked first, so that what the master takes meanwhile counts as lag and never the other
    /// way round.
    async fn offsets(
        &self,
        role: Role,
        broker: &Broker,
        expected: &ExpectedBroker,
    ) -> ((Fact<Runtime>, bool), Option<Fact<PartnerFacts>>) {
        let Some(partner) = &expected.partner else { return (own(broker.runtime_info().await), None) };
        let other = Broker::new(&self.client, partner.address.to_string(), TIMEOUT);
        if role == Role::Slave {
            let runtime = own(broker.runtime_info().await);
            let partner = others(other.runtime_info().await);
            (runtime, Some(partner))
        } else {
            let partner = others(other.runtime_info().await);
            let runtime = own(broker.runtime_info().await);
            (runtime, Some(partner))
        }
    }
}

fn is_answer<T>(answer: &Result<T, RemotingError>) -> bool {
    answer.as_ref().err().is_none_or(RemotingError::is_answer)
}

/// The other member of a broker's group, or the other NameServers.
fn others_of(instance: &Instance, facts: &ServiceFacts, views: &Views) -> Others {
    match facts {
        ServiceFacts::Broker(broker) => match &broker.partner {
            None => Others::Nobody,
            Some(Fact::Known(_)) => Others::Answer,
            Some(Fact::Unknown(why)) => Others::Unknown(format!("the other member of its group: {why}")),
        },
        ServiceFacts::Namesrv(_) => {
            let mut others = views.iter().filter(|(address, _)| **address != instance.address).peekable();
            match (others.peek().is_none(), others.any(|(_, view)| view.known().is_some())) {
                (true, _) => Others::Nobody,
                (_, true) => Others::Answer,
                _ => Others::Unknown("no other NameServer answers".to_owned()),
            }
        }
    }
}

fn agrees(config: &BTreeMap<String, String>, expected: &ExpectedBroker) -> bool {
    expected.config.iter().all(|(key, wanted)| config.get(key) == Some(wanted))
        && expected.live.iter().all(|(key, wanted)| config.get(key.name()).is_none_or(|found| found == wanted))
}

fn addresses_of(view: &Fact<ClusterInfo>, expected: &ExpectedBroker) -> Fact<BTreeMap<u64, String>> {
    match view {
        Fact::Known(info) => {
            let group = info.groups.get(expected.group.as_str());
            Fact::Known(group.map(|group| group.addresses.clone()).unwrap_or_default())
        }
        Fact::Unknown(why) => Fact::Unknown(why.clone()),
    }
}

fn unsigned(number: Option<i64>) -> Option<u64> {
    number.and_then(|number| u64::try_from(number).ok())
}

/// A broker that does not say where its log ends is unknown: taken for 0, it would be called empty or ahead.
fn own(answer: Result<RuntimeInfo, RemotingError>) -> (Fact<Runtime>, bool) {
    let answered = is_answer(&answer);
    let runtime = known_end(answer, |info, max_offset| Runtime {
        version: info.version.clone(),
        boot_timestamp: unsigned(info.boot_timestamp_ms),
        min_offset: unsigned(info.commit_log_min_offset),
        max_offset,
        disk_used: fullest(info),
        earliest_message: unsigned(info.earliest_message_timestamp_ms),
        figures: figures::of(&info.raw),
    });
    (runtime, answered)
}

fn fullest(info: &RuntimeInfo) -> Option<f64> {
    let paths = info.commit_log_disk_ratios.values().copied();
    paths.chain(info.commit_log_disk_ratio).chain(info.consume_queue_disk_ratio).reduce(f64::max)
}

fn others(answer: Result<RuntimeInfo, RemotingError>) -> Fact<PartnerFacts> {
    known_end(answer, |info, max_offset| PartnerFacts { min_offset: unsigned(info.commit_log_min_offset), max_offset })
}

fn known_end<T>(answer: Result<RuntimeInfo, RemotingError>, make: impl FnOnce(&RuntimeInfo, u64) -> T) -> Fact<T> {
    match answer {
        Ok(info) => match unsigned(info.commit_log_max_offset) {
            Some(end) => Fact::Known(make(&info, end)),
            None => Fact::Unknown("it does not say where its commit log ends".to_owned()),
        },
        Err(error) => Fact::from(Err(error)),
    }
}

/// Replication is a TCP connection, and the kernel knows of it whatever the release: a slave's goes to its master's HA
/// port, a master's comes in on its own.
fn connections(instance: &Instance, partner: &Partner, sockets: &Fact<Sockets>) -> Fact<Vec<u64>> {
    match (sockets, instance.launch.role) {
        (Fact::Unknown(why), _) => Fact::Unknown(why.clone()),
        (Fact::Known(sockets), Role::Slave) => Fact::Known(sockets.established(partner.ha_address)),
        // listenPort + 1, see BrokerSeat::ha_port.
        (Fact::Known(sockets), _) => Fact::Known(sockets.accepted(instance.address.port() + 1)),
    }
}
