//! The part of RocketMQ's remoting protocol that a supervisor needs, for 4.7 to 5.5.0: a few requests to NameServers
//! and brokers over one kept TCP connection an address. Asks and reports; decides nothing.
//!
//! | code | request | to | call |
//! |---|---|---|---|
//! | 106 | GET_BROKER_CLUSTER_INFO | NameServer | [`NameServer::cluster_info`] |
//! | 105 | GET_ROUTEINFO_BY_TOPIC | NameServer | [`NameServer::route_info`] |
//! | 104 | UNREGISTER_BROKER | NameServer | [`NameServer::unregister_broker`] |
//! | 28 | GET_BROKER_RUNTIME_INFO | broker | [`Broker::runtime_info`] |
//! | 907 | GET_BROKER_HA_STATUS (5.x) | broker | [`Broker::ha_status`] |
//! | 26 | GET_BROKER_CONFIG | broker | [`Broker::config`] |
//! | 25 | UPDATE_BROKER_CONFIG | broker | [`Broker::update_config`] |
//! | 21 | GET_ALL_TOPIC_CONFIG | broker | [`Broker::topics`] |
//! | 17 | UPDATE_AND_CREATE_TOPIC | broker | [`Broker::create_topic`] |
//! | 43 | GET_ALL_CONSUMER_OFFSET | broker | [`Broker::consumer_offsets`] |
//! | 201 | GET_ALL_SUBSCRIPTIONGROUP_CONFIG | broker | [`Broker::subscription_groups`] |
//! | 200 | UPDATE_AND_CREATE_SUBSCRIPTIONGROUP | broker | [`Broker::create_subscription_group`] |
//! | 30, 31 | GET_MAX_OFFSET, GET_MIN_OFFSET | broker | [`Broker::max_offset`], [`Broker::min_offset`] |
//! | 310 | SEND_MESSAGE_V2 | broker | [`Broker::send`] |
//! | 11 | PULL_MESSAGE | broker | [`Broker::pull`] |
//! | 1005 | CONTROLLER_GET_METADATA_INFO (5.x) | controller | [`Controller::metadata`] |
//! | 1006 | CONTROLLER_GET_SYNC_STATE_DATA (5.x) | their leader | [`Controller::sync_states`] |
//! | 1002 | CONTROLLER_ELECT_MASTER (5.x) | their leader | [`Controller::elect`] |
//!
//! Layers, each knowing those above it in this list only: [`FrameCodec`] (bytes and commands), `connection` (calls over
//! one socket), [`Client`] (a connection an address, deadlines), [`NameServer`] and [`Broker`] (what is asked and what
//! the answers mean). Requests are signed where a client has a [`Credential`], and TLS is spoken to the addresses
//! that it is given for that.
//!
//! An error is never proof that a process is down; see [`RemotingError`] for what each says.

mod broker;
mod client;
mod code;
mod connection;
mod controller;
mod credential;
mod endpoint;
mod error;
mod frame;
mod ha_status;
mod json;
mod kept;
mod message;
mod namesrv;
mod properties;
mod route;
mod runtime_info;
#[cfg(test)]
pub(crate) mod scripted_peer;
mod stored_message;
mod subscription_group;
mod topic;

pub use broker::Broker;
pub use client::{Client, Request};
pub use code::{RequestCode, ResponseCode};
pub use controller::{Controller, ControllerMetadata, Replica, SyncState};
pub use credential::Credential;
pub use error::{Malformation, RemotingError};
pub use frame::{DEFAULT_FRAME_LIMIT, FrameCodec, FrameError, LARGEST_FRAME_LIMIT, RemotingCommand};
pub use ha_status::{ConnectedSlave, HaStatus};
pub use json::{Quoting, from_slice as from_json};
pub use message::{OutgoingMessage, PullOutcome, PullStatus, SendOutcome, SendStatus, TOOLS_CONSUMER_GROUP};
pub use namesrv::{BrokerGroup, ClusterInfo, NameServer};
pub use rocketmq_agent_domain::online::{OnlineConfig, OnlineConfigError, OnlineKey};
pub use route::{Perm, QueueData, TopicRoute};
pub use runtime_info::{LogEnds, RuntimeInfo, ThreadPool};
pub use stored_message::StoredMessage;
pub use subscription_group::SubscriptionGroup;
pub use topic::TopicConfig;
