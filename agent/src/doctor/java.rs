//! The Java of this host.

use super::{Check, Finding, Host};
use crate::java;
use rocketmq_agent_domain::desired::javas;

pub(super) static CHECK: Check = Check {
    id: "java",
    what: "There is a Java that the wanted release runs on.",
    why: "No release runs on less than Java 8; which runs on which was tried is in docs/java.md.",
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
    vec![match java::find(in_file.java_home.as_deref(), javas::accepts) {
        Ok(found) => {
            let tried = match javas::tried(version) {
                Some(javas) if javas.contains(&found.version) => format!("RocketMQ {version} was tried on it"),
                _ => format!("RocketMQ {version} was not tried on it, and is expected to run"),
            };
            Finding::ok(format!("Java {} in {}; {tried}", found.full_version, found.home.display()))
        }
        Err(error) => Finding::fail(
            format!("RocketMQ {version} needs {}: {error}", javas::range()),
            "install one (openjdk-17-jre-headless, java-17-openjdk-headless), or set java_home in cluster.toml",
        ),
    }]
}
