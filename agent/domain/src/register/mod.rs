//! The register: the one current document of a cluster, and how it is changed (`docs/config-register.md`).
//!
//! Each generation is decided once, by single-decree Paxos among the config hosts of its parent: a compare-and-swap on
//! the parent's hash (CASPaxos, Rystsov 2018, with the history made explicit). A state machine without clock, disk,
//! network or chance: in go messages, ticks and random numbers; out come [`Effect`]s, to be done in their order.
//!
//! ```text
//! vote, entry from disk ─new→ Register ─propose, receive, tick→ [Keep vote, Store entry, Send message, Done outcome]
//! ```

mod acceptor;
mod entry;
mod judgement;
mod message;
mod proposer;
mod quorum;
mod standing;
mod vote;

pub use entry::{Entry, Life, Seats, WrongSeats};
pub use judgement::{Fork, Judgement, judge};
pub use message::{Conflict, Effect, Message, Outcome, Refusal};
pub use proposer::NotProposed;
pub use standing::Standing;
pub use vote::{Accepted, Ballot, Vote};

use crate::{
    document::{Document, Mark},
    names::HostName,
};
use proposer::{Goal, Job};
use std::collections::BTreeMap;

/// How patient a register is, in ticks. A tick is as long as whoever runs it likes: 200 ms in a local network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Timing {
    /// An attempt without a majority is given up, and another one made, after so many.
    pub round: u32,
    /// A change is given up after so many.
    pub patience: u32,
    /// An entry that was accepted here and of which nothing more is heard is brought to its end after so many.
    pub settle: u32,
}

impl Default for Timing {
    fn default() -> Self {
        Self { round: 10, patience: 150, settle: 25 }
    }
}

/// What a host's disk holds: all that a register needs to go on where it was.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Recovered {
    /// The newest committed entry that could be read.
    pub held: Option<Entry>,
    /// Epoch and generation of the newest one that there was, where it could not be read.
    pub lost: Option<(u64, u64)>,
    /// The vote; a new one where there was none or it was damaged.
    pub vote: Vote,
}

/// One host's part in the register.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Register {
    me: HostName,
    timing: Timing,
    held: Option<Entry>,
    lost: Option<(u64, u64)>,
    vote: Vote,
    offer: Option<Document>,
    offers: BTreeMap<HostName, Option<Document>>,
    conflicts: BTreeMap<HostName, Conflict>,
    job: Option<Job>,
    unsettled: u32,
}

impl Register {
    /// The register of this host. The vote must be on disk before.
    pub fn new(me: HostName, recovered: Recovered, timing: Timing) -> Self {
        let Recovered { held, lost, vote } = recovered;
        let (offers, conflicts) = (BTreeMap::new(), BTreeMap::new());
        Self { me, timing, held, lost, vote, offer: None, offers, conflicts, job: None, unsettled: 0 }
    }

    /// What this host's own cluster file would make as generation 1. It counts only while nothing is held.
    pub fn offer(&mut self, first: Option<Document>) {
        self.offer = first.filter(|document| document.follows(None));
    }

    /// The committed document that this host may run. None before generation 1, and none while this host knows that
    /// it has held a newer one: nobody goes back.
    pub fn held(&self) -> Option<&Entry> {
        self.held.as_ref().filter(|_| !self.is_behind() && !self.has_lost())
    }

    /// Hosts that hold a committed document which contradicts this host's. A person has to decide which one stays.
    pub fn conflicts(&self) -> &BTreeMap<HostName, Conflict> {
        &self.conflicts
    }

    /// The question to a config host whether there is something newer.
    pub fn pull(&self) -> Message {
        Message::Pull { held: self.mark() }
    }

    /// A message came.
    pub fn receive(&mut self, from: &HostName, message: Message) -> Vec<Effect> {
        let mut out = Vec::new();
        self.handle(from, message, &mut out);
        out
    }

    /// A tick passed. `random` is any number; it spreads attempts of several hosts.
    pub fn tick(&mut self, random: u64) -> Vec<Effect> {
        let mut out = Vec::new();
        if self.job.is_none() {
            self.find_work(random);
        }
        self.work(random, &mut out);
        out
    }

    fn handle(&mut self, from: &HostName, message: Message, out: &mut Vec<Effect>) {
        match message {
            Message::Prepare { ballot, base } => self.on_prepare(from, ballot, base, out),
            Message::Accept { ballot, base, entry } => self.on_accept(from, ballot, base, entry, out),
            Message::Promise { ballot, life, accepted, offer } => {
                self.on_promise(from, &ballot, life, accepted, offer, out)
            }
            Message::Accepted { ballot, life } => self.on_accepted(from, &ballot, life, out),
            Message::Refused { ballot, why } => self.on_refused(from, &ballot, why, out),
            Message::Held { entry } => self.learn(from, entry, out),
            Message::Pull { held } => {
                if let Some(entry) = self.held.clone().filter(|entry| Some(entry.mark()) != held) {
                    self.send(from, Message::Held { entry }, out);
                }
            }
        }
    }

    /// To this host itself at once: its own answer is as good as any, and rests on the same disk.
    fn send(&mut self, to: &HostName, message: Message, out: &mut Vec<Effect>) {
        match *to == self.me {
            true => self.handle(&to.clone(), message, out),
            false => out.push(Effect::Send { to: to.clone(), message }),
        }
    }

    fn mark(&self) -> Option<Mark> {
        self.held.as_ref().map(Entry::mark)
    }

    /// What is held is older than what this host has voted on: its disk lost documents, and it votes on none until it
    /// has caught up.
    fn is_behind(&self) -> bool {
        match (self.vote.base, self.mark()) {
            (Some(base), Some(held)) => place(base) > place(held) || place(base) == place(held) && base != held,
            (base, None) => base.is_some(),
            (None, Some(_)) => false,
        }
    }

    /// What is held is older than what this host has held. It may vote all the same: its vote is whole.
    fn has_lost(&self) -> bool {
        self.lost > self.mark().map(place)
    }

    /// Another host holds this as committed.
    fn learn(&mut self, from: &HostName, entry: Entry, out: &mut Vec<Effect>) {
        let judgement = judge(self.held.as_ref(), &entry);
        match (judgement, &self.held) {
            (Judgement::Conflict(fork), Some(held)) => {
                let conflict = Conflict { fork, ours: held.mark(), theirs: entry };
                self.conflicts.insert(from.clone(), conflict);
                return;
            }
            (Judgement::TakeAndSetAside, Some(held)) => out.push(Effect::SetAside(held.clone())),
            _ => {}
        }
        self.conflicts.remove(from);
        if matches!(judgement, Judgement::Take | Judgement::TakeAndSetAside) {
            self.take(entry, out);
        }
    }

    /// This is committed, and newer than what is held.
    fn take(&mut self, entry: Entry, out: &mut Vec<Effect>) {
        if let Some(accepted) = self.pending()
            && left_behind(&accepted.entry, &entry)
        {
            out.push(Effect::SetAside(accepted.entry.clone()));
        }
        out.push(Effect::Store(entry.clone()));
        self.held = Some(entry.clone());
        self.unsettled = 0;
        self.resolve(&entry, out);
    }

    /// What was accepted here as the successor of what is held.
    fn pending(&self) -> Option<&Accepted> {
        self.vote.accepted.as_ref().filter(|_| self.vote.base == self.mark())
    }
}

fn place(mark: Mark) -> (u64, u64) {
    (mark.epoch, mark.generation)
}

/// Whether an override on the way to `taken` branched off before `accepted`.
fn left_behind(accepted: &Entry, taken: &Entry) -> bool {
    let (accepted, taken) = (accepted.document(), taken.document());
    let opening = taken.line().into_iter().find(|opening| opening.epoch > accepted.epoch());
    opening.is_some_and(|opening| accepted.generation() >= opening.generation)
}

impl Goal {
    fn document(&self) -> Option<&Document> {
        match self {
            Goal::Change(document) => Some(document),
            Goal::First | Goal::Confirm { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests;
