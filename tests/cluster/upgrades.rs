//! Another release of RocketMQ, brought to a cluster that is in use.

use crate::{
    lab::{Lab, Sender, zip},
    rollout::{ORDER, follow, is_moving, with_file},
};
use std::fs;

const OLD: &str = "4.9.4";
const NEW: &str = "5.5.0";

pub fn what_is_to_know_before_another_release_is_said_on_the_way_there_and_back(lab: &mut Lab) {
    let old = lab.cluster_file().display().to_string();
    let new = lab.dir.join("next.toml");
    fs::write(&new, next(lab)).unwrap();
    let new = new.display().to_string();
    let against = |file: &str, other: &str| {
        let output = lab.agents[0].run(&["check", file, "--against", other]);
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).unwrap()
    };
    let there = against(&new, &old);
    assert!(there.contains("RocketMQ 4.9.4 to 5.5.0: NameServers go first, then slaves, then masters"), "{there}");
    let back = against(&old, &new);
    for words in
        ["4.9.4 is older than 5.5.0: try it with a copy", "not understood by 4.x: go back only if none was used"]
    {
        assert!(back.contains(words), "{back}");
    }
}

pub fn another_release_is_rolled_out_under_load_with_no_failed_send_and_the_messages_stay(lab: &mut Lab) {
    lab.create_topic("Upgraded");
    let sender = Sender::start(lab, "Upgraded", "upgraded", 50);
    with_file(lab, &next(lab));
    let installed = |lab: &Lab| ["vm1", "vm2"].iter().all(|host| lab.folder(host, "dist").join(NEW).is_dir());
    let moved = follow(lab, |hosts| {
        let moving = hosts.iter().flat_map(|host| &host.instances).any(is_moving);
        assert!(!moving || installed(lab), "the release is there before anything is stopped for it");
    });
    assert_eq!(moved, ORDER);
    for host in ["vm1", "vm2"] {
        for it in lab.report(host).unwrap().instances.iter().filter(|it| it.role.is_broker()) {
            assert_eq!(it.version.as_deref(), Some("V5_5_0"), "{it:?}");
        }
    }
    sender.until_acknowledged(20);
    let acknowledged = sender.stop_all_acknowledged();
    println!("  sends during the upgrade: {}, all acknowledged", acknowledged.len());
    // With the client of before, from the first one sent to the old release on.
    lab.receive_all("Upgraded", "GU", &acknowledged);
}

/// The file with the new release.
fn next(lab: &Lab) -> String {
    let text = fs::read_to_string(lab.cluster_file()).unwrap();
    let [old, new] = [OLD, NEW].map(|version| zip(version).display().to_string());
    let text = text.replace(&format!("version = \"{OLD}\""), &format!("version = \"{NEW}\"")).replace(&old, &new);
    format!("[rollout]\nrestart = \"auto\"\n{text}")
}
