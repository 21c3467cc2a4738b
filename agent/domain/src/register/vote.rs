//! What a host must not forget about how it voted. It is written to disk before any answer that rests on it leaves.

use super::entry::{Entry, Life};
use crate::{document::Mark, names::HostName};
use serde::{Deserialize, Serialize};
use std::fmt;

/// The number of one attempt to decide something. No two attempts ever have the same: a host makes itself promise a
/// ballot before it asks others, and a host that forgot has another life.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ballot {
    /// Higher wins.
    pub round: u64,
    /// Whose attempt.
    pub host: HostName,
    /// In which life.
    pub life: Life,
}

/// An entry that was accepted and may have been decided by that.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Accepted {
    /// In which attempt.
    pub ballot: Ballot,
    /// What.
    pub entry: Entry,
}

/// A host's vote. `promised` never goes down; `accepted` belongs to `base` and is dropped when a newer base is voted on.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vote {
    /// Since when it remembers.
    pub life: Life,
    /// The committed document whose successor it votes on; none before generation 1.
    pub base: Option<Mark>,
    /// No attempt below it is answered.
    pub promised: Option<Ballot>,
    /// What was accepted last as the successor of `base`.
    pub accepted: Option<Accepted>,
}

impl Vote {
    /// The vote of a host that has never voted, or has lost what it voted and must not pretend to remember.
    pub fn new(life: Life) -> Self {
        Self { life, base: None, promised: None, accepted: None }
    }
}

impl fmt::Display for Ballot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.round, self.host)
    }
}
