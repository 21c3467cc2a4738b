//! The other hosts' ports, seen from here.

use super::{Check, Finding, Host, host::Outcome};

pub(super) static CHECK: Check = Check {
    id: "reach",
    what: "The ports of the other hosts that this one needs can be connected to.",
    why: "Everything runs and nothing replicates: mostly a firewall that lets listenPort in and forgets listenPort+1.",
    run,
    repair: None,
};

fn run(host: &Host) -> Vec<Finding> {
    if host.reached.is_empty() {
        return vec![Finding::skipped("there is no other host")];
    }
    host.reached
        .iter()
        .map(|it| {
            let at = format!("{} of {} at {}", it.opening.what, it.host, it.address);
            match &it.outcome {
                Outcome::Open => Finding::ok(format!("{at} is open")),
                Outcome::Refused => Finding::warn(
                    format!("{at} refuses: the host answers, and nothing listens there"),
                    format!("start it on {}; a firewall that rejects looks the same", it.host),
                ),
                Outcome::Silent => Finding::fail(
                    format!("{at} does not answer: the host is down, or a firewall drops what this host sends"),
                    format!("`rocketmq-agent doctor firewall` on {} prints what has to be let in there", it.host),
                ),
                Outcome::Failed(why) => Finding::fail(format!("{at} cannot be connected to: {why}"), ""),
            }
        })
        .collect()
}
