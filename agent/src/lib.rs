//! The agent: thin adapters around one reconcile loop. What is decided is decided in `rocketmq-agent-domain`.

// Tests make what stands in the way, and nobody else works in their folders.
#![cfg_attr(test, allow(clippy::disallowed_methods))]

pub mod accounts;
pub mod acl;
pub mod admission;
pub mod agreement;
pub mod audit;
pub mod claim;
pub mod cli;
pub mod clock;
pub mod cluster;
pub mod commit_log;
pub mod connections;
pub mod control;
pub mod copies;
pub mod daemon;
pub mod distribution;
pub mod doctor;
pub mod exit_code;
pub mod files;
pub mod grpc;
pub mod host;
pub mod http;
pub mod inventory;
pub mod java;
pub mod ledger;
pub mod log;
pub mod mtu;
pub mod notify;
pub mod offsets;
pub mod online;
pub mod owners;
pub mod peers;
pub mod probe;
pub mod reach;
pub mod reconcile;
pub mod remoting;
pub mod remove;
pub mod rollout;
pub mod room;
pub mod settings;
pub mod stores;
pub mod supervise;
pub mod support;
pub mod sync;
pub mod tables;
pub mod tls;
pub mod trust;
pub mod unprivileged;
pub mod untrusted;
pub mod web;
