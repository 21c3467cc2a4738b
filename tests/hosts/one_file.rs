//! One cluster file on booted hosts: a secret, changes from either host, a third host that only votes, and what is lost
//! and cut off meanwhile. No broker is restarted for any of it.

use crate::{
    lab::{DATA_KEY, Lab},
    real::{LONG, Sender, poll},
    vm::{self, Vm},
};
use std::os::unix::fs::PermissionsExt;

pub const SECRET: &str = "etc/rocketmq-agent/cluster.secret";
pub const FILE: &str = "etc/rocketmq-agent/cluster.toml";
const WITNESS: &str = "[sync]\nhosts = [\"vm1\", \"vm2\", \"vm3\"]\n[[host]]\nname = \"vm3\"\naddress = \"10.77.0.3\"\n\
                       witness = true\n";

pub fn until_works_from(lab: &Lab, hosts: &[&str], generation: u64) {
    for host in hosts {
        poll(LONG, &format!("{host} works from generation {generation}"), || match lab.report(host)?.config {
            config if config.generation == Some(generation) => Ok(()),
            config => Err(format!("{config:?}")),
        });
    }
}

/// The three hosts' file with another value of a key that brokers take while they run.
pub fn text(lab: &Lab, hours: u32) -> String {
    let file = std::fs::read_to_string(lab.cluster_file()).unwrap() + WITNESS;
    file.replacen(DATA_KEY, &format!("{DATA_KEY}fileReservedTime = {hours}\n"), 1)
}

pub fn apply_with(vm: &Vm, text: &str, more: &[&str]) -> std::process::Output {
    vm.write("root/wanted.toml", text);
    vm.exec(&[&["rocketmq-agent", "apply", "/root/wanted.toml", "-m", "why not", "--yes"], more].concat())
}

pub fn apply(vm: &Vm, text: &str) {
    let said = apply_with(vm, text, &[]);
    assert!(said.status.success(), "{}: {}", vm.name, vm::text(&said));
}

pub fn generation(lab: &Lab, host: &str) -> u64 {
    lab.report(host).unwrap().config.generation.unwrap()
}

/// Makes a secret on the first host and takes it to the second one, where there is none yet.
pub fn share_a_secret(lab: &mut Lab) {
    if !lab.vm("vm1").path(SECRET).exists() {
        lab.vm("vm1").ok(&["rocketmq-agent", "secret", "new"]);
        let secret = lab.vm("vm1").read(SECRET);
        lab.vm("vm2").write_secret(SECRET, &secret);
        for vm in &lab.vms {
            vm.ok(&["systemctl", "restart", "rocketmq-agent"]);
        }
    }
    until_works_from(lab, &["vm1", "vm2"], 1);
    lab.until_ready();
}

pub fn with_one_secret_and_a_witness_three_hosts_keep_one_file(lab: &mut Lab) {
    let before = lab.pids();
    share_a_secret(lab);
    let secret = lab.vm("vm1").read(SECRET);
    assert_eq!(lab.vm("vm1").path(SECRET).metadata().unwrap().permissions().mode() & 0o777, 0o600);

    let wanted = text(lab, 71);
    let vm = lab.another("vm3");
    vm.write(FILE, &wanted);
    vm.write_secret(SECRET, &secret);
    vm.ok(&["systemctl", "enable", "--now", "rocketmq-agent"]);
    apply(&lab.vms[0], &wanted);
    until_works_from(lab, &["vm1", "vm2", "vm3"], 2);
    lab.until_ready();
    assert_eq!(lab.get("vm3", "/readyz").unwrap(), (200, "ready\n".to_owned()));
    let status = lab.vm("vm3").ok(&["systemctl", "status", "--no-pager", "rocketmq-agent"]);
    assert!(status.contains("a witness"), "{status}");

    apply(&lab.vms[1], &text(lab, 72));
    until_works_from(lab, &["vm1", "vm2", "vm3"], 3);
    for vm in &lab.vms {
        poll(LONG, "the file follows", || if vm.read(FILE) == text(lab, 72) { Ok(()) } else { Err(vm.read(FILE)) });
    }
    lab.until_ready();
    assert_eq!(lab.pids(), before);
}

/// Whose power is lost in the middle: it was committed everywhere or nowhere, and others go on meanwhile.
pub fn a_host_that_loses_its_power_in_the_middle_of_its_apply_catches_up(lab: &mut Lab) {
    let others = ["vm2", "vm3"];
    let before = generation(lab, "vm2");
    let wanted = text(lab, 73);
    lab.vm("vm1").write("root/wanted.toml", &wanted);
    let mut applying = lab.vm("vm1").begin(&["rocketmq-agent", "apply", "/root/wanted.toml", "-m", "dark", "--yes"]);
    // As soon as it is under way: its vote is on its disk.
    let vote = lab.vm("vm1").path("var/lib/rocketmq-agent/ledger/vote");
    let written = |path: &std::path::Path| std::fs::metadata(path).and_then(|it| it.modified()).ok();
    let first = written(&vote);
    poll(LONG, "it votes", || {
        let ended = applying.try_wait().unwrap().is_some();
        if written(&vote) != first || ended { Ok(()) } else { Err("not yet".to_owned()) }
    });
    lab.vm("vm1").power_off();
    let _ = applying.wait();

    apply(&lab.vms[1], &text(lab, 74));
    let after = generation(lab, "vm2");
    assert!((before + 1..=before + 2).contains(&after), "{before} {after}");
    until_works_from(lab, &others, after);
    lab.vm("vm1").boot();
    until_works_from(lab, &["vm1"], after);
    assert_eq!(lab.vm("vm1").read(FILE), text(lab, 74));
    lab.until_ready();
}

/// The first of these from all others, both ways; this machine reaches them all.
fn cut_off(vms: &[Vm], cut: bool) {
    for other in &vms[1..] {
        vms[0].sends_nothing_to(other, cut);
        other.sends_nothing_to(&vms[0], cut);
    }
}

pub fn a_host_that_is_cut_off_refuses_changes_and_its_brokers_run_on(lab: &mut Lab) {
    let (pids, before) = (lab.pids(), generation(lab, "vm1"));
    let sender = Sender::start(lab, "Kept", "cut-off", 20);
    cut_off(&lab.vms, true);
    let (refused, taken) = (text(lab, 75), text(lab, 76));
    std::thread::scope(|scope| {
        let (vm1, vm2) = (&lab.vms[0], &lab.vms[1]);
        let alone = scope.spawn(|| apply_with(vm1, &refused, &[]));
        apply(vm2, &taken);
        let alone = alone.join().unwrap();
        let said = vm::text(&alone);
        assert!(!alone.status.success() && said.contains("too few config hosts answer"), "{said}");
    });
    assert_eq!((generation(lab, "vm1"), generation(lab, "vm2")), (before, before + 1));
    assert_eq!(lab.pids(), pids);
    cut_off(&lab.vms, false);
    until_works_from(lab, &["vm1", "vm2", "vm3"], before + 1);
    lab.until_ready();
    sender.until_acknowledged(50);
    let acknowledged = sender.stop();
    lab.receive_all("Kept", "CutOff", &acknowledged);
    assert_eq!(lab.pids(), pids);
}

/// Of three voters two are gone; that their agents are only stopped is not to be seen from the third.
pub fn a_lost_majority_is_left_behind_and_returns(lab: &mut Lab) {
    let before = generation(lab, "vm1");
    for host in ["vm2", "vm3"] {
        lab.vm(host).ok(&["systemctl", "stop", "rocketmq-agent"]);
    }
    let said = apply_with(&lab.vms[0], &text(lab, 77), &["--without", "vm2", "--without", "vm3"]);
    assert!(said.status.success(), "{}", vm::text(&said));
    for host in ["vm2", "vm3"] {
        lab.vm(host).ok(&["systemctl", "start", "rocketmq-agent"]);
    }
    until_works_from(lab, &["vm1", "vm2", "vm3"], before + 1);
    let said = apply_with(&lab.vms[1], &text(lab, 77), &["--with", "vm2", "--with", "vm3"]);
    assert!(said.status.success(), "{}", vm::text(&said));
    poll(LONG, "all vote", || {
        let status = lab.vms[2].ok(&["rocketmq-agent", "config", "status"]);
        if status.matches("votes").count() == 3 { Ok(()) } else { Err(status) }
    });
    lab.until_ready();
}
