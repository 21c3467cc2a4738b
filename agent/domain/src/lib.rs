//! The pure core of rocketmq-agent.
pub mod cluster_file;
pub mod launch;
pub mod names;
pub mod placement;
pub mod problem;
pub mod size;
pub mod topology;
