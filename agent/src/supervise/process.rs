//! Looking at processes through /proc: who a pid is, and who has a file open. In: pids and paths. Out: facts. It changes
//! nothing. Without root, other users' open files cannot be seen.

use rocketmq_agent_domain::{
    boot::{self, Boot},
    cause::Occupant,
    hang::Activity,
};
use serde::{Deserialize, Serialize};
use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// Clock ticks per second in /proc (USER_HZ, fixed at 100 on every architecture that RocketMQ runs on).
const TICKS_PER_SECOND: u64 = 100;

/// What makes a process that one and no later one with the same pid.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The process id.
    pub pid: u32,
    /// When it started, clock ticks since boot (field 22 of /proc/pid/stat).
    pub start_ticks: u64,
    /// The boot that the ticks count from.
    pub boot_id: String,
}

impl Identity {
    /// Of a process that lives now; `None` where it does not.
    ///
    /// # Errors
    /// /proc cannot be read.
    pub fn of(pid: u32) -> io::Result<Option<Self>> {
        let boot_id = boot_id()?;
        Ok(start_ticks(pid)?.map(|start_ticks| Self { pid, start_ticks, boot_id }))
    }

    /// When it started, milliseconds since 1970.
    ///
    /// # Errors
    /// /proc/stat cannot be read.
    pub fn started_at(&self) -> io::Result<u64> {
        let stat = fs::read_to_string("/proc/stat")?;
        let boot = stat.lines().find_map(|line| line.strip_prefix("btime ")?.trim().parse::<u64>().ok());
        let boot = boot.ok_or_else(|| io::Error::other("no btime in /proc/stat"))?;
        Ok(boot * 1000 + self.start_ticks * 1000 / TICKS_PER_SECOND)
    }

    /// Whether the host was started anew since.
    ///
    /// # Errors
    /// /proc cannot be read.
    pub fn is_of_an_earlier_boot(&self) -> io::Result<bool> {
        // Of processes of others, an account without rights may not even know when they started.
        let now = Boot { id: boot_id()?, first_process: start_ticks(1).ok().flatten() };
        Ok(boot::is_of_an_earlier_one(&self.boot_id, self.start_ticks, &now))
    }

    /// Microseconds from boot to its start, the clock of the kernel's log.
    pub fn started_after_boot(&self) -> u64 {
        self.start_ticks * 1_000_000 / TICKS_PER_SECOND
    }
}

/// The id of this boot of the host.
///
/// # Errors
/// /proc cannot be read.
pub fn boot_id() -> io::Result<String> {
    Ok(fs::read_to_string("/proc/sys/kernel/random/boot_id")?.trim().to_owned())
}

/// When a process started; `None` where there is no such process, or only its unreaped rest.
fn start_ticks(pid: u32) -> io::Result<Option<u64>> {
    let stat = match gone_is_none(fs::read_to_string(format!("/proc/{pid}/stat")))? {
        Some(stat) => stat,
        None => return Ok(None),
    };
    let unread = || io::Error::other(format!("/proc/{pid}/stat is not as it should be"));
    let fields = stat_fields(&stat).ok_or_else(unread)?;
    if matches!(fields.first(), Some(&("Z" | "X"))) {
        return Ok(None);
    }
    fields.get(19).and_then(|ticks| ticks.parse().ok()).map(Some).ok_or_else(unread)
}

/// The fields from the third on; the second, the name, may hold blanks and brackets.
fn stat_fields(stat: &str) -> Option<Vec<&str>> {
    stat.rsplit_once(')').map(|(_, rest)| rest.split_whitespace().collect())
}

/// Whether a thread of the process waits for a disk right now.
///
/// # Errors
/// /proc cannot be read.
pub fn waits_for_disk(pid: u32) -> io::Result<bool> {
    for task in fs::read_dir(format!("/proc/{pid}/task"))? {
        let stat = gone_is_none(fs::read_to_string(task?.path().join("stat")))?.unwrap_or_default();
        if stat_fields(&stat).is_some_and(|fields| fields.first() == Some(&"D")) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// What a process does right now.
///
/// # Errors
/// /proc cannot be read, or it has ended.
pub fn activity(pid: u32) -> io::Result<Activity> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // Linux `fs/proc/array.c`: T is a stop by a signal, t one by a tracer. Both take hold of all threads.
    Ok(match stat_fields(&stat).and_then(|fields| fields.first().copied()) {
        Some("T") => Activity::Stopped,
        Some("t") => Activity::Traced,
        _ if waits_for_disk(pid)? => Activity::WaitsForDisk,
        _ => Activity::Runs,
    })
}

/// What a process had written, in bytes, when its pages went dirty; `None` where this account may not know.
pub fn written_bytes(pid: u32) -> Option<u64> {
    let io = fs::read_to_string(format!("/proc/{pid}/io")).ok()?;
    io.lines().find_map(|line| line.strip_prefix("write_bytes: ")?.parse().ok())
}

/// Its command line; `None` where it does not live.
///
/// # Errors
/// /proc cannot be read.
pub fn command_line(pid: u32) -> io::Result<Option<Vec<String>>> {
    let text = gone_is_none(fs::read(format!("/proc/{pid}/cmdline")))?;
    Ok(text.map(|text| {
        let text = text.strip_suffix(b"\0").unwrap_or(&text);
        text.split(|byte| *byte == 0).map(|part| String::from_utf8_lossy(part).into_owned()).collect()
    }))
}

/// A pid with the name of its program.
pub fn occupant(pid: u32) -> Occupant {
    let program = fs::read_to_string(format!("/proc/{pid}/comm")).ok().map(|name| name.trim().to_owned());
    Occupant { pid: Some(pid), program }
}

/// A file that a process has open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenFile {
    /// The process.
    pub pid: u32,
    /// Its number there.
    pub fd: u32,
    /// What /proc says it is: a path, ` (deleted)` behind it where it is gone, or `socket:[inode]`.
    pub target: PathBuf,
}

impl OpenFile {
    /// The file behind it, even where it has no name any more.
    ///
    /// # Errors
    /// It was closed, or the process is another user's.
    pub fn metadata(&self) -> io::Result<fs::Metadata> {
        fs::metadata(format!("/proc/{}/fd/{}", self.pid, self.fd))
    }

    /// The lines of its fdinfo: flags, and the locks that it holds.
    ///
    /// # Errors
    /// It was closed, or the process is another user's.
    pub fn info(&self) -> io::Result<String> {
        fs::read_to_string(format!("/proc/{}/fdinfo/{}", self.pid, self.fd))
    }
}

/// Every open file of every process that this account may look into, by what it points to.
///
/// # Errors
/// /proc itself cannot be listed.
pub fn open_files(wanted: impl Fn(&Path) -> bool) -> io::Result<Vec<OpenFile>> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc")? {
        let Some(pid) = number(&entry?) else { continue };
        // Processes end and others are not ours to see while this runs.
        let Ok(files) = fs::read_dir(format!("/proc/{pid}/fd")) else { continue };
        for file in files.flatten() {
            let (Some(fd), Ok(target)) = (number(&file), fs::read_link(file.path())) else { continue };
            if wanted(&target) {
                found.push(OpenFile { pid, fd, target });
            }
        }
    }
    Ok(found)
}

/// Who has one of these sockets; an unseen process where nobody was found.
///
/// # Errors
/// /proc itself cannot be listed.
pub fn socket_owner(inodes: &[u64]) -> io::Result<Occupant> {
    let names: Vec<PathBuf> = inodes.iter().map(|inode| PathBuf::from(format!("socket:[{inode}]"))).collect();
    let files = open_files(|target| names.iter().any(|name| name == target))?;
    Ok(files.first().map(|file| occupant(file.pid)).unwrap_or_default())
}

fn number(entry: &fs::DirEntry) -> Option<u32> {
    entry.file_name().to_str()?.parse().ok()
}

fn gone_is_none<T>(result: io::Result<T>) -> io::Result<Option<T>> {
    match result {
        Ok(value) => Ok(Some(value)),
        // A process that ends while it is read gives ESRCH.
        Err(error) if error.kind() == io::ErrorKind::NotFound || error.raw_os_error() == Some(ESRCH) => Ok(None),
        Err(error) => Err(error),
    }
}

const ESRCH: i32 = rustix::io::Errno::SRCH.raw_os_error();

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn this_process_is_who_it_is_and_started_before_now() {
        let me = Identity::of(std::process::id()).unwrap().unwrap();
        assert_eq!(Identity::of(me.pid).unwrap(), Some(me.clone()));
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis();
        let started = u128::from(me.started_at().unwrap());
        // btime is a whole second and may be one off.
        assert!(started < now + 2_000 && started + 86_400_000 > now, "{started} {now}");
        let command: Vec<String> = std::env::args().collect();
        assert_eq!(command_line(me.pid).unwrap().unwrap(), command);
    }

    #[test]
    fn a_stopped_process_is_told_from_one_that_runs() {
        let mut child = std::process::Command::new("sleep").arg("600").spawn().unwrap();
        let pid = rustix::process::Pid::from_child(&child);
        assert_eq!(activity(child.id()).unwrap(), Activity::Runs);
        rustix::process::kill_process(pid, rustix::process::Signal::STOP).unwrap();
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
        while activity(child.id()).unwrap() != Activity::Stopped {
            assert!(std::time::Instant::now() < deadline, "it does not stop");
            std::thread::yield_now();
        }
        child.kill().unwrap();
        child.wait().unwrap();
        assert!(activity(child.id()).is_err());
    }

    #[test]
    fn a_process_that_runs_is_of_this_boot_and_one_older_than_the_first_is_not() {
        let me = Identity::of(std::process::id()).unwrap().unwrap();
        assert!(!me.is_of_an_earlier_boot().unwrap());
        let first = start_ticks(1).unwrap().unwrap();
        let before = Identity { start_ticks: first.saturating_sub(1), ..me };
        assert_eq!(before.is_of_an_earlier_boot().unwrap(), before.start_ticks != 0);
    }

    #[test]
    fn a_process_that_is_not_there_is_none_and_no_error() {
        assert_eq!(Identity::of(u32::MAX).unwrap(), None);
        assert_eq!(command_line(u32::MAX).unwrap(), None);
    }

    #[test]
    fn a_name_with_blanks_and_brackets_does_not_shift_the_fields() {
        assert_eq!(stat_fields("12 (a) Z (b) S 1 2").unwrap(), ["S", "1", "2"]);
    }

    #[test]
    fn an_open_file_is_found_by_its_path_and_a_socket_by_its_inode() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().canonicalize().unwrap().join("file");
        let file = fs::File::create(&path).unwrap();
        let found = open_files(|target| target == path).unwrap();
        assert_eq!(found.iter().map(|file| file.pid).collect::<Vec<_>>(), [std::process::id()]);
        assert!(found[0].info().unwrap().contains("flags:"));
        drop(file);
        assert_eq!(open_files(|target| target == path).unwrap(), []);
        assert_eq!(socket_owner(&[u64::MAX]).unwrap(), Occupant::default());
    }
}
