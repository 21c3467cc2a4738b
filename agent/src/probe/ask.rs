//! One round of questions. Everything is asked at the same time, each with a limit, over kept connections.

use super::{
    Pids, Service, Services,
    answers::{connections, others, own, unauthorized},
    controllers::Controllers,
    namesrvs::{Namesrvs, Views},
    replication::Replication,
    services::{self, has_master},
    silence::{Track, is_new},
    topics::Topics,
};
use crate::{
    acl,
    remoting::{Broker, Client, ClusterInfo, SyncState},
    room,
    supervise::sockets::Sockets,
    web,
};
use futures_util::future::{join, join_all};
use rocketmq_agent_domain::{
    desired::{Desired, Elections, ExpectedBroker, Instance},
    hang::Others,
    health::{
        facts::{
            BrokerFacts, HaConnection, MemberFacts, PartnerFacts, Runtime, ServiceFacts, SyncState as InSync,
            Unauthorized,
        },
        forecast::DiskTrend,
        lag::LagClock,
    },
    held,
    launch::Role,
    names::InstanceName,
    observed::Fact,
    rollout::PERMISSION,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

/// A broker that takes longer for a few figures is not well.
pub(super) const TIMEOUT: Duration = Duration::from_secs(3);
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
    /// For what serves web pages; `None` where no such client can be set up.
    web: Option<reqwest::Client>,
    configs: BTreeMap<InstanceName, ReadBack>,
    replication: BTreeMap<InstanceName, Replication>,
    tracks: BTreeMap<InstanceName, Track>,
    lags: BTreeMap<InstanceName, LagClock>,
    disks: BTreeMap<InstanceName, DiskTrend>,
    topics: Topics,
    began: Instant,
}

impl Default for Asker {
    fn default() -> Self {
        Self {
            client: Client::new(TIMEOUT),
            web: web::to_agents(TIMEOUT).ok(),
            configs: BTreeMap::new(),
            replication: BTreeMap::new(),
            tracks: BTreeMap::new(),
            lags: BTreeMap::new(),
            disks: BTreeMap::new(),
            topics: Topics::default(),
            began: Instant::now(),
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

impl Asker {
    /// Asks about everything that runs; and whether a NameServer has a master of the cluster.
    pub(super) async fn round(&mut self, desired: &Desired, pids: &Pids) -> (Services, Fact<bool>) {
        self.client.sign_as(acl::signer(desired.acl.as_ref()));
        self.client.speak_tls_to(desired.over_tls.clone());
        let (namesrvs, controllers) =
            join(Namesrvs::ask(&self.client, desired), Controllers::ask(&self.client, desired)).await;
        let views = &namesrvs.views;
        let running = desired.instances.iter().filter_map(|i| Some((i, *pids.get(&i.launch.instance)?)));
        let running: Vec<(&Instance, u32)> = running.collect();
        let ha = self.replication(&running);
        let asked = running.iter().map(|(instance, pid)| async {
            if instance.launch.role == Role::Namesrv {
                return self.namesrv(instance, *pid, desired, &namesrvs, &controllers).await;
            }
            self.one(instance, *pid, views, &controllers, &ha).await
        });
        let asked = join_all(asked).await;
        let mut services = Services::new();
        for ((instance, pid), Asked { mut facts, config, answered }) in running.into_iter().zip(asked) {
            let name = instance.launch.instance.clone();
            let answered = answered || config.is_some();
            if let Some(config) = config {
                self.configs.insert(name.clone(), ReadBack { pid, at: Instant::now(), config });
            }
            if let (ServiceFacts::Broker(broker), Some(expected)) = (&mut facts, &instance.broker) {
                self.note(instance, broker);
                broker.missing_topics = self.topics.look(&self.client, &name, pid, expected, views).await;
            }
            let track = self.tracks.entry(name.clone()).or_insert_with(|| Track::new(pid));
            let silence =
                track.look(pid, instance.address, answered, || others_of(instance, &facts, views, &controllers)).await;
            services.insert(name, Service { pid, facts, silence });
        }
        (services, has_master(views, &desired.cluster))
    }

    /// What only comes of more than one round.
    fn note(&mut self, instance: &Instance, facts: &mut BrokerFacts) {
        let name = &instance.launch.instance;
        facts.ha_reconnects = self.replication.get_mut(name).map_or(0, Replication::reconnects);
        let now = self.began.elapsed().as_millis() as u64;
        if let Fact::Known(Runtime { disk_used: Some(used), filling, .. }) = &mut facts.runtime {
            *filling = self.disks.entry(name.clone()).or_default().see(now, *used);
        }
        if let (Fact::Known(own), Some(Fact::Known(partner))) = (&facts.runtime, &facts.partner) {
            let (own, other) = (own.max_offset, partner.max_offset);
            let (slave, master) = if instance.launch.role == Role::Slave { (own, other) } else { (other, own) };
            facts.behind_for = Some(self.lags.entry(name.clone()).or_default().see(now, master, slave));
        }
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

    async fn one(
        &self,
        instance: &Instance,
        pid: u32,
        views: &Views,
        controllers: &Controllers,
        ha: &BTreeMap<InstanceName, Fact<HaConnection>>,
    ) -> Asked {
        let Some(expected) = &instance.broker else {
            if instance.launch.role == Role::Controller {
                let (facts, answered) = controllers.facts(instance.address);
                return Asked { facts: ServiceFacts::Controller(facts), config: None, answered };
            }
            let (facts, answered) = services::ask(&self.client, self.web.as_ref(), instance).await;
            return Asked { facts, config: None, answered };
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
                        let is_ours = |key: &String| {
                            [PERMISSION, held::KEY.name()].contains(&key.as_str())
                                || expected.config.contains_key(key)
                                || live.contains(key.as_str())
                        };
                        let ours: BTreeMap<_, _> = config.into_iter().filter(|(key, _)| is_ours(key)).collect();
                        (Fact::Known(ours.clone()), Some(ours))
                    }
                    Err(error) => (Fact::from(Err(error)), None),
                },
            }
        };
        let offsets = async {
            let (own, partner, refused) = self.offsets(instance.launch.role, &broker, expected).await;
            let members = match &expected.elections {
                Some(elections) => Some(self.members(expected, elections, controllers).await),
                None => None,
            };
            (own, partner, members, refused)
        };
        let (((mut runtime, answered), partner, members, unauthorized), (config, read)) =
            join(offsets, ask_config).await;
        let registered = views.iter().map(|(address, view)| (*address, addresses_of(view, expected))).collect();
        if let (Fact::Known(runtime), Some(store)) = (&mut runtime, &instance.launch.store)
            && config.known().is_some_and(held::says_so)
        {
            runtime.gap = room::gap(store, runtime.max_offset);
        }
        let permission = config.known().and_then(|config| config.get(PERMISSION)?.parse().ok());
        let (ha_reconnects, behind_for) = (0, None);
        let facts = BrokerFacts {
            runtime,
            config,
            registered,
            partner,
            members,
            ha_connection,
            ha_reconnects,
            behind_for,
            unauthorized,
            permission,
            missing_topics: BTreeSet::new(),
        };
        Asked { facts: ServiceFacts::Broker(Box::new(facts)), config: read, answered }
    }

    /// The others of a group that elects its master; after the member itself, so that a lag is never negative by timing.
    async fn members(
        &self,
        expected: &ExpectedBroker,
        elections: &Elections,
        controllers: &Controllers,
    ) -> MemberFacts {
        let asked = join_all(elections.others.iter().map(|other| async {
            let broker = Broker::new(&self.client, other.address.to_string(), TIMEOUT);
            (other.client_address, others(broker.log_ends().await))
        }));
        let in_sync = |state: &SyncState| InSync {
            in_sync: state.in_sync_replicas.iter().map(|it| it.broker_address.clone()).collect(),
        };
        let sync = elections.by_controllers.then(|| match controllers.states.get(expected.group.as_str()) {
            Some(Fact::Known(state)) => Fact::Known(in_sync(state)),
            Some(Fact::Unknown(why)) => Fact::Unknown(why.clone()),
            None => Fact::Unknown("the controllers were not asked".to_owned()),
        });
        MemberFacts { others: asked.await.into_iter().collect(), sync }
    }

    async fn namesrv(
        &self,
        instance: &Instance,
        pid: u32,
        desired: &Desired,
        namesrvs: &Namesrvs,
        controllers: &Controllers,
    ) -> Asked {
        let is_new = || is_new(self.tracks.get(&instance.launch.instance), pid, Instant::now());
        let (lacks, answered) = namesrvs.facts(&self.client, instance.address, desired, is_new).await;
        let inside = instance.launch.controller_inside().map(|address| controllers.facts(address).0);
        Asked { facts: ServiceFacts::Namesrv(lacks, inside), config: None, answered }
    }

    /// The slave of the two is asked first, so that what the master takes meanwhile is lag, and never the reverse.
    async fn offsets(
        &self,
        role: Role,
        broker: &Broker,
        expected: &ExpectedBroker,
    ) -> ((Fact<Runtime>, bool), Option<Fact<PartnerFacts>>, Unauthorized) {
        let Some(partner) = &expected.partner else {
            let answer = broker.runtime_info().await;
            let refused = Unauthorized { own: unauthorized(&answer), partner: None };
            return (own(answer), None, refused);
        };
        let other = Broker::new(&self.client, partner.address.to_string(), TIMEOUT);
        let (answer, partner) = if role == Role::Slave {
            (broker.runtime_info().await, other.log_ends().await)
        } else {
            let partner = other.log_ends().await;
            (broker.runtime_info().await, partner)
        };
        let refused = Unauthorized { own: unauthorized(&answer), partner: unauthorized(&partner) };
        (own(answer), Some(others(partner)), refused)
    }
}

/// The other member of a broker's group, or the other NameServers.
fn others_of(instance: &Instance, facts: &ServiceFacts, views: &Views, controllers: &Controllers) -> Others {
    match facts {
        // Each works for itself.
        ServiceFacts::Proxy(_) | ServiceFacts::Jar(_) => Others::Nobody,
        ServiceFacts::Controller(_) => Others::Unknown("controllers are left to elect another leader".to_owned()),
        ServiceFacts::Broker(broker) => match &broker.partner {
            None if broker.members.is_some() => others_of_member(instance, broker),
            None => Others::Nobody,
            Some(Fact::Known(_)) => Others::Answer,
            Some(Fact::Unknown(why)) => Others::Unknown(format!("the other member of its group: {why}")),
        },
        ServiceFacts::Namesrv(..)
            if instance.launch.controller_inside().is_some_and(|inside| !controllers.do_without(inside)) =>
        {
            Others::Unknown("too few of the other controllers answer to elect a leader".to_owned())
        }
        ServiceFacts::Namesrv(..) => {
            let mut others = views.iter().filter(|(address, _)| **address != instance.address).peekable();
            match (others.peek().is_none(), others.any(|(_, view)| view.known().is_some())) {
                (true, _) => Others::Nobody,
                (_, true) => Others::Answer,
                _ => Others::Unknown("no other NameServer answers".to_owned()),
            }
        }
    }
}

/// A member may go when enough others answer to elect another master.
fn others_of_member(instance: &Instance, facts: &BrokerFacts) -> Others {
    let elections = instance.broker.as_ref().and_then(|broker| broker.elections.as_ref());
    let (Some(elections), Some(members)) = (elections, &facts.members) else { return Others::Nobody };
    let answering = members.others.values().filter(|other| other.known().is_some()).count();
    match answering >= elections.least {
        true => Others::Answer,
        false => {
            Others::Unknown(format!("{answering} other members of its group answer, and it needs {}", elections.least))
        }
    }
}

fn agrees(config: &BTreeMap<String, String>, expected: &ExpectedBroker) -> bool {
    let is_its_own =
        expected.config.contains_key(PERMISSION) || config.get(PERMISSION).is_none_or(|permission| permission == "6");
    is_its_own
        && !held::says_so(config)
        && expected.config.iter().all(|(key, wanted)| config.get(key) == Some(wanted))
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
