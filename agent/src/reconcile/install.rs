//! Brings the release onto the host beside the loop: a download must not keep a crashed broker from its restart.

use crate::distribution::{self, Progress, Source, Wanted};
use rocketmq_agent_domain::{
    desired::Desired, launch::Cause, observed::DistributionState, topology::Source as DesiredSource,
};
use std::{
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};
use tokio::sync::Notify;
use tracing::{error, info};

/// A failed installation is tried again after this time: somebody may have put the file in place.
const RETRY: Duration = Duration::from_secs(30);
/// The same for one that is fetched anew each time.
const RETRY_FETCH: Duration = Duration::from_secs(600);

/// What the installer is doing.
#[derive(Debug, Clone)]
enum Work {
    Idle,
    Installing(String),
    Failed { cause: Cause, at: Instant, wanted: Option<DesiredSource> },
}

impl Work {
    /// Whether a failure still holds; with another source it is tried at once.
    fn holds_back(at: Instant, failed: &Option<DesiredSource>, desired: &Desired) -> bool {
        let is_fetched = failed.as_ref().is_some_and(|source| source.location.starts_with("http"));
        *failed == desired.source && at.elapsed() < if is_fetched { RETRY_FETCH } else { RETRY }
    }
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
            Work::Failed { cause, at, wanted } if Work::holds_back(*at, wanted, desired) => {
                DistributionState::Failed(cause.clone())
            }
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
        let tried = desired.source.clone();
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
                    let cause = Cause { id: "install-failed".to_owned(), what, fix };
                    installer.set(Work::Failed { cause, at: Instant::now(), wanted: tried });
                }
            }
            installer.changed.notify_one();
        });
    }
}
