//! Changes that are made through etcd, and what its members may do meanwhile.

use super::{
    etcd::Etcd,
    fleet::{Fleet, all_is_well, says},
    hosts::{two_apply_at_once, works_from},
    world::until,
};

/// Only a watch can tell of a change in time.
const BY_WATCH: &str = "\npoll = \"1h\"";

#[test]
fn apply_begins_an_empty_key_and_what_follows_reaches_others_by_their_watch() {
    let etcd = Etcd::new(1);
    let fleet = Fleet::new(2, &(etcd.source() + BY_WATCH));
    let hosts = &fleet.hosts;
    fleet.lay_file("vm1");
    fleet.lay_file("vm2");
    let agents = fleet.agents();
    for agent in &agents {
        agent.reason("no-document-yet");
        says(agent, "`rocketmq-agent apply -m WHY` puts one there");
    }
    assert_eq!(etcd.value(), None, "nobody but an operator begins it");
    assert_eq!(hosts.apply("vm2", &hosts.file(), "begin").status, Some(0));
    works_from(&agents[0], 1);
    let said = hosts.apply("vm1", &hosts.file_with(73), "keep messages longer");
    assert_eq!(said.status, Some(0), "{said:#?}");
    assert!(said.out.contains("vm1: works from it") && said.out.contains("vm2: works from it"), "{said:#?}");
    let back = hosts.run("vm2", &["rollback", "1", "--yes"]);
    assert!(back.out.contains("generation 3"), "{back:#?}");
    works_from(&agents[0], 3);
    assert_eq!(hosts.run("vm1", &["pause", "-m", "wait"]).status, Some(0));
    works_from(&agents[1], 4);

    assert_eq!(hosts.run("vm1", &["resume"]).status, Some(0));
    hosts.write("tried.toml", &hosts.file_with(11), 0o644);
    let file = hosts.path("tried.toml");
    let tried = ["apply", file.to_str().unwrap(), "-m", "try", "--confirm-within", "1s", "--yes"];
    assert_eq!(hosts.run("vm1", &tried).status, Some(0));
    works_from(&agents[1], 7);
    until("nobody confirmed it", || (hosts.read("vm1/cluster.toml") == hosts.file()).then_some(()));

    // The key is lost, and put back by whoever says so.
    etcd.delete();
    for agent in &agents {
        says(agent, "no document lies in etcd");
    }
    let again = hosts.apply("vm2", &hosts.file(), "put it back");
    assert!(again.status == Some(0) && again.out.contains("goes as it is into etcd"), "{again:#?}");
    for agent in &agents {
        all_is_well(agent);
        works_from(agent, 7);
    }
}

#[test]
fn of_two_applies_at_once_one_is_made_and_the_other_is_told_by_whom() {
    let etcd = Etcd::new(1);
    let fleet = Fleet::new(2, &(etcd.source() + BY_WATCH));
    etcd.put(&fleet.document(None, &fleet.hosts.file(), ""));
    let agents = fleet.agents();
    agents.iter().for_each(|agent| works_from(agent, 1));
    let hours = two_apply_at_once(&fleet.hosts);
    for (n, agent) in agents.iter().enumerate() {
        works_from(agent, 2);
        until("the winner's file", || fleet.hosts.renders(&format!("vm{}", n + 1), hours).then_some(()));
    }
}

#[test]
fn when_the_leader_of_three_members_is_killed_changes_go_on_and_without_a_majority_they_are_refused() {
    let mut etcd = Etcd::new(3);
    let fleet = Fleet::new(2, &(etcd.source() + BY_WATCH));
    etcd.put(&fleet.document(None, &fleet.hosts.file(), ""));
    let agents = fleet.agents();
    agents.iter().for_each(|agent| works_from(agent, 1));
    let leader = etcd.leader();
    etcd.kill(leader);
    until("a change is made", || {
        let said = fleet.hosts.apply("vm1", &fleet.hosts.file_with(72), "without the leader");
        // The others may still be choosing a leader; what could not be told then is told by the next try.
        match said.status {
            Some(0) => Some(()),
            _ => {
                assert!(said.err.contains("nothing was changed") || said.err.contains("may be committed"), "{said:#?}");
                None
            }
        }
    });
    agents.iter().for_each(|agent| works_from(agent, 2));
    let next = etcd.leader();
    etcd.kill(next);
    let said = fleet.hosts.apply("vm2", &fleet.hosts.file_with(96), "without a majority");
    assert_eq!(said.status, Some(1), "{said:#?}");
    agents.iter().for_each(|agent| works_from(agent, 2));
    etcd.start(leader);
    etcd.start(next);
    agents.iter().for_each(all_is_well);
}

#[test]
fn a_compaction_and_a_restart_of_etcd_lose_watches_and_no_change() {
    let mut etcd = Etcd::new(1);
    let fleet = Fleet::new(1, &(etcd.source() + BY_WATCH));
    let first = fleet.document(None, &fleet.hosts.file(), "");
    etcd.put(&first);
    let agent = fleet.hosts.agent("vm1");
    works_from(&agent, 1);
    let second = fleet.document(Some(&first), &fleet.hosts.file_with(72), "on");
    etcd.put(&second);
    works_from(&agent, 2);
    etcd.compact();
    etcd.kill(0);
    says(&agent, "generation 2 is kept to");
    etcd.start(0);
    etcd.put(&fleet.document(Some(&second), &fleet.hosts.file_with(96), "on and on"));
    works_from(&agent, 3);
    etcd.compact();
    assert_eq!(fleet.hosts.apply("vm1", &fleet.hosts.file(), "after it").status, Some(0));
    works_from(&agent, 4);
}
