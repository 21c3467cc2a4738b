//! The heaps and the memory of this host.

use super::{Check, Finding, Host};
use crate::host;
use rocketmq_agent_domain::desired::{HostFacts, Java, desired};

pub(super) static CHECK: Check = Check {
    id: "memory",
    what: "The heaps of all instances fit into the memory of this host.",
    why: "What does not fit is killed by the kernel, in the middle of the night.",
    run,
    repair: None,
};

fn run(host: &Host) -> Vec<Finding> {
    let Ok(it) = &host.inventory else { return vec![Finding::skipped("no cluster file")] };
    let memory = match host::memory() {
        Ok(memory) => memory,
        Err(error) => return vec![Finding::skipped(error.to_string())],
    };
    let facts = HostFacts { memory, java: Java { program: "/usr/bin/java".into(), release: 17 } };
    vec![match desired(&it.cluster.topology, &it.cluster.placement, &it.desired.host, &facts) {
        Ok(_) => Finding::ok(format!("{memory} of memory are enough for {} instances", it.desired.instances.len())),
        Err(error) => Finding::fail(error.to_string(), "lower the heaps in cluster.toml, or give the host more memory"),
    }]
}
