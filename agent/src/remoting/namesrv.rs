//! What a NameServer is asked: which brokers it knows, the route of a topic, and to drop a broker that is gone.
//! A NameServer answers for itself alone: ask each of them. A proxy answers with itself as the broker, so topology is
//! never read from one.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use serde::{Deserialize, Deserializer};

use super::{Client, RemotingError, Request, RequestCode, ResponseCode, endpoint::Endpoint, json, route::TopicRoute};

/// One NameServer with the timeout of each call.
#[derive(Debug, Clone)]
pub struct NameServer {
    endpoint: Endpoint,
}

/// Every broker one NameServer knows (answer to code 106).
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct ClusterInfo {
    /// By brokerName.
    #[serde(default, rename = "brokerAddrTable", deserialize_with = "json::or_default")]
    pub groups: BTreeMap<String, BrokerGroup>,
    /// brokerNames by cluster name.
    #[serde(default, rename = "clusterAddrTable", deserialize_with = "json::or_default")]
    pub clusters: BTreeMap<String, BTreeSet<String>>,
}

impl ClusterInfo {
    /// The address registered for a broker, if it is registered.
    pub fn address(&self, broker_name: &str, broker_id: u64) -> Option<&str> {
        let group = self.groups.get(broker_name)?;
        group.addresses.get(&broker_id).map(String::as_str)
    }
}

/// All brokers with one brokerName, as registered.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
pub struct BrokerGroup {
    /// brokerName; repeated inside of the group by every version.
    #[serde(default, rename = "brokerName", deserialize_with = "json::or_default")]
    pub broker_name: String,
    /// brokerClusterName.
    #[serde(default, deserialize_with = "json::or_default")]
    pub cluster: String,
    /// `host:port` by brokerId; 0 is the master. An id below 0, which a DLedger broker has before its first election,
    /// is no address to talk to and is left out.
    #[serde(default, rename = "brokerAddrs", deserialize_with = "addresses")]
    pub addresses: BTreeMap<u64, String>,
    /// 5.x: a slave may be shown as read-only id 0 while there is no master.
    #[serde(default, rename = "enableActingMaster", deserialize_with = "json::or_default")]
    pub acting_master_enabled: bool,
}

fn addresses<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<u64, String>, D::Error> {
    let all: BTreeMap<i64, String> = json::or_default(deserializer)?;
    Ok(all.into_iter().filter_map(|(id, address)| Some((u64::try_from(id).ok()?, address))).collect())
}

impl NameServer {
    /// The NameServer at `host:port`; each call ends within `timeout`.
    pub fn new(client: &Client, address: impl Into<String>, timeout: Duration) -> Self {
        Self { endpoint: Endpoint { client: client.clone(), address: address.into(), timeout } }
    }

    /// `host:port` as given.
    pub fn address(&self) -> &str {
        &self.endpoint.address
    }

    /// Every broker this NameServer knows (code 106). A broker that died with its host stays for up to 120 s.
    ///
    /// # Errors
    /// Those of [`Client::call`], and [`RemotingError::Malformed`] for another body.
    pub async fn cluster_info(&self) -> Result<ClusterInfo, RemotingError> {
        self.endpoint.read(Request::new(RequestCode::GetBrokerClusterInfo)).await
    }

    /// The brokers and queues of a topic, or `None` where this NameServer has no route for it (code 105).
    ///
    /// # Errors
    /// As [`NameServer::cluster_info`].
    pub async fn route_info(&self, topic: &str) -> Result<Option<TopicRoute>, RemotingError> {
        let request = Request::new(RequestCode::GetRouteInfoByTopic)
            .field("topic", topic)
            // Known from 4.9.4 on; others send their bare keys, which are read too.
            .field("acceptStandardJsonOnly", true);
        match self.endpoint.read(request).await {
            Ok(route) => Ok(Some(route)),
            Err(error) if error.response_code() == Some(ResponseCode::TOPIC_NOT_EXIST) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// Takes a broker out of this NameServer at once (code 104). For a broker whose host is gone: a live one registers
    /// again within 30 s. 4.x removes the id whatever the address, 5.x only a matching one (`RouteInfoManager`), and
    /// some milliseconds after its answer.
    ///
    /// # Errors
    /// Those of [`Client::call`]. A broker that is not registered is no error.
    pub async fn unregister_broker(
        &self,
        cluster: &str,
        broker_name: &str,
        broker_id: u64,
        broker_address: &str,
    ) -> Result<(), RemotingError> {
        let request = Request::new(RequestCode::UnregisterBroker)
            .field("clusterName", cluster)
            .field("brokerName", broker_name)
            .field("brokerId", broker_id)
            .field("brokerAddr", broker_address);
        self.endpoint.call(request).await.map(drop)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;
    use crate::remoting::scripted_peer::{ScriptedPeer, answer_to};

    const TIMEOUT: Duration = Duration::from_secs(20);

    fn cluster_info(body: &str) -> ClusterInfo {
        json::from_slice(body.as_bytes()).unwrap()
    }

    /// The NameServer at a peer that answers everything with `code` and `body`.
    async fn answering(code: i32, body: &'static str) -> (ScriptedPeer, NameServer) {
        let peer = ScriptedPeer::answering(move |request| {
            let mut answer = answer_to(request);
            answer.code = code;
            answer.body = body.into();
            Some(answer)
        })
        .await;
        let server = NameServer::new(&Client::new(TIMEOUT), &peer.address, TIMEOUT);
        (peer, server)
    }

    #[tokio::test]
    async fn cluster_info_of_4_9_4_and_of_5_5_0_say_the_same() {
        let of_4 = r#"{"brokerAddrTable":{"broker-a":{"brokerAddrs":{0:"10.0.0.1:10911",1:"10.0.0.2:11911"},"brokerName":"broker-a","cluster":"DefaultCluster"}},"clusterAddrTable":{"DefaultCluster":["broker-a"]}}"#;
        let of_5 = r#"{"brokerAddrTable":{"broker-a":{"brokerAddrs":{0:"10.0.0.1:10911",1:"10.0.0.2:11911"},"brokerName":"broker-a","cluster":"DefaultCluster","enableActingMaster":false}},"clusterAddrTable":{"DefaultCluster":["broker-a"]}}"#;
        let (_peer, server) = answering(0, of_5).await;
        let info = server.cluster_info().await.unwrap();
        assert_eq!(info.address("broker-a", 0), Some("10.0.0.1:10911"));
        assert_eq!(info.address("broker-a", 1), Some("10.0.0.2:11911"));
        assert_eq!(info.address("broker-a", 2), None);
        assert_eq!(info.groups["broker-a"].cluster, "DefaultCluster");
        assert_eq!(cluster_info(of_4), info);
    }

    #[test]
    fn an_empty_name_server_knows_no_brokers() {
        let nothing = ClusterInfo::default();
        for body in ["{}", r#"{"brokerAddrTable":{},"clusterAddrTable":{}}"#, r#"{"brokerAddrTable":null}"#] {
            assert_eq!(cluster_info(body), nothing, "{body}");
        }
    }

    #[test]
    fn a_broker_without_an_elected_id_is_no_address() {
        let info = cluster_info(r#"{"brokerAddrTable":{"r":{"brokerAddrs":{-1:"a:1",2:"b:2"}}}}"#);
        assert_eq!(info.groups["r"].addresses, [(2, "b:2".into())].into());
    }

    #[tokio::test]
    async fn a_topic_without_a_route_is_none_and_not_an_error() {
        let (_peer, server) = answering(17, "").await;
        assert_eq!(server.route_info("nope").await.unwrap(), None);
    }

    #[tokio::test]
    async fn a_body_that_is_no_json_is_malformed() {
        let (_peer, server) = answering(0, "<html>").await;
        let result = server.cluster_info().await;
        assert!(matches!(result, Err(RemotingError::Malformed { .. })), "{result:?}");
    }
}
