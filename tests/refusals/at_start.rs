//! `run` refuses before it starts anything.

use super::world::{World, until};
use std::{fs, net::TcpListener, os::unix::fs::PermissionsExt};

#[test]
fn settings_that_were_named_and_are_missing_are_an_error() {
    let world = World::new();
    let missing = world.path("nowhere.toml").display().to_string();
    let before = world.listing();
    world.run(&["--config", &missing, "run"]).refuses(78, &[&format!("cannot read {missing}"), "No such file"]);
    world.is_as_before(&before);
}

#[test]
fn every_mistake_in_the_settings_is_named_with_its_line_and_what_there_is() {
    let world = World::new();
    world.edit("agent.toml", "cluster_file", "clusterfile");
    world.edit("agent.toml", "[embedded]\nrun_as", "[embedded]\nruns_as");
    let wrong = ["agent.toml:2:1: clusterfile:", "\"cluster_file\"? [unknown-key]\nagent.toml:8:1: embedded.runs_as:"];
    world.run_is_refused(78, &wrong);
}

#[test]
fn a_host_that_is_not_in_the_cluster_file_is_told_which_are() {
    let world = World::new();
    world.edit("agent.toml", "vm1", "vm9");
    world.run_is_refused(78, &["host = \"vm9\" in agent.toml", "vm1, vm2"]);
    world.edit("agent.toml", "host = \"vm9\"\n", "");
    world.edit("cluster.toml", "name = \"vm1\"", "name = \"no-such-vm1\"");
    world.move_hosts_elsewhere();
    world.run_is_refused(78, &["no-such-vm1, vm2", "set host = \"…\" in agent.toml"]);
}

#[test]
fn a_named_java_that_does_not_fit_is_refused_and_no_other_taken() {
    let world = World::new();
    world.java("jdk7", "1.7.0_80");
    world.java("jdk26", "26.0.1");
    world.edit("cluster.toml", "/jdk\"", "/jdk7\"");
    world.run_is_refused(78, &["RocketMQ 5.5.0 needs Java 8", "/jdk7 cannot be used: version 1.7.0_80"]);
    world.edit("cluster.toml", "/jdk7\"", "/jdk26\"");
    world.edit("cluster.toml", "5.5.0", "4.9.4");
    world.run_is_refused(78, &["RocketMQ 4.9.4 needs Java 8", "/jdk26 cannot be used: version 26.0.1"]);
    world.edit("cluster.toml", "/jdk26\"", "/jdk-gone\"");
    world.run_is_refused(78, &["/jdk-gone cannot be used: there is no bin/java"]);
}

#[test]
fn a_cluster_file_with_mistakes_is_refused_on_a_host_that_never_had_a_good_one() {
    let world = World::new();
    world.edit("cluster.toml", "multi-master", "multimaster");
    world.edit("cluster.toml", "5.5.0\"\n", "five\"\n");
    world.run_is_refused(78, &["cluster.toml:2:8: cluster.mode", "cluster.toml:6:11: rocketmq.version"]);
    fs::remove_file(world.path("cluster.toml")).unwrap();
    world.run_is_refused(78, &["cannot read", "cluster.toml", "No such file"]);
}

#[test]
fn a_taken_http_port_is_named_and_had_as_soon_as_it_is_free() {
    let world = World::new();
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    world.edit("agent.toml", "127.0.0.1:0", &address.to_string());
    let agent = world.agent();
    until("the port is named", || {
        let log = agent.log();
        let holder = format!("pid {}", std::process::id());
        [&format!("cannot listen on {address}"), "in use", &holder]
            .iter()
            .all(|words| log.contains(*words))
            .then_some(())
    });
    drop(listener);
    until("it is listened on", || agent.log().contains(&format!("{address} is listened on")).then_some(()));
    assert_eq!(agent.get("/livez").0, 200);
}

#[test]
fn a_state_folder_that_cannot_be_written_is_named() {
    let world = World::of_nobody();
    world.edit("agent.toml", "/state\"", "/others/state\"");
    fs::create_dir(world.path("others")).unwrap();
    fs::set_permissions(world.path("others"), fs::Permissions::from_mode(0o555)).unwrap();
    world.run_is_refused(1, &["cannot use the state folder", "others/state", "Permission denied"]);
}

#[test]
fn a_second_agent_on_one_base_dir_or_one_state_folder_is_refused_and_the_first_goes_on() {
    let world = World::new();
    world.edit("cluster.toml", "release.zip", "no-release.zip");
    let first = world.agent();
    first.reason("install-failed");
    let base = world.path("base").display().to_string();
    world.run_is_refused(1, &[&format!("another rocketmq-agent (pid {}) works on {base}", first.pid())]);
    // The same state with another cluster file's base_dir.
    let other = fs::read_to_string(world.path("cluster.toml")).unwrap().replace("/base\"", "/other\"");
    world.write("other.toml", other.as_bytes());
    world.edit("agent.toml", "cluster.toml", "other.toml");
    world.run_is_refused(1, &["another agent holds", "state/run/agent.lock"]);
    assert_eq!(first.get("/livez").0, 200);
    first.end();
}

#[test]
fn a_damaged_note_of_what_was_applied_is_not_ignored() {
    let world = World::new();
    for damaged in ["{", "", "{\"cluster_file\": 1}"] {
        world.write("state/applied.json", damaged.as_bytes());
        world.run_is_refused(1, &["applied.json is damaged", "put back a copy"]);
    }
}
