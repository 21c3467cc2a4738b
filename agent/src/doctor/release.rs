//! Holes that are known in the wanted release.

use super::{Check, Finding, Host};
use rocketmq_agent_domain::names::Version;

pub(super) static CHECK: Check = Check {
    id: "release",
    what: "The wanted RocketMQ release has no known hole that lets anybody run commands.",
    why: "CVE-2023-33246: whoever reaches a broker's port can run commands on the host.",
    run,
    repair: None,
};

fn run(host: &Host) -> Vec<Finding> {
    let Ok(it) = &host.inventory else { return vec![Finding::skipped("no cluster file")] };
    let version = it.cluster.topology.version;
    vec![match fixed_in(version) {
        None => Finding::ok(format!("RocketMQ {version}")),
        Some(fixed) => Finding::warn(
            format!("RocketMQ {version} runs commands for anybody who reaches a broker's port (CVE-2023-33246)"),
            format!("go to {fixed} or later; until then let only your own clients reach the ports"),
        ),
    }]
}

/// The first release of the same line without CVE-2023-33246, where this one has it.
fn fixed_in(version: Version) -> Option<Version> {
    let fixed = if version.is_5() { Version::new(5, 1, 1) } else { Version::new(4, 9, 6) };
    (version < fixed).then_some(fixed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_line_has_its_own_first_good_release() {
        assert_eq!(fixed_in(Version::new(4, 9, 4)), Some(Version::new(4, 9, 6)));
        assert_eq!(fixed_in(Version::new(5, 1, 0)), Some(Version::new(5, 1, 1)));
        assert_eq!(fixed_in(Version::new(4, 9, 7)), None);
        assert_eq!(fixed_in(Version::new(5, 5, 0)), None);
    }
}
