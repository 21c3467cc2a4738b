//! Gathering what may tell why a process ended. In: the launch and where its output began. Out: [`Evidence`]. What
//! cannot be read is left out: this explains an end that is already known.

use super::{
    locks,
    process::{self, Identity},
    record::Marks,
    sockets::Sockets,
};
use crate::{accounts::Account, unprivileged, untrusted};
use rocketmq_agent_domain::{
    cause::{Disk, Evidence, Memory, Oom},
    launch::{Exit, Launch},
};
use std::{
    fs,
    io::{Read, Seek, SeekFrom},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

/// How much of the end of a text is read.
const TAIL: u64 = 64 << 10;

/// Everything about a process that ended. What it wrote itself is read as its account.
pub(super) fn gather<'a>(
    launch: &'a Launch,
    exit: Exit,
    process: &Identity,
    marks: &Marks,
    account: Option<Account>,
) -> Evidence<'a> {
    let log = |(index, path): (usize, &std::path::PathBuf)| tail(path, marks.logs.get(index).copied().unwrap_or(0));
    let store = launch.store.as_ref();
    let logs = || launch.logs.iter().enumerate().map(log).collect::<Vec<_>>();
    let abort = || store.is_some_and(|store| store.root.join("abort").exists());
    let (logs, abort) = unprivileged::run(account, || (logs(), abort())).unwrap_or_default();
    let mut disks = vec![launch.directory.as_path()];
    disks.extend(store.iter().flat_map(|store| [store.root.as_path(), store.commit_log.as_path()]));
    Evidence {
        launch,
        exit,
        console: tail(&launch.console, marks.console),
        logs,
        busy_ports: busy_ports(launch),
        store_holder: store.and_then(|store| locks::store_holder(store, account).ok().flatten()),
        disks: disks.into_iter().filter_map(disk).collect(),
        memory: memory(),
        oom: match exit {
            Exit::Signal(9) | Exit::Unknown => oom(process, marks),
            _ => Oom::Quiet,
        },
        abort,
    }
}

/// The end of a file, from no earlier than `from`; all of it where it was replaced by a shorter one.
pub(super) fn tail(path: &Path, from: u64) -> String {
    let read = || {
        let mut file = untrusted::file(path)?;
        let length = file.metadata()?.len();
        let from = if from > length { 0 } else { from };
        file.seek(SeekFrom::Start(from.max(length.saturating_sub(TAIL))))?;
        let mut text = Vec::new();
        file.take(TAIL).read_to_end(&mut text)?;
        Ok::<_, std::io::Error>(String::from_utf8_lossy(&text).into_owned())
    };
    read().unwrap_or_default()
}

fn busy_ports(launch: &Launch) -> Vec<(u16, rocketmq_agent_domain::cause::Occupant)> {
    let Ok(sockets) = Sockets::read() else { return Vec::new() };
    let busy = launch.ports.iter().filter_map(|port| {
        let inodes = sockets.using(*port);
        (!inodes.is_empty()).then(|| (*port, process::socket_owner(&inodes).unwrap_or_default()))
    });
    busy.collect()
}

fn disk(path: &Path) -> Option<Disk> {
    let space = rustix::fs::statvfs(path).ok()?;
    let bytes = |blocks: u64| blocks.saturating_mul(space.f_frsize);
    Some(Disk { path: path.to_owned(), free: bytes(space.f_bavail), total: bytes(space.f_blocks) })
}

/// The memory of this host.
pub(super) fn memory() -> Option<Memory> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let bytes = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
        Some(line.split_whitespace().next()?.parse::<u64>().ok()? << 10)
    };
    Some(Memory { total: bytes("MemTotal")?, available: bytes("MemAvailable")? })
}

/// How often the kernel killed a process because memory ran out, since boot (Linux 4.13 and later).
pub(super) fn oom_kills() -> Option<u64> {
    let text = fs::read_to_string("/proc/vmstat").ok()?;
    text.lines().find_map(|line| line.strip_prefix("oom_kill ")?.parse().ok())
}

fn oom(process: &Identity, marks: &Marks) -> Oom {
    match kernel_log() {
        Some(log) if names(&log, process) => Oom::Named,
        // The log is there, speaks of the pids that are known here, and says nothing.
        Some(_) if in_first_pid_namespace() => Oom::Quiet,
        _ if marks.oom_kills.is_some() && oom_kills() > marks.oom_kills => Oom::Struck,
        _ => Oom::Quiet,
    }
}

fn in_first_pid_namespace() -> bool {
    // Linux `include/linux/proc_ns.h`: PROC_PID_INIT_INO.
    fs::read_link("/proc/self/ns/pid").is_ok_and(|name| name == Path::new("pid:[4026531836]"))
}

/// The kernel's log, a record a line; `None` without the right to read it.
fn kernel_log() -> Option<String> {
    let nonblock = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    let mut file = fs::OpenOptions::new().read(true).custom_flags(nonblock).open("/dev/kmsg").ok()?;
    let mut log = String::new();
    let mut record = [0; 8192];
    loop {
        match file.read(&mut record) {
            Ok(0) => return Some(log),
            Ok(length) => log.push_str(&String::from_utf8_lossy(&record[..length])),
            // Records were overwritten while this read: go on with the oldest that is left.
            Err(error) if error.kind() == std::io::ErrorKind::BrokenPipe => {}
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return Some(log),
            Err(_) => return None,
        }
    }
}

/// Whether the kernel's log says that it killed this process: `6,1234,5678901,-;Out of memory: Killed process 812 (java)`
/// (Linux `mm/oom_kill.c`, also for memory cgroups), the third field in microseconds since boot.
fn names(log: &str, process: &Identity) -> bool {
    let killed = format!("Killed process {} ", process.pid);
    log.lines().filter(|line| line.contains(&killed)).any(|line| {
        let time = line.split(',').nth(2).and_then(|time| time.parse::<u64>().ok());
        // The same pid of an earlier process is not this one.
        time.is_none_or(|time| time >= process.started_after_boot())
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn only_a_kill_of_this_pid_after_its_start_counts() {
        let process = Identity { pid: 812, start_ticks: 1_000, boot_id: String::new() };
        let line = |pid: u32, time: u64| {
            format!(
                "6,1234,{time},-;Memory cgroup out of memory: Killed process {pid} (java) total-vm:9000kB\n SUBSYSTEM=x"
            )
        };
        assert!(names(&line(812, 10_000_001), &process));
        assert!(!names(&line(812, 9_999_999), &process));
        assert!(!names(&line(8120, 10_000_001), &process));
        assert!(!names("6,1,10000001,-;Out of memory: Killed process 81 (java)", &process));
    }

    #[test]
    fn a_tail_begins_at_the_start_of_the_run_or_where_the_file_was_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        fs::write(&path, "before after").unwrap();
        assert_eq!(tail(&path, 7), "after");
        assert_eq!(tail(&path, 700), "before after");
        fs::write(&path, "x".repeat(100_000)).unwrap();
        assert_eq!(tail(&path, 0).len(), TAIL as usize);
        assert_eq!(tail(&folder.path().join("none"), 0), "");
    }
}
