//! What was published last, with every answer that depends on nothing else: made when it is first asked for, kept
//! until the next snapshot. Probes come many times a second from several load balancers, snapshots every few seconds.

use super::{
    answer::{Answer, Kind},
    health::{self, InstanceAnswers},
    metrics, page,
};
use axum::http::StatusCode;
use rocketmq_agent_domain::{
    health::report::{HostReport, InstanceReport},
    size::Size,
};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use tokio::sync::watch;

/// A published report and the answers made from it.
#[derive(Debug)]
pub(super) struct Snapshot {
    /// As the loop published it; tells this snapshot from the next.
    published: Arc<HostReport>,
    /// As it is shown.
    pub report: Arc<HostReport>,
    readyz: OnceLock<Answer>,
    verbose: OnceLock<Answer>,
    instances: OnceLock<Vec<InstanceAnswers>>,
    host: OnceLock<Answer>,
    metrics: OnceLock<Answer>,
    page: OnceLock<Answer>,
}

/// Which role was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Asked {
    Any,
    Master,
    Slave,
    SlaveWithin(Size),
}

impl Snapshot {
    fn of(published: Arc<HostReport>) -> Self {
        Self {
            report: readable(&published),
            published,
            readyz: OnceLock::new(),
            verbose: OnceLock::new(),
            instances: OnceLock::new(),
            host: OnceLock::new(),
            metrics: OnceLock::new(),
            page: OnceLock::new(),
        }
    }

    pub fn readyz(&self) -> Answer {
        self.readyz.get_or_init(|| health::readyz(&self.report)).clone()
    }

    pub fn verbose(&self) -> Answer {
        self.verbose.get_or_init(|| health::verbose(&self.report)).clone()
    }

    pub fn instance(&self, name: &str, asked: Asked) -> Answer {
        let reports = &self.report.instances;
        let Some(index) = reports.iter().position(|report| report.instance.as_str() == name) else {
            return health::not_here(&self.report);
        };
        let answers = || &self.instances.get_or_init(|| reports.iter().map(InstanceAnswers::of).collect())[index];
        match asked {
            Asked::Any => answers().any.clone(),
            Asked::Master => answers().master.clone(),
            Asked::Slave => answers().slave.clone(),
            Asked::SlaveWithin(max_lag) => health::slave_within(&reports[index], max_lag),
        }
    }

    pub fn host(&self) -> Answer {
        self.host.get_or_init(|| Answer::json(&*self.report)).clone()
    }

    pub fn metrics(&self) -> Answer {
        self.metrics.get_or_init(|| openmetrics(Some(self.report.clone()))).clone()
    }

    pub fn page(&self) -> Answer {
        self.page.get_or_init(|| page::with(&self.report)).clone()
    }
}

/// JSON has no NaN: serde_json would write `null`, which no reader takes for a number. Such a figure is left out.
fn readable(report: &Arc<HostReport>) -> Arc<HostReport> {
    let finite = |instance: &InstanceReport| instance.figures.values().all(|value| value.is_finite());
    if report.instances.iter().all(finite) {
        return report.clone();
    }
    let mut report = HostReport::clone(report);
    for instance in &mut report.instances {
        instance.figures.retain(|_, value| value.is_finite());
    }
    Arc::new(report)
}

/// `/metrics`; before the first pass only what is known of the agent itself.
pub(super) fn openmetrics(report: Option<Arc<HostReport>>) -> Answer {
    match metrics::text(report) {
        Ok(text) => Answer { status: StatusCode::OK, kind: Kind::Metrics, body: text.into() },
        Err(error) => Answer::text(StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")),
    }
}

/// The newest snapshot with its answers.
#[derive(Debug)]
pub(super) struct Newest {
    report: watch::Receiver<Option<Arc<HostReport>>>,
    kept: Mutex<Option<Arc<Snapshot>>>,
}

impl Newest {
    pub fn new(report: watch::Receiver<Option<Arc<HostReport>>>) -> Self {
        Self { report, kept: Mutex::new(None) }
    }

    /// What was published last, however short a time ago.
    pub fn get(&self) -> Option<Arc<Snapshot>> {
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let report = self.report.borrow();
        let report = report.as_ref()?;
        match &*kept {
            // The kept snapshot holds its report, so that the address cannot have been given to another one.
            Some(snapshot) if Arc::ptr_eq(&snapshot.published, report) => Some(snapshot.clone()),
            _ => Some(kept.insert(Arc::new(Snapshot::of(report.clone()))).clone()),
        }
    }
}
