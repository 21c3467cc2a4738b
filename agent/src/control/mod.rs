//! How commands of this host reach its agent: HTTP over a unix socket that only root and the agent's own account may
//! use. In: requests of the command line. Out: what config sync knows, and changes to it.
//!
//! | path | takes, answers |
//! |---|---|
//! | `GET /status` | [`ClusterConfig`]: what each host holds |
//! | `GET /documents` | [`Held`] of every committed document that this host still has |
//! | `POST /apply` | [`Apply`]; [`Applied`] when it is decided |

mod client;
mod server;

pub use client::{Client, ControlError};
pub use server::{SocketError, bind, serve};

use crate::sync::{HostState, Voters};
use rocketmq_agent_domain::{document::DocumentHash, names::HostName, register::Entry};
use serde::{Deserialize, Serialize};

/// What each host holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClusterConfig {
    /// Whose view it is.
    pub seen_from: HostName,
    /// All hosts of the cluster.
    pub hosts: Vec<HostConfig>,
}

/// One host of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostConfig {
    /// Which.
    pub host: HostName,
    /// What it said.
    pub state: Option<HostState>,
    /// Why it said nothing.
    pub error: Option<String>,
}

/// A change to make.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Apply {
    /// What it changes: what was shown when somebody said yes.
    pub base: DocumentHash,
    /// The cluster file.
    pub text: String,
    /// Who wants it.
    pub author: String,
    /// Why.
    pub message: String,
    /// Who votes.
    pub voters: Voters,
}

/// How a change ended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Applied {
    /// It holds.
    Committed {
        /// Its number.
        generation: u64,
        /// Its hash.
        hash: DocumentHash,
    },
    /// It does not, and will not.
    Refused {
        /// Why.
        why: String,
    },
    /// It cannot be told yet.
    Unknown {
        /// Why.
        why: String,
    },
}

/// What `/documents` answers.
pub type Held = Entry;
