//! Instances that hang: what of it is reported, logged, and which are to be ended. In: what the probe heard. Out: reports
//! with the hang in them, and orders. The judgement is `rocketmq_agent_domain::hang`.

use crate::probe::Service;
use rocketmq_agent_domain::{
    desired::Instance,
    hang::{self, Policy, Verdict},
    health::report::{InstanceReport, State},
    launch::Cause,
    names::InstanceName,
};
use std::{collections::BTreeMap, time::Instant};
use tracing::{info, warn};

/// What is remembered of hangs.
#[derive(Debug, Default)]
pub struct Hangs {
    /// Which process was ended for a hang, and when.
    ended: BTreeMap<InstanceName, (u32, Instant)>,
    /// Hanging processes that were logged.
    logged: BTreeMap<InstanceName, u32>,
}

impl Hangs {
    /// Puts a silence into the report of its instance; the cause for which it is to be ended now.
    pub fn take_in(
        &mut self,
        policy: Policy,
        instance: &Instance,
        service: Option<&Service>,
        report: &mut InstanceReport,
    ) -> Option<Cause> {
        let name = &instance.launch.instance;
        let heard = service.and_then(|service| Some((service.pid, service.silence.as_ref()?)));
        let Some((pid, silence)) = heard else {
            if let Some(pid) = self.logged.remove(name)
                && service.is_some_and(|service| service.pid == pid)
            {
                info!(instance = %name, pid, "{name} answers again");
            }
            return None;
        };
        let ended = self.ended.get(name);
        let verdict = match hang::judge(policy, silence, ended.map(|(_, at)| at.elapsed())) {
            // It is about to end.
            Verdict::NotNow(_) if ended.is_some_and(|(ended, _)| *ended == pid) => Verdict::End,
            verdict => verdict,
        };
        // Once it has served, or hangs, it is not starting.
        if silence.has_answered || verdict != Verdict::Patience {
            report.state = State::NotReady;
        }
        if verdict == Verdict::Patience {
            return None;
        }
        let port = instance.address.port();
        let cause = hang::cause(&verdict, silence, port, pid);
        if self.logged.insert(name.clone(), pid) != Some(pid) {
            warn!(instance = %name, pid, cause = %cause.id, "{name}: {}; {}", cause.what, cause.fix);
        }
        report.reasons.retain(|reason| reason.id != "not-answering");
        report.reasons.insert(0, cause);
        if verdict != Verdict::End || ended.is_some_and(|(ended, _)| *ended == pid) {
            return None;
        }
        self.ended.insert(name.clone(), (pid, Instant::now()));
        Some(hang::ended(silence, port, pid))
    }
}
