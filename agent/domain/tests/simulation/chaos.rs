//! One run: everything that can go wrong, in an order that a seed decides; then peace, in which a change must get
//! through.

use crate::world::{Broken, Crash, Packet, Route, World, change, content, host};
use fastrand::Rng;
use rocketmq_agent_domain::{
    document::Document,
    names::HostName,
    register::{Entry, Register, Timing},
};
use std::collections::{BTreeMap, BTreeSet};

const TIMING: Timing = Timing { round: 5, patience: 40, settle: 8 };
const STEPS: usize = 350;
/// Rounds of peace after which everything must have settled: a round is a tick of each host and all messages.
const PEACE: usize = 400;

/// What a run saw, for the sums.
#[derive(Debug, Default, Clone, Copy)]
pub struct Seen {
    pub commits: usize,
    pub conflicts: usize,
    pub overrides: usize,
}

pub struct Run {
    pub seen: Seen,
    pub violation: Option<String>,
    pub trace: Vec<String>,
}

struct Chaos {
    world: World,
    rng: Rng,
    cut: BTreeSet<Route>,
    /// Three config hosts that agreed on generation 1 in peace, and then quarrel and fail much more than others.
    harsh: bool,
    /// Overrides are made in this run.
    overrides: bool,
    wipes: usize,
    wiped: bool,
    proposals: usize,
    hosts: Vec<HostName>,
    first: Document,
}

pub fn run(seed: u64, broken: Broken, trace: bool) -> Run {
    let mut chaos = Chaos::new(seed, broken, trace);
    chaos.quarrel();
    let conflicts = chaos.forks();
    if chaos.world.truth.violation.is_none() && conflicts == 0 {
        chaos.peace();
    }
    let Chaos { world, overrides, .. } = chaos;
    let overrides = usize::from(overrides && world.truth.overridden);
    let seen = Seen { commits: world.truth.commits(), conflicts: usize::from(conflicts > 0), overrides };
    Run { seen, violation: world.truth.violation, trace: world.trace.unwrap_or_default() }
}

impl Chaos {
    fn new(seed: u64, broken: Broken, trace: bool) -> Self {
        let mut rng = Rng::with_seed(seed);
        let harsh = rng.bool();
        let count = if harsh { 3 } else { rng.usize(1..=5) };
        let hosts: Vec<HostName> = (1..=count).map(host).collect();
        let voters = if harsh { 3 } else { rng.usize(1..=3) };
        let config: BTreeSet<HostName> = hosts.iter().take(voters).cloned().collect();
        let wipes = match config.len() {
            3.. if harsh => rng.usize(..3),
            2.. if rng.u8(..4) == 0 => 1,
            _ => 0,
        };
        let first = Document::first(content("first", config.clone())).unwrap();
        let mut world = World::new(count, &first, broken, TIMING);
        world.trace = trace.then(Vec::new);
        if !harsh && rng.u8(..8) == 0 {
            let odd = Document::first(content("typo", config)).unwrap();
            let name = rng.choice(&hosts).unwrap();
            world.note(|| format!("{name} has another file"));
            world.hosts.get_mut(name).unwrap().offer = odd;
        }
        for name in &hosts {
            if harsh || rng.u8(..4) > 0 {
                world.start(name);
            }
        }
        let overrides = rng.u8(..3) == 0;
        let cut = BTreeSet::new();
        let mut chaos = Self { world, harsh, overrides, wipes, wiped: false, proposals: 0, cut, hosts, first, rng };
        if harsh {
            chaos.calm(20);
        }
        chaos
    }

    fn quarrel(&mut self) {
        for _ in 0..STEPS {
            if self.world.truth.violation.is_some() {
                return;
            }
            let name = self.rng.choice(&self.hosts).unwrap().clone();
            match self.rng.u8(..100) {
                0..50 => self.deliver(),
                50..70 if self.harsh => self.tick(&name),
                70..80 if self.harsh => self.propose(&name),
                80..82 if self.harsh => self.wipe(&name),
                50..78 => self.tick(&name),
                78..84 => self.pull(&name),
                84..89 => self.propose(&name),
                89..93 => self.restart(&name),
                93..96 => self.partition(),
                96 => self.world.crash(&name),
                97 => self.confirm(&name),
                98 => self.wipe(&name),
                _ => self.correct(&name),
            }
        }
    }

    fn crash_point(&mut self) -> Option<(usize, Crash)> {
        let how = match self.rng.u8(..if self.harsh { 25 } else { 60 }) {
            0 | 1 => Crash::Before,
            2 | 3 => Crash::After,
            // A torn file costs a vote or a document: as rare as a wiped disk.
            4 if self.wipes > 0 && self.rng.u8(..4) == 0 => {
                self.wipes -= 1;
                self.wiped = true;
                Crash::Torn
            }
            _ => return None,
        };
        Some((self.rng.usize(..3), how))
    }

    fn deliver(&mut self) {
        if self.world.packets.is_empty() {
            return;
        }
        // Mostly young ones, or everything would be late.
        let count = self.world.packets.len();
        let at = if self.rng.bool() { self.rng.usize(..count) } else { count - 1 - self.rng.usize(..count.min(4)) };
        let packet = match self.rng.u8(..20) {
            0 => self.world.packets[at].clone(),
            _ => self.world.packets.swap_remove(at),
        };
        let lost = self.rng.u8(..20) == 0 || self.cut.contains(&packet.route);
        if !lost {
            let crash = self.crash_point();
            self.world.deliver(packet, crash);
        }
    }

    fn tick(&mut self, name: &HostName) {
        let (random, crash) = (self.rng.u64(..), self.crash_point());
        self.world.run(name, crash, |register| {
            let at_rest = register.is_at_rest().then(|| register.clone());
            let effects = register.tick(random);
            assert!(at_rest.is_none_or(|before| effects.is_empty() && *register == before), "it rests, and ticks");
            effects
        });
    }

    fn pull(&mut self, name: &HostName) {
        let other = self.rng.choice(&self.hosts).unwrap().clone();
        let Some(register) = &self.world.hosts[name].register else { return };
        if other != *name {
            let message = register.pull();
            self.world.packets.push(Packet { route: Route { from: name.clone(), to: other }, message });
        }
    }

    fn restart(&mut self, name: &HostName) {
        if self.world.hosts[name].register.is_none() {
            self.world.start(name);
        }
    }

    fn partition(&mut self) {
        if self.rng.bool() {
            self.cut.clear();
            return self.world.note(|| "the network is whole".to_owned());
        }
        let side: BTreeMap<HostName, bool> = self.hosts.iter().map(|host| (host.clone(), self.rng.bool())).collect();
        let one_way = self.rng.u8(..4) == 0;
        for (from, a) in &side {
            for (to, b) in &side {
                if a != b && (!one_way || *a) {
                    self.cut.insert(Route { from: from.clone(), to: to.clone() });
                }
            }
        }
        self.world.note(|| format!("the network is cut: {side:?}, one way: {one_way}"));
    }

    fn propose(&mut self, name: &HostName) {
        let Some(held) = self.world.hosts[name].register.as_ref().and_then(Register::held).cloned() else { return };
        self.proposals += 1;
        let text = format!("change {}", self.proposals);
        let old = held.document().config_hosts();
        let wants_override = self.overrides && self.rng.bool();
        let without: BTreeSet<HostName> = match wants_override {
            true if self.rng.bool() => old.iter().filter(|host| *host != name).cloned().collect(),
            true => old.iter().filter(|_| self.rng.bool()).cloned().collect(),
            false => BTreeSet::new(),
        };
        let mut config = old.clone();
        if self.rng.u8(..5) < 2 {
            let some = self.rng.choice(&self.hosts).unwrap().clone();
            config.insert(some);
            if self.rng.bool() {
                let gone = self.rng.choice(config.iter()).unwrap().clone();
                config.remove(&gone);
            }
        }
        config.retain(|host| !without.contains(host));
        let (content, change) = (content(&text, config), change(name, &text));
        let document = match without.is_empty() {
            true => held.document().next(content, change),
            false => held.document().next_without(without, None, content, change),
        };
        let Ok(document) = document else { return };
        let crash = self.crash_point();
        self.world.note(|| format!("{name} proposes {document:?} without {:?}", document.without()));
        self.world.run(name, crash, |register| register.propose(document).unwrap_or_default());
    }

    fn confirm(&mut self, name: &HostName) {
        let crash = self.crash_point();
        self.world.run(name, crash, |register| register.confirm().unwrap_or_default());
    }

    fn wipe(&mut self, name: &HostName) {
        if self.wipes > 0 {
            self.wipes -= 1;
            self.wiped = true;
            self.world.wipe(name);
        }
    }

    /// A person makes the files the same.
    fn correct(&mut self, name: &HostName) {
        let first = self.first.clone();
        let Some(host) = self.world.hosts.get_mut(name) else { return };
        host.offer = first.clone();
        if let Some(register) = &mut host.register {
            register.offer(Some(first));
        }
    }

    /// Histories of which neither is the other's: opposing overrides.
    fn forks(&self) -> usize {
        let held: Vec<&Entry> = self.world.hosts.values().filter_map(|host| host.disk.entries.last()).collect();
        let lines: Vec<_> = held.iter().map(|entry| entry.document().line()).collect();
        let forked = |a: &[_], b: &[_]| a.iter().zip(b).any(|(a, b)| a != b);
        lines
            .iter()
            .enumerate()
            .flat_map(|(i, a)| lines[..i].iter().map(move |b| (a, b)))
            .filter(|(a, b)| forked(a, b))
            .count()
    }

    fn calm(&mut self, rounds: usize) {
        for round in 0..rounds {
            for name in self.hosts.clone() {
                let random = self.rng.u64(..);
                self.world.run(&name, None, |register| register.tick(random));
                if round % 4 == 0 {
                    self.pull(&name);
                }
            }
            for _ in 0..200 {
                if self.world.packets.is_empty() || self.world.truth.violation.is_some() {
                    break;
                }
                let packet = self.world.packets.remove(0);
                self.world.deliver(packet, None);
            }
        }
    }

    /// Everybody is up and hears everybody: all must agree, and a change must get through.
    fn peace(&mut self) {
        self.world.note(|| "peace".to_owned());
        self.cut.clear();
        for name in self.hosts.clone() {
            self.correct(&name);
            self.restart(&name);
        }
        self.calm(PEACE);
        // A majority that lost its votes, or half an override that did, is a person's to mend.
        let excused = self.lost_majority() || self.forks() > 0 || self.wiped && self.overrides;
        let Some(last) = self.agreed(excused) else { return };
        if excused {
            return;
        }
        self.world.truth.check_history(&last);
        self.proposals += 1;
        let text = format!("last change {}", self.proposals);
        let name = self.hosts[0].clone();
        let config = last.document().config_hosts().clone();
        let document = last.document().next(content(&text, config), change(&name, &text)).unwrap();
        let hash = document.hash();
        self.world.run(&name, None, |register| register.propose(document).unwrap_or_default());
        self.calm(PEACE / 4);
        if !self.world.truth.acknowledged.contains(&hash) {
            self.world.truth.break_rule("a change did not get through in peace".to_owned());
        }
        if let Some(last) = self.agreed(false) {
            self.world.truth.check_history(&last);
        }
    }

    /// Too many of those who vote on the next change have lost their vote.
    fn lost_majority(&self) -> bool {
        let disks = self.world.hosts.values().map(|host| &host.disk);
        let Some(newest) = disks.flat_map(|disk| &disk.entries).max_by_key(|entry| entry.mark()) else { return false };
        let life = |name: &HostName| self.world.hosts[name].disk.vote.as_ref().map(|vote| vote.life);
        let alive = newest.seats().iter().filter(|(name, seat)| seat.is_some() && **seat == life(name)).count();
        alive <= newest.seats().len() / 2
    }

    fn agreed(&mut self, excused: bool) -> Option<Entry> {
        let held: BTreeMap<&HostName, Option<Entry>> = self
            .world
            .hosts
            .iter()
            .map(|(name, host)| (name, host.register.as_ref().and_then(Register::held).cloned()))
            .collect();
        let first = held.values().next()?.clone();
        if first.is_some() && held.values().all(|entry| *entry == first) {
            return first;
        }
        if !excused {
            let marks: Vec<_> = held.iter().map(|(name, entry)| (name, entry.as_ref().map(Entry::mark))).collect();
            let rule = format!("hosts do not agree in peace: {marks:?}");
            self.world.truth.break_rule(rule);
        }
        None
    }
}
