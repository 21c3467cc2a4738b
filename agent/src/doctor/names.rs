//! Host names.

use super::{Check, Finding, Host};
use std::{
    net::{IpAddr, ToSocketAddrs},
    sync::mpsc,
    thread,
    time::Duration,
};

pub(super) static CHECK: Check = Check {
    id: "names",
    what: "This machine's own name can be resolved, and no host of the cluster file resolves to another one's address.",
    why: "The cluster itself goes by addresses. But a JVM asks for its own host's name when it starts, and a resolver that \
          does not answer costs it seconds each time; a name that leads elsewhere misleads people.",
    run,
    repair: None,
};

const ANSWER: Duration = Duration::from_secs(3);

fn run(host: &Host) -> Vec<Finding> {
    let mut findings = Vec::new();
    let own = nix::unistd::gethostname().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
    findings.push(match resolve(&own) {
        Some(found) if !found.is_empty() => Finding::ok(format!("this machine's own name, {own}, is {}", list(&found))),
        Some(_) => Finding::warn(
            format!("this machine's own name, {own}, cannot be resolved"),
            format!("put {own} into /etc/hosts"),
        ),
        None => Finding::warn(
            format!("no answer within {} s for this machine's own name, {own}", ANSWER.as_secs()),
            format!("put {own} into /etc/hosts, or repair the name servers in /etc/resolv.conf"),
        ),
    });
    let Ok(it) = &host.inventory else { return findings };
    let hosts = &it.cluster.topology.hosts;
    for other in hosts {
        let Some(found) = resolve(other.name.as_str()) else { continue };
        let wrong =
            hosts.iter().find(|it| it.name != other.name && found.contains(&it.address) && !it.address.is_loopback());
        if let Some(wrong) = wrong {
            findings.push(Finding::warn(
                format!("{} resolves to {}, which is {} in the cluster file", other.name, wrong.address, wrong.name),
                "put /etc/hosts or the name server right; the cluster itself goes by the file",
            ));
        }
    }
    findings
}

/// `None`: no answer in time. A resolver cannot be told to be quick, so it is left to itself then.
fn resolve(name: &str) -> Option<Vec<IpAddr>> {
    let (sender, receiver) = mpsc::channel();
    let name = name.to_owned();
    thread::spawn(move || {
        let found = (name.as_str(), 0).to_socket_addrs().map(|all| all.map(|it| it.ip()).collect()).unwrap_or_default();
        // Nobody waits any more.
        let _ = sender.send(found);
    });
    receiver.recv_timeout(ANSWER).ok()
}

fn list(found: &[IpAddr]) -> String {
    let mut texts: Vec<String> = found.iter().map(ToString::to_string).collect();
    texts.dedup();
    texts.join(", ")
}
