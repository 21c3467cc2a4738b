//! The pure core of rocketmq-agent.
pub mod cluster_file;
pub mod desired;
pub mod health;
pub mod launch;
pub mod names;
pub mod observed;
pub mod placement;
pub mod plan;
pub mod problem;
pub mod size;
pub mod store;
pub mod topology;
