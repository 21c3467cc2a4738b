//! One host's part of a roll-out, a step at a time. In: how far it was, and what is seen now. Out: how far it is, and
//! the one thing to do. What must outlive the agent is the [`Record`]: it is on disk before anything is done on it.

use super::{
    PERMISSION, Phase, Restart, Seat, Turn, Verb, Wish,
    gate::obstacle,
    lend::{self, LONGEST_LOAN},
};
use crate::{
    finding,
    health::report::{HostReport, HostView, InstanceReport, State},
    launch::{Cause, Role},
    names::InstanceName,
    observed::Fact,
};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, net::SocketAddr};

/// Clients ask for routes every 30 s (`pollNameServerInterval`, 4.7.0-5.5.0 `ClientConfig`).
const ROUTES_AGE: u64 = 35_000;
/// Nothing was written to a master for this long.
const STILL: u64 = 6_000;
/// After this many times the age of a route, what is still written is the broker's own: delayed messages, retries.
const LONGEST_DRAIN: u64 = 300_000;
/// Another master is asked for again after this time.
const ELECTION: u64 = 20_000;
/// After a change of the master the others are in sync again within seconds; one that takes longer is a person's to see.
const LONGEST_HANDOVER: u64 = 180_000;
/// An order to stop that was not followed by now rests on reports that are too old.
const LONGEST_ORDER: u64 = 20_000;
/// All messages that a broker has taken today, in its figures.
const PUTS: &str = "rocketmq_brokeruntime_msg_put_total_today_now";

/// What an agent is doing; on disk from `Draining` on.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Which instance.
    pub instance: InstanceName,
    /// What for.
    #[serde(default)]
    pub verb: Verb,
    /// As what.
    pub role: Role,
    /// Where it is asked and told.
    pub address: SocketAddr,
    /// brokerPermission as its file says.
    pub permission: String,
    /// The process that is to be replaced.
    pub pid: u32,
    /// How far it is.
    pub phase: Phase,
    /// Since when, milliseconds since 1970.
    pub since: u64,
    /// The messages it had taken, and since when there are no more.
    #[serde(skip)]
    pub puts: Option<(f64, u64)>,
    /// When another master was last asked for.
    #[serde(skip)]
    pub asked: Option<u64>,
}

impl Record {
    pub(super) fn to(self, phase: Phase, now: u64) -> Self {
        Self { phase, since: now, puts: None, asked: None, ..self }
    }
}

/// What to do on a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// Nothing; in [`Phase::Stopping`], what is recorded is to be stopped.
    Nothing,
    /// Take its write permission.
    Take,
    /// Set its permission to what its file says.
    Give,
    /// Have another member of its group elected.
    HandOver,
}

/// What is seen now. Where a turn is announced, `hosts` were asked after the announcement was published.
#[derive(Debug)]
pub struct Facts<'f> {
    /// Milliseconds since 1970.
    pub now: u64,
    /// What the cluster file wants.
    pub restart: Restart,
    /// Why nothing is to move at all, where somebody said so.
    pub paused: Option<&'f Cause>,
    /// What a person wants done on this host.
    pub wish: Option<&'f Wish>,
    /// All instances.
    pub order: &'f [Seat],
    /// What this host's agent has published last.
    pub own: &'f HostReport,
    /// All hosts.
    pub hosts: &'f [HostView],
    /// Of this host's instances: where each is told, and brokerPermission by its file.
    pub told: &'f BTreeMap<InstanceName, (SocketAddr, String)>,
    /// Sends to a master wait for its slave.
    pub sync: bool,
    /// Controllers elect the masters, and can be asked for another one.
    pub by_controllers: bool,
    /// brokerPermission that the recorded instance runs with, where it is a master and was asked.
    pub permission: Fact<String>,
}

/// What comes of a step.
#[derive(Debug, PartialEq)]
pub struct Outcome {
    /// How far it is.
    pub record: Option<Record>,
    /// What to do.
    pub act: Act,
    /// For each of this host's instances that are restarted or are to be: how far they are.
    pub turns: BTreeMap<InstanceName, Turn>,
    /// How far what a person wants is; a master may have writers to give up for its slave besides.
    pub wished: Option<Turn>,
}

/// What an agent that has just begun goes on from: it does not know how long it was away.
pub fn resumed(record: Record) -> Option<Record> {
    let phase = match (record.phase, record.role) {
        (Phase::Waits | Phase::Announced, _) => return None,
        // It is not to come back; whether it was told to stop, it shows.
        (Phase::Stopping, _) if record.verb == Verb::Stop => Phase::Stopping,
        // It may have been told to stop, or not. Starting finds out.
        (Phase::Stopping, _) => Phase::Starting,
        // Whoever is the master by now, nothing was taken from it.
        (Phase::HandingOver, _) => return None,
        (phase, _) => phase,
    };
    Some(Record { phase, puts: None, asked: None, ..record })
}

/// One step. `waits` of an earlier outcome keep their `since`.
pub fn step(record: Option<Record>, facts: &Facts<'_>, before: &BTreeMap<InstanceName, Turn>) -> Outcome {
    let pending = facts.order.iter().enumerate().filter(|(_, seat)| seat.host == facts.own.host);
    let pending = pending.filter(|(_, seat)| instance(facts, &seat.instance).is_some_and(|it| it.restart_pending));
    let mut turns = BTreeMap::new();
    let turn = |name: &InstanceName, verb: Verb, phase: Phase, waits: Option<Cause>| {
        let same = before.get(name).filter(|turn| {
            (turn.verb, turn.phase) == (verb, phase)
                && turn.waits.as_ref().map(|it| &it.id) == waits.as_ref().map(|it| &it.id)
        });
        Turn { verb, phase, since: same.map_or(facts.now, |turn| turn.since), waits }
    };
    // What a person wants goes before what is due.
    let wished = facts.wish.and_then(|wish| Some((facts.seat(&wish.instance)?, wish.verb)));
    let due = pending.map(|(at, _)| (at, Verb::Renew));
    let mut first = None;
    for (at, verb) in wished.into_iter().chain(due.filter(|(at, _)| wished.is_none_or(|(wished, _)| wished != *at))) {
        let waits = obstacle(verb, facts, at, Phase::Waits);
        let Some(seat) = facts.order.get(at) else { continue };
        if first.is_none() && record.is_none() && waits.is_none() {
            first = Some((seat, verb));
        }
        turns.insert(seat.instance.clone(), turn(&seat.instance, verb, Phase::Waits, waits));
    }
    let wished = |turns: &BTreeMap<_, Turn>| facts.wish.and_then(|wish| turns.get(&wish.instance).cloned());
    let waiting = wished(&turns);
    let lent = facts.order.iter().find(|seat| lend::is_due(seat, facts)).map(|seat| (seat, Verb::Lend));
    let (record, act, waits) = match (record, lent.or(first)) {
        (Some(record), _) => go_on(record, facts),
        (None, Some((seat, verb))) => (announce(seat, verb, facts), Act::Nothing, None),
        (None, None) => (None, Act::Nothing, None),
    };
    if let Some(record) = &record {
        turns.insert(record.instance.clone(), turn(&record.instance, record.verb, record.phase, waits));
    }
    let wished = if record.as_ref().is_some_and(|it| it.verb == Verb::Lend) { waiting } else { wished(&turns) };
    Outcome { record, act, turns, wished }
}

fn announce(seat: &Seat, verb: Verb, facts: &Facts<'_>) -> Option<Record> {
    let (address, permission) = facts.told.get(&seat.instance)?.clone();
    let seen = instance(facts, &seat.instance)?;
    let pid = seen.pid?;
    let (instance, role) = (seat.instance.clone(), if seat.role == Role::Member { seen.role } else { seat.role });
    let (phase, since) = (Phase::Announced, facts.now);
    Some(Record { instance, verb, role, address, permission, pid, phase, since, puts: None, asked: None })
}

pub(super) type Next = (Option<Record>, Act, Option<Cause>);

fn go_on(record: Record, facts: &Facts<'_>) -> Next {
    let Some(seen) = instance(facts, &record.instance) else {
        // It left the cluster file and runs on, so it must not be left without its writers.
        return restore(record, facts);
    };
    if record.verb == Verb::Lend && record.phase != Phase::Restoring {
        return lend::go_on(record, seen, facts);
    }
    let at = facts.seat(&record.instance);
    let (verb, phase) = (record.verb, record.phase);
    let obstacle = || at.and_then(|at| obstacle(verb, facts, at, phase));
    // An order stands once its master has been told to drain; before that, whoever gave it may have gone away.
    let is_wanted = match record.verb {
        Verb::Renew => seen.restart_pending,
        _ => record.phase != Phase::Announced || facts.wish.is_some_and(|wish| wish.instance == record.instance),
    };
    let is_same_process = seen.pid == Some(record.pid) && seen.state != State::Stopping;
    match record.phase {
        Phase::Waits | Phase::Announced => match obstacle() {
            // Those after it withdraw; it withdraws for all others.
            Some(_) => (None, Act::Nothing, None),
            None if !is_wanted || !is_same_process || at.is_none() => (None, Act::Nothing, None),
            None if others_announced(&record, facts) => (Some(record), Act::Nothing, None),
            None if record.role == Role::Master => {
                let elected = at.and_then(|at| facts.order.get(at)).is_some_and(|seat| seat.role == Role::Member);
                let next = match elected {
                    true if facts.by_controllers => Phase::HandingOver,
                    // Its group elects another one in seconds, and no client needs to be sent elsewhere for that.
                    true => Phase::Stopping,
                    false => Phase::Draining,
                };
                (Some(record.to(next, facts.now)), Act::Nothing, None)
            }
            None if record.role == Role::Slave && lend::is_wanted(facts) => {
                (Some(record.to(Phase::MasterDrains, facts.now)), Act::Nothing, None)
            }
            None => (Some(record.to(Phase::Stopping, facts.now)), Act::Nothing, None),
        },
        // Nothing was taken from a slave.
        Phase::MasterDrains if at.is_none() || !is_same_process || !is_wanted => (None, Act::Nothing, None),
        Phase::MasterDrains => match (obstacle(), lend::master(&record.instance, facts)) {
            (Some(waits), _) => (None, Act::Nothing, Some(waits)),
            (None, Some(turn)) if turn.phase == Phase::Drained => {
                (Some(record.to(Phase::Stopping, facts.now)), Act::Nothing, None)
            }
            (None, turn) => {
                let waits = turn.and_then(|turn| turn.waits.clone()).unwrap_or_else(|| finding::DRAINING_ASKED.of(&[]));
                let is_late = facts.now.saturating_sub(record.since) > LONGEST_LOAN;
                (Some(record).filter(|_| !is_late), Act::Nothing, Some(waits))
            }
        },
        // Only a master that is lent is in it.
        Phase::Drained => (Some(record.to(Phase::Restoring, facts.now)), Act::Nothing, None),
        Phase::HandingOver if at.is_none() || !is_same_process || !is_wanted => (None, Act::Nothing, None),
        Phase::HandingOver => hand_over(record, seen, obstacle(), facts),
        Phase::Draining if at.is_none() || !is_same_process || !is_wanted => {
            (Some(record.to(Phase::Restoring, facts.now)), Act::Nothing, None)
        }
        Phase::Draining => match obstacle() {
            Some(waits) => (Some(record.to(Phase::Restoring, facts.now)), Act::Nothing, Some(waits)),
            None => drain(record, seen, facts),
        },
        Phase::Stopping if record.verb == Verb::Stop && seen.state == State::Stopping => {
            (Some(record), Act::Nothing, None)
        }
        Phase::Stopping if !is_same_process && record.verb == Verb::Stop => (None, Act::Nothing, None),
        Phase::Stopping if !is_same_process => (Some(record.to(Phase::Starting, facts.now)), Act::Nothing, None),
        Phase::Stopping if facts.now.saturating_sub(record.since) > LONGEST_ORDER => {
            (Some(record.to(Phase::Restoring, facts.now)), Act::Nothing, None)
        }
        Phase::Stopping => (Some(record), Act::Nothing, None),
        Phase::Starting if is_same_process => (Some(record.to(Phase::Restoring, facts.now)), Act::Nothing, None),
        Phase::Starting if seen.is_ready() => restore(record, facts),
        Phase::Starting => {
            let waits = finding::NOT_READY_AGAIN.telling(seen.reasons.first(), &[("state", Some(&seen.state))]);
            (Some(record), Act::Nothing, Some(waits))
        }
        // What does not run starts from its file.
        Phase::Restoring if seen.pid.is_none() => (Some(record), Act::Nothing, None),
        Phase::Restoring => restore(record, facts),
    }
}

/// Whether somebody later in the order has announced a turn too and has not withdrawn yet.
fn others_announced(record: &Record, facts: &Facts<'_>) -> bool {
    let others = facts.hosts.iter().filter(|view| view.host != facts.own.host).filter_map(|view| view.report.as_ref());
    let own = facts.own.instances.iter().filter(|it| it.instance != record.instance);
    let mut all = others.flat_map(|report| &report.instances).chain(own).filter_map(|it| it.rollout.as_ref());
    all.any(|turn| turn.phase != Phase::Waits)
}

/// Takes the writers from a master, and waits until they are gone.
pub(super) fn drain(mut record: Record, seen: &InstanceReport, facts: &Facts<'_>) -> Next {
    match &facts.permission {
        Fact::Known(has) if has == "4" => {}
        Fact::Known(_) => {
            record.since = facts.now;
            return (Some(record), Act::Take, Some(finding::DRAINING_BEGINS.of(&[])));
        }
        Fact::Unknown(why) => {
            return (Some(record), Act::Nothing, Some(finding::CONFIG_UNKNOWN.of(&[("why", why)])));
        }
    }
    let puts = seen.figures.get(PUTS).copied();
    record.puts = match (record.puts, puts) {
        (Some((before, since)), Some(now)) if before == now => Some((before, since)),
        (_, Some(now)) => Some((now, facts.now)),
        (_, None) => None,
    };
    let drained = facts.now.saturating_sub(record.since);
    let is_still = record.puts.is_some_and(|(_, since)| facts.now.saturating_sub(since) >= STILL);
    let waits = if drained < ROUTES_AGE {
        finding::DRAINING_ROUTES
    } else if !is_still && drained < LONGEST_DRAIN {
        finding::DRAINING_SENDS
    } else if seen.lag != Some(0) {
        finding::DRAINING_SLAVE
    } else {
        let next = if record.verb == Verb::Lend { Phase::Drained } else { Phase::Stopping };
        return (Some(record.to(next, facts.now)), Act::Nothing, None);
    };
    (Some(record), Act::Nothing, Some(waits.of(&[])))
}

/// Has another master elected, and waits until its group is whole again.
fn hand_over(mut record: Record, seen: &InstanceReport, obstacle: Option<Cause>, facts: &Facts<'_>) -> Next {
    let took = facts.now.saturating_sub(record.since);
    match (seen.role, obstacle) {
        (Role::Slave, None) => {
            record.role = Role::Slave;
            (Some(record.to(Phase::Stopping, facts.now)), Act::Nothing, None)
        }
        (_, obstacle) if took > LONGEST_HANDOVER => {
            (None, Act::Nothing, obstacle.or(Some(finding::NO_HANDOVER.of(&[]))))
        }
        (Role::Master, None) => {
            let act = match record.asked {
                Some(at) if facts.now.saturating_sub(at) < ELECTION => Act::Nothing,
                _ => {
                    record.asked = Some(facts.now);
                    Act::HandOver
                }
            };
            (Some(record), act, Some(finding::HANDING_OVER.of(&[])))
        }
        (_, obstacle) => (Some(record), Act::Nothing, obstacle),
    }
}

/// Sees to it that the permission is what the file says; then the turn is over.
fn restore(record: Record, facts: &Facts<'_>) -> Next {
    if record.role != Role::Master {
        return (None, Act::Nothing, None);
    }
    match &facts.permission {
        Fact::Known(has) if *has == record.permission => (None, Act::Nothing, None),
        Fact::Known(has) => {
            let waits = finding::PERMISSION.of(&[("key", &PERMISSION), ("has", has)]);
            (Some(record), Act::Give, Some(waits))
        }
        Fact::Unknown(why) => (Some(record), Act::Nothing, Some(finding::CONFIG_UNKNOWN.of(&[("why", why)]))),
    }
}

impl Facts<'_> {
    /// Where this host's instance is in the order.
    fn seat(&self, name: &InstanceName) -> Option<usize> {
        self.order.iter().position(|it| it.host == self.own.host && it.instance == *name)
    }
}

fn instance<'f>(facts: &'f Facts<'_>, name: &InstanceName) -> Option<&'f InstanceReport> {
    facts.own.instances.iter().find(|it| it.instance == *name)
}
