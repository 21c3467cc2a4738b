//! The agent: thin adapters around one reconcile loop. What is decided is decided in `rocketmq-agent-domain`.

pub mod accounts;
pub mod claim;
pub mod cli;
pub mod cluster;
pub mod daemon;
pub mod distribution;
pub mod doctor;
pub mod exit_code;
pub mod files;
pub mod host;
pub mod http;
pub mod inventory;
pub mod java;
pub mod ledger;
pub mod log;
pub mod notify;
pub mod owners;
pub mod peers;
pub mod probe;
pub mod reconcile;
pub mod remoting;
pub mod remove;
pub mod settings;
pub mod stores;
pub mod supervise;
pub mod web;
