//! Whether an instance is ready, in the sense of RocketMQ's clients, and if not, why not.
//! In: what was expected and what was found. Out: reasons in words a person can act on; none means ready.

pub(crate) mod broker;
mod controller;
mod disk;
pub mod facts;
pub mod forecast;
pub mod lag;
mod member;
pub mod namesrv;
mod pressure;
mod proxy;
pub mod recovery;
pub mod report;
pub mod summary;
pub mod verdict;
pub mod witness;

pub(crate) use broker::READ_ONLY;
pub use broker::SLAVE_AHEAD;

use crate::{
    desired::Instance,
    finding,
    launch::{Cause, ProcessState},
    observed::Fact,
};
use facts::ServiceFacts;
use report::{InstanceReport, State};

/// What was concluded about an instance.
#[derive(Debug, Default)]
struct Findings {
    reasons: Vec<Cause>,
    warnings: Vec<Cause>,
}

/// Judges one instance. `service` is `None` while nothing has been asked since its process started.
pub fn judge(instance: &Instance, process: &Fact<ProcessState>, service: Option<&ServiceFacts>) -> InstanceReport {
    let mut report = InstanceReport::new(instance);
    let mut findings = Findings::default();
    let running = judge_process(process, &mut report, &mut findings);
    if running {
        match service {
            None => findings.reasons.push(finding::STARTING.of(&[])),
            Some(ServiceFacts::Namesrv(Fact::Known(lacks), inside)) => {
                namesrv::judge(lacks, &mut findings);
                match inside {
                    Some(Fact::Known(facts)) => controller::judge(facts, &mut report, &mut findings),
                    Some(Fact::Unknown(why)) => findings.reasons.push(not_answering(why)),
                    None => {}
                }
                report.answers = true;
            }
            Some(ServiceFacts::Jar(Fact::Known(()))) => report.answers = true,
            Some(ServiceFacts::Namesrv(Fact::Unknown(why), _)) => findings.reasons.push(not_answering(why)),
            Some(ServiceFacts::Jar(Fact::Unknown(why))) => findings.reasons.push(not_answering(why)),
            Some(ServiceFacts::Proxy(facts)) => proxy::judge(facts, &mut report, &mut findings),
            Some(ServiceFacts::Controller(Fact::Known(facts))) => controller::judge(facts, &mut report, &mut findings),
            Some(ServiceFacts::Controller(Fact::Unknown(why))) => findings.reasons.push(not_answering(why)),
            Some(ServiceFacts::Broker(facts)) => broker::judge(instance, facts, &mut report, &mut findings),
        }
        report.state = match (&findings.reasons[..], report.answers) {
            ([], _) => State::Ready,
            (_, true) => State::NotReady,
            (_, false) => State::Starting,
        };
    }
    report.reasons = findings.reasons;
    report.warnings = findings.warnings;
    report
}

fn not_answering(why: &str) -> Cause {
    finding::NOT_ANSWERING.of(&[("why", &why)])
}

/// Says how the process is; whether it runs.
fn judge_process(process: &Fact<ProcessState>, report: &mut InstanceReport, findings: &mut Findings) -> bool {
    match process {
        Fact::Unknown(why) => {
            report.state = State::Unknown;
            findings.reasons.push(finding::PROCESS_UNKNOWN.of(&[("why", why)]));
        }
        Fact::Known(ProcessState::Running { pid, started_at, .. }) => {
            report.pid = Some(*pid);
            report.started_at = Some(*started_at);
            return true;
        }
        Fact::Known(ProcessState::Stopping { pid }) => {
            report.state = State::Stopping;
            report.pid = Some(*pid);
            findings.reasons.push(finding::STOPPING.of(&[]));
        }
        Fact::Known(ProcessState::Stopped { last_exit, cause: why, failures, quarantined, next_start_at, .. }) => {
            report.state = if *quarantined { State::Quarantined } else { State::Stopped };
            report.next_start_at = *next_start_at;
            report.failures = *failures;
            findings.reasons.push(why.clone().unwrap_or_else(|| match last_exit {
                Some(exit) => finding::STOPPED_WITH.of(&[("exit", exit)]),
                None => finding::STOPPED.of(&[]),
            }));
        }
    }
    false
}

#[cfg(test)]
mod tests;
