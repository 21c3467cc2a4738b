//! A running agent that may not start its broker says why over HTTP, starts nothing, and ends cleanly.

use super::{
    agent::Agent,
    world::{World, until, zip_of},
};
use rocketmq_agent_domain::desired::folders::distributions;
use std::{fs, net::TcpListener, os::unix::fs::PermissionsExt, path::Path};

const LOG_FILE: &str = "00000000000000000000";

/// Nothing was begun, and nothing is left to clean up.
#[track_caller]
fn ends_without_a_start(world: &World, agent: Agent) {
    let log = agent.end();
    assert!(!log.contains(": started"), "{log}");
    world.no_java_ran();
}

fn installed(world: &World) -> Vec<String> {
    let entries = fs::read_dir(distributions(&world.path("base"))).into_iter().flatten();
    entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).filter(|name| name != ".lock").collect()
}

/// The release is refused in these words, and nothing of it is left.
#[track_caller]
fn release_is_refused(world: &World, words: &[&str]) {
    let agent = world.agent();
    let (what, fix) = agent.reason("install-failed");
    for word in words {
        assert!(what.contains(word), "no {word:?} in {what}");
    }
    assert!(fix.contains("rocketmq.source"), "{fix}");
    assert_eq!(installed(world), Vec::<String>::new());
    ends_without_a_start(world, agent);
}

#[test]
fn a_corrupt_archive_is_refused() {
    let world = World::new();
    let mut zip = fs::read(world.path("release.zip")).unwrap();
    zip.truncate(zip.len() / 2);
    world.write("release.zip", &zip);
    release_is_refused(&world, &["release.zip is damaged"]);
    world.write("release.zip", b"<html>404 Not Found</html>");
    release_is_refused(&world, &["release.zip is neither a zip nor a tar.gz"]);
    fs::remove_file(world.path("release.zip")).unwrap();
    release_is_refused(&world, &["release.zip does not exist"]);
}

#[test]
fn an_archive_with_another_checksum_is_refused() {
    let world = World::new();
    let sum = "ab".repeat(64);
    world.edit("cluster.toml", "java_home", &format!("sha512 = \"{sum}\"\njava_home"));
    release_is_refused(&world, &["release.zip has the wrong sha512", &format!("expected {sum}")]);
}

#[test]
fn an_archive_of_another_release_is_refused_by_name() {
    let world = World::new();
    world.write(
        "release.zip",
        &zip_of(&[("lib/rocketmq-broker-4.9.4.jar", ""), ("lib/rocketmq-namesrv-4.9.4.jar", "")]),
    );
    release_is_refused(&world, &["release.zip holds RocketMQ 4.9.4, not 5.5.0"]);
}

#[test]
fn without_a_source_the_key_to_set_is_named() {
    let world = World::new();
    world.edit("cluster.toml", "source", "#source");
    let agent = world.agent();
    let (what, fix) = agent.reason("no-source");
    assert_eq!(what, "RocketMQ 5.5.0 is not on this host");
    assert!(fix.contains("rocketmq.source"), "{fix}");
    ends_without_a_start(&world, agent);
}

#[test]
fn a_file_in_the_place_of_base_dir_is_the_one_thing_that_is_said() {
    let world = World::new();
    world.write("base", b"precious");
    let agent = world.agent();
    let (what, fix) = agent.reason("folder-unusable");
    assert!(what.ends_with("base is not a folder"), "{what}");
    assert!(fix.contains("base_dir"), "{fix}");
    let others: Vec<String> = agent.ids().into_iter().filter(|id| id != "folder-unusable" && id != "stopped").collect();
    assert_eq!(others, Vec::<String>::new(), "they only follow from it");
    ends_without_a_start(&world, agent);
    assert_eq!(fs::read(world.path("base")).unwrap(), b"precious");
}

#[test]
fn a_base_dir_that_cannot_be_written_is_named() {
    let world = World::of_nobody();
    world.own_folder("state");
    fs::create_dir(world.path("base")).unwrap();
    fs::set_permissions(world.path("base"), fs::Permissions::from_mode(0o555)).unwrap();
    let agent = world.agent();
    let (what, _) = agent.reason("folder-unusable");
    assert!(what.contains("base") && what.contains("cannot be written to by this agent"), "{what}");
    let others: Vec<String> = agent.ids().into_iter().filter(|id| id != "folder-unusable" && id != "stopped").collect();
    assert_eq!(others, Vec::<String>::new(), "they only follow from it");
    ends_without_a_start(&world, agent);
    assert_eq!(fs::read_dir(world.path("base")).unwrap().count(), 0);
}

#[test]
fn an_address_of_no_network_card_is_named() {
    let world = World::new();
    world.move_hosts_elsewhere();
    let agent = world.agent();
    let (what, fix) = agent.reason("address-not-here");
    assert!(what.contains("10.255.255.1 is on no network card of this host"), "{what}");
    assert!(fix.contains("host.address"), "{fix}");
    ends_without_a_start(&world, agent);
}

/// A store that its broker may not start on is named, and stays as it is.
#[track_caller]
fn store_is_refused(world: &World, id: &str, words: &[&str]) {
    let store = |world: &World| {
        let mut listing = world.listing();
        listing.retain(|path, (mode, content)| {
            *mode = 0;
            content.is_some()
                && (path.starts_with(world.path("base/broker-a/store")) || path.ends_with("store-owner.json"))
        });
        listing
    };
    let before = store(world);
    assert!(!before.is_empty());
    let agent = world.agent();
    let (what, _) = agent.reason(id);
    for word in words {
        assert!(what.contains(word), "no {word:?} in {what}");
    }
    // It is the store alone that keeps the broker from its start.
    until("the release is installed", || {
        assert!(agent.ids().iter().any(|found| found == id));
        (installed(world) == ["5.5.0"]).then_some(())
    });
    until("a pass with all else in place", || (agent.ids() == [id, "stopped"]).then_some(()));
    ends_without_a_start(world, agent);
    assert!(store(world) == before, "{:#?}", store(world).keys());
}

#[test]
fn the_store_of_another_broker_is_left_alone() {
    let world = World::new();
    world.write("base/broker-a/store/config/topics.json", br#"{"topicConfigTable":{"broker-x":{},"Orders":{}}}"#);
    world.write(&format!("base/broker-a/store/commitlog/{LOG_FILE}"), b"messages");
    store_is_refused(&world, "foreign-store", &["base/broker-a/store belongs to broker-x, not to broker-a"]);
}

#[test]
fn a_store_whose_commit_log_lies_elsewhere_is_left_alone() {
    let world = World::new();
    world.write(&format!("elsewhere/{LOG_FILE}"), b"messages");
    let mark = serde_json::json!({
        "cluster": "DefaultCluster", "broker": "broker-a", "commit_log": world.path("elsewhere"),
    });
    world.write("base/broker-a/store-owner.json", mark.to_string().as_bytes());
    world.write("base/broker-a/store/config/topics.json", br#"{"topicConfigTable":{"broker-a":{}}}"#);
    let elsewhere = world.path("elsewhere").display().to_string();
    store_is_refused(&world, "commit-log-moved", &[&elsewhere, "base/broker-a/store/commitlog"]);
}

#[test]
fn consume_queues_without_their_commit_log_are_left_alone() {
    let world = World::new();
    world.write(&format!("base/broker-a/store/consumequeue/Orders/0/{LOG_FILE}"), b"offsets");
    store_is_refused(&world, "commit-log-missing", &["has consume queues", "base/broker-a/store/commitlog"]);
}

#[test]
fn a_store_that_cannot_be_understood_is_left_alone() {
    let world = World::new();
    world.write("base/broker-a/store/config/topics.json", b"{\"topicConfigTable\":");
    world.write(&format!("base/broker-a/store/commitlog/{LOG_FILE}"), b"messages");
    store_is_refused(&world, "store-unknown", &["topics.json is damaged"]);
}

#[test]
fn a_nameserver_whose_port_is_taken_names_who_has_it() {
    let world = World::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    world.edit("cluster.toml", "hosts = [\"vm2\"]", &format!("hosts = [\"vm1\"]\nport = {port}"));
    world.edit("cluster.toml", "[broker]", "[broker]\nhosts = [\"vm2\"]");
    let agent = world.agent();
    let (what, fix) = agent.reason("port-in-use");
    assert!(what.contains(&format!("port {port} is taken by pid {} (", std::process::id())), "{what}");
    assert!(fix.contains("another port in cluster.toml"), "{fix}");
    ends_without_a_start(&world, agent);
    assert!(Path::new(&world.path("base/namesrv")).is_dir());
}
