//! Holes that are known in the wanted release.

use super::{Check, Finding, Host};
use rocketmq_agent_domain::releases;

pub(super) static CHECK: Check = Check {
    id: "release",
    what: "The wanted RocketMQ release has no vulnerability that is known.",
    why: "With CVE-2023-33246, for one, whoever reaches a broker's port can run commands on the host.",
    run,
    repair: None,
};

fn run(host: &Host) -> Vec<Finding> {
    let Ok(it) = &host.inventory else { return vec![Finding::skipped("no cluster file")] };
    let version = it.cluster.topology.version;
    let fix = "go to that release or a later one; until then let only your own hosts and clients reach the ports";
    let holes = releases::vulnerabilities(version).map(|hole| Finding::warn(hole.in_words(version), fix));
    let found: Vec<Finding> = holes.collect();
    if found.is_empty() { vec![Finding::ok(format!("RocketMQ {version}"))] } else { found }
}
