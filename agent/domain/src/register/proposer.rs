//! The part of a register that gets something decided: a person's change, generation 1, or an end to what somebody
//! else began. One thing at a time; every attempt has a ballot of its own.

use super::{
    Accepted, Ballot, Effect, Entry, Life, Message, Outcome, Refusal, Register,
    quorum::{Answers, decides, is_majority},
};
use crate::{document::Document, names::HostName};
use std::collections::{BTreeMap, BTreeSet};

/// Why a change was not even begun.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotProposed {
    /// Another one is under way on this host.
    #[error("another change is being made on this host")]
    Busy,
    /// This host holds no document, or not the newest that it has held.
    #[error("this host does not hold the current document yet")]
    NothingHeld,
    /// It is a change to a document that is not the current one.
    #[error("it changes another document than the current one, which is {}", .0.mark())]
    Stale(Entry),
}

/// What is to be reached.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) enum Goal {
    /// Generation 1, from the files of all config hosts.
    First,
    /// That nothing is pending, for somebody who asked, or to bring an end to what was left pending.
    Confirm {
        /// Somebody waits for the answer.
        asked: bool,
    },
    /// This change.
    Change(Document),
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Job {
    goal: Goal,
    /// Ticks since it began.
    age: u32,
    attempts: u32,
    /// Ticks to the next attempt; none before they were drawn.
    wait: Option<u32>,
    /// The next attempt must be above it.
    floor: u64,
    /// The change was offered to somebody: whoever finds it may bring it to its end.
    offered: bool,
    pending: Option<Entry>,
    silent: BTreeSet<HostName>,
    set_aside: Vec<Entry>,
    round: Option<Round>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Round {
    ballot: Ballot,
    base: Option<Entry>,
    age: u32,
    /// To whom Prepare, and later Accept, is sent.
    asked: BTreeSet<HostName>,
    answers: Answers,
    accepted: BTreeMap<HostName, Accepted>,
    /// What is to be accepted; none in the first phase.
    entry: Option<Entry>,
}

/// What the promises so far lead to.
enum Found {
    Nothing,
    /// Nobody accepted anything: what is held is current.
    Settled,
    Entry(Entry),
}

impl Job {
    fn new(goal: Goal) -> Self {
        let (silent, set_aside, wait) = (BTreeSet::new(), Vec::new(), Some(0));
        Self {
            goal,
            age: 0,
            attempts: 0,
            wait,
            floor: 0,
            offered: false,
            pending: None,
            silent,
            set_aside,
            round: None,
        }
    }

    fn end_round(&mut self) {
        if let Some(round) = self.round.take() {
            self.silent = round.asked.into_iter().filter(|host| !round.answers.contains_key(host)).collect();
        }
        self.wait = None;
    }

    fn current(&mut self, ballot: &Ballot) -> Option<&mut Round> {
        self.round.as_mut().filter(|round| round.ballot == *ballot)
    }
}

impl Register {
    /// Asks for a change to what is held. The answer comes as [`Effect::Done`], now or later. A document is proposed once:
    /// after [`Outcome::Unknown`] or a crash, [`Register::confirm`] and look, or make a new one.
    pub fn propose(&mut self, document: Document) -> Result<Vec<Effect>, NotProposed> {
        let held = self.held().ok_or(NotProposed::NothingHeld)?;
        if !document.follows(Some(held.document())) {
            return Err(NotProposed::Stale(held.clone()));
        }
        self.begin(Goal::Change(document))
    }

    /// Asks whether what is held is current, bringing to its end what is pending. Needed after
    /// [`Outcome::Unknown`]; the answer comes as [`Effect::Done`].
    pub fn confirm(&mut self) -> Result<Vec<Effect>, NotProposed> {
        self.held().ok_or(NotProposed::NothingHeld)?;
        self.begin(Goal::Confirm { asked: true })
    }

    fn begin(&mut self, goal: Goal) -> Result<Vec<Effect>, NotProposed> {
        if self.job.as_ref().is_some_and(|job| job.goal != Goal::Confirm { asked: false }) {
            return Err(NotProposed::Busy);
        }
        self.job = Some(Job::new(goal));
        let mut out = Vec::new();
        self.attempt(&mut out);
        Ok(out)
    }

    /// What a host does unasked.
    pub(super) fn find_work(&mut self, random: u64) {
        if !self.has_work() {
            return;
        }
        if self.held.is_none() {
            self.job = Some(Job { wait: None, ..Job::new(Goal::First) });
        } else {
            self.unsettled += 1;
            if self.unsettled > self.timing.settle && random.is_multiple_of(4) {
                self.unsettled = 0;
                self.job = Some(Job::new(Goal::Confirm { asked: false }));
            }
        }
    }

    /// Whether there is something to begin by itself: the first document to agree on, or a vote whose outcome is not known.
    fn has_work(&self) -> bool {
        let votes_first = || self.offer.as_ref().is_some_and(|offer| offer.config_hosts().contains(&self.me));
        !self.is_behind() && if self.held.is_none() { votes_first() } else { self.pending().is_some() }
    }

    /// Whether ticks change nothing until something is received, offered or proposed.
    pub fn is_at_rest(&self) -> bool {
        self.job.is_none() && !self.has_work()
    }

    pub(super) fn work(&mut self, random: u64, out: &mut Vec<Effect>) {
        let timing = self.timing;
        let Some(job) = &mut self.job else { return };
        job.age += 1;
        if let Some(round) = &mut job.round {
            round.age += 1;
            if round.age < timing.round {
                self.advance(true, out);
                return self.ask_again(out);
            }
            job.end_round();
        }
        if job.age >= timing.patience && job.goal != Goal::First {
            return self.give_up(out);
        }
        // Hosts that outbid each other draw from an ever longer span.
        let wait = job.wait.get_or_insert((random % (2 << job.attempts.min(4))) as u32);
        match wait.checked_sub(1) {
            Some(less) => *wait = less,
            None => self.attempt(out),
        }
    }

    fn attempt(&mut self, out: &mut Vec<Effect>) {
        let (me, base) = (self.me.clone(), self.held.clone());
        let promised = self.vote.promised.as_ref().map_or(0, |promised| promised.round);
        let life = self.vote.life;
        let first = self.offer.clone();
        let Some(job) = &mut self.job else { return };
        let ballot = Ballot { round: promised.max(job.floor) + 1, host: me.clone(), life };
        let document = match &job.goal {
            Goal::First => first.as_ref(),
            goal => goal.document(),
        };
        let mut asked: BTreeSet<HostName> = base.iter().flat_map(|base| base.seats().keys().cloned()).collect();
        asked.extend(document.iter().flat_map(|document| document.config_hosts().iter().cloned()));
        asked.retain(|host| document.is_none_or(|document| !document.without().contains(host)));
        asked.insert(me.clone());
        job.attempts += 1;
        let others: Vec<HostName> = asked.iter().filter(|host| **host != me).cloned().collect();
        job.round = Some(Round {
            ballot: ballot.clone(),
            base: base.clone(),
            age: 0,
            asked,
            answers: Answers::new(),
            accepted: BTreeMap::new(),
            entry: None,
        });
        // Itself first: the promise on its own disk is what keeps the ballot from being used twice.
        self.send(&me, Message::Prepare { ballot: ballot.clone(), base: base.clone() }, out);
        self.ask(&others, &ballot, out);
    }

    /// Sends what the round is at to these hosts, if it still is that round.
    fn ask(&mut self, hosts: &[HostName], ballot: &Ballot, out: &mut Vec<Effect>) {
        for host in hosts {
            let Some(round) = self.job.as_mut().and_then(|job| job.current(ballot)) else { return };
            let (ballot, base) = (round.ballot.clone(), round.base.clone());
            let message = match round.entry.clone() {
                None => Message::Prepare { ballot, base },
                Some(entry) => Message::Accept { ballot, base, entry },
            };
            self.send(host, message, out);
        }
    }

    fn ask_again(&mut self, out: &mut Vec<Effect>) {
        let Some(round) = self.job.as_ref().and_then(|job| job.round.as_ref()) else { return };
        let silent: Vec<HostName> =
            round.asked.iter().filter(|host| !round.answers.contains_key(*host)).cloned().collect();
        let ballot = round.ballot.clone();
        self.ask(&silent, &ballot, out);
    }

    pub(super) fn on_promise(
        &mut self,
        from: &HostName,
        ballot: &Ballot,
        life: Life,
        accepted: Option<Accepted>,
        offer: Option<Document>,
        out: &mut Vec<Effect>,
    ) {
        let Some(round) = self.job.as_mut().and_then(|job| job.current(ballot)) else { return };
        if round.entry.is_some() {
            return;
        }
        round.answers.insert(from.clone(), life);
        match accepted {
            Some(accepted) => round.accepted.insert(from.clone(), accepted),
            None => round.accepted.remove(from),
        };
        if round.base.is_none() {
            self.offers.insert(from.clone(), offer);
        }
        self.advance(false, out);
    }

    /// Goes on to the second phase if the promises allow it. A change of this host's own waits a tick for hosts that
    /// have not answered: it seats only those that it heard.
    fn advance(&mut self, ticked: bool, out: &mut Vec<Effect>) {
        let Some((job, round)) = self.job.as_ref().and_then(|job| Some((job, job.round.as_ref()?))) else { return };
        if round.entry.is_some() {
            return;
        }
        let everybody = round.asked.iter().all(|host| round.answers.contains_key(host));
        let found = match best(job.goal.document(), &round.accepted) {
            Some(accepted) => Found::Entry(accepted.entry.clone()),
            None if !ticked && !everybody => Found::Nothing,
            None => self.own(job, round),
        };
        let entry = match found {
            Found::Nothing => return,
            Found::Settled => return self.confirmed(out),
            Found::Entry(entry) => entry,
        };
        let ready = decides(round.base.as_ref(), &entry, &round.answers);
        let ballot = round.ballot.clone();
        let Some(job) = &mut self.job else { return };
        let Some(round) = &mut job.round else { return };
        let new: Vec<HostName> = entry.seats().keys().filter(|host| !round.asked.contains(*host)).cloned().collect();
        round.asked.extend(new.iter().cloned());
        if !ready {
            job.pending = Some(entry).filter(|entry| job.goal.document() != Some(entry.document()));
            return self.ask(&new, &ballot, out);
        }
        if job.goal.document() == Some(entry.document()) {
            job.offered = true;
            let aside = round.accepted.values().map(|accepted| accepted.entry.clone());
            job.set_aside = aside.filter(|aside| aside.document() != entry.document()).collect();
        }
        round.entry = Some(entry);
        round.answers = Answers::new();
        let all: Vec<HostName> = round.asked.iter().cloned().collect();
        self.ask(&all, &ballot, out);
    }

    /// What this host itself wants decided, where nothing was accepted before.
    fn own(&self, job: &Job, round: &Round) -> Found {
        match &job.goal {
            Goal::Change(document) => {
                let seat = |host: &HostName| round.base.as_ref()?.seats().get(host).copied().flatten();
                let life = |host: &HostName| round.answers.get(host).copied().or_else(|| seat(host));
                Found::Entry(Entry::seated(document.clone(), life))
            }
            Goal::Confirm { .. } => match &round.base {
                Some(base) if is_majority(base.seats(), &round.answers) => Found::Settled,
                _ => Found::Nothing,
            },
            Goal::First => match &self.offer {
                Some(offer) if round.answers.keys().all(|host| self.offers.get(host) == Some(&Some(offer.clone()))) => {
                    Found::Entry(Entry::seated(offer.clone(), |host| round.answers.get(host).copied()))
                }
                _ => Found::Nothing,
            },
        }
    }

    pub(super) fn on_accepted(&mut self, from: &HostName, ballot: &Ballot, life: Life, out: &mut Vec<Effect>) {
        let Some(round) = self.job.as_mut().and_then(|job| job.current(ballot)) else { return };
        let Some(entry) = round.entry.clone() else { return };
        round.answers.insert(from.clone(), life);
        if decides(round.base.as_ref(), &entry, &round.answers) {
            let tell: Vec<HostName> = round.asked.iter().filter(|host| **host != self.me).cloned().collect();
            self.take(entry.clone(), out);
            out.extend(tell.into_iter().map(|to| Effect::Send { to, message: Message::Held { entry: entry.clone() } }));
        }
    }

    pub(super) fn on_refused(&mut self, from: &HostName, ballot: &Ballot, why: Refusal, out: &mut Vec<Effect>) {
        let Some(job) = self.job.as_mut().filter(|job| job.round.as_ref().is_some_and(|it| it.ballot == *ballot))
        else {
            return;
        };
        match why {
            Refusal::Outbid(other) => {
                job.floor = job.floor.max(other.round);
                job.end_round();
            }
            Refusal::Holds(entry) => self.learn(from, entry, out),
            Refusal::Behind => {}
        }
    }

    /// `entry` is held from now on: what does that mean for what is being done?
    pub(super) fn resolve(&mut self, entry: &Entry, out: &mut Vec<Effect>) {
        let Some(mut job) = self.job.take() else { return };
        job.end_round();
        let newer = entry.document();
        match &job.goal {
            Goal::First | Goal::Confirm { asked: false } => {}
            // It asked about an older document: once more.
            Goal::Confirm { asked: true } => self.job = Some(Job { wait: Some(0), ..job }),
            Goal::Change(document) => {
                let hash = document.hash();
                let is_in = newer.hash() == hash || newer.parent() == Some(hash);
                let may_be_in = newer.generation() > document.generation() + 1;
                out.push(Effect::Done(match () {
                    () if is_in => Outcome::Committed { hash, set_aside: job.set_aside },
                    () if job.offered && may_be_in => Outcome::Unknown { hash, silent: job.silent, pending: None },
                    () => Outcome::Refused { hash, newer: entry.clone() },
                }));
            }
        }
    }

    fn confirmed(&mut self, out: &mut Vec<Effect>) {
        if let (Some(job), Some(held)) = (self.job.take(), self.mark())
            && job.goal == (Goal::Confirm { asked: true })
        {
            out.push(Effect::Done(Outcome::Confirmed { held }));
        }
    }

    fn give_up(&mut self, out: &mut Vec<Effect>) {
        let Some(job) = self.job.take() else { return };
        let silent = job.silent;
        match &job.goal {
            Goal::First | Goal::Confirm { asked: false } => {}
            Goal::Confirm { asked: true } => out.push(Effect::Done(Outcome::Unconfirmed { silent })),
            Goal::Change(document) => {
                let hash = document.hash();
                out.push(Effect::Done(match job.offered {
                    true => Outcome::Unknown { hash, silent, pending: job.pending },
                    false => Outcome::NoMajority { hash, silent, pending: job.pending },
                }));
            }
        }
    }
}

/// Of what was accepted before, that which may have been decided: the highest epoch, and in it the highest ballot. What
/// belongs to a lower epoch than an override is what the override is there to leave behind.
fn best<'r>(goal: Option<&Document>, accepted: &'r BTreeMap<HostName, Accepted>) -> Option<&'r Accepted> {
    let epoch = goal.map_or(0, Document::epoch);
    let standing = accepted.values().filter(|accepted| accepted.entry.document().epoch() >= epoch);
    standing.max_by_key(|accepted| (accepted.entry.document().epoch(), &accepted.ballot))
}
