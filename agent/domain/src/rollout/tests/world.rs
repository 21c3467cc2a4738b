//! A whole cluster in miniature: agents that see each other only through reports they fetched one by one.

use super::super::*;
use crate::{
    desired::{HostFacts, Java, desired},
    health::report::{HostReport, HostView},
    launch::Role,
    line::Line,
    names::{HostName, InstanceName},
    observed::Fact,
    placement::place,
    size::Size,
    topology::read,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
};

pub struct Agent {
    /// What is true on its host; as published, but for what happened since.
    pub truth: HostReport,
    pub published: HostReport,
    pub record: Option<Record>,
    pub turns: BTreeMap<InstanceName, Turn>,
    pub fetched: BTreeMap<HostName, HostView>,
    /// Since when a host's agent does not answer this one.
    pub silent: BTreeMap<HostName, u64>,
    pub permission: BTreeMap<InstanceName, String>,
    /// What a person at its terminal waits for.
    pub wish: Option<Wish>,
    /// Stopped by hand.
    pub held: BTreeSet<InstanceName>,
    pub paused: Option<Cause>,
    pub alive: bool,
}

pub struct World {
    pub order: Vec<Seat>,
    pub agents: Vec<Agent>,
    pub now: u64,
    pub next_pid: u32,
    pub restart: Restart,
    pub moved: Vec<String>,
    pub by_controllers: bool,
    pub sync: bool,
}

impl World {
    pub fn new(hosts: usize) -> Self {
        Self::of("2m-2s-sync", hosts)
    }

    /// In a group that elects its master, and among controllers, vm1 leads.
    pub fn of(mode: &str, hosts: usize) -> Self {
        Self::with(mode, hosts, "")
    }

    /// The same with more in the cluster file.
    pub fn with(mode: &str, hosts: usize, more: &str) -> Self {
        let mut text = format!("{more}[cluster]\nmode = \"{mode}\"\n[rocketmq]\nversion = \"5.5.0\"\n");
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
                let leads = host.name.as_str() == "vm1";
                match report.role {
                    Role::Member => report.role = if leads { Role::Master } else { Role::Slave },
                    Role::Controller => report.leader = Some(leads),
                    Role::Namesrv => report.leader = instance.launch.controller_inside().map(|_| leads),
                    _ => {}
                }
                report
            });
            let truth = HostReport {
                host: host.name.clone(),
                cluster: Line::default(),
                mode: topology.mode,
                rocketmq: topology.version,
                agent: Line::default(),
                at: 0,
                cluster_file: "a".into(),
                placement: Line::default(),
                ready: true,
                blocked: Vec::new(),
                steps: Vec::new(),
                not_in_file: Vec::new(),
                witness: false,
                config: Default::default(),
                instances: instances.collect(),
            };
            Agent {
                published: truth.clone(),
                truth,
                record: None,
                turns: BTreeMap::new(),
                fetched: BTreeMap::new(),
                silent: BTreeMap::new(),
                permission: BTreeMap::new(),
                wish: None,
                held: BTreeSet::new(),
                paused: None,
                alive: true,
            }
        });
        let agents: Vec<Agent> = agents.collect();
        let (by_controllers, sync) = (mode == "controller", mode == "2m-2s-sync");
        let (restart, moved) = (Restart::Auto, Vec::new());
        Self { order: order(&placement), agents, now: 1, next_pid, restart, moved, by_controllers, sync }
    }

    /// Another member than that host's becomes the master, where the group elects it and one runs.
    pub fn elect(&mut self, not: usize) {
        if !self.order.iter().any(|seat| seat.role == Role::Member) {
            return;
        }
        let member = |agent: &Agent| agent.truth.instances.iter().position(|it| it.instance.as_str() == "broker-a");
        let runs = |agent: &Agent| member(agent).is_some_and(|at| agent.truth.instances[at].pid.is_some());
        let Some(next) = (0..self.agents.len()).find(|at| *at != not && runs(&self.agents[*at])) else { return };
        for (at, agent) in self.agents.iter_mut().enumerate() {
            if let Some(index) = member(agent) {
                agent.truth.instances[index].role = if at == next { Role::Master } else { Role::Slave };
            }
        }
    }

    /// The loop's pass: what is recorded is published, and what is recorded to be stopped is stopped.
    pub fn publish(&mut self, at: usize) {
        let agent = &mut self.agents[at];
        if !agent.alive {
            return;
        }
        let mut lost_master = false;
        for instance in &mut agent.truth.instances {
            instance.rollout = agent.turns.get(&instance.instance).cloned();
            if let Some(record) = &agent.record
                && record.phase == Phase::Stopping
                && record.instance == instance.instance
                && instance.pid == Some(record.pid)
            {
                (instance.state, instance.pid) = (State::Stopped, None);
                lost_master |= instance.role == Role::Master;
                let name = format!("{}/{}", agent.truth.host, instance.instance);
                self.moved.push(name);
                if record.verb == Verb::Stop {
                    agent.held.insert(instance.instance.clone());
                }
            }
        }
        if lost_master {
            self.elect(at);
        }
        let agent = &mut self.agents[at];
        agent.published = agent.truth.clone();
    }

    pub fn fetch(&mut self, at: usize, from: usize) {
        // A host's own report is the one published last, and the others are asked when it shows the announcement.
        let agent = &self.agents[at];
        let announced = agent.record.as_ref().is_none_or(|record| {
            let own = agent.published.instances.iter().find(|it| it.instance == record.instance);
            own.and_then(|it| it.rollout.as_ref()).is_some_and(|turn| turn.phase == record.phase)
        });
        if !announced || !agent.alive {
            return;
        }
        let (alive, report) = (self.agents[from].alive, self.agents[from].published.clone());
        let (agent, host) = (&mut self.agents[at], report.host.clone());
        let unknown_since = if alive { None } else { Some(*agent.silent.entry(host.clone()).or_insert(self.now)) };
        if alive {
            agent.silent.remove(&host);
        }
        let view =
            HostView { host: host.clone(), address: Line::default(), report: Some(report), unknown_since, error: None };
        agent.fetched.insert(host, view);
    }

    pub fn step(&mut self, at: usize) {
        let all = self.agents.len();
        let agent = &mut self.agents[at];
        if agent.fetched.len() < all || !agent.alive {
            return;
        }
        let fetched = std::mem::take(&mut agent.fetched);
        let hosts: Vec<HostView> = fetched.into_values().collect();
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
            sync: self.sync,
            by_controllers: self.by_controllers,
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
        if let Some(record) = outcome.record.as_ref().filter(|_| outcome.act != Act::HandOver) {
            match outcome.act {
                Act::Take => agent.permission.insert(record.instance.clone(), "4".to_owned()),
                Act::Give => agent.permission.insert(record.instance.clone(), record.permission.clone()),
                Act::HandOver | Act::Nothing => None,
            };
        }
        agent.record = outcome.record;
        agent.turns = outcome.turns;
        if outcome.act == Act::HandOver {
            self.elect(at);
        }
        self.now += 3_000;
    }

    pub fn start(&mut self, at: usize) {
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

    pub fn crash(&mut self, at: usize, which: usize) {
        let instances = &mut self.agents[at].truth.instances;
        let which = which % instances.len();
        (instances[which].state, instances[which].pid) = (State::Stopped, None);
        if instances[which].role == Role::Master {
            self.elect(at);
        }
    }

    pub fn restart_agent(&mut self, at: usize) {
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

    pub fn other_file(&mut self, at: usize, digest: u8) {
        let truth = &mut self.agents[at].truth;
        let digest = Line::from(format!("{digest}"));
        if truth.cluster_file != digest {
            truth.cluster_file = digest;
            truth.instances.iter_mut().for_each(|it| it.restart_pending = true);
            // What is published and what is asked for comes after the file was taken.
            self.agents[at].fetched.clear();
            self.publish(at);
        }
    }

    /// Turned off by the roll-out now, or about to be.
    pub fn in_flight(&self) -> Vec<(Role, String)> {
        let records = self.records().filter(|it| it.verb != Verb::Lend);
        let taken = records.filter(|it| it.phase.is_in_flight() && it.phase != Phase::Restoring);
        taken.map(|it| (it.role, it.instance.to_string())).collect()
    }

    fn records(&self) -> impl Iterator<Item = &Record> {
        self.agents.iter().filter_map(|agent| agent.record.as_ref())
    }

    /// One moves, and of the others at most its master has given up its writers for it.
    pub fn check(&self) -> Result<(), String> {
        let (in_flight, lent) = (self.in_flight(), self.records().filter(|it| it.verb == Verb::Lend));
        let lent: Vec<&Record> = lent.filter(|it| matches!(it.phase, Phase::Draining | Phase::Drained)).collect();
        let strange =
            lent.iter().find(|lent| in_flight.iter().any(|it| *it != (Role::Slave, lent.instance.to_string())));
        match (in_flight.len(), lent.len(), strange) {
            (0..=1, 0..=1, None) => Ok(()),
            _ => Err(format!("{in_flight:?} {lent:?}")),
        }
    }

    /// Masters that run without writers.
    pub fn read_only(&self, at: usize) -> Vec<&InstanceName> {
        let agent = &self.agents[at];
        let runs =
            |name: &InstanceName| agent.truth.instances.iter().any(|it| it.instance == *name && it.pid.is_some());
        agent.permission.iter().filter(|(name, has)| *has == "4" && runs(name)).map(|(name, _)| name).collect()
    }

    pub fn look(&mut self, at: usize) {
        self.publish(at);
        (0..self.agents.len()).for_each(|from| self.fetch(at, from));
    }

    pub fn everybody_in_turn(&mut self) {
        for at in 0..self.agents.len() {
            self.start(at);
            self.look(at);
            self.step(at);
            self.publish(at);
        }
    }

    pub fn is_over(&self) -> bool {
        let all_new = self.agents.iter().flat_map(|it| &it.truth.instances).all(|it| !it.restart_pending);
        all_new && self.agents.iter().all(|it| it.record.is_none() && it.permission.values().all(|it| it == "6"))
    }
}
