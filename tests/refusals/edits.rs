//! Edits of the cluster file: a good one is taken while the agent runs, a bad one is reported and changes nothing.

use super::{
    agent::Agent,
    world::{World, until},
};
use std::{fs, net::TcpListener, os::unix::fs::PermissionsExt};

/// A host whose broker waits for its release, so that nothing starts whatever the file says.
pub fn waiting() -> World {
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

#[test]
fn a_file_that_vanishes_is_reported_and_the_last_one_holds() {
    let world = waiting();
    let agent = world.agent();
    until("the first broker.conf", || (!rendered(&world).is_empty()).then_some(()));
    agent.reason("install-failed");
    let kept = world.listing();
    fs::rename(world.path("cluster.toml"), world.path("aside")).unwrap();
    let (what, _) = agent.reason("cluster-file-not-taken");
    assert!(what.contains("cannot read") && what.contains("No such file"), "{what}");
    world.is_as_before(&kept);
    // The same file as before: its own times tell nothing.
    fs::rename(world.path("aside"), world.path("cluster.toml")).unwrap();
    until("it is back", || (!agent.ids().contains(&"cluster-file-not-taken".to_owned())).then_some(()));
    let log = agent.end();
    assert_eq!(log.matches("is not taken").count(), 1, "once is enough:\n{log}");
}

#[test]
fn an_edit_that_cannot_be_noted_is_not_taken_until_it_can() {
    let world = World::of_nobody();
    world.own_folder("base");
    world.own_folder("state");
    world.edit("cluster.toml", "release.zip\"\n", "no-release.zip\"\n");
    let agent = world.agent();
    until("the first broker.conf", || (!rendered(&world).is_empty()).then_some(()));
    let state = |mode| fs::set_permissions(world.path("state"), fs::Permissions::from_mode(mode)).unwrap();
    state(0o555);
    world.edit("cluster.toml", "[broker]\n", "[broker.config]\nfileReservedTime = \"24\"\n\n[broker]\n");
    let (what, _) = agent.reason("cluster-file-not-taken");
    assert!(what.contains("cannot make a file in") && what.contains("Permission denied"), "{what}");
    assert!(!rendered(&world).contains("fileReservedTime"));
    state(0o755);
    until("it is taken", || rendered(&world).contains("fileReservedTime=24").then_some(()));
    agent.end();
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

#[test]
fn a_java_that_comes_later_lets_the_file_be_taken() {
    let world = waiting();
    let agent = world.agent();
    world.edit("cluster.toml", "/jdk\"", "/jdk11\"");
    assert!(agent.reason("cluster-file-not-taken").0.contains("/jdk11 cannot be used: there is no bin/java"));
    world.java("jdk11", "11.0.2");
    until("it is taken", || (!agent.ids().contains(&"cluster-file-not-taken".to_owned())).then_some(()));
    agent.end();
}

#[test]
fn after_a_restart_with_a_java_that_does_not_fit_the_last_applied_file_is_used() {
    is_kept_to_after_a_restart("/jdk\"", "/jdk-gone\"", &["/jdk-gone cannot be used: there is no bin/java"]);
}

#[test]
fn after_a_restart_with_a_file_that_has_lost_this_host_the_last_applied_one_is_used() {
    is_kept_to_after_a_restart("\"vm1\"", "\"vm3\"", &["vm1", "vm3, vm2"]);
}

#[test]
fn a_wrong_base_dir_is_put_right_while_there_is_no_data() {
    let world = waiting();
    world.write("base", b"a file");
    let agent = world.agent();
    agent.reason("folder-unusable");
    world.edit("cluster.toml", "/base\"", "/new/base\"");
    until("it goes on there", || world.path("new/base/broker-a/conf/broker.conf").exists().then_some(()));
    agent.reason("install-failed");
    assert!(!agent.ids().contains(&"folder-unusable".to_owned()));
    // The claim has moved as well.
    assert_eq!(fs::read_to_string(world.path("new/base/agent.lock")).unwrap().trim(), agent.pid().to_string());
    agent.end();
}

#[test]
fn base_dir_does_not_change_under_data_not_even_over_a_restart() {
    let world = waiting();
    let agent = world.agent();
    agent.reason("install-failed");
    world.write("base/broker-a/store/commitlog/00000000000000000000", b"messages");
    world.edit("cluster.toml", "/base\"", "/new\"");
    let words = format!("base_dir is another one now, and {} holds data", world.path("base/broker-a/store").display());
    assert!(agent.reason("cluster-file-not-taken").0.contains(&words));
    agent.end();
    world.run(&["plan"]).refuses(78, &[&words]);
    let agent = world.agent();
    assert!(agent.reason("cluster-file-not-taken").0.contains(&words));
    agent.end();
    assert!(!world.path("new").exists());
    // As it says: the agent is stopped and the data moved.
    fs::rename(world.path("base"), world.path("new")).unwrap();
    let agent = world.agent();
    agent.reason("install-failed");
    assert!(!agent.ids().contains(&"cluster-file-not-taken".to_owned()), "{:?}", agent.ids());
    agent.end();
    world.no_java_ran();
}

#[test]
fn a_controller_goes_into_its_namesrv_and_out_again_when_its_data_was_moved_and_not_before() {
    let world = waiting();
    world.edit("cluster.toml", "multi-master", "controller");
    world.edit("cluster.toml", "[namesrv]\nhosts = [\"vm2\"]", "[controller]\nin_namesrv = false\n\n[namesrv]");
    let third = "[[host]]\nname = \"vm3\"\naddress = \"127.9.9.3\"\n\n[[host]]\nname = \"vm1\"";
    world.edit("cluster.toml", "[[host]]\nname = \"vm1\"", third);
    world.write("base/controller/store/log", b"what they know");
    let mut agent = world.agent();
    agent.reason("install-failed");
    for (of, to, [was, will]) in
        [("controller", "namesrv", ["false", "true"]), ("namesrv", "controller", ["true", "false"])]
    {
        world.edit("cluster.toml", &format!("in_namesrv = {was}"), &format!("in_namesrv = {will}"));
        let [from, to] = [of, to].map(|name| world.path(&format!("base/{name}/store")));
        let words = format!("{} holds data: set it back, or stop the agent here", from.display());
        let what = agent.reason("cluster-file-not-taken").0;
        assert!(what.contains(&words) && what.contains(&format!("move that folder to {}", to.display())), "{what}");
        agent.end();
        fs::create_dir_all(to.parent().unwrap()).unwrap();
        fs::rename(from, to).unwrap();
        agent = world.agent();
        agent.reason("install-failed");
        assert!(!agent.ids().contains(&"cluster-file-not-taken".to_owned()), "{:?}", agent.ids());
    }
    agent.end();
    world.no_java_ran();
}

/// The quarantine lies in a file, so that an agent that is started again does not begin to hammer.
#[test]
fn what_is_quarantined_is_tried_at_once_with_a_file_that_was_edited_while_no_agent_ran() {
    let world = World::new();
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port();
    world.edit("cluster.toml", "hosts = [\"vm2\"]", &format!("hosts = [\"vm1\"]\nport = {port}"));
    world.edit("cluster.toml", "[broker]", "[broker]\nhosts = [\"vm2\"]");
    let agent = world.agent();
    agent.reason("port-in-use");
    agent.end();
    let path = world.path("state/run/namesrv.json");
    let mut record: serde_json::Value = serde_json::from_str(&fs::read_to_string(&path).unwrap()).unwrap();
    record["backoff"]["failures"] = 9.into();
    record["backoff"]["next_start_at"] = (rocketmq_agent::clock::now() + 290_000).into();
    fs::write(&path, record.to_string()).unwrap();

    let failures = |agent: &Agent| agent.report()?["instances"][0]["failures"].as_u64();
    let agent = world.agent();
    agent.reason("port-in-use");
    assert_eq!(failures(&agent), Some(9));
    agent.end();

    world.edit("cluster.toml", "heap = \"128M\"", "heap = \"129M\"");
    let agent = world.agent();
    until("it is tried, with a clean slate", || failures(&agent).filter(|failures| (1..9).contains(failures)));
    agent.end();
    world.no_java_ran();
}
