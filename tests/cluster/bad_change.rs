//! A change that no broker starts with, with config sync: one instance is lost to it, and the way back heals that one.

use crate::{
    by_hand::run,
    lab::{LONG, Lab, Sender, poll, until},
};
use std::fs;

/// Restarts in turn, and a key that only a restart takes.
pub const IN_TURN: &str = "[broker.config]\nmappedFileSizeCommitLog = 1048576\n[rollout]\nrestart = \"auto\"\n";

pub fn a_change_that_no_broker_starts_with_stops_at_the_first_and_rollback_heals_it(lab: &mut Lab) {
    let sender = Sender::start(lab, "Thousand", "bad-change", 20);
    let before = lab.pids();
    let held = |lab: &Lab| lab.report("vm2").map(|report| report.config.generation);
    assert_eq!(held(lab), Ok(Some(1)));
    let text = fs::read_to_string(lab.agents[0].config.with_file_name("cluster.toml")).unwrap();
    let wanted = lab.dir.join("wanted.toml");
    fs::write(&wanted, text.replace("[broker]\n", "[broker]\njava_options = [\"-XX:+UseConcMarkSweepGC\"]\n")).unwrap();
    let (ok, words) = run(lab, "vm1", &["apply", wanted.to_str().unwrap(), "-m", "an older collector", "--yes"]);
    let first =
        "  1. the slave of broker-a on vm2\n  2. the slave of broker-b on vm1\n  3. the master of broker-a on vm1\n";
    assert!(ok && words.contains(first), "{words}");

    // The first in the order is a slave; all others wait for it, for as long as it takes.
    let said = lab.until_reason("vm2", "broker-a", "java-option-refused");
    assert!(said.contains("UseConcMarkSweepGC"), "{said}");
    for (host, name) in [("vm1", "broker-b"), ("vm1", "broker-a"), ("vm2", "broker-b")] {
        poll(LONG, &format!("{name} of {host} says whom it waits for"), || {
            let turn = lab.instance(host, name)?.rollout.ok_or("no turn")?;
            let why = turn.waits.ok_or("it waits for nobody")?.what;
            if why.contains("broker-a on vm2") { Ok(()) } else { Err(why.into()) }
        });
    }
    sender.until_acknowledged(50);
    let others = |lab: &Lab| {
        let mut pids = lab.pids();
        pids.remove("vm2/broker-a");
        pids
    };
    let mut undisturbed = before.clone();
    undisturbed.remove("vm2/broker-a");
    assert_eq!(others(lab), undisturbed);

    let (ok, words) = run(lab, "vm2", &["rollback", "1", "--yes"]);
    assert!(ok, "{words}");
    until(LONG, "both work from the file before", || {
        ["vm1", "vm2"].iter().all(|host| lab.report(host).is_ok_and(|it| it.config.generation == Some(3)))
    });
    lab.until_ready();
    let pending = |lab: &Lab| {
        let reports = ["vm1", "vm2"].map(|host| lab.report(host).unwrap().instances);
        reports.into_iter().flatten().any(|it| it.restart_pending || it.rollout.is_some())
    };
    until(LONG, "nothing waits", || !pending(lab));
    assert_eq!(others(lab), undisturbed);
    assert_ne!(lab.pid("vm2", "broker-a"), before["vm2/broker-a"]);
    let acknowledged = sender.stop_all_acknowledged();
    lab.receive_all("Thousand", "BadChange", &acknowledged);
}
