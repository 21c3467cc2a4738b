//! How long a process that was told to stop may take. In: the process and its store. Out: SIGKILL, but only when the
//! deadline is over *and* nothing has been flushed for a while: a broker that is killed while it flushes loses
//! messages and must check its store from end to end at the next start.

use super::Timing;
use crate::supervise::process;
use rocketmq_agent_domain::launch::Launch;
use rustix::{
    fd::OwnedFd,
    process::{Signal, pidfd_send_signal},
};
use std::{
    fs, io,
    path::Path,
    time::{Duration, SystemTime},
};
use tokio::time::{Instant, sleep};

/// RocketMQ's scheduled threads go on logging while a shutdown hangs; a store that is flushed writes more than that.
const CHATTER: u64 = 256 << 10;

/// Waits until the process may be killed, and kills it. Ends when the signal is sent.
pub(super) async fn kill_when_silent(launch: &Launch, pid: u32, pidfd: &OwnedFd, timing: Timing) {
    sleep(launch.stop_deadline).await;
    let instance = &launch.instance;
    tracing::warn!(%instance, pid, seconds = launch.stop_deadline.as_secs(), "{instance}: has not stopped in time; waiting while its store is written");
    let mut last = Progress::of(launch, pid);
    let mut silent_since = Instant::now();
    while silent_since.elapsed() < timing.silence {
        sleep(timing.poll).await;
        let now = Progress::of(launch, pid);
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
    newest_file: Option<SystemTime>,
    written: Option<u64>,
    waits_for_disk: bool,
}

impl Progress {
    fn of(launch: &Launch, pid: u32) -> io::Result<Self> {
        let mut newest_file = None;
        if let Some(store) = &launch.store {
            for folder in [&store.root, &store.commit_log] {
                newest_file = newest_file.max(newest(folder)?);
            }
        }
        Ok(Self { newest_file, written: process::written_bytes(pid), waits_for_disk: process::waits_for_disk(pid)? })
    }

    fn is_beyond(&self, before: &Self) -> bool {
        let written = self.written.unwrap_or(0).saturating_sub(before.written.unwrap_or(0));
        // A thread in msync waits for the disk and changes neither a time nor a count.
        self.waits_for_disk || self.newest_file > before.newest_file || written >= CHATTER
    }
}

/// The time of the newest file below a folder.
fn newest(folder: &Path) -> io::Result<Option<SystemTime>> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    let mut found = None;
    for entry in entries {
        let entry = entry?;
        let time = match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => newest(&entry.path())?,
            Ok(metadata) => Some(metadata.modified()?),
            // Removed since it was listed.
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(error) => return Err(error),
        };
        found = found.max(time);
    }
    Ok(found)
}

/// How patient the supervisor is.
impl Default for Timing {
    fn default() -> Self {
        Self { silence: Duration::from_secs(60), poll: Duration::from_secs(2) }
    }
}
