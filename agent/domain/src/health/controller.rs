//! The rules for a controller: it answers, and all of them that answer know the same leader. Without one nobody is elected,
//! and what serves goes on serving.

use super::{Findings, cause, facts::ControllerFacts, report::InstanceReport};
use crate::observed::Fact;
use std::collections::BTreeSet;

pub(super) fn judge(facts: &ControllerFacts, report: &mut InstanceReport, findings: &mut Findings) {
    report.answers = true;
    report.leader = Some(facts.is_leader);
    let all = facts.leaders.len();
    let answering = facts.leaders.values().filter(|leader| leader.known().is_some()).count();
    for (address, said) in &facts.leaders {
        if let Fact::Unknown(why) = said {
            let what = format!("controller {address} does not answer: {why}");
            findings.warnings.push(cause("controller-unreachable", what, ""));
        }
    }
    let own = facts.own.and_then(|own| facts.leaders.get(&own)).and_then(|said| said.known().cloned().flatten());
    let named: BTreeSet<&String> = facts.leaders.values().filter_map(|said| said.known()?.as_ref()).collect();
    if own.is_none() {
        let what = format!("it knows no leader of the controllers, of which {answering} of {all} answer");
        findings.reasons.push(cause("no-leader", what, "most of them must run to elect one, and then masters"));
    } else if named.len() > 1 {
        let named = named.into_iter().map(String::as_str).collect::<Vec<_>>().join(" and ");
        let what = format!("the controllers name different leaders: {named}");
        findings.reasons.push(cause("leaders-differ", what, "it passes in seconds, or they do not reach each other"));
    }
}
