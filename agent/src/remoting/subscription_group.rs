//! A consumer group as a broker keeps it: read from the answer to code 201, and written back as it is with code 200.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

/// One consumer group on one broker (`SubscriptionGroupConfig.java`). What is in it differs from release to release, so
/// it is handed on whole.
#[derive(Debug, Clone, PartialEq)]
pub struct SubscriptionGroup {
    /// groupName.
    pub name: String,
    pub(super) config: Value,
}

impl SubscriptionGroup {
    /// One with RocketMQ's defaults.
    pub fn new(name: &str) -> Self {
        Self { name: name.to_owned(), config: serde_json::json!({ "groupName": name }) }
    }
}

/// The body of the answer to code 201.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct GroupTable {
    #[serde(default)]
    subscription_group_table: BTreeMap<String, Value>,
}

impl GroupTable {
    /// By name, those of RocketMQ's own left out: every broker makes them.
    pub(super) fn groups(self) -> BTreeMap<String, SubscriptionGroup> {
        let own = ["CID_RMQ_SYS_", "CID_ONS", "CID_ONSAPI"];
        let named = self.subscription_group_table.into_iter();
        named
            .filter(|(name, _)| !own.iter().any(|start| name.starts_with(start)))
            .map(|(name, config)| (name.clone(), SubscriptionGroup { name, config }))
            .collect()
    }
}
