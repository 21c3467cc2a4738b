//! What the NameServers say: each which brokers it has. In: those of the cluster. Out: their views, each asked for once a
//! round; and of this host's own what it should have and has not.

use super::{answers::is_answer, ask::TIMEOUT};
use crate::remoting::{Broker, Client, ClusterInfo, NameServer};
use futures_util::future::join_all;
use rocketmq_agent_domain::{desired::Desired, health::namesrv::lacking, observed::Fact};
use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
};

pub(super) type Views = BTreeMap<SocketAddr, Fact<ClusterInfo>>;

pub(super) struct Namesrvs {
    pub views: Views,
    /// Those that answered something, be it that they refuse.
    answered: BTreeSet<SocketAddr>,
}

impl Namesrvs {
    pub async fn ask(client: &Client, desired: &Desired) -> Self {
        let asked = join_all(desired.namesrvs.iter().map(|address| async { (*address, view(client, *address).await) }));
        let (mut views, mut answered) = (Views::new(), BTreeSet::new());
        for (address, (view, is_answer)) in asked.await {
            views.insert(address, view);
            answered.extend(Some(address).filter(|_| is_answer));
        }
        Self { views, answered }
    }

    /// Which brokers that run the one at this address has not, where `is_new` says that it may not have heard of all; and
    /// whether it answered at all.
    pub async fn facts(
        &self,
        client: &Client,
        own: SocketAddr,
        desired: &Desired,
        is_new: impl FnOnce() -> bool,
    ) -> (Fact<BTreeSet<String>>, bool) {
        let (view, answered) = match self.views.get(&own) {
            Some(view) => (view.clone(), self.answered.contains(&own)),
            // Behind NAT the others reach it by another address than its own host does.
            None => view(client, own).await,
        };
        let view = match view {
            Fact::Known(view) => view,
            Fact::Unknown(why) => return (Fact::Unknown(why), answered),
        };
        let others = self.views.iter().filter(|(address, _)| **address != own).filter_map(|(_, view)| view.known());
        let lacking = lacking(&desired.brokers, &addresses(&view), &others.map(addresses).collect::<Vec<_>>());
        if lacking.is_empty() || !is_new() {
            return (Fact::Known(BTreeSet::new()), answered);
        }
        // Another NameServer has one whose host is gone for up to two minutes more.
        let runs = join_all(lacking.into_iter().map(|(group, broker)| async move {
            let answer = Broker::new(client, broker.address.to_string(), TIMEOUT).log_ends().await;
            is_answer(&answer).then(|| format!("{group} on {}", broker.host))
        }));
        (Fact::Known(runs.await.into_iter().flatten().collect()), answered)
    }
}

/// What one has, and whether it answered at all.
async fn view(client: &Client, address: SocketAddr) -> (Fact<ClusterInfo>, bool) {
    let answer = NameServer::new(client, address.to_string(), TIMEOUT).cluster_info().await;
    let answered = is_answer(&answer);
    (Fact::from(answer), answered)
}

fn addresses(view: &ClusterInfo) -> BTreeSet<&str> {
    view.groups.values().flat_map(|group| group.addresses.values()).map(String::as_str).collect()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::{
        probe::ask::Asker,
        remoting::scripted_peer::{ScriptedPeer, answer_to},
    };
    use rocketmq_agent_domain::{
        desired::{HostFacts, Java, desired},
        health::facts::ServiceFacts,
        launch::Role,
        names::InstanceName,
        placement::place,
        size::Size,
        topology,
    };
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    };

    /// A peer that answers everything with this body, and how often it was asked.
    async fn answering(body: &str) -> (ScriptedPeer, SocketAddr, Arc<AtomicUsize>) {
        let (asked, body) = (Arc::new(AtomicUsize::new(0)), body.to_owned());
        let count = Arc::clone(&asked);
        let peer = ScriptedPeer::answering(move |request| {
            count.fetch_add(1, Ordering::Relaxed);
            let mut answer = answer_to(request);
            answer.body = body.clone().into();
            Some(answer)
        })
        .await;
        let address = peer.address.parse().unwrap();
        (peer, address, asked)
    }

    /// A host with a NameServer and a broker, of which only the NameServer runs as far as is known here.
    fn of_single(namesrvs: &[SocketAddr], broker: SocketAddr) -> Desired {
        let text = "[cluster]\nmode = \"single\"\n[rocketmq]\nversion = \"5.5.0\"\n[[host]]\nname = \"vm1\"\n\
                    address = \"10.0.0.1\"\n";
        let topology = topology::read(text).unwrap();
        let facts = HostFacts { memory: Size::mib(8192), java: Java { program: "/j".into(), release: 17 } };
        let placement = place(&topology, None).unwrap();
        let mut desired = desired(&topology, &placement, &"vm1".parse().unwrap(), &facts).unwrap();
        desired.instances.retain(|instance| instance.launch.role == Role::Namesrv);
        desired.instances[0].address = namesrvs[0];
        desired.namesrvs = namesrvs.to_vec();
        desired.brokers[0].1.address = broker;
        desired
    }

    async fn round(asker: &mut Asker, desired: &Desired) -> Fact<BTreeSet<String>> {
        let pids = [(InstanceName::namesrv(), std::process::id())].into();
        let (services, _) = asker.round(desired, &pids).await;
        match services.into_values().next().unwrap().facts {
            ServiceFacts::Namesrv(facts, None) => facts,
            other => unreachable!("{other:?}"),
        }
    }

    fn lacks(names: &[&str]) -> Fact<BTreeSet<String>> {
        Fact::Known(names.iter().map(|name| (*name).to_owned()).collect())
    }

    const EMPTY: &str = "{}";
    const FULL: &str = r#"{"brokerAddrTable":{"broker-a":{"brokerAddrs":{0:"10.0.0.1:10911"}}}}"#;

    #[tokio::test]
    async fn the_hosts_own_namesrv_is_asked_once_a_round_like_the_others() {
        let (_own, own, asked) = answering(FULL).await;
        let (_other, other, asked_there) = answering(FULL).await;
        let mut asker = Asker::default();
        assert_eq!(round(&mut asker, &of_single(&[own, other], own)).await, lacks(&[]));
        assert_eq!((asked.load(Ordering::Relaxed), asked_there.load(Ordering::Relaxed)), (1, 1));
        // Behind NAT the file has another address for it.
        let mut desired = of_single(&[own, other], own);
        desired.namesrvs.remove(0);
        assert_eq!(round(&mut asker, &desired).await, lacks(&[]));
        assert_eq!((asked.load(Ordering::Relaxed), asked_there.load(Ordering::Relaxed)), (2, 2));
    }

    #[tokio::test]
    async fn a_namesrv_that_has_just_started_lacks_a_broker_only_while_that_answers() {
        let (_own, own, _) = answering(EMPTY).await;
        let (_other, other, _) = answering(FULL).await;
        let (broker_peer, broker, asked) = answering(EMPTY).await;
        let mut asker = Asker::default();
        for namesrvs in [&[own][..], &[own, other]] {
            assert_eq!(round(&mut asker, &of_single(namesrvs, broker)).await, lacks(&["broker-a on vm1"]));
        }
        // What no NameServer has is the broker's to say.
        let (_third, third, _) = answering(EMPTY).await;
        assert_eq!(round(&mut asker, &of_single(&[own, third], broker)).await, lacks(&[]));
        assert_eq!(asked.load(Ordering::Relaxed), 2);
        drop(broker_peer);
        let gone = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        assert_eq!(round(&mut asker, &of_single(&[own, other], gone)).await, lacks(&[]), "it is down");
        let silent = round(&mut asker, &of_single(&[gone, other], broker)).await;
        assert!(matches!(silent, Fact::Unknown(_)), "{silent:?}");
    }
}
