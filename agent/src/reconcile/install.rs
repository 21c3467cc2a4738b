//! Brings the release onto the host beside the loop: a download must not keep a crashed broker from its restart.

use crate::distribution::{self, Progress, Source, Wanted};
use rocketmq_agent_domain::{desired::Desired, launch::Cause, observed::DistributionState};
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};
use tokio::sync::Notify;
use tracing::{error, info};

/// A failed installation is tried again after this time: somebody may have put the file in place.
const RETRY: Duration = Duration::from_secs(30);

/// What the installer is doing.
#[derive(Debug, Clone)]
enum Work {
    Idle,
    Installing(String),
    Failed(Cause, Instant),
}

/// Installs one release at a time.
#[derive(Debug, Clone)]
pub struct Installer {
    work: Arc<Mutex<Work>>,
    changed: Arc<Notify>,
}

impl Default for Installer {
    fn default() -> Self {
        Self { work: Arc::new(Mutex::new(Work::Idle)), changed: Arc::default() }
    }
}

impl Installer {
    /// How far the release is.
    pub fn observe(&self, desired: &Desired) -> DistributionState {
        if distribution::installed(&desired.distributions, &desired.version.to_string()).is_some() {
            return DistributionState::Installed;
        }
        match &*self.work.lock().unwrap_or_else(PoisonError::into_inner) {
            Work::Installing(progress) => DistributionState::Installing(progress.clone()),
            Work::Failed(cause, at) if at.elapsed() < RETRY => DistributionState::Failed(cause.clone()),
            _ => DistributionState::Missing,
        }
    }

    /// Resolves when an installation ended.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }

    fn set(&self, work: Work) {
        *self.work.lock().unwrap_or_else(PoisonError::into_inner) = work;
    }

    /// Begins, and returns at once.
    pub fn begin(&self, desired: &Desired) {
        let Some(source) = &desired.source else { return };
        let wanted = Wanted {
            version: desired.version.to_string(),
            source: Source::parse(&source.location),
            sha512: source.sha512.clone(),
            into: desired.distributions.clone(),
        };
        info!(version = %wanted.version, source = %source.location, "installing RocketMQ");
        self.set(Work::Installing("beginning".to_owned()));
        let installer = self.clone();
        tokio::spawn(async move {
            let teller = installer.clone();
            let told = move |progress: Progress| teller.set(Work::Installing(progress.to_string()));
            match distribution::ensure(&wanted, told).await {
                Ok(folder) => {
                    info!(folder = %folder.display(), "RocketMQ is installed");
                    installer.set(Work::Idle);
                }
                Err(failure) => {
                    let what = format!("{:#}", anyhow::Error::from(failure));
                    error!(error = %what, "RocketMQ cannot be installed");
                    let fix = "put rocketmq.source (and sha512) in cluster.toml right".to_owned();
                    installer.set(Work::Failed(Cause { id: "install-failed".to_owned(), what, fix }, Instant::now()));
                }
            }
            installer.changed.notify_one();
        });
    }
}
