//! The two members of a group, and what must not come between them: what a member waits for before it starts, that both
//! differ, and a slave that is longer than its master. In: what was observed of this host's members. Out: words for the
//! report, and stops.

use super::{Goal, Reconciler};
use crate::{admission::Admission, clock, supervise::Supervisor};
use rocketmq_agent_domain::{
    admission::Grounds,
    health::{
        SLAVE_AHEAD,
        report::{HostReport, InstanceReport, State},
    },
    launch::{Cause, Role},
    names::InstanceName,
    observed::Observed,
};
use std::collections::BTreeMap;
use tracing::warn;

/// Says of an instance what it waits for, on what grounds it was started, and that it differs from the other member.
pub(super) fn tell(admission: &Admission, differ: &BTreeMap<InstanceName, Cause>, report: &mut InstanceReport) {
    let name = &report.instance;
    if report.pid.is_none() {
        if let Some(pending) = admission.pending(name).filter(|_| report.state == State::Stopped) {
            report.max_offset = pending.end;
            report.reasons = vec![pending.cause];
        }
        return;
    }
    report.warnings.extend(admission.permit(name).and_then(|permit| permit.warning(clock::now())));
    if let Some(cause) = differ.get(name) {
        report.reasons.push(cause.clone());
        if report.state == State::Ready {
            report.state = State::NotReady;
        }
    }
}

impl<S: Supervisor> Reconciler<S> {
    /// A slave that is longer than its master acknowledges what the master sends before it has it: it is ended at once, and
    /// comes back when its master has what it has. The master stops, takes that back, and starts.
    pub(super) async fn keep_apart(&self, goal: &Goal, observed: &Observed, report: &HostReport) {
        for (name, at) in self.channels.cuts.take() {
            if let Err(error) = self.admission.cut(&name, at) {
                warn!(instance = %name, "{name}: {:#}", anyhow::Error::from(error));
                continue;
            }
            self.stop_for_comparison(observed, &name, "its log ends in what is no whole message").await;
        }
        let longer = |it: &&InstanceReport| it.reasons.iter().any(|cause| cause.id == SLAVE_AHEAD);
        for instance in report.instances.iter().filter(longer) {
            let name = &instance.instance;
            if goal.desired.instance(name).is_none_or(|it| it.launch.partner.is_none()) {
                continue;
            }
            match instance.role {
                Role::Slave => self.end_for_comparison(instance).await,
                Role::Master if self.is_to_be_compared(name) => {
                    self.stop_for_comparison(observed, name, "its slave has more than it").await;
                }
                _ => {}
            }
        }
    }

    /// Not where a person has given up what the slave has.
    fn is_to_be_compared(&self, name: &InstanceName) -> bool {
        self.admission.permit(name).is_none_or(|permit| permit.grounds != Grounds::LossAccepted)
    }

    async fn end_for_comparison(&self, instance: &InstanceReport) {
        let name = &instance.instance;
        let Some(cause) = instance.reasons.iter().find(|cause| cause.id == SLAVE_AHEAD) else { return };
        warn!(instance = %name, "{name}: ended before it acknowledges what it does not have: {}", cause.what);
        if let Err(error) = self.admission.hold(name, cause, instance.max_offset) {
            warn!(instance = %name, "{name}: {:#}", anyhow::Error::from(error));
        }
        if let Err(error) = self.supervisor.end(name, cause).await {
            warn!(instance = %name, "{name} cannot be ended: {:#}", anyhow::Error::from(error));
        }
    }

    async fn stop_for_comparison(&self, observed: &Observed, name: &InstanceName, why: &str) {
        if observed.processes.get(name).and_then(super::pid_of).is_none() {
            return;
        }
        warn!(instance = %name, "{name}: stopped and compared with the other member before it starts again: {why}");
        if let Err(error) = self.admission.revoke(name) {
            warn!(instance = %name, "{name}: {:#}", anyhow::Error::from(error));
        }
        if let Err(error) = self.supervisor.stop(name).await {
            warn!(instance = %name, "{name} cannot be stopped: {:#}", anyhow::Error::from(error));
        }
    }
}
