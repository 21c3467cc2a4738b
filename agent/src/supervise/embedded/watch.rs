//! From a process that runs to what is known of its end. In: a pid. Out: its exit at the moment it ends, the cause, and
//! what it costs the instance. One task a process; it starts nothing.

use super::{Shared, stop};
use crate::accounts::Account;
use crate::supervise::{
    SupervisorError, evidence, locks, now,
    process::{self, Identity},
    random,
    record::{Record, Run},
};
use rocketmq_agent_domain::{
    cause::{self, explain},
    launch::{Cause, Exit, Launch},
    names::InstanceName,
};
use rustix::{
    fd::{AsFd, OwnedFd},
    process::{Pid, PidfdFlags, WaitId, WaitIdOptions, pidfd_open, waitid},
};
use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};
use tokio::{
    io::{Interest, unix::AsyncFd},
    sync::Notify,
};

/// A process that is watched.
#[derive(Clone)]
pub(super) struct Live {
    pub process: Identity,
    pub pidfd: Arc<AsyncFd<OwnedFd>>,
    pub stop_asked: Arc<Notify>,
    killed: Arc<AtomicBool>,
}

impl Live {
    /// Gets a hold of a process that no later one with the same pid can take its place in.
    ///
    /// # Errors
    /// The kernel gives none (it has pidfds since Linux 5.3).
    pub fn open(process: Identity) -> Result<Self, SupervisorError> {
        let watch = |source| SupervisorError::Watch { pid: process.pid, source };
        let pid = i32::try_from(process.pid).ok().and_then(Pid::from_raw);
        let pid = pid.ok_or_else(|| watch(io::Error::from(io::ErrorKind::InvalidInput)))?;
        let pidfd = pidfd_open(pid, PidfdFlags::NONBLOCK).map_err(|error| watch(error.into()))?;
        #[allow(deprecated, reason = "its successor is an unsafe fn; what that asks for holds for every OwnedFd")]
        let pidfd = AsyncFd::with_interest(pidfd, Interest::READABLE).map_err(watch)?;
        Ok(Self { process, pidfd: Arc::new(pidfd), stop_asked: Arc::default(), killed: Arc::default() })
    }
}

/// The identity of a child that nobody has waited for.
pub(super) fn identity_of_child(pid: u32) -> Result<Identity, SupervisorError> {
    let look = |source| SupervisorError::Look { what: format!("pid {pid}"), source };
    match Identity::of(pid).map_err(look)? {
        Some(identity) => Ok(identity),
        // It has ended; its start does not matter, for its pid is not given to another one before it was waited for.
        None => Ok(Identity { pid, start_ticks: 0, boot_id: process::boot_id().map_err(look)? }),
    }
}

/// The process of a record, if it still runs. A later process with its pid is not it.
///
/// # Errors
/// /proc cannot be read: it may run.
pub(super) fn find(record: &Record) -> Result<Option<Identity>, SupervisorError> {
    let Some(run) = &record.run else { return Ok(None) };
    let launch = &record.launch;
    let look = |source| SupervisorError::Look { what: format!("the process of {}", launch.instance), source };
    let Some(recorded) = &run.process else {
        // The agent died while it started this: the lock tells.
        let holders = locks::holders(launch).map_err(look)?;
        let found = locks::ours(launch, &holders).map_err(look)?;
        return Ok(found.filter(|(_, arguments)| *arguments == launch.arguments).map(|(process, _)| process));
    };
    if Identity::of(recorded.pid).map_err(look)?.as_ref() != Some(recorded) {
        return Ok(None);
    }
    let command_line = process::command_line(recorded.pid).map_err(look)?;
    Ok(command_line.filter(|line| locks::is_ours(launch, line)).map(|_| recorded.clone()))
}

/// Waits for the end of a process, writes down what there is to know, and wakes the caller, again when its back-off ends.
pub(super) async fn until_it_ends(shared: Arc<Shared>, launch: Launch, live: Live) {
    let exit = tokio::select! {
        exit = end_of(&live) => exit,
        exit = stop_it(&shared, &launch, &live) => exit,
    };
    ended(&shared, &launch, &live, exit);
    shared.tell();
    tell_after_backoff(shared, launch.instance).await;
}

async fn stop_it(shared: &Shared, launch: &Launch, live: &Live) -> Exit {
    live.stop_asked.notified().await;
    stop::kill_when_silent(launch, live.process.pid, live.pidfd.get_ref(), shared.timing, shared.run_as).await;
    live.killed.store(true, Ordering::Relaxed);
    end_of(live).await
}

async fn end_of(live: &Live) -> Exit {
    loop {
        let readable = live.pidfd.readable().await;
        if let Some(exit) = reap(live) {
            return exit;
        }
        match readable {
            Ok(mut guard) => guard.clear_ready(),
            // The poller failed: what it would have told is asked for.
            Err(_) => tokio::time::sleep(Duration::from_secs(1)).await,
        }
    }
}

/// How it ended, `None` while it lives: the kernel tells how to a parent only.
fn reap(live: &Live) -> Option<Exit> {
    let options = WaitIdOptions::EXITED | WaitIdOptions::NOHANG;
    match waitid(WaitId::PidFd(live.pidfd.as_fd()), options) {
        Ok(status) => status.map(|status| match (status.exit_status(), status.terminating_signal()) {
            (Some(code), _) => Exit::Status(code),
            (_, Some(signal)) => Exit::Signal(signal),
            _ => Exit::Unknown,
        }),
        Err(_) => {
            let alive = Identity::of(live.process.pid).is_ok_and(|now| now.as_ref() == Some(&live.process));
            (!alive).then_some(Exit::Unknown)
        }
    }
}

fn ended(shared: &Shared, launch: &Launch, live: &Live, exit: Exit) {
    let run = shared.lock().get(&launch.instance).and_then(|instance| instance.record.run.clone());
    let Some(run) = run else { return };
    let cause = if run.stopping && live.killed.load(Ordering::Relaxed) {
        Some(cause::killed_after_stop(shared.timing.silence.as_secs()))
    } else if let Some(hung) = hung(shared, &launch.instance, live.process.pid) {
        Some(hung)
    } else {
        why(launch, exit, &run, &live.process, shared.run_as)
    };
    note_end(shared, &launch.instance, exit, cause, run.stopping);
}

/// The end of a process that no agent saw.
pub(super) fn ended_unseen(shared: &Shared, name: &InstanceName, run: &Run) {
    let Some(launch) = shared.lock().get(name).map(|instance| instance.record.launch.clone()) else { return };
    // It never became a process: nothing ended.
    let Some(process) = &run.process else { return shared.lock().get_mut(name).map_or((), |it| it.record.run = None) };
    let other_boot = process.is_of_an_earlier_boot().unwrap_or(false);
    let cause = match other_boot {
        true => Some(cause::host_restarted()),
        false => hung(shared, name, process.pid).or_else(|| why(&launch, Exit::Unknown, run, process, shared.run_as)),
    };
    note_end(shared, name, Exit::Unknown, cause, run.stopping || other_boot);
}

/// The cause for which this agent ended it.
fn hung(shared: &Shared, name: &InstanceName, pid: u32) -> Option<Cause> {
    shared.lock().get(name).and_then(|instance| instance.record.hung(pid))
}

/// Why it ended; `None` for the end of a process that did as it was told.
fn why(launch: &Launch, exit: Exit, run: &Run, process: &Identity, account: Option<Account>) -> Option<Cause> {
    let clean = matches!(exit, Exit::Status(0 | 143) | Exit::Signal(15) | Exit::Unknown);
    (!(run.stopping && clean)).then(|| explain(&evidence::gather(launch, exit, process, &run.marks, account)))
}

fn note_end(shared: &Shared, name: &InstanceName, exit: Exit, cause: Option<Cause>, forgiven: bool) {
    let what = cause.as_ref().map_or("as it was told", |cause| cause.what.as_str());
    match forgiven {
        true => tracing::info!(instance = %name, %exit, "{name}: ended: {what}"),
        false => tracing::error!(instance = %name, %exit, "{name}: ended: {what}"),
    }
    let mut instances = shared.lock();
    let Some(instance) = instances.get_mut(name) else { return };
    let record = &mut instance.record;
    instance.live = None;
    record.run = None;
    record.hung = None;
    record.last_exit = Some(exit);
    record.cause = cause;
    if !forgiven {
        record.backoff.failed(&record.launch.fingerprint, now(), random());
    }
    shared.write(record);
}

/// Wakes the caller when the instance may be started again.
pub(super) async fn tell_after_backoff(shared: Arc<Shared>, name: InstanceName) {
    let hold = || shared.lock().get(&name).and_then(|instance| instance.record.backoff.hold(now()));
    if hold().is_none() {
        return;
    }
    while let Some(rest) = hold() {
        tokio::time::sleep(rest).await;
    }
    shared.tell();
}
