//! The pure core of rocketmq-agent.
pub mod backoff;
pub mod cause;
pub mod launch;
pub mod names;
