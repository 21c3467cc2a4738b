//! The ports of this host's instances.

use super::{Check, Finding, Host};
use crate::supervise::{process, sockets::Sockets};

pub(super) static CHECK: Check = Check {
    id: "ports",
    what: "Each port of each instance is free, or the instance itself listens there; HAProxy's agent-checks have one of their own.",
    why: "A broker whose third port is taken serves for a moment and ends.",
    run,
    repair: None,
};

fn run(host: &Host) -> Vec<Finding> {
    let sockets = match Sockets::read() {
        Ok(sockets) => sockets,
        Err(error) => return vec![Finding::skipped(format!("the ports in use cannot be read: {error}"))],
    };
    let (mut free, mut ours) = (0, 0);
    let clash = host.inventory.as_ref().ok().and_then(|it| it.agent_check_clash(&host.settings));
    let mut findings: Vec<Finding> = clash.into_iter().map(|clash| Finding::fail(clash, "")).collect();
    for instance in host.instances() {
        let own = Host::occupant(instance).ok().flatten().and_then(|occupant| occupant.pid);
        for port in &instance.launch.ports {
            let listening = sockets.listening(*port);
            if listening.is_empty() {
                free += 1;
                continue;
            }
            let owner = process::socket_owner(&listening).unwrap_or_default();
            if owner.pid.is_some() && owner.pid == own {
                ours += 1;
            } else {
                findings.push(Finding::fail(
                    format!("port {port} of {} is taken by {owner}", instance.launch.instance),
                    "end that process, or give the instance another port in cluster.toml",
                ));
            }
        }
    }
    if findings.is_empty() {
        findings.push(Finding::ok(format!("{free} free, {ours} in use by their own instances")));
    }
    findings
}
