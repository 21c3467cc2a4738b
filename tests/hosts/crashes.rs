//! What ends or stops by itself, or by a person's hand, and must disturb nothing else.

use crate::{
    lab::{Lab, next_package},
    real::{LONG, Sender, until},
    vm::DATA,
};

pub fn every_instance_that_is_killed_comes_back(lab: &mut Lab) {
    for (name, _) in lab.pids() {
        let before = lab.pids();
        let (host, instance) = name.split_once('/').unwrap();
        lab.vm(host).signal(before[&name], "KILL");
        until(LONG, &format!("another process of {name} runs"), || {
            lab.instance(host, instance).is_ok_and(|found| found.pid.is_some_and(|pid| pid != before[&name]))
        });
        lab.until_ready();
        let mut after = lab.pids();
        assert_ne!(after[&name], before[&name]);
        after.insert(name.clone(), before[&name]);
        assert_eq!(after, before, "only {name} was killed");
    }
}

/// Where the cluster file asks for it; that it is only named where not, tests/cluster shows. The agent that sees it began
/// after the hang, and has never heard the broker.
pub fn a_broker_that_hangs_is_named_and_started_anew(lab: &mut Lab) {
    let before = lab.pids();
    let hung = before["vm1/broker-a"];
    let agent = lab.vm("vm1").property("rocketmq-agent", "MainPID");
    lab.vm("vm1").signal(agent.parse().unwrap(), "KILL");
    lab.vm("vm1").signal(hung, "STOP");
    let said = lab.until_reason("vm1", "broker-a", "hangs");
    assert!(said.ends_with(&format!(", nor ever since this agent runs: pid {hung} is stopped (SIGSTOP)")), "{said}");
    until(LONG, "another one runs", || {
        lab.instance("vm1", "broker-a").is_ok_and(|found| found.pid.is_some_and(|pid| pid != hung))
    });
    assert!(lab.vm("vm1").journal("rocketmq-agent", 100).contains("it hung and was ended by this agent"));
    lab.until_ready();
    let after = lab.pids();
    assert_eq!(after.iter().filter(|(name, pid)| before[*name] != **pid).count(), 1, "{before:?} {after:?}");
}

pub fn an_agent_killed_or_frozen_disturbs_no_jvm_and_no_send(lab: &mut Lab) {
    let before = lab.pids();
    let sender = Sender::start(lab, "Kept", "agent", 50);
    for (host, signal) in [("vm1", "KILL"), ("vm2", "STOP")] {
        let pid = lab.vm(host).property("rocketmq-agent", "MainPID");
        lab.vm(host).signal(pid.parse().unwrap(), signal);
        // A frozen one is ended by systemd's watchdog.
        until(LONG, "another agent runs", || {
            let vm = lab.vms.iter().find(|vm| vm.name == host).unwrap();
            let found = vm.property("rocketmq-agent", "MainPID");
            found != pid && found != "0" && vm.property("rocketmq-agent", "ActiveState") == "active"
        });
    }
    lab.until_ready();
    sender.until_acknowledged(20);
    sender.stop_all_acknowledged();
    assert_eq!(lab.pids(), before);
}

pub fn an_upgrade_of_the_package_disturbs_no_jvm_and_no_send(lab: &mut Lab) {
    let before = lab.pids();
    let sender = Sender::start(lab, "Kept", "upgrade", 50);
    for vm in &lab.vms {
        let agent = vm.property("rocketmq-agent", "MainPID");
        vm.write("etc/rocketmq-agent/agent.toml", &(vm.read("etc/rocketmq-agent/agent.toml") + "# edited\n"));
        vm.copy_in(&next_package(), "root/next.deb");
        vm.ok(&["dpkg", "-i", "/root/next.deb"]);
        assert!(vm.ok(&["dpkg-query", "-W", "rocketmq-agent"]).contains("next"));
        assert!(vm.read("etc/rocketmq-agent/agent.toml").ends_with("# edited\n"), "the upgrade lost an edit");
        assert_ne!(vm.property("rocketmq-agent", "MainPID"), agent, "the upgrade restarts the agent");
    }
    lab.until_ready();
    sender.until_acknowledged(20);
    sender.stop_all_acknowledged();
    assert_eq!(lab.pids(), before);
}

pub fn a_removed_package_leaves_the_brokers_and_a_purged_one_the_messages(lab: &mut Lab) {
    let before = lab.pids();
    let sender = Sender::start(lab, "Kept", "removed", 50);
    let file = lab.cluster_file();
    for vm in &lab.vms {
        vm.ok(&["dpkg", "--remove", "rocketmq-agent"]);
    }
    sender.until_acknowledged(20);
    for vm in &lab.vms {
        vm.ok(&["dpkg", "--purge", "rocketmq-agent"]);
        assert!(!vm.path("etc/rocketmq-agent/cluster.toml").exists());
    }
    sender.until_acknowledged(20);
    for vm in &lab.vms {
        vm.ok(&["dpkg", "-i", "/root/rocketmq-agent.deb"]);
        vm.copy_in(&file, "etc/rocketmq-agent/cluster.toml");
        vm.ok(&["systemctl", "enable", "--now", "rocketmq-agent"]);
    }
    lab.until_ready();
    let acknowledged = sender.stop_all_acknowledged();
    assert_eq!(lab.pids(), before);
    lab.receive_all("Kept", "Removed", &acknowledged);
}

pub fn a_host_that_is_given_up_and_taken_back_has_its_messages(lab: &mut Lab) {
    let (ok, said) = lab.java(&["send", "--topic", "Kept", "--count", "100", "--prefix", "given-up"]);
    assert!(ok, "{said}");
    let vm = lab.vm("vm1");
    let said = vm.ok(&["rocketmq-agent", "remove"]);
    assert!(said.contains("broker-a/store"), "it says where the messages are: {said}");
    for unit in ["rocketmq-namesrv", "rocketmq-broker-a", "rocketmq-broker-b"] {
        assert!(!vm.path(&format!("etc/systemd/system/{unit}.service")).exists(), "the units are gone");
        assert_eq!(vm.property(unit, "LoadState"), "not-found", "{unit}");
    }
    assert!(vm.path(&format!("{DATA}/broker-a/store/commitlog")).exists());
    assert!(!vm.path(&format!("{DATA}/broker-a/store/abort")).exists(), "it was stopped cleanly");
    vm.ok(&["systemctl", "enable", "--now", "rocketmq-agent"]);
    lab.until_ready();
    let bodies: Vec<String> = (0..100).map(|number| format!("given-up-{number}")).collect();
    lab.receive_all("Kept", "GivenUp", &bodies);
}

/// The units stand on their own once they are rendered. The disk loses nothing: without the program nobody could compare
/// what a master lost with what its slave has.
pub fn without_the_agents_program_a_booted_host_starts_its_brokers(lab: &mut Lab) {
    let vm = lab.vm("vm1");
    vm.kill_all();
    vm.set_program("usr/bin/rocketmq-agent", false);
    vm.boot();
    for unit in ["rocketmq-namesrv", "rocketmq-broker-a", "rocketmq-broker-b"] {
        until(LONG, &format!("{unit} is active"), || vm.property(unit, "ActiveState") == "active");
    }
    let sender = Sender::start(lab, "Kept", "alone", 20);
    sender.until_acknowledged_by("broker-a", 10);
    sender.stop();
    lab.vm("vm1").set_program("usr/bin/rocketmq-agent", true);
    lab.vm("vm1").ok(&["systemctl", "restart", "rocketmq-agent"]);
    lab.until_ready();
}
