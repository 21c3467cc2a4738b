//! Configuration that a person wrote, where the agent is about to write its own. In: both texts. Out: what would be lost,
//! and whether the broker that it describes is another one than the cluster file's. It is kept beside the new one; this
//! only says what is worth knowing.

use crate::{desired::properties, secret::is_secret};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What the name of the copy ends with.
pub const KEPT_AS: &str = ".before-rocketmq-agent";

/// What a hand-written file says that the rendered one does not.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ByHand {
    /// Keys that are set there and not rendered, or rendered with another value; for a person to move to the cluster
    /// file.
    pub lost: Vec<String>,
    /// In which way the file is another broker's, or of a store that this one could not load.
    pub foreign: Option<String>,
}

/// What makes a broker this one and no other.
const IDENTITY: [&str; 3] = ["brokerClusterName", "brokerName", "brokerId"];

/// What a store was made with, and what RocketMQ takes where nothing is said (4.7.0-5.5.0 `MessageStoreConfig`): with other
/// lengths than its files have it does not load (`MappedFileQueue.load`), or begins anew beside them. The second name is the one before 4.5.
const LENGTHS: [(&str, &str); 3] = [
    ("mappedFileSizeCommitLog", "1073741824"),
    ("mapedFileSizeCommitLog", "1073741824"),
    ("mappedFileSizeConsumeQueue", "6000000"),
];

/// Compares two properties files.
pub fn compare(by_hand: &[u8], rendered: &str) -> ByHand {
    let (old, new) = (properties::parse(by_hand), properties::parse(rendered.as_bytes()));
    let trimmed = |values: &BTreeMap<String, String>, key: &str| values.get(key).map(|value| value.trim().to_owned());
    let differs = |key: &&String| trimmed(&old, key) != trimmed(&new, key);
    let lost = old.iter().filter(|(key, _)| differs(key)).map(|(key, value)| {
        let value = if is_secret(key) { "…" } else { value.trim() };
        match new.get(key) {
            Some(rendered) if !is_secret(key) => format!("{key} = {value} (now {})", rendered.trim()),
            _ => format!("{key} = {value}"),
        }
    });
    let foreign = IDENTITY.iter().find_map(|key| {
        let (was, is) = (trimmed(&old, key)?, trimmed(&new, key)?);
        (was != is).then(|| format!("{key} is {was} there, and would be {is}"))
    });
    let stranding = || {
        LENGTHS.iter().find_map(|(key, default)| {
            let was = trimmed(&old, key)?;
            let is = trimmed(&new, &key.replace("maped", "mapped")).unwrap_or_else(|| (*default).to_owned());
            (was != is).then(|| format!("{key} is {was} there and {is} here, so its files could not be loaded"))
        })
    };
    let foreign = foreign.or_else(stranding);
    ByHand { lost: lost.collect(), foreign }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_lost_is_listed_and_no_secret_is_shown() {
        let by_hand =
            b"# mine\nbrokerName = broker-a\nmaxMessageSize=5242880\nflushDiskType=SYNC_FLUSH \nmySecretKey=x\n";
        let found = compare(by_hand, "brokerName=broker-a\nflushDiskType=ASYNC_FLUSH\nbrokerId=0\n");
        assert_eq!(
            found.lost,
            ["flushDiskType = SYNC_FLUSH (now ASYNC_FLUSH)", "maxMessageSize = 5242880", "mySecretKey = …"]
        );
        assert_eq!(found.foreign, None);
    }

    #[test]
    fn another_brokers_configuration_is_known_by_its_name_cluster_or_id() {
        let foreign =
            |by_hand: &[u8]| compare(by_hand, "brokerClusterName=C\nbrokerName=broker-a\nbrokerId=0\n").foreign;
        assert_eq!(
            foreign(b"brokerName=broker-b\n"),
            Some("brokerName is broker-b there, and would be broker-a".to_owned())
        );
        assert!(foreign(b"brokerClusterName=D\n").is_some());
        assert!(foreign(b"brokerId=1\n").is_some());
        assert_eq!(foreign(b"brokerClusterName = C\nbrokerId=0\n"), None);
    }

    #[test]
    fn a_store_with_files_of_another_length_is_not_taken_over() {
        let foreign = |by_hand: &[u8], rendered: &str| compare(by_hand, rendered).foreign;
        assert!(foreign(b"mappedFileSizeCommitLog=1048576\n", "").is_some());
        assert!(foreign(b"mapedFileSizeCommitLog=1048576\n", "").is_some());
        assert_eq!(foreign(b"mappedFileSizeCommitLog=1073741824\n", ""), None);
        assert_eq!(foreign(b"mappedFileSizeCommitLog = 1048576\n", "mappedFileSizeCommitLog=1048576\n"), None);
    }
}
