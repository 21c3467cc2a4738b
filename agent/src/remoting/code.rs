//! The numbers of the remoting protocol with RocketMQ's names for them: request codes that this agent sends and
//! response codes that it may get. Pure data; RocketMQ 5.5.0 `RequestCode`, `ResponseCode`, `RemotingSysResponseCode`.

use std::fmt;

/// A request this agent sends. It has no others, so that nothing can be asked by accident that is never answered
/// (brokers up to 4.9.0 and 4.x NameServers are silent on a code they do not know).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(i32)]
pub enum RequestCode {
    /// Reads messages of one queue (broker).
    PullMessage = 11,
    /// Creates or changes a topic (broker).
    UpdateAndCreateTopic = 17,
    /// Reads every topic's configuration (broker).
    GetAllTopicConfig = 21,
    /// Changes configuration keys of a running broker.
    UpdateBrokerConfig = 25,
    /// Reads the effective configuration of a broker.
    GetBrokerConfig = 26,
    /// Reads a broker's statistics.
    GetBrokerRuntimeInfo = 28,
    /// The offset the next message of a queue will get (broker).
    GetMaxOffset = 30,
    /// The offset of the oldest message of a queue (broker).
    GetMinOffset = 31,
    /// Reads every group's consumer offsets (broker).
    GetAllConsumerOffset = 43,
    /// Takes a broker out of a NameServer.
    UnregisterBroker = 104,
    /// The brokers and queues of a topic (NameServer).
    GetRouteInfoByTopic = 105,
    /// Every broker a NameServer knows.
    GetBrokerClusterInfo = 106,
    /// Creates or changes a consumer group (broker).
    UpdateAndCreateSubscriptionGroup = 200,
    /// Reads every consumer group's configuration (broker).
    GetAllSubscriptionGroupConfig = 201,
    /// Stores one message (broker); the short-key form of code 10.
    SendMessageV2 = 310,
    /// Replication as a broker sees it, from 5.0.0 on.
    GetBrokerHaStatus = 907,
    /// Has a master elected (controllers' leader).
    ControllerElectMaster = 1002,
    /// Who leads the controllers (any controller).
    ControllerGetMetadataInfo = 1005,
    /// Which members of groups are in sync (controllers' leader).
    ControllerGetSyncStateData = 1006,
}

impl RequestCode {
    /// The number on the wire.
    pub const fn number(self) -> i32 {
        self as i32
    }

    /// RocketMQ's own name, as its logs and sources have it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::PullMessage => "PULL_MESSAGE",
            Self::UpdateAndCreateTopic => "UPDATE_AND_CREATE_TOPIC",
            Self::GetAllTopicConfig => "GET_ALL_TOPIC_CONFIG",
            Self::UpdateBrokerConfig => "UPDATE_BROKER_CONFIG",
            Self::GetBrokerConfig => "GET_BROKER_CONFIG",
            Self::GetBrokerRuntimeInfo => "GET_BROKER_RUNTIME_INFO",
            Self::GetMaxOffset => "GET_MAX_OFFSET",
            Self::GetMinOffset => "GET_MIN_OFFSET",
            Self::GetAllConsumerOffset => "GET_ALL_CONSUMER_OFFSET",
            Self::UnregisterBroker => "UNREGISTER_BROKER",
            Self::GetRouteInfoByTopic => "GET_ROUTEINFO_BY_TOPIC",
            Self::GetBrokerClusterInfo => "GET_BROKER_CLUSTER_INFO",
            Self::UpdateAndCreateSubscriptionGroup => "UPDATE_AND_CREATE_SUBSCRIPTIONGROUP",
            Self::GetAllSubscriptionGroupConfig => "GET_ALL_SUBSCRIPTIONGROUP_CONFIG",
            Self::SendMessageV2 => "SEND_MESSAGE_V2",
            Self::GetBrokerHaStatus => "GET_BROKER_HA_STATUS",
            Self::ControllerElectMaster => "CONTROLLER_ELECT_MASTER",
            Self::ControllerGetMetadataInfo => "CONTROLLER_GET_METADATA_INFO",
            Self::ControllerGetSyncStateData => "CONTROLLER_GET_SYNC_STATE_DATA",
        }
    }
}

impl fmt::Display for RequestCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name(), self.number())
    }
}

/// The code of an answer. Any number may come; [`ResponseCode::name`] knows those a supervisor can meet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ResponseCode(pub i32);

/// Defines the constants and [`ResponseCode::name`] from one table, so that they cannot differ.
macro_rules! response_codes {
    ($($name:ident = $number:literal, $meaning:literal;)*) => {
        impl ResponseCode {
            $(#[doc = $meaning] pub const $name: Self = Self($number);)*

            /// RocketMQ's own name of the code.
            pub const fn name(self) -> Option<&'static str> {
                match self.0 {
                    $($number => Some(stringify!($name)),)*
                    _ => None,
                }
            }
        }
    };
}

response_codes! {
    SUCCESS = 0, "Done.";
    SYSTEM_ERROR = 1, "Failed, see the remark.";
    SYSTEM_BUSY = 2, "Overload; also what a 5.x slave answers to a message or a pull it may not take.";
    REQUEST_CODE_NOT_SUPPORTED = 3, "The peer does not know the request code.";
    TRANSACTION_FAILED = 4, "A transaction failed.";
    FLUSH_DISK_TIMEOUT = 10, "Stored, but not on disk in time.";
    SLAVE_NOT_AVAILABLE = 11, "Stored, but there is no slave, or it is too far behind.";
    FLUSH_SLAVE_TIMEOUT = 12, "Stored, but the slave did not acknowledge in time.";
    MESSAGE_ILLEGAL = 13, "The message or its topic name breaks a rule.";
    SERVICE_NOT_AVAILABLE = 14, "The store does not write: disk full, shutting down, or a 4.x slave.";
    VERSION_NOT_SUPPORTED = 15, "The request is of a version the peer does not take.";
    NO_PERMISSION = 16, "Permission of the topic, broker or user does not allow it.";
    TOPIC_NOT_EXIST = 17, "No such topic.";
    TOPIC_EXIST_ALREADY = 18, "The topic is there already.";
    PULL_NOT_FOUND = 19, "No message at that offset yet.";
    PULL_RETRY_IMMEDIATELY = 20, "Nothing here matched, or the messages cannot be read here: ask again.";
    PULL_OFFSET_MOVED = 21, "The offset is outside of the queue.";
    QUERY_NOT_FOUND = 22, "Nothing found.";
    SUBSCRIPTION_PARSE_FAILED = 23, "The subscription cannot be read.";
    SUBSCRIPTION_NOT_EXIST = 24, "The consumer group has no such subscription.";
    SUBSCRIPTION_NOT_LATEST = 25, "The subscription is outdated.";
    SUBSCRIPTION_GROUP_NOT_EXIST = 26, "No such consumer group.";
    INVALID_PARAMETER = 29, "A parameter breaks a rule (5.x).";
    FLOW_CONTROL = 215, "A limit was reached (5.x).";
    NOT_LEADER_FOR_QUEUE = 501, "A static topic's queue lives elsewhere (5.x).";
    GO_AWAY = 1500, "The peer shuts down: use another connection (5.x).";
    CONTROLLER_NOT_LEADER = 2007, "This controller is not the leader.";
    CONTROLLER_BROKER_METADATA_NOT_EXIST = 2008, "The controller does not know the broker.";
    USER_NOT_EXIST = 3001, "No such user (ACL 2.0).";
    POLICY_NOT_EXIST = 3002, "No such policy (ACL 2.0).";
}

impl fmt::Display for ResponseCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.name() {
            Some(name) => write!(f, "{name} ({})", self.0),
            None => write!(f, "response code {}", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_print_their_name_and_number() {
        assert_eq!(RequestCode::GetBrokerRuntimeInfo.to_string(), "GET_BROKER_RUNTIME_INFO (28)");
        assert_eq!(ResponseCode(11), ResponseCode::SLAVE_NOT_AVAILABLE);
        assert_eq!(ResponseCode(11).to_string(), "SLAVE_NOT_AVAILABLE (11)");
        assert_eq!(ResponseCode(-7).to_string(), "response code -7");
    }
}
