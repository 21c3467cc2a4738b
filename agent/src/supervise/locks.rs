//! Who holds an instance: its own lock, that the supervisor takes and the JVM inherits, and RocketMQ's lock on the store.
//! In: a launch. Out: a lock to start with, or who stands in the way. It never locks RocketMQ's file, and never closes
//! one that it had locked.
//!
//! Own lock: `flock` on `<launch.directory>/supervisor.lock`, taken by whoever starts the instance and handed to the JVM
//! as its stdin. It lives as long as the JVM does, so a JVM is known even where the agent died before it wrote the pid.

use super::process::{self, Identity, OpenFile};
use crate::{accounts::Account, unprivileged, untrusted};
use nix::{fcntl, libc};
use rocketmq_agent_domain::{
    cause::Occupant,
    launch::{Launch, StoreIdentity},
};
use rustix::fs::OFlags;
use std::{
    fs::{self, File, TryLockError},
    io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::Duration,
};

/// A process that this one forks for something else has a copy of every open file until it execs: a lock that was
/// given back a moment ago is held for that long.
const FORK_WAIT: Duration = Duration::from_millis(5);
const FORK_WAITS: u32 = 5;

const NAME: &str = "supervisor.lock";

/// The instance's own lock.
pub(super) fn path(launch: &Launch) -> PathBuf {
    launch.directory.join(NAME)
}

/// Takes the instance's own lock; `None` where somebody holds it.
///
/// # Errors
/// It cannot be made.
pub(super) fn take(launch: &Launch) -> io::Result<Option<File>> {
    // A link there leads nowhere, and a FIFO keeps nobody waiting, should the folder not be root's yet.
    let file = untrusted::open_or_make(&path(launch), OFlags::RDWR, 0o644)?;
    if !file.metadata()?.is_file() {
        return Err(io::Error::other("it is not a regular file"));
    }
    Ok(lock(&file)?.then_some(file))
}

/// Locks a file; false where somebody else holds it.
///
/// # Errors
/// The file system knows no locks.
pub(super) fn lock(file: &File) -> io::Result<bool> {
    for _ in 0..FORK_WAITS {
        match file.try_lock() {
            Ok(()) => return Ok(true),
            Err(TryLockError::WouldBlock) => std::thread::sleep(FORK_WAIT),
            Err(TryLockError::Error(error)) => return Err(error),
        }
    }
    Ok(false)
}

/// The processes that hold the instance's own lock, as far as they can be seen.
///
/// # Errors
/// /proc cannot be read.
pub(super) fn holders(launch: &Launch) -> io::Result<Vec<u32>> {
    let path = path(launch);
    let lock = match fs::symlink_metadata(&path) {
        Ok(lock) => lock,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let named = path.file_name().unwrap_or_default();
    let files = process::open_files(|target| target.file_name() == Some(named))?;
    let holds = |file: &&OpenFile| {
        let same = file.metadata().is_ok_and(|open| (open.dev(), open.ino()) == (lock.dev(), lock.ino()));
        same && file.info().is_ok_and(|info| info.contains("FLOCK"))
    };
    Ok(files.iter().filter(holds).map(|file| file.pid).collect())
}

/// Whether a process is a JVM of this instance, with whatever other arguments: it was given the same `-c` file. Where
/// the launch has none, all of its arguments must be the same.
pub(super) fn is_ours(launch: &Launch, command_line: &[String]) -> bool {
    let Some((_, arguments)) = command_line.split_first() else { return false };
    match (config_file(&launch.arguments), config_file(arguments)) {
        (Some(ours), Some(theirs)) => ours == theirs,
        (None, None) => launch.arguments == arguments,
        _ => false,
    }
}

fn config_file(arguments: &[String]) -> Option<&String> {
    let flag = arguments.iter().rposition(|argument| argument == "-c")?;
    arguments.get(flag + 1)
}

/// A JVM of this instance among these processes, with its arguments.
///
/// # Errors
/// /proc cannot be read.
pub(super) fn ours(launch: &Launch, pids: &[u32]) -> io::Result<Option<(Identity, Vec<String>)>> {
    for pid in pids {
        let Some(command_line) = process::command_line(*pid)? else { continue };
        if !is_ours(launch, &command_line) {
            continue;
        }
        if let Some(identity) = Identity::of(*pid)? {
            return Ok(Some((identity, command_line.into_iter().skip(1).collect())));
        }
    }
    Ok(None)
}

/// Who holds RocketMQ's lock on a store: a write lock on byte 0 of `<store>/lock` (4.7.0-5.5.0 `DefaultMessageStore`).
/// The kernel says who; nothing is locked.
///
/// # Errors
/// The file is there and cannot be asked.
pub(super) fn store_holder(store: &StoreIdentity, account: Option<Account>) -> io::Result<Option<Occupant>> {
    let opened = unprivileged::run(account, || untrusted::file(&store.root.join("lock")))?;
    let file = match opened {
        Ok(file) => file,
        // The account cannot open it, or it is no file. A JVM cannot lock it then, and says so when it starts. Somebody who
        // has it open already is found among the writers of the store.
        Err(_) => return Ok(None),
    };
    let whence = libc::SEEK_SET as libc::c_short;
    // A read lock would be refused by a write lock only, which is the one that RocketMQ takes.
    let mut lock =
        libc::flock { l_type: libc::F_RDLCK as libc::c_short, l_whence: whence, l_start: 0, l_len: 1, l_pid: 0 };
    fcntl::fcntl(&file, fcntl::FcntlArg::F_GETLK(&mut lock)).map_err(io::Error::from)?;
    if lock.l_type == libc::F_UNLCK as libc::c_short {
        return Ok(None);
    }
    // 0 is a process of another pid namespace, -1 an open file description lock.
    let pid = u32::try_from(lock.l_pid).ok().filter(|pid| *pid > 0);
    Ok(Some(pid.map(process::occupant).unwrap_or_default()))
}

/// A process that has files of the store open for writing.
///
/// # Errors
/// /proc cannot be read.
pub(super) fn store_writer(store: &StoreIdentity) -> io::Result<Option<OpenFile>> {
    let below = |target: &Path| target.starts_with(&store.root) || target.starts_with(&store.commit_log);
    let files = process::open_files(below)?;
    Ok(files.into_iter().find(|file| is_that_file(file) && is_writable(file)))
}

/// A path of another mount namespace may read the same and be another file.
fn is_that_file(file: &OpenFile) -> bool {
    let Ok(open) = file.metadata() else { return false };
    match fs::metadata(&file.target) {
        Ok(here) => (here.dev(), here.ino()) == (open.dev(), open.ino()),
        // Deleted under its owner: what a second broker on the same store does.
        Err(_) => {
            file.target.parent().and_then(|folder| fs::metadata(folder).ok()).is_some_and(|f| f.dev() == open.dev())
        }
    }
}

fn is_writable(file: &OpenFile) -> bool {
    const ACCESS_MODE: u32 = 0o3;
    let info = file.info().unwrap_or_default();
    let flags = info.lines().find_map(|line| u32::from_str_radix(line.strip_prefix("flags:")?.trim(), 8).ok());
    flags.is_some_and(|flags| flags & ACCESS_MODE != 0)
}
