//! How long a process that was told to stop may take. In: the process and its store. Out: SIGKILL, but only when the
//! deadline is over *and* nothing has been flushed for a while: a broker that is killed while it flushes loses
//! messages and must check its store from end to end at the next start.

use super::Timing;
use crate::{
    accounts::Account,
    supervise::process,
    unprivileged,
    untrusted::{self, Budget},
};
use rocketmq_agent_domain::launch::Launch;
use rustix::{
    fd::OwnedFd,
    fs::FileType,
    process::{Signal, pidfd_send_signal},
};
use std::{
    io,
    path::{Path, PathBuf},
    time::Duration,
};
use tokio::time::{Instant, sleep};

/// RocketMQ's scheduled threads go on logging while a shutdown hangs; a store that is flushed writes more than that.
const CHATTER: u64 = 256 << 10;

/// What takes longer to look at is not known to be silent.
const LOOK: Duration = Duration::from_secs(20);

/// Waits until the process may be killed, and kills it. Ends when the signal is sent.
pub(super) async fn kill_when_silent(
    launch: &Launch,
    pid: u32,
    pidfd: &OwnedFd,
    timing: Timing,
    account: Option<Account>,
) {
    sleep(launch.stop_deadline).await;
    let instance = &launch.instance;
    tracing::warn!(%instance, pid, seconds = launch.stop_deadline.as_secs(), "{instance}: has not stopped in time; waiting while its store is written");
    let mut last = Progress::of(launch, pid, account).await;
    let mut silent_since = Instant::now();
    while silent_since.elapsed() < timing.silence {
        sleep(timing.poll).await;
        let now = Progress::of(launch, pid, account).await;
        match (&last, &now) {
            (Ok(before), Ok(after)) if !after.is_beyond(before) => {}
            // What cannot be seen may be flushing.
            _ => {
                silent_since = Instant::now();
                last = now;
            }
        }
    }
    tracing::error!(%instance, pid, silent_seconds = timing.silence.as_secs(), "{instance}: does not stop and writes nothing; killing it");
    if let Err(error) = pidfd_send_signal(pidfd, Signal::KILL) {
        tracing::error!(%instance, pid, %error, "{instance}: cannot be killed");
    }
}

/// What moves while a store is flushed.
#[derive(Debug, PartialEq)]
struct Progress {
    newest_file: Option<i128>,
    written: Option<u64>,
    waits_for_disk: bool,
}

impl Progress {
    async fn of(launch: &Launch, pid: u32, account: Option<Account>) -> io::Result<Self> {
        let folders = launch.store.iter().flat_map(|store| [store.root.clone(), store.commit_log.clone()]);
        let folders: Vec<PathBuf> = folders.collect();
        let look = move || folders.iter().map(|folder| newest(folder)).collect::<io::Result<Vec<_>>>();
        let newest_file = unprivileged::beside(account, LOOK, look).await??.into_iter().flatten().max();
        Ok(Self { newest_file, written: process::written_bytes(pid), waits_for_disk: process::waits_for_disk(pid)? })
    }

    fn is_beyond(&self, before: &Self) -> bool {
        let written = self.written.unwrap_or(0).saturating_sub(before.written.unwrap_or(0));
        // A thread in msync waits for the disk and changes neither a time nor a count.
        self.waits_for_disk || self.newest_file > before.newest_file || written >= CHATTER
    }
}

/// When the newest file below a folder was written, in nanoseconds since 1970.
fn newest(folder: &Path) -> io::Result<Option<i128>> {
    let open = match untrusted::folder(folder) {
        Ok(open) => open,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut found = None;
    untrusted::walk(open, Budget::of(LOOK), |entry| {
        let stat = &entry.stat;
        if entry.kind() != FileType::Directory {
            found = found.max(Some(i128::from(stat.st_mtime) * 1_000_000_000 + i128::from(stat.st_mtime_nsec)));
        }
        Ok(())
    })?;
    Ok(found)
}

/// How patient the supervisor is.
impl Default for Timing {
    fn default() -> Self {
        Self { silence: Duration::from_secs(60), poll: Duration::from_secs(2) }
    }
}
