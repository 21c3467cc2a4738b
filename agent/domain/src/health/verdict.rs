//! The cluster in one word, for scripts and monitoring. In: every host's report. Out: ok, degraded or down, and why down.
//!
//! Down is only what is known to be down. A host whose agent does not answer may well serve: that is degraded.

use super::{
    READ_ONLY,
    broker::NAMESRV_UNREACHABLE,
    report::{HostView, InstanceReport, State},
};
use crate::{
    finding,
    launch::{Cause, Role},
    topology::Mode,
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How a cluster is; the later, the worse.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Everything is ready.
    Ok,
    /// Something is not ready, or not known.
    #[default]
    Degraded,
    /// No message can be sent, or of some broker none can be read.
    Down,
}

/// Reasons with which a master that answers takes no messages.
const REFUSES: [&str; 4] = ["disk-full", finding::SENDS_HELD.id, finding::LOG_GAP.id, READ_ONLY];
/// The same where controllers say who is in sync; a group that elects by itself is only seen from outside.
const TOO_FEW: &str = "too-few-in-sync";
/// What is said where a group may have a master that a member's host does not see.
const MAY_HAVE_MASTER: [&str; 3] = [NAMESRV_UNREACHABLE, "masters-differ", "two-claimants"];

/// Whether one instance does something, as far as is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Serves {
    Yes,
    No,
    Unknown,
}

/// Why the cluster is down; empty where it is not, or is not known to be.
pub(crate) fn down(hosts: &[HostView]) -> Vec<Cause> {
    // What runs on a host that never answered is not known.
    if hosts.iter().any(|view| view.report.is_none()) {
        return Vec::new();
    }
    let (mut namesrvs, mut masters) = (Vec::new(), Vec::new());
    let mut groups: BTreeMap<&str, Vec<Serves>> = BTreeMap::new();
    for view in hosts {
        for instance in view.report.iter().flat_map(|report| &report.instances) {
            let answers = answers(view, instance);
            if instance.role == Role::Namesrv {
                namesrvs.push(answers);
                continue;
            }
            // Without a controller nobody is elected, and what serves goes on serving.
            if !instance.role.is_broker() {
                continue;
            }
            groups.entry(instance.instance.as_str()).or_default().push(answers);
            masters.extend(takes_messages(view, instance, answers));
        }
    }
    let none = |all: &[Serves]| !all.is_empty() && all.iter().all(|it| *it == Serves::No);
    let mut why = Vec::new();
    if none(&namesrvs) {
        why.push(finding::DOWN_NAMESRVS.of(&[]));
    }
    if none(&masters) {
        why.push(finding::DOWN_MASTERS.of(&[]));
    }
    let unread = groups.iter().filter(|(_, members)| none(members));
    why.extend(unread.map(|(group, _)| finding::DOWN_GROUP.of(&[("group", group)])));
    why
}

/// Whether it does so as a master; `None` of a slave.
fn takes_messages(view: &HostView, instance: &InstanceReport, answers: Serves) -> Option<Serves> {
    let has = |id: &str| instance.reasons.iter().any(|cause| cause.id == id);
    let said = |id: &str| instance.reasons.iter().chain(&instance.warnings).any(|cause| cause.id == id);
    let by_controllers = view.report.as_ref().is_some_and(|report| report.mode == Mode::Controller);
    let refuses = REFUSES.into_iter().any(has) || (by_controllers && has(TOO_FEW));
    match (instance.role, answers) {
        (Role::Master, Serves::Yes) if refuses => Some(Serves::No),
        (Role::Master, answers) => Some(answers),
        // One whose role is not known: where no NameServer has a master of its group, there is none.
        (Role::Member, Serves::Yes) if has("no-master") && !MAY_HAVE_MASTER.into_iter().any(said) => Some(Serves::No),
        (Role::Member, Serves::Yes) => Some(Serves::Unknown),
        (Role::Member, answers) => Some(answers),
        _ => None,
    }
}

fn answers(view: &HostView, instance: &InstanceReport) -> Serves {
    match instance.state {
        _ if view.unknown_since.is_some() => Serves::Unknown,
        State::Unknown => Serves::Unknown,
        _ if instance.answers => Serves::Yes,
        _ => Serves::No,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::health::report::{ClusterReport, HostReport};
    use serde_json::{Value, json};

    fn instance(name: &str, role: &str) -> Value {
        json!({
            "instance": name, "role": role, "broker_id": null, "address": "", "state": "ready", "answers": true,
            "pid": 1, "started_at": 1, "version": null, "reasons": [], "warnings": [], "lag": null,
            "max_offset": null, "no_history_before": null, "missing_history": null, "restart_pending": false,
            "failures": 0, "next_start_at": null, "figures": {},
        })
    }

    /// Two hosts that hold each other's slave, all ready.
    fn pair() -> Vec<HostView> {
        let host = |host: &str, master: &str, slave: &str| {
            let report: HostReport = serde_json::from_value(json!({
                "host": host, "cluster": "c", "mode": "2m-2s-sync", "rocketmq": "5.5.0", "agent": "0.1.0", "at": 0,
                "cluster_file": "", "placement": "", "ready": true, "blocked": [], "steps": [], "not_in_file": [],
                "instances": [instance("namesrv", "namesrv"), instance(master, "master"), instance(slave, "slave")],
            }))
            .unwrap();
            HostView {
                host: host.parse().unwrap(),
                address: "".into(),
                report: Some(report),
                unknown_since: None,
                error: None,
            }
        };
        vec![host("vm1", "broker-a", "broker-b"), host("vm2", "broker-b", "broker-a")]
    }

    fn at(views: &mut [HostView], host: usize, instance: usize) -> &mut InstanceReport {
        &mut views[host].report.as_mut().unwrap().instances[instance]
    }

    fn stop(views: &mut [HostView], host: usize, instance: usize) {
        let it = at(views, host, instance);
        (it.state, it.answers) = (State::Stopped, false);
        views[host].report.as_mut().unwrap().ready = false;
    }

    fn judged(views: Vec<HostView>) -> (Verdict, Vec<String>) {
        let own = views.iter().find_map(|view| view.report.clone()).unwrap();
        let report = ClusterReport::of(&own, views);
        (report.verdict, report.problems.into_iter().map(String::from).collect())
    }

    #[test]
    fn a_cluster_with_everything_ready_is_ok() {
        assert_eq!(judged(pair()), (Verdict::Ok, vec![]));
    }

    #[test]
    fn one_of_each_gone_is_degraded() {
        for instance in 0..3 {
            let mut views = pair();
            stop(&mut views, 0, instance);
            assert_eq!(judged(views), (Verdict::Degraded, vec![]), "{instance}");
        }
    }

    #[test]
    fn without_a_name_server_it_is_down() {
        let mut views = pair();
        (0..2).for_each(|host| stop(&mut views, host, 0));
        let (verdict, why) = judged(views);
        assert_eq!(verdict, Verdict::Down);
        assert_eq!(why, ["down: no NameServer answers, so that clients find no broker"]);
    }

    #[test]
    fn with_no_master_that_takes_messages_it_is_down_and_one_is_enough() {
        for id in REFUSES {
            let mut views = pair();
            let refuse = |it: &mut InstanceReport| {
                it.state = State::NotReady;
                it.reasons = vec![crate::launch::cause(id, "", "")];
            };
            refuse(at(&mut views, 0, 1));
            views[0].report.as_mut().unwrap().ready = false;
            assert_eq!(judged(views.clone()).0, Verdict::Degraded, "{id}");
            refuse(at(&mut views, 1, 1));
            assert_eq!(judged(views), (Verdict::Down, vec!["down: no master takes messages".to_owned()]), "{id}");
        }
    }

    /// Three hosts with a controller each, and a group that elected vm1's member.
    fn electing(mode: &str) -> Vec<HostView> {
        let view = |host: &str, role: &str| {
            let mut view = pair().remove(0);
            view.host = host.parse().unwrap();
            let report = view.report.as_mut().unwrap();
            (report.host, report.mode) = (view.host.clone(), serde_json::from_value(json!(mode)).unwrap());
            let instances = [("namesrv", "namesrv"), ("controller", "controller"), ("broker-a", role)];
            let instances = instances.map(|(name, role)| instance(name, role));
            report.instances = serde_json::from_value(json!(instances)).unwrap();
            view
        };
        vec![view("vm1", "master"), view("vm2", "slave"), view("vm3", "slave")]
    }

    #[test]
    fn without_controllers_what_serves_goes_on_serving() {
        let mut views = electing("controller");
        (0..3).for_each(|host| stop(&mut views, host, 1));
        assert_eq!(judged(views), (Verdict::Degraded, vec![]));
    }

    #[test]
    fn a_group_that_has_no_master_is_down_and_one_of_which_that_is_not_known_is_not() {
        let mut views = electing("dledger");
        for host in 0..3 {
            let it = at(&mut views, host, 2);
            (it.role, it.state) = (Role::Member, State::NotReady);
            it.reasons = vec![crate::launch::cause("no-master", "", "")];
            views[host].report.as_mut().unwrap().ready = false;
        }
        assert_eq!(judged(views.clone()), (Verdict::Down, vec!["down: no master takes messages".to_owned()]));
        for id in MAY_HAVE_MASTER {
            let mut views = views.clone();
            let it = at(&mut views, 1, 2);
            let said = if id == NAMESRV_UNREACHABLE { &mut it.warnings } else { &mut it.reasons };
            said.push(crate::launch::cause(id, "", ""));
            assert_eq!(judged(views).0, Verdict::Degraded, "{id}");
        }
    }

    #[test]
    fn a_master_of_whom_controllers_say_that_it_is_alone_takes_no_messages() {
        for (mode, verdict) in [("controller", Verdict::Down), ("dledger", Verdict::Degraded)] {
            let mut views = electing(mode);
            let it = at(&mut views, 0, 2);
            (it.state, it.reasons) = (State::NotReady, vec![crate::launch::cause(TOO_FEW, "", "")]);
            views[0].report.as_mut().unwrap().ready = false;
            assert_eq!(judged(views).0, verdict, "{mode}");
        }
    }

    #[test]
    fn a_broker_of_which_no_member_answers_is_down_though_others_take_messages() {
        let mut views = pair();
        stop(&mut views, 0, 1);
        stop(&mut views, 1, 2);
        let (verdict, why) = judged(views);
        assert_eq!(verdict, Verdict::Down);
        assert_eq!(why, ["down: no member of broker-a answers, so that its messages cannot be read"]);
    }

    #[test]
    fn what_is_not_known_is_degraded_and_never_down() {
        let mut views = pair();
        (0..3).for_each(|instance| stop(&mut views, 0, instance));
        let mut silent = views.clone();
        silent[1].unknown_since = Some(1);
        let mut never_heard = views.clone();
        (never_heard[1].report, never_heard[1].unknown_since) = (None, Some(1));
        let mut unseen = views;
        for instance in 0..3 {
            let it = at(&mut unseen, 1, instance);
            (it.state, it.answers) = (State::Unknown, false);
        }
        unseen[1].report.as_mut().unwrap().ready = false;
        for views in [silent, never_heard, unseen] {
            assert_eq!(judged(views).0, Verdict::Degraded);
        }
    }
}
