//! Swap.

use super::{Check, Finding, Host, sysctl};
use std::fs;

pub(super) static CHECK: Check = Check {
    id: "swap",
    what: "No swap, or a kernel that uses it only in need.",
    why: "A heap that was swapped out is read back from disk at the next garbage collection: a pause of seconds, in which \
          the broker counts as gone.",
    run,
    repair: None,
};

fn run(_: &Host) -> Vec<Finding> {
    let meminfo = fs::read_to_string("/proc/meminfo").unwrap_or_default();
    vec![judge(swap_total(&meminfo), sysctl::value("vm.swappiness"))]
}

fn swap_total(meminfo: &str) -> Option<u64> {
    meminfo.lines().find_map(|line| line.strip_prefix("SwapTotal:")?.split_whitespace().next()?.parse().ok())
}

fn judge(kibibytes: Option<u64>, swappiness: Option<u64>) -> Finding {
    match (kibibytes, swappiness) {
        (None, _) => Finding::skipped("/proc/meminfo does not say"),
        (Some(0), _) => Finding::ok("no swap"),
        (Some(_), Some(0..=10)) => Finding::ok("swap is there, and used only in need (vm.swappiness)"),
        (Some(_), _) => {
            Finding::warn("swap is there, and the kernel uses it readily", "vm.swappiness = 1; see the check sysctl")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::Verdict;

    #[test]
    fn swap_matters_where_the_kernel_uses_it_readily() {
        assert_eq!(judge(Some(0), Some(60)).verdict, Verdict::Ok);
        assert_eq!(judge(Some(4096), Some(60)).verdict, Verdict::Warn);
        assert_eq!(judge(Some(4096), Some(1)).verdict, Verdict::Ok);
        assert_eq!(swap_total("MemTotal: 1 kB\nSwapTotal:       2048 kB\n"), Some(2048));
    }
}
