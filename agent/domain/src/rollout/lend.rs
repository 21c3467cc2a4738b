//! A master whose sends wait for its slave gives up its writers while the slave is restarted, where another master takes
//! them. No agent tells a broker of another host anything: the slave's agent announces its turn, the master's agent sees
//! that in the report, drains its own master and says so in its own, and the slave is stopped then. The master gets its
//! writers back when the slave is in sync again, and however the slave's turn ends: its host may be lost meanwhile.

use super::{
    Facts, Phase, Record, Seat, Turn, Verb,
    gate::{host_obstacle, instance_of},
    step::{Act, Next, drain},
};
use crate::{
    finding,
    health::report::{HostReport, HostView, InstanceReport, State},
    launch::Role,
    names::{HostName, InstanceName},
};

/// No master is without writers for another one's sake for longer, nor waited for.
pub(super) const LONGEST_LOAN: u64 = 600_000;
/// A slave's agent that does not answer for so long may be gone with its host.
const PATIENCE: u64 = 30_000;

/// Whether a slave's turn begins with its master: sends wait for the slave, and there is another master to take them.
pub(super) fn is_wanted(facts: &Facts<'_>) -> bool {
    facts.sync && facts.order.iter().filter(|seat| seat.role == Role::Master).count() > 1
}

/// The hosts whose slaves may want a master of `host` drained.
pub fn borrowers<'o>(order: &'o [Seat], host: &'o HostName) -> impl Iterator<Item = &'o HostName> {
    let masters = order.iter().filter(move |seat| seat.host == *host && seat.role == Role::Master);
    masters.filter_map(|master| Some(&slave_of(order, &master.instance)?.host))
}

/// Whether a host reports that one of its slaves waits for its master.
pub fn asks(report: &HostReport) -> bool {
    report.instances.iter().any(|it| phase(it) == Some(Phase::MasterDrains))
}

/// Whether the master in a seat is to be drained for its slave.
pub(super) fn is_due(seat: &Seat, facts: &Facts<'_>) -> bool {
    let is_own = seat.role == Role::Master && seat.host == facts.own.host;
    is_own && is_wanted(facts) && slave(&seat.instance, facts) == Slave::Moves(Phase::MasterDrains)
}

/// The turn of the master of a group, as far as it is there for its slave.
pub(super) fn master<'f>(name: &InstanceName, facts: &'f Facts<'_>) -> Option<&'f Turn> {
    let seat = facts.order.iter().find(|seat| seat.role == Role::Master && seat.instance == *name)?;
    let report = facts.hosts.iter().find(|view| view.host == seat.host)?.report.as_ref()?;
    instance_of(report, seat)?.rollout.as_ref().filter(|turn| turn.verb == Verb::Lend)
}

/// A step of a master that is drained for its slave.
pub(super) fn go_on(record: Record, seen: &InstanceReport, facts: &Facts<'_>) -> Next {
    let slave = slave(&record.instance, facts);
    let is_same_process = seen.pid == Some(record.pid) && seen.state != State::Stopping;
    let is_late = facts.now.saturating_sub(record.since) > LONGEST_LOAN;
    match record.phase {
        Phase::Announced => match others(&record.instance, facts) {
            _ if !is_same_process || !seen.is_ready() || slave != Slave::Moves(Phase::MasterDrains) => {
                (None, Act::Nothing, None)
            }
            Others::Move => (None, Act::Nothing, None),
            Others::Announced => (Some(record), Act::Nothing, None),
            Others::Rest => (Some(record.to(Phase::Draining, facts.now)), Act::Nothing, None),
        },
        Phase::Draining if is_same_process && !is_late && matches!(slave, Slave::Moves(_) | Slave::Silent) => {
            drain(record, seen, facts)
        }
        Phase::Drained if is_same_process && !is_late && !may_write(slave, seen) => {
            (Some(record), Act::Nothing, Some(finding::DRAINING_LENT.of(&[])))
        }
        _ => (Some(record.to(Phase::Restoring, facts.now)), Act::Nothing, None),
    }
}

/// Whether sends to a master without writers would be answered now, or as well as at any later time.
fn may_write(slave: Slave, master: &InstanceReport) -> bool {
    match (slave, master.sync_lowered) {
        (Slave::Lost, _) | (_, Some(true)) => true,
        (Slave::Moves(_) | Slave::Silent, _) => false,
        // It waits for its slave whatever is done.
        (Slave::Stays, None) => true,
        (Slave::Stays | Slave::Rests, _) => master.is_ready() && master.lag == Some(0),
    }
}

/// What is known of the slave of a master.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Slave {
    /// It has a turn, and is so far.
    Moves(Phase),
    /// It has none.
    Rests,
    /// It has none, and a person has stopped it.
    Stays,
    /// Its agent did not answer, or is not of one mind with this one.
    Silent,
    /// For so long that it may not come back.
    Lost,
}

fn slave(name: &InstanceName, facts: &Facts<'_>) -> Slave {
    let Some(seat) = slave_of(facts.order, name) else { return Slave::Rests };
    let Some(view) = facts.hosts.iter().find(|view| view.host == seat.host) else { return Slave::Silent };
    let report = match (&view.report, view.unknown_since) {
        (Some(report), None) => report,
        (_, Some(since)) if facts.now.saturating_sub(since) > PATIENCE => return Slave::Lost,
        _ => return Slave::Silent,
    };
    let Some(instance) = instance_of(report, seat) else { return Slave::Rests };
    match phase(instance) {
        Some(Phase::MasterDrains) if host_obstacle(facts.own, view).is_some() => Slave::Rests,
        Some(phase) if phase.is_in_flight() => Slave::Moves(phase),
        _ if instance.pid.is_none() && instance.reasons.iter().any(|it| it.id == "stopped-by-hand") => Slave::Stays,
        _ => Slave::Rests,
    }
}

/// What all instances do but a master and its slave.
enum Others {
    Rest,
    Announced,
    Move,
}

fn others(name: &InstanceName, facts: &Facts<'_>) -> Others {
    let known = |view: &HostView| view.report.is_some() && host_obstacle(facts.own, view).is_none();
    if !facts.hosts.iter().all(known) {
        return Others::Move;
    }
    let all = facts.hosts.iter().filter_map(|view| view.report.as_ref()).flat_map(|report| &report.instances);
    let phases = all.filter(|it| it.instance != *name).filter_map(phase);
    phases.fold(Others::Rest, |found, phase| match (found, phase) {
        (found, Phase::Waits) => found,
        (Others::Rest | Others::Announced, Phase::Announced) => Others::Announced,
        _ => Others::Move,
    })
}

fn slave_of<'o>(order: &'o [Seat], name: &InstanceName) -> Option<&'o Seat> {
    order.iter().find(|seat| seat.role == Role::Slave && seat.instance == *name)
}

fn phase(instance: &InstanceReport) -> Option<Phase> {
    Some(instance.rollout.as_ref()?.phase)
}
