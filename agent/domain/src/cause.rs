//! Why a process ended, or may not start, in one sentence and with what to do about it. In: what a supervisor backend
//! gathered when the process was gone. Out: a [`Cause`] with a stable id. Pure: nothing here looks at the host.
//!
//! Exit statuses and texts are those of real JVMs that ran RocketMQ 4.7.0, 4.9.4 and 5.5.0 (see the tests).

mod found;
mod signs;
mod texts;
mod unmade;

pub use found::{
    address_not_here, folder_unusable, host_restarted, instance_locked, killed_after_stop, port_in_use,
    program_unusable, store_in_use, store_locked,
};
pub use unmade::{in_systemds_words, unmade};

use crate::{
    finding,
    launch::{Cause, Exit, Launch},
};
use std::{fmt, path::PathBuf};

/// Everything that was gathered about a process that ended unasked.
#[derive(Debug, Clone)]
pub struct Evidence<'a> {
    /// What was run.
    pub launch: &'a Launch,
    /// How it ended.
    pub exit: Exit,
    /// The end of what it printed since it was started.
    pub console: String,
    /// The end of each of [`Launch::logs`] as far as it was written since the start.
    pub logs: Vec<String>,
    /// The ports of the launch that another process listens on.
    pub busy_ports: Vec<(u16, Occupant)>,
    /// Who holds the lock of the store.
    pub store_holder: Option<Occupant>,
    /// The file systems that it writes to.
    pub disks: Vec<Disk>,
    /// The memory of the host; `None` where it could not be read.
    pub memory: Option<Memory>,
    /// What the kernel says of its out-of-memory killer.
    pub oom: Oom,
    /// RocketMQ's `abort` file is there: the store was not closed, the next start checks it from end to end.
    pub abort: bool,
}

/// A process that has what an instance needs.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Occupant {
    /// Its process id; `None` where it could not be told.
    pub pid: Option<u32>,
    /// The name of its program; `None` where it could not be told.
    pub program: Option<String>,
}

impl fmt::Display for Occupant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.pid, &self.program) {
            (Some(pid), Some(program)) => write!(f, "pid {pid} ({program})"),
            (Some(pid), None) => write!(f, "pid {pid}"),
            _ => f.write_str("a process that this agent cannot see (another user's, or in another container)"),
        }
    }
}

/// The space of one file system, in bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Disk {
    /// A folder on it that the instance writes to.
    pub path: PathBuf,
    /// What an ordinary account can still write.
    pub free: u64,
    /// All of it.
    pub total: u64,
}

/// The memory of a host, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory {
    /// All of it (`MemTotal`).
    pub total: u64,
    /// What could be had without swapping (`MemAvailable`).
    pub available: u64,
}

/// What the kernel says of its out-of-memory killer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Oom {
    /// Nothing.
    #[default]
    Quiet,
    /// It killed something while the process lived (`oom_kill` of /proc/vmstat went up).
    Struck,
    /// Its log names this process.
    Named,
}

/// Why it ended. Where several things are wrong, the one that a person must change first.
pub fn explain(evidence: &Evidence<'_>) -> Cause {
    by_signal(evidence).or_else(|| texts::by_text(evidence)).unwrap_or_else(|| last_resort(evidence))
}

/// A signal from outside says more than anything that the process wrote before it came.
fn by_signal(evidence: &Evidence<'_>) -> Option<Cause> {
    match evidence.exit {
        Exit::Signal(9) => Some(match evidence.oom {
            Oom::Named => found::oom_killed(evidence, "the kernel's log names it"),
            Oom::Struck => found::oom_killed(evidence, "the kernel's counter of such kills went up while it ran"),
            Oom::Quiet => finding::KILLED.of_known(&[("abort", abort(evidence))]),
        }),
        Exit::Unknown if evidence.oom == Oom::Named => Some(found::oom_killed(evidence, "the kernel's log names it")),
        // A JVM returns 128 + the signal when it ends by one that it has a handler for.
        Exit::Status(143) | Exit::Signal(15) => Some(asked("SIGTERM", evidence)),
        Exit::Status(130) | Exit::Signal(2) => Some(asked("SIGINT", evidence)),
        Exit::Status(129) | Exit::Signal(1) => Some(asked("SIGHUP", evidence)),
        _ => None,
    }
}

fn asked(signal: &str, evidence: &Evidence<'_>) -> Cause {
    finding::STOPPED_BY_OTHERS.of_known(&[("signal", Some(&signal)), ("abort", abort(evidence))])
}

/// The file that says that the store was not closed.
fn abort<'e>(evidence: &Evidence<'_>) -> Option<&'e dyn fmt::Display> {
    evidence.abort.then_some(&"abort" as _)
}

fn last_resort(evidence: &Evidence<'_>) -> Cause {
    if let Some(cause) = found::by_state(evidence) {
        return cause;
    }
    let all_logs = evidence.launch.logs.iter().map(|log| log.display().to_string()).collect::<Vec<_>>().join(", ");
    let console = evidence.launch.console.display();
    let last = texts::last_telling_line(evidence);
    let finding = match evidence.exit {
        Exit::Status(0) => finding::ENDED_BY_ITSELF,
        // RocketMQ 4.5-5.5 BrokerStartup, NamesrvStartup: System.exit(-3) when initialize() returned false.
        Exit::Status(253) => finding::INITIALIZE_FAILED,
        Exit::Unknown => finding::ENDED_UNSEEN,
        _ => finding::ENDED,
    };
    let places = if all_logs.is_empty() { console.to_string() } else { format!("{console}, {all_logs}") };
    finding.of_known(&[
        ("exit", Some(&evidence.exit)),
        ("line", last.as_ref().map(|line| line as _)),
        ("places", Some(&places)),
        ("abort", abort(evidence)),
    ])
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests;
