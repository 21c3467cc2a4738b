//! The pure core of rocketmq-agent.
pub mod launch;
pub mod names;
