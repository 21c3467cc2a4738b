//! Roll-outs of whole clusters, step by step and at random.
#![allow(clippy::unwrap_used, clippy::indexing_slicing)]

mod by_hand;
mod lent;
mod world;

use super::*;
use crate::{launch::Role, names::InstanceName};
use proptest::prelude::*;
use world::World;

#[test]
fn namesrvs_go_first_then_slaves_then_masters_and_each_once() {
    let mut world = World::new(2);
    for _ in 0..400 {
        world.everybody_in_turn();
    }
    assert!(world.is_over());
    let expected = ["vm1/namesrv", "vm2/namesrv", "vm2/broker-a", "vm1/broker-b", "vm1/broker-a", "vm2/broker-b"];
    assert_eq!(world.moved, expected);
}

#[test]
fn proxies_go_after_the_brokers_and_a_dashboard_that_does_not_run_keeps_nobody() {
    let dashboard = format!("[dashboard]\nsource = \"/d.jar\"\nsha256 = \"{}\"\n", "0".repeat(64));
    let mut world = World::with("2m-2s-sync", 2, &format!("[proxy]\n{dashboard}"));
    let dashboard = world.agents[0].truth.instances.iter_mut().find(|it| it.role == Role::Dashboard).unwrap();
    (dashboard.state, dashboard.pid, dashboard.restart_pending) = (State::Stopped, None, false);
    for _ in 0..500 {
        world.everybody_in_turn();
    }
    assert_eq!(world.moved[6..], ["vm1/proxy", "vm2/proxy"], "{:?}", world.moved);
}

#[test]
fn those_that_were_elected_go_last_of_their_kind_and_a_master_hands_over_first() {
    let inside = "[controller]\nin_namesrv = true\n";
    for (mode, more) in [("controller", ""), ("controller", inside), ("dledger", "")] {
        let mut world = World::with(mode, 3, more);
        let mut handed_over = false;
        for _ in 0..400 {
            world.everybody_in_turn();
            let phases = world.agents.iter().filter_map(|agent| agent.record.as_ref().map(|it| it.phase));
            for phase in phases.collect::<Vec<_>>() {
                handed_over |= phase == Phase::HandingOver;
                assert!(phase != Phase::Draining, "its writers follow the new master");
            }
        }
        assert!(world.is_over(), "{mode}");
        let mut expected = vec!["vm1/namesrv", "vm2/namesrv", "vm3/namesrv"];
        if more == inside {
            expected.rotate_left(1);
        } else if mode == "controller" {
            expected.extend(["vm2/controller", "vm3/controller", "vm1/controller"]);
        }
        expected.extend(["vm2/broker-a", "vm3/broker-a", "vm1/broker-a"]);
        assert_eq!(
            (world.moved, handed_over),
            (expected.iter().map(ToString::to_string).collect(), mode == "controller")
        );
    }
}

/// Each decides on a look from before the other's announcement.
#[test]
fn of_two_that_announce_at_the_same_moment_only_one_moves() {
    let mut world = World::new(2);
    for agent in &mut world.agents {
        agent.truth.instances.iter_mut().for_each(|it| it.restart_pending = false);
    }
    let last = world.agents[1].truth.instances.iter_mut().find(|it| it.role == Role::Master).unwrap();
    last.restart_pending = true;
    (0..2).for_each(|at| world.publish(at));
    world.fetch(0, 1);
    world.look(1);
    world.step(1);
    world.look(1);
    world.agents[0].truth.instances[0].restart_pending = true;
    world.publish(0);
    world.fetch(0, 0);
    world.step(0);
    let announced = |world: &World| world.agents.iter().flat_map(|it| &it.record).count();
    assert_eq!(announced(&world), 2);
    world.look(0);
    world.step(0);
    world.step(1);
    assert_eq!(world.in_flight(), [(Role::Master, "broker-b".to_owned())]);
    world.publish(1);
    world.look(0);
    world.step(0);
    assert_eq!(announced(&world), 1, "the other one withdraws");
}

#[test]
fn hosts_with_different_files_never_roll() {
    let mut world = World::new(2);
    world.other_file(1, 9);
    for _ in 0..50 {
        world.everybody_in_turn();
    }
    assert_eq!(world.moved, [""; 0]);
    let said = world.agents[0].turns[&InstanceName::namesrv()].waits.clone().unwrap();
    assert_eq!((said.id.as_str(), said.what.as_str()), ("other-file", "vm2 has another cluster.toml"));
}

#[test]
fn a_partner_that_dies_during_the_drain_ends_it_and_the_permission_comes_back() {
    let mut world = World::new(2);
    let draining = |world: &World| {
        let record = world.agents[0].record.as_ref();
        record.is_some_and(|it| (it.verb, it.phase) == (Verb::Renew, Phase::Draining))
            && world.agents[0].permission.values().any(|it| it == "4")
    };
    while !draining(&world) {
        world.everybody_in_turn();
    }
    let slave = world.agents[1].truth.instances.iter_mut().find(|it| it.instance.as_str() == "broker-a").unwrap();
    slave.state = State::NotReady;
    for _ in 0..20 {
        world.everybody_in_turn();
    }
    assert!(world.agents[0].record.is_none() && world.agents[0].permission.values().all(|it| it == "6"));
    let waits = world.agents[0].turns.values().filter_map(|turn| turn.waits.as_ref()).next().unwrap();
    assert_eq!(waits.what, "the slave of broker-a on vm2 is not ready");
    assert_eq!(world.moved.len(), 4);
    let slave = world.agents[1].truth.instances.iter_mut().find(|it| it.instance.as_str() == "broker-a").unwrap();
    slave.state = State::Ready;
    for _ in 0..200 {
        world.everybody_in_turn();
    }
    assert!(world.is_over());
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, failure_persistence: None, ..ProptestConfig::default() })]

    /// However the agents' looks and steps fall between each other, and whatever crashes or changes meanwhile.
    #[test]
    fn no_two_are_ever_in_flight_and_writers_come_back_and_once_all_is_well_the_roll_out_ends(
        hosts in 2_usize..4,
        mode in 0_usize..3,
        pending in any::<u16>(),
        lost in 0_usize..3,
        events in proptest::collection::vec((0_u8..100, any::<u8>(), any::<u8>()), 0..400),
    ) {
        let hosts = if mode == 0 { hosts } else { 3 };
        let mut world = World::of(["2m-2s-sync", "controller", "dledger"][mode], hosts);
        let all = world.agents.iter_mut().flat_map(|agent| &mut agent.truth.instances).enumerate();
        all.for_each(|(index, it)| it.restart_pending = pending & (1 << index) != 0);
        (0..hosts).for_each(|at| world.publish(at));
        for (kind, one, two) in events {
            let (at, other) = (usize::from(one) % hosts, usize::from(two) % hosts);
            match kind {
                0..20 => {
                    world.look(at);
                    world.step(at);
                    world.publish(at);
                }
                20..40 => world.look(at),
                40..65 => world.step(at),
                65..70 => world.publish(at),
                70..75 => world.fetch(at, other),
                75..90 => world.start(at),
                90 => world.crash(at, usize::from(two)),
                91 => world.agents[at].alive = false,
                92..94 => world.restart_agent(at),
                94 => world.other_file(at, two % 2),
                95 => world.wish(at, usize::from(two), Verb::Restart),
                96 => world.wish(at, usize::from(two), Verb::Stop),
                97 => world.agents[at].held.clear(),
                _ => {
                    // Renewed by itself: another Java, more memory.
                    let instances = &mut world.agents[at].truth.instances;
                    let which = usize::from(two) % instances.len();
                    instances[which].restart_pending = true;
                }
            }
            prop_assert_eq!(world.check(), Ok(()));
        }
        // A host that is lost leaves no master of another one without writers.
        world.agents[lost % hosts].alive = false;
        let left: Vec<usize> = (0..hosts).filter(|at| world.agents[*at].alive).collect();
        for _ in 0..100 {
            world.everybody_in_turn();
            prop_assert_eq!(world.check(), Ok(()));
        }
        for at in left {
            prop_assert!(world.read_only(at).is_empty(), "{:?}", world.agents[at].record);
        }
        for at in 0..hosts {
            world.restart_agent(at);
            world.other_file(at, 7);
        }
        for _ in 0..1000 {
            if world.is_over() {
                break;
            }
            // What is stopped is started, as nothing moves before.
            world.agents.iter_mut().for_each(|agent| agent.held.clear());
            world.everybody_in_turn();
        }
        prop_assert!(world.is_over(), "{:?}", world.agents.iter().map(|a| (&a.record, &a.turns)).collect::<Vec<_>>());
    }
}
