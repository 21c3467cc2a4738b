//! Which topics a master of this host has not, though the other masters of its cluster have. Asked rarely: the answer of
//! each broker is its whole list.

use super::{ask::TIMEOUT, namesrvs::Views};
use crate::remoting::{Broker, Client, ClusterInfo, RemotingError};
use futures_util::future::join_all;
use rocketmq_agent_domain::{
    desired::ExpectedBroker,
    names::InstanceName,
    observed::Fact,
    topics::{is_of_users, missing},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

/// Between two looks, and while something is missing.
const RARELY: Duration = Duration::from_secs(600);
const SOON: Duration = Duration::from_secs(30);

/// What was found last of each process, and when to look again.
#[derive(Default)]
pub(super) struct Topics(BTreeMap<InstanceName, (u32, Instant, BTreeSet<String>)>);

impl Topics {
    /// What a broker lacks, where it is a master; nothing where that cannot be told.
    pub(super) async fn look(
        &mut self,
        client: &Client,
        name: &InstanceName,
        pid: u32,
        expected: &ExpectedBroker,
        views: &Views,
    ) -> BTreeSet<String> {
        let known = self.0.get(name).filter(|(of, ..)| *of == pid);
        let before = known.map(|(.., found)| found.clone()).unwrap_or_default();
        if known.is_some_and(|(_, again, _)| *again > Instant::now()) {
            return before;
        }
        let info = views.values().find_map(Fact::known);
        let Some(masters) = info.and_then(|info| masters(expected, info)) else { return BTreeSet::new() };
        let asked = lacks(client, expected, &masters).await;
        let is_whole = asked.as_ref().is_ok_and(BTreeSet::is_empty);
        let found = asked.unwrap_or(before);
        let again = Instant::now() + if is_whole { RARELY } else { SOON };
        self.0.insert(name.clone(), (pid, again, found.clone()));
        found
    }
}

/// The masters of the cluster by group, this one first; none where it is not among them, or is the only one.
fn masters<'v>(expected: &ExpectedBroker, info: &'v ClusterInfo) -> Option<Vec<(&'v str, &'v str)>> {
    let of_cluster = info.groups.iter().filter(|(_, group)| group.cluster == expected.cluster);
    let mut masters: Vec<(&str, &str)> =
        of_cluster.filter_map(|(name, group)| Some((name.as_str(), group.addresses.get(&0)?.as_str()))).collect();
    masters.sort_by_key(|(name, _)| *name != expected.group.as_str());
    let own = (expected.group.as_str(), expected.client_address.to_string());
    (masters.len() > 1 && masters[0] == (own.0, own.1.as_str())).then_some(masters)
}

async fn lacks(
    client: &Client,
    expected: &ExpectedBroker,
    masters: &[(&str, &str)],
) -> Result<BTreeSet<String>, RemotingError> {
    let asked = join_all(masters.iter().map(|(_, address)| async {
        let topics = Broker::new(client, *address, TIMEOUT).topics().await?;
        let taken = topics.into_iter().filter(|(name, topic)| {
            topic.perm.is_writeable()
                && topic.write_queue_nums > 0
                && is_of_users(name, &expected.cluster, masters.iter().map(|(broker, _)| *broker))
        });
        Ok(taken.map(|(name, _)| name).collect::<BTreeSet<String>>())
    }));
    let mut lists = asked.await.into_iter().collect::<Result<Vec<_>, RemotingError>>()?;
    let own = lists.remove(0);
    Ok(missing(&own, &lists))
}
