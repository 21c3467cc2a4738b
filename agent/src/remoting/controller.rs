//! What a controller of 5.x is asked: who leads them, which members of a group are in sync, and to elect another master.
//! Only their leader knows the groups; the others refuse with CONTROLLER_NOT_LEADER. The codes mean this from 5.1.1 on.

use super::{Client, RemotingError, Request, RequestCode, endpoint::Endpoint, json};
use serde::Deserialize;
use std::{collections::BTreeMap, time::Duration};

/// One controller with the timeout of each call.
#[derive(Debug, Clone)]
pub struct Controller {
    endpoint: Endpoint,
}

/// What a controller says of itself (answer to code 1005).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ControllerMetadata {
    /// `host:port` of the leader; none while there is no leader, or it does not know one.
    pub leader: Option<String>,
    /// Whether that is itself.
    pub is_leader: bool,
}

/// A group as the leader knows it (answer to code 1006).
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct SyncState {
    /// Members that have everything acknowledged; only one of them can be elected.
    #[serde(deserialize_with = "json::or_default")]
    pub in_sync_replicas: Vec<Replica>,
}

/// A member of a group.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct Replica {
    /// Its id among the controllers, which it keeps; a master is registered in the NameServers as 0 all the same.
    pub broker_id: u64,
    /// brokerIP1 and listenPort.
    pub broker_address: String,
    /// The leader hears from it.
    pub alive: bool,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", default)]
struct SyncStates {
    #[serde(deserialize_with = "json::or_default")]
    replicas_info_table: BTreeMap<String, SyncState>,
}

impl Controller {
    /// The controller at `host:port`; each call ends within `timeout`.
    pub fn new(client: &Client, address: impl Into<String>, timeout: Duration) -> Self {
        Self { endpoint: Endpoint { client: client.clone(), address: address.into(), timeout } }
    }

    /// Who leads (code 1005).
    ///
    /// # Errors
    /// Those of [`Client::call`].
    pub async fn metadata(&self) -> Result<ControllerMetadata, RemotingError> {
        let answer = self.endpoint.call(Request::new(RequestCode::ControllerGetMetadataInfo)).await?;
        let field = |name: &str| answer.ext_fields.get(name).filter(|text| !text.is_empty());
        let is_leader = field("isLeader").is_some_and(|text| text == "true");
        Ok(ControllerMetadata { leader: field("controllerLeaderAddress").cloned(), is_leader })
    }

    /// The members of these groups, by brokerName (code 1006).
    ///
    /// # Errors
    /// Those of [`Client::call`], and [`RemotingError::Malformed`] for another body.
    pub async fn sync_states(&self, groups: &[&str]) -> Result<BTreeMap<String, SyncState>, RemotingError> {
        let names: Vec<String> = groups.iter().map(|name| format!("\"{name}\"")).collect();
        let request =
            Request::new(RequestCode::ControllerGetSyncStateData).body(format!("[{}]", names.join(",")).into_bytes());
        Ok(self.endpoint.read::<SyncStates>(request).await?.replicas_info_table)
    }

    /// Makes that member the master, if it is in sync (code 1002).
    ///
    /// # Errors
    /// Those of [`Client::call`].
    pub async fn elect(&self, cluster: &str, group: &str, broker_id: u64) -> Result<(), RemotingError> {
        let request = Request::new(RequestCode::ControllerElectMaster)
            .field("clusterName", cluster)
            .field("brokerName", group)
            .field("brokerId", broker_id)
            .field("designateElect", true);
        self.endpoint.call(request).await.map(drop)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::remoting::scripted_peer::{ScriptedPeer, answer_to};

    const TIMEOUT: Duration = Duration::from_secs(20);

    /// Words of controllers of 5.5.0.
    #[tokio::test]
    async fn what_a_leader_says_is_read_and_one_without_a_leader_names_none() {
        let peer = ScriptedPeer::answering(|request| {
            let mut answer = answer_to(request);
            match request.code {
                1005 => {
                    let fields = [("isLeader", "true"), ("controllerLeaderAddress", "127.0.0.3:9882")];
                    answer.ext_fields = fields.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
                }
                _ => answer.body = r#"{"replicasInfoTable":{"broker-a":{"inSyncReplicas":[{"alive":true,"brokerAddress":"127.0.0.1:10911","brokerId":2,"brokerName":"broker-a"}],"masterAddress":"127.0.0.1:10911","masterBrokerId":2,"masterEpoch":2,"notInSyncReplicas":[{"alive":false,"brokerAddress":"127.0.0.3:11111","brokerId":1,"brokerName":"broker-a"}],"syncStateSetEpoch":5}}}"#.into(),
            }
            Some(answer)
        })
        .await;
        let controller = Controller::new(&Client::new(TIMEOUT), &peer.address, TIMEOUT);
        let expected = ControllerMetadata { leader: Some("127.0.0.3:9882".to_owned()), is_leader: true };
        assert_eq!(controller.metadata().await.unwrap(), expected);
        let state = controller.sync_states(&["broker-a"]).await.unwrap().remove("broker-a").unwrap();
        let addresses = |replicas: &[Replica]| replicas.iter().map(|it| it.broker_address.clone()).collect::<Vec<_>>();
        assert_eq!(addresses(&state.in_sync_replicas), ["127.0.0.1:10911"]);
        let silent = ScriptedPeer::answering(|request| Some(answer_to(request))).await;
        let controller = Controller::new(&Client::new(TIMEOUT), &silent.address, TIMEOUT);
        assert_eq!(controller.metadata().await.unwrap(), ControllerMetadata::default());
    }
}
