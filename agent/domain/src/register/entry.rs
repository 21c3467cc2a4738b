//! A document together with who may vote on its successor.

use crate::{
    document::{Document, Mark},
    names::HostName,
};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, sync::Arc};

/// One life of a host's vote: from the moment its `vote` file was made to the moment it was lost. A host whose disk
/// was wiped or whose vote was damaged has forgotten what it promised; it comes back with another life, and as a life
/// it has never promised anything. Random, so that no two are equal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Life(pub u64);

/// The lives that vote on the next change, one for each config host. A config host that was not heard when the document
/// was made has none yet: it counts in what a majority is, and cannot vote until a later change seats it.
pub type Seats = BTreeMap<HostName, Option<Life>>;

/// What the register decides on, and what the ledger holds. Cheap to clone.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "Plain", into = "Plain")]
pub struct Entry {
    document: Document,
    seats: Arc<Seats>,
}

/// The seats are not those of the document's config hosts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the seats are not those of the document's config hosts")]
pub struct WrongSeats;

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Plain {
    document: Document,
    seats: Seats,
}

impl Entry {
    /// A document and its seats, which must be those of its config hosts.
    pub fn new(document: Document, seats: Seats) -> Result<Self, WrongSeats> {
        match seats.keys().eq(document.config_hosts()) {
            true => Ok(Self { document, seats: Arc::new(seats) }),
            false => Err(WrongSeats),
        }
    }

    /// A document that no register decided on, and so nobody votes on its successor.
    pub fn seatless(document: Document) -> Self {
        Self::seated(document, |_| None)
    }

    /// The document with each config host in the seat that `life` says.
    pub(super) fn seated(document: Document, life: impl Fn(&HostName) -> Option<Life>) -> Self {
        let seats = document.config_hosts().iter().map(|host| (host.clone(), life(host))).collect();
        Self { document, seats: Arc::new(seats) }
    }

    /// The document.
    pub fn document(&self) -> &Document {
        &self.document
    }

    /// Who votes on its successor.
    pub fn seats(&self) -> &Seats {
        &self.seats
    }

    /// Where the document stands.
    pub fn mark(&self) -> Mark {
        self.document.mark()
    }
}

impl TryFrom<Plain> for Entry {
    type Error = WrongSeats;
    fn try_from(plain: Plain) -> Result<Self, WrongSeats> {
        Self::new(plain.document, plain.seats)
    }
}

impl From<Entry> for Plain {
    fn from(entry: Entry) -> Self {
        Self { document: entry.document, seats: Arc::unwrap_or_clone(entry.seats) }
    }
}
