//! The rules for a controller: it answers, and all of them that answer know the same leader. Without one nobody is elected,
//! and what serves goes on serving.

use super::{Findings, facts::ControllerFacts, report::InstanceReport};
use crate::{finding, observed::Fact};
use std::collections::BTreeSet;

pub(super) fn judge(facts: &ControllerFacts, report: &mut InstanceReport, findings: &mut Findings) {
    report.answers = true;
    report.leader = Some(facts.is_leader);
    let all = facts.leaders.len();
    let answering = facts.leaders.values().filter(|leader| leader.known().is_some()).count();
    for (address, said) in &facts.leaders {
        if let Fact::Unknown(why) = said {
            findings.warnings.push(finding::CONTROLLER_UNREACHABLE.of(&[("address", address), ("why", why)]));
        }
    }
    let own = facts.own.and_then(|own| facts.leaders.get(&own)).and_then(|said| said.known().cloned().flatten());
    let named: BTreeSet<&String> = facts.leaders.values().filter_map(|said| said.known()?.as_ref()).collect();
    if own.is_none() {
        findings.reasons.push(finding::NO_LEADER.of(&[("answering", &answering), ("all", &all)]));
    } else if named.len() > 1 {
        let named = named.into_iter().map(String::as_str).collect::<Vec<_>>().join(" and ");
        findings.reasons.push(finding::LEADERS_DIFFER.of(&[("named", &named)]));
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::{
        desired::{HostFacts, Java, desired},
        health::{facts::ServiceFacts, judge, report::State},
        launch::ProcessState,
        names::InstanceName,
        placement::place,
        size::Size,
        topology::read,
    };

    /// As an instance of its own, or inside a NameServer that answers.
    fn judged(inside: bool, leaders: [Fact<Option<&str>>; 3]) -> InstanceReport {
        let mut text = "[cluster]\nmode = \"controller\"\n[rocketmq]\nversion = \"5.5.0\"\n".to_owned();
        text += if inside { "[controller]\nin_namesrv = true\n" } else { "" };
        for host in 1..=3 {
            text += &format!("[[host]]\nname = \"vm{host}\"\naddress = \"10.0.0.{host}\"\n");
        }
        let topology = read(&text).unwrap();
        let facts = HostFacts { memory: Size::mib(8192), java: Java { program: "/j".into(), release: 17 } };
        let desired = desired(&topology, &place(&topology, None).unwrap(), &"vm1".parse().unwrap(), &facts).unwrap();
        let (its, other) = (InstanceName::controller(), InstanceName::namesrv());
        let instance = desired.instance(if inside { &other } else { &its }).unwrap();
        assert_eq!(desired.instance(&its).is_none(), inside);
        let said = |fact| match fact {
            Fact::Known(leader) => Fact::Known(Option::<&str>::map(leader, str::to_owned)),
            Fact::Unknown(why) => Fact::Unknown(why),
        };
        let facts = ControllerFacts {
            is_leader: false,
            leaders: desired.controllers.iter().copied().zip(leaders.map(said)).collect(),
            own: Some(instance.launch.controller_inside().unwrap_or(instance.address)),
        };
        let running = ProcessState::Running { pid: 7, started_at: 1, fingerprint: String::new() };
        let facts = match inside {
            true => ServiceFacts::Namesrv(Fact::Known(BTreeSet::new()), Some(Fact::Known(facts))),
            false => ServiceFacts::Controller(Fact::Known(facts)),
        };
        judge(instance, &Fact::Known(running), Some(&facts))
    }

    #[test]
    fn a_controller_is_ready_when_all_that_answer_know_the_same_leader_and_so_is_a_namesrv_with_one_inside() {
        let leader = || Fact::Known(Some("10.0.0.2:9879"));
        for inside in [false, true] {
            let report = judged(inside, [leader(), leader(), Fact::Unknown("connection refused".to_owned())]);
            assert_eq!((report.state, report.warnings[0].id.as_str()), (State::Ready, "controller-unreachable"));
            assert_eq!(report.leader, Some(false));
            let differ = judged(inside, [leader(), leader(), Fact::Known(Some("10.0.0.3:9879"))]);
            assert_eq!(differ.reasons[0].id, "leaders-differ");
            let none = judged(inside, [Fact::Known(None), Fact::Known(None), Fact::Unknown("x".to_owned())]);
            assert_eq!(none.reasons[0].what, "it knows no leader of the controllers, of which 2 of 3 answer");
            assert!(none.answers, "clients get their routes");
        }
    }
}
