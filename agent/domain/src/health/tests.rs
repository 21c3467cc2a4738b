//! Ready, and every way of not being ready.
#![allow(clippy::unwrap_used, clippy::panic)]

use super::{facts::*, *};
use crate::{
    desired::{HostFacts, Java, desired},
    names::InstanceName,
    placement::place,
    size::Size,
    sync_policy::IN_SYNC_REPLICAS,
    topology::read,
};
use std::collections::BTreeMap;

const FILE: &str = r#"
[cluster]
mode = "MODE"
[rocketmq]
version = "5.5.0"
[[host]]
name = "vm1"
address = "10.0.0.1"
[[host]]
name = "vm2"
address = "10.0.0.2"
"#;

/// vm1's broker of that name: broker-a is a master there, broker-b a slave.
fn instance(mode: &str, name: &str) -> Instance {
    of_file(&FILE.replace("MODE", mode), name)
}

fn of_file(text: &str, name: &str) -> Instance {
    let topology = read(text).unwrap();
    let placement = place(&topology, None).unwrap();
    let facts = HostFacts { memory: Size::mib(8192), java: Java { program: "/usr/bin/java".into(), release: 17 } };
    let desired = desired(&topology, &placement, &"vm1".parse().unwrap(), &facts).unwrap();
    desired.instance(&name.parse::<InstanceName>().unwrap()).unwrap().clone()
}

fn running() -> Fact<ProcessState> {
    Fact::Known(ProcessState::Running { pid: 7, started_at: 1, fingerprint: String::new() })
}

/// Facts of a broker as it should be, 1,000 bytes in the log of both members.
fn healthy(instance: &Instance) -> BrokerFacts {
    let expected = instance.broker.as_ref().unwrap();
    let addresses = BTreeMap::from([(expected.broker_id, expected.client_address.to_string())]);
    let runtime = Runtime { min_offset: Some(0), max_offset: 1000, ..Runtime::default() };
    BrokerFacts {
        unauthorized: Default::default(),
        runtime: Fact::Known(runtime),
        config: Fact::Known(expected.config.clone()),
        registered: ["10.0.0.1:9876", "10.0.0.2:9876"]
            .map(|n| (n.parse().unwrap(), Fact::Known(addresses.clone())))
            .into(),
        partner: Some(Fact::Known(PartnerFacts { min_offset: Some(0), max_offset: 1000 })),
        members: None,
        ha_connection: Fact::Known(HaConnection::Standing),
        ha_reconnects: 1,
        behind_for: Some(0),
        permission: Some(6),
        missing_topics: Default::default(),
    }
}

fn judged(mode: &str, name: &str, change: impl FnOnce(&mut BrokerFacts)) -> InstanceReport {
    let instance = instance(mode, name);
    let mut facts = healthy(&instance);
    change(&mut facts);
    judge(&instance, &running(), Some(&ServiceFacts::Broker(Box::new(facts))))
}

fn ids(causes: &[Cause]) -> Vec<&str> {
    causes.iter().map(|cause| cause.id.as_str()).collect()
}

#[test]
fn a_broker_as_it_should_be_is_ready() {
    for name in ["broker-a", "broker-b"] {
        let report = judged("2m-2s-sync", name, |_| {});
        assert_eq!((report.state, report.lag, ids(&report.warnings)), (State::Ready, Some(0), vec![]), "{report:?}");
    }
}

#[test]
fn a_broker_that_one_namesrv_does_not_know_is_not_ready() {
    let report = judged("2m-2s-sync", "broker-a", |facts| {
        facts.registered.insert("10.0.0.2:9876".parse().unwrap(), Fact::Known(BTreeMap::new()));
    });
    assert_eq!(report.state, State::NotReady);
    assert_eq!(report.reasons[0].what, "NameServer 10.0.0.2:9876 does not have broker-a with brokerId 0");
}

#[test]
fn a_broker_is_ready_while_a_namesrv_that_answers_has_it_and_not_when_none_answers() {
    let refused = || Fact::Unknown("connection refused".to_owned());
    let report = judged("2m-2s-sync", "broker-a", |facts| {
        facts.registered.insert("10.0.0.2:9876".parse().unwrap(), refused());
    });
    assert_eq!((report.state, ids(&report.warnings)), (State::Ready, vec!["namesrv-unreachable"]));
    let report = judged("2m-2s-sync", "broker-a", |facts| {
        facts.registered.insert("10.0.0.1:9876".parse().unwrap(), Fact::Known(BTreeMap::new()));
        facts.registered.insert("10.0.0.2:9876".parse().unwrap(), refused());
    });
    assert_eq!((report.state, ids(&report.reasons)), (State::NotReady, vec!["not-registered"]));
    let report = judged("2m-2s-sync", "broker-a", |facts| {
        facts.registered.values_mut().for_each(|it| *it = refused());
    });
    assert_eq!(ids(&report.reasons), ["namesrv-unreachable"; 2]);
}

#[test]
fn a_second_claimant_of_the_same_name_and_id_is_named() {
    let report = judged("2m-2s-sync", "broker-a", |facts| {
        let flapped = BTreeMap::from([(0, "10.9.9.9:10911".to_owned())]);
        facts.registered.insert("10.0.0.1:9876".parse().unwrap(), Fact::Known(flapped));
    });
    assert_eq!(ids(&report.reasons), ["two-claimants"]);
    assert!(report.reasons[0].what.contains("10.9.9.9:10911"), "{:?}", report.reasons);
}

#[test]
fn a_slave_that_runs_as_a_master_is_not_ready() {
    let report = judged("2m-2s-sync", "broker-b", |facts| {
        let Fact::Known(config) = &mut facts.config else { panic!() };
        config.insert("brokerRole".to_owned(), "ASYNC_MASTER".to_owned());
    });
    assert_eq!(report.reasons[0].what, "it runs with brokerRole = \"ASYNC_MASTER\", and \"SLAVE\" was rendered");
}

#[test]
fn a_sync_master_without_its_slave_is_not_ready_and_an_async_one_is_warned() {
    let gone = |facts: &mut BrokerFacts| {
        facts.partner = Some(Fact::Unknown("connection refused".to_owned()));
        facts.ha_connection = Fact::Known(HaConnection::Missing);
    };
    assert_eq!(ids(&judged("2m-2s-sync", "broker-a", gone).reasons), ["slave-unreachable"]);
    let warned = judged("2m-2s-async", "broker-a", gone);
    assert_eq!((warned.state, ids(&warned.warnings)), (State::Ready, vec!["slave-unreachable"]));
}

fn lowered(facts: &mut BrokerFacts) {
    let Fact::Known(config) = &mut facts.config else { panic!() };
    config.insert(IN_SYNC_REPLICAS.to_owned(), "1".to_owned());
}

#[test]
fn a_master_that_acknowledges_alone_is_not_ready_and_that_is_no_drift() {
    let report = judged("2m-2s-sync", "broker-a", lowered);
    assert_eq!((ids(&report.reasons), report.sync_lowered), (vec!["sync-lowered"], Some(true)));
    assert_eq!((report.state, judged("2m-2s-sync", "broker-a", |_| {}).sync_lowered), (State::NotReady, Some(false)));
    // A slave acknowledges nothing, and nobody lowers it.
    let slave = judged("2m-2s-sync", "broker-b", lowered);
    assert_eq!((ids(&slave.reasons), slave.sync_lowered), (vec!["config-differs"], None));
}

#[test]
fn what_sends_are_answered_meanwhile_is_said_where_it_stays_so() {
    let gone = |file: &str, replaced: &str| {
        let instance = of_file(&FILE.replace("MODE", "2m-2s-sync").replace(file, replaced), "broker-a");
        let mut facts = healthy(&instance);
        facts.partner = Some(Fact::Unknown("connection refused".to_owned()));
        facts.ha_connection = Fact::Known(HaConnection::Missing);
        let report = judge(&instance, &running(), Some(&ServiceFacts::Broker(Box::new(facts))));
        ids(&report.warnings).join(" ")
    };
    assert_eq!(gone("5.5.0", "5.5.0"), "");
    assert_eq!(gone("[rocketmq]", "[broker]\nsync = \"strict\"\n[rocketmq]"), "sync-strict");
    assert_eq!(gone("5.5.0", "4.9.4"), "sync-not-lowered");
}

#[test]
fn a_key_that_the_file_leaves_at_its_default_is_named_when_it_is_another() {
    let report = judged("2m-2s-sync", "broker-a", |facts| {
        let Fact::Known(config) = &mut facts.config else { panic!() };
        config.insert("fileReservedTime".to_owned(), "1".to_owned());
    });
    assert_eq!(report.reasons[0].what, "it runs with fileReservedTime = \"1\", and cluster.toml leaves it at \"72\"");
}

/// What only a restart can put right must not keep the restart from it.
#[test]
fn what_waits_for_a_restart_is_no_reason_while_that_is_pending() {
    let changed = |facts: &mut BrokerFacts| {
        let Fact::Known(config) = &mut facts.config else { panic!() };
        config.insert("namesrvAddr".to_owned(), "10.0.0.1:9876".to_owned());
        facts.registered.insert("10.0.0.2:9876".parse().unwrap(), Fact::Known(BTreeMap::new()));
    };
    let mut report = judged("2m-2s-sync", "broker-a", changed);
    assert_eq!(ids(&report.reasons), ["namesrv-not-told", "config-differs"]);
    crate::rollout::forgive(&mut report);
    assert_eq!(report.state, State::NotReady);
    report.restart_pending = true;
    crate::rollout::forgive(&mut report);
    assert_eq!((report.state, ids(&report.warnings)), (State::Ready, vec!["namesrv-not-told", "config-differs"]));
    let mut gone = judged("2m-2s-sync", "broker-a", |facts| {
        changed(facts);
        lowered(facts);
    });
    gone.restart_pending = true;
    crate::rollout::forgive(&mut gone);
    assert_eq!((gone.state, ids(&gone.reasons)), (State::NotReady, vec!["sync-lowered"]));
}

#[test]
fn a_slave_without_a_connection_to_the_ha_port_is_not_ready_though_it_answers() {
    let report = judged("2m-2s-async", "broker-b", |facts| facts.ha_connection = Fact::Known(HaConnection::Missing));
    assert_eq!(ids(&report.reasons), ["no-replication"]);
    assert!(report.reasons[0].what.contains("10.0.0.2:10912"), "{:?}", report.reasons);
}

#[test]
fn a_sync_master_is_not_ready_while_its_slave_has_just_connected() {
    let report = judged("2m-2s-sync", "broker-a", |facts| facts.ha_connection = Fact::Known(HaConnection::Settling));
    assert_eq!(ids(&report.reasons), ["replication-settling"]);
}

#[test]
fn a_slave_beyond_its_lag_limit_is_not_ready() {
    let report = judged("2m-2s-sync", "broker-b", |facts| {
        facts.partner = Some(Fact::Known(PartnerFacts { min_offset: Some(0), max_offset: 1000 + (17 << 20) }));
    });
    assert_eq!((ids(&report.reasons), report.lag), (vec!["lagging"], Some(17 << 20)));
}

#[test]
fn an_empty_slave_is_not_in_sync_however_little_its_master_has() {
    let slave = judged("2m-2s-sync", "broker-b", |facts| {
        let Fact::Known(runtime) = &mut facts.runtime else { panic!() };
        (runtime.min_offset, runtime.max_offset) = (None, 0);
    });
    let master = judged("2m-2s-sync", "broker-a", |facts| {
        facts.partner = Some(Fact::Known(PartnerFacts { min_offset: None, max_offset: 0 }));
    });
    assert_eq!((ids(&slave.reasons), ids(&master.reasons)), (vec!["slave-empty"], vec!["slave-empty"]));
}

#[test]
fn a_slave_ahead_of_its_master_is_an_alarm_on_both() {
    for (name, change) in [("broker-b", 400u64), ("broker-a", 2000)] {
        let report = judged("2m-2s-async", name, |facts| {
            facts.partner = Some(Fact::Known(PartnerFacts { min_offset: Some(0), max_offset: change }));
        });
        assert_eq!(ids(&report.reasons), ["slave-ahead"], "{name}");
    }
}

#[test]
fn a_master_without_write_permission_is_not_ready_and_a_slave_needs_none() {
    let taken = |facts: &mut BrokerFacts| facts.permission = Some(4);
    let report = judged("2m-2s-sync", "broker-a", taken);
    assert_eq!(ids(&report.reasons), ["read-only"]);
    assert_eq!(report.reasons[0].what, "it takes no messages: it runs with brokerPermission = 4");
    assert_eq!(judged("2m-2s-sync", "broker-b", taken).state, State::Ready);
    let unknown = |facts: &mut BrokerFacts| facts.permission = None;
    assert_eq!(judged("2m-2s-sync", "broker-a", unknown).state, State::Ready);
}

#[test]
fn a_master_from_which_sends_are_held_back_says_why_and_a_slave_only_that_its_log_has_a_gap() {
    let held = |gap: Option<u64>| {
        move |facts: &mut BrokerFacts| {
            let (Fact::Known(config), Fact::Known(runtime)) = (&mut facts.config, &mut facts.runtime) else { return };
            config.insert("startAcceptSendRequestTimeStamp".to_owned(), "4102444800000".to_owned());
            runtime.gap = gap;
        }
    };
    let reasons = |name, gap| {
        let report = judged("2m-2s-sync", name, held(gap));
        report.reasons.into_iter().map(|it| it.id).collect::<Vec<_>>()
    };
    assert_eq!(reasons("broker-a", None), ["sends-held"]);
    assert_eq!(reasons("broker-a", Some(512)), ["log-gap"]);
    assert!(reasons("broker-b", None).is_empty());
    assert_eq!(reasons("broker-b", Some(512)), ["log-gap"]);
}

/// A broker that is to be retired, say.
#[test]
fn a_master_whose_file_takes_its_write_permission_is_as_it_should_be() {
    let mut instance = instance("2m-2s-sync", "broker-a");
    instance.broker.as_mut().unwrap().config.insert("brokerPermission".to_owned(), "4".to_owned());
    let judged = |permission: &str| {
        let mut facts = healthy(&instance);
        let config = instance.broker.as_ref().unwrap().config.clone();
        let config = config.into_iter().chain([("brokerPermission".to_owned(), permission.to_owned())]);
        (facts.config, facts.permission) = (Fact::Known(config.collect()), permission.parse().ok());
        judge(&instance, &running(), Some(&ServiceFacts::Broker(Box::new(facts))))
    };
    assert_eq!(judged("4").state, State::Ready);
    assert_eq!(ids(&judged("2").reasons), ["config-differs"]);
}

#[test]
fn a_slave_that_connects_again_and_again_is_named_on_both() {
    for name in ["broker-a", "broker-b"] {
        assert_eq!(judged("2m-2s-sync", name, |facts| facts.ha_reconnects = 5).state, State::Ready);
        assert_eq!(ids(&judged("2m-2s-sync", name, |facts| facts.ha_reconnects = 6).reasons), ["replication-loops"]);
    }
    let warned = judged("2m-2s-async", "broker-a", |facts| facts.ha_reconnects = 6);
    assert_eq!((warned.state, ids(&warned.warnings)), (State::Ready, vec!["replication-loops"]));
}

#[test]
fn a_slave_whose_next_byte_its_master_has_deleted_is_told_to_begin_anew() {
    let slave = judged("2m-2s-sync", "broker-b", |facts| {
        facts.partner = Some(Fact::Known(PartnerFacts { min_offset: Some(1001), max_offset: 2000 }));
    });
    assert_eq!(ids(&slave.reasons), ["replication-gap"]);
    assert!(slave.reasons[0].what.starts_with("its log ends at 1000 and its master's begins at 1001"), "{slave:?}");
    let master = judged("2m-2s-sync", "broker-a", |facts| {
        let Fact::Known(runtime) = &mut facts.runtime else { panic!() };
        (runtime.min_offset, runtime.max_offset) = (Some(1001), 2000);
    });
    assert_eq!(ids(&master.reasons), ["replication-gap"]);
    assert!(
        master.reasons[0].what.starts_with("its slave's log ends at 1000 and its own begins at 1001"),
        "{master:?}"
    );
}

#[test]
fn the_lag_is_told_in_seconds_too() {
    let report = judged("2m-2s-sync", "broker-b", |facts| facts.behind_for = Some(12_999));
    assert_eq!(report.lag_seconds, Some(12));
}

#[test]
fn a_new_slave_says_that_it_has_no_history() {
    let report = judged("2m-2s-sync", "broker-b", |facts| {
        let Fact::Known(runtime) = &mut facts.runtime else { panic!() };
        runtime.min_offset = Some(800);
        runtime.earliest_message = Some(1_790_000_000_000);
    });
    assert_eq!((report.state, report.no_history_before), (State::Ready, Some(1_790_000_000_000)));
    assert!(report.warnings[0].what.starts_with("it has no history before offset 800: 800 B"), "{:?}", report.warnings);
}

#[test]
fn a_process_that_cannot_be_looked_at_is_unknown_not_stopped() {
    let report = judge(&instance("2m-2s-sync", "broker-a"), &Fact::Unknown("no rights".to_owned()), None);
    assert_eq!(report.state, State::Unknown);
}

#[test]
fn a_broker_that_does_not_answer_yet_is_starting() {
    let report =
        judged("2m-2s-sync", "broker-a", |facts| facts.runtime = Fact::Unknown("connection refused".to_owned()));
    assert_eq!((report.state, ids(&report.reasons)), (State::Starting, vec!["not-answering"]));
}

#[test]
fn a_broker_that_does_not_take_the_credential_is_neither_down_nor_silent() {
    let refused = || Fact::Unknown("refused".to_owned());
    let report = judged("2m-2s-sync", "broker-a", |facts| {
        facts.runtime = Fact::Unknown("refused".to_owned());
        facts.unauthorized.own = Some("check signature failed.".to_owned());
    });
    assert_eq!((report.state, report.answers, ids(&report.reasons)), (State::NotReady, true, vec!["unauthorized"]));
    let report = judged("2m-2s-sync", "broker-a", |facts| {
        facts.partner = Some(refused());
        facts.unauthorized.partner = Some("check signature failed.".to_owned());
    });
    assert_eq!(ids(&report.reasons), ["unauthorized"]);
    assert!(report.reasons[0].what.starts_with("its slave does not take this host's credential"), "{report:?}");
}
