//! Every order of events in a small scope: all states that can be reached from the start by delivering any message any
//! number of times or never, by ticks, and by crashes between any two writes.
//!
//! Messages are never taken from the network, so loss, delay, doubling and disorder need no events of their own.

use crate::{
    dead,
    truth::Truth,
    world::{Broken, Crash, Packet, World, change, content, host},
};
use rocketmq_agent_domain::{
    document::Document,
    names::HostName,
    register::{Message, Timing},
};
use std::{
    collections::{BTreeSet, HashSet, VecDeque},
    hash::{DefaultHasher, Hash, Hasher},
};

/// What may happen in a scope, and how often.
#[derive(Clone)]
pub struct Scope {
    pub hosts: usize,
    /// The config hosts of the first document, and of the changes to it, one a writer: host 1 makes the first.
    pub config: Vec<usize>,
    pub changes: Vec<Vec<usize>>,
    pub crashes: u8,
    pub ticks: u8,
    /// A host whose disk may be wiped once.
    pub wipe: Option<usize>,
    pub states: usize,
    /// Dead messages are taken off the network.
    pub buries: bool,
}

#[derive(Clone)]
struct State {
    world: World,
    unasked: Vec<(HostName, Document)>,
    crashes: u8,
    ticks: u8,
    wipe: Option<HostName>,
    buries: bool,
}

#[derive(Default)]
pub struct Explored {
    pub states: usize,
    /// All that can be reached in the scope was looked at.
    pub complete: bool,
    pub commits: usize,
    /// What disks held, and what was said to whom, in all states.
    pub reached: HashSet<u64>,
}

impl std::fmt::Debug for Explored {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let all = if self.complete { "all" } else { "the first" };
        write!(f, "{all} {} states, {} commits at most", self.states, self.commits)
    }
}

fn names(indices: &[usize]) -> BTreeSet<HostName> {
    indices.iter().map(|index| host(*index)).collect()
}

/// One round and no patience: attempts end by ticks, which are counted.
const TIMING: Timing = Timing { round: 2, patience: 100, settle: 100 };

/// All states of the scope, or as many as it allows; the rule that one of them breaks.
pub fn explore(scope: &Scope, broken: Broken) -> Result<Explored, String> {
    let first = Document::first(content("first", names(&scope.config))).unwrap();
    let mut world = World::new(scope.hosts, &first, broken, TIMING);
    agree_on_first(&mut world);
    let unasked = scope.changes.iter().enumerate().map(|(index, config)| {
        let name = host(index + 1);
        let text = format!("change {index}");
        let document = first.next(content(&text, names(config)), change(&name, &text)).unwrap();
        (name, document)
    });
    let start = State {
        world,
        unasked: unasked.collect(),
        crashes: scope.crashes,
        ticks: scope.ticks,
        wipe: scope.wipe.map(host),
        buries: scope.buries && broken == Broken::Nothing,
    };
    let mut seen = HashSet::from([start.fingerprint()]);
    let mut open = VecDeque::from([start]);
    let mut explored = Explored { complete: true, ..Explored::default() };
    while let Some(state) = open.pop_front() {
        explored.states += 1;
        explored.reached.insert(state.outside());
        explored.commits = explored.commits.max(state.world.truth.commits());
        for next in state.successors() {
            if let Some(violation) = &next.world.truth.violation {
                return Err(violation.clone());
            }
            if !seen.insert(next.fingerprint()) {
                continue;
            }
            match seen.len() < scope.states {
                true => open.push_back(next),
                false => explored.complete = false,
            }
        }
    }
    Ok(explored)
}

/// Generation 1, in peace.
fn agree_on_first(world: &mut World) {
    let all: Vec<HostName> = world.hosts.keys().cloned().collect();
    for name in &all {
        world.start(name);
    }
    for _ in 0..6 {
        world.run(&host(1), None, |register| register.tick(0));
        while !world.packets.is_empty() {
            let packet = world.packets.remove(0);
            world.deliver(packet, None);
        }
    }
    for name in &all {
        let entry = world.hosts[&host(1)].disk.entries[0].clone();
        world.run(name, None, |register| register.receive(&host(1), Message::Held { entry }));
    }
    assert_eq!(world.truth.commits(), 1);
}

impl State {
    fn fingerprint(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.world.hosts.hash(&mut hasher);
        let mut packets: Vec<u64> = self.world.packets.iter().map(fingerprint).collect();
        packets.sort_unstable();
        packets.hash(&mut hasher);
        (self.unasked.len(), self.crashes, self.ticks, self.wipe.is_some()).hash(&mut hasher);
        Truth::fingerprint(&self.world.truth).hash(&mut hasher);
        hasher.finish()
    }

    fn outside(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        self.world.hosts.values().for_each(|host| host.disk.hash(&mut hasher));
        Truth::fingerprint(&self.world.truth).hash(&mut hasher);
        hasher.finish()
    }

    fn successors(&self) -> Vec<State> {
        let mut found = Vec::new();
        let mut add = |step: &dyn Fn(&mut State)| {
            let mut next = self.clone();
            step(&mut next);
            if next.buries {
                dead::bury(&mut next.world, next.wipe.as_ref());
            }
            next.world.packets.sort_by_cached_key(fingerprint);
            next.world.packets.dedup();
            found.push(next);
        };
        let crashes: Vec<Option<(usize, Crash)>> = match self.crashes {
            0 => vec![None],
            _ => vec![None, Some((0, Crash::Before)), Some((0, Crash::After))],
        };
        for packet in &self.world.packets {
            for crash in &crashes {
                add(&|next: &mut State| {
                    next.world.deliver(packet.clone(), *crash);
                    next.restart(&packet.route.to);
                });
            }
        }
        for (index, (name, document)) in self.unasked.iter().enumerate() {
            add(&|next: &mut State| {
                next.unasked.remove(index);
                next.world.run(name, None, |register| register.propose(document.clone()).unwrap_or_default());
            });
        }
        if self.ticks > 0 {
            for name in self.world.hosts.keys() {
                add(&|next: &mut State| {
                    next.ticks -= 1;
                    next.world.run(name, None, |register| register.tick(0));
                });
            }
        }
        if let Some(name) = &self.wipe {
            add(&|next: &mut State| {
                next.wipe = None;
                next.world.wipe(name);
                next.world.start(name);
            });
        }
        found
    }

    /// A host that crashed comes back at once: one that stays away is one that no message reaches.
    fn restart(&mut self, name: &HostName) {
        if self.world.hosts[name].register.is_none() {
            self.crashes -= 1;
            self.world.start(name);
        }
    }
}

fn fingerprint(packet: &Packet) -> u64 {
    let mut hasher = DefaultHasher::new();
    packet.hash(&mut hasher);
    hasher.finish()
}
