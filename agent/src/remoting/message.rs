//! Sending one message and pulling some from a queue: what a smoke test or a durability drill needs, without the
//! machinery of a client. For a smoke test take the topic named like the brokerName, queue 0: every broker makes it at
//! its start and takes sends to it (SELF_TEST_TOPIC is refused from 4.9.4 on). Sending to a topic that does not exist
//! may create it.

use std::time::{SystemTime, UNIX_EPOCH};

use bytes::Bytes;

use super::{
    Broker, Malformation, RemotingCommand, RemotingError, Request, RequestCode, ResponseCode, StoredMessage,
    stored_message,
};

/// A consumer group that every broker has, whatever autoCreateSubscriptionGroup says (`SubscriptionGroupManager.init`).
pub const TOOLS_CONSUMER_GROUP: &str = "TOOLS_CONSUMER";

/// A producer group that means nothing to a broker (`MixAll.CLIENT_INNER_PRODUCER_GROUP`).
const PRODUCER_GROUP: &str = "CLIENT_INNER_PRODUCER";

/// A message to be sent.
#[derive(Debug, Clone)]
pub struct OutgoingMessage {
    topic: String,
    queue_id: u32,
    body: Bytes,
    properties: String,
}

impl OutgoingMessage {
    /// A message for one queue of a topic.
    pub fn new(topic: impl Into<String>, queue_id: u32, body: impl Into<Bytes>) -> Self {
        Self { topic: topic.into(), queue_id, body: body.into(), properties: String::new() }
    }

    /// Adds a property, such as `KEYS`. The two control characters that separate properties become spaces, as there is
    /// no escape for them.
    #[must_use]
    pub fn property(mut self, name: &str, value: &str) -> Self {
        for (text, separator) in [(name, '\u{1}'), (value, '\u{2}')] {
            self.properties += &text.replace(['\u{1}', '\u{2}'], " ");
            self.properties.push(separator);
        }
        self
    }
}

/// A message that is stored at least on the broker asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SendOutcome {
    /// How safely it is stored.
    pub status: SendStatus,
    /// Its offset in the queue.
    pub queue_offset: i64,
    /// The id by which the broker finds it; empty where the broker gave none.
    pub message_id: String,
}

/// How safely a message is stored (`SendStatus.java`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SendStatus {
    /// As the broker's configuration demands, which on 5.x with `inSyncReplicas=1` does not include a slave.
    SendOk,
    /// Stored, but not flushed to disk in time (SYNC_FLUSH).
    FlushDiskTimeout,
    /// Stored here, but the slave did not acknowledge in time (SYNC_MASTER). 5.x says so too where there is no slave.
    FlushSlaveTimeout,
    /// Stored here alone: no slave, or one too far behind (SYNC_MASTER).
    SlaveNotAvailable,
}

impl SendStatus {
    fn of(code: ResponseCode) -> Option<Self> {
        match code {
            ResponseCode::SUCCESS => Some(Self::SendOk),
            ResponseCode::FLUSH_DISK_TIMEOUT => Some(Self::FlushDiskTimeout),
            ResponseCode::FLUSH_SLAVE_TIMEOUT => Some(Self::FlushSlaveTimeout),
            ResponseCode::SLAVE_NOT_AVAILABLE => Some(Self::SlaveNotAvailable),
            _ => None,
        }
    }
}

/// What a pull brought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PullOutcome {
    /// Whether there were messages, and if not, why.
    pub status: PullStatus,
    /// The messages, of ascending offset.
    pub messages: Vec<StoredMessage>,
    /// Where to pull next.
    pub next_offset: i64,
    /// Offset of the queue's oldest message.
    pub min_offset: i64,
    /// Offset the queue's next message will get.
    pub max_offset: i64,
}

/// How a pull went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PullStatus {
    /// There are messages.
    Found,
    /// None at that offset yet.
    NotFound,
    /// None that can be given now; ask again. A 4.x slave that may not be read from answers so.
    Retry,
    /// The offset is outside of the queue; `next_offset` is inside.
    OffsetMoved,
}

impl PullStatus {
    fn of(code: ResponseCode) -> Option<Self> {
        match code {
            ResponseCode::SUCCESS => Some(Self::Found),
            ResponseCode::PULL_NOT_FOUND => Some(Self::NotFound),
            ResponseCode::PULL_RETRY_IMMEDIATELY => Some(Self::Retry),
            ResponseCode::PULL_OFFSET_MOVED => Some(Self::OffsetMoved),
            _ => None,
        }
    }
}

impl Broker {
    /// Stores a message (code 310). The broker answers when it is as safe as its configuration demands, which with a
    /// frozen slave takes up to 5 s: choose the timeout accordingly.
    ///
    /// # Errors
    /// [`RemotingError::Refused`] where it is not stored: [`ResponseCode::SERVICE_NOT_AVAILABLE`] from a 4.x slave or
    /// a full disk, [`ResponseCode::SYSTEM_BUSY`] from a 5.x slave or under overload. After any other error it may
    /// be stored or not.
    pub async fn send(&self, message: OutgoingMessage) -> Result<SendOutcome, RemotingError> {
        let code = RequestCode::SendMessageV2;
        let born = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |age| age.as_millis());
        // SendMessageRequestHeaderV2.java: the fields of code 10 under one-letter names.
        let request = Request::new(code)
            .field("a", PRODUCER_GROUP)
            .field("b", message.topic)
            .field("c", "TBW102") // defaultTopic
            .field("d", 1) // defaultTopicQueueNums
            .field("e", message.queue_id)
            .field("f", 0) // sysFlag: not compressed, no transaction
            .field("g", born) // bornTimestamp, ms
            .field("h", 0) // flag
            .field("i", message.properties)
            .field("j", 0) // reconsumeTimes
            .field("k", false) // unitMode
            .field("m", false) // batch
            .body(message.body);
        let mut answer = self.endpoint.call_any(request).await?;
        let Some(status) = SendStatus::of(ResponseCode(answer.code)) else {
            return Err(self.endpoint.refused(code, answer));
        };
        Ok(SendOutcome {
            status,
            queue_offset: self.endpoint.number(code, &answer, "queueOffset")?,
            message_id: answer.ext_fields.remove("msgId").unwrap_or_default(),
        })
    }

    /// Reads up to `max_messages` of a queue from `offset` on without waiting for new ones (code 11), and commits no
    /// offset. `group` must exist on the broker or be creatable: [`TOOLS_CONSUMER_GROUP`] does.
    ///
    /// # Errors
    /// [`RemotingError::Refused`] for a missing topic or group and from a 5.x slave that may not be read from; those of
    /// [`super::Client::call_any`]; [`RemotingError::Malformed`] where a message cannot be read.
    pub async fn pull(
        &self,
        group: &str,
        topic: &str,
        queue_id: u32,
        offset: i64,
        max_messages: u32,
    ) -> Result<PullOutcome, RemotingError> {
        let code = RequestCode::PullMessage;
        let request = Request::new(code)
            .field("consumerGroup", group)
            .field("topic", topic)
            .field("queueId", queue_id)
            .field("queueOffset", offset)
            .field("maxMsgNums", max_messages)
            // The subscription is in the request, so that no heartbeat need go before (PullSysFlag.java).
            .field("sysFlag", 4)
            .field("commitOffset", 0)
            .field("suspendTimeoutMillis", 0)
            .field("subscription", "*")
            .field("subVersion", 0)
            .field("expressionType", "TAG");
        let answer = self.endpoint.call_any(request).await?;
        let Some(status) = PullStatus::of(ResponseCode(answer.code)) else {
            return Err(self.endpoint.refused(code, answer));
        };
        let messages = match status {
            PullStatus::Found => self.messages(&answer)?,
            _ => Vec::new(),
        };
        Ok(PullOutcome {
            status,
            messages,
            next_offset: self.endpoint.number(code, &answer, "nextBeginOffset")?,
            min_offset: self.endpoint.number(code, &answer, "minOffset")?,
            max_offset: self.endpoint.number(code, &answer, "maxOffset")?,
        })
    }

    fn messages(&self, answer: &RemotingCommand) -> Result<Vec<StoredMessage>, RemotingError> {
        stored_message::parse_all(answer.body.clone()).map_err(|(index, field)| {
            let broken = Malformation::Message { index, field };
            self.endpoint.malformed(RequestCode::PullMessage, broken)
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;
    use crate::remoting::{
        Client,
        scripted_peer::{ScriptedPeer, answer_to},
    };
    use std::time::Duration;

    const TIMEOUT: Duration = Duration::from_secs(20);

    /// The broker at a peer that answers with the code and these fields.
    async fn broker(code: i32, fields: &[(&str, &str)]) -> (ScriptedPeer, Broker) {
        let owned = |(name, value): &(&str, &str)| (name.to_string(), value.to_string());
        let fields: std::collections::BTreeMap<_, _> = fields.iter().map(owned).collect();
        let peer = ScriptedPeer::answering(move |request| {
            let mut answer = answer_to(request);
            answer.code = code;
            answer.ext_fields = fields.clone();
            Some(answer)
        })
        .await;
        let broker = Broker::new(&Client::new(TIMEOUT), &peer.address, TIMEOUT);
        (peer, broker)
    }

    async fn send(code: i32) -> Result<SendOutcome, RemotingError> {
        let (_peer, broker) = broker(code, &[("queueOffset", "5"), ("msgId", "7F")]).await;
        broker.send(OutgoingMessage::new("broker-a", 0, "x")).await
    }

    #[tokio::test]
    async fn stored_but_not_replicated_is_told_from_stored_as_asked_and_from_refused() {
        for (code, status) in [
            (0, SendStatus::SendOk),
            (10, SendStatus::FlushDiskTimeout),
            (11, SendStatus::SlaveNotAvailable),
            (12, SendStatus::FlushSlaveTimeout),
        ] {
            let stored = SendOutcome { status, queue_offset: 5, message_id: "7F".into() };
            assert_eq!(send(code).await.unwrap(), stored);
        }
        let refused = send(14).await.unwrap_err();
        assert_eq!(refused.response_code(), Some(ResponseCode::SERVICE_NOT_AVAILABLE));
    }

    #[tokio::test]
    async fn an_empty_pull_says_why_and_where_to_go_on() {
        for (code, status) in [(19, PullStatus::NotFound), (20, PullStatus::Retry), (21, PullStatus::OffsetMoved)] {
            let fields = [("nextBeginOffset", "3"), ("minOffset", "1"), ("maxOffset", "3")];
            let (_peer, broker) = broker(code, &fields).await;
            let outcome = broker.pull(TOOLS_CONSUMER_GROUP, "T", 0, 9, 32).await.unwrap();
            assert_eq!((outcome.status, outcome.next_offset), (status, 3));
            assert!(outcome.messages.is_empty());
        }
        let (_peer, broker) = broker(26, &[]).await;
        let refused = broker.pull("nobody", "T", 0, 0, 32).await.unwrap_err();
        let missing = ResponseCode::SUBSCRIPTION_GROUP_NOT_EXIST;
        assert_eq!(refused.response_code(), Some(missing));
    }

    #[test]
    fn properties_cannot_be_broken_out_of() {
        let message = OutgoingMessage::new("T", 0, "").property("KEYS", "a\u{2}WAIT\u{1}false").property("TAGS", "b");
        assert_eq!(message.properties, "KEYS\u{1}a WAIT false\u{2}TAGS\u{1}b\u{2}");
    }
}
