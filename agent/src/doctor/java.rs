//! The Java of this host.

use super::{Check, Finding, Host};
use crate::java;
use rocketmq_agent_domain::desired::java_options;

pub(super) static CHECK: Check = Check {
    id: "java",
    what: "There is a Java that the wanted release runs on.",
    why: "4.x ends at once on Java 21; no release runs on less than Java 8.",
    run,
    repair: None,
};

fn run(host: &Host) -> Vec<Finding> {
    let (Ok(it), Some(in_file)) = (&host.inventory, host.in_file()) else {
        return vec![Finding::skipped("no cluster file")];
    };
    if host.instances().is_empty() {
        return vec![Finding::ok("nothing of RocketMQ runs on this host")];
    }
    let version = it.cluster.topology.version;
    let range = java_options::java_range(version);
    vec![match java::find(in_file.java_home.as_deref(), |release| java_options::runs_on(version, release)) {
        Ok(found) => Finding::ok(format!("Java {} in {}", found.full_version, found.home.display())),
        Err(error) => Finding::fail(
            format!("RocketMQ {version} needs {range}: {error}"),
            "install one (openjdk-17-jre-headless, java-17-openjdk-headless), or set java_home in cluster.toml",
        ),
    }]
}
