//! What an agent wrote down about its processes, read by somebody who supervises nothing: the `plan` command. It takes
//! no lock and changes nothing.

use super::watch;
use crate::supervise::{
    SupervisorError, now,
    record::{self, Record},
};
use rocketmq_agent_domain::{launch::ProcessState, names::InstanceName, observed::Fact};
use std::{collections::BTreeMap, path::Path};

/// The processes of these instances, and of others that are recorded below `state`.
pub fn look<'n>(
    state: &Path,
    wanted: impl Iterator<Item = &'n InstanceName>,
) -> BTreeMap<InstanceName, Fact<ProcessState>> {
    let folder = state.join("run");
    let recorded = record::names(&folder).unwrap_or_default();
    let names = wanted.cloned().chain(recorded);
    names.map(|name| (name.clone(), Fact::from(state_of(&folder, &name)))).collect()
}

fn state_of(folder: &Path, name: &InstanceName) -> Result<ProcessState, SupervisorError> {
    let record = Record::read(folder, name)?;
    let running = record.as_ref().map(watch::find).transpose()?.flatten();
    Ok(match (record, running) {
        (Some(Record { run: Some(run), launch, .. }), Some(process)) if !run.stopping => {
            ProcessState::Running { pid: process.pid, started_at: run.started_at, fingerprint: launch.fingerprint }
        }
        (Some(_), Some(process)) => ProcessState::Stopping { pid: process.pid },
        (record, _) => {
            let backoff = record.as_ref().map(|record| record.backoff.clone()).unwrap_or_default();
            ProcessState::Stopped {
                last_exit: record.as_ref().and_then(|record| record.last_exit),
                cause: record.and_then(|record| record.cause),
                failures: backoff.failures(),
                backing_off: backoff.hold(now()).is_some(),
                quarantined: backoff.quarantined(),
                next_start_at: backoff.next_start_at(now()),
            }
        }
    })
}
