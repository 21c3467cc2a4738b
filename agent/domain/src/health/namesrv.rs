//! Whether a NameServer that answers knows the brokers. One that has just started, or hung until they were dropped, knows of
//! none before it registers anew.

use super::Findings;
use crate::{desired::Partner, finding, names::BrokerName};
use std::{collections::BTreeSet, fmt::Display, time::Duration};

/// What has answered for so long has heard of every broker that gets through to it: `registerNameServerPeriod` is 30 s, and
/// 60 s at most (`BrokerController` of 4.7.0-5.5.0). What it lacks then is for the brokers to say (`not-registered`).
pub const COMPLETE_AFTER: Duration = Duration::from_secs(120);

/// So many brokers are named.
const NAMED: usize = 5;

/// The brokers that a NameServer has not and should have if they run. `own`: the addresses that are registered with it;
/// `others`: those with each other one that answers. What none of these has either is no reason to send clients to them.
pub fn lacking<'b>(
    brokers: &'b [(BrokerName, Partner)],
    own: &BTreeSet<&str>,
    others: &[BTreeSet<&str>],
) -> Vec<&'b (BrokerName, Partner)> {
    let is_lacking = |(_, broker): &&(BrokerName, Partner)| {
        let address = broker.client_address.to_string();
        let has = |registered: &BTreeSet<&str>| registered.contains(address.as_str());
        !has(own) && (others.is_empty() || others.iter().any(has))
    };
    brokers.iter().filter(is_lacking).collect()
}

/// `lacks`: brokers that run, and that it has not.
pub(super) fn judge(lacks: &BTreeSet<String>, findings: &mut Findings) {
    if lacks.is_empty() {
        return;
    }
    let brokers = lacks.iter().take(NAMED).map(String::as_str).collect::<Vec<_>>().join(", ");
    let more = lacks.len().saturating_sub(NAMED);
    let more = Some(&more as &dyn Display).filter(|_| more > 0);
    findings.reasons.push(finding::ROUTES_INCOMPLETE.of_known(&[("brokers", Some(&brokers)), ("more", more)]));
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::{
        desired::{Desired, HostFacts, Java, desired},
        health::{
            facts::ServiceFacts,
            judge,
            report::{InstanceReport, State},
        },
        launch::ProcessState,
        names::InstanceName,
        observed::Fact,
        placement::place,
        size::Size,
        topology,
    };

    const A: &str = "203.0.113.1:10911";
    const B: &str = "10.0.0.2:10911";

    fn vm1() -> Desired {
        let text = "[cluster]\nmode = \"multi-master\"\n[rocketmq]\nversion = \"5.5.0\"\n[[host]]\nname = \"vm1\"\n\
                    address = \"10.0.0.1\"\npublic_address = \"203.0.113.1\"\n[[host]]\nname = \"vm2\"\naddress = \"10.0.0.2\"\n";
        let topology = topology::read(text).unwrap();
        let facts = HostFacts { memory: Size::mib(8192), java: Java { program: "/j".into(), release: 17 } };
        desired(&topology, &place(&topology, None).unwrap(), &"vm1".parse().unwrap(), &facts).unwrap()
    }

    fn lacks(own: &[&str], others: &[&[&str]]) -> Vec<String> {
        let others: Vec<BTreeSet<&str>> = others.iter().map(|other| other.iter().copied().collect()).collect();
        let desired = vm1();
        let lacking = lacking(&desired.brokers, &own.iter().copied().collect(), &others);
        lacking.into_iter().map(|(group, at)| format!("{group} on {}", at.host)).collect()
    }

    #[test]
    fn it_lacks_what_another_one_has_and_where_no_other_answers_what_the_file_has() {
        assert_eq!(lacks(&[], &[&[A, B]]), ["broker-a on vm1", "broker-b on vm2"]);
        assert_eq!(lacks(&[A], &[&[A], &[B]]), ["broker-b on vm2"]);
        assert_eq!(lacks(&[A], &[]), ["broker-b on vm2"]);
        assert!(lacks(&[A, B], &[&[A, B]]).is_empty() && lacks(&[], &[&[]]).is_empty());
    }

    fn judged(lacks: &[&str]) -> InstanceReport {
        let running = ProcessState::Running { pid: 7, started_at: 1, fingerprint: String::new() };
        let lacks = lacks.iter().map(|it| (*it).to_owned()).collect();
        let desired = vm1();
        let instance = desired.instance(&InstanceName::namesrv()).unwrap();
        judge(instance, &Fact::Known(running), Some(&ServiceFacts::Namesrv(Fact::Known(lacks), None)))
    }

    #[test]
    fn one_that_lacks_brokers_that_run_answers_and_is_not_ready() {
        assert_eq!(judged(&[]).state, State::Ready);
        let report = judged(&["1", "2", "3", "4", "5", "6"]);
        assert!(report.answers && report.state == State::NotReady);
        let [reason] = &report.reasons[..] else { unreachable!("{:?}", report.reasons) };
        assert_eq!(reason.id, "routes-incomplete");
        assert!(
            reason.what.starts_with("it has not heard yet of 1, 2, 3, 4, 5 and 1 more, which run"),
            "{}",
            reason.what
        );
    }
}
