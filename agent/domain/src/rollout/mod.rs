//! A changed configuration, brought to all instances of a cluster one after another, with no coordinator. In: where
//! everything runs, and what every host's agent reports. Out: whose turn it is, and who waits for whom. Pure.
//!
//! An agent first *announces* a turn in its own report, then asks all the others anew, and only then acts. Of two that
//! announce at the same moment at least one sees the other's announcement, and the later one in the order withdraws. So
//! no two are ever in flight, however old the reports were on which they announced.

mod gate;
mod lend;
mod step;

pub use gate::{Seat, obstacle, order};
pub use lend::{asks, borrowers};
pub use step::{Act, Facts, Outcome, Record, resumed, step};

use crate::{
    desired::Desired,
    health::{
        READ_ONLY,
        broker::{CONFIG_DIFFERS, NAMESRV_NOT_TOLD},
        report::{InstanceReport, State},
    },
    launch::Cause,
    names::InstanceName,
};
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    net::SocketAddr,
    str::FromStr,
};

/// What is done about instances that run with an older configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Restart {
    /// They are restarted in turn, each through its gate.
    Auto,
    /// They are named, and a person restarts them.
    Manual,
}

/// A word that is neither.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be \"manual\" or \"auto\"")]
pub struct RestartError;

impl FromStr for Restart {
    type Err = RestartError;
    fn from_str(text: &str) -> Result<Self, RestartError> {
        match text {
            "auto" => Ok(Self::Auto),
            "manual" => Ok(Self::Manual),
            _ => Err(RestartError),
        }
    }
}

/// Why an instance moves.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verb {
    /// It runs with an older configuration than the one rendered.
    #[default]
    Renew,
    /// A person wants it restarted.
    Restart,
    /// A person wants it stopped.
    Stop,
    /// A master whose slave moves: sends to it would wait for that, so that other masters take them meanwhile.
    Lend,
}

/// What a person wants done with one instance of this host, through the gate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    /// Which.
    pub instance: InstanceName,
    /// What.
    pub verb: Verb,
}

/// How far the restart of an instance is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Phase {
    /// It waits for its turn.
    Waits,
    /// Its agent has said that it is next, and asks the others whether that holds.
    Announced,
    /// A master that is read-only in the route, until nobody sends to it any more.
    Draining,
    /// A slave whose master gives up its writers first.
    MasterDrains,
    /// A master without writers, for as long as its slave is away.
    Drained,
    /// A master whose group is given another one by the controllers, until all are in sync again.
    HandingOver,
    /// It is being stopped.
    Stopping,
    /// It comes back.
    Starting,
    /// Its write permission is given back, as it is not stopped after all.
    Restoring,
}

impl Phase {
    /// Whether something may have been taken from the cluster already.
    pub fn is_in_flight(self) -> bool {
        !matches!(self, Phase::Waits | Phase::Announced)
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Phase::Waits => "waits for its turn",
            Phase::Announced => "is next",
            Phase::Draining => "gives up its writers",
            Phase::MasterDrains => "waits until nobody sends to its master",
            Phase::Drained => "has no writers",
            Phase::HandingOver => "hands its group over to another member",
            Phase::Stopping => "is being stopped",
            Phase::Starting => "comes back",
            Phase::Restoring => "gets its write permission back",
        })
    }
}

/// The restart of one instance, in its report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Turn {
    /// What for.
    #[serde(default)]
    pub verb: Verb,
    /// How far it is.
    pub phase: Phase,
    /// Since when, milliseconds since 1970.
    pub since: u64,
    /// What it waits for.
    pub waits: Option<Cause>,
}

impl Turn {
    /// What happens to it, without what it waits for.
    pub fn in_words(&self) -> String {
        if self.verb == Verb::Lend {
            let phase = if self.phase == Phase::Announced {
                "is to give up its writers".to_owned()
            } else {
                self.phase.to_string()
            };
            return format!("{phase}, as its slave is restarted");
        }
        let before = match (self.phase, self.verb) {
            (Phase::Waits, Verb::Renew) => "runs with an older configuration and ",
            (Phase::Waits, Verb::Restart) => "is to be restarted by hand and ",
            (Phase::Waits, Verb::Stop) => "is to be stopped by hand and ",
            _ => "",
        };
        format!("{before}{}", self.phase)
    }
}

/// An order to stop an instance, as long as it is still that process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stop {
    /// The process; none where there is none, and it is only to stay stopped.
    pub pid: Option<u32>,
    /// It stays stopped until a person starts it, or the host is booted; else it is started as anything that should run.
    pub stays: bool,
}

/// What the loop is told: what to publish, and what to stop.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Turns {
    /// For each instance that is restarted or is to be: how far it is.
    pub turns: BTreeMap<InstanceName, Turn>,
    /// What to stop.
    pub stop: BTreeMap<InstanceName, Stop>,
    /// What may start again, and at once, though a person stopped it or it has failed too often.
    pub start: BTreeSet<InstanceName>,
}

/// A master whose permission the roll-out took runs otherwise than rendered, and that is as it should be. So does what waits
/// for its restart: what only that can put right must not keep the restart from it.
pub fn forgive(report: &mut InstanceReport) {
    let in_flight = report.rollout.as_ref().is_some_and(|turn| turn.phase.is_in_flight());
    if in_flight {
        report.reasons.retain(|it| !(it.id == READ_ONLY || it.id == CONFIG_DIFFERS && it.what.contains(PERMISSION)));
    }
    if report.restart_pending {
        let waits = |it: &Cause| [CONFIG_DIFFERS, NAMESRV_NOT_TOLD].contains(&it.id.as_str());
        let (waiting, reasons) = std::mem::take(&mut report.reasons).into_iter().partition(waits);
        report.reasons = reasons;
        report.warnings.extend::<Vec<Cause>>(waiting);
    }
    if !in_flight && !report.restart_pending {
        return;
    }
    if report.reasons.is_empty() && report.state == State::NotReady {
        report.state = State::Ready;
    }
}

/// Where each instance of a host is told, and brokerPermission by its file.
pub fn told(desired: &Desired) -> BTreeMap<InstanceName, (SocketAddr, String)> {
    let told = desired.instances.iter().map(|instance| {
        let said = instance.broker.as_ref().and_then(|broker| broker.config.get(PERMISSION)).cloned();
        // 6 without a word in the file (4.7.0-5.5.0 `BrokerConfig`).
        (instance.launch.instance.clone(), (instance.address, said.unwrap_or_else(|| "6".to_owned())))
    });
    told.collect()
}

/// The key in broker.conf that masks the permission of all topics in the route.
pub const PERMISSION: &str = "brokerPermission";

#[cfg(test)]
mod tests;
