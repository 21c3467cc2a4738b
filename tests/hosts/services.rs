//! What stands between the brokers and others, under systemd.

use crate::{
    bring_up::{is_in_a_sandbox, until_active},
    lab::Lab,
    real::{LONG, grpc_client, make_jar, sha256, until},
};

const FILE: &str = "etc/rocketmq-agent/cluster.toml";
const UNITS: [&str; 2] = ["rocketmq-proxy", "rocketmq-exporter"];

pub fn a_proxy_and_an_exporter_that_are_added_run_beside_the_brokers(lab: &mut Lab) {
    let before = lab.pids();
    let jar = lab.dir.join("exporter.jar");
    make_jar(&lab.dir, &jar);
    let vm = &lab.vms[0];
    vm.copy_in(&jar, "opt/exporter.jar");
    let exporter =
        format!("[exporter]\nhost = \"vm1\"\nsource = \"/opt/exporter.jar\"\nsha256 = \"{}\"\n", sha256(&jar));
    vm.write(FILE, &format!("{exporter}[proxy]\nheap = \"192M\"\n{}", vm.read(FILE)));
    for unit in UNITS {
        until_active(vm, unit);
        assert_eq!(vm.property(unit, "User"), "rocketmq", "{unit}");
        is_in_a_sandbox(vm, &format!("{unit}.service"));
    }
    lab.until_ready();
    let after = lab.pids();
    assert!(
        before.iter().all(|(name, pid)| after.get(name) == Some(pid)),
        "nothing was disturbed: {before:?} {after:?}"
    );
    // Brokers behind proxies need more direct memory, and this one is the only master: a person chooses the time.
    assert!(lab.instance("vm1", "broker-a").unwrap().restart_pending);
    lab.vms[0].ok(&["rocketmq-agent", "restart", "broker-a", "--now"]);
    until(LONG, "another broker-a is ready", || {
        lab.instance("vm1", "broker-a").is_ok_and(|it| it.is_ready() && it.pid != before.get("vm1/broker-a").copied())
    });
    // A proxy that looked while there was no master keeps that for up to half a minute, and lets no consumer start until then.
    lab.until_ready();
    lab.create_topic("ByGrpc");
    sends_and_receives("added");
}

pub fn a_proxy_and_an_exporter_that_are_killed_come_back(lab: &mut Lab) {
    for name in ["proxy", "exporter"] {
        let before = lab.pid("vm1", name);
        lab.vm("vm1").signal(before, "KILL");
        until(LONG, &format!("another process of {name} is ready"), || {
            lab.instance("vm1", name).is_ok_and(|it| it.is_ready() && it.pid.is_some_and(|pid| pid != before))
        });
    }
    sends_and_receives("killed");
}

/// Nor do they need the agent to run on.
pub fn a_reboot_starts_the_proxy_after_the_brokers_that_it_needs(lab: &mut Lab) {
    lab.vm("vm1").reboot();
    lab.until_ready();
    UNITS.iter().for_each(|unit| until_active(&lab.vms[0], unit));
    assert_eq!(lab.instance("vm1", "proxy").unwrap().failures, 0, "it was not started before there was a master");
    sends_and_receives("rebooted");
}

fn sends_and_receives(prefix: &str) {
    let common = ["--topic", "ByGrpc", "--count", "20", "--prefix", prefix];
    for arguments in [&["send"][..], &["receive", "--group", prefix]] {
        let output = grpc_client(&[arguments, &common].concat(), "10.77.0.1:8081");
        assert!(output.status.success(), "{arguments:?}: {output:?}");
    }
}
