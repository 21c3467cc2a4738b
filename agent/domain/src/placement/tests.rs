//! Examples and properties of the placement.
#![allow(clippy::unwrap_used, clippy::panic)]

use super::*;
use crate::topology::read;
use proptest::prelude::*;
use std::collections::BTreeSet;

/// A cluster file of `hosts` hosts; the host with number n is in zone n % zones.
fn file(mode: &str, hosts: impl IntoIterator<Item = usize>, groups: Option<usize>, zones: usize) -> String {
    let groups = groups.map(|n| format!("groups = {n}\n")).unwrap_or_default();
    let mut text = format!("[cluster]\nmode = \"{mode}\"\n{groups}[rocketmq]\nversion = \"5.5.0\"\n");
    for n in hosts {
        text += &format!("[[host]]\nname = \"vm{n}\"\naddress = \"10.0.{}.{}\"\n", n / 200, n % 200 + 1);
        if zones > 0 {
            text += &format!("zone = \"z{}\"\n", n % zones);
        }
    }
    text
}

fn placed(text: &str, previous: Option<&Placement>) -> Placement {
    place(&read(text).unwrap(), previous).unwrap()
}

fn seats(placement: &Placement) -> Vec<String> {
    placement.brokers.iter().map(|s| format!("{}:{}@{}:{}", s.group, s.broker_id, s.host, s.port)).collect()
}

#[test]
fn two_hosts_hold_each_others_slave() {
    assert_eq!(
        seats(&placed(&file("2m-2s-sync", 1..3, None, 0), None)),
        ["broker-a:0@vm1:10911", "broker-a:1@vm2:11911", "broker-b:0@vm2:10911", "broker-b:1@vm1:11911"]
    );
}

#[test]
fn further_brokers_of_a_host_get_the_next_block_of_ports() {
    let placement = placed(&file("2m-2s-async", 1..3, Some(4), 0), None);
    assert_eq!(
        seats(&placement)[4..],
        ["broker-c:0@vm1:10921", "broker-c:1@vm2:11921", "broker-d:0@vm2:10921", "broker-d:1@vm1:11921"]
    );
}

#[test]
fn three_hosts_make_a_ring() {
    let placement = placed(&file("2m-2s-sync", 1..4, None, 0), None);
    let slaves: Vec<_> = placement.brokers.iter().filter(|s| s.broker_id == 1).map(|s| s.host.as_str()).collect();
    assert_eq!(slaves, ["vm2", "vm3", "vm1"]);
}

#[test]
fn nothing_is_placed_on_a_witness_wherever_it_stands_in_the_file() {
    for mode in ["multi-master", "2m-2s-async", "2m-2s-sync"] {
        let without = placed(&file(mode, 1..4, None, 2), None);
        for witness in 0..4 {
            let mut hosts: Vec<String> = (1..4).map(|n| file(mode, [n], None, 2)).collect();
            hosts.iter_mut().for_each(|text| *text = text.split_off(text.find("[[host]]").unwrap()));
            hosts.insert(witness, "[[host]]\nname = \"w\"\naddress = \"10.9.9.9\"\nwitness = true\n".to_owned());
            let text = file(mode, [], None, 0) + &hosts.concat();
            let placement = placed(&text, None);
            assert_eq!(placement, without);
            assert!(!placement.uses(&"w".parse().unwrap()) && placement.uses(&"vm1".parse().unwrap()));
            assert_eq!(placed(&text, Some(&placement)), without);
        }
    }
}

#[test]
fn a_host_for_a_proxy_alone_is_used() {
    let two = "hosts = [\"vm1\", \"vm2\"]";
    let more = format!("[namesrv]\n{two}\n[broker]\n{two}\n[proxy]\nhosts = [\"vm3\"]\n");
    let placement = placed(&(file("2m-2s-sync", 1..4, None, 0) + &more), None);
    let vm3 = "vm3".parse().unwrap();
    assert!(placement.brokers_on(&vm3).next().is_none());
    assert!(placement.uses(&vm3), "it needs its folder and a Java");
}

/// As a host that leaves the file.
#[test]
fn a_host_that_becomes_a_witness_gives_up_what_it_ran() {
    let text = file("2m-2s-async", 1..4, None, 0);
    let before = placed(&text, None);
    let after = placed(&(text + "witness = true\n"), Some(&before));
    assert!(before.uses(&"vm3".parse().unwrap()) && !after.uses(&"vm3".parse().unwrap()));
    assert_eq!(after.brokers.len(), before.brokers.len(), "every group lives on");
}

#[test]
fn a_pinned_group_lives_where_the_file_says() {
    let text = file("2m-2s-sync", 1..4, None, 0) + "[[group]]\nname = \"broker-a\"\nhosts = [\"vm3\", \"vm1\"]\n";
    assert_eq!(seats(&placed(&text, None))[..2], ["broker-a:0@vm3:10911", "broker-a:1@vm1:11911"]);
}

#[test]
fn the_role_layout_refuses_a_second_master_on_a_host() {
    let text = file("2m-2s-sync", 1..3, Some(4), 0).replace("[rocketmq]", "layout = \"role\"\n[rocketmq]");
    let error = place(&read(&text).unwrap(), None).unwrap_err();
    assert_eq!(
        error.to_string(),
        "layout \"role\" has one folder for a master, and host vm1 would run 2; use layout \"instance\""
    );
}

#[test]
fn a_group_outlives_the_host_that_leaves() {
    let before = placed(&file("2m-2s-sync", 1..4, None, 0), None);
    let after = placed(&file("2m-2s-sync", 1..3, None, 0), Some(&before));
    let groups: BTreeSet<_> = after.brokers.iter().map(|s| s.group.as_str()).collect();
    assert_eq!(groups, BTreeSet::from(["broker-a", "broker-b", "broker-c"]));
}

fn count(placement: &Placement, host: &str, role: Role) -> usize {
    placement.brokers.iter().filter(|s| s.host.as_str() == host && s.role() == role).count()
}

proptest! {
    #[test]
    fn a_slave_is_never_placed_on_its_masters_host(hosts in 2usize..12, groups in 1usize..30, zones in 0usize..4) {
        let placement = placed(&file("2m-2s-sync", 0..hosts, Some(groups), zones), None);
        for seat in &placement.brokers {
            prop_assert_eq!(placement.members(&seat.group).filter(|s| s.host == seat.host).count(), 1);
        }
        prop_assert_eq!(placement.brokers.len(), 2 * groups);
    }

    #[test]
    fn masters_and_slaves_are_spread_within_one(hosts in 2usize..12, groups in 1usize..30) {
        let placement = placed(&file("2m-2s-async", 0..hosts, Some(groups), 0), None);
        for role in [Role::Master, Role::Slave] {
            let counts: Vec<_> = (0..hosts).map(|n| count(&placement, &format!("vm{n}"), role)).collect();
            prop_assert!(counts.iter().max().unwrap() - counts.iter().min().unwrap() <= 1, "{:?} {:?}", role, counts);
        }
    }

    #[test]
    fn a_slave_is_in_another_zone_where_there_is_one(hosts in 2usize..12, zones in 2usize..4) {
        let placement = placed(&file("2m-2s-sync", 0..hosts, None, zones), None);
        let zone = |host: &HostName| host.as_str()[2..].parse::<usize>().unwrap() % zones;
        for pair in placement.brokers.chunks(2) {
            prop_assert_ne!(zone(&pair[0].host), zone(&pair[1].host));
        }
    }

    #[test]
    fn ports_of_one_host_never_meet(hosts in 2usize..6, groups in 1usize..30) {
        let placement = placed(&file("2m-2s-sync", 0..hosts, Some(groups), 0), None);
        for a in &placement.brokers {
            for b in placement.brokers.iter().filter(|b| *b != a && b.host == a.host) {
                prop_assert!(a.port.abs_diff(b.port) >= 4);
            }
        }
    }

    #[test]
    fn adding_hosts_moves_nothing(hosts in 2usize..8, more in 1usize..4) {
        let before = placed(&file("2m-2s-sync", 0..hosts, None, 0), None);
        let after = placed(&file("2m-2s-sync", 0..hosts + more, None, 0), Some(&before));
        for seat in &before.brokers {
            prop_assert!(after.brokers.contains(seat));
        }
        prop_assert_eq!(after.brokers.len(), 2 * (hosts + more));
    }

    #[test]
    fn removing_a_host_moves_only_what_it_held(hosts in 3usize..8, gone in 0usize..8) {
        let gone = gone % hosts;
        let before = placed(&file("2m-2s-sync", 0..hosts, None, 0), None);
        let after = placed(&file("2m-2s-sync", (0..hosts).filter(|n| *n != gone), None, 0), Some(&before));
        for seat in before.brokers.iter().filter(|s| s.host.as_str() != format!("vm{gone}")) {
            prop_assert!(after.brokers.contains(seat), "{:?} moved", seat);
        }
        prop_assert_eq!(after.brokers.len(), before.brokers.len());
    }

    #[test]
    fn placing_again_changes_nothing(hosts in 2usize..8, groups in 1usize..20, zones in 0usize..3) {
        let text = file("2m-2s-sync", 0..hosts, Some(groups), zones);
        let first = placed(&text, None);
        prop_assert_eq!(&placed(&text, Some(&first)), &first);
        prop_assert_eq!(&placed(&text, None), &first);
    }

    #[test]
    fn no_two_members_of_an_electing_group_share_a_host_and_brokers_are_spread_within_one(
        hosts in 3usize..12, groups in 1usize..20, dledger in any::<bool>(),
    ) {
        let mode = if dledger { "dledger" } else { "controller" };
        let placement = placed(&file(mode, 0..hosts, Some(groups), 0), None);
        for seat in &placement.brokers {
            prop_assert_eq!(placement.members(&seat.group).filter(|s| s.host == seat.host).count(), 1);
            prop_assert_eq!(seat.role(), Role::Member);
        }
        prop_assert_eq!(placement.brokers.len(), 3 * groups);
        let counts: Vec<_> = (0..hosts).map(|n| count(&placement, &format!("vm{n}"), Role::Member)).collect();
        prop_assert!(counts.iter().max().unwrap() - counts.iter().min().unwrap() <= 1, "{:?}", counts);
        prop_assert_eq!(placement.controllers.len(), if dledger { 0 } else { 3 });
        prop_assert_eq!(&placed(&file(mode, 0..hosts, Some(groups), 0), Some(&placement)), &placement);
    }

    #[test]
    fn members_of_an_electing_group_are_in_as_many_zones_as_there_are(hosts in 3usize..12, groups in 1usize..8) {
        let placement = placed(&file("controller", 0..hosts, Some(groups), 3), None);
        for group in placement.brokers.chunks(3) {
            let zones: BTreeSet<_> = group.iter().map(|s| s.host.as_str()[2..].parse::<usize>().unwrap() % 3).collect();
            prop_assert_eq!(zones.len(), 3);
        }
    }

    #[test]
    fn a_host_that_is_replaced_moves_its_members_alone_and_their_numbers_are_given_to_nobody(
        hosts in 3usize..8, groups in 1usize..10, gone in 0usize..8,
    ) {
        let gone = gone % hosts;
        let before = placed(&file("dledger", 0..hosts, Some(groups), 0), None);
        let left = (0..hosts).filter(|n| *n != gone).chain([hosts]);
        let after = placed(&file("dledger", left, Some(groups), 0), Some(&before));
        for seat in before.brokers.iter().filter(|s| s.host.as_str() != format!("vm{gone}")) {
            prop_assert!(after.brokers.contains(seat), "{:?} moved", seat);
        }
        for seat in after.brokers.iter().filter(|seat| !before.brokers.contains(seat)) {
            prop_assert!(before.members(&seat.group).all(|had| had.broker_id < seat.broker_id), "{:?}", seat);
        }
        prop_assert_eq!(after.brokers.len(), before.brokers.len());
    }
}

#[test]
fn an_electing_group_and_its_controllers_have_a_broker_and_a_controller_a_host() {
    let placement = placed(&file("controller", 1..4, None, 0), None);
    assert_eq!(seats(&placement), ["broker-a:0@vm1:10911", "broker-a:1@vm2:10911", "broker-a:2@vm3:10911"]);
    let controllers: Vec<String> =
        placement.controllers.iter().map(|s| format!("{}@{}:{}", s.self_id(), s.host, s.port)).collect();
    assert_eq!(controllers, ["n0@vm1:9879", "n1@vm2:9879", "n2@vm3:9879"]);
}

#[test]
fn controllers_inside_namesrvs_are_on_the_first_three_hosts_with_one() {
    let more = "[controller]\nin_namesrv = true\n[namesrv]\nhosts = [\"vm2\", \"vm3\", \"vm4\", \"vm5\"]\n";
    let placement = placed(&(file("controller", 1..6, None, 0) + more), None);
    let hosts: Vec<&str> = placement.controllers.iter().map(|seat| seat.host.as_str()).collect();
    assert_eq!(hosts, ["vm2", "vm3", "vm4"]);
    assert!(placement.controllers.iter().all(|seat| seat.in_namesrv));
}

#[test]
fn a_pinned_members_number_does_not_change_with_the_order_of_the_file() {
    let pinned =
        |hosts: &str| file("dledger", 1..5, None, 0) + &format!("[[group]]\nname = \"broker-a\"\nhosts = [{hosts}]\n");
    let before = placed(&pinned("\"vm1\", \"vm2\", \"vm3\""), None);
    let after = placed(&pinned("\"vm3\", \"vm1\", \"vm2\""), Some(&before));
    let by_host = |placement: &Placement| {
        placement.brokers.iter().map(|s| (s.host.clone(), s.broker_id)).collect::<BTreeSet<_>>()
    };
    assert_eq!(by_host(&before), by_host(&after));
}

#[test]
fn a_majority_is_never_replaced_at_once() {
    let before = placed(&file("dledger", 1..4, None, 0), None);
    let refused = |text: &str, before: &Placement| place(&read(text).unwrap(), Some(before)).unwrap_err().to_string();
    let said = refused(&file("dledger", 3..6, None, 0), &before);
    assert!(said.starts_with("group broker-a would keep 1 of 3 members; change one host at a time"), "{said}");
    let before = placed(&file("controller", 1..4, None, 0), None);
    let said = refused(&file("controller", 3..6, None, 0), &before);
    assert!(said.starts_with("the controllers would keep 1 of 3 members"), "{said}");
    let one_gone = placed(&file("controller", 2..5, None, 0), Some(&before));
    let ids: Vec<u64> = one_gone.controllers.iter().map(|seat| seat.id).collect();
    assert_eq!(ids, [1, 2, 3], "a number is given to nobody else");
}
