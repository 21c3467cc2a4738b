//! Who is before whom, and what stands in the way of one instance's turn. What is unknown stands in the way.

use super::{Phase, Restart};
use crate::{
    health::report::{HostReport, HostView, InstanceReport},
    launch::{Cause, Role},
    names::{HostName, InstanceName},
    placement::Placement,
};

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
            Role::Controller => write!(f, "the controller on {}", self.host),
            role => write!(f, "the {role} of {} on {}", self.instance, self.host),
        }
    }
}

/// The order in which all instances take their turn: NameServers one by one, then controllers, then slaves, then
/// masters, each in the order of the placement. A group's slave and master are as far from each other as there are groups.
/// Where leaders are elected, [`obstacle`] lets them come last.
pub fn order(placement: &Placement) -> Vec<Seat> {
    let namesrvs = placement.namesrvs.iter().map(|seat| Seat {
        host: seat.host.clone(),
        instance: InstanceName::namesrv(),
        role: Role::Namesrv,
    });
    let controllers = placement.controllers.iter().map(|seat| Seat {
        host: seat.host.clone(),
        instance: InstanceName::controller(),
        role: Role::Controller,
    });
    let brokers = |role| {
        let seats = placement.brokers.iter().filter(move |seat| seat.role() == role);
        seats.map(|seat| Seat { host: seat.host.clone(), instance: seat.instance(), role: seat.role() })
    };
    let brokers = brokers(Role::Slave).chain(brokers(Role::Member)).chain(brokers(Role::Master));
    namesrvs.chain(controllers).chain(brokers).collect()
}

/// What stands in the way of the turn of `own`'s instance at `order[at]`; `announced` where its agent has said so and
/// asked the others since. All hosts of the cluster are in `hosts`, `own` with the report that it has published last.
///
/// One that is announced bears with announcements of those after it: they will withdraw.
pub fn obstacle(
    restart: Restart,
    order: &[Seat],
    at: usize,
    announced: bool,
    own: &HostReport,
    hosts: &[HostView],
) -> Option<Cause> {
    let me = order.get(at)?;
    let leads = instance_of(own, me).is_some_and(|mine| leads(me, mine));
    if restart == Restart::Manual {
        let fix = "restart it by hand, or say restart = \"auto\" under [rollout] in cluster.toml, on every host";
        return Some(cause("manual", "the cluster file leaves restarts to a person".to_owned(), fix));
    }
    if me.role == Role::Master && order.iter().filter(|seat| seat.role == Role::Master).count() == 1 {
        let what = "it is the only master: while it restarts nobody takes messages".to_owned();
        return Some(cause("only-master", what, "restart it by hand at a time of your choice"));
    }
    // All hosts first: until they agree on the cluster there is no order.
    for view in hosts {
        if let Some(cause) = host_obstacle(own, view) {
            return Some(cause);
        }
    }
    for (index, seat) in order.iter().enumerate().filter(|(index, _)| *index != at) {
        let report = hosts.iter().find(|view| view.host == seat.host).and_then(|view| view.report.as_ref());
        let found = report.and_then(|report| instance_of(report, seat));
        let Some(instance) = found else {
            let what = format!("the agent of {} does not know {seat}", seat.host);
            return Some(cause("instance-unknown", what, "give every host the same cluster.toml"));
        };
        // Those that lead now come after all others of their kind.
        let is_before = match me.role == seat.role {
            true => (self::leads(seat, instance), index) < (leads, at),
            false => index < at,
        };
        if let Some(cause) = instance_obstacle(seat, instance, index < at, is_before, announced) {
            return Some(cause);
        }
    }
    let mine = instance_of(own, me)?;
    if !mine.is_ready() {
        let what = format!("it is {} itself{}", mine.state, why(mine));
        return Some(cause("not-ready", what, "put that right, or restart it by hand"));
    }
    None
}

fn host_obstacle(own: &HostReport, view: &HostView) -> Option<Cause> {
    let host = &view.host;
    let report = match &view.report {
        Some(report) if view.unknown_since.is_none() => report,
        _ => {
            let why = view.error.as_ref().map(|error| format!(": {error}")).unwrap_or_default();
            let what = format!("the agent of {host} does not answer{why}");
            return Some(cause("host-unknown", what, &format!("on {host}: systemctl start rocketmq-agent")));
        }
    };
    if report.cluster_file != own.cluster_file {
        let what = format!("{host} has another cluster.toml");
        return Some(cause("other-file", what, "give every host the same cluster.toml"));
    }
    if report.placement != own.placement {
        let what = format!("{host} places the brokers differently");
        return Some(cause("other-placement", what, "pin the groups with [[group]] hosts in cluster.toml"));
    }
    let blocked = report.blocked.first()?;
    Some(cause("host-blocked", format!("{host}: {}", blocked.cause.what), &blocked.cause.fix))
}

/// Whether an instance leads others and was elected to.
fn leads(seat: &Seat, instance: &InstanceReport) -> bool {
    match seat.role {
        Role::Controller => instance.leader == Some(true),
        Role::Member => instance.role == Role::Master,
        _ => false,
    }
}

/// Of two announcements the one that is first in the order stands, which never changes; whose turn it is may.
fn instance_obstacle(
    seat: &Seat,
    instance: &InstanceReport,
    is_first: bool,
    is_before: bool,
    announced: bool,
) -> Option<Cause> {
    if let Some(turn) = &instance.rollout {
        let in_the_way = match turn.phase {
            Phase::Waits => false,
            Phase::Announced => !announced || is_first,
            _ => true,
        };
        if in_the_way {
            return Some(cause("in-flight", format!("{seat} {}", turn.phase), ""));
        }
    }
    if !instance.is_ready() {
        let what = format!("{seat} is {}{}", instance.state, why(instance));
        let fix = instance.reasons.first().map(|it| it.fix.clone()).unwrap_or_default();
        return Some(cause("not-ready", what, &fix));
    }
    if is_before && instance.restart_pending {
        return Some(cause("not-its-turn", format!("{seat} is before it"), ""));
    }
    None
}

fn instance_of<'r>(report: &'r HostReport, seat: &Seat) -> Option<&'r InstanceReport> {
    report.instances.iter().find(|it| {
        let is_its = it.role == seat.role || (seat.role == Role::Member && it.role.is_broker());
        it.instance == seat.instance && is_its
    })
}

fn why(instance: &InstanceReport) -> String {
    instance.reasons.first().map(|cause| format!(": {}", cause.what)).unwrap_or_default()
}

fn cause(id: &str, what: String, fix: &str) -> Cause {
    Cause { id: id.to_owned(), what, fix: fix.to_owned() }
}
