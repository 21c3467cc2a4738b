//! Losses of power that take longer to show than `make test` has time for: `make soak` runs them.

use crate::{
    commit_logs::{GROUPS, Log, all_logs_agree},
    lab::Lab,
    one_file::share_a_secret,
    power::{RATE, lose_power, under_load, until_back},
    real::{LONG, Sender, poll, until},
    vm::{DATA, Vm},
    watcher::Watcher,
};
use std::{
    fs::{self, File},
    io::Write,
    path::Path,
    time::{Duration, Instant},
};

/// How long the lab's commit log files are.
const FILE_BYTES: u64 = 1 << 20;
/// The host of each group's master, the group, and the host of its slave.
const PAIRS: [(&str, &str, &str); 2] = [("vm1", GROUPS[0], "vm2"), ("vm2", GROUPS[1], "vm1")];

/// Loses a host's power and boots it; waits until its log of that group is written to, by its repair or by its broker.
fn until_written_to_after_a_loss(lab: &mut Lab, host: &str, group: &str, meanwhile: impl FnOnce(&Lab)) {
    lose_power(lab, host);
    let log = Log::new(lab, host, group);
    let left = log.last_bytes().unwrap();
    meanwhile(lab);
    lab.vm(host).boot();
    // While a file is made it may be too short to be read.
    until(LONG, &format!("{group} of {host} is written to"), || log.last_bytes().is_ok_and(|bytes| bytes != left));
}

/// Its first loss is being made good when the second one comes.
pub fn a_loss_of_power_while_the_last_one_is_made_good_loses_no_message(lab: &mut Lab) {
    under_load(lab, "again", 0, |lab, sender| {
        for (host, group) in [("vm1", "broker-a"), ("vm2", "broker-b"), ("vm1", "broker-a")] {
            until_written_to_after_a_loss(lab, host, group, |_| sender.until_sent(4));
            lose_power(lab, host);
            until_back(lab, &[host]);
            all_logs_agree(lab);
        }
    });
}

/// The same with no more than a moment between them: most often nothing was done yet.
pub fn losses_of_power_right_after_the_boot_lose_no_message(lab: &mut Lab) {
    under_load(lab, "booted", 0, |lab, _| {
        for host in ["vm1", "vm2"] {
            lose_power(lab, host);
            for _ in 0..2 {
                lab.vm(host).boot();
                lose_power(lab, host);
            }
            until_back(lab, &[host]);
            all_logs_agree(lab);
        }
    });
}

/// What only the slave has is on its disk by then: what neither disk has is gone.
pub fn a_slave_lost_while_its_master_takes_back_its_tail_loses_no_message(lab: &mut Lab) {
    under_load(lab, "slave-lost", 0, |lab, sender| {
        for (host, group, other) in PAIRS {
            until_written_to_after_a_loss(lab, host, group, |lab| {
                sender.until_sent(4);
                let slave = lab.vms.iter().find(|vm| vm.name == other).unwrap();
                slave.ok(&["sync", "-f", &format!("/{DATA}")]);
            });
            lose_power(lab, other);
            until_back(lab, &[other]);
            all_logs_agree(lab);
        }
    });
}

/// Ends the host's oneshot that admits masters whenever it is seen, for so long; gives how often that was.
fn kill_admissions(vm: &Vm, bound: Duration) -> usize {
    let (deadline, mut killed) = (Instant::now() + bound, 0);
    while Instant::now() < deadline {
        let found = vm.exec(&["pgrep", "-f", "rocketmq-agent admit"]);
        for pid in String::from_utf8_lossy(&found.stdout).split_whitespace() {
            // It may have ended by itself.
            killed += usize::from(vm.exec(&["kill", "-s", "KILL", pid]).status.success());
        }
    }
    killed
}

pub fn an_admission_that_is_killed_again_and_again_loses_no_message(lab: &mut Lab) {
    under_load(lab, "admission", 0, |lab, sender| {
        for host in ["vm1", "vm2"] {
            lose_power(lab, host);
            sender.until_sent(4);
            let began = Instant::now();
            lab.vm(host).boot();
            let killed = kill_admissions(lab.vm(host), Duration::from_secs(15));
            println!("  its admission was killed {killed} times");
            assert!(killed > 0, "no admission was seen on {host}");
            lab.until_ready();
            println!("  ready {:.1} s after it was switched on", began.elapsed().as_secs_f64());
            all_logs_agree(lab);
        }
    });
}

/// The end that is lost is of more than one file of a log of many: a second's messages fill one.
pub fn a_lost_tail_of_several_files_comes_back(lab: &mut Lab) {
    under_load(lab, "files", 16 << 10, |lab, _| {
        for (host, group) in [("vm1", "broker-a"), ("vm2", "broker-b")] {
            let log = Log::new(lab, host, group);
            until(LONG, &format!("the log of {group} has more than three files"), || log.files().len() > 3);
            lose_power(lab, host);
            until_back(lab, &[host]);
            all_logs_agree(lab);
        }
    });
}

/// Where every send waits for its master's disk.
pub fn both_hosts_that_lose_their_power_at_once_lose_nothing_that_was_flushed(lab: &mut Lab) {
    for vm in &lab.vms {
        let file = vm.read(&format!("{DATA}/broker-a/conf/broker.conf"));
        assert!(file.contains("flushDiskType=SYNC_FLUSH"), "{file}");
    }
    under_load(lab, "flushed", 0, |lab, sender| {
        for _ in 0..3 {
            std::thread::scope(|scope| {
                for vm in &mut lab.vms {
                    scope.spawn(|| vm.power_off());
                }
            });
            until_back(lab, &["vm1", "vm2"]);
            sender.until_acknowledged(RATE as usize);
            all_logs_agree(lab);
        }
    });
}

/// Nothing of its log is left but a file without a byte, while its master has gone on to the next one. RocketMQ sends such a
/// slave its newest file, which the slave then writes to the beginning of the empty one.
pub fn a_slave_that_lost_all_that_it_had_has_its_masters_log_again(lab: &mut Lab) {
    share_a_secret(lab);
    let (sender, watcher) = (Sender::start(lab, "Kept", "empty", RATE), Watcher::start(lab));
    lose_power(lab, "vm1");
    // So few messages are mostly on no disk yet; where some were, their file is left as if they had not been.
    for (_, file) in Log::new(lab, "vm1", "broker-b").files() {
        fs::write(&file, vec![0; file.metadata().unwrap().len() as usize]).unwrap();
    }
    let master = Log::new(lab, "vm2", "broker-b");
    until(LONG, "its master has a second file that is written to", || {
        master.last_bytes().is_ok_and(|(from, bytes)| from + bytes.len() as u64 > FILE_BYTES)
    });
    until_back(lab, &["vm1"]);
    sender.until_acknowledged(RATE as usize);
    all_logs_agree(lab);
    sender.stop();
    watcher.stop();
}

/// Up to its last whole message: the end of one that was under way when its master's power went is no message.
pub fn without_waiting_for_the_slave_all_that_it_had_comes_back(lab: &mut Lab) {
    share_a_secret(lab);
    let (sender, watcher) = (Sender::start(lab, "Kept", "async", RATE), Watcher::start(lab));
    for (host, group, other) in PAIRS {
        lose_power(lab, host);
        sender.until_sent(4);
        let (slave, master) = (Log::new(lab, other, group), Log::new(lab, host, group));
        let (from, mut had) = slave.last_bytes().unwrap();
        had.truncate(slave.whole_messages(from, &had));
        let lacking = had.len() as u64 - master.keeps(from, &had);
        println!("  of its slave's messages the master lacks the last {lacking} bytes");
        until_back(lab, &[host]);
        sender.until_acknowledged(RATE as usize);
        for log in [master, slave] {
            let kept = log.keeps(from, &had);
            assert_eq!(kept, had.len() as u64, "{group} on {} lost what the slave had from {}", log.host, from + kept);
        }
        all_logs_agree(lab);
    }
    sender.stop();
    watcher.stop();
}

/// The master starts without the agent's program, and so on what its disk kept, while its slave has more.
pub fn a_shorter_master_that_runs_is_stopped_and_takes_back_its_tail(lab: &mut Lab) {
    share_a_secret(lab);
    let sender = Sender::start_sized(lab, "Kept", "shorter", RATE, 0);
    sender.until_acknowledged(2 * RATE as usize);
    lose_power(lab, "vm1");
    // What it took now would lie where its slave has other messages.
    let sent = sender.stop_with_retries();
    let vm = lab.vm("vm1");
    vm.set_program("usr/bin/rocketmq-agent", false);
    vm.boot();
    until(LONG, "the slave is ended", || {
        lab.vm("vm2").journal("rocketmq-agent", 300).contains("broker-a: ended before it acknowledges")
    });
    let vm = lab.vm("vm1");
    vm.set_program("usr/bin/rocketmq-agent", true);
    vm.ok(&["systemctl", "restart", "rocketmq-agent"]);
    lab.until_ready();
    let said = lab.vm("vm1").journal("rocketmq-admission@broker-a", 100);
    assert!(said.contains("broker-a: may start (Repaired"), "{said}");
    lab.receive_all_once("Kept", "shorter", &sent);
    all_logs_agree(lab);
}

/// Its tail needs more room than its disk has.
pub fn a_repair_on_a_full_disk_waits_until_there_is_room(lab: &mut Lab) {
    under_load(lab, "full", 16 << 10, |lab, sender| {
        let log = Log::new(lab, "vm1", "broker-a");
        until(LONG, "the log of broker-a has more than three files", || log.files().len() > 3);
        lose_power(lab, "vm1");
        sender.until_sent(4);
        let filler = lab.vm("vm1").path(&format!("{DATA}/filler"));
        fill_disk(&filler);
        lab.vm("vm1").boot();
        let said = lab.until_reason("vm1", "broker-a", "not-compared");
        assert!(said.contains("No space left on device"), "{said}");
        fs::remove_file(filler).unwrap();
        lab.until_ready();
        all_logs_agree(lab);
    });
}

/// Writes that file until nothing more goes onto its disk.
fn fill_disk(filler: &Path) {
    let mut file = File::create(filler).unwrap();
    // The last blocks are taken one by one.
    for length in [16 << 20, 4096] {
        let block = vec![1; length];
        while file.write_all(&block).is_ok() {}
    }
    file.sync_all().unwrap();
    assert!(file.write_all(&[1; 4096]).is_err(), "there is room still");
}

/// The master's disk has for a minute nothing of what it took.
pub const LATE_FLUSH: &str = "flushIntervalCommitLog = 60000";

/// The slave stops where half a message has come, and the power of its master's host goes: recovery cuts that half from what
/// the master takes back, and with it on its disk the slave would be the longer one for ever.
pub fn a_slave_that_ends_in_half_a_message_is_cut_to_its_masters_end(lab: &mut Lab) {
    share_a_secret(lab);
    lab.vms.iter().for_each(Vm::hold_little_on_the_way);
    let sender = Sender::start_sized(lab, "Kept", "half", 3, 300_000);
    let watcher = Watcher::start(lab);
    let mut lacked = 0;
    for (host, group, other) in [PAIRS, PAIRS].concat() {
        sender.until_acknowledged_by(group, 2);
        let (slave, master) = (Log::new(lab, other, group), Log::new(lab, host, group));
        let pid = lab.pid(other, group);
        poll(LONG, &format!("{group} of {other} stops in half a message"), || {
            lab.vm(other).signal(pid, "STOP");
            let (from, bytes) = slave.last_bytes().map_err(|error| error.to_string())?;
            if slave.whole_messages(from, &bytes) < bytes.len() {
                return Ok(());
            }
            lab.vm(other).signal(pid, "CONT");
            Err("it has whole ones".to_owned())
        });
        lose_power(lab, host);
        lab.vm(other).signal(pid, "CONT");
        let (from, had) = slave.last_bytes().unwrap();
        let whole = slave.whole_messages(from, &had);
        let kept = master.keeps(from, &had);
        println!(
            "  {other} has {} bytes of a message, and {host} none of its last {}",
            had.len() - whole,
            had.len() as u64 - kept
        );
        lacked += usize::from(whole < had.len() && kept < whole as u64);
        until_back(lab, &[host]);
        sender.until_acknowledged_by(group, 2);
        all_logs_agree(lab);
    }
    assert!(lacked > 0, "no slave ended in half a message that its master lacked");
    let sent = sender.stop_with_retries();
    lab.receive_all_once("Kept", "half", &sent);
    all_logs_agree(lab);
    watcher.stop();
}
