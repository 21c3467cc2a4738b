//! What the controllers say: each of itself, and their leader about groups. In: the ones of the cluster. Out: what this
//! host's own, and its brokers, are judged by.

use super::{answers::is_answer, ask::TIMEOUT};
use crate::remoting::{Client, Controller, ControllerMetadata, SyncState};
use futures_util::future::join_all;
use rocketmq_agent_domain::{desired::Desired, health::facts::ControllerFacts, observed::Fact};
use std::{collections::BTreeMap, net::SocketAddr};

#[derive(Default)]
pub(super) struct Controllers {
    /// Each of them of itself, and whether it answered at all.
    said: BTreeMap<SocketAddr, (Fact<ControllerMetadata>, bool)>,
    /// Their leader of each group of this host.
    pub states: BTreeMap<String, Fact<SyncState>>,
}

impl Controllers {
    /// Asks every controller who leads, and the leader about the groups of this host.
    pub async fn ask(client: &Client, desired: &Desired) -> Self {
        let asked = join_all(desired.controllers.iter().map(|address| async {
            let answer = Controller::new(client, address.to_string(), TIMEOUT).metadata().await;
            let answered = is_answer(&answer);
            (*address, (Fact::from(answer), answered))
        }));
        let said: BTreeMap<_, _> = asked.await.into_iter().collect();
        let groups: Vec<&str> =
            desired.instances.iter().filter_map(|it| Some(it.broker.as_ref()?.group.as_str())).collect();
        if said.is_empty() || groups.is_empty() {
            return Self { said, ..Self::default() };
        }
        // One that leads says so itself: what another has heard of it may be out of date.
        let leader =
            said.iter().find(|(_, (it, _))| it.known().is_some_and(|it| it.is_leader)).map(|(address, _)| address);
        let states = match leader {
            Some(leader) => {
                let leader = Controller::new(client, leader.to_string(), TIMEOUT);
                Fact::from(leader.sync_states(&groups).await)
            }
            None => Fact::Unknown("no controller that answers leads".to_owned()),
        };
        let of = |group: &&str| match &states {
            Fact::Known(states) => match states.get(*group) {
                Some(state) => Fact::Known(state.clone()),
                None => Fact::Unknown("the controllers do not know the group yet".to_owned()),
            },
            Fact::Unknown(why) => Fact::Unknown(why.clone()),
        };
        let states = groups.iter().map(|group| ((*group).to_owned(), of(group))).collect();
        Self { said, states }
    }

    /// What the one at this address says, beside what the others do; and whether it answered at all.
    pub fn facts(&self, own: SocketAddr) -> (Fact<ControllerFacts>, bool) {
        let leader = |said: &Fact<ControllerMetadata>| match said {
            Fact::Known(said) => Fact::Known(said.leader.clone()),
            Fact::Unknown(why) => Fact::Unknown(why.clone()),
        };
        match self.said.get(&own) {
            Some((Fact::Unknown(why), answered)) => (Fact::Unknown(why.clone()), *answered),
            Some((Fact::Known(said), _)) => {
                let leaders = self.said.iter().map(|(address, (said, _))| (*address, leader(said))).collect();
                (Fact::Known(ControllerFacts { is_leader: said.is_leader, leaders, own: Some(own) }), true)
            }
            None => (Fact::Unknown("it was not asked".to_owned()), false),
        }
    }

    /// Whether most of them answer besides the one at this address, and so can elect without it.
    pub fn do_without(&self, own: SocketAddr) -> bool {
        let others = self.said.iter().filter(|(address, (said, _))| **address != own && said.known().is_some());
        others.count() * 2 > self.said.len()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn most_of_three_can_elect_without_one_only_where_both_others_answer() {
        let at = |host: u8| SocketAddr::from(([10, 0, 0, host], 9879));
        let said = |answer: bool| match answer {
            true => (Fact::Known(ControllerMetadata::default()), true),
            false => (Fact::Unknown("no answer".to_owned()), false),
        };
        for (answers, expected) in [([false, true, true], true), ([true, true, false], false)] {
            let said = [at(1), at(2), at(3)].into_iter().zip(answers.map(said)).collect();
            assert_eq!(Controllers { said, ..Controllers::default() }.do_without(at(1)), expected, "{answers:?}");
        }
    }
}
