//! The rules for a member of a group that elects its master. Which role it has is read off the NameServers, as its clients
//! read it: brokerId 0 may be any of them. It is ready as a master when enough others follow, and as a slave when it
//! has what its master has and counts as in sync.

use super::{
    Findings,
    broker::registrations,
    facts::{BrokerFacts, MemberFacts, Runtime},
    report::InstanceReport,
};
use crate::{
    desired::{Elections, ExpectedBroker},
    finding,
    launch::Role,
    observed::Fact,
    size::Size,
};
use std::{collections::BTreeSet, fmt::Display, net::SocketAddr};

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
    for (namesrv, addresses) in registrations(facts, findings) {
        match addresses.iter().find(|(_, address)| **address == own) {
            Some((id, _)) => {
                ids.insert(*id);
            }
            None => {
                let by = if elections.by_controllers { "controller" } else { "leader" };
                let values: [(&str, &dyn Display); 3] = [("namesrv", &namesrv), ("group", group), (by, &by)];
                findings.reasons.push(finding::MEMBER_NOT_REGISTERED.of(&values));
            }
        }
        match addresses.get(&0) {
            Some(address) => {
                masters.insert(address.as_str());
            }
            None => {
                let by = if elections.by_controllers { "controller" } else { "members" };
                let values: [(&str, &dyn Display); 3] = [("namesrv", &namesrv), ("group", group), (by, &by)];
                findings.reasons.push(finding::NO_MASTER.of(&values));
            }
        }
    }
    report.broker_id = if ids.len() == 1 { ids.first().copied() } else { None };
    let mut masters = masters.into_iter();
    let (master, second) = (masters.next()?, masters.next());
    if let Some(other) = second {
        let values: [(&str, &dyn Display); 3] = [("group", group), ("master", &master), ("other", &other)];
        findings.reasons.push(finding::MASTERS_DIFFER.of(&values));
        return None;
    }
    let known = elections.others.iter().map(|other| other.client_address).chain([expected.client_address]);
    let found = known.into_iter().find(|address| address.to_string() == master);
    if found.is_none() {
        findings.reasons.push(finding::MASTER_OF_NOBODY.of(&[("group", group), ("master", &master)]));
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
            let values: [(&str, &dyn Display); 3] = [("group", group), ("address", address), ("why", why)];
            findings.warnings.push(finding::MEMBER_UNREACHABLE.of(&values));
        }
    }
    let (least, all) = (elections.least, elections.others.len() + 1);
    let in_sync = match &members.sync {
        Some(Fact::Known(sync)) => sync.in_sync.len(),
        Some(Fact::Unknown(why)) => {
            findings.warnings.push(finding::SYNC_UNKNOWN_OF_GROUP.of(&[("group", group), ("why", why)]));
            return;
        }
        None => 1 + members.others.values().filter(|other| other.known().is_some()).count(),
    };
    let values: [(&str, &dyn Display); 4] = [("count", &in_sync), ("all", &all), ("group", group), ("least", &least)];
    if in_sync < least {
        findings.reasons.push(finding::TOO_FEW_IN_SYNC.of(&values));
    } else if in_sync < all {
        findings.warnings.push(finding::MEMBER_NOT_IN_SYNC.of(&values));
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
            Fact::Known(sync) if sync.in_sync.contains(report.address.as_str()) => {}
            Fact::Known(_) => findings.reasons.push(finding::NOT_IN_SYNC.of(&[])),
            Fact::Unknown(why) => findings.reasons.push(finding::SYNC_UNKNOWN.of(&[("why", why)])),
        }
    }
    let other = match members.others.get(&master) {
        Some(Fact::Known(other)) => other,
        Some(Fact::Unknown(why)) => {
            let values: [(&str, &dyn Display); 2] = [("master", &master), ("why", why)];
            findings.reasons.push(finding::MASTER_UNREACHABLE.of(&values));
            return;
        }
        None => return,
    };
    // It was asked first, so it can be ahead only where its master lacks something.
    if runtime.max_offset > other.max_offset {
        let ahead = Size(runtime.max_offset - other.max_offset);
        findings.reasons.push(finding::MEMBER_AHEAD.of(&[("ahead", &ahead)]));
        return;
    }
    let lag = other.max_offset - runtime.max_offset;
    report.lag = Some(lag);
    if lag > expected.max_lag.0 {
        findings.reasons.push(finding::LAGGING_SLAVE.of(&[("lag", &Size(lag)), ("limit", &expected.max_lag)]));
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::{
        desired::{HostFacts, Instance, Java, desired},
        health::{facts::*, judge, report::State},
        launch::ProcessState,
        placement::place,
        topology::read,
    };
    use std::collections::BTreeMap;

    /// vm1's member of a group of three on vm1, vm2 and vm3.
    fn instance(mode: &str) -> Instance {
        let mut text = format!("[cluster]\nmode = \"{mode}\"\n[rocketmq]\nversion = \"5.5.0\"\n");
        for host in 1..=3 {
            text += &format!("[[host]]\nname = \"vm{host}\"\naddress = \"10.0.0.{host}\"\n");
        }
        let topology = read(&text).unwrap();
        let placement = place(&topology, None).unwrap();
        let facts = HostFacts { memory: Size::mib(8192), java: Java { program: "/j".into(), release: 17 } };
        let desired = desired(&topology, &placement, &"vm1".parse().unwrap(), &facts).unwrap();
        desired.instance(&"broker-a".parse().unwrap()).unwrap().clone()
    }

    fn address(host: u8) -> String {
        format!("10.0.0.{host}:10911")
    }

    /// The member of vm1 in a group whose master is that host's, all of them with 1,000 bytes and in sync.
    fn judged(mode: &str, master: u8, change: impl FnOnce(&mut BrokerFacts)) -> InstanceReport {
        let instance = instance(mode);
        let expected = instance.broker.as_ref().unwrap();
        let seen = (1..=3).map(|host| (if host == master { 0 } else { u64::from(host) + 1 }, address(host)));
        let seen: BTreeMap<u64, String> = seen.collect();
        let others = [2, 3].map(|host| {
            let facts = PartnerFacts { min_offset: Some(0), max_offset: 1000 };
            (address(host).parse().unwrap(), Fact::Known(facts))
        });
        let sync = SyncState { in_sync: (1..=3).map(address).collect() };
        let mut facts = BrokerFacts {
            unauthorized: Default::default(),
            behind_for: None,
            missing_topics: Default::default(),
            ha_reconnects: 0,
            permission: None,
            runtime: Fact::Known(Runtime { min_offset: Some(0), max_offset: 1000, ..Runtime::default() }),
            config: Fact::Known(expected.config.clone()),
            registered: ["10.0.0.1:9876", "10.0.0.2:9876"]
                .map(|it| (it.parse().unwrap(), Fact::Known(seen.clone())))
                .into(),
            partner: None,
            members: Some(MemberFacts {
                others: others.into(),
                sync: (mode == "controller").then_some(Fact::Known(sync)),
            }),
            ha_connection: Fact::Known(HaConnection::Missing),
        };
        change(&mut facts);
        let running = ProcessState::Running { pid: 7, started_at: 1, fingerprint: String::new() };
        judge(&instance, &Fact::Known(running), Some(&ServiceFacts::Broker(Box::new(facts))))
    }

    /// What it is to run with, but for these.
    fn expected_with(others: BTreeMap<String, String>) -> BTreeMap<String, String> {
        instance("dledger").broker.unwrap().config.into_iter().chain(others).collect()
    }

    fn ids(causes: &[crate::launch::Cause]) -> Vec<&str> {
        causes.iter().map(|cause| cause.id.as_str()).collect()
    }

    fn in_sync(facts: &mut BrokerFacts, hosts: &[u8]) {
        let sync = SyncState { in_sync: hosts.iter().map(|host| address(*host)).collect() };
        facts.members.as_mut().unwrap().sync = Some(Fact::Known(sync));
    }

    fn lost(facts: &mut BrokerFacts, host: u8) {
        let others = &mut facts.members.as_mut().unwrap().others;
        others.insert(address(host).parse().unwrap(), Fact::Unknown("connection refused".to_owned()));
    }

    #[test]
    fn the_role_is_what_the_namesrvs_say_it_is_now() {
        for mode in ["controller", "dledger"] {
            let (master, slave) = (judged(mode, 1, |_| {}), judged(mode, 3, |_| {}));
            assert_eq!(
                (master.state, master.role, master.broker_id, master.lag),
                (State::Ready, Role::Master, Some(0), Some(0))
            );
            assert_eq!(
                (slave.state, slave.role, slave.broker_id, slave.lag),
                (State::Ready, Role::Slave, Some(2), Some(0))
            );
        }
    }

    #[test]
    fn a_group_without_a_master_is_named_and_the_role_is_not_known() {
        let report = judged("controller", 0, |_| {});
        assert_eq!((report.state, report.role), (State::NotReady, Role::Member));
        assert_eq!(report.reasons[0].what, "broker-a has no master in NameServer 10.0.0.1:9876: nobody can send to it");
    }

    #[test]
    fn a_master_that_not_all_namesrvs_name_is_none() {
        let report = judged("dledger", 2, |facts| {
            let seen = BTreeMap::from([(0, address(1)), (3, address(2))]);
            facts.registered.insert("10.0.0.2:9876".parse().unwrap(), Fact::Known(seen));
        });
        assert_eq!((ids(&report.reasons), report.role), (vec!["masters-differ"], Role::Member));
        let stranger = judged("dledger", 0, |facts| {
            let seen = BTreeMap::from([(0, "10.9.9.9:10911".to_owned()), (2, address(1))]);
            facts.registered.values_mut().for_each(|it| *it = Fact::Known(seen.clone()));
        });
        assert_eq!(ids(&stranger.reasons), ["two-claimants"]);
    }

    /// Up to 4.9.3 only a restart tells it, which must not wait for what it cures.
    #[test]
    fn a_member_that_was_never_told_of_a_namesrv_may_be_restarted_for_it() {
        let mut report = judged("dledger", 1, |facts| {
            let config = BTreeMap::from([("namesrvAddr".to_owned(), "10.0.0.1:9876".to_owned())]);
            facts.config = Fact::Known(expected_with(config));
            facts.registered.insert("10.0.0.2:9876".parse().unwrap(), Fact::Known(BTreeMap::new()));
        });
        assert_eq!(ids(&report.reasons), ["namesrv-not-told", "config-differs"]);
        assert_eq!(report.role, Role::Master, "those that it was told of say so");
        report.restart_pending = true;
        crate::rollout::forgive(&mut report);
        assert_eq!(report.state, State::Ready);
    }

    #[test]
    fn a_master_with_enough_others_is_ready_and_one_with_too_few_is_not() {
        let warned = judged("controller", 1, |facts| {
            lost(facts, 3);
            in_sync(facts, &[1, 2]);
        });
        assert_eq!(
            (warned.state, ids(&warned.warnings)),
            (State::Ready, vec!["member-unreachable", "member-not-in-sync"])
        );
        let alone = judged("controller", 1, |facts| in_sync(facts, &[1]));
        assert_eq!(
            alone.reasons[0].what,
            "1 of the 3 members of broker-a are in sync, and it takes messages from 2 on"
        );
        let alone = judged("dledger", 1, |facts| [2, 3].into_iter().for_each(|host| lost(facts, host)));
        assert_eq!(ids(&alone.reasons), ["too-few-in-sync"]);
    }

    #[test]
    fn a_slave_that_the_controllers_do_not_count_or_that_lacks_something_is_not_ready() {
        assert_eq!(ids(&judged("controller", 2, |facts| in_sync(facts, &[2, 3])).reasons), ["not-in-sync"]);
        let unknown = judged("controller", 2, |facts| {
            facts.members.as_mut().unwrap().sync = Some(Fact::Unknown("no controller leads".to_owned()));
        });
        assert_eq!(ids(&unknown.reasons), ["sync-unknown"]);
        let with = |max_offset| {
            judged("dledger", 2, |facts| {
                let others = &mut facts.members.as_mut().unwrap().others;
                let master = PartnerFacts { min_offset: Some(0), max_offset };
                others.insert(address(2).parse().unwrap(), Fact::Known(master));
            })
        };
        assert_eq!(ids(&with(1000 + (17 << 20)).reasons), ["lagging"]);
        assert_eq!(ids(&with(400).reasons), ["slave-ahead"]);
    }
}
