//! `unread`: what consumers have not read yet of the messages of a broker group, which is to be known before it is taken out
//! of the cluster file. `apply` asks the same of each group that leaves.

use super::{language::say, running};
use crate::{
    acl,
    cluster::Cluster,
    exit_code,
    remoting::{Broker, NameServer},
    settings::Settings,
};
use anyhow::Context;
use rocketmq_agent_domain::{
    desired::namesrv_addresses,
    document::Document,
    meaning::Language,
    names::BrokerName,
    placement::Placement,
    topology::{self, Topology},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    process::ExitCode,
    time::Duration,
};

const TIMEOUT: Duration = Duration::from_secs(5);
/// How many consumer groups are named.
const NAMED: usize = 5;

#[derive(Debug, clap::Args)]
pub(super) struct Unread {
    /// The cluster file [default: the one of the settings]
    #[arg(long)]
    file: Option<PathBuf>,
    /// brokerNames, such as broker-b
    #[arg(required = true, value_name = "GROUP")]
    groups: Vec<BrokerName>,
}

impl Unread {
    pub(super) async fn run(self, settings: Settings, language: Language) -> anyhow::Result<ExitCode> {
        let cluster = running::cluster(self.file.as_deref(), &settings)?;
        let mut left = false;
        for group in &self.groups {
            let found = unread_on(group, &cluster.topology, &cluster.placement).await;
            let found = found.with_context(|| format!("whether all of {group} was read cannot be told"))?;
            left |= !found.is_empty();
            let words = in_words(group, &found).unwrap_or_else(|| format!("all of {group} was read"));
            say(language, &words)?;
        }
        Ok(exit_code::code(if left { exit_code::CHANGES_PENDING } else { exit_code::OK }))
    }
}

/// What is unread of the groups that hold and would not.
#[derive(Default)]
pub(super) struct Leaving {
    /// A line for each of which something is unread.
    pub(super) unread: Vec<String>,
    /// And for each of which that cannot be told.
    pub(super) unknown: Vec<String>,
}

pub(super) async fn of_leaving(held: &Document, next: &Cluster) -> Leaving {
    let groups = |placement: &Placement| placement.brokers.iter().map(|it| it.group.clone()).collect::<BTreeSet<_>>();
    let gone: Vec<BrokerName> = groups(held.placement()).difference(&groups(&next.placement)).cloned().collect();
    let mut leaving = Leaving::default();
    let Ok(before) = topology::read(held.text()) else { return leaving };
    for group in gone {
        match unread_on(&group, &before, held.placement()).await {
            Ok(found) => leaving.unread.extend(in_words(&group, &found)),
            Err(error) => leaving.unknown.push(format!("whether all of {group} was read cannot be told: {error:#}")),
        }
    }
    leaving
}

fn in_words(group: &BrokerName, unread: &BTreeMap<String, u64>) -> Option<String> {
    let total: u64 = unread.values().sum();
    let named: Vec<String> = unread.iter().take(NAMED).map(|(name, count)| format!("{name}: {count}")).collect();
    let more = unread.len().saturating_sub(NAMED);
    let more = if more > 0 { format!(", and {more} more") } else { String::new() };
    (total > 0).then(|| format!("{total} messages on {group} are not read yet ({}{more})", named.join(", ")))
}

/// By consumer group, what it has not consumed of the topics that it has ever consumed there.
async fn unread_on(
    group: &BrokerName,
    topology: &Topology,
    placement: &Placement,
) -> anyhow::Result<BTreeMap<String, u64>> {
    let client = acl::client(topology, placement, TIMEOUT)?;
    let mut master = None;
    for namesrv in namesrv_addresses(topology, placement, |host| host.address) {
        let info = NameServer::new(&client, namesrv.to_string(), TIMEOUT).cluster_info().await;
        master = master.or_else(|| info.ok()?.address(group.as_str(), 0).map(str::to_owned));
    }
    let master = master.context("no NameServer that answers knows its master")?;
    let broker = Broker::new(&client, master, TIMEOUT);
    let mut ends = BTreeMap::new();
    let mut unread = BTreeMap::new();
    for (entry, queues) in broker.consumer_offsets().await? {
        let Some((topic, group)) = entry.split_once('@') else { continue };
        for (queue, offset) in queues {
            let key = (topic.to_owned(), queue);
            let end = match ends.get(&key) {
                Some(end) => *end,
                None => broker.max_offset(topic, queue).await?,
            };
            ends.insert(key, end);
            if let Some(left) = u64::try_from(end - offset).ok().filter(|left| *left > 0) {
                *unread.entry(group.to_owned()).or_insert(0) += left;
            }
        }
    }
    Ok(unread)
}
