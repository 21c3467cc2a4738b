//! The agent: thin adapters around one reconcile loop. What is decided is decided in `rocketmq-agent-domain`.

pub mod distribution;
pub mod http;
pub mod peers;
pub mod remoting;
pub mod supervise;
