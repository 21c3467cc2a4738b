//! A whole cluster in miniature: agents that see each other only through reports they fetched one by one.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod by_hand;

use super::*;
use crate::{
    desired::{HostFacts, Java, desired},
    health::report::{HostReport, HostView},
    launch::Role,
    names::{HostName, InstanceName},
    observed::Fact,
    placement::place,
    size::Size,
    topology::read,
};
use proptest::prelude::*;
use std::{collections::BTreeMap, net::SocketAddr};

struct Agent {
    /// What is true on its host; as published, but for what happened since.
    truth: HostReport,
    published: HostReport,
    record: Option<Record>,
    turns: BTreeMap<InstanceName, Turn>,
    fetched: BTreeMap<HostName, HostReport>,
    permission: BTreeMap<InstanceName, String>,
    /// What a person at its terminal waits for.
    wish: Option<Wish>,
    /// Stopped by hand.
    held: BTreeSet<InstanceName>,
    paused: Option<Cause>,
    alive: bool,
}

struct World {
    order: Vec<Seat>,
    agents: Vec<Agent>,
    now: u64,
    next_pid: u32,
    restart: Restart,
    moved: Vec<String>,
}

impl World {
    fn new(hosts: usize) -> Self {
        let mut text = "[cluster]\nmode = \"2m-2s-sync\"\n[rocketmq]\nversion = \"5.5.0\"\n".to_owned();
        for host in 1..=hosts {
            text += &format!("[[host]]\nname = \"vm{host}\"\naddress = \"10.0.0.{host}\"\n");
        }
        let topology = read(&text).unwrap();
        let placement = place(&topology, None).unwrap();
        let facts = HostFacts { memory: Size::mib(16384), java: Java { program: "/j".into(), release: 17 } };
        let mut next_pid = 0;
        let agents = topology.hosts.iter().map(|host| {
            let desired = desired(&topology, &placement, &host.name, &facts).unwrap();
            let instances = desired.instances.iter().map(|instance| {
                next_pid += 1;
                let mut report = InstanceReport::new(instance);
                (report.state, report.lag, report.pid) = (State::Ready, Some(0), Some(next_pid));
                report.figures.insert("rocketmq_brokeruntime_msg_put_total_today_now".to_owned(), 7.0);
                report.restart_pending = true;
                report
            });
            let truth = HostReport {
                host: host.name.clone(),
                cluster: String::new(),
                mode: topology.mode,
                rocketmq: topology.version,
                agent: String::new(),
                at: 0,
                cluster_file: "a".to_owned(),
                placement: String::new(),
                ready: true,
                blocked: Vec::new(),
                steps: Vec::new(),
                not_in_file: Vec::new(),
                config: Default::default(),
                instances: instances.collect(),
            };
            Agent {
                published: truth.clone(),
                truth,
                record: None,
                turns: BTreeMap::new(),
                fetched: BTreeMap::new(),
                permission: BTreeMap::new(),
                wish: None,
                held: BTreeSet::new(),
                paused: None,
                alive: true,
            }
        });
        let agents: Vec<Agent> = agents.collect();
        Self { order: order(&placement), agents, now: 1, next_pid, restart: Restart::Auto, moved: Vec::new() }
    }

    /// The loop's pass: what is recorded is published, and what is recorded to be stopped is stopped.
    fn publish(&mut self, at: usize) {
        let agent = &mut self.agents[at];
        if !agent.alive {
            return;
        }
        for instance in &mut agent.truth.instances {
            instance.rollout = agent.turns.get(&instance.instance).cloned();
            if let Some(record) = &agent.record
                && record.phase == Phase::Stopping
                && record.instance == instance.instance
                && instance.pid == Some(record.pid)
            {
                (instance.state, instance.pid) = (State::Stopped, None);
                let name = format!("{}/{}", agent.truth.host, instance.instance);
                self.moved.push(name);
                if record.verb == Verb::Stop {
                    agent.held.insert(instance.instance.clone());
                }
            }
        }
        agent.published = agent.truth.clone();
    }

    fn fetch(&mut self, at: usize, from: usize) {
        // A host's own report is the one published last, and the others are asked when it shows the announcement.
        let agent = &self.agents[at];
        let announced = agent.record.as_ref().is_none_or(|record| {
            let own = agent.published.instances.iter().find(|it| it.instance == record.instance);
            own.and_then(|it| it.rollout.as_ref()).is_some_and(|turn| turn.phase == record.phase)
        });
        if announced && agent.alive && self.agents[from].alive {
            let report = self.agents[from].published.clone();
            self.agents[at].fetched.insert(report.host.clone(), report);
        }
    }

    fn step(&mut self, at: usize) {
        let all = self.agents.len();
        let agent = &mut self.agents[at];
        if agent.fetched.len() < all || !agent.alive {
            return;
        }
        let fetched = std::mem::take(&mut agent.fetched);
        let hosts: Vec<HostView> = fetched
            .into_iter()
            .map(|(host, report)| HostView {
                host,
                address: String::new(),
                report: Some(report),
                unknown_since: None,
                error: None,
            })
            .collect();
        let address: SocketAddr = "10.0.0.1:1".parse().unwrap();
        let told = agent.truth.instances.iter().map(|it| (it.instance.clone(), (address, "6".to_owned()))).collect();
        let has = agent.record.as_ref().and_then(|record| agent.permission.get(&record.instance).cloned());
        let facts = Facts {
            now: self.now,
            restart: self.restart,
            paused: agent.paused.as_ref(),
            wish: agent.wish.as_ref(),
            order: &self.order,
            own: &agent.published,
            hosts: &hosts,
            told: &told,
            permission: Fact::Known(has.unwrap_or("6".to_owned())),
        };
        let before = agent.record.take();
        let outcome = step(before.clone(), &facts, &agent.turns);
        // The terminal is told how it ended.
        if let (Some(before), None) = (before.filter(|it| it.phase.is_in_flight()), &outcome.record)
            && agent.wish.as_ref().is_some_and(|wish| wish.instance == before.instance)
        {
            agent.wish = None;
        }
        if let Some(record) = &outcome.record {
            match outcome.act {
                Act::Take => agent.permission.insert(record.instance.clone(), "4".to_owned()),
                Act::Give => agent.permission.insert(record.instance.clone(), record.permission.clone()),
                Act::Nothing => None,
            };
        }
        agent.record = outcome.record;
        agent.turns = outcome.turns;
        self.now += 3_000;
    }

    fn start(&mut self, at: usize) {
        let agent = &mut self.agents[at];
        for instance in &mut agent.truth.instances {
            if instance.pid.is_none() && !agent.held.contains(&instance.instance) {
                self.next_pid += 1;
                instance.pid = Some(self.next_pid);
                instance.state = State::Ready;
                instance.restart_pending = false;
                agent.permission.remove(&instance.instance);
            }
        }
    }

    fn crash(&mut self, at: usize, which: usize) {
        let instances = &mut self.agents[at].truth.instances;
        let which = which % instances.len();
        (instances[which].state, instances[which].pid) = (State::Stopped, None);
    }

    fn restart_agent(&mut self, at: usize) {
        let agent = &mut self.agents[at];
        agent.alive = true;
        agent.fetched.clear();
        agent.wish = None;
        // From Draining on it is on disk.
        agent.record = agent.record.take().and_then(resumed);
        agent.turns.clear();
        if let Some(record) = &agent.record {
            let turn = Turn { verb: record.verb, phase: record.phase, since: 0, waits: None };
            agent.turns.insert(record.instance.clone(), turn);
        }
    }

    fn other_file(&mut self, at: usize, digest: u8) {
        let truth = &mut self.agents[at].truth;
        let digest = format!("{digest}");
        if truth.cluster_file != digest {
            truth.cluster_file = digest;
            truth.instances.iter_mut().for_each(|it| it.restart_pending = true);
            // What is published and what is asked for comes after the file was taken.
            self.agents[at].fetched.clear();
            self.publish(at);
        }
    }

    /// Turned off by the roll-out now, or about to be.
    fn in_flight(&self) -> Vec<(Role, String)> {
        let taken = |phase: Phase| matches!(phase, Phase::Draining | Phase::Stopping | Phase::Starting);
        let records = self.agents.iter().filter_map(|agent| agent.record.as_ref());
        records.filter(|it| taken(it.phase)).map(|it| (it.role, it.instance.to_string())).collect()
    }

    fn look(&mut self, at: usize) {
        self.publish(at);
        (0..self.agents.len()).for_each(|from| self.fetch(at, from));
    }

    fn everybody_in_turn(&mut self) {
        for at in 0..self.agents.len() {
            self.start(at);
            self.look(at);
            self.step(at);
            self.publish(at);
        }
    }

    fn is_over(&self) -> bool {
        let all_new = self.agents.iter().flat_map(|it| &it.truth.instances).all(|it| !it.restart_pending);
        all_new && self.agents.iter().all(|it| it.record.is_none() && it.permission.values().all(|it| it == "6"))
    }
}

#[test]
fn namesrvs_go_first_then_slaves_then_masters_and_each_once() {
    let mut world = World::new(2);
    for _ in 0..400 {
        world.everybody_in_turn();
    }
    assert!(world.is_over());
    let expected = ["vm1/namesrv", "vm2/namesrv", "vm2/broker-a", "vm1/broker-b", "vm1/broker-a", "vm2/broker-b"];
    assert_eq!(world.moved, expected);
}

/// Each decides on a look from before the other's announcement.
#[test]
fn of_two_that_announce_at_the_same_moment_only_one_moves() {
    let mut world = World::new(2);
    for agent in &mut world.agents {
        agent.truth.instances.iter_mut().for_each(|it| it.restart_pending = false);
    }
    let last = world.agents[1].truth.instances.iter_mut().find(|it| it.role == Role::Master).unwrap();
    last.restart_pending = true;
    (0..2).for_each(|at| world.publish(at));
    world.fetch(0, 1);
    world.look(1);
    world.step(1);
    world.look(1);
    world.agents[0].truth.instances[0].restart_pending = true;
    world.publish(0);
    world.fetch(0, 0);
    world.step(0);
    let announced = |world: &World| world.agents.iter().flat_map(|it| &it.record).count();
    assert_eq!(announced(&world), 2);
    world.look(0);
    world.step(0);
    world.step(1);
    assert_eq!(world.in_flight(), [(Role::Master, "broker-b".to_owned())]);
    world.publish(1);
    world.look(0);
    world.step(0);
    assert_eq!(announced(&world), 1, "the other one withdraws");
}

#[test]
fn hosts_with_different_files_never_roll() {
    let mut world = World::new(2);
    world.other_file(1, 9);
    for _ in 0..50 {
        world.everybody_in_turn();
    }
    assert_eq!(world.moved, [""; 0]);
    let said = world.agents[0].turns[&InstanceName::namesrv()].waits.clone().unwrap();
    assert_eq!((said.id.as_str(), said.what.as_str()), ("other-file", "vm2 has another cluster.toml"));
}

#[test]
fn a_partner_that_dies_during_the_drain_ends_it_and_the_permission_comes_back() {
    let mut world = World::new(2);
    let draining = |world: &World| {
        let record = world.agents[0].record.as_ref();
        record.is_some_and(|it| it.phase == Phase::Draining) && world.agents[0].permission.values().any(|it| it == "4")
    };
    while !draining(&world) {
        world.everybody_in_turn();
    }
    let slave = world.agents[1].truth.instances.iter_mut().find(|it| it.instance.as_str() == "broker-a").unwrap();
    slave.state = State::NotReady;
    for _ in 0..20 {
        world.everybody_in_turn();
    }
    assert!(world.agents[0].record.is_none() && world.agents[0].permission.values().all(|it| it == "6"));
    let waits = world.agents[0].turns.values().filter_map(|turn| turn.waits.as_ref()).next().unwrap();
    assert_eq!(waits.what, "the slave of broker-a on vm2 is not ready");
    assert_eq!(world.moved.len(), 4);
    let slave = world.agents[1].truth.instances.iter_mut().find(|it| it.instance.as_str() == "broker-a").unwrap();
    slave.state = State::Ready;
    for _ in 0..200 {
        world.everybody_in_turn();
    }
    assert!(world.is_over());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    /// However the agents' looks and steps fall between each other, and whatever crashes or changes meanwhile.
    #[test]
    fn no_two_are_ever_in_flight_and_once_all_is_well_the_roll_out_ends(
        hosts in 2_usize..4,
        pending in any::<u16>(),
        events in proptest::collection::vec((0_u8..100, any::<u8>(), any::<u8>()), 0..400),
    ) {
        let mut world = World::new(hosts);
        let all = world.agents.iter_mut().flat_map(|agent| &mut agent.truth.instances).enumerate();
        all.for_each(|(index, it)| it.restart_pending = pending & (1 << index) != 0);
        (0..hosts).for_each(|at| world.publish(at));
        for (kind, one, two) in events {
            let (at, other) = (usize::from(one) % hosts, usize::from(two) % hosts);
            match kind {
                0..20 => {
                    world.look(at);
                    world.step(at);
                    world.publish(at);
                }
                20..40 => world.look(at),
                40..65 => world.step(at),
                65..70 => world.publish(at),
                70..75 => world.fetch(at, other),
                75..90 => world.start(at),
                90 => world.crash(at, usize::from(two)),
                91 => world.agents[at].alive = false,
                92..94 => world.restart_agent(at),
                94 => world.other_file(at, two % 2),
                95 => world.wish(at, usize::from(two), Verb::Restart),
                96 => world.wish(at, usize::from(two), Verb::Stop),
                97 => world.agents[at].held.clear(),
                _ => {
                    // Renewed by itself: another Java, more memory.
                    let instances = &mut world.agents[at].truth.instances;
                    let which = usize::from(two) % instances.len();
                    instances[which].restart_pending = true;
                }
            }
            let in_flight = world.in_flight();
            prop_assert!(in_flight.len() <= 1, "{in_flight:?}");
        }
        for at in 0..hosts {
            world.restart_agent(at);
            world.other_file(at, 7);
        }
        for _ in 0..1000 {
            if world.is_over() {
                break;
            }
            // What is stopped is started, as nothing moves before.
            world.agents.iter_mut().for_each(|agent| agent.held.clear());
            world.everybody_in_turn();
        }
        prop_assert!(world.is_over(), "{:?}", world.agents.iter().map(|a| (&a.record, &a.turns)).collect::<Vec<_>>());
    }
}
