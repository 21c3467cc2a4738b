//! Asks RocketMQ itself, beside the loop: the instances of this host, every NameServer, and the other member of each
//! group. In: what should run and what does. Out: [`Services`], each fact with the process that it is about.

mod answers;
mod ask;
mod controllers;
mod figures;
mod namesrvs;
mod replication;
mod services;
mod silence;
mod topics;

use ask::Asker;
use rocketmq_agent_domain::{
    desired::Desired,
    hang::Silence,
    health::facts::{ControllerFacts, HaConnection, ServiceFacts},
    names::InstanceName,
    observed::Fact,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};
use tokio::{sync::watch, time};

/// What was found out about each instance.
pub type Services = BTreeMap<InstanceName, Service>;

/// What was found out about one instance.
#[derive(Debug, Clone, PartialEq)]
pub struct Service {
    /// Of which process.
    pub pid: u32,
    /// What RocketMQ says.
    pub facts: ServiceFacts,
    /// That process has answered, and does not any more.
    pub silence: Option<Silence>,
}

/// The running processes of this host.
pub type Pids = BTreeMap<InstanceName, u32>;

/// Between two rounds while facts still change, and once they stand still.
const SOON: Duration = Duration::from_secs(1);
const LATER: Duration = Duration::from_secs(5);

/// Starts probing; it ends when nobody listens any more. The second end changes with every round, also with one that
/// found what was known. The third says whether a NameServer has a master of the cluster.
pub fn spawn(
    desired: watch::Receiver<Arc<Desired>>,
    pids: watch::Receiver<Pids>,
) -> (watch::Receiver<Services>, watch::Receiver<()>, watch::Receiver<Fact<bool>>) {
    let (services, seen) = watch::channel(Services::new());
    let (rounds, counted) = watch::channel(());
    let (master, master_seen) = watch::channel(Fact::Unknown("no NameServer was asked yet".to_owned()));
    tokio::spawn(probe(desired, pids, services, rounds, master));
    (seen, counted, master_seen)
}

async fn probe(
    mut desired: watch::Receiver<Arc<Desired>>,
    mut pids: watch::Receiver<Pids>,
    services: watch::Sender<Services>,
    rounds: watch::Sender<()>,
    master: watch::Sender<Fact<bool>>,
) {
    let mut asker = Asker::default();
    loop {
        let goal = Arc::clone(&desired.borrow_and_update());
        let running = pids.borrow_and_update().clone();
        let (found, has_master) = asker.round(&goal, &running).await;
        master.send_if_modified(|current| {
            let differs = *current != has_master;
            *current = has_master;
            differs
        });
        let settled = found.values().all(|service| is_settled(&service.facts));
        services.send_if_modified(|current| {
            let differs = *current != found;
            *current = found;
            differs
        });
        rounds.send_replace(());
        // Cancel-safe: both watches keep what changed for the next look.
        tokio::select! {
            changed = pids.changed() => if changed.is_err() { return },
            changed = desired.changed() => if changed.is_err() { return },
            () = time::sleep(if settled { LATER } else { SOON }) => {}
        }
    }
}

/// Whether a slower look is enough: everything that was asked has answered.
fn is_settled(facts: &ServiceFacts) -> bool {
    match facts {
        ServiceFacts::Jar(answer) => answer.known().is_some(),
        ServiceFacts::Namesrv(lacks, inside) => {
            lacks.known().is_some_and(BTreeSet::is_empty) && inside.as_ref().is_none_or(know_leader)
        }
        ServiceFacts::Proxy(facts) => facts.route.known().is_some() && facts.remoting.known().is_some(),
        ServiceFacts::Controller(facts) => know_leader(facts),
        ServiceFacts::Broker(broker) => {
            broker.runtime.known().is_some()
                && broker.registered.values().all(|known| known.known().is_some_and(|addresses| !addresses.is_empty()))
                && broker.partner.as_ref().is_none_or(|partner| partner.known().is_some())
                && broker.members.as_ref().is_none_or(|members| {
                    members.others.values().all(|other| other.known().is_some())
                        && members.sync.as_ref().is_none_or(|sync| {
                            sync.known().is_some_and(|sync| sync.in_sync.len() > members.others.len())
                        })
                })
                && (broker.partner.is_none() || broker.ha_connection.known() == Some(&HaConnection::Standing))
        }
    }
}

/// Whether all controllers have answered and know a leader.
fn know_leader(facts: &Fact<ControllerFacts>) -> bool {
    let knows = |leader: &Fact<Option<String>>| leader.known().is_some_and(Option::is_some);
    facts.known().is_some_and(|facts| facts.leaders.values().all(knows))
}
