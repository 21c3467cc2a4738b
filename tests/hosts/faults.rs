//! What is wrong with a host, said in words where a person looks, and gone by itself when its cause is gone.

use crate::{
    lab::Lab,
    real::{LONG, Sender, poll},
    vm::{self, DATA, Vm},
};
use std::os::unix::fs::symlink;

/// Waits until `/readyz?verbose`, `status` and the agent's journal all say these words.
fn until_said(lab: &Lab, host: &str, words: &str) {
    let vm = lab.vms.iter().find(|vm| vm.name == host).unwrap();
    let places: [(&str, &dyn Fn() -> String); 3] = [
        ("/readyz?verbose", &|| lab.get(host, "/readyz?verbose").map_or_else(|error| error, |(_, text)| text)),
        ("status", &|| vm::text(&vm.exec(&["rocketmq-agent", "status"]))),
        ("the journal", &|| vm.journal("rocketmq-agent", 200)),
    ];
    for (place, read) in places {
        poll(LONG, &format!("{place} of {host} says {words:?}"), || {
            let said = read();
            // A table breaks its lines.
            let flat = said.split_whitespace().collect::<Vec<_>>().join(" ");
            if flat.contains(words) { Ok(()) } else { Err(said) }
        });
    }
}

pub fn hosts_that_cannot_reach_each_other_say_so_and_come_together_again(lab: &mut Lab) {
    let sender = Sender::start(lab, "Kept", "partition", 20);
    lab.vms.iter().for_each(|vm| vm.set_reachable(false));
    until_said(lab, "vm1", "its slave does not answer");
    let unreachable = lab.until_reason("vm1", "broker-a", "namesrv-unreachable");
    assert!(unreachable.contains("NameServer 10.77.0.2:9876 knows it cannot be told"), "{unreachable}");
    for host in ["vm1", "vm2"] {
        poll(LONG, "it is not ready", || match lab.get(host, "/readyz")? {
            (503, _) => Ok(()),
            other => Err(format!("{other:?}")),
        });
    }
    sender.until_sent(4);
    lab.vms.iter().for_each(|vm| vm.set_reachable(true));
    lab.until_ready();
    sender.until_acknowledged(50);
    let acknowledged = sender.stop();
    lab.receive_all("Kept", "Partition", &acknowledged);
}

pub fn a_full_disk_is_named_and_clears(lab: &mut Lab) {
    let filler = format!("/{DATA}/filler");
    let vm = lab.vm("vm1");
    let free = vm.ok(&["df", "-B1", "--output=avail", &format!("/{DATA}")]);
    let free: u64 = free.lines().last().unwrap().trim().parse().unwrap();
    vm.ok(&["fallocate", "-l", &(free - (32 << 20)).to_string(), &filler]);
    until_said(lab, "vm1", "from 90 % on RocketMQ takes no messages");
    lab.vm("vm1").ok(&["rm", &filler]);
    lab.until_ready();
}

/// Ends all of a host, does something to it, and boots it. Its disk loses nothing: what is claimed is about the change.
fn while_off(lab: &mut Lab, host: &str, change: impl FnOnce(&Vm)) {
    let vm = lab.vm(host);
    vm.kill_all();
    change(vm);
    vm.boot();
}

pub fn a_read_only_disk_is_named_and_clears(lab: &mut Lab) {
    while_off(lab, "vm1", |vm| vm.remount_data("ro"));
    until_said(lab, "vm1", "read-only");
    lab.vm("vm1").remount_data("rw");
    lab.until_ready();
}

pub fn a_port_that_another_program_took_is_named_with_that_program_and_clears(lab: &mut Lab) {
    let thief = "[Unit]\nBefore=rocketmq-broker-a.service\n[Service]\nExecStart=/usr/bin/systemd-socket-activate \
                 -l 10911 --accept sleep infinity\n[Install]\nWantedBy=multi-user.target\n";
    while_off(lab, "vm1", |vm| {
        vm.write("etc/systemd/system/thief.service", thief);
        let wants = vm.path("etc/systemd/system/multi-user.target.wants/thief.service");
        symlink("/etc/systemd/system/thief.service", wants).unwrap();
    });
    until_said(lab, "vm1", "port 10911 is taken by");
    lab.vm("vm1").ok(&["systemctl", "disable", "--now", "thief"]);
    lab.until_ready();
}

pub fn a_store_that_belongs_to_another_user_is_named_and_clears(lab: &mut Lab) {
    let store = format!("/{DATA}/broker-a/store");
    while_off(lab, "vm1", |vm| vm::run("chown", &["-R", "0:0", &vm.path(&store).display().to_string()]));
    until_said(lab, "vm1", "broker-a/store belongs to user id 0, not to 3000");
    lab.vm("vm1").ok(&["chown", "-R", "rocketmq:rocketmq", &store]);
    lab.until_ready();
}

pub fn a_user_with_other_ids_is_named_and_clears(lab: &mut Lab) {
    let users = lab.vm("vm1").read("etc/passwd");
    while_off(lab, "vm1", |vm| vm.write("etc/passwd", &users.replace("rocketmq:x:3000:", "rocketmq:x:3999:")));
    until_said(lab, "vm1", "3999");
    lab.vm("vm1").write("etc/passwd", &users);
    lab.until_ready();
}

/// The process is never made, so that its console and logs say nothing.
pub fn a_unit_that_systemd_cannot_start_is_named_in_systemds_words_and_clears(lab: &mut Lab) {
    let folder = "etc/systemd/system/rocketmq-broker-b.service.d";
    let pid = lab.pids()["vm1/broker-b"];
    let vm = lab.vm("vm1");
    std::fs::create_dir_all(vm.path(folder)).unwrap();
    vm.write(&format!("{folder}/own.conf"), "[Service]\nReadWritePaths=/not-there\n");
    vm.ok(&["systemctl", "daemon-reload"]);
    vm.signal(pid, "KILL");
    until_said(lab, "vm1", "/not-there: No such file or directory");
    let vm = lab.vm("vm1");
    vm.ok(&["rm", "-r", &format!("/{folder}")]);
    vm.ok(&["systemctl", "daemon-reload"]);
    lab.until_ready();
}
