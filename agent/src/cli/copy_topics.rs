//! `copy-topics`: makes on each master the topics and consumer groups that it has not and another master has, as they
//! are there. Shows them first, and asks.

use super::{language::say, noted::Noted, question::asked, running};
use crate::{
    acl,
    cluster::Cluster,
    exit_code,
    remoting::{Broker, NameServer, SubscriptionGroup, TopicConfig},
    settings::Settings,
};
use anyhow::Context;
use rocketmq_agent_domain::{desired::namesrv_addresses, meaning::Language, names::BrokerName, topics::is_of_users};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    path::PathBuf,
    process::ExitCode,
    time::Duration,
};

const TIMEOUT: Duration = Duration::from_secs(10);

#[derive(Debug, clap::Args)]
pub(super) struct CopyTopics {
    /// The cluster file [default: the one of the settings]
    #[arg(long)]
    file: Option<PathBuf>,
    /// Only to the masters of these groups
    #[arg(value_name = "GROUP")]
    groups: Vec<BrokerName>,
    /// Show what is missing, and change nothing; exit status 3 if something is
    #[arg(long)]
    dry_run: bool,
    /// Do not ask
    #[arg(long)]
    yes: bool,
}

/// A master and what it has.
struct Master {
    group: String,
    broker: Broker,
    topics: BTreeMap<String, TopicConfig>,
    groups: BTreeMap<String, SubscriptionGroup>,
}

/// What one master has not.
struct Missing<'m> {
    master: &'m Master,
    topics: Vec<(&'m str, &'m TopicConfig)>,
    groups: Vec<&'m SubscriptionGroup>,
}

impl fmt::Display for Missing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let topics = self.topics.iter().map(|(_, it)| format!("topic {}", it.topic_name));
        let groups = self.groups.iter().map(|it| format!("consumer group {}", it.name));
        write!(f, "{}: {}", self.master.group, groups.chain(topics).collect::<Vec<_>>().join(", "))
    }
}

impl CopyTopics {
    pub(super) async fn run(self, settings: Settings, language: Language) -> anyhow::Result<ExitCode> {
        let cluster = running::cluster(self.file.as_deref(), &settings)?;
        let masters = masters(&cluster).await?;
        let wanted =
            |master: &Master| self.groups.is_empty() || self.groups.iter().any(|group| group.as_str() == master.group);
        let missing: Vec<Missing<'_>> = masters
            .iter()
            .filter(|master| wanted(master))
            .map(|master| lacks(master, &masters))
            .filter(|it| !it.topics.is_empty() || !it.groups.is_empty())
            .collect();
        for Missing { master, topics, groups } in &missing {
            for group in groups {
                say(language, &format!("{}: consumer group {}", master.group, group.name))?;
            }
            for (from, topic) in topics {
                let TopicConfig { topic_name, read_queue_nums, write_queue_nums, perm, .. } = topic;
                let queues = format!("{read_queue_nums} queues to read, {write_queue_nums} to write, perm {perm}");
                say(language, &format!("{}: topic {topic_name} ({queues}), as on {from}", master.group))?;
            }
        }
        if missing.is_empty() {
            say(language, "every master has the topics and consumer groups of the others")?;
            return Ok(exit_code::code(exit_code::OK));
        }
        if self.dry_run {
            return Ok(exit_code::code(exit_code::CHANGES_PENDING));
        }
        if !self.yes && !asked(language, "make them")? {
            say(language, "nothing was changed")?;
            return Ok(exit_code::code(exit_code::FAILED));
        }
        for it in &missing {
            let noted = Noted::begins(&settings, language, "copy-topics", it.to_string());
            let made = make(it).await.with_context(|| format!("{} has only a part of them", it.master.group));
            noted.ended("made, and read back", &made);
            made?;
            say(language, &format!("{}: made, and read back", it.master.group))?;
        }
        Ok(exit_code::code(exit_code::OK))
    }
}

/// All masters of the cluster, as the first NameServer that answers has them.
async fn masters(cluster: &Cluster) -> anyhow::Result<Vec<Master>> {
    let client = acl::client(&cluster.topology, &cluster.placement, TIMEOUT)?;
    let mut found = None;
    for namesrv in namesrv_addresses(&cluster.topology, &cluster.placement, |host| host.address) {
        found = NameServer::new(&client, namesrv.to_string(), TIMEOUT).cluster_info().await.ok();
        if found.is_some() {
            break;
        }
    }
    let info = found.context("no NameServer answers")?;
    let name = cluster.topology.name.to_string();
    let of_cluster = || info.groups.iter().filter(|(_, group)| group.cluster == name);
    let brokers: BTreeSet<&str> = of_cluster().map(|(name, _)| name.as_str()).collect();
    let mut masters = Vec::new();
    for (group, at) in of_cluster() {
        let Some(address) = at.addresses.get(&0) else { continue };
        let broker = Broker::new(&client, address.clone(), TIMEOUT);
        let unread = || format!("what the master of {group} has cannot be told");
        let mut topics = broker.topics().await.with_context(unread)?;
        topics.retain(|topic, _| is_of_users(topic, &name, brokers.iter().copied()));
        let groups = broker.subscription_groups().await.with_context(unread)?;
        masters.push(Master { group: group.clone(), broker, topics, groups });
    }
    Ok(masters)
}

/// What the others have first, by name.
fn lacks<'m>(master: &'m Master, all: &'m [Master]) -> Missing<'m> {
    let others = || all.iter().filter(|other| other.group != master.group);
    let mut topics = BTreeMap::new();
    let mut groups = BTreeMap::new();
    for other in others() {
        for (name, topic) in other.topics.iter().filter(|(name, _)| !master.topics.contains_key(*name)) {
            topics.entry(name).or_insert((other.group.as_str(), topic));
        }
        for (name, group) in other.groups.iter().filter(|(name, _)| !master.groups.contains_key(*name)) {
            groups.entry(name).or_insert(group);
        }
    }
    Missing { master, topics: topics.into_values().collect(), groups: groups.into_values().collect() }
}

/// The groups first: a consumer that finds the topic must find its group.
async fn make(Missing { master, topics, groups }: &Missing<'_>) -> anyhow::Result<()> {
    let broker = &master.broker;
    for group in groups {
        broker.create_subscription_group(group).await?;
    }
    // Since it was looked they may have been made otherwise.
    let now = broker.topics().await?;
    for (_, topic) in topics.iter().filter(|(_, topic)| !now.contains_key(&topic.topic_name)) {
        broker.create_topic(topic).await?;
    }
    let (now, known) = (broker.topics().await?, broker.subscription_groups().await?);
    let lacking = topics.iter().map(|(_, it)| &it.topic_name).find(|name| !now.contains_key(*name));
    let lacking = lacking.or_else(|| groups.iter().map(|it| &it.name).find(|name| !known.contains_key(*name)));
    anyhow::ensure!(
        lacking.is_none(),
        "{} says that it made {}, and has it not",
        broker.address(),
        lacking.map_or("", String::as_str)
    );
    Ok(())
}
