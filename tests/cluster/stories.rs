//! Ends that need more of the machine than a start that fails: a memory cgroup, a disk of its own, a store that takes a while
//! to read. The broker's store lies on a small tmpfs that only the agent and its JVMs see. Needs root.

use crate::{
    by_hand,
    lab::{LONG, Lab, Sender, is_running, kill_9, poll, signal, until},
    starts::{close, until_told, write_file},
};
use rustix::process::Signal;
use std::{
    fs::{self, File},
    os::unix::fs::{MetadataExt, chown, fchown},
    path::{Path, PathBuf},
};

/// Commit log files of 256 KiB, so that the way through a few megabytes has many steps; and a full disk takes no messages away.
const TINY_FILES: &str = "[broker.config]\nmappedFileSizeCommitLog = 262144\ncleanFileForciblyEnable = false\n";
/// The disk of the broker's store, in MiB.
const DISK: u64 = 256;

pub fn lab() -> Lab {
    let mut lab = Lab::new(17, "5.5.0", "single", 1, TINY_FILES);
    let store = lab.folder("vm1", "broker-a").join("store");
    fs::create_dir_all(&store).unwrap();
    for folder in [store.parent().unwrap(), store.parent().unwrap().parent().unwrap()] {
        chown(folder, Some(3000), Some(3000)).unwrap();
    }
    let mount =
        format!("mount -t tmpfs -o size={DISK}m,uid=3000,gid=3000,mode=755 tmpfs '{}' && exec \"$@\"", store.display());
    let within = ["unshare", "--mount", "--propagation", "private", "sh", "-c", &mount, "sh"];
    lab.agents[0].within = within.map(str::to_owned).into();
    lab
}

/// The broker's store as the agent sees it.
fn store(lab: &Lab) -> PathBuf {
    store_of(lab, lab.agents[0].pid())
}

/// And as a process sees it.
fn store_of(lab: &Lab, pid: u32) -> PathBuf {
    let seen = PathBuf::from(format!("/proc/{pid}/root"));
    seen.join(lab.folder("vm1", "broker-a").join("store").strip_prefix("/").unwrap())
}

fn next_process(lab: &Lab, before: u32) -> u32 {
    poll(LONG, "another process runs", || {
        let pid = lab.instance("vm1", "broker-a")?.pid.filter(|pid| *pid != before);
        pid.ok_or("no other pid".to_owned())
    })
}

/// How many files of its commit log the broker has read since its last start.
fn files_read(lab: &Lab) -> usize {
    let log = lab.folder("vm1", "broker-a").join("logs/rocketmqlogs/store.log");
    let log = fs::read_to_string(log).unwrap();
    log.rsplit("last shutdown abnormally").next().unwrap().matches("recover next physics file").count()
}

pub fn the_way_through_a_store_that_was_not_closed_is_told_in_percent_and_nothing_restarts_it(lab: &mut Lab) {
    let original = fs::read_to_string(lab.cluster_file()).unwrap();
    lab.create_topic("Many");
    let log = lab.dir.join("many.log").display().to_string();
    let (ok, said) = lab.java(&["send", "--topic", "Many", "--count", "20000", "--prefix", "m", "--log", &log]);
    assert!(ok, "{said}");
    // A JVM that only interprets reads slowly enough to be watched.
    write_file(lab, &original, &["-Xint"]);
    until(LONG, "its restart is pending", || lab.instance("vm1", "broker-a").is_ok_and(|it| it.restart_pending));
    let killed = lab.pid("vm1", "broker-a");
    // Without it all of the log is read rather than what came after it.
    fs::remove_file(store(lab).join("checkpoint")).unwrap();
    kill_9(killed);
    let pid = next_process(lab, killed);
    let words = "it reads its store, which was not closed cleanly: ";
    let mut percents = vec![0];
    let mut files = 0;
    while percents.len() < 4 {
        files = poll(LONG, "it has read another file", || match files_read(lab) {
            more if more > files => Ok(more),
            same => Err(format!("{same}")),
        });
        // Held where it is until that was told: how fast a machine reads is all the same.
        signal(pid, Signal::STOP);
        let percent = poll(LONG, "its report goes on", || {
            let it = lab.instance("vm1", "broker-a")?;
            let last = percents.last().copied();
            it.recovered_percent
                .filter(|now| Some(*now) > last)
                .ok_or_else(|| format!("{:?} {:?}", it.state, it.reasons))
        });
        percents.push(percent);
        let said = lab.until_reason("vm1", "broker-a", "recovering");
        assert!(
            said.starts_with(words) && said.contains(&format!("{percent} %")) && said.ends_with(" to go"),
            "{said}"
        );
        let run = |command| String::from_utf8(lab.agents[0].run(&[command]).stdout).unwrap();
        let log = fs::read_to_string(lab.agents[0].config.with_file_name("agent.log")).unwrap();
        for text in [run("status"), run("explain"), lab.get("vm1", "/readyz?verbose").unwrap().1, log] {
            assert!(text.contains(words), "{text}");
        }
        signal(pid, Signal::CONT);
    }
    assert!(percents.last() < Some(&100), "{percents:?}");
    let it = poll(LONG, "it has read its store", || {
        let it = lab.instance("vm1", "broker-a")?;
        if it.recovered_percent.is_none() { Ok(it) } else { Err(format!("{:?}", it.reasons)) }
    });
    assert_eq!(it.pid, Some(pid), "it was restarted: {:?}", it.reasons);
    write_file(lab, &original, &["-Dstory=over"]);
    // An interpreter takes minutes for the rest of the start.
    kill_9(pid);
    lab.until_ready();
    fs::write(lab.cluster_file(), original).unwrap();
    lab.until_ready();
}

/// RocketMQ 5.5.0 ends with 253 and an empty console then, and its log has a NullPointerException after the first error:
/// what it could not make at the start, `BrokerController.shutdown` stumbles over.
pub fn the_first_error_is_told_and_not_the_exception_in_the_shutdown_after_it(lab: &mut Lab) {
    let original = fs::read_to_string(lab.cluster_file()).unwrap();
    write_file(lab, &original, &["-Dstory=shutdown"]);
    let lock = store(lab).join("lock");
    let mode = fs::metadata(&lock).unwrap().permissions();
    let killed = lab.pid("vm1", "broker-a");
    close(&lock);
    kill_9(killed);
    let said = until_told(lab, "store-unusable");
    assert!(said.contains("store/lock (Permission denied)"), "{said}");
    let log = lab.folder("vm1", "broker-a").join("logs/rocketmqlogs/broker.log");
    let log = fs::read_to_string(log).unwrap();
    let [first, second] = ["store/lock (Permission denied)", "NullPointerException"].map(|words| log.find(words));
    assert!(first.is_some() && first < second, "{first:?} {second:?}");
    fs::set_permissions(&lock, mode).unwrap();
    write_file(lab, &original, &["-Dstory=over"]);
    lab.until_ready();
    fs::write(lab.cluster_file(), original).unwrap();
    lab.until_ready();
}

/// A memory cgroup; what is started from within it stays within it.
struct MemoryCgroup {
    folder: PathBuf,
    /// Where processes were before.
    outside: PathBuf,
}

impl MemoryCgroup {
    /// Of either version of the hierarchy.
    fn new(bytes: u64) -> Self {
        let mounts = fs::read_to_string("/proc/self/mounts").unwrap();
        let mounts = mounts.lines().map(|line| line.split(' ').collect::<Vec<_>>());
        let first = |of: &[Vec<&str>]| of.iter().map(|mount| PathBuf::from(mount[1])).next();
        let (one, two): (Vec<_>, Vec<_>) = mounts
            .filter(|mount| {
                mount[2] == "cgroup2" || mount[2] == "cgroup" && mount[3].split(',').any(|it| it == "memory")
            })
            .partition(|mount| mount[2] == "cgroup");
        let (outside, limit) = match (first(&one), first(&two)) {
            (Some(root), _) => (root, "memory.limit_in_bytes"),
            (None, Some(root)) => (root, "memory.max"),
            (None, None) => panic!("no memory cgroups are mounted"),
        };
        let folder = outside.join(format!("rocketmq-agent-tests-{}", std::process::id()));
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join(limit), bytes.to_string()).unwrap();
        Self { folder, outside }
    }

    fn take(&self, pid: u32) {
        fs::write(self.folder.join("cgroup.procs"), pid.to_string()).unwrap();
    }

    fn release(&self, pid: u32) {
        fs::write(self.outside.join("cgroup.procs"), pid.to_string()).unwrap();
    }
}

impl Drop for MemoryCgroup {
    fn drop(&mut self) {
        // It stays where something is left in it, which a claim that failed leaves.
        let _ = fs::remove_dir(&self.folder);
    }
}

pub fn a_kill_by_the_kernel_for_want_of_memory_is_told_from_any_other(lab: &mut Lab) {
    let original = fs::read_to_string(lab.cluster_file()).unwrap();
    let agent = lab.agents[0].pid();
    // Less than the heap, which the JVM touches from end to end when it starts.
    let cgroup = MemoryCgroup::new(160 << 20);
    cgroup.take(agent);
    write_file(lab, &original, &["-Dstory=memory"]);
    kill_9(lab.pid("vm1", "broker-a"));
    let said = until_told(lab, "oom-killed");
    assert!(
        said.contains("the kernel killed it because memory ran out") && said.contains("its heap is 256m"),
        "{said}"
    );
    cgroup.release(agent);
    write_file(lab, &original, &["-Dstory=over"]);
    lab.until_ready();
    fs::write(lab.cluster_file(), original).unwrap();
    lab.until_ready();
}

/// Makes a file of its disk longer or shorter, until so many bytes are left.
fn fill(path: &Path, left: u64) {
    let file = File::options().create(true).append(true).open(path).unwrap();
    // What is not the broker's would keep it from being started.
    fchown(&file, Some(3000), Some(3000)).unwrap();
    poll(LONG, "the disk is filled", || {
        let space = rustix::fs::statvfs(path.parent().unwrap()).unwrap();
        let length = file.metadata().unwrap().blocks() * 512 + space.f_bavail * space.f_frsize - left;
        file.set_len(length).unwrap();
        // A broker may have taken some of it meanwhile.
        rustix::fs::fallocate(&file, rustix::fs::FallocateFlags::empty(), 0, length).map_err(|error| error.to_string())
    });
}

pub fn a_full_disk_is_told_and_nothing_acknowledged_is_lost(lab: &mut Lab) {
    let filler = store(lab).join("filler");
    let sender = Sender::start(lab, "Many", "full", 20);
    fill(&filler, (DISK << 20) * 7 / 100);
    let said = until_told(lab, "disk-full");
    assert!(said.contains("from 90 % on RocketMQ takes no messages"), "{said}");
    poll(LONG, "it refuses messages", || {
        let (sent, said) = lab.java(&["send", "--topic", "Many", "--count", "1", "--prefix", "refused"]);
        if sent { Err(said) } else { Ok(()) }
    });
    fs::remove_file(filler).unwrap();
    lab.until_ready();
    sender.until_acknowledged(20);
    let acknowledged = sender.stop();
    lab.receive_all("Many", "after-full", &acknowledged);
}

/// Kills it, and has no start end well from then on: the store's `lock`, which each start writes, is as full as /dev/full, and
/// so is the disk. A start frees some of that, by chance enough for a lock that is a file. Gives what lies in the lock's place.
fn kill_without_room_to_start(lab: &Lab) -> PathBuf {
    use rustix::fs::{CWD, FileType, makedev, mknodat};
    let agent = lab.agents[0].pid();
    let (store, pid) = (store(lab), lab.pid("vm1", "broker-a"));
    let lock = store.join("lock");
    signal(agent, Signal::STOP);
    kill_9(pid);
    until(LONG, "it has ended", || !is_running(pid));
    fs::remove_file(&lock).unwrap();
    mknodat(CWD, &lock, FileType::CharacterDevice, 0o600.into(), makedev(1, 7)).unwrap();
    chown(&lock, Some(3000), Some(3000)).unwrap();
    // After a kill it is made anew, in the room that it had.
    fs::remove_dir_all(store.join("index")).unwrap();
    fill(&store.join("filler"), 0);
    signal(agent, Signal::CONT);
    lock
}

/// Sends that many one after another; gives the bodies that were acknowledged.
fn send(lab: &Lab, prefix: &str, count: u32) -> Vec<String> {
    let (log, count) = (lab.dir.join(format!("{prefix}.log")), count.to_string());
    let log_name = log.to_str().unwrap();
    lab.java(&["send", "--topic", "Many", "--count", &count, "--prefix", prefix, "--log", log_name]);
    let text = fs::read_to_string(&log).unwrap();
    text.lines().filter_map(|line| line.strip_prefix("SEND_OK ")?.split(' ').next().map(str::to_owned)).collect()
}

/// Without the agent's doing 5.5.0 acknowledges sends for a minute then, and has written no byte of them: of 2,066 that were
/// acknowledged 785 were in no commit log.
pub fn a_broker_started_on_a_full_disk_takes_nothing_until_there_is_room_and_then_without_a_restart(lab: &mut Lab) {
    const ENOUGH_TO_START: u64 = 8 << 20;
    let original = fs::read_to_string(lab.cluster_file()).unwrap();
    let filler = store(lab).join("filler");
    let mut acknowledged = send(lab, "before", 100);
    assert_eq!(acknowledged.len(), 100);
    let lock = kill_without_room_to_start(lab);
    poll(LONG, "a start that fails for want of disk is told", || {
        // What the start has freed.
        fill(&filler, 0);
        let reasons = lab.instance("vm1", "broker-a")?.reasons;
        let told = reasons.iter().find(|it| {
            it.id == "disk-full" && it.what.contains("/store is full: ") && it.what.ends_with(" of 256.0 MiB left")
        });
        told.map(|it| assert!(it.fix.contains("free space or enlarge the disk"))).ok_or(format!("{reasons:?}"))
    });
    fs::remove_file(lock).unwrap();
    fill(&filler, ENOUGH_TO_START);
    write_file(lab, &original, &["-Dstory=full"]);
    let said = until_told(lab, "sends-held");
    assert!(said.contains("it takes no messages"), "{said}");
    fill(&filler, 0);
    acknowledged.extend(send(lab, "full", 20));
    assert_eq!(acknowledged.len(), 100, "a broker without a free byte acknowledged sends");
    let killed = lab.pid("vm1", "broker-a");
    fill(&filler, ENOUGH_TO_START);
    kill_9(killed);
    let pid = next_process(lab, killed);
    until_told(lab, "sends-held");

    // What an agent has done does not hang on its life.
    lab.agents[0].kill_9();
    fs::remove_file(store_of(lab, pid).join("filler")).unwrap();
    lab.agents[0].within = ["nsenter", "--mount", "--target", &pid.to_string()].map(str::to_owned).into();
    lab.agents[0].start();
    lab.until_ready();
    assert_eq!(lab.pid("vm1", "broker-a"), pid, "it was restarted");
    let conf = lab.folder("vm1", "broker-a").join("conf/broker.conf");
    until(LONG, "its file holds nothing back", || !fs::read_to_string(&conf).unwrap().contains("startAcceptSend"));
    acknowledged.extend(send(lab, "after", 20));
    assert_eq!(acknowledged.len(), 120);
    lab.receive_all("Many", "after-held", &acknowledged);
    fs::write(lab.cluster_file(), original).unwrap();
    lab.until_ready();
}

/// Makes of a commit log what is left of it where the disk had no room: a page of it was never written.
fn lose_a_page(commit_log: &Path) {
    const PAGE: u64 = 4096;
    let mut files: Vec<_> = fs::read_dir(commit_log).unwrap().map(|entry| entry.unwrap().path()).collect();
    // What is written from now on must not come to lie in it.
    files.retain(|path| fs::metadata(path).unwrap().blocks() * 512 > 2 * PAGE);
    let last = File::options().write(true).open(files.iter().max().unwrap()).unwrap();
    let flags = rustix::fs::FallocateFlags::PUNCH_HOLE | rustix::fs::FallocateFlags::KEEP_SIZE;
    rustix::fs::fallocate(&last, flags, PAGE, PAGE).unwrap();
}

/// What 5.5.0 acknowledges behind the gap, with all the room there is, the start after a kill drops too: of 500 none was left.
/// Whether a broker goes on behind a write for which there is no room is up to its JVM; some hang. So the gap is made.
pub fn a_broker_whose_log_has_a_gap_is_given_no_more_messages_until_it_is_restarted(lab: &mut Lab) {
    let filler = store(lab).join("filler");
    let pid = lab.pid("vm1", "broker-a");
    assert_eq!(send(lab, "gap", 100).len(), 100);
    fill(&filler, (DISK << 20) * 7 / 100);
    until_told(lab, "sends-held");
    lose_a_page(&store(lab).join("commitlog"));
    let said = until_told(lab, "log-gap");
    assert!(said.contains("its commit log has a gap at offset "), "{said}");
    fs::remove_file(filler).unwrap();
    poll(LONG, "it says that there is room", || {
        let reasons = lab.instance("vm1", "broker-a")?.reasons;
        let [only] = &reasons[..] else { return Err(format!("{reasons:?}")) };
        if only.id == "log-gap" { Ok(()) } else { Err(format!("{only:?}")) }
    });
    assert_eq!(send(lab, "behind", 5), Vec::<String>::new());
    assert_eq!(lab.pid("vm1", "broker-a"), pid, "it was restarted unasked");

    let (ok, words) = by_hand::run(lab, "vm1", &["restart", "broker-a", "--now"]);
    assert!(ok, "{words}");
    lab.until_ready();
    let acknowledged = send(lab, "whole", 20);
    assert_eq!(acknowledged.len(), 20);
    lab.receive_all("Many", "after-gap", &acknowledged);
}

pub fn ending_the_agent_leaves_no_jvm(lab: &mut Lab) {
    assert!(store(lab).join("abort").exists(), "a running broker has an abort file");
    lab.stop();
}
