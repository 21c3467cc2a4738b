//! The rules for a proxy: it answers on both ports, and it knows the way to the brokers of its cluster.

use super::{
    Findings,
    facts::{GrpcAnswer, ProxyFacts},
    not_answering,
    report::InstanceReport,
};
use crate::{finding, observed::Fact};

/// `Code` of service.proto (rocketmq-apis 2.0): it is as asked.
const OK: u64 = 20_000;
/// It wants to know who asks, or does not let us: where we have no credential, no more is to be had of a proxy with
/// authentication.
const REFUSALS: [u64; 2] = [40_100, 40_300];

pub(super) fn judge(facts: &ProxyFacts, report: &mut InstanceReport, findings: &mut Findings) {
    match &facts.route {
        Fact::Unknown(why) => findings.reasons.push(not_answering(&format!("gRPC: {why}"))),
        Fact::Known(GrpcAnswer { code, message }) => {
            report.answers = true;
            let refused = REFUSALS.contains(code);
            if refused && facts.signed {
                // It asks brokers for users, as the administrator: with another key, or where it reaches none, it refuses all.
                findings.reasons.push(finding::UNAUTHORIZED.of(&[("who", &"it"), ("said", message)]));
            } else if *code != OK && !refused {
                findings.reasons.push(finding::NO_ROUTE.of(&[("code", code), ("message", message)]));
            }
        }
    }
    if let Fact::Unknown(why) = &facts.remoting {
        findings.reasons.push(finding::REMOTING_SILENT.of(&[("why", why)]));
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::{
        desired::{HostFacts, Java, desired},
        health::{facts::ServiceFacts, judge, report::State},
        launch::{ProcessState, Role},
        names::InstanceName,
        placement::place,
        size::Size,
        topology::read,
    };

    fn judged(route: Fact<u64>, signed: bool, remoting: Fact<()>) -> (State, Vec<String>) {
        let text = "[cluster]\nmode = \"single\"\n[rocketmq]\nversion = \"5.5.0\"\n[proxy]\n\
                    [[host]]\nname = \"vm1\"\naddress = \"10.0.0.1\"\n";
        let topology = read(text).unwrap();
        let facts = HostFacts { memory: Size::mib(8192), java: Java { program: "/j".into(), release: 17 } };
        let desired = desired(&topology, &place(&topology, None).unwrap(), &"vm1".parse().unwrap(), &facts).unwrap();
        let instance = desired.instance(&InstanceName::service(Role::Proxy)).unwrap();
        let route = match route {
            Fact::Known(code) => Fact::Known(GrpcAnswer { code, message: "".into() }),
            Fact::Unknown(why) => Fact::Unknown(why),
        };
        let running = ProcessState::Running { pid: 7, started_at: 1, fingerprint: String::new() };
        let facts = ServiceFacts::Proxy(ProxyFacts { route, signed, remoting });
        let report = judge(instance, &Fact::Known(running), Some(&facts));
        (report.state, report.reasons.into_iter().map(|cause| cause.id.into()).collect())
    }

    #[test]
    fn a_proxy_is_ready_when_it_answers_on_both_ports_and_knows_the_way_to_the_brokers() {
        let silent = || Fact::Unknown("connection refused".to_owned());
        assert_eq!(judged(Fact::Known(OK), true, Fact::Known(())), (State::Ready, vec![]));
        assert_eq!(judged(Fact::Known(40_402), true, Fact::Known(())), (State::NotReady, vec!["no-route".to_owned()]));
        assert_eq!(judged(Fact::Known(OK), false, silent()), (State::NotReady, vec!["remoting-silent".to_owned()]));
        assert_eq!(judged(Fact::Unknown("x".to_owned()), false, Fact::Known(())).0, State::Starting);
    }

    #[test]
    fn one_that_wants_to_know_who_asks_is_ready_unless_it_was_told() {
        let asked = |signed| judged(Fact::Known(40_100), signed, Fact::Known(()));
        assert_eq!(asked(false).0, State::Ready);
        assert_eq!(asked(true), (State::NotReady, vec!["unauthorized".to_owned()]));
    }
}
