//! Stopping: the agent first, which would start again what is stopped, then the instances through whoever runs them.

use super::Known;
use crate::{
    accounts::Account,
    settings::{Settings, SupervisorKind},
    supervise::{
        Embedded, Supervisor, SupervisorError, Systemd, Timing, occupant_of,
        systemd::{self, removal},
    },
};
use rocketmq_agent_domain::{
    launch::{Launch, ProcessState},
    names::InstanceName,
    removal::waves,
};
use std::{fs::File, path::PathBuf, time::Duration};
use tokio::time::sleep;

const LOOK_EVERY: Duration = Duration::from_millis(200);

/// Whether an agent works on this host now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AgentState {
    /// None does.
    Away,
    /// rocketmq-agent.service, which systemd can be asked to stop.
    Unit,
    /// One that somebody started otherwise.
    ByHand {
        /// The lock that it holds.
        lock: PathBuf,
    },
}

/// Looks for an agent.
///
/// # Errors
/// systemd does not answer, or the lock cannot be asked.
pub async fn agent_state(settings: &Settings) -> Result<AgentState, SupervisorError> {
    if removal::agent_runs().await? {
        return Ok(AgentState::Unit);
    }
    let lock = settings.state_dir.join("run/agent.lock");
    let Ok(file) = File::open(&lock) else { return Ok(AgentState::Away) };
    match file.try_lock_shared() {
        Err(std::fs::TryLockError::WouldBlock) => Ok(AgentState::ByHand { lock }),
        _ => Ok(AgentState::Away),
    }
}

/// Stops and disables the agent's unit.
///
/// # Errors
/// systemd does not do it.
pub async fn stop_agent() -> Result<(), SupervisorError> {
    removal::stop_agent().await
}

/// Stops these instances cleanly, slaves first and the NameServer last, waits for as long as it takes, and takes their
/// units away. Gives the unit files that are gone.
///
/// # Errors
/// One cannot be stopped; then what comes after it was not stopped either.
pub async fn stop_instances(
    settings: &Settings,
    account: Option<Account>,
    known: &[Known],
    units: &removal::UnitFiles,
    told: impl Fn(&InstanceName),
) -> Result<Vec<PathBuf>, SupervisorError> {
    let order = waves(known.iter().map(|it| (&it.launch.instance, it.launch.role)));
    let by_units = !units.instances.is_empty() && systemd::is_booted();
    if settings.supervisor == SupervisorKind::Systemd || by_units {
        let backend = Systemd::open(&settings.state_dir, account)?;
        stop_in_waves(&backend, known, &order, &told).await?;
        return backend.remove_units(units).await;
    }
    let backend = Embedded::open(&settings.state_dir, account, Timing::default())?;
    stop_in_waves(&backend, known, &order, &told).await?;
    Ok(Vec::new())
}

async fn stop_in_waves(
    backend: &impl Supervisor,
    known: &[Known],
    order: &[Vec<InstanceName>],
    told: &impl Fn(&InstanceName),
) -> Result<(), SupervisorError> {
    let launch_of = |name: &InstanceName| known.iter().map(|it| &it.launch).find(|launch| launch.instance == *name);
    for wave in order {
        for name in wave {
            if launch_of(name).map(runs).transpose()?.unwrap_or_default() {
                told(name);
            }
            // Also where nothing runs: a unit may be about to be started again.
            backend.stop(name).await?;
        }
        for name in wave {
            while !matches!(backend.observe(name).await?, ProcessState::Stopped { .. }) {
                sleep(LOOK_EVERY).await;
            }
        }
    }
    Ok(())
}

fn runs(launch: &Launch) -> Result<bool, SupervisorError> {
    Ok(occupant_of(launch)?.is_some())
}
