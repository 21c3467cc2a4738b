//! Topics that one master of a cluster has not, though the others have: they live on each broker of its own, and nothing
//! brings them to one that is added. In: the topics of each master. Out: what is missing. Pure.

use crate::{finding, launch::Cause};
use std::{collections::BTreeSet, fmt::Display};

/// Those that brokers, proxies and clients make themselves (`TopicConfigManager`, `TopicValidator`, `MixAll` of 4.7.0-5.5.0).
const MADE_BY_ROCKETMQ: [&str; 7] = [
    "BenchmarkTest",
    "DefaultHeartBeatSyncerTopic",
    "OFFSET_MOVED_EVENT",
    "SCHEDULE_TOPIC_XXXX",
    "SELF_TEST_TOPIC",
    "TBW102",
    "TRANS_CHECK_MAX_TIME_TOPIC",
];

/// Whether a topic is one that people made, in a cluster of that name with those brokerNames.
pub fn is_of_users<'n>(topic: &str, cluster: &str, mut brokers: impl Iterator<Item = &'n str>) -> bool {
    let starts = ["%", "rmq_sys_", "RMQ_SYS_"];
    !MADE_BY_ROCKETMQ.contains(&topic)
        && !starts.iter().any(|start| topic.starts_with(start))
        && !topic.ends_with("_REPLY_TOPIC")
        && topic != cluster
        && !brokers.any(|broker| broker == topic)
}

/// What a master has not that it should. Which topics lie on which masters is people's to say, so only what is plain
/// counts: what all others have, where there are more of them, and of one other, where this has nothing of it.
pub fn missing(own: &BTreeSet<String>, others: &[BTreeSet<String>]) -> BTreeSet<String> {
    let Some((first, more)) = others.split_first() else { return BTreeSet::new() };
    let common = first.iter().filter(|topic| more.iter().all(|other| other.contains(*topic)));
    let missing: BTreeSet<String> = common.filter(|topic| !own.contains(*topic)).cloned().collect();
    if more.is_empty() && missing.len() < first.len() { BTreeSet::new() } else { missing }
}

/// How many are named.
const NAMED: usize = 5;

/// What is said about them.
pub fn warning(missing: &BTreeSet<String>) -> Option<Cause> {
    let named: Vec<&str> = missing.iter().take(NAMED).map(String::as_str).collect();
    let (count, topics) = (missing.len(), named.join(", "));
    let more = count.checked_sub(NAMED).filter(|more| *more > 0);
    let more = more.as_ref().map(|more| more as &dyn Display);
    let values = [("count", Some(&count as &dyn Display)), ("topics", Some(&topics)), ("more", more)];
    (count > 0).then(|| finding::TOPICS_MISSING.of_known(&values))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn set(names: &[&str]) -> BTreeSet<String> {
        names.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn what_rocketmq_makes_itself_is_not_of_users() {
        let is = |topic: &str| is_of_users(topic, "C", ["broker-a", "broker-b"].into_iter());
        for topic in ["TBW102", "%RETRY%g", "%DLQ%g", "C", "broker-b", "C_REPLY_TOPIC", "rmq_sys_REVIVE_LOG_C"] {
            assert!(!is(topic), "{topic}");
        }
        assert!(is("Orders") && is("broker-c"));
    }

    #[test]
    fn of_two_masters_one_without_any_topic_lacks_those_of_the_other() {
        assert_eq!(missing(&set(&[]), &[set(&["T", "U"])]), set(&["T", "U"]));
        assert_eq!(missing(&set(&["T"]), &[set(&["T", "U"])]), set(&[]), "who is to say where U belongs");
        assert_eq!(missing(&set(&[]), &[set(&[])]), set(&[]));
        assert_eq!(missing(&set(&[]), &[]), set(&[]));
    }

    #[test]
    fn of_more_masters_one_lacks_what_all_others_have() {
        let others = [set(&["T", "U", "V"]), set(&["T", "U"])];
        assert_eq!(missing(&set(&["T"]), &others), set(&["U"]));
        assert_eq!(missing(&set(&["W"]), &others), set(&["T", "U"]));
    }

    #[test]
    fn few_are_named_and_all_are_counted() {
        assert_eq!(warning(&set(&[])), None);
        let told = warning(&set(&["a", "b", "c", "d", "e", "f", "g"])).map(|told| told.what);
        let wanted = "it has not 7 topics that the other masters have: a, b, c, d, e and 2 more";
        assert_eq!(told.as_deref(), Some(wanted));
    }
}
