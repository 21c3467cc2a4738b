//! Units that go on as they were. In: looks at units, and that systemd's signals name one. Out: the state of an instance
//! whose process lives and of which systemd has said nothing since it was last asked. Nothing is kept while the signals
//! are not followed, and nothing for long, so that a lost one is made up for.

use super::bus::Snapshot;
use crate::supervise::{
    SupervisorError,
    process::Identity,
    record::{Record, Run},
};
use rocketmq_agent_domain::{launch::ProcessState, names::InstanceName};
use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

/// systemd is asked again after this time, whether it told of anything or not.
const ASKED_EVERY: Duration = Duration::from_secs(60);

/// What was seen of the units that run.
#[derive(Debug, Default)]
pub(super) struct Still {
    is_followed: bool,
    signals: u64,
    kept: BTreeMap<InstanceName, Kept>,
}

#[derive(Debug)]
struct Kept {
    at: Instant,
    process: Identity,
    state: ProcessState,
}

/// When a look began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Since(u64);

impl Still {
    /// Signals come in from now on, or do not any more: what was seen before may be out of date.
    pub fn follow(&mut self, is_followed: bool) {
        self.is_followed = is_followed;
        self.signals += 1;
        self.kept.clear();
    }

    /// systemd says that something about the instance's unit changed.
    pub fn told(&mut self, name: &InstanceName) {
        self.signals += 1;
        self.kept.remove(name);
    }

    /// To be taken before a look whose outcome may be kept.
    pub fn now(&self) -> Since {
        Since(self.signals)
    }

    /// Keeps what a look came to, where the instance runs and nobody is about to change that, and no signal came in
    /// between.
    pub fn keep(&mut self, since: Since, record: &Record, snapshot: &Snapshot, state: &ProcessState) {
        let process = record.run.as_ref().and_then(|run| run.process.as_ref());
        if self.is_followed
            && since == self.now()
            && snapshot.goes_on()
            && matches!(state, ProcessState::Running { .. })
            && let Some(process) = process.filter(|process| process.pid == snapshot.main_pid)
        {
            let kept = Kept { at: Instant::now(), process: process.clone(), state: state.clone() };
            self.kept.insert(record.launch.instance.clone(), kept);
        }
    }

    /// The state of the instance, where it is still the same.
    ///
    /// # Errors
    /// /proc cannot be read.
    pub fn state(&self, record: &Record) -> Result<Option<ProcessState>, SupervisorError> {
        let goes_on = |run: &Run, kept: &Kept| !run.stopping && run.process.as_ref() == Some(&kept.process);
        let kept = self.kept.get(&record.launch.instance).filter(|kept| kept.at.elapsed() < ASKED_EVERY);
        let Some(kept) = kept.filter(|kept| record.run.as_ref().is_some_and(|run| goes_on(run, kept))) else {
            return Ok(None);
        };
        let pid = kept.process.pid;
        let look = |source| SupervisorError::Look { what: format!("pid {pid}"), source };
        let lives = Identity::of(pid).map_err(look)?.as_ref() == Some(&kept.process);
        Ok(lives.then(|| kept.state.clone()))
    }
}
