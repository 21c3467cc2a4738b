//! What the log says of the instances: each change of a state, and what is found, once when it appears and once when it is
//! over, however its figures go on changing. In: reports. Out: lines.

use rocketmq_agent_domain::{
    finding::BEFORE,
    health::report::{HostReport, InstanceReport, State, in_words},
    launch::{Cause, Role},
    names::InstanceName,
};
use std::collections::{BTreeMap, btree_map::Entry};

/// These are a state rather than something found, or are logged where they are found.
const NOT_FOUND: [&str; 3] = ["starting", "not-answering", "hangs"];

/// What was said so far.
#[derive(Debug, Default)]
pub struct Journal {
    states: BTreeMap<InstanceName, State>,
    found: BTreeMap<(InstanceName, String), String>,
}

/// One line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Line {
    /// An instance is in another state.
    State(InstanceName, Role, String),
    /// Something is not as it should be.
    Found(InstanceName, String),
    /// It is over.
    Over(InstanceName, String),
}

impl Journal {
    /// What is new in this report.
    pub(super) fn read(&mut self, report: &HostReport) -> Vec<Line> {
        let mut lines = Vec::new();
        for it in &report.instances {
            self.read_one(it, &mut lines);
        }
        lines
    }

    fn read_one(&mut self, it: &InstanceReport, lines: &mut Vec<Line>) {
        let name = &it.instance;
        let before = self.states.insert(name.clone(), it.state);
        let changed = before != Some(it.state);
        // That nothing runs yet when the agent begins is not worth a line.
        if changed && !(before.is_none() && it.state == State::Stopped) {
            let why = it.reasons.first().map(|cause| format!(": {}", cause.what)).unwrap_or_default();
            lines.push(Line::State(name.clone(), it.role, format!("{name} is {}{why}", it.state)));
        }
        // The line of the state has the first reason, and says that those of the state before are over.
        let with_state = it.reasons.first().filter(|_| changed).map(|cause| cause.id.as_str());
        let mut found: BTreeMap<&str, Vec<&Cause>> = BTreeMap::new();
        // The end of the process before this one was logged when it ended.
        for cause in it.reasons.iter().chain(&it.warnings) {
            if !NOT_FOUND.contains(&cause.id.as_str()) && !cause.what.starts_with(BEFORE) {
                found.entry(&cause.id).or_default().push(cause);
            }
        }
        self.found.retain(|(of, id), words| {
            let over = of == name && !found.contains_key(id.as_str());
            if over && !changed {
                lines.push(Line::Over(name.clone(), format!("no longer: {name}: {words}")));
            }
            !over
        });
        for (id, causes) in found {
            let key = (name.clone(), id.to_owned());
            if let Entry::Vacant(entry) = self.found.entry(key) {
                let words = causes.iter().map(|cause| in_words(cause)).collect::<Vec<_>>().join("; ");
                if with_state != Some(id) {
                    lines.push(Line::Found(name.clone(), format!("{name}: {words}")));
                }
                entry.insert(words);
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use rocketmq_agent_domain::{health::report::ClusterReport, launch::cause};

    fn report(state: State, reasons: &[(&str, &str)], warnings: &[(&str, &str)]) -> HostReport {
        let text = include_str!("../../../tests/fixtures/status/cluster.json");
        let cluster: ClusterReport = serde_json::from_str(text).unwrap();
        let mut host = cluster.hosts[0].report.clone().unwrap();
        host.instances.retain(|it| it.instance.as_str() == "broker-a");
        let causes = |of: &[(&str, &str)]| of.iter().map(|(id, what)| cause(id, *what, "")).collect();
        (host.instances[0].state, host.instances[0].reasons) = (state, causes(reasons));
        host.instances[0].warnings = causes(warnings);
        host
    }

    fn said(journal: &mut Journal, report: &HostReport) -> Vec<String> {
        let words = |line| match line {
            Line::State(_, _, words) | Line::Found(_, words) | Line::Over(_, words) => words,
        };
        journal.read(report).into_iter().map(words).collect()
    }

    #[test]
    fn a_warning_is_said_when_it_appears_and_when_it_is_over_and_not_in_between() {
        let mut journal = Journal::default();
        let ready = |warnings: &[(&str, &str)]| report(State::Ready, &[], warnings);
        assert_eq!(said(&mut journal, &ready(&[])), ["broker-a is ready"]);
        let disk = |percent: u8| format!("its disk is {percent} % full");
        assert_eq!(said(&mut journal, &ready(&[("disk-nearly-full", &disk(81))])), ["broker-a: its disk is 81 % full"]);
        assert_eq!(said(&mut journal, &ready(&[("disk-nearly-full", &disk(82))])), [""; 0]);
        assert_eq!(said(&mut journal, &ready(&[])), ["no longer: broker-a: its disk is 81 % full"]);
        assert_eq!(said(&mut journal, &ready(&[])), [""; 0]);
    }

    #[test]
    fn a_reason_is_said_once_with_the_state_or_without_it() {
        let mut journal = Journal::default();
        let starting = |reasons: &[(&str, &str)]| report(State::Starting, reasons, &[]);
        assert_eq!(
            said(&mut journal, &starting(&[("starting", "not asked yet")])),
            ["broker-a is starting: not asked yet"]
        );
        assert_eq!(said(&mut journal, &starting(&[("not-answering", "refused")])), [""; 0]);
        let reads = [("recovering", "it reads its store: 3 %")];
        assert_eq!(said(&mut journal, &starting(&reads)), ["broker-a: it reads its store: 3 %"]);
        let lacks = report(State::NotReady, &[("no-replication", "no slave"), ("lagging", "behind")], &[]);
        assert_eq!(said(&mut journal, &lacks), ["broker-a is not ready: no slave", "broker-a: behind"]);
        assert_eq!(said(&mut journal, &report(State::Ready, &[], &[])), ["broker-a is ready"]);
    }

    #[test]
    fn an_end_that_was_logged_is_not_logged_again_with_the_next_start() {
        let mut journal = Journal::default();
        let words = format!("{BEFORE}its disk was full");
        let again = report(State::Starting, &[("starting", "not asked yet")], &[("disk-full", &words)]);
        assert_eq!(said(&mut journal, &again), ["broker-a is starting: not asked yet"]);
    }
}
