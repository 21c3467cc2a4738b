//! From the package to a cluster, and down again.

use crate::{
    lab::Lab,
    real::{LONG, aborts, poll, until},
    vm::{DATA, Vm},
};

pub fn the_package_and_one_file_bring_up_four_brokers_in_sync(lab: &mut Lab) {
    lab.install_everywhere();
    lab.until_ready();
    for vm in &lab.vms {
        let status = vm.ok(&["rocketmq-agent", "status"]);
        assert!(status.lines().next().unwrap().contains(": ready"), "{status}");
        for unit in ["rocketmq-namesrv", "rocketmq-broker-a", "rocketmq-broker-b"] {
            until_active(vm, unit);
            assert_eq!(vm.property(unit, "User"), "rocketmq", "{unit} of {}", vm.name);
        }
    }
    assert_eq!(lab.pids().len(), 6);
    for host in ["vm1", "vm2"] {
        assert_eq!(lab.get(host, "/readyz").unwrap(), (200, "ready\n".to_owned()));
    }
    lab.create_topic("Kept");
}

/// The unit asks for itself whether it serves, and may find out after the agent.
pub fn until_active(vm: &Vm, unit: &str) {
    until(LONG, &format!("{unit} of {} is active", vm.name), || vm.property(unit, "ActiveState") == "active");
}

pub fn the_package_and_one_file_bring_up_a_single_broker(lab: &mut Lab) {
    lab.install_everywhere();
    lab.until_ready();
    let vm = &lab.vms[0];
    until_active(vm, "rocketmq-broker-a");
    let smoke = vm.ok(&["rocketmq-agent", "smoke"]);
    assert!(smoke.contains("all SEND_OK, all read back"), "{smoke}");
}

/// On systemd 247, 252 and 257.
pub fn systemd_finds_nothing_wrong_with_the_units_and_their_sandbox(lab: &mut Lab) {
    let vm = &lab.vms[0];
    for unit in ["rocketmq-agent.service", "rocketmq-namesrv.service", "rocketmq-broker-a.service", "rocketmq.slice"] {
        let said = vm.ok(&["systemd-analyze", "verify", "--man=no", unit]);
        let own: Vec<&str> = said.lines().filter(|line| line.contains("rocketmq")).collect();
        assert!(own.is_empty(), "{own:?}");
    }
    for unit in ["rocketmq-namesrv.service", "rocketmq-broker-a.service"] {
        is_in_a_sandbox(vm, unit);
    }
}

pub fn is_in_a_sandbox(vm: &Vm, unit: &str) {
    let said = vm.ok(&["systemd-analyze", "security", "--no-pager", unit]);
    let level = said.lines().find_map(|line| line.split_once("Overall exposure level for ")?.1.split(": ").nth(1));
    let level: f64 = level.and_then(|text| text.split(' ').next()).unwrap_or_default().parse().expect(&said);
    assert!(level <= 3.0, "{unit}: {level}");
}

pub fn a_client_sends_and_receives(lab: &mut Lab) {
    // The first message loads half of the broker's classes: on a busy machine that takes longer than a client waits.
    poll(LONG, "a first message is acknowledged", || {
        let (ok, said) = lab.java(&["send", "--topic", "Kept", "--count", "1", "--prefix", "zeroth"]);
        if ok { Ok(()) } else { Err(said) }
    });
    let (ok, said) = lab.java(&["send", "--topic", "Kept", "--count", "200", "--prefix", "first"]);
    assert!(ok && said.contains("sent=200 ok=200"), "{}", said.lines().last().unwrap_or_default());
    let (ok, said) =
        lab.java(&["receive", "--topic", "Kept", "--group", "First", "--expect", "200", "--timeout", "120"]);
    assert!(ok, "{said}");
}

pub fn one_archive_tells_how_a_host_is(lab: &mut Lab) {
    let vm = &lab.vms[0];
    vm.ok(&["rocketmq-agent", "support", "--output", "/root/support.tar.gz"]);
    let show = |file: &str| vm.ok(&["tar", "xzf", "/root/support.tar.gz", "--to-stdout", "--wildcards", file]);
    assert!(show("*/journal.txt").contains("broker-a is ready"), "{}", show("*/journal.txt"));
    assert!(show("*/agent/readyz.txt").starts_with("ready"));
    assert!(show("*/instances/broker-a/conf/broker.conf").contains("brokerName=broker-a"));
    assert!(show("*/instances/broker-a/logs/broker.log").contains("boot success"));
    assert!(show("*/units/rocketmq-broker-a.service").contains("[Service]"));
    assert!(!vm.ok(&["tar", "tzf", "/root/support.tar.gz"]).contains("missing.txt"), "{}", show("*/missing.txt"));
}

/// `poweroff` gives every broker the time to close its store.
pub fn stopping_the_hosts_leaves_no_abort_file(lab: &mut Lab) {
    let data = |lab: &Lab| lab.vms.iter().flat_map(|vm| aborts(&vm.path(DATA))).collect::<Vec<_>>();
    assert!(!data(lab).is_empty(), "a running broker has an abort file");
    for vm in &mut lab.vms {
        let _ = vm.exec(&["systemctl", "poweroff"]);
    }
    lab.vms.iter_mut().for_each(|vm| vm.until_off());
    poll(LONG, "the stores are closed", || match data(lab) {
        left if left.is_empty() => Ok(()),
        left => Err(format!("not stopped cleanly: {left:?}")),
    });
}
