//! Packets of full size between the hosts.

use super::{Check, Finding, Host, host::WayTo};
use crate::mtu::{Passed, Way};
use rocketmq_agent_domain::observed::Fact;

pub(super) static CHECK: Check = Check {
    id: "mtu",
    what: "Packets as long as the network card sends them get through to each other host and back.",
    why: "A tunnel or a switch that takes shorter ones, and says nothing of those it drops, lets every connection be made: \
          ports are open, heartbeats pass, and the first large message hangs, as replication does.",
    run,
    repair: None,
};

fn run(host: &Host) -> Vec<Finding> {
    if host.ways.is_empty() {
        return vec![Finding::skipped("there is no other host")];
    }
    host.ways.iter().map(judge).collect()
}

fn judge(WayTo { host, way }: &WayTo) -> Finding {
    let way = match way {
        Fact::Known(way) => way,
        Fact::Unknown(why) => return Finding::skipped(format!("what gets through to {host} is not known: {why}")),
    };
    let bytes = |mtu: Option<u32>| mtu.map_or_else(|| "full size".to_owned(), |mtu| format!("{mtu} bytes"));
    let card = bytes(way.card);
    let fix = format!(
        "find what on the way to {host} takes shorter packets (`ping -M do -s 1400 {host}` tries a length), and give the \
         network cards of both hosts its MTU; net.ipv4.tcp_mtu_probing = 1 helps meanwhile"
    );
    match way.passed {
        Passed::NotOut => Finding::fail(format!("packets of {card} to {host} are lost, and short ones arrive"), fix),
        Passed::NotBack => {
            Finding::fail(format!("packets of full size from {host} are lost, and short ones arrive"), fix)
        }
        Passed::All | Passed::Out => Finding::ok(match way {
            Way { card: Some(card), path: Some(path), .. } if path < card => {
                format!("the way to {host} takes {path} bytes where the card sends {card}, and this host knows that")
            }
            Way { passed: Passed::All, .. } => format!("packets of {card} get to {host} and back"),
            Way { .. } => format!("packets of {card} get to {host}"),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict;

    #[test]
    fn what_is_lost_is_named_with_its_direction_and_a_shorter_way_that_is_known_is_none() {
        let to = |passed, path| {
            let way = Way { card: Some(1500), path: Some(path), passed };
            judge(&WayTo { host: "vm2".to_owned(), way: Fact::Known(way) })
        };
        assert_eq!(to(Passed::All, 1500), Finding::ok("packets of 1500 bytes get to vm2 and back"));
        let known = "the way to vm2 takes 1400 bytes where the card sends 1500, and this host knows that";
        assert_eq!(to(Passed::All, 1400), Finding::ok(known));
        let (out, back) = (to(Passed::NotOut, 1500), to(Passed::NotBack, 1500));
        assert_eq!((out.verdict, back.verdict), (Verdict::Fail, Verdict::Fail));
        assert_eq!(out.what, "packets of 1500 bytes to vm2 are lost, and short ones arrive");
        assert_eq!(back.what, "packets of full size from vm2 are lost, and short ones arrive");
        let silent = WayTo { host: "vm2".to_owned(), way: Fact::Unknown("no answer".to_owned()) };
        assert_eq!(judge(&silent).verdict, Verdict::Skipped);
    }
}
