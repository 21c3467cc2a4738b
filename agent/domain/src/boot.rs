//! Whether a host was started anew since a process began. In: what was noted of the process, and what is so now. Pure.
//!
//! The kernel's boot id alone does not tell: containers that boot a systemd of their own share the kernel, and so the id.
//! There the first process of the host, whose end is the end of all others, is younger than what ran before.

/// The host as it is up now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Boot {
    /// The kernel's id of this boot (`/proc/sys/kernel/random/boot_id`).
    pub id: String,
    /// When the first process started, in clock ticks of the kernel; `None` where this account may not know.
    pub first_process: Option<u64>,
}

/// Whether a process that was noted with this boot id and this start belongs to an earlier boot. `start_ticks`: clock ticks
/// of the kernel, 0 where its start was not seen.
pub fn is_of_an_earlier_one(boot_id: &str, start_ticks: u64, now: &Boot) -> bool {
    let is_older = |first| start_ticks != 0 && start_ticks < first;
    boot_id != now.id || now.first_process.is_some_and(is_older)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn now(first_process: Option<u64>) -> Boot {
        Boot { id: "now".to_owned(), first_process }
    }

    #[test]
    fn another_boot_of_the_kernel_is_a_restart_whatever_the_ticks_say() {
        assert!(is_of_an_earlier_one("before", 900, &now(Some(1))));
        assert!(is_of_an_earlier_one("before", 0, &now(None)));
    }

    #[test]
    fn a_process_older_than_the_first_one_is_of_a_container_that_was_started_anew() {
        assert!(is_of_an_earlier_one("now", 900, &now(Some(901))));
        assert!(!is_of_an_earlier_one("now", 901, &now(Some(901))));
    }

    #[test]
    fn what_was_not_seen_is_no_restart() {
        assert!(!is_of_an_earlier_one("now", 900, &now(None)));
        assert!(!is_of_an_earlier_one("now", 0, &now(Some(901))));
    }
}
