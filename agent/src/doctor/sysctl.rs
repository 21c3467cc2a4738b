//! Kernel settings. They are compared and never written: the packages bring /usr/lib/sysctl.d/60-rocketmq-agent.conf, and
//! a host may have its own reasons.

use super::{Check, Finding, Host};
use std::fs;

pub(super) static CHECK: Check = Check {
    id: "sysctl",
    what: "vm.max_map_count, vm.swappiness, fs.file-max and fs.nr_open are what a broker needs.",
    why: "Each message file is a mapping and an open file; without room for one more the broker takes no messages.",
    run,
    repair: None,
};

/// One setting, and from where on it is as it should be.
struct Setting {
    name: &'static str,
    is_enough: fn(u64) -> bool,
    wanted: u64,
    why: &'static str,
    /// What the kernel has by itself, to go back to.
    before: &'static str,
}

const SETTINGS: [Setting; 4] = [
    Setting {
        name: "vm.max_map_count",
        is_enough: |value| value >= 655_360,
        wanted: 1_048_576,
        why: "every commit log, consume queue and index file is a mapping; past the limit none can be made",
        before: "65530",
    },
    Setting {
        name: "vm.swappiness",
        is_enough: |value| value <= 10,
        wanted: 1,
        why: "message files fill the page cache, and the kernel swaps idle heap out to make room for them",
        before: "60",
    },
    Setting {
        name: "fs.file-max",
        is_enough: |value| value >= 655_350,
        wanted: 2_097_152,
        why: "all processes together may open no more files than this",
        before: "computed from the memory at boot",
    },
    Setting {
        name: "fs.nr_open",
        is_enough: |value| value >= 655_350,
        wanted: 1_048_576,
        why: "no limit of open files can be set higher than this",
        before: "1048576",
    },
];

/// What the kernel runs with.
pub(super) fn value(name: &str) -> Option<u64> {
    fs::read_to_string(format!("/proc/sys/{}", name.replace('.', "/"))).ok()?.trim().parse().ok()
}

fn run(_: &Host) -> Vec<Finding> {
    SETTINGS.iter().map(|setting| judge(setting, value(setting.name))).collect()
}

fn judge(setting: &Setting, found: Option<u64>) -> Finding {
    let Setting { name, wanted, why, before, .. } = setting;
    match found {
        None => Finding::skipped(format!("/proc does not show {name}")),
        Some(value) if (setting.is_enough)(value) => Finding::ok(format!("{name} = {value}")),
        Some(value) => Finding::warn(
            format!("{name} is {value}: {why}"),
            format!(
                "`sysctl -w {name}={wanted}` now, and the same line in /etc/sysctl.d for the next boot (undo: the kernel's \
                 own is {before})"
            ),
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict;

    #[test]
    fn the_kernels_own_values_are_warned_of_and_the_packages_are_fine() {
        for (setting, kernels, packages) in [(&SETTINGS[0], 65_530, 1_048_576), (&SETTINGS[1], 60, 1)] {
            assert_eq!(judge(setting, Some(kernels)).verdict, Verdict::Warn);
            assert_eq!(judge(setting, Some(packages)).verdict, Verdict::Ok);
            assert_eq!(judge(setting, None).verdict, Verdict::Skipped);
        }
    }
}
