//! From what systemd says of a unit and what was written down to the state of an instance. It looks at /proc for who a
//! process is and with which configuration it was started; it changes nothing.

use super::bus::Snapshot;
use crate::supervise::{SupervisorError, embedded::UNKNOWN_FINGERPRINT, now, process::Identity, record::Record};
use rocketmq_agent_domain::{launch::ProcessState, unit::FINGERPRINT};
use std::fs;

/// The process that a unit runs now; `None` where it has ended since systemd was asked, or there is none.
pub(super) fn process(snapshot: &Snapshot) -> Result<Option<Identity>, SupervisorError> {
    let pid = snapshot.main_pid;
    let look = |source| SupervisorError::Look { what: format!("pid {pid}"), source };
    if pid == 0 { Ok(None) } else { Identity::of(pid).map_err(look) }
}

/// A process that was written down, lives, and is not the unit's: an agent that is the JVMs' parent started it.
pub(super) fn outside(record: &Record, snapshot: &Snapshot) -> Result<Option<Identity>, SupervisorError> {
    let Some(recorded) = record.run.as_ref().and_then(|run| run.process.clone()) else { return Ok(None) };
    if recorded.pid == snapshot.main_pid {
        return Ok(None);
    }
    let look = |source| SupervisorError::Look { what: format!("pid {}", recorded.pid), source };
    Ok(Identity::of(recorded.pid).map_err(look)?.filter(|found| *found == recorded))
}

/// With which launch a process was started: its environment says so. `None` where it does not: it was started by other
/// means, or is about to become java only now.
pub(super) fn fingerprint(pid: u32) -> Option<String> {
    let environment = fs::read(format!("/proc/{pid}/environ")).unwrap_or_default();
    let text = String::from_utf8_lossy(&environment);
    text.split('\0').find_map(|variable| variable.strip_prefix(FINGERPRINT)?.strip_prefix('=')).map(str::to_owned)
}

/// The state that the rest of the agent sees.
pub(super) fn state(record: Option<&Record>, snapshot: &Snapshot) -> Result<ProcessState, SupervisorError> {
    let run = record.and_then(|record| record.run.as_ref());
    if let Some((record, run)) = record.zip(run)
        && let Some(Identity { pid, .. }) = outside(record, snapshot)?
    {
        let (started_at, fingerprint) = (run.started_at, record.launch.fingerprint.clone());
        return Ok(match run.stopping {
            true => ProcessState::Stopping { pid },
            false => ProcessState::Running { pid, started_at, fingerprint },
        });
    }
    let pid = snapshot.main_pid;
    let told_to_stop = run.is_some_and(|run| run.stopping);
    if snapshot.is_stopping() || (pid != 0 && told_to_stop) {
        let recorded = run.and_then(|run| run.process.as_ref()).map_or(0, |process| process.pid);
        return Ok(ProcessState::Stopping { pid: if pid == 0 { recorded } else { pid } });
    }
    if let Some(process) = process(snapshot)? {
        let look = |source| SupervisorError::Look { what: format!("pid {pid}"), source };
        let started_at = process.started_at().map_err(look)?;
        let recorded = || match snapshot.active.as_str() {
            // Not java yet, and started from the unit as it is.
            "activating" => record.map(|record| record.launch.fingerprint.clone()),
            _ => None,
        };
        let fingerprint = fingerprint(pid).or_else(recorded).unwrap_or_else(|| UNKNOWN_FINGERPRINT.to_owned());
        return Ok(ProcessState::Running { pid, started_at, fingerprint });
    }
    let backoff = record.map(|record| record.backoff.clone()).unwrap_or_default();
    if pid != 0 {
        // It has ended, and systemd has not looked yet.
        return Ok(ProcessState::Stopping { pid });
    }
    if let Some((record, cause)) = record.and_then(|record| Some((record, record.stopped_by_hand()?))) {
        return Ok(ProcessState::held(record.last_exit, cause));
    }
    Ok(ProcessState::Stopped {
        last_exit: record.and_then(|record| record.last_exit),
        cause: record.and_then(|record| record.cause.clone()),
        failures: backoff.failures(),
        // Its start is under way and waits for its permit.
        backing_off: backoff.hold(now()).is_some() || snapshot.sub == "start-pre",
        quarantined: backoff.quarantined(),
        next_start_at: backoff.next_start_at(now()),
    })
}
