//! The processes of this host's instances. In: a [`Launch`] and the order to start or stop it. Out: what is known of the
//! process. A supervisor starts nothing that could hurt a store that is in use, whoever asks; when to start, restart or
//! stop is not decided here.

pub mod embedded;
pub mod process;
pub mod sockets;

pub use embedded::{Embedded, Timing};

use rocketmq_agent_domain::{
    launch::{Cause, Launch, ProcessState},
    names::InstanceName,
};
use std::{future::Future, io, path::PathBuf};

/// What came of a start.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Start {
    /// It runs: started now, or found running already.
    Running {
        /// Its process id.
        pid: u32,
    },
    /// It may not be tried yet: the back-off lasts, or the process before it is still stopping. [`Supervisor::changed`]
    /// tells when to ask again.
    HeldBack {
        /// When the back-off ends, milliseconds since 1970; `None` while the old process stops.
        until: Option<u64>,
    },
    /// Something forbids it. It counts as a failed start, so the next try is held back.
    Refused(Cause),
}

/// What could not be found out or done. None of these says that a process does not run.
#[derive(Debug, thiserror::Error)]
pub enum SupervisorError {
    /// The folder that processes are recorded in.
    #[error("cannot use the state folder {path}")]
    StateFolder {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Two agents on one state folder would act on each other's processes.
    #[error("another agent holds {path}")]
    AnotherAgent {
        /// Its lock file.
        path: PathBuf,
    },
    /// A record that is there and cannot be read: the process in it may run.
    #[error("cannot read the record {path}")]
    Record {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// /proc did not answer.
    #[error("cannot look at {what}")]
    Look {
        /// At what.
        what: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A process runs and cannot be watched.
    #[error("cannot watch pid {pid}")]
    Watch {
        /// Which.
        pid: u32,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A process runs and cannot be told to stop.
    #[error("cannot signal pid {pid}")]
    Signal {
        /// Which.
        pid: u32,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// Starts, stops and watches instances. One task calls it; every method but [`Supervisor::changed`] answers soon.
pub trait Supervisor {
    /// The instances that it knows of, whether they run or not.
    fn instances(&self) -> impl Future<Output = Result<Vec<InstanceName>, SupervisorError>> + Send;

    /// What is known of the instance's process. An error is "unknown", never "stopped".
    fn observe(&self, instance: &InstanceName) -> impl Future<Output = Result<ProcessState, SupervisorError>> + Send;

    /// Starts it unless something forbids it. To be called whenever it should run: it is harmless while it runs and
    /// cheap while it is held back. A launch with another fingerprint than the one that failed is not held back.
    fn start(&self, launch: &Launch) -> impl Future<Output = Result<Start, SupervisorError>> + Send;

    /// Asks it to stop and returns; [`Supervisor::observe`] shows `Stopping` until it is gone. Idempotent.
    fn stop(&self, instance: &InstanceName) -> impl Future<Output = Result<(), SupervisorError>> + Send;

    /// It serves, or a person wants it tried at once: its failures are forgotten.
    fn settled(&self, instance: &InstanceName);

    /// Resolves when something changed since the last call: a process ended, or a back-off ran out.
    fn changed(&self) -> impl Future<Output = ()> + Send;

    /// The last lines of what it printed, oldest first; none where it never ran.
    fn last_lines(
        &self,
        instance: &InstanceName,
        count: usize,
    ) -> impl Future<Output = Result<Vec<String>, SupervisorError>> + Send;
}
