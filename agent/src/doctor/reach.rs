//! The other hosts' ports, seen from here, and this host's, seen from there.

use super::{Check, Finding, Host, host::FromThere};
use crate::reach::{Outcome, Reached};
use rocketmq_agent_domain::observed::Fact;

pub(super) static CHECK: Check = Check {
    id: "reach",
    what: "The ports of the other hosts that this one needs can be connected to, and those of this one from there.",
    why: "Everything runs and nothing replicates: mostly a firewall that lets listenPort in and forgets listenPort+1.",
    run,
    repair: None,
};

fn run(host: &Host) -> Vec<Finding> {
    if host.reached.is_empty() {
        return vec![Finding::skipped("there is no other host")];
    }
    host.reached.iter().map(from_here).chain(host.from_there.iter().flat_map(from_there)).collect()
}

fn from_here(it: &Reached) -> Finding {
    let at = format!("{} of {} at {}", it.what, it.host, it.address);
    match it.outcome {
        Outcome::Open => Finding::ok(format!("{at} is open")),
        Outcome::Refused => Finding::warn(
            format!("{at} refuses: the host answers, and nothing listens there"),
            format!("start it on {}; a firewall that rejects looks the same", it.host),
        ),
        Outcome::Silent => Finding::fail(
            format!("{at} does not answer: the host is down, or a firewall drops what this host sends"),
            format!("`rocketmq-agent doctor firewall` on {} prints what has to be let in there", it.host),
        ),
        Outcome::Failed => Finding::fail(format!("{at} cannot be connected to: {}", why(it)), ""),
    }
}

fn from_there(there: &FromThere) -> Vec<Finding> {
    let FromThere { host, reached } = there;
    let judge = |it: &Reached| {
        let at = format!("{} of this host at {}", it.what, it.address);
        match it.outcome {
            Outcome::Open => Finding::ok(format!("{host} reaches {at}")),
            Outcome::Refused => Finding::warn(
                format!("{host} is refused by {at}: nothing listens there, or a firewall rejects it"),
                "`rocketmq-agent explain` says whether it runs",
            ),
            Outcome::Silent => Finding::fail(
                format!("{host} gets no answer from {at}: a firewall here, or on the way, drops what it sends"),
                "`rocketmq-agent doctor firewall` prints what has to be let in here",
            ),
            Outcome::Failed => Finding::fail(format!("{host} cannot connect to {at}: {}", why(it)), ""),
        }
    };
    match reached {
        Fact::Known(reached) => reached.iter().map(judge).collect(),
        Fact::Unknown(why) => vec![Finding::skipped(format!("what {host} reaches of this host is not known: {why}"))],
    }
}

fn why(it: &Reached) -> &str {
    it.error.as_deref().unwrap_or("no reason was given")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict;

    #[test]
    fn a_port_that_is_open_from_here_and_shut_from_there_is_named_with_who_is_shut_out() {
        let reached = |outcome| Reached {
            host: "vm1".to_owned(),
            address: ([10, 0, 0, 1], 10912).into(),
            what: "broker-a master (HA)".to_owned(),
            outcome,
            error: None,
        };
        let from = |outcome| FromThere { host: "vm2".to_owned(), reached: Fact::Known(vec![reached(outcome)]) };
        let [open, refused, silent] =
            [Outcome::Open, Outcome::Refused, Outcome::Silent].map(|it| from_there(&from(it)));
        assert_eq!(open, [Finding::ok("vm2 reaches broker-a master (HA) of this host at 10.0.0.1:10912")]);
        assert_eq!((refused[0].verdict, silent[0].verdict), (Verdict::Warn, Verdict::Fail));
        assert!(silent[0].what.starts_with("vm2 gets no answer from broker-a master (HA) of this host"));
        let unknown = FromThere { host: "vm2".to_owned(), reached: Fact::Unknown("no answer".to_owned()) };
        assert_eq!(from_there(&unknown)[0].verdict, Verdict::Skipped, "what is not known is not wrong");
    }
}
