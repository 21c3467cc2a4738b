//! Hosts, disks and a network, all in memory: what carries out the register's effects, well or badly.

use crate::truth::Truth;
use rocketmq_agent_domain::{
    document::{Change, Content, Document},
    names::HostName,
    placement::Placement,
    register::{Effect, Entry, Life, Message, Outcome, Recovered, Register, Timing, Vote},
};
use std::collections::{BTreeMap, BTreeSet};

/// One thing that is done wrong on purpose, to see that it is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Broken {
    Nothing,
    /// Hosts accept whatever ballot they promised not to.
    PromisesIgnored,
    /// The disk forgets the promise, and remembers the rest.
    PromisesNotWritten,
    /// Answers leave before the disk has what they rest on.
    AnswersBeforeWrites,
    /// A proposer does not hear what was accepted before.
    AcceptedNotHeard,
    /// Hosts that only the new document names are taken for granted.
    OldMajorityOnly,
    /// A host whose disk was wiped goes on as if it remembered.
    OldLifeAfterWipe,
    /// A host whose vote cannot be read goes on with the copy before.
    OldVoteTaken,
}

/// What a host's disk holds. Cheap stand-in for the agent's ledger.
#[derive(Debug, Clone, Default, PartialEq, Eq, Hash)]
pub struct Disk {
    pub entries: Vec<Entry>,
    pub lost: Option<(u64, u64)>,
    pub vote: Option<Vote>,
    /// The copy before, which the real ledger does not keep: for `OldVoteTaken`.
    pub older_vote: Option<Vote>,
    pub aside: Vec<Entry>,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Host {
    pub disk: Disk,
    pub register: Option<Register>,
    pub offer: Document,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Route {
    pub from: HostName,
    pub to: HostName,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Packet {
    pub route: Route,
    pub message: Message,
}

/// How a crash meets the write that it happens at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Crash {
    Before,
    After,
    /// The file is there and cannot be read. Rename makes it rare; a dying disk does not.
    Torn,
}

#[derive(Clone)]
pub struct World {
    pub hosts: BTreeMap<HostName, Host>,
    pub packets: Vec<Packet>,
    pub truth: Truth,
    pub broken: Broken,
    pub timing: Timing,
    pub lives: u64,
    pub trace: Option<Vec<String>>,
}

pub fn host(index: usize) -> HostName {
    format!("h{index}").parse().unwrap()
}

pub fn content(text: &str, config_hosts: BTreeSet<HostName>) -> Content {
    Content { text: text.to_owned(), placement: Placement::default(), config_hosts, paused: None, trial: None }
}

pub fn change(author: &HostName, message: &str) -> Change {
    Change { author: "sim".to_owned(), host: author.clone(), time: 0, message: message.to_owned() }
}

impl World {
    pub fn new(hosts: usize, first: &Document, broken: Broken, timing: Timing) -> Self {
        let offer = first.clone();
        let fresh = || Host { disk: Disk::default(), register: None, offer: offer.clone() };
        let hosts = (1..=hosts).map(|index| (host(index), fresh())).collect();
        Self { hosts, packets: Vec::new(), truth: Truth::default(), broken, timing, lives: 0, trace: None }
    }

    pub fn note(&mut self, line: impl FnOnce() -> String) {
        if let Some(trace) = &mut self.trace {
            trace.push(line());
        }
    }

    /// Starts a host from what its disk holds, as the agent would.
    pub fn start(&mut self, name: &HostName) {
        self.lives += 1;
        let life = Life(self.lives);
        let timing = self.timing;
        let Some(host) = self.hosts.get_mut(name) else { return };
        let vote = host.disk.vote.get_or_insert_with(|| Vote::new(life)).clone();
        let vote = match &host.disk.older_vote {
            Some(older) if self.broken == Broken::OldVoteTaken => older.clone(),
            _ => vote,
        };
        let lost = host.disk.lost;
        let held = host.disk.entries.last().cloned();
        let mut register = Register::new(name.clone(), Recovered { held, lost, vote }, timing);
        register.offer(Some(host.offer.clone()));
        host.register = Some(register);
        self.note(|| format!("{name} starts"));
    }

    pub fn crash(&mut self, name: &HostName) {
        self.note(|| format!("{name} crashes"));
        if let Some(host) = self.hosts.get_mut(name) {
            host.register = None;
        }
    }

    /// Feeds one host and carries out what it asks for, with a crash at the given write.
    pub fn run(
        &mut self,
        name: &HostName,
        crash: Option<(usize, Crash)>,
        step: impl FnOnce(&mut Register) -> Vec<Effect>,
    ) {
        let Some(register) = self.hosts.get_mut(name).and_then(|host| host.register.as_mut()) else { return };
        let effects = step(register);
        let mut writes = 0;
        for effect in effects {
            let is_write = !matches!(effect, Effect::Send { .. } | Effect::Done(_));
            let now = crash.filter(|(at, _)| is_write && *at == writes).map(|(_, how)| how);
            writes += usize::from(is_write);
            if let Some(how) = now {
                self.note(|| format!("{name} crashes {how:?} {}", brief(&effect)));
                match how {
                    Crash::Before if self.broken == Broken::AnswersBeforeWrites => continue,
                    Crash::Before => {}
                    Crash::After => self.perform(name, effect),
                    Crash::Torn => self.tear(name, &effect),
                }
                self.crash(name);
                return;
            }
            self.perform(name, effect);
        }
        if self.broken == Broken::AnswersBeforeWrites
            && crash.is_some_and(|(at, how)| at < writes && how == Crash::Before)
        {
            self.crash(name);
        }
    }

    fn perform(&mut self, name: &HostName, effect: Effect) {
        self.note(|| format!("{name}: {}", brief(&effect)));
        let forgets = self.broken == Broken::PromisesNotWritten;
        let Some(host) = self.hosts.get_mut(name) else { return };
        let life = host.disk.vote.as_ref().map(|vote| vote.life);
        let written = match &effect {
            Effect::Keep(vote) => vote.accepted.as_ref().map(|accepted| accepted.entry.clone()),
            Effect::Store(entry) => Some(entry.clone()),
            _ => None,
        };
        if let (Some(life), Some(entry)) = (life, written) {
            self.truth.wrote(name, life, &entry);
        }
        match effect {
            Effect::Keep(vote) if forgets => host.disk.vote = Some(Vote { promised: None, ..vote }),
            Effect::Keep(vote) if self.broken == Broken::OldVoteTaken => {
                host.disk.older_vote = host.disk.vote.replace(vote)
            }
            Effect::Keep(vote) => host.disk.vote = Some(vote),
            Effect::SetAside(entry) => host.disk.aside.push(entry),
            Effect::Store(entry) => {
                let before = host.disk.entries.last().cloned();
                host.disk.entries.push(entry.clone());
                if host.disk.lost.is_some_and(|lost| lost <= (entry.mark().epoch, entry.mark().generation)) {
                    host.disk.lost = None;
                }
                self.truth.stored(name, before.as_ref(), &entry, &self.hosts);
            }
            Effect::Done(outcome) => self.truth.ended(&outcome),
            Effect::Send { to, message } => self.post(Route { from: name.clone(), to }, message),
        }
    }

    fn post(&mut self, route: Route, message: Message) {
        if self.broken == Broken::OldMajorityOnly
            && let Some(answer) = self.taken_for_granted(&route.to, &message)
        {
            self.packets.push(Packet { route: Route { from: route.to, to: route.from }, message: answer });
            return;
        }
        let message = match message {
            Message::Promise { ballot, life, offer, .. } if self.broken == Broken::AcceptedNotHeard => {
                Message::Promise { ballot, life, accepted: None, offer }
            }
            message => message,
        };
        self.packets.push(Packet { route, message });
    }

    fn taken_for_granted(&self, to: &HostName, message: &Message) -> Option<Message> {
        let life = self.hosts.get(to)?.disk.vote.as_ref()?.life;
        match message {
            Message::Prepare { ballot, base: Some(base) } if !base.seats().contains_key(to) => {
                Some(Message::Promise { ballot: ballot.clone(), life, accepted: None, offer: None })
            }
            Message::Accept { ballot, base: Some(base), .. } if !base.seats().contains_key(to) => {
                Some(Message::Accepted { ballot: ballot.clone(), life })
            }
            _ => None,
        }
    }

    /// The write reached the disk and is not readable: a vote begins a new life, a document is known to be missing.
    fn tear(&mut self, name: &HostName, effect: &Effect) {
        let Some(host) = self.hosts.get_mut(name) else { return };
        match effect {
            Effect::Keep(_) => host.disk.vote = None,
            Effect::Store(entry) => host.disk.lost = Some((entry.mark().epoch, entry.mark().generation)),
            _ => {}
        }
    }

    /// The host's state is gone; its cluster file is still there.
    pub fn wipe(&mut self, name: &HostName) {
        self.note(|| format!("{name} is wiped"));
        let Some(host) = self.hosts.get_mut(name) else { return };
        let life = host.disk.vote.as_ref().map(|vote| vote.life);
        host.register = None;
        host.disk = Disk::default();
        if self.broken == Broken::OldLifeAfterWipe {
            host.disk.vote = life.map(Vote::new);
        }
    }

    pub fn deliver(&mut self, packet: Packet, crash: Option<(usize, Crash)>) {
        let Packet { route: Route { from, to }, message } = packet;
        self.note(|| format!("{from} -> {to}: {}", brief_message(&message)));
        if self.broken == Broken::PromisesIgnored
            && matches!(message, Message::Accept { .. })
            && let Some(host) = self.hosts.get_mut(&to)
            && let Some(vote) = &mut host.disk.vote
        {
            vote.promised = None;
            self.start(&to);
        }
        self.run(&to, crash, |register| register.receive(&from, message));
    }
}

pub fn brief(effect: &Effect) -> String {
    match effect {
        Effect::Keep(vote) => format!(
            "keeps vote on {}, promised {}, accepted {:?}",
            vote.base.map_or("nothing".to_owned(), |base| base.to_string()),
            vote.promised.as_ref().map_or("none".to_owned(), ToString::to_string),
            vote.accepted.as_ref().map(|accepted| (accepted.ballot.to_string(), accepted.entry.mark().to_string()))
        ),
        Effect::Store(entry) => format!("stores {}", entry.mark()),
        Effect::SetAside(entry) => format!("sets {} aside", entry.mark()),
        Effect::Send { to, message } => format!("to {to}: {}", brief_message(message)),
        Effect::Done(Outcome::Committed { hash, .. }) => format!("committed {hash:.8}"),
        Effect::Done(outcome) => format!("{outcome:?}"),
    }
}

fn brief_message(message: &Message) -> String {
    let mark = |entry: &Entry| entry.mark().to_string();
    match message {
        Message::Prepare { ballot, base } => format!("prepare {ballot} on {:?}", base.as_ref().map(mark)),
        Message::Promise { ballot, accepted, .. } => {
            format!(
                "promise {ballot}, accepted {:?}",
                accepted.as_ref().map(|it| (it.ballot.to_string(), mark(&it.entry)))
            )
        }
        Message::Accept { ballot, entry, .. } => format!("accept {ballot} {}", mark(entry)),
        Message::Accepted { ballot, .. } => format!("accepted {ballot}"),
        Message::Refused { ballot, why } => format!("refused {ballot}: {why:?}"),
        Message::Held { entry } => format!("held {}", mark(entry)),
        Message::Pull { held } => format!("pull, holds {:?}", held.map(|mark| mark.to_string())),
    }
}
