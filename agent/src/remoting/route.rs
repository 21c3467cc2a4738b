//! The route of a topic as a NameServer gives it: which brokers hold how many queues and what may be done with them.

use std::fmt;

use serde::Deserialize;

use super::{BrokerGroup, json};

/// Where a topic lives (answer to code 105).
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct TopicRoute {
    /// The broker groups that hold the topic.
    #[serde(default, rename = "brokerDatas", deserialize_with = "json::or_default")]
    pub groups: Vec<BrokerGroup>,
    /// The queues, one entry a brokerName.
    #[serde(default, rename = "queueDatas", deserialize_with = "json::or_default")]
    pub queues: Vec<QueueData>,
}

/// The queues of one topic on one brokerName.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct QueueData {
    /// brokerName.
    #[serde(default)]
    pub broker_name: String,
    /// Number of queues to read from.
    #[serde(default)]
    pub read_queue_nums: u32,
    /// Number of queues to write to.
    #[serde(default)]
    pub write_queue_nums: u32,
    /// Permission of the topic, as masked by the broker's own or by a wipe on this NameServer.
    #[serde(default)]
    pub perm: Perm,
}

/// Permission bits of a topic or broker (`PermName.java`).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Deserialize)]
#[serde(transparent)]
pub struct Perm(pub u32);

impl Perm {
    /// Reading only.
    pub const READ: Self = Self(4);
    /// Reading and writing.
    pub const READ_WRITE: Self = Self(6);

    /// Whether consumers may read.
    pub const fn is_readable(self) -> bool {
        self.0 & 4 != 0
    }

    /// Whether producers may write.
    pub const fn is_writeable(self) -> bool {
        self.0 & 2 != 0
    }
}

impl fmt::Display for Perm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn a_route_of_4_7_0_with_bare_keys_is_read() {
        let body = r#"{"brokerDatas":[{"brokerAddrs":{0:"10.0.0.1:10911"},"brokerName":"broker-a","cluster":"C"}],"filterServerTable":{},"queueDatas":[{"brokerName":"broker-a","perm":7,"readQueueNums":1,"topicSynFlag":0,"writeQueueNums":2}]}"#;
        let route: TopicRoute = json::from_slice(body.as_bytes()).unwrap();
        assert_eq!(route.groups[0].addresses[&0], "10.0.0.1:10911");
        let queues = &route.queues[0];
        assert_eq!((queues.read_queue_nums, queues.write_queue_nums), (1, 2));
        assert_eq!(queues.perm, Perm(7));
    }

    #[test]
    fn bits_of_a_permission_are_told_apart() {
        assert!(Perm(7).is_readable() && Perm(7).is_writeable());
        assert!(Perm::READ.is_readable() && !Perm::READ.is_writeable());
        assert!(!Perm(2).is_readable() && Perm(2).is_writeable());
    }
}
