//! The rules for a member of a group that elects its master. Which role it has is read off the NameServers, as its clients
//! read it: brokerId 0 may be any of them. It is ready as a master when enough others follow, and as a slave when it
//! has what its master has and counts as in sync.

use super::{
    Findings, cause,
    facts::{BrokerFacts, MemberFacts, Runtime},
    report::InstanceReport,
};
use crate::{
    desired::{Elections, ExpectedBroker},
    launch::Role,
    observed::Fact,
    size::Size,
};
use std::{collections::BTreeSet, net::SocketAddr};

pub(super) fn judge(
    expected: &ExpectedBroker,
    elections: &Elections,
    facts: &BrokerFacts,
    members: &MemberFacts,
    runtime: &Runtime,
    report: &mut InstanceReport,
    findings: &mut Findings,
) {
    let master = judge_registration(expected, elections, facts, report, findings);
    let own = expected.client_address;
    match master {
        Some(master) if master == own => {
            report.role = Role::Master;
            judge_master(expected, elections, members, runtime, report, findings);
        }
        Some(master) => {
            report.role = Role::Slave;
            judge_slave(expected, members, master, runtime, report, findings);
        }
        None => {}
    }
}

/// Its own entry in every NameServer, and the master that they agree on.
fn judge_registration(
    expected: &ExpectedBroker,
    elections: &Elections,
    facts: &BrokerFacts,
    report: &mut InstanceReport,
    findings: &mut Findings,
) -> Option<SocketAddr> {
    let group = &expected.group;
    let own = expected.client_address.to_string();
    let mut ids = BTreeSet::new();
    let mut masters = BTreeSet::new();
    for (namesrv, registered) in &facts.registered {
        let addresses = match registered {
            Fact::Unknown(why) => {
                let what = format!("whether NameServer {namesrv} knows it cannot be told: {why}");
                findings.reasons.push(cause("namesrv-unreachable", what, "look at that NameServer"));
                continue;
            }
            Fact::Known(addresses) => addresses,
        };
        match addresses.iter().find(|(_, address)| **address == own) {
            Some((id, _)) => {
                ids.insert(*id);
            }
            None => {
                let what = format!("NameServer {namesrv} does not have it in {group}");
                let fix = match elections.by_controllers {
                    true => {
                        "it registers when a controller has given it a role; look at the controllers and its broker.log"
                    }
                    false => "it registers when its group has elected a leader; look at its broker.log",
                };
                findings.reasons.push(cause("not-registered", what, fix));
            }
        }
        match addresses.get(&0) {
            Some(address) => {
                masters.insert(address.as_str());
            }
            None => {
                let what = format!("{group} has no master in NameServer {namesrv}: nobody can send to it");
                let fix = match elections.by_controllers {
                    true => "a controller elects one of the members that are in sync; look whether those run",
                    false => "most of its members must run to elect one",
                };
                findings.reasons.push(cause("no-master", what, fix));
            }
        }
    }
    report.broker_id = if ids.len() == 1 { ids.first().copied() } else { None };
    let mut masters = masters.into_iter();
    let (master, second) = (masters.next()?, masters.next());
    if let Some(other) = second {
        let what = format!("the NameServers name different masters of {group}: {master} and {other}");
        findings.reasons.push(cause("masters-differ", what, "after an election it passes in seconds"));
        return None;
    }
    let known = elections.others.iter().map(|other| other.client_address).chain([expected.client_address]);
    let found = known.into_iter().find(|address| address.to_string() == master);
    if found.is_none() {
        let what = format!("the NameServers have {group} with brokerId 0 at {master}, which is none of its members");
        let fix = "stop the one that is not in cluster.toml";
        findings.reasons.push(cause("two-claimants", what, fix));
    }
    found
}

fn judge_master(
    expected: &ExpectedBroker,
    elections: &Elections,
    members: &MemberFacts,
    runtime: &Runtime,
    report: &mut InstanceReport,
    findings: &mut Findings,
) {
    let group = &expected.group;
    let known = members.others.values().filter_map(Fact::known);
    report.lag = known.map(|other| runtime.max_offset.saturating_sub(other.max_offset)).max();
    for (address, other) in &members.others {
        if let Fact::Unknown(why) = other {
            let what = format!("the member of {group} at {address} does not answer: {why}");
            findings.warnings.push(cause("member-unreachable", what, ""));
        }
    }
    let (least, all) = (elections.least, elections.others.len() + 1);
    let in_sync = match &members.sync {
        Some(Fact::Known(sync)) => sync.in_sync.len(),
        Some(Fact::Unknown(why)) => {
            let what = format!("which members of {group} are in sync cannot be told: {why}");
            let fix = "while the controllers have no leader no other master is elected";
            findings.warnings.push(cause("sync-unknown", what, fix));
            return;
        }
        None => 1 + members.others.values().filter(|other| other.known().is_some()).count(),
    };
    if in_sync < least {
        let what =
            format!("{in_sync} of the {all} members of {group} are in sync, and it takes messages from {least} on");
        findings.reasons.push(cause("too-few-in-sync", what, "members come back in sync by themselves once they run"));
    } else if in_sync < all {
        let what = format!("{in_sync} of the {all} members of {group} are in sync");
        findings.warnings.push(cause("member-not-in-sync", what, ""));
    }
}

fn judge_slave(
    expected: &ExpectedBroker,
    members: &MemberFacts,
    master: SocketAddr,
    runtime: &Runtime,
    report: &mut InstanceReport,
    findings: &mut Findings,
) {
    if let Some(sync) = &members.sync {
        match sync {
            Fact::Known(sync) if sync.in_sync.contains(&report.address) => {}
            Fact::Known(_) => {
                let what = "the controllers do not count it as in sync: it would not be elected";
                findings.reasons.push(cause("not-in-sync", what, "it is counted when it has all that its master has"));
            }
            Fact::Unknown(why) => {
                let what = format!("whether it is in sync cannot be told: {why}");
                findings.reasons.push(cause("sync-unknown", what, "look at the controllers"));
            }
        }
    }
    let other = match members.others.get(&master) {
        Some(Fact::Known(other)) => other,
        Some(Fact::Unknown(why)) => {
            findings.reasons.push(cause(
                "master-unreachable",
                format!("its master {master} does not answer: {why}"),
                "",
            ));
            return;
        }
        None => return,
    };
    // It was asked first, so it can be ahead only where its master lacks something.
    if runtime.max_offset > other.max_offset {
        let what = format!("it is {} ahead of its master", Size(runtime.max_offset - other.max_offset));
        let fix = "after an election it gives up what was never acknowledged; if it stays so, compare the stores";
        findings.reasons.push(cause("slave-ahead", what, fix));
        return;
    }
    let lag = other.max_offset - runtime.max_offset;
    report.lag = Some(lag);
    if lag > expected.max_lag.0 {
        let what = format!("it is {} behind its master (broker.max_lag is {})", Size(lag), expected.max_lag);
        findings.reasons.push(cause("lagging", what, ""));
    }
}
