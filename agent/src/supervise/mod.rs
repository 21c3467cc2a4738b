//! The processes of this host's instances. In: a [`Launch`] and the order to start or stop it. Out: what is known of the
//! process. A supervisor starts nothing that could hurt a store that is in use, whoever asks; when to start, restart or
//! stop is not decided here.

mod backend;
pub mod embedded;
mod ending;
mod evidence;
mod gate;
mod locks;
mod occupied;
mod output;
mod preflight;
pub mod process;
mod record;
pub mod sockets;
pub mod systemd;

pub use backend::Backend;
pub use embedded::{Embedded, Timing};
pub use gate::Gate;
pub use occupied::{lock, occupant_of, recorded, was_started};
pub use systemd::Systemd;

use crate::{clock::now, files::FileError};
use rocketmq_agent_domain::{
    launch::{Cause, Launch, ProcessState},
    limits::Limits,
    names::InstanceName,
    unit::UnitError,
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
    /// systemd does not answer, or does not do it.
    #[error("cannot {doing}")]
    Bus {
        /// What was asked of it.
        doing: String,
        /// Its answer.
        #[source]
        source: Box<zbus::Error>,
    },
    /// A unit file.
    #[error("cannot keep the unit")]
    UnitFile {
        /// Why.
        #[source]
        source: FileError,
    },
    /// An instance that can have no unit.
    #[error("no unit can be made")]
    Unit {
        /// Why.
        #[source]
        source: UnitError,
    },
    /// Units need it.
    #[error("there is no flock (package util-linux)")]
    NoFlock,
}

impl SupervisorError {
    fn bus(doing: String, source: zbus::Error) -> Self {
        Self::Bus { doing, source: Box::new(source) }
    }

    fn unit(source: UnitError) -> Self {
        Self::Unit { source }
    }
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

    /// It stays stopped, once it is, until [`Supervisor::release`] or the next boot, whichever agent there is then.
    fn hold(&self, launch: &Launch) -> impl Future<Output = Result<(), SupervisorError>> + Send;

    /// It may start, and at once, though a person stopped it or it has failed too often. Idempotent.
    fn release(&self, instance: &InstanceName) -> Result<(), SupervisorError>;

    /// Ends it at once, for this cause, and returns; [`Supervisor::observe`] shows `Running` until it is gone, and then a
    /// crash. For a process that does not serve and would not hear [`Supervisor::stop`].
    fn end(&self, instance: &InstanceName, cause: &Cause) -> impl Future<Output = Result<(), SupervisorError>> + Send;

    /// Brings what starts it without the agent up to date, for an instance that runs: its next start, whoever's, is with
    /// this launch. Nothing where only the agent starts it.
    fn keep(&self, launch: &Launch) -> impl Future<Output = Result<(), SupervisorError>> + Send {
        let _ = launch;
        async { Ok(()) }
    }

    /// What it is to be started with next. What failed with another launch, whoever was the agent then, need not wait to
    /// be tried with this one.
    fn wants(&self, launch: &Launch);

    /// Limits what all instances may take together, without a restart. Nothing where nobody can.
    fn limit(&self, limits: &Limits) -> impl Future<Output = Result<(), SupervisorError>> + Send {
        let _ = limits;
        async { Ok(()) }
    }

    /// An instance that left the cluster file: it is left as it is, and does not come back when the host is started
    /// again.
    fn retire(&self, instance: &InstanceName) -> impl Future<Output = Result<(), SupervisorError>> + Send {
        let _ = instance;
        async { Ok(()) }
    }

    /// What is worth knowing about how it runs, as it was last observed.
    fn warnings(&self, instance: &InstanceName) -> Vec<Cause> {
        let _ = instance;
        Vec::new()
    }

    /// It serves: its failures are forgotten.
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

/// From 0 to 1; good enough to spread restarts.
fn random() -> f64 {
    use std::hash::{BuildHasher, Hasher, RandomState};
    f64::from(u32::try_from(RandomState::new().build_hasher().finish() >> 32).unwrap_or(0)) / f64::from(u32::MAX)
}
