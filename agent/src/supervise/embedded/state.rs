//! What is known of the instances while the agent lives. In: what tasks and callers note down. Out: the state of an
//! instance. It looks at nothing itself.

use super::{Timing, watch::Live};
use crate::{
    accounts::Account,
    supervise::{Gate, record::Record},
};
use rocketmq_agent_domain::{
    launch::{Launch, ProcessState},
    names::InstanceName,
};
use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
};
use tokio::sync::watch as channel;

/// What the supervisor shares with the task of each process.
pub(super) struct Shared {
    pub folder: PathBuf,
    pub run_as: Option<Account>,
    pub timing: Timing,
    pub instances: Mutex<BTreeMap<InstanceName, Instance>>,
    pub changes: channel::Sender<u64>,
    /// Who admits instances, where somebody does.
    pub gate: OnceLock<Arc<dyn Gate>>,
}

/// One instance.
pub(super) struct Instance {
    pub record: Record,
    pub live: Option<Live>,
}

impl Shared {
    /// The instances; never to be held while waiting.
    pub fn lock(&self) -> MutexGuard<'_, BTreeMap<InstanceName, Instance>> {
        self.instances.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The state of an instance, as [`Instance::state`], held back while its permit is sought.
    pub fn state(&self, name: &InstanceName, instance: &Instance, now: u64) -> ProcessState {
        let mut state = instance.state(now);
        if let ProcessState::Stopped { backing_off, .. } = &mut state {
            *backing_off |= self.gate.get().is_some_and(|gate| gate.is_seeking(name));
        }
        state
    }

    /// Wakes whoever waits for a change.
    pub fn tell(&self) {
        self.changes.send_modify(|count| *count += 1);
    }

    /// What cannot be written is not lost while this agent lives, and a JVM is known by its lock after that.
    pub fn write(&self, record: &Record) {
        if let Err(error) = record.write(&self.folder) {
            tracing::warn!(instance = %record.launch.instance, %error, folder = %self.folder.display(), "{}: cannot write its record", record.launch.instance);
        }
    }
}

impl Instance {
    /// One that never ran.
    pub fn new(launch: &Launch) -> Self {
        Self { record: Record::new(launch), live: None }
    }

    /// Its state as the rest of the agent sees it; `now` in milliseconds since 1970.
    pub fn state(&self, now: u64) -> ProcessState {
        let record = &self.record;
        let (Some(live), Some(run)) = (&self.live, &record.run) else {
            if let Some(cause) = record.stopped_by_hand() {
                return ProcessState::held(record.last_exit, cause);
            }
            let backoff = &record.backoff;
            return ProcessState::Stopped {
                last_exit: record.last_exit,
                cause: record.cause.clone(),
                failures: backoff.failures(),
                backing_off: backoff.hold(now).is_some(),
                quarantined: backoff.quarantined(),
                next_start_at: backoff.next_start_at(now),
            };
        };
        let pid = live.process.pid;
        if run.stopping {
            return ProcessState::Stopping { pid };
        }
        ProcessState::Running { pid, started_at: run.started_at, fingerprint: record.launch.fingerprint.clone() }
    }
}
