//! A site's own certificate for config sync.

use super::{Check, Finding, Host};
use crate::trust::{Identity, Keys};
use std::time::SystemTime;

pub(super) static CHECK: Check = Check {
    id: "certificate",
    what: "This host's own certificate for config sync, where agent.toml names one, is usable and does not run out soon.",
    why: "Other hosts refuse one that has run out: this host takes no change of the cluster file then, and has no vote.",
    run,
    repair: None,
};

fn run(host: &Host) -> Vec<Finding> {
    let Some(files) = host.settings.certificates() else {
        return vec![Finding::skipped("there is none: trust follows from the secret, where there is one")];
    };
    let Ok(it) = &host.inventory else { return vec![Finding::skipped("no cluster file")] };
    let me = Identity { host: it.desired.host.clone(), cluster: it.cluster.topology.name.clone() };
    let now = SystemTime::now();
    vec![match Keys::Own(files).ends(&me, now) {
        Err(error) => Finding::fail(format!("{:#}", anyhow::Error::from(error)), "see docs/config-sync.md"),
        Ok(made) => match made.validity {
            Some(validity) => match validity.remark(now) {
                Some(remark) if validity.holds(now) => Finding::warn(remark, ""),
                Some(remark) => Finding::fail(remark, ""),
                None => Finding::ok(format!("it holds for {}", validity.left(now))),
            },
            None => Finding::skipped("how long it holds is not known"),
        },
    }]
}
