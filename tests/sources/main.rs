//! A document that lies elsewhere than with the hosts: real agents on addresses of `lo`, a real etcd of Debian's package
//! (`tests/setup.sh etcd`), an HTTP server and Git repositories made here. No RocketMQ runs: each agent waits for a
//! release that is not there, and renders what it would run.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::panic, missing_docs)]

#[allow(dead_code)]
#[path = "../refusals/agent.rs"]
mod agent;
mod changes;
mod etcd;
mod fleet;
#[allow(dead_code)]
#[path = "../sync/hosts.rs"]
mod hosts;
mod members;
mod places;
mod trust;
#[allow(dead_code)]
#[path = "../refusals/world.rs"]
mod world;
