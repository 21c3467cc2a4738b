//! Who is before whom, and what stands in the way of one instance's turn. What is unknown stands in the way.

use super::{Facts, Phase, Restart, Verb};
use crate::{
    finding,
    health::{
        broker::NAMESRV_UNREACHABLE,
        report::{HostReport, HostView, InstanceReport},
    },
    launch::{Cause, Role, cause},
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
        let what = "it is the only NameServer: without it no client finds a broker".to_owned();
        return Some(cause("only-namesrv", what, ""));
    }
    if verb == Verb::Stop && is_only(Role::Controller) {
        let what = "it is the only controller: without it no group gets another master".to_owned();
        return Some(cause("only-controller", what, ""));
    }
    if verb == Verb::Stop && is_only(Role::Proxy) {
        let what = "it is the only proxy: without it gRPC clients can do nothing".to_owned();
        return Some(cause("only-proxy", what, ""));
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
            let what = format!("the agent of {} does not know {seat}", seat.host);
            return Some(cause("instance-unknown", what, "give every host the same cluster.toml"));
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
            let fix = instance.reasons.first().map(|it| &it.fix).filter(|fix| !fix.is_empty());
            return Some(finding::NOT_READY.of_known(&[
                ("seat", Some(seat)),
                ("state", Some(&instance.state)),
                ("why", why(instance)),
                ("host", Some(&seat.host)),
                ("fix", fix.map(|fix| fix as _)),
            ]));
        }
        if let Some(unseen) = instance.warnings.iter().find(|it| it.id == NAMESRV_UNREACHABLE) {
            return Some(cause("not-ready", format!("{seat}: {}", unseen.what), &unseen.fix));
        }
        // Those that lead now come after all others of their kind.
        let is_before = match me.role == seat.role {
            true => (self::leads(seat, instance), index) < (leads, at),
            false => index < at,
        };
        if verb == Verb::Renew && is_before && instance.restart_pending {
            return Some(finding::NOT_ITS_TURN.of(&[("seat", seat)]));
        }
    }
    let mine = instance_of(own, me)?;
    if !mine.is_ready() && !me.role.is_jar() {
        let [host, instance] = by_hand(verb, me);
        return Some(finding::NOT_READY_ITSELF.of_known(&[
            ("state", Some(&mine.state)),
            ("why", why(mine)),
            host,
            instance,
        ]));
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
    if report.cluster_file != own.cluster_file {
        return Some(finding::OTHER_FILE.of(&[("host", host)]));
    }
    if report.placement != own.placement {
        return Some(finding::OTHER_PLACEMENT.of(&[("host", host)]));
    }
    let is_jar = |name: &InstanceName| report.instances.iter().any(|it| it.instance == *name && it.role.is_jar());
    let blocked = report.blocked.iter().find(|it| !it.instance.as_ref().is_some_and(is_jar))?;
    let found = finding::HOST_BLOCKED.of(&[("host", host), ("what", &blocked.cause.what)]);
    Some(Cause { fix: blocked.cause.fix.clone(), ..found })
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
    in_the_way.then(|| finding::IN_FLIGHT.of(&[("seat", seat), ("phase", &turn.in_words())]))
}

pub(super) fn instance_of<'r>(report: &'r HostReport, seat: &Seat) -> Option<&'r InstanceReport> {
    report.instances.iter().find(|it| {
        let is_its = it.role == seat.role || (seat.role == Role::Member && it.role.is_broker());
        it.instance == seat.instance && is_its
    })
}

fn why(instance: &InstanceReport) -> Value<'_> {
    instance.reasons.first().map(|cause| &cause.what as _)
}
