//! The pure core of rocketmq-agent: from the text of a cluster file to the steps that a host must take.
//!
//! ```text
//! cluster.toml ─cluster_file→ ClusterFile ─topology→ Topology ─placement→ Placement ─desired→ Desired ─┐
//!                                                        facts of this host → observed::Observed ──────┴─plan→ Plan
//! ```
//!
//! No clock, disk, network, process or environment: what those say comes in as an argument.

pub mod acl;
pub mod admission;
pub mod adoption;
pub mod backoff;
pub mod boot;
pub mod catalogue;
pub mod cause;
pub mod cluster_file;
pub mod commit_log;
pub mod desired;
pub mod document;
pub mod duration;
pub mod explain;
pub mod finding;
pub mod hang;
pub mod hazards;
pub mod health;
pub mod held;
pub mod launch;
pub mod limits;
pub mod line;
pub mod meaning;
pub mod names;
pub mod observed;
pub mod offsets;
pub mod online;
pub mod openings;
pub mod placement;
pub mod plan;
pub mod problem;
pub mod register;
pub mod releases;
pub mod removal;
pub mod rollout;
pub mod schema;
pub mod secret;
pub mod sentences;
pub mod size;
pub mod store;
pub mod sync_policy;
pub mod tls;
pub mod topics;
pub mod topology;
pub mod unit;
