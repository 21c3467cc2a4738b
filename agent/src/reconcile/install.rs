//! Brings releases and jars onto the host beside the loop: a download must not keep a crashed broker from its restart.

use crate::distribution::{self, DistributionError, Progress, Source, Wanted, WantedJar};
use rocketmq_agent_domain::{
    desired::{Desired, JarFile},
    finding,
    launch::Cause,
    observed::DistributionState,
};
use std::{
    collections::BTreeMap,
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::{Duration, Instant},
};
use tokio::sync::Notify;
use tracing::{error, info};

/// A failed installation is tried again after this time: somebody may have put the file in place.
const RETRY: Duration = Duration::from_secs(30);
/// The same for one that is fetched anew each time.
const RETRY_FETCH: Duration = Duration::from_secs(600);

/// Where something comes from, and its checksum.
type From = (String, Option<String>);

/// What is being done about one folder or file.
#[derive(Debug, Clone)]
enum Work {
    Installing(String),
    Failed { cause: Cause, at: Instant, from: From },
}

/// Installs; what is under way by where it is to be.
#[derive(Debug, Clone, Default)]
pub struct Installer {
    works: Arc<Mutex<BTreeMap<PathBuf, Work>>>,
    changed: Arc<Notify>,
}

impl Installer {
    /// How far the release is.
    pub fn observe(&self, desired: &Desired) -> DistributionState {
        let version = desired.version.to_string();
        let is_there = distribution::installed(&desired.distributions, &version).is_some();
        self.state(is_there, &desired.distributions.join(version), release_from(desired).as_ref())
    }

    /// How far a jar is.
    pub fn observe_jar(&self, jar: &JarFile) -> DistributionState {
        self.state(jar.path.is_file(), &jar.path, Some(&jar_from(jar)))
    }

    fn state(&self, is_there: bool, target: &PathBuf, wanted: Option<&From>) -> DistributionState {
        if is_there {
            return DistributionState::Installed;
        }
        match self.works.lock().unwrap_or_else(PoisonError::into_inner).get(target) {
            Some(Work::Installing(progress)) => DistributionState::Installing(progress.clone()),
            // With another source it is tried at once.
            Some(Work::Failed { cause, at, from }) if Some(from) == wanted && at.elapsed() < retry(from) => {
                DistributionState::Failed(cause.clone())
            }
            _ => DistributionState::Missing,
        }
    }

    /// Resolves when an installation ended.
    pub async fn changed(&self) {
        self.changed.notified().await;
    }

    fn set(&self, target: &PathBuf, work: Option<Work>) {
        let mut works = self.works.lock().unwrap_or_else(PoisonError::into_inner);
        match work {
            Some(work) => drop(works.insert(target.clone(), work)),
            None => drop(works.remove(target)),
        }
    }

    /// Begins with the release, and returns at once.
    pub fn begin(&self, desired: &Desired) {
        let Some(from) = release_from(desired) else { return };
        let wanted = Wanted {
            version: desired.version.to_string(),
            source: Source::parse(&from.0),
            sha512: from.1.clone(),
            into: desired.distributions.clone(),
        };
        let (what, fix) =
            (format!("RocketMQ {}", wanted.version), ["rocketmq.source", "rocketmq.sha512"].map(str::to_owned));
        let told = self.begun(&wanted.into.join(&wanted.version), &what, &from);
        let installer = self.clone();
        tokio::spawn(async move {
            let target = wanted.into.join(&wanted.version);
            let done = distribution::ensure(&wanted, told).await;
            installer.ended(target, &what, fix, from, done.map(|_| ()));
        });
    }

    /// The same with a jar.
    pub fn begin_jar(&self, jar: &JarFile) {
        let from = jar_from(jar);
        let (source, sha256) = (jar.jar.location.clone(), jar.jar.sha256.clone());
        let wanted = WantedJar { source, sha256, path: jar.path.clone() };
        let what = format!("the {}'s jar", jar.jar.role);
        let fix = ["source", "sha256"].map(|key| format!("{}.{key}", jar.jar.role));
        let told = self.begun(&wanted.path, &what, &from);
        let installer = self.clone();
        tokio::spawn(async move {
            let done = distribution::ensure_jar(&wanted, told).await;
            installer.ended(wanted.path, &what, fix, from, done);
        });
    }

    /// Says so; gives who is to be told how far it is.
    fn begun(&self, target: &PathBuf, what: &str, from: &From) -> impl Fn(Progress) + Send + 'static {
        info!(source = %from.0, "installing {what}");
        self.set(target, Some(Work::Installing("beginning".to_owned())));
        let (installer, target) = (self.clone(), target.clone());
        move |progress: Progress| installer.set(&target, Some(Work::Installing(progress.to_string())))
    }

    fn ended(
        &self,
        target: PathBuf,
        what: &str,
        [source, sum]: [String; 2],
        from: From,
        done: Result<(), DistributionError>,
    ) {
        match done {
            Ok(()) => {
                info!(path = %target.display(), "{what} is installed");
                self.set(&target, None);
            }
            Err(failure) => {
                let why = format!("{:#}", anyhow::Error::from(failure));
                error!(error = %why, "{what} cannot be installed");
                let cause = finding::INSTALL_FAILED.of(&[("why", &why), ("source", &source), ("sum", &sum)]);
                self.set(&target, Some(Work::Failed { cause, at: Instant::now(), from }));
            }
        }
        self.changed.notify_one();
    }
}

fn release_from(desired: &Desired) -> Option<From> {
    desired.source.as_ref().map(|source| (source.location.clone(), source.sha512.clone()))
}

fn jar_from(jar: &JarFile) -> From {
    (jar.jar.location.clone(), Some(jar.jar.sha256.clone()))
}

fn retry(from: &From) -> Duration {
    if from.0.starts_with("http") { RETRY_FETCH } else { RETRY }
}
