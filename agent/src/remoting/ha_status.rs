//! Replication as a 5.x broker sees it (answer to code 907): a master its connected slaves, a slave its master.

use serde::Deserialize;

use super::json;

/// What a broker says of its replication (`HARuntimeInfo.java`, 5.0.0 and later).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HaStatus {
    /// The broker takes writes.
    Master {
        /// End of its commitlog.
        commit_log_max_offset: i64,
        /// Slaves within `haMaxGapNotInSync`, whose default of 256 MiB makes this useless for "caught up".
        in_sync_slaves: i64,
        /// Each slave that is connected.
        slaves: Vec<ConnectedSlave>,
    },
    /// The broker copies a master.
    Slave {
        /// The master's HA address (brokerIP2 and haListenPort); empty while not connected.
        master_address: String,
        /// End of this slave's commitlog.
        max_offset: i64,
        /// Offset up to which the master had flushed when it last said so.
        master_flush_offset: i64,
        /// When the master was last heard, ms since 1970; 0 for never.
        last_read_timestamp_ms: i64,
        /// Bytes copied in the last second.
        transferred_bytes_per_second: i64,
    },
}

/// A slave as its master sees it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct ConnectedSlave {
    /// Where the slave connected from: its IP with a port that means nothing.
    #[serde(rename = "addr")]
    pub address: String,
    /// Up to where the slave has everything.
    pub slave_ack_offset: i64,
    /// Bytes the slave is behind. The figure to judge by.
    #[serde(rename = "diff")]
    pub behind_bytes: i64,
    /// Whether it is within `haMaxGapNotInSync`.
    pub in_sync: bool,
    /// Offset its copying began at.
    pub transfer_from_where: i64,
    /// Bytes sent in the last second.
    #[serde(rename = "transferredByteInSecond")]
    pub transferred_bytes_per_second: i64,
}

/// The body of the answer; a master fills in the one half, a slave the other.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct HaBody {
    // Without a default: a body that does not say which half counts says nothing.
    master: bool,
    #[serde(default)]
    master_commit_log_max_offset: i64,
    #[serde(default)]
    in_sync_slave_nums: i64,
    #[serde(default, deserialize_with = "json::or_default")]
    ha_connection_info: Vec<ConnectedSlave>,
    #[serde(default, deserialize_with = "json::or_default")]
    ha_client_runtime_info: HaClientBody,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct HaClientBody {
    #[serde(deserialize_with = "json::or_default")]
    master_addr: String,
    max_offset: i64,
    master_flush_offset: i64,
    last_read_timestamp: i64,
    transferred_byte_in_second: i64,
}

impl From<HaBody> for HaStatus {
    fn from(body: HaBody) -> Self {
        if body.master {
            return Self::Master {
                commit_log_max_offset: body.master_commit_log_max_offset,
                in_sync_slaves: body.in_sync_slave_nums,
                slaves: body.ha_connection_info,
            };
        }
        let client = body.ha_client_runtime_info;
        Self::Slave {
            master_address: client.master_addr,
            max_offset: client.max_offset,
            master_flush_offset: client.master_flush_offset,
            last_read_timestamp_ms: client.last_read_timestamp,
            transferred_bytes_per_second: client.transferred_byte_in_second,
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;

    fn status(body: &str) -> HaStatus {
        json::from_slice::<HaBody>(body.as_bytes()).unwrap().into()
    }

    #[test]
    fn a_master_lists_its_slaves() {
        let body = r#"{"haClientRuntimeInfo":{"lastReadTimestamp":0,"maxOffset":0},"haConnectionInfo":[{"addr":"127.0.0.1:41934","diff":12,"inSync":true,"slaveAckOffset":88,"transferFromWhere":0,"transferredByteInSecond":3}],"inSyncSlaveNums":1,"master":true,"masterCommitLogMaxOffset":100}"#;
        let slave = ConnectedSlave {
            address: "127.0.0.1:41934".into(),
            slave_ack_offset: 88,
            behind_bytes: 12,
            in_sync: true,
            transfer_from_where: 0,
            transferred_bytes_per_second: 3,
        };
        let master = HaStatus::Master { commit_log_max_offset: 100, in_sync_slaves: 1, slaves: vec![slave] };
        assert_eq!(status(body), master);
    }

    #[test]
    fn a_slave_names_its_master_or_none_while_it_is_not_connected() {
        let slave = |master: &str, heard| HaStatus::Slave {
            master_address: master.into(),
            max_offset: 7,
            master_flush_offset: 9,
            last_read_timestamp_ms: heard,
            transferred_bytes_per_second: 0,
        };
        let connected = r#"{"haClientRuntimeInfo":{"lastReadTimestamp":5,"masterAddr":"127.0.0.1:31011","masterFlushOffset":9,"maxOffset":7},"haConnectionInfo":[],"master":false}"#;
        assert_eq!(status(connected), slave("127.0.0.1:31011", 5));
        let alone = r#"{"haClientRuntimeInfo":{"masterAddr":null,"masterFlushOffset":9,"maxOffset":7},"haConnectionInfo":null,"master":false}"#;
        assert_eq!(status(alone), slave("", 0));
    }

    #[test]
    fn a_body_that_names_no_role_is_no_status() {
        assert!(json::from_slice::<HaBody>(b"{}").is_err());
    }
}
