//! Edits of the cluster file: a good one is taken while the agent runs, a bad one is reported and changes nothing.

use super::world::{World, until};
use std::fs;

/// A host whose broker waits for its release, so that nothing starts whatever the file says.
fn waiting() -> World {
    let world = World::new();
    world.edit("cluster.toml", "release.zip\"\n", "no-release.zip\"\n");
    world
}

fn rendered(world: &World) -> String {
    fs::read_to_string(world.path("base/broker-a/conf/broker.conf")).unwrap_or_default()
}

#[test]
fn a_good_edit_is_taken_and_rendered_and_a_bad_one_reported_and_forgotten_when_it_is_put_right() {
    let world = waiting();
    let agent = world.agent();
    until("the first broker.conf", || rendered(&world).contains("brokerName=broker-a").then_some(()));
    let digest = |config: String| serde_json::from_str::<serde_json::Value>(&config).unwrap()["cluster_file"].clone();
    let first = digest(agent.get("/v1/config").1);

    world.edit("cluster.toml", "[broker]\n", "[broker.config]\nfileReservedTime = \"24\"\n\n[broker]\n");
    until("the new key is rendered", || rendered(&world).contains("fileReservedTime=24").then_some(()));
    agent.reason("install-failed");
    let second = until("the file's new digest", || Some(digest(agent.get("/v1/config").1)).filter(|d| *d != first));
    assert!(!agent.ids().contains(&"cluster-file-not-taken".to_owned()));

    world.edit("cluster.toml", "fileReservedTime = \"24\"", "brokerId = \"7\"");
    world.edit("cluster.toml", "multi-master", "multimaster");
    let kept = world.listing();
    let (what, fix) = agent.reason("cluster-file-not-taken");
    assert!(what.contains("broker.config.brokerId: cannot be set by hand"), "{what}");
    assert!(what.contains("there is no mode \"multimaster\""), "{what}");
    assert!(fix.contains("until then the last good one holds"), "{fix}");
    assert!(agent.get("/readyz").1.contains("cluster.toml is not taken"));
    assert_eq!(digest(agent.get("/v1/config").1), second);
    world.is_as_before(&kept);

    world.edit("cluster.toml", "multimaster", "multi-master");
    world.edit("cluster.toml", "brokerId = \"7\"", "fileReservedTime = \"36\"");
    until("the next key is rendered", || rendered(&world).contains("fileReservedTime=36").then_some(()));
    until("the mistake is forgotten", || (!agent.ids().contains(&"cluster-file-not-taken".to_owned())).then_some(()));
    agent.end();
    world.no_java_ran();
}

/// A mistake that came while no agent ran: the one that starts next keeps to what was applied.
#[track_caller]
fn is_kept_to_after_a_restart(from: &str, to: &str, words: &[&str]) {
    let world = waiting();
    let agent = world.agent();
    agent.reason("install-failed");
    agent.end();
    let kept = world.listing();
    world.edit("cluster.toml", from, to);
    let agent = world.agent();
    let (what, _) = agent.reason("cluster-file-not-taken");
    for word in words {
        assert!(what.contains(word), "no {word:?} in {what}");
    }
    agent.reason("install-failed");
    agent.end();
    world.is_as_before(&kept);
    world.no_java_ran();
}

#[test]
fn after_a_restart_with_a_mistake_in_the_file_the_last_applied_one_is_used() {
    is_kept_to_after_a_restart("multi-master", "multimaster", &["there is no mode \"multimaster\""]);
}
