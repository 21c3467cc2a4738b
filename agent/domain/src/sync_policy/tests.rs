//! Sequences of looks, and what comes of them.
#![allow(clippy::unwrap_used)]

use super::{Away::*, Slave::*, *};
use crate::health::facts::{PartnerFacts, Runtime};
use proptest::prelude::*;
use std::collections::BTreeMap;

/// A master that is told, and the number it waits for after each look of `(second, seen)`.
fn follow(looks: impl IntoIterator<Item = (u64, Slave)>) -> Vec<u32> {
    let (mut track, mut waits_for) = (Track::default(), 2);
    let mut all = Vec::new();
    for (second, slave) in looks {
        waits_for = track.look(Duration::from_secs(second), slave, waits_for).unwrap_or(waits_for);
        all.push(waits_for);
    }
    all
}

fn each_second(seconds: std::ops::Range<u64>, slave: Slave) -> impl Iterator<Item = (u64, Slave)> {
    seconds.map(move |second| (second, slave))
}

/// The second at which it first waits for another number.
fn changes(looks: Vec<(u64, Slave)>) -> Option<u64> {
    let after = follow(looks.clone());
    looks.iter().zip(after).find(|(_, waits_for)| *waits_for != 2).map(|((second, _), _)| *second)
}

#[test]
fn a_slave_whose_host_is_gone_is_given_up_in_ten_seconds_and_one_that_comes_back_by_itself_later() {
    assert_eq!(changes(each_second(0..200, Away(Gone)).collect()), Some(10));
    assert_eq!(changes(each_second(0..200, Away(ComesBack)).collect()), Some(60));
    assert_eq!(changes(each_second(0..200, Away(Restarts)).collect()), Some(180));
}

#[test]
fn a_restart_in_its_turn_a_crash_and_a_short_hiccup_change_nothing() {
    let back = |from| each_second(from..from + 60, Replicates(0));
    for (away, seconds) in [(Restarts, 120), (ComesBack, 40), (Gone, 9)] {
        assert_eq!(changes(each_second(0..seconds, Away(away)).chain(back(seconds)).collect()), None, "{away:?}");
    }
}

/// Its agent was asked 29 times and answered 28 times.
#[test]
fn one_question_that_its_agent_leaves_unanswered_does_not_make_a_restart_a_loss() {
    let looks = (0..60).map(|second| (second, if second == 29 { Away(Gone) } else { Away(Restarts) }));
    assert_eq!(changes(looks.collect()), None);
}

#[test]
fn what_is_not_known_begins_the_wait_anew() {
    let looks = (0..100).map(|second| (second, if second % 9 == 8 { Unknown } else { Away(Gone) }));
    assert_eq!(changes(looks.collect()), None);
    assert_eq!(changes(each_second(0..1000, Unknown).collect()), None);
}

#[test]
fn time_in_which_nobody_looked_does_not_count() {
    assert_eq!(changes(vec![(0, Away(Gone)), (3600, Away(Gone)), (3609, Away(Gone))]), None);
    assert_eq!(changes(vec![(0, Away(Gone)), (3600, Away(Gone)), (3610, Away(Gone))]), Some(3610));
}

#[test]
fn it_is_waited_for_again_only_when_it_stays_and_has_caught_up() {
    let gone = || each_second(0..11, Away(Gone));
    let after = |looks: Vec<(u64, Slave)>| *follow(gone().chain(looks)).last().unwrap();
    assert_eq!(after(each_second(11..60, Replicates(CAUGHT_UP + 1)).collect()), 1);
    assert_eq!(after(each_second(11..60, Unknown).collect()), 1);
    assert_eq!(after(each_second(11..16, Replicates(0)).collect()), 1);
    assert_eq!(after(each_second(11..17, Replicates(CAUGHT_UP)).collect()), 2);
    let flaps = (11..60).map(|second| (second, if second % 4 == 0 { Away(ComesBack) } else { Replicates(0) }));
    assert_eq!(after(flaps.collect()), 1);
}

fn facts(ha: Fact<HaConnection>, partner: Fact<PartnerFacts>) -> BrokerFacts {
    let addresses = BTreeMap::from([(0, "10.0.0.1:10911".to_owned()), (1, "10.0.0.2:11911".to_owned())]);
    BrokerFacts {
        unauthorized: Default::default(),
        behind_for: None,
        missing_topics: Default::default(),
        ha_reconnects: 0,
        permission: None,
        members: None,
        runtime: Fact::Known(Runtime { max_offset: 1000, ..Runtime::default() }),
        config: Fact::Unknown(String::new()),
        registered: BTreeMap::from([
            ("10.0.0.1:9876".parse().unwrap(), Fact::Known(addresses)),
            ("10.0.0.2:9876".parse().unwrap(), Fact::Unknown("connection refused".to_owned())),
        ]),
        partner: Some(partner),
        ha_connection: ha,
    }
}

fn of(facts: &BrokerFacts, host: Option<&HostReport>) -> Slave {
    slave_of(facts, &"broker-a".parse().unwrap(), host)
}

#[test]
fn that_nobody_answers_is_no_loss_while_the_connection_for_replication_stands() {
    let silent = || Fact::Unknown("timed out".to_owned());
    assert_eq!(of(&facts(Fact::Known(HaConnection::Standing), silent()), None), Unknown);
    assert_eq!(of(&facts(Fact::Known(HaConnection::Settling), silent()), None), Unknown);
    assert_eq!(of(&facts(Fact::Unknown("no rights".to_owned()), silent()), None), Unknown);
    assert_eq!(of(&facts(Fact::Known(HaConnection::Missing), silent()), None), Away(Gone));
    let mut unknown = facts(Fact::Known(HaConnection::Missing), silent());
    unknown.runtime = Fact::Unknown("timed out".to_owned());
    assert_eq!(of(&unknown, None), Unknown);
}

#[test]
fn a_slave_that_answers_and_has_no_connection_comes_back() {
    let missing = facts(Fact::Known(HaConnection::Missing), Fact::Known(PartnerFacts::default()));
    assert_eq!(of(&missing, None), Away(ComesBack));
}

#[test]
fn one_that_no_name_server_knows_does_not_replicate() {
    let there = Fact::Known(PartnerFacts { min_offset: Some(0), max_offset: 900 });
    let mut facts = facts(Fact::Known(HaConnection::Standing), there);
    assert_eq!(of(&facts, None), Replicates(100));
    facts.registered.values_mut().for_each(|known| {
        if let Fact::Known(addresses) = known {
            addresses.remove(&1);
        }
    });
    assert_eq!(of(&facts, None), Unknown);
}

fn report(phase: Option<&str>) -> HostReport {
    let turn = phase.map(|phase| serde_json::json!({ "phase": phase, "since": 0, "waits": null }));
    let slave = serde_json::json!({
        "instance": "broker-a", "role": "slave", "broker_id": 1, "address": "", "state": "stopped", "answers": false,
        "pid": null, "started_at": null, "version": null, "reasons": [], "warnings": [], "lag": null, "max_offset": null,
        "no_history_before": null, "missing_history": null, "restart_pending": true, "rollout": turn, "failures": 0,
        "next_start_at": null, "figures": {},
    });
    let host = serde_json::json!({
        "host": "vm2", "cluster": "c", "mode": "2m-2s-sync", "rocketmq": "5.5.0", "agent": "", "at": 0,
        "cluster_file": "", "placement": "", "ready": false, "blocked": [], "steps": [], "not_in_file": [],
        "instances": [slave],
    });
    serde_json::from_value(host).unwrap()
}

#[test]
fn its_agent_tells_a_restart_in_its_turn_from_one_that_waits_for_its_turn() {
    let missing = facts(Fact::Known(HaConnection::Missing), Fact::Unknown("connection refused".to_owned()));
    for (phase, expected) in [(Some("stopping"), Restarts), (Some("starting"), Restarts), (Some("waits"), ComesBack)] {
        assert_eq!(of(&missing, Some(&report(phase))), Away(expected), "{phase:?}");
    }
    assert_eq!(of(&missing, Some(&report(None))), Away(ComesBack));
}

fn any_slave() -> impl Strategy<Value = Slave> {
    prop_oneof![
        any::<u32>().prop_map(|behind| Replicates(behind.into())),
        Just(Away(Restarts)),
        Just(Away(ComesBack)),
        Just(Away(Gone)),
        Just(Unknown),
    ]
}

proptest! {
    /// Whatever is seen when: it stops waiting only after ten seconds of nothing but absence, and waits again only after
    /// five of nothing but presence.
    #[test]
    fn no_step_is_taken_on_one_look(looks in proptest::collection::vec((0_u64..25, any_slave()), 1..200)) {
        let mut now = 0;
        let looks: Vec<(u64, Slave)> = looks.into_iter().map(|(step, slave)| { now += step; (now, slave) }).collect();
        let after = follow(looks.iter().copied());
        for at in 1..looks.len() {
            if after[at] == after[at - 1] {
                continue;
            }
            let (needs, long) = if after[at] == 1 { (false, 10) } else { (true, 5) };
            let run = looks[..=at].iter().rev().take_while(|(second, slave)| {
                looks[at].0 - second < long || match slave {
                    Away(_) => !needs,
                    Replicates(behind) => needs && *behind <= CAUGHT_UP,
                    Unknown => false,
                }
            });
            let run: Vec<_> = run.collect();
            let covered = run.iter().all(|(_, slave)| matches!(slave, Away(_)) != needs && *slave != Unknown);
            prop_assert!(covered && looks[at].0 - run.last().unwrap().0 >= long, "{:?}", &looks[..=at]);
        }
    }
}
