//! Hosts that lose their power, under load.

use crate::{
    commit_logs::{GROUPS, Log, all_logs_agree},
    lab::Lab,
    one_file::share_a_secret,
    real::Sender,
    watcher::Watcher,
};
use std::time::Instant;

/// How often in an ordinary run.
const TIMES: usize = 2;
/// Sends a second.
pub const RATE: u32 = 200;

/// Takes a host's power, and prints how much of its logs had not reached its disk.
pub fn lose_power(lab: &mut Lab, name: &str) {
    lab.vm(name).kill_all();
    let logs = GROUPS.map(|group| Log::new(lab, name, group));
    let before = logs.each_ref().map(|log| log.last_bytes().unwrap());
    lab.vm(name).lose_what_was_not_written();
    for ((group, log), (from, bytes)) in GROUPS.iter().zip(&logs).zip(&before) {
        let lost = bytes.len() as u64 - log.keeps(*from, bytes);
        println!("  {name} lost its power, and the last {lost} bytes of {group}");
    }
}

/// Boots these hosts and waits until all is ready; prints how long that took.
pub fn until_back(lab: &mut Lab, names: &[&str]) {
    let began = Instant::now();
    names.iter().for_each(|name| lab.vm(name).boot());
    lab.until_ready();
    println!("  {names:?}: ready {:.1} s after it was switched on", began.elapsed().as_secs_f64());
}

/// Sends while hosts lose their power; then every message that was acknowledged must be there, and none more often than
/// the client's own retries explain. The members of a group are equal at the end, and are never called ready while they
/// are not.
pub fn under_load(lab: &mut Lab, prefix: &str, size: usize, losses: impl FnOnce(&mut Lab, &Sender)) {
    share_a_secret(lab);
    let sender = Sender::start_sized(lab, "Kept", prefix, RATE, size);
    let watcher = Watcher::start(lab);
    // Its first messages are on no disk for a while.
    sender.until_acknowledged(2 * RATE as usize);
    losses(lab, &sender);
    sender.until_acknowledged(RATE as usize);
    all_logs_agree(lab);
    let sent = sender.stop_with_retries();
    lab.receive_all_once("Kept", prefix, &sent);
    println!("  {} acknowledged, all received", sent.acknowledged.len());
    all_logs_agree(lab);
    watcher.stop();
}

pub fn what_was_acknowledged_survives_hosts_that_lose_their_power(lab: &mut Lab) {
    let times = std::env::var("SOAK").map_or(TIMES, |times| times.parse().unwrap());
    under_load(lab, "power", 0, |lab, sender| {
        for time in 0..times {
            let name = ["vm1", "vm2"][time % 2];
            lose_power(lab, name);
            // What is acknowledged while it is off was so without it.
            sender.until_sent(4);
            until_back(lab, &[name]);
            let said = lab.vm(name).journal("rocketmq-agent", 300);
            assert!(said.contains("broker-a: ended: the host was restarted while it ran"), "{said}");
            sender.until_acknowledged(RATE as usize);
            all_logs_agree(lab);
            println!("  power loss {} of {times}: {} acknowledged so far", time + 1, sender.acknowledged().0.len());
        }
    });
}

/// The disks keep everything: what both lose of theirs at once is gone, unless they wait for them.
pub fn both_hosts_whose_processes_end_at_once_come_back_with_every_message(lab: &mut Lab) {
    let sender = Sender::start(lab, "Kept", "both", 50);
    lab.vms.iter_mut().for_each(|vm| vm.kill_all());
    lab.vms.iter_mut().for_each(|vm| vm.boot());
    lab.until_ready();
    sender.until_acknowledged(50);
    let acknowledged = sender.stop();
    lab.receive_all("Kept", "Both", &acknowledged);
}

pub fn hosts_that_reboot_one_by_one_and_at_once_come_back_by_themselves(lab: &mut Lab) {
    lab.vms[0].reboot();
    lab.until_ready();
    std::thread::scope(|scope| {
        for vm in &mut lab.vms {
            scope.spawn(|| vm.reboot());
        }
    });
    lab.until_ready();
}
