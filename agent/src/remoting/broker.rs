//! What a broker is asked: statistics, configuration, replication, topics and offsets. Sending and pulling messages is
//! in `message.rs`. Not asked here: anything that deletes data or changes a role.

use rocketmq_agent_domain::{line::Line, offsets::Offsets};
use serde::{Deserialize, de::DeserializeOwned};
use std::{collections::BTreeMap, time::Duration};

use super::{
    Client, HaStatus, LogEnds, OnlineConfig, RemotingError, Request, RequestCode, ResponseCode, RuntimeInfo,
    SubscriptionGroup, TopicConfig,
    endpoint::Endpoint,
    ha_status::HaBody,
    properties,
    runtime_info::{EndsTable, RuntimeTable},
    subscription_group::GroupTable,
    topic::TopicTable,
};

/// One broker with the timeout of each request.
#[derive(Debug, Clone)]
pub struct Broker {
    pub(super) endpoint: Endpoint,
}

impl Broker {
    /// The broker at `host:port` (its listenPort: the fast port does not serve pulls); each request ends within
    /// `timeout`.
    pub fn new(client: &Client, address: impl Into<String>, timeout: Duration) -> Self {
        Self { endpoint: Endpoint { client: client.clone(), address: address.into(), timeout } }
    }

    /// `host:port` as given.
    pub fn address(&self) -> &str {
        &self.endpoint.address
    }

    /// Statistics (code 28). Works as the liveness check of every version.
    ///
    /// # Errors
    /// [`RemotingError::NotSampledYet`] in the first second after the start, where the broker fails with a Java
    /// NoSuchElementException (4.7.0 to 5.5.0); else those of [`Client::call`], and [`RemotingError::Malformed`].
    pub async fn runtime_info(&self) -> Result<RuntimeInfo, RemotingError> {
        Ok(self.runtime::<RuntimeTable>().await?.into())
    }

    /// Only where its commit log begins and ends: cheaper to read than the whole table.
    ///
    /// # Errors
    /// As [`Broker::runtime_info`].
    pub async fn log_ends(&self) -> Result<LogEnds, RemotingError> {
        Ok(self.runtime::<EndsTable>().await?.into())
    }

    async fn runtime<T: DeserializeOwned>(&self) -> Result<T, RemotingError> {
        let request = Request::new(RequestCode::GetBrokerRuntimeInfo);
        match self.endpoint.read(request).await {
            Ok(body) => Ok(body),
            Err(RemotingError::Refused { address, code: ResponseCode::SYSTEM_ERROR, remark, .. })
                if remark.contains("NoSuchElementException") =>
            {
                Err(RemotingError::NotSampledYet { address })
            }
            Err(error) => Err(error),
        }
    }

    /// The effective configuration (code 26): every key of that version, whatever its file says.
    ///
    /// # Errors
    /// Those of [`Client::call`].
    pub async fn config(&self) -> Result<BTreeMap<String, String>, RemotingError> {
        let request = Request::new(RequestCode::GetBrokerConfig);
        let answer = self.endpoint.call(request).await?;
        Ok(properties::parse(&answer.body))
    }

    /// Changes configuration while the broker runs (code 25) and reads it back, as the broker says SUCCESS to what it
    /// ignores. The broker then writes its whole configuration over the file it was started with.
    ///
    /// # Errors
    /// [`RemotingError::NotApplied`] for the first key that has not the value now, and those of [`Client::call`].
    pub async fn update_config(&self, changes: &OnlineConfig) -> Result<(), RemotingError> {
        let request = Request::new(RequestCode::UpdateBrokerConfig).body(changes.body());
        self.endpoint.call(request).await?;
        let mut config = self.config().await?;
        for (key, wanted) in changes.iter() {
            let found = config.remove(key.name());
            if found.as_deref() != Some(wanted) {
                return Err(RemotingError::NotApplied {
                    address: self.address().to_owned(),
                    key,
                    wanted: wanted.to_owned(),
                    found: found.as_deref().map(Line::excerpt),
                });
            }
        }
        Ok(())
    }

    /// Replication (code 907), from 5.0.0 on. `runtime` is this broker's, whose version decides.
    ///
    /// # Errors
    /// [`RemotingError::Unsupported`] on 4.x and unknown versions, which are not asked because 4.9.0 and older never
    /// answer; else as [`Broker::runtime_info`].
    pub async fn ha_status(&self, runtime: &RuntimeInfo) -> Result<HaStatus, RemotingError> {
        let request = RequestCode::GetBrokerHaStatus;
        if runtime.release().is_none_or(|(major, ..)| major < 5) {
            return Err(RemotingError::Unsupported {
                address: self.address().to_owned(),
                request,
                version: Line::excerpt(&runtime.version),
            });
        }
        let body: HaBody = self.endpoint.read(Request::new(request)).await?;
        Ok(body.into())
    }

    /// Every topic by name, system topics too (code 21).
    ///
    /// # Errors
    /// Those of [`Client::call`], and [`RemotingError::Malformed`]. An answer longer than the client's frame limit ends
    /// the connection as malformed.
    pub async fn topics(&self) -> Result<BTreeMap<String, TopicConfig>, RemotingError> {
        let request = Request::new(RequestCode::GetAllTopicConfig);
        let body: TopicTable = self.endpoint.read(request).await?;
        Ok(body.topic_config_table)
    }

    /// Creates a topic, or replaces its queue numbers and permission without a word (code 17): compare first. Only
    /// for masters; a slave may answer SUCCESS and lose it at its next synchronisation.
    ///
    /// # Errors
    /// Those of [`Client::call`].
    pub async fn create_topic(&self, topic: &TopicConfig) -> Result<(), RemotingError> {
        self.endpoint.call(topic.create_request()).await.map(drop)
    }

    /// Every consumer group by name, those of RocketMQ's own left out (code 201).
    ///
    /// # Errors
    /// Those of [`Client::call`], and [`RemotingError::Malformed`].
    pub async fn subscription_groups(&self) -> Result<BTreeMap<String, SubscriptionGroup>, RemotingError> {
        let request = Request::new(RequestCode::GetAllSubscriptionGroupConfig);
        Ok(self.endpoint.read::<GroupTable>(request).await?.groups())
    }

    /// Creates a consumer group, or replaces it without a word (code 200): compare first. Only for masters.
    ///
    /// # Errors
    /// Those of [`Client::call`].
    pub async fn create_subscription_group(&self, group: &SubscriptionGroup) -> Result<(), RemotingError> {
        let request = Request::new(RequestCode::UpdateAndCreateSubscriptionGroup).body(group.config.to_string());
        self.endpoint.call(request).await.map(drop)
    }

    /// The offset the next message of the queue will get (code 30); 0 too for a topic or queue that does not exist.
    ///
    /// # Errors
    /// As [`Broker::runtime_info`].
    pub async fn max_offset(&self, topic: &str, queue_id: u32) -> Result<i64, RemotingError> {
        self.offset(RequestCode::GetMaxOffset, topic, queue_id).await
    }

    /// The offset of the oldest message of the queue (code 31).
    ///
    /// # Errors
    /// As [`Broker::runtime_info`].
    pub async fn min_offset(&self, topic: &str, queue_id: u32) -> Result<i64, RemotingError> {
        self.offset(RequestCode::GetMinOffset, topic, queue_id).await
    }

    /// Every group's consumer offsets as the broker has them now, a slave its own (code 43; 4.7.0-5.5.0).
    ///
    /// # Errors
    /// Those of [`Client::call`], and [`RemotingError::Malformed`].
    pub async fn consumer_offsets(&self) -> Result<Offsets, RemotingError> {
        let request = Request::new(RequestCode::GetAllConsumerOffset);
        Ok(self.endpoint.read::<OffsetTable>(request).await?.offset_table)
    }

    async fn offset(&self, code: RequestCode, topic: &str, queue_id: u32) -> Result<i64, RemotingError> {
        let request = Request::new(code).field("topic", topic).field("queueId", queue_id);
        let answer = self.endpoint.call(request).await?;
        self.endpoint.number(code, &answer, "offset")
    }
}

/// The body of the answer to code 43 (`ConsumerOffsetManager`).
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OffsetTable {
    #[serde(default)]
    offset_table: Offsets,
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;
    use crate::remoting::{
        Malformation, OnlineKey, RemotingCommand,
        scripted_peer::{ScriptedPeer, answer_to},
    };

    const TIMEOUT: Duration = Duration::from_secs(20);

    /// The broker at a peer whose answers `fill` completes.
    async fn broker<F>(fill: F) -> (ScriptedPeer, Broker)
    where
        F: Fn(&RemotingCommand, &mut RemotingCommand) + Send + Sync + 'static,
    {
        let peer = ScriptedPeer::answering(move |request| {
            let mut answer = answer_to(request);
            fill(request, &mut answer);
            Some(answer)
        })
        .await;
        let broker = Broker::new(&Client::new(TIMEOUT), &peer.address, TIMEOUT);
        (peer, broker)
    }

    fn version(version: &str) -> RuntimeInfo {
        RuntimeInfo { version: version.into(), ..RuntimeInfo::default() }
    }

    #[tokio::test]
    async fn a_broker_in_its_first_second_is_not_sampled_yet() {
        let (_peer, broker) = broker(|_, answer| {
            answer.code = 1;
            answer.remark = Some("java.util.NoSuchElementException, null, java.util.LinkedList.getLast".into());
        })
        .await;
        let error = broker.runtime_info().await.unwrap_err();
        assert!(matches!(error, RemotingError::NotSampledYet { .. }), "{error:?}");
        assert!(error.is_retryable());
    }

    #[tokio::test]
    async fn brokers_that_might_never_answer_are_not_asked_for_their_ha_status() {
        let (_peer, broker) = broker(|_, answer| answer.body = r#"{"master":true}"#.into()).await;
        for old in ["V4_9_4", "V4_7_0", ""] {
            let result = broker.ha_status(&version(old)).await;
            assert!(matches!(result, Err(RemotingError::Unsupported { .. })), "{old}");
        }
        let status = broker.ha_status(&version("V5_0_0")).await.unwrap();
        assert!(matches!(status, HaStatus::Master { .. }));
    }

    #[tokio::test]
    async fn a_change_that_the_broker_ignored_is_an_error() {
        let (_peer, broker) = broker(|request, answer| {
            if request.code == RequestCode::GetBrokerConfig.number() {
                answer.body = "slaveReadEnable=true\nfileReservedTime=72\n".into();
            }
        })
        .await;
        let mut changes = OnlineConfig::default();
        changes.set(OnlineKey::SlaveReadEnable, "true").unwrap();
        broker.update_config(&changes).await.unwrap();
        changes.set(OnlineKey::FileReservedTime, "48").unwrap();
        match broker.update_config(&changes).await {
            Err(RemotingError::NotApplied { key, found, .. }) => {
                assert_eq!(key, OnlineKey::FileReservedTime);
                assert_eq!(found.as_deref(), Some("72"));
            }
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn what_is_read_of_a_topic_can_be_written_back() {
        let (_peer, broker) = broker(|request, answer| {
            if request.code == RequestCode::GetAllTopicConfig.number() {
                answer.body = r#"{"dataVersion":{"counter":1},"topicConfigTable":{"T":{"attributes":{"message.type":"FIFO"},"order":true,"perm":4,"readQueueNums":3,"topicFilterType":"SINGLE_TAG","topicName":"T","topicSysFlag":1,"writeQueueNums":2}}}"#.into();
                return;
            }
            let fields = &request.ext_fields;
            let same = fields["attributes"] == "+message.type=FIFO"
                && fields["topic"] == "T"
                && fields["readQueueNums"] == "3"
                && fields["writeQueueNums"] == "2"
                && fields["perm"] == "4"
                && fields["order"] == "true"
                && fields["topicSysFlag"] == "1";
            answer.code = if same { 0 } else { 29 };
        })
        .await;
        let topics = broker.topics().await.unwrap();
        broker.create_topic(&topics["T"]).await.unwrap();
    }

    #[tokio::test]
    async fn an_offset_that_is_no_number_is_malformed() {
        let (_peer, broker) = broker(|request, answer| {
            if request.ext_fields["queueId"] == "0" {
                answer.ext_fields.insert("offset".into(), "7".into());
            }
        })
        .await;
        assert_eq!(broker.max_offset("T", 0).await.unwrap(), 7);
        let error = broker.min_offset("T", 1).await.unwrap_err();
        let field = Malformation::Field { name: "offset", value: None };
        match error {
            RemotingError::Malformed { source, .. } => {
                assert_eq!(source.to_string(), field.to_string())
            }
            other => panic!("{other:?}"),
        }
    }
}
