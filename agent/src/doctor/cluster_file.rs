//! The cluster file can be used here.

use super::{Check, Finding, Host};
use crate::cluster::ClusterError;
use rocketmq_agent_domain::meaning::Language;

pub(super) static CHECK: Check = Check {
    id: "cluster-file",
    what: "The cluster file is valid and this host is in it.",
    why: "The agent does not start without it; what is wrong here hides from the checks below.",
    run,
    repair: None,
};

fn run(host: &Host) -> Vec<Finding> {
    let path = host.settings.cluster_file.display();
    vec![match &host.inventory {
        Ok(it) => Finding::ok(format!(
            "{path}: this is {} of {}, {}",
            it.desired.host, it.cluster.topology.name, it.cluster.topology.mode
        )),
        Err(error) => {
            let found =
                Finding::fail(format!("{path}: {error:#}"), "`rocketmq-agent check` shows every mistake with its line");
            let chinese = error.downcast_ref().map(|error: &ClusterError| error.in_words(Language::Chinese));
            Finding { chinese, ..found }
        }
    }]
}
