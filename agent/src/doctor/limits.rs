//! The limits that the JVMs run under.

use super::{Check, Finding, Host, sysctl};
use crate::accounts;
use std::fs;

pub(super) static CHECK: Check = Check {
    id: "limits",
    what: "The JVMs may open 655350 files.",
    why: "/etc/security/limits.conf does not hold for services, so what RocketMQ's os.sh writes there changes nothing.",
    run,
    repair: None,
};

/// What RocketMQ's os.sh asks for (4.5-5.5).
const OPEN_FILES: u64 = 655_350;

fn run(host: &Host) -> Vec<Finding> {
    let mut findings = Vec::new();
    for instance in host.instances() {
        let Ok(Some(occupant)) = Host::occupant(instance) else { continue };
        let Some(limit) = occupant.pid.and_then(open_files_of) else { continue };
        let name = &instance.launch.instance;
        findings.push(match limit {
            OPEN_FILES.. => Finding::ok(format!("{name} may open {limit} files")),
            _ => Finding::warn(
                format!("{name} may open only {limit} files"),
                "LimitNOFILE=655350 in its unit or the agent's, then restart it",
            ),
        });
    }
    if findings.is_empty() {
        let own = open_files_of(std::process::id()).unwrap_or_default();
        let can_raise = accounts::is_root() && sysctl::value("fs.nr_open").is_none_or(|most| most >= OPEN_FILES);
        findings.push(match can_raise || own >= OPEN_FILES {
            true => Finding::ok("nothing runs; the agent can raise the limit when it starts them"),
            false => Finding::warn(
                format!("this user may open {own} files, and so may what it starts"),
                "start the agent by its unit (LimitNOFILE), or raise the hard limit of the user (ulimit -Hn)",
            ),
        });
    }
    findings
}

fn open_files_of(pid: u32) -> Option<u64> {
    hard_limit(&fs::read_to_string(format!("/proc/{pid}/limits")).ok()?)
}

/// `Max open files            1024                 655350               files`
fn hard_limit(limits: &str) -> Option<u64> {
    let fields = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    match fields.split_whitespace().nth(1)? {
        "unlimited" => Some(u64::MAX),
        number => number.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hard_limit_is_read() {
        let text = "Limit  Soft Limit  Hard Limit  Units\nMax open files            1024                 4096                 files     \n";
        assert_eq!(hard_limit(text), Some(4096));
        assert!(open_files_of(std::process::id()).is_some());
    }
}
