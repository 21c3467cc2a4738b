//! Config sync between real agents: the real binary, one process a host, on addresses of `lo`. No RocketMQ runs: each
//! agent waits for a release that is not there, and renders what it would run.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::panic, missing_docs)]

#[allow(dead_code)]
#[path = "../refusals/agent.rs"]
mod agent;
mod certificates;
mod changes;
mod hosts;
mod pki;
mod refusals;
mod witness;
#[allow(dead_code)]
#[path = "../refusals/world.rs"]
mod world;
