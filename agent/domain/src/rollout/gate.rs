//! Who is before whom, and what stands in the way of one instance's turn. What is unknown stands in the way.

use super::{Facts, Phase, Restart, Verb};
use crate::{
    finding,
    health::{
        broker::NAMESRV_UNREACHABLE,
        report::{HostReport, HostView, InstanceReport},
    },
    launch::{Cause, Role},
    names::{HostName, InstanceName},
    placement::Placement,
};
use std::fmt::Display;

/// One instance of the cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Seat {
    /// Where it runs.
    pub host: HostName,
    /// Its name there.
    pub instance: InstanceName,
    /// What it is.
    pub role: Role,
}

impl Seat {
    /// Which it is, for a finding that names it.
    fn values(&self) -> [(&'static str, Value<'_>); 3] {
        let role: &dyn Display = if self.role == Role::Namesrv { &"NameServer" } else { &self.role };
        let of = self.role.is_broker().then_some(&self.instance as _);
        [("role", Some(role)), ("of", of), ("on", Some(&self.host))]
    }
}

impl std::fmt::Display for Seat {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.role {
            Role::Namesrv => write!(f, "the NameServer on {}", self.host),
            role if !role.is_broker() => write!(f, "the {role} on {}", self.host),
            role => write!(f, "the {role} of {} on {}", self.instance, self.host),
        }
    }
}

/// The order in which all instances take their turn: NameServers one by one, then controllers, then slaves, then
/// masters, then proxies and what else stands before the brokers, each in the order of the placement. A proxy of a newer
/// release may ask for what an older broker does not know, and not the other way round. A group's slave and master are as far from each other as there are groups.
/// Where leaders are elected, [`obstacle`] lets them come last.
pub fn order(placement: &Placement) -> Vec<Seat> {
    let namesrvs = placement.namesrvs.iter().map(|seat| Seat {
        host: seat.host.clone(),
        instance: InstanceName::namesrv(),
        role: Role::Namesrv,
    });
    let controllers = placement.controllers.iter().filter(|seat| !seat.in_namesrv).map(|seat| Seat {
        host: seat.host.clone(),
        instance: InstanceName::controller(),
        role: Role::Controller,
    });
    let brokers = |role| {
        let seats = placement.brokers.iter().filter(move |seat| seat.role() == role);
        seats.map(|seat| Seat { host: seat.host.clone(), instance: seat.instance(), role: seat.role() })
    };
    let brokers = brokers(Role::Slave).chain(brokers(Role::Member)).chain(brokers(Role::Master));
    let services = placement.services.iter().map(|seat| Seat {
        host: seat.host.clone(),
        instance: InstanceName::service(seat.role),
        role: seat.role,
    });
    namesrvs.chain(controllers).chain(brokers).chain(services).collect()
}

/// What stands in the way of the turn of this host's instance at `order[at]`, which is so far already. All hosts of the
/// cluster are in the facts, this one with the report that it has published last.
///
/// One that is announced bears with announcements of those after it: they will withdraw. One whose master is to give up
/// its writers bears with that.
pub fn obstacle(verb: Verb, facts: &Facts<'_>, at: usize, phase: Phase) -> Option<Cause> {
    let (order, own, hosts) = (facts.order, facts.own, facts.hosts);
    let me = order.get(at)?;
    let leads = instance_of(own, me).is_some_and(|mine| leads(me, mine));
    if verb == Verb::Renew && facts.restart == Restart::Manual {
        return Some(finding::MANUAL.of(&[("instance", &me.instance), ("host", &me.host)]));
    }
    if let Some(paused) = facts.paused {
        return Some(paused.clone());
    }
    let is_only = |role| me.role == role && order.iter().filter(|seat| seat.role == role).count() == 1;
    if is_only(Role::Master) {
        return Some(finding::ONLY_MASTER.of_known(&by_hand(verb, me)));
    }
    if verb == Verb::Stop && is_only(Role::Namesrv) {
        return Some(finding::ONLY_NAMESRV.of(&[]));
    }
    if verb == Verb::Stop && is_only(Role::Controller) {
        return Some(finding::ONLY_CONTROLLER.of(&[]));
    }
    if verb == Verb::Stop && is_only(Role::Proxy) {
        return Some(finding::ONLY_PROXY.of(&[]));
    }
    // All hosts first: until they agree on the cluster there is no order.
    for view in hosts {
        if let Some(cause) = host_obstacle(own, view) {
            return Some(cause);
        }
    }
    let mut others = Vec::new();
    for (index, seat) in order.iter().enumerate().filter(|(index, _)| *index != at) {
        let report = hosts.iter().find(|view| view.host == seat.host).and_then(|view| view.report.as_ref());
        let Some(instance) = report.and_then(|report| instance_of(report, seat)) else {
            return Some(finding::INSTANCE_UNKNOWN.of_known(&seat.values()));
        };
        others.push((seat, instance, index));
    }
    // What moves is why others are not ready, so that it is named first.
    let in_flight = others.iter().find_map(|(seat, other, index)| in_flight(seat, other, *index < at, me, phase));
    if in_flight.is_some() {
        return in_flight;
    }
    for (seat, instance, index) in others {
        // No message goes through a dashboard or an exporter.
        if !instance.is_ready() && !seat.role.is_jar() {
            let [role, of, on] = seat.values();
            let values = [role, of, on, ("state", Some(&instance.state as _))];
            return Some(finding::NOT_READY.telling(instance.reasons.first(), &values));
        }
        if let Some(unseen) = instance.warnings.iter().find(|it| it.id == NAMESRV_UNREACHABLE) {
            return Some(finding::NAMESRV_UNSEEN.telling(Some(unseen), &seat.values()));
        }
        // Those that lead now come after all others of their kind.
        let is_before = match me.role == seat.role {
            true => (self::leads(seat, instance), index) < (leads, at),
            false => index < at,
        };
        if verb == Verb::Renew && is_before && instance.restart_pending {
            return Some(finding::NOT_ITS_TURN.of_known(&seat.values()));
        }
    }
    let mine = instance_of(own, me)?;
    if !mine.is_ready() && !me.role.is_jar() {
        let [host, instance] = by_hand(verb, me);
        let values = [("state", Some(&mine.state as _)), host, instance];
        return Some(finding::NOT_READY_ITSELF.telling(mine.reasons.first(), &values));
    }
    None
}

type Value<'v> = Option<&'v dyn Display>;

/// What a person can restart that the roll-out leaves alone; one who gives an order is told by the command.
fn by_hand(verb: Verb, me: &Seat) -> [(&str, Value<'_>); 2] {
    let is_due = verb == Verb::Renew;
    [("host", is_due.then_some(&me.host as _)), ("instance", is_due.then_some(&me.instance as _))]
}

pub(super) fn host_obstacle(own: &HostReport, view: &HostView) -> Option<Cause> {
    let host = &view.host;
    let report = match &view.report {
        Some(report) if view.unknown_since.is_none() => report,
        _ => {
            let why = view.error.as_ref().map(|error| error as _);
            return Some(finding::HOST_UNKNOWN.of_known(&[("host", Some(host)), ("why", why)]));
        }
    };
    if let Some(difference) = report.difference(own) {
        return Some(difference.of(&[("host", host)]));
    }
    let is_jar = |name: &InstanceName| report.instances.iter().any(|it| it.instance == *name && it.role.is_jar());
    let blocked = report.blocked.iter().find(|it| !it.instance.as_ref().is_some_and(is_jar))?;
    Some(finding::HOST_BLOCKED.telling(Some(&blocked.cause), &[("host", Some(host))]))
}

/// Whether an instance leads others and was elected to.
fn leads(seat: &Seat, instance: &InstanceReport) -> bool {
    match seat.role {
        // A NameServer may have a controller in it.
        Role::Controller | Role::Namesrv => instance.leader == Some(true),
        Role::Member => instance.role == Role::Master,
        _ => false,
    }
}

/// Of two announcements the one that is first in the order stands, which never changes; whose turn it is may.
fn in_flight(seat: &Seat, instance: &InstanceReport, is_first: bool, me: &Seat, phase: Phase) -> Option<Cause> {
    let turn = instance.rollout.as_ref()?;
    let in_the_way = match turn.phase {
        Phase::Waits => false,
        Phase::Announced => phase == Phase::Waits || is_first,
        _ => !(phase == Phase::MasterDrains && turn.verb == Verb::Lend && seat.instance == me.instance),
    };
    in_the_way.then(|| {
        let [role, of, on] = seat.values();
        finding::IN_FLIGHT.of_known(&[role, of, on, ("phase", Some(&turn.in_words()))])
    })
}

pub(super) fn instance_of<'r>(report: &'r HostReport, seat: &Seat) -> Option<&'r InstanceReport> {
    report.instances.iter().find(|it| {
        let is_its = it.role == seat.role || (seat.role == Role::Member && it.role.is_broker());
        it.instance == seat.instance && is_its
    })
}
