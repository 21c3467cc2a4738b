//! What hosts say to each other about the register, and what the register asks of whoever runs it.

use super::{
    entry::{Entry, Life},
    judgement::Fork,
    vote::{Accepted, Ballot, Vote},
};
use crate::{
    document::{Document, DocumentHash, Mark},
    names::HostName,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// A message between two hosts that have made sure of each other. Any may be lost, late, doubled or out of order.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Message {
    /// "Answer no ballot below this one, and tell me what you accepted." `base` is committed: who has not got it takes
    /// it first.
    Prepare {
        /// The attempt.
        ballot: Ballot,
        /// The document that is to be changed; none for generation 1.
        base: Option<Entry>,
    },
    /// The answer to `Prepare`.
    Promise {
        /// Of which attempt.
        ballot: Ballot,
        /// Who promises.
        life: Life,
        /// What was accepted before as the successor of the same base.
        accepted: Option<Accepted>,
        /// Before generation 1: what this host's own file would make.
        offer: Option<Document>,
    },
    /// "Accept this as the successor of that."
    Accept {
        /// The attempt.
        ballot: Ballot,
        /// As in `Prepare`.
        base: Option<Entry>,
        /// The successor.
        entry: Entry,
    },
    /// The answer to `Accept`.
    Accepted {
        /// Of which attempt.
        ballot: Ballot,
        /// Who accepted.
        life: Life,
    },
    /// The other answer to both.
    Refused {
        /// Of which attempt.
        ballot: Ballot,
        /// Why.
        why: Refusal,
    },
    /// "This is committed." Sent after a decision, and as the answer to `Pull`.
    Held {
        /// What is.
        entry: Entry,
    },
    /// "I hold this; what do you hold?" Answered where that is anything else.
    Pull {
        /// What the asking host holds.
        held: Option<Mark>,
    },
}

/// Why a host does not go along with an attempt.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Refusal {
    /// A higher ballot was promised.
    Outbid(Ballot),
    /// Another entry is committed here: a newer one, or one that contradicts the attempt's base.
    Holds(Entry),
    /// This host knows that it is behind what it voted on, and catches up first.
    Behind,
}

/// What is to be done, in this order. After `Keep`, `Store` or `SetAside` nothing further may be done before the disk
/// has it for good; if the disk fails, the rest is dropped and the register is made anew from what the disk holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// Write the vote.
    Keep(Vote),
    /// Write a committed entry; from now on it is the one held.
    Store(Entry),
    /// Write an entry that an override left behind, for a person to see.
    SetAside(Entry),
    /// Send a message.
    Send {
        /// To whom.
        to: HostName,
        /// What.
        message: Message,
    },
    /// What was asked for has ended.
    Done(Outcome),
}

/// How a change ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is committed.
    Committed {
        /// The document.
        hash: DocumentHash,
        /// What hosts that are left out may have decided before, and this override has left behind.
        set_aside: Vec<Entry>,
    },
    /// It is not, and will not be: another document is current.
    Refused {
        /// The document that was to be committed.
        hash: DocumentHash,
        /// The current one.
        newer: Entry,
    },
    /// Too few hosts answered. It was never offered to any, so it is not committed and will not be.
    NoMajority {
        /// The document.
        hash: DocumentHash,
        /// Who did not answer.
        silent: BTreeSet<HostName>,
        /// An earlier attempt, perhaps somebody else's, that has to be brought to its end first.
        pending: Option<Entry>,
    },
    /// It was offered, and too few hosts answered: it may be committed now or later. What is held in the end tells.
    Unknown {
        /// The document.
        hash: DocumentHash,
        /// Who did not answer.
        silent: BTreeSet<HostName>,
        /// As above.
        pending: Option<Entry>,
    },
    /// What this host holds was the current document while it asked (`confirm`).
    Confirmed {
        /// Which.
        held: Mark,
    },
    /// Too few hosts answered to tell whether it is (`confirm`).
    Unconfirmed {
        /// Who did not answer.
        silent: BTreeSet<HostName>,
    },
}

/// Two committed entries that contradict each other. Neither host's was touched.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Conflict {
    /// How.
    pub fork: Fork,
    /// What this host holds.
    pub ours: Mark,
    /// What the other one holds.
    pub theirs: Entry,
}
