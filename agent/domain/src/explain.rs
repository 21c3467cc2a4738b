//! What is not well in a cluster or with one instance, the weightiest first, each with since when, why it matters and what to
//! do next. In: the report of the whole cluster. Out: [`Point`]s. What an id means in general is said by [`meaning`].

use crate::{
    finding::{self, RESTART},
    health::report::{ClusterReport, DOWN, HostReport, HostView, InstanceReport, State},
    launch::{Cause, Role, cause},
    line::Line,
    meaning,
    names::{HostName, InstanceName},
    rollout::Verb,
};
use serde::Serialize;

/// How much something weighs; the first is the worst.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Weight {
    /// Nobody can send, or some messages cannot be read.
    Down,
    /// Something does not serve as it should.
    Wrong,
    /// Something is not known.
    Unknown,
    /// Something is under way, or waits for its turn.
    Waits,
    /// Everything serves, and this is worth knowing.
    Notice,
}

/// One thing that is not well.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Point {
    /// How much it weighs.
    pub weight: Weight,
    /// On which host; none where it is about the whole cluster.
    pub host: Option<HostName>,
    /// With which instance; none where it is about the host.
    pub instance: Option<InstanceName>,
    /// The id that [`meaning::of`] knows.
    pub id: Line,
    /// What is so.
    pub what: Line,
    /// The same with what to do, as it was found.
    #[serde(skip)]
    pub cause: Cause,
    /// Since when, milliseconds since 1970, where that is known.
    pub since: Option<u64>,
    /// Why it matters.
    pub why: String,
    /// What to do next, the nearest first.
    pub next: Vec<Line>,
}

/// One instance, and what is not well with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Portrait {
    /// Its host.
    pub host: HostName,
    /// Its name there.
    pub instance: InstanceName,
    /// What it is.
    pub role: Role,
    /// Where clients reach it.
    pub address: Line,
    /// How it is, or was when its agent last answered.
    pub state: State,
    /// Since when, as far as its agent saw.
    pub since: Option<u64>,
    /// Its process.
    pub pid: Option<u32>,
    /// Crashes and failed starts in a row.
    pub failures: u32,
    /// When it is started next, while it is held back.
    pub next_start_at: Option<u64>,
    /// What is not well.
    pub points: Vec<Point>,
}

/// Everything that is not well.
pub fn cluster(report: &ClusterReport) -> Vec<Point> {
    let down = report.problems.iter().filter_map(|problem| problem.strip_prefix("down: "));
    let known = report.found();
    let cause_of = |what: &str| {
        known.iter().find(|it| it.id == DOWN && it.what == what).cloned().unwrap_or_else(|| cause(DOWN, what, ""))
    };
    let mut points: Vec<Point> = down.map(|what| Point::of(Weight::Down, None, None, &cause_of(what), None)).collect();
    let own = report.hosts.iter().find(|view| view.host == report.seen_from).and_then(|view| view.report.as_ref());
    for view in &report.hosts {
        match &view.report {
            Some(host) if view.unknown_since.is_none() => of_host(host, own, &mut points),
            _ => points.push(of_silent_host(view)),
        }
    }
    let holes = report.vulnerabilities.iter();
    points.extend(holes.map(|hole| Point::of_cluster(Weight::Notice, "known-vulnerability", hole)));
    // Stable: what weighs the same stays in the order of the file.
    points.sort_by_key(|point| point.weight);
    points
}

/// One instance on every host that has it.
pub fn instance(report: &ClusterReport, name: &str) -> Vec<Portrait> {
    let points = cluster(report);
    let mut portraits = Vec::new();
    for view in &report.hosts {
        for it in view.report.iter().flat_map(|host| &host.instances).filter(|it| it.instance.as_str() == name) {
            let about = |point: &&Point| {
                point.host.as_ref() == Some(&view.host) && point.instance.as_ref().is_none_or(|of| *of == it.instance)
            };
            portraits.push(Portrait {
                host: view.host.clone(),
                instance: it.instance.clone(),
                role: it.role,
                address: it.address.clone(),
                state: if view.unknown_since.is_some() { State::Unknown } else { it.state },
                since: view.unknown_since.or(it.state_since),
                pid: it.pid,
                failures: it.failures,
                next_start_at: it.next_start_at,
                points: points.iter().filter(about).cloned().collect(),
            });
        }
    }
    portraits
}

fn of_silent_host(view: &HostView) -> Point {
    let host = &view.host;
    let why = view.error.as_ref().map(|error| error as _);
    let cause = finding::HOST_UNKNOWN.of_known(&[("host", Some(host)), ("why", why)]);
    Point::of(Weight::Unknown, Some(host), None, &cause, view.unknown_since)
}

fn of_host(host: &HostReport, own: Option<&HostReport>, points: &mut Vec<Point>) {
    if let Some(own) = own
        && let Some(difference) = host.difference(own)
    {
        // What is to be done is what is done about all of its kind.
        let found = Cause { fix: Line::default(), ..difference.of(&[("host", &host.host), ("own", &own.host)]) };
        points.push(Point::of(Weight::Wrong, Some(&host.host), None, &found, None));
    }
    for blocked in &host.blocked {
        let weight = if blocked.cause.id == "installing" { Weight::Waits } else { Weight::Wrong };
        points.push(Point::of(weight, Some(&host.host), blocked.instance.as_ref(), &blocked.cause, None));
    }
    for instance in &host.instances {
        of_instance(&host.host, instance, points);
    }
}

fn of_instance(host: &HostName, it: &InstanceReport, points: &mut Vec<Point>) {
    let weight = match it.state {
        State::Starting | State::Stopping => Weight::Waits,
        State::Unknown => Weight::Unknown,
        _ => Weight::Wrong,
    };
    let mut put =
        |weight, cause: &Cause, since| points.push(Point::of(weight, Some(host), Some(&it.instance), cause, since));
    it.reasons.iter().for_each(|cause| put(weight, cause, it.state_since));
    it.warnings.iter().for_each(|cause| put(Weight::Notice, cause, None));
    match &it.rollout {
        Some(turn) => {
            let waits = turn.waits.clone().unwrap_or_else(|| cause("in-flight", "", ""));
            let what = if waits.what.is_empty() { String::new() } else { format!(": {}", waits.what) };
            let what = match turn.verb {
                Verb::Renew => format!("{RESTART}{}{what}", turn.phase),
                _ => format!("it {}{what}", turn.in_words()),
            };
            put(Weight::Waits, &Cause { what: what.into(), ..waits }, Some(turn.since));
        }
        None if it.restart_pending => {
            put(Weight::Waits, &finding::MANUAL_PENDING.of(&[]), None);
        }
        None => {}
    }
}

impl Point {
    fn of(
        weight: Weight,
        host: Option<&HostName>,
        instance: Option<&InstanceName>,
        cause: &Cause,
        since: Option<u64>,
    ) -> Self {
        let meaning = meaning::of(&cause.id);
        let general = meaning.map(|meaning| meaning.act.into());
        Self {
            weight,
            host: host.cloned(),
            instance: instance.cloned(),
            id: cause.id.clone(),
            what: cause.what.clone(),
            cause: cause.clone(),
            since,
            why: meaning.map(|meaning| meaning.matters.to_owned()).unwrap_or_default(),
            next: Some(cause.fix.clone()).filter(|fix| !fix.is_empty()).into_iter().chain(general).collect(),
        }
    }

    fn of_cluster(weight: Weight, id: &str, what: &str) -> Self {
        Self::of(weight, None, None, &cause(id, what, ""), None)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn report() -> ClusterReport {
        serde_json::from_str(include_str!("../../../tests/fixtures/status/cluster.json")).unwrap()
    }

    #[test]
    fn the_weightiest_comes_first_and_everything_that_is_not_well_is_there() {
        let mut report = report();
        report.problems.push("down: no master takes messages".into());
        let points = cluster(&report);
        let told: Vec<(Weight, &str)> = points.iter().map(|point| (point.weight, point.id.as_str())).collect();
        assert_eq!(
            told,
            [
                (Weight::Down, "down"),
                (Weight::Wrong, "no-replication"),
                (Weight::Unknown, "host-unknown"),
                (Weight::Waits, "manual"),
                (Weight::Notice, "no-history"),
            ]
        );
        assert!(points.iter().all(|point| !point.why.is_empty() && !point.next.is_empty()), "{points:#?}");
        assert_eq!(points[1].next[0], "look at vm2", "what fits the case comes before what holds in general");
    }

    #[test]
    fn an_instance_is_told_with_what_is_not_well_with_it_and_its_host() {
        let portraits = instance(&report(), "broker-a");
        let [portrait] = &portraits[..] else { unreachable!("{portraits:?}") };
        let ids: Vec<&str> = portrait.points.iter().map(|point| point.id.as_str()).collect();
        assert_eq!(
            (portrait.host.as_str(), portrait.state, ids),
            ("vm1", State::NotReady, vec!["no-replication", "manual"])
        );
        assert_eq!(instance(&report(), "namesrv")[0].points, []);
        assert_eq!(instance(&report(), "broker-c"), []);
    }

    #[test]
    fn what_waits_in_a_roll_out_is_told_with_what_it_waits_for() {
        let mut report = report();
        let it = &mut report.hosts[0].report.as_mut().unwrap().instances[1];
        it.rollout = serde_json::from_value(serde_json::json!({
            "phase": "waits", "since": 7, "waits": {"id": "not-ready", "what": "vm2 broker-b is stopped", "fix": ""},
        }))
        .unwrap();
        let points = cluster(&report);
        let waits = points.iter().find(|point| point.id == "not-ready").unwrap();
        assert_eq!(waits.what, "its restart for a changed configuration waits for its turn: vm2 broker-b is stopped");
        assert_eq!((waits.weight, waits.since), (Weight::Waits, Some(7)));
        let it = &mut report.hosts[0].report.as_mut().unwrap().instances[1];
        it.rollout = serde_json::from_value(serde_json::json!({
            "verb": "lend", "phase": "drained", "since": 7,
            "waits": {"id": "draining", "what": "until its slave is back and in sync", "fix": ""},
        }))
        .unwrap();
        let points = cluster(&report);
        let waits = points.iter().find(|point| point.id == "draining").unwrap();
        assert_eq!(waits.what, "it has no writers, as its slave is restarted: until its slave is back and in sync");
    }

    #[test]
    fn a_cluster_that_is_well_has_no_points() {
        let mut report = report();
        report.hosts.truncate(1);
        for it in &mut report.hosts[0].report.as_mut().unwrap().instances {
            (it.state, it.restart_pending) = (State::Ready, false);
            it.reasons.clear();
            it.warnings.clear();
        }
        assert_eq!(cluster(&report), []);
    }
}
