//! The commands: what they say, their exit status, that those that look only look, and that the others are noted.

use super::{
    edits::waiting,
    world::{World, free_port},
};
use std::{fs, os::unix::fs::PermissionsExt};

#[test]
fn check_lists_every_mistake_of_a_bad_file() {
    let world = World::new();
    world.edit("cluster.toml", "multi-master", "multimaster");
    world.edit("cluster.toml", "name = \"vm2\"", "nmae = \"vm2\"");
    let said = world.run(&["check"]);
    said.refuses(78, &["there is no mode \"multimaster\"", "did you mean \"name\"?"]);
    let placed = said.err.lines().all(|line| line.starts_with("cluster.toml:"));
    assert!(placed, "an editor jumps to file:line:column:\n{}", said.err);
}

#[test]
fn check_says_of_a_good_file_who_runs_what_where() {
    let world = World::new();
    let said = world.run(&["check"]);
    assert_eq!((said.status, said.err.as_str()), (Some(0), ""));
    for part in ["fine", "multi-master on 2 hosts", "broker-a master:10911", "namesrv:9876, broker-b master:10911"] {
        assert!(said.out.contains(part), "{}", said.out);
    }
}

#[test]
fn a_file_that_cannot_be_read_is_named_with_the_reason() {
    let world = World::of_nobody();
    fs::set_permissions(world.path("cluster.toml"), fs::Permissions::from_mode(0o000)).unwrap();
    for command in ["check", "render", "plan"] {
        world.run(&[command]).refuses(78, &["cannot read", "cluster.toml", "Permission denied"]);
    }
    world.run(&["check", "/nowhere/cluster.toml"]).refuses(78, &["/nowhere/cluster.toml", "No such file"]);
}

#[test]
fn render_of_a_host_that_is_not_in_the_file_is_wrong_usage_and_told_which_are() {
    let world = World::new();
    let said = world.run(&["render", "--host", "vm9"]);
    said.refuses(2, &["\"vm9\"", "vm1, vm2"]);
    assert!(!said.err.contains("agent.toml"), "nothing is wrong there: {}", said.err);
    assert_eq!(world.run(&["render", "--host", "vm1"]).status, Some(0));
}

#[test]
fn what_was_typed_wrong_is_usage() {
    let world = World::new();
    world.run(&["chekc"]).refuses(2, &["'chekc'", "check"]);
    world.run(&["check", "--host", "vm1"]).refuses(2, &["'--host'"]);
    world.run(&[]).refuses(2, &["Usage: rocketmq-agent"]);
}

#[test]
fn plan_on_a_fresh_host_lists_the_steps_and_takes_none() {
    let world = World::new();
    let before = world.listing();
    let said = world.run(&["plan"]);
    assert_eq!((said.status, said.err.as_str()), (Some(3), ""), "{said:#?}");
    for step in ["make folder", "base/broker-a/store", "base/broker-a/conf/broker.conf", "install RocketMQ 5.5.0"] {
        assert!(said.out.contains(step), "no {step:?} in {}", said.out);
    }
    assert!(said.out.lines().all(|line| line.starts_with("vm1: ")), "{}", said.out);
    let json: serde_json::Value = serde_json::from_str(&world.run(&["plan", "--json"]).out).unwrap();
    assert_eq!(json["steps"].as_array().unwrap().len(), said.out.lines().count());
    world.is_as_before(&before);
    assert!(!world.path("state").exists() && !world.path("base").exists());
    world.no_java_ran();
}

#[test]
fn plan_says_what_stands_in_the_way() {
    let world = World::new();
    world.write("base", b"a file");
    let said = world.run(&["plan"]);
    assert_eq!(said.status, Some(3));
    assert!(said.out.contains("vm1: blocked: ") && said.out.contains("base is not a folder"), "{}", said.out);
    world.write("state/applied.json", b"{");
    world.run(&["plan"]).refuses(1, &["applied.json is damaged"]);
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let world = World::new();
    for command in ["check", "render", "plan"] {
        let said = world.run_unread(&[command]);
        assert_eq!((said.status, said.err.as_str()), (Some(0), ""), "{command}");
    }
}

#[test]
fn status_says_when_no_agent_runs() {
    let world = World::new();
    let nobody = format!("127.0.0.1:{}", free_port());
    let said = world.run(&["status", "--agent", &nobody]);
    said.refuses(1, &[&format!("no agent answers on {nobody}"), "is rocketmq-agent running?"]);
    assert_eq!(said.err.lines().count(), 1, "{}", said.err);
}

#[test]
fn status_finds_the_agent_while_the_cluster_file_has_a_mistake() {
    let world = World::new();
    let port = free_port();
    world.edit("agent.toml", "listen = \"127.0.0.1:0\"\n", "");
    world.edit("cluster.toml", "release.zip\"\n", "no-release.zip\"\n");
    world.edit("cluster.toml", "name = \"vm1\"", &format!("name = \"vm1\"\nagent_port = {port}"));
    let agent = world.agent();
    agent.reason("install-failed");
    for (good, bad) in [("name = \"vm1\"", "name = \"vm3\""), ("multi-master", "multimaster")] {
        world.edit("cluster.toml", good, bad);
        let said = world.run(&["status"]);
        assert_eq!(said.status, Some(0), "{said:#?}");
        assert!(said.out.contains("broker-a"), "{said:#?}");
    }
    agent.end();
    world.run(&["status"]).refuses(1, &[&format!("no agent answers on 127.0.0.1:{port}")]);
}

#[test]
fn doctor_lists_the_port_of_config_sync_where_there_is_a_secret() {
    let world = World::new();
    let secret = world.path("cluster.secret");
    world.edit("agent.toml", "host =", &format!("secret_file = \"{}\"\nhost =", secret.display()));
    let listed = || {
        let out = world.run(&["doctor", "firewall"]).out;
        let line = out.lines().find(|line| line.contains("config sync")).map(str::to_owned);
        line.inspect(|_| assert!(out.contains("tcp dport { 9877, 9878 } accept"), "{out}"))
    };
    assert_eq!(listed(), None);
    world.write("cluster.secret", b"7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed");
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
    let line = listed().unwrap();
    assert!(line.contains("9878 config sync from vm2 (127."), "{line}");
}

#[test]
fn check_and_doctor_refuse_a_port_for_agent_checks_that_something_else_of_the_host_has() {
    let world = World::new();
    world.edit("agent.toml", "listen =", "agent_check = \"0.0.0.0:9880\"\nlisten =");
    assert_eq!(world.run(&["check"]).status, Some(0));
    for (before, port, what) in [(9880, 10912, "broker-a"), (10912, 9878, "config sync")] {
        world.edit("agent.toml", &format!("0.0.0.0:{before}"), &format!("0.0.0.0:{port}"));
        let words =
            format!("port {port} of agent_check in agent.toml is that of {what}: take another one, such as 9880");
        world.run(&["check"]).refuses(78, &[&words]);
        let said = world.run(&["doctor", "ports"]);
        assert!(said.status == Some(1) && said.out.contains(&words), "{said:#?}");
        let chinese = world.run(&["check", "--lang", "zh"]);
        assert!(
            chinese.status == Some(78) && chinese.err.contains(&format!("端口 {port} 是 {what} 的")),
            "{chinese:#?}"
        );
    }
    // A file of other hosts has nothing to do with this one's settings.
    world.edit("agent.toml", "host = \"vm1\"", "host = \"vm9\"");
    assert_eq!(world.run(&["check"]).status, Some(0));
}

#[test]
fn what_restore_puts_back_is_noted_with_who_did_it_where_and_how_it_ended() {
    let world = waiting();
    let agent = world.agent();
    agent.reason("install-failed");
    world.write("base/broker-a/store/config/topics.json", b"{\"topicConfigTable\":{");
    world.write("base/broker-a/config-copies/topics.json.1000", b"{\"topicConfigTable\":{}}");
    world.run(&["restore", "broker-a"]);
    let audit = || serde_json::from_str(&world.run(&["history", "--audit", "--json"]).out).unwrap();
    assert_eq!(audit(), serde_json::json!([]), "nobody has said yes");
    assert_eq!(world.run(&["restore", "broker-a", "--yes"]).status, Some(0));
    assert!(world.run(&["restore", "broker-a", "--yes"]).out.contains("nothing to put back"));
    let lines: serde_json::Value = audit();
    let outcomes: Vec<_> = lines.as_array().unwrap().iter().map(|line| line["outcome"].as_str().unwrap()).collect();
    assert_eq!(outcomes, ["asked for", "put back from the newest copies"]);
    let machine = fs::read_to_string("/proc/sys/kernel/hostname").unwrap();
    assert_eq!((&lines[1]["verb"], &lines[1]["what"]), (&"restore".into(), &"broker-a: topics.json".into()));
    assert_eq!(
        (&lines[1]["who"]["uid"], &lines[1]["host"]),
        (&rustix::process::getuid().as_raw().into(), &machine.trim_end().into())
    );

    // A copy that cannot be read.
    world.write("base/broker-a/store/config/topics.json", b"");
    let folder = world.path("base/broker-a/config-copies");
    fs::remove_file(folder.join("topics.json.1000")).unwrap();
    fs::create_dir(folder.join("topics.json.2000")).unwrap();
    world.run(&["restore", "broker-a", "--yes"]).status.filter(|it| *it == 1).unwrap();
    let lines: serde_json::Value = audit();
    assert!(lines[3]["outcome"].as_str().unwrap().contains("cannot read"), "{lines}");
    agent.end();
}
