//! The agent as the parent of its JVMs: for containers, laptops, tests, and hosts without systemd. In: launches. Out:
//! processes that outlive the agent, and are known again by the next one. What to start and when is the caller's to say.
//!
//! One record a run (`record`), one lock an instance (`locks`), one task a process (`watch`). Nothing restarts by itself:
//! a process that ends is told by `changed`, and the caller starts it again.

mod calls;
mod look;
mod spawn;
mod state;
mod stop;
mod watch;

pub use look::look;

use self::{
    state::{Instance, Shared},
    watch::Live,
};
use super::{
    Gate, Start, Supervisor, SupervisorError, now, output,
    process::Identity,
    random,
    record::{self, Record, Run},
};
use crate::accounts::Account;
use rocketmq_agent_domain::{
    launch::{Cause, Launch},
    names::InstanceName,
};
use std::{
    fs::File,
    path::Path,
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::Duration,
};
use tokio::{sync::watch as channel, task::JoinSet};

/// How patient the supervisor is with a process that does not stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// After [`Launch::stop_deadline`]: how long nothing must have been written before it is killed.
    pub silence: Duration,
    /// How often that is looked at.
    pub poll: Duration,
}

/// The fingerprint of a process that runs and whose launch nobody wrote down: equal to no launch's.
pub const UNKNOWN_FINGERPRINT: &str = "unknown";

/// The supervisor. Dropping it leaves every process running.
pub struct Embedded {
    shared: Arc<Shared>,
    tasks: Mutex<JoinSet<()>>,
    seen: tokio::sync::Mutex<channel::Receiver<u64>>,
    // Held for as long as this supervises.
    _only_one: File,
}

impl Embedded {
    /// Takes over the records below `state` and the processes in them that still run, undisturbed. Raises the limit of
    /// open files of this process, and sets its umask. To be called in a tokio runtime.
    ///
    /// # Errors
    /// The folder cannot be used, or another agent uses it. A single instance that cannot be looked at is an error of its
    /// own observation, not of this.
    pub fn open(state: &Path, run_as: Option<Account>, timing: Timing) -> Result<Self, SupervisorError> {
        let folder = state.join("run");
        let only_one = record::open(&folder)?;
        let unusable = |source| SupervisorError::StateFolder { path: folder.clone(), source };
        let names = record::names(&folder).map_err(unusable)?;
        spawn::raise_open_files();
        // As the units have it: the copy that a broker makes of its broker.conf when it is changed online can hold a key.
        rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o027));
        let (changes, seen) = channel::channel(0);
        let gate = OnceLock::new();
        let shared = Shared { folder, run_as, timing, instances: Mutex::default(), changes, gate };
        let embedded = Self {
            shared: Arc::new(shared),
            tasks: Mutex::default(),
            seen: tokio::sync::Mutex::new(seen),
            _only_one: only_one,
        };
        for name in names {
            if let Err(error) = embedded.know(&name) {
                let error = anyhow::Error::new(error);
                tracing::error!(instance = %name, error = format!("{error:#}"), "{name}: what became of it is unknown");
            }
        }
        Ok(embedded)
    }

    /// Lets somebody say which instances may start.
    pub fn admitted_by(&self, gate: Arc<dyn Gate>) {
        // There is one for as long as the agent lives.
        let _ = self.shared.gate.set(gate);
    }

    /// Stops everything, one wave after the other (slaves, masters, NameServers), what is in none of them last, and
    /// waits until all of it is gone. A store that is still written is waited for, however long it takes.
    pub async fn shutdown(&self, waves: &[Vec<InstanceName>]) {
        let rest: Vec<InstanceName> = self.shared.lock().keys().cloned().collect();
        let mut changes = self.shared.changes.subscribe();
        for wave in waves.iter().chain([&rest]) {
            let mut waiting = Vec::new();
            for instance in wave {
                match self.stop(instance).await {
                    Ok(()) => waiting.push(instance),
                    Err(error) => tracing::error!(%instance, %error, "{instance}: cannot be told to stop"),
                }
            }
            let runs = |name: &&&InstanceName| self.shared.lock().get(name).is_some_and(|it| it.live.is_some());
            while let Some(instance) = waiting.iter().find(runs) {
                tracing::info!(%instance, "{instance}: waiting for it to stop");
                // The sender lives as long as this object does.
                let _ = changes.changed().await;
            }
        }
    }

    /// Makes sure that what a record says of an instance is known, and its process, if it runs, is watched.
    fn know(&self, name: &InstanceName) -> Result<(), SupervisorError> {
        if self.shared.lock().contains_key(name) {
            return Ok(());
        }
        let Some(record) = Record::read(&self.shared.folder, name)? else { return Ok(()) };
        let running = watch::find(&record)?;
        let run = record.run.clone();
        let launch = record.launch.clone();
        self.shared.lock().insert(name.clone(), Instance { record, live: None });
        match (running, run) {
            (Some(process), Some(run)) => {
                tracing::info!(instance = %name, pid = process.pid, "{name}: runs, started by an earlier agent");
                let adopted = self.adopt(&launch, Run { process: Some(process), ..run });
                if adopted.is_err() {
                    self.shared.lock().remove(name);
                }
                adopted.map(drop)
            }
            (_, Some(run)) => {
                watch::ended_unseen(&self.shared, name, &run);
                self.wake_after_backoff(name);
                Ok(())
            }
            (_, None) => Ok(()),
        }
    }

    /// Watches a process from now on.
    fn adopt(&self, launch: &Launch, run: Run) -> Result<u32, SupervisorError> {
        let Some(process) = run.process.clone() else { return Ok(0) };
        let live = Live::open(process.clone())?;
        let stopping = run.stopping;
        {
            let mut instances = self.shared.lock();
            let instance = instances.entry(launch.instance.clone()).or_insert_with(|| Instance::new(launch));
            instance.record.launch = launch.clone();
            instance.record.run = Some(run);
            instance.live = Some(live.clone());
            self.shared.write(&instance.record);
        }
        if stopping {
            live.stop_asked.notify_one();
        }
        let shared = Arc::clone(&self.shared);
        self.spawn(watch::until_it_ends(shared, launch.clone(), live));
        self.shared.tell();
        Ok(process.pid)
    }

    fn refuse(&self, launch: &Launch, cause: Cause) -> Start {
        {
            let mut instances = self.shared.lock();
            let instance = instances.entry(launch.instance.clone()).or_insert_with(|| Instance::new(launch));
            instance.record.launch = launch.clone();
            instance.record.run = None;
            instance.record.cause = Some(cause.clone());
            instance.record.backoff.failed(&launch.fingerprint, now(), random());
            self.shared.write(&instance.record);
        }
        tracing::warn!(instance = %launch.instance, cause = %cause.id, "{}: not started: {}", launch.instance, cause.what);
        self.wake_after_backoff(&launch.instance);
        Start::Refused(cause)
    }

    fn wake_after_backoff(&self, name: &InstanceName) {
        self.spawn(watch::tell_after_backoff(Arc::clone(&self.shared), name.clone()));
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = self.tasks.lock().unwrap_or_else(PoisonError::into_inner);
        while tasks.try_join_next().is_some() {}
        tasks.spawn(task);
    }

    fn spawn_process(&self, launch: &Launch, lock: File) -> Result<Start, SupervisorError> {
        if let Err(error) = output::rotate_console(launch) {
            tracing::warn!(instance = %launch.instance, %error, "{}: cannot put its long console aside", launch.instance);
        }
        let run = Run { process: None, started_at: now(), stopping: false, marks: output::marks(launch) };
        let mut record =
            self.shared.lock().get(&launch.instance).map_or_else(|| Record::new(launch), |it| it.record.clone());
        record.launch = launch.clone();
        record.run = Some(run.clone());
        // Written before there is a process: should the agent die in between, the lock's holder is known for what it is.
        self.shared.write(&record);
        let pid = match spawn::spawn(launch, self.shared.run_as, lock) {
            Ok(pid) => pid,
            Err(cause) => return Ok(self.refuse(launch, cause)),
        };
        tracing::info!(instance = %launch.instance, pid, program = %launch.program.display(), "{}: started", launch.instance);
        // It is our child and not waited for yet, so the pid is its own even where it has ended by now.
        let adopted =
            watch::identity_of_child(pid).and_then(|process| self.adopt(launch, Run { process: Some(process), ..run }));
        if adopted.is_err() {
            // It runs and cannot be watched. Whoever asks next finds it by its record and its lock.
            self.shared.lock().remove(&launch.instance);
        }
        adopted.map(|pid| Start::Running { pid })
    }

    /// A JVM of this instance that nobody had written down.
    fn adopt_found(
        &self,
        launch: &Launch,
        process: Identity,
        arguments: Vec<String>,
    ) -> Result<Start, SupervisorError> {
        tracing::warn!(instance = %launch.instance, pid = process.pid, "{}: runs already and was not recorded; taken over", launch.instance);
        let look = |source| SupervisorError::Look { what: format!("pid {}", process.pid), source };
        let started_at = process.started_at().map_err(look)?;
        // With which files it was started cannot be told any more, so it equals no launch.
        let launch = Launch { arguments, fingerprint: UNKNOWN_FINGERPRINT.to_owned(), ..launch.clone() };
        let run = Run { process: Some(process), started_at, stopping: false, marks: output::marks(&launch) };
        let pid = self.adopt(&launch, run)?;
        Ok(Start::Running { pid })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests;
