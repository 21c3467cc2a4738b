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

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;

    fn report(ready: bool) -> Option<Arc<HostReport>> {
        let json = serde_json::json!({
            "host": "vm1", "cluster": "c", "mode": "single", "rocketmq": "5.5.0", "agent": "0.1.0", "at": 0,
            "cluster_file": "", "placement": "", "ready": ready, "blocked": [], "steps": [], "not_in_file": [],
            "instances": [{
                "instance": "broker-a", "role": "master", "broker_id": 0, "address": "10.0.0.1:10911",
                "state": "ready", "answers": true, "pid": 1, "started_at": 1, "version": "V5_5_0", "reasons": [],
                "warnings": [], "lag": 0, "max_offset": 0, "no_history_before": null, "missing_history": null,
                "restart_pending": false, "failures": 0, "next_start_at": null, "figures": { "a": 1.0 },
            }],
        });
        Some(Arc::new(serde_json::from_value(json).unwrap()))
    }

    /// Where the bytes of every kept answer lie.
    fn places(newest: &Newest) -> Vec<*const u8> {
        let snapshot = newest.get().unwrap();
        let instance = |asked| snapshot.instance("broker-a", asked);
        let kept = [snapshot.verbose(), snapshot.host(), snapshot.metrics(), snapshot.page()];
        let health = [snapshot.readyz(), instance(Asked::Any), instance(Asked::Master), instance(Asked::Slave)];
        kept.into_iter().chain(health).map(|answer| answer.body.as_ptr()).collect()
    }

    #[test]
    fn an_answer_is_made_once_for_a_snapshot_and_anew_for_the_next() {
        let (publish, published) = watch::channel(report(true));
        let newest = Newest::new(published);
        let first = newest.get().unwrap();
        let places_of_first = places(&newest);
        assert_eq!(places(&newest), places_of_first);
        publish.send_replace(report(false));
        let second = newest.get().unwrap();
        assert!(!Arc::ptr_eq(&first, &second));
        assert_eq!((first.readyz().status, second.readyz().status), (StatusCode::OK, StatusCode::SERVICE_UNAVAILABLE));
        // The first snapshot is still held, so that its places cannot have been given away: the large ones differ.
        assert!(places(&newest)[..4].iter().zip(&places_of_first[..4]).all(|(new, old)| new != old));
        publish.send_replace(None);
        assert!(newest.get().is_none());
    }
}
