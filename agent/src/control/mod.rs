//! How commands of this host reach its agent: HTTP over a unix socket that only root and the agent's own account may
//! use. In: requests of the command line. Out: what config sync knows, changes to it, and orders for this host's instances.
//! Every request that changes something is noted with who made it.
//!
//! | path | takes, answers |
//! |---|---|
//! | `GET /status` | [`ClusterConfig`]: what each host holds |
//! | `GET /source` | [`SourceView`] of where the document comes from; null where the hosts decide on it |
//! | `GET /documents` | [`Held`] of every committed document that this host still has |
//! | `POST /apply` | [`Apply`]; [`Applied`] when it is decided |
//! | `POST /decide` | [`Decide`]; [`Applied`] when it is decided |
//! | `POST /order` | [`Wanted`]; a line of JSON for each [`Progress`] |
//! | `GET /audit` | [`Line`](crate::audit::Line): who changed what here |
//!
//! With neither a secret nor a source only the last two are there.

mod client;
mod hosts;
mod server;

pub use crate::rollout::{Progress, Wanted};
pub use client::{Client, ControlError};
pub use server::{Doors, SocketError, bind, serve};

pub use crate::sync::SourceView;
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
    /// What it changes: what was shown when somebody said yes; none for the first document.
    pub base: Option<DocumentHash>,
    /// The cluster file.
    pub text: String,
    /// Who wants it.
    pub author: String,
    /// Why.
    pub message: String,
    /// Who votes.
    pub voters: Voters,
    /// It is taken back after so many milliseconds, unless somebody confirms it.
    #[serde(default)]
    pub confirm_within: Option<u64>,
}

/// A change that leaves the cluster file as it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Decision {
    /// Rolling out, and what is ordered by hand, stands still.
    Pause,
    /// It goes on.
    Resume,
    /// What is being tried stays.
    Confirm,
}

/// Who wants that.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Decide {
    /// What.
    pub decision: Decision,
    /// Who wants it.
    pub author: String,
    /// Why.
    pub message: String,
}

/// An order for an instance of this host.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Ordered {
    /// What is wanted.
    pub wanted: Wanted,
    /// Who wants it.
    pub author: String,
    /// Why, where they say so.
    pub message: String,
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
