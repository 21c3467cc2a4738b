//! Gives a host up: stops its instances, and takes away what the agent made. In: what was applied and recorded. Out: a
//! host without them, and the stores where they were. It is called by `remove`, which asks and tells.
//!
//! `remains` looks, `stop` stops, `sweep` deletes; only the last two change anything.

mod remains;
mod stop;
mod sweep;

pub use remains::{Data, Remains};
pub use stop::{AgentState, agent_state, stop_agent, stop_instances};
pub use sweep::{delete_data, sweep};

use rocketmq_agent_domain::launch::Launch;
use std::{io, path::PathBuf};

/// What could not be looked at or deleted.
#[derive(Debug, thiserror::Error)]
#[error("cannot {doing} {}", path.display())]
pub struct RemoveError {
    doing: &'static str,
    path: PathBuf,
    #[source]
    source: io::Error,
}

fn failed(doing: &'static str, path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> RemoveError {
    move |source| RemoveError { doing, path: path.into(), source }
}

/// An instance that this host has or had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// How it is or was run.
    pub launch: Launch,
    /// The names of the files rendered into its `conf`.
    pub rendered: Vec<String>,
}
