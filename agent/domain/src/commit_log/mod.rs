//! A broker's commit log as bytes: what a whole message looks like, where two logs stop being equal, and what that means
//! for a master and its slave. Pure: bytes and hashes come in.
//!
//! ```text
//! hashes of both, from the end back ─Search→ first difference ─walk→ boundary ─judge→ Verdict
//! ```

mod message;
mod search;
mod verdict;

pub use message::{Frame, HEADER, frame, frame_size};
pub use search::{CHUNK, Search, WINDOW, chunks, first_difference};
pub use verdict::{Verdict, judge};

use crate::launch::Role;
use serde::{Deserialize, Serialize};

/// How far a member's commit log reaches, as its host's agent says. Offsets are bytes since the first message of the group.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extent {
    /// What the member is.
    pub role: Role,
    /// Where its oldest file begins; none where it has no file.
    pub min: Option<u64>,
    /// Where it ends: what a serving broker says, or the end of the last whole message in its files.
    pub end: u64,
    /// `mappedFileSizeCommitLog`: the length of its files, bytes; 0 where it has none.
    pub file_size: u64,
    /// Its process runs.
    pub running: bool,
    /// The broker answers, so that [`Extent::end`] is what it acknowledges from, the half of a message included.
    pub serving: bool,
}

impl Extent {
    /// Whether it holds any message.
    pub fn is_empty(&self) -> bool {
        self.min.is_none_or(|min| self.end <= min)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
