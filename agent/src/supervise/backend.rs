//! The supervisor of this host, whichever it is: every call goes to the one that was chosen.

use super::{Embedded, Gate, Start, Supervisor, SupervisorError, Systemd};
use rocketmq_agent_domain::{
    launch::{Cause, Launch, ProcessState},
    limits::Limits,
    names::InstanceName,
};
use std::sync::{Arc, Once};

static UNLIMITED: Once = Once::new();

/// Who runs the JVMs.
pub enum Backend {
    /// The agent itself is their parent.
    Embedded(Embedded),
    /// systemd, one unit an instance.
    Systemd(Systemd),
}

impl Backend {
    /// Lets somebody say which instances may start.
    pub fn admitted_by(&self, gate: Arc<dyn Gate>) {
        match self {
            Backend::Embedded(embedded) => embedded.admitted_by(gate),
            Backend::Systemd(systemd) => systemd.admitted_by(gate),
        }
    }

    /// Stops everything in this order and waits until it is gone, where the processes are the agent's own.
    pub async fn shutdown(&self, waves: &[Vec<InstanceName>]) {
        match self {
            Backend::Embedded(embedded) => embedded.shutdown(waves).await,
            Backend::Systemd(_) => {}
        }
    }
}

impl Supervisor for Backend {
    async fn instances(&self) -> Result<Vec<InstanceName>, SupervisorError> {
        match self {
            Backend::Embedded(embedded) => embedded.instances().await,
            Backend::Systemd(systemd) => systemd.instances().await,
        }
    }

    async fn observe(&self, instance: &InstanceName) -> Result<ProcessState, SupervisorError> {
        match self {
            Backend::Embedded(embedded) => embedded.observe(instance).await,
            Backend::Systemd(systemd) => systemd.observe(instance).await,
        }
    }

    async fn start(&self, launch: &Launch) -> Result<Start, SupervisorError> {
        match self {
            Backend::Embedded(embedded) => embedded.start(launch).await,
            Backend::Systemd(systemd) => systemd.start(launch).await,
        }
    }

    async fn stop(&self, instance: &InstanceName) -> Result<(), SupervisorError> {
        match self {
            Backend::Embedded(embedded) => embedded.stop(instance).await,
            Backend::Systemd(systemd) => systemd.stop(instance).await,
        }
    }

    async fn hold(&self, launch: &Launch) -> Result<(), SupervisorError> {
        match self {
            Backend::Embedded(embedded) => embedded.hold(launch).await,
            Backend::Systemd(systemd) => systemd.hold(launch).await,
        }
    }

    fn release(&self, instance: &InstanceName) -> Result<(), SupervisorError> {
        match self {
            Backend::Embedded(embedded) => embedded.release(instance),
            Backend::Systemd(systemd) => systemd.release(instance),
        }
    }

    async fn end(&self, instance: &InstanceName, cause: &Cause) -> Result<(), SupervisorError> {
        match self {
            Backend::Embedded(embedded) => embedded.end(instance, cause).await,
            Backend::Systemd(systemd) => systemd.end(instance, cause).await,
        }
    }

    async fn keep(&self, launch: &Launch) -> Result<(), SupervisorError> {
        match self {
            Backend::Embedded(embedded) => embedded.keep(launch).await,
            Backend::Systemd(systemd) => systemd.keep(launch).await,
        }
    }

    fn wants(&self, launch: &Launch) {
        match self {
            Backend::Embedded(embedded) => embedded.wants(launch),
            Backend::Systemd(systemd) => systemd.wants(launch),
        }
    }

    async fn limit(&self, limits: &Limits) -> Result<(), SupervisorError> {
        match self {
            Backend::Embedded(_) => {
                if *limits != Limits::default() {
                    UNLIMITED.call_once(|| {
                        tracing::warn!(
                            "supervisor = \"embedded\" cannot enforce [limits] of cluster.toml; heaps keep to it"
                        )
                    });
                }
                Ok(())
            }
            Backend::Systemd(systemd) => systemd.limit(limits).await,
        }
    }

    async fn retire(&self, instance: &InstanceName) -> Result<(), SupervisorError> {
        match self {
            Backend::Embedded(embedded) => embedded.retire(instance).await,
            Backend::Systemd(systemd) => systemd.retire(instance).await,
        }
    }

    fn warnings(&self, instance: &InstanceName) -> Vec<Cause> {
        match self {
            Backend::Embedded(embedded) => embedded.warnings(instance),
            Backend::Systemd(systemd) => systemd.warnings(instance),
        }
    }

    fn settled(&self, instance: &InstanceName) {
        match self {
            Backend::Embedded(embedded) => embedded.settled(instance),
            Backend::Systemd(systemd) => systemd.settled(instance),
        }
    }

    async fn changed(&self) {
        match self {
            Backend::Embedded(embedded) => embedded.changed().await,
            Backend::Systemd(systemd) => systemd.changed().await,
        }
    }

    async fn last_lines(&self, instance: &InstanceName, count: usize) -> Result<Vec<String>, SupervisorError> {
        match self {
            Backend::Embedded(embedded) => embedded.last_lines(instance, count).await,
            Backend::Systemd(systemd) => systemd.last_lines(instance, count).await,
        }
    }
}
