//! What RocketMQ itself says about an instance: the probe fills these in, the rules beside this file judge them.

use super::forecast::Filling;
use crate::{line::Line, observed::Fact};
use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
};

/// What the probe found out about one instance.
#[derive(Debug, Clone, PartialEq)]
pub enum ServiceFacts {
    /// Of a NameServer that answers GET_BROKER_CLUSTER_INFO: the brokers that run and have not registered with it since it
    /// began to answer; and of the controller that is inside.
    Namesrv(Fact<BTreeSet<String>>, Option<Fact<ControllerFacts>>),
    /// Of a controller.
    Controller(Fact<ControllerFacts>),
    /// Of a proxy.
    Proxy(ProxyFacts),
    /// Of a dashboard or an exporter: it answers HTTP.
    Jar(Fact<()>),
    /// Of a broker.
    Broker(Box<BrokerFacts>),
}

/// What is known of a broker.
#[derive(Debug, Clone, PartialEq)]
pub struct BrokerFacts {
    /// Its own words (GET_BROKER_RUNTIME_INFO).
    pub runtime: Fact<Runtime>,
    /// The configuration it runs with (GET_BROKER_CONFIG).
    pub config: Fact<BTreeMap<String, String>>,
    /// What each NameServer has under its brokerName: brokerId → address.
    pub registered: BTreeMap<SocketAddr, Fact<BTreeMap<u64, String>>>,
    /// The other member of its group, where there is one.
    pub partner: Option<Fact<PartnerFacts>>,
    /// The other members, in a group that elects its master.
    pub members: Option<MemberFacts>,
    /// The TCP connection for replication: a slave's to its master's HA port, a master's from a slave.
    pub ha_connection: Fact<HaConnection>,
    /// How often that connection was made in the last three minutes, as far as was seen.
    pub ha_reconnects: usize,
    /// Milliseconds for which the master of the two has had what the slave has not; `None` where an end is unknown.
    pub behind_for: Option<u64>,
    /// Who does not take this host's credential.
    pub unauthorized: Unauthorized,
    /// `brokerPermission`: 4 for reading, 2 for writing (`PermName`); `None` where it is not known.
    pub permission: Option<u64>,
    /// Topics that it has not, as a master, though the other masters have; as far as that is known.
    pub missing_topics: BTreeSet<String>,
}

/// Brokers that refuse what they are asked for want of a credential that they take, in their words.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Unauthorized {
    /// The broker itself.
    pub own: Option<String>,
    /// The other member of its group.
    pub partner: Option<String>,
}

/// What is known of a group that elects its master, besides what the NameServers say.
#[derive(Debug, Clone, PartialEq)]
pub struct MemberFacts {
    /// The other members, asked directly, by what they are registered as. This one was asked before them.
    pub others: BTreeMap<SocketAddr, Fact<PartnerFacts>>,
    /// What the controllers' leader says of the group (CONTROLLER_GET_SYNC_STATE_DATA), where controllers elect.
    pub sync: Option<Fact<SyncState>>,
}

/// A group as the controllers see it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SyncState {
    /// The members, as they are registered, that have everything acknowledged; only one of them can be elected.
    pub in_sync: BTreeSet<String>,
}

/// What a controller says of itself and the others (CONTROLLER_GET_METADATA_INFO).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ControllerFacts {
    /// Whether it leads.
    pub is_leader: bool,
    /// Where the leader is, as each controller says that answers, itself too; none where it knows none.
    pub leaders: BTreeMap<SocketAddr, Fact<Option<String>>>,
    /// Which of them it is.
    pub own: Option<SocketAddr>,
}

/// What a proxy says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProxyFacts {
    /// Over gRPC: where the messages of a topic go that every master of the cluster has (QueryRoute).
    pub route: Fact<GrpcAnswer>,
    /// Whether that was asked with a credential, which a proxy that serves takes.
    pub signed: bool,
    /// Its port for the remoting protocol answers.
    pub remoting: Fact<()>,
}

/// `Status` of an answer over gRPC (service.proto of rocketmq-apis 2.0).
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct GrpcAnswer {
    /// Such as 20000 for OK.
    pub code: u64,
    /// More about it.
    pub message: Line,
}

/// How a connection for replication is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HaConnection {
    /// There is none.
    Missing,
    /// It was made a moment ago. A slave first says where it is after `haSendHeartbeatInterval` (5 s; `HAClient` of 4.9.4,
    /// `DefaultHAClient` of 5.3.3), and until then its master does not count it.
    Settling,
    /// It carries replication.
    Standing,
}

/// Figures of GET_BROKER_RUNTIME_INFO.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Runtime {
    /// `brokerVersionDesc`, such as `V5_5_0`.
    pub version: String,
    /// When it booted, milliseconds since 1970.
    pub boot_timestamp: Option<u64>,
    /// Lowest offset of the commit log; `None` where there is no file yet.
    pub min_offset: Option<u64>,
    /// End of the commit log.
    pub max_offset: u64,
    /// Where the commit log lacks what was acknowledged; looked for where sends are held back.
    pub gap: Option<u64>,
    /// Store time of its oldest message, milliseconds since 1970.
    pub earliest_message: Option<u64>,
    /// Used part of the fullest disk that the store lies on, 0 to 1.
    pub disk_used: Option<f64>,
    /// How it fills, where it does.
    pub filling: Option<Filling>,
    /// How long the message that is being stored now has held the store, milliseconds.
    pub page_cache_lock: Option<u64>,
    /// How long the first send that waits for a thread has waited, milliseconds.
    pub send_wait: Option<u64>,
    /// The same of pulls.
    pub pull_wait: Option<u64>,
    /// Figures for metrics: exporter's metric name → value.
    pub figures: BTreeMap<String, f64>,
}

/// The other member, asked directly.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PartnerFacts {
    /// Lowest offset of its commit log.
    pub min_offset: Option<u64>,
    /// End of its commit log. The slave of the two is always asked first, so that a lag is never negative by timing.
    pub max_offset: u64,
}
