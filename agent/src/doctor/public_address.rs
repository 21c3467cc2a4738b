//! The addresses that clients are given, dialled from a host.

use super::{Check, Finding, Host};
use crate::reach::{Outcome, Reached};

pub(super) static CHECK: Check = Check {
    id: "public-address",
    what: "Where hosts have a public_address, this host gets through to their ports there, to its own too.",
    why: "Routes name it: a slave copies topics and consumers' offsets from its master there, and proxies and tools on the \
          hosts go there too. A router that does not lead the inside back to the inside leaves them alone with that.",
    run,
    repair: None,
};

fn run(host: &Host) -> Vec<Finding> {
    if host.public.is_empty() {
        return vec![Finding::skipped("no host has a public_address of its own")];
    }
    host.public.iter().map(judge).collect()
}

fn judge(it: &Reached) -> Finding {
    let at = format!("{} of {} at its public address {}", it.what, it.host, it.address);
    let fix = "let the router lead it back (hairpin NAT), or route that address to the host on the hosts themselves";
    match it.outcome {
        Outcome::Open => Finding::ok(format!("{at} is open")),
        Outcome::Refused => Finding::warn(
            format!("{at} refuses: nothing listens there, or it is not led to the host"),
            format!("start it on {}, or {fix}", it.host),
        ),
        Outcome::Silent => Finding::fail(format!("{at} does not answer from here"), fix),
        Outcome::Failed => {
            Finding::fail(format!("{at} cannot be connected to: {}", it.error.as_deref().unwrap_or_default()), fix)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict;

    #[test]
    fn a_public_address_that_leads_nowhere_from_here_is_named() {
        let reached = |outcome| Reached {
            host: "vm2".to_owned(),
            address: ([203, 0, 113, 2], 10911).into(),
            what: "broker-a master".to_owned(),
            outcome,
            error: None,
        };
        let open = "broker-a master of vm2 at its public address 203.0.113.2:10911 is open";
        assert_eq!(judge(&reached(Outcome::Open)), Finding::ok(open));
        assert_eq!(judge(&reached(Outcome::Refused)).verdict, Verdict::Warn);
        let silent = judge(&reached(Outcome::Silent));
        assert_eq!(silent.verdict, Verdict::Fail);
        assert!(silent.fix.contains("hairpin"));
    }
}
