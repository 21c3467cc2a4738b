//! A topic's configuration as a broker keeps it: read from the answer to code 21, written as the fields of code 17.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::{Perm, Request, RequestCode, json};

/// One topic on one broker (`TopicConfig.java`).
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct TopicConfig {
    /// Name of the topic.
    pub topic_name: String,
    /// Number of queues to read from.
    pub read_queue_nums: u32,
    /// Number of queues to write to.
    pub write_queue_nums: u32,
    /// What clients may do.
    pub perm: Perm,
    /// Unit flags; 0 outside of Alibaba's unitised clusters.
    #[serde(default)]
    pub topic_sys_flag: i32,
    /// Whether it is an ordered topic, whose route the NameServer's KV configuration fixes.
    #[serde(default)]
    pub order: bool,
    /// 5.x: such as `message.type` = `FIFO`.
    #[serde(default, deserialize_with = "json::texts")]
    pub attributes: BTreeMap<String, String>,
}

impl TopicConfig {
    /// A plain topic with as many queues to read from as to write to, readable and writeable.
    pub fn new(topic_name: impl Into<String>, queue_nums: u32) -> Self {
        Self {
            topic_name: topic_name.into(),
            read_queue_nums: queue_nums,
            write_queue_nums: queue_nums,
            perm: Perm::READ_WRITE,
            topic_sys_flag: 0,
            order: false,
            attributes: BTreeMap::new(),
        }
    }

    pub(super) fn create_request(&self) -> Request {
        let request = Request::new(RequestCode::UpdateAndCreateTopic)
            .field("topic", &self.topic_name)
            // Required by CreateTopicRequestHeader and used for nothing.
            .field("defaultTopic", "TBW102")
            .field("readQueueNums", self.read_queue_nums)
            .field("writeQueueNums", self.write_queue_nums)
            .field("perm", self.perm)
            .field("topicFilterType", "SINGLE_TAG")
            .field("topicSysFlag", self.topic_sys_flag)
            .field("order", self.order);
        if self.attributes.is_empty() {
            return request;
        }
        // "+" adds or alters; without it the broker answers "add/alter attribute format is wrong" (5.5.0).
        let attributes: Vec<String> = self.attributes.iter().map(|(name, value)| format!("+{name}={value}")).collect();
        request.field("attributes", attributes.join(","))
    }
}

/// The body of the answer to code 21.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct TopicTable {
    pub(super) topic_config_table: BTreeMap<String, TopicConfig>,
}
