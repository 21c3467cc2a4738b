//! How long to wait before the next start of an instance that keeps failing. In: what happened, the time and a random
//! number. Out: when the next start is due. Pure: no clock, no timer, no randomness of its own.

use serde::{Deserialize, Serialize};
use std::time::Duration;

/// From this many failures in a row an instance is quarantined: a person has to look, and frequent tries only fill logs.
pub const QUARANTINE_AFTER: u32 = 5;
/// The wait between two tries in quarantine.
pub const QUARANTINE: Duration = Duration::from_secs(300);
/// The longest wait before quarantine.
const LONGEST: Duration = Duration::from_secs(60);

/// The failures of one instance in a row, and what they cost it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Backoff {
    failures: u32,
    fingerprint: String,
    next_start_at: u64,
}

/// The wait after so many failures in a row: none after the first, then 1 s, 7 s, 49 s and up to a quarter more, so that
/// hosts that failed together do not come back together; 5 minutes in quarantine.
///
/// `random` is from 0 (inclusive) to 1.
pub fn delay(failures: u32, random: f64) -> Duration {
    match failures {
        0 | 1 => Duration::ZERO,
        2..QUARANTINE_AFTER => {
            let nominal = Duration::from_secs(7_u64.pow(failures - 2));
            nominal.mul_f64(1.0 + random.clamp(0.0, 1.0) / 4.0).min(LONGEST)
        }
        _ => QUARANTINE,
    }
}

impl Backoff {
    /// A start with this fingerprint failed, or its process ended unasked. Times are milliseconds since 1970.
    pub fn failed(&mut self, fingerprint: &str, now: u64, random: f64) {
        self.launching(fingerprint);
        self.failures = self.failures.saturating_add(1);
        self.next_start_at = now.saturating_add(millis(delay(self.failures, random)));
    }

    /// The instance serves: nothing is held against it any more.
    pub fn settled(&mut self) {
        *self = Self::default();
    }

    /// A launch with this fingerprint is wanted: another one than the one that failed starts with a clean slate, for
    /// what made the old one fail may be what was changed.
    pub fn launching(&mut self, fingerprint: &str) {
        if self.fingerprint != fingerprint {
            *self = Self { fingerprint: fingerprint.to_owned(), ..Self::default() };
        }
    }

    /// How much longer the next start is held back; `None` when it is due.
    pub fn hold(&self, now: u64) -> Option<Duration> {
        let rest = Duration::from_millis(self.next_start_at.saturating_sub(now));
        // A clock that was set back must not hold an instance back for years.
        (self.failures > 0 && !rest.is_zero()).then_some(rest.min(QUARANTINE))
    }

    /// When the next start is due, milliseconds since 1970, while it is held back.
    pub fn next_start_at(&self, now: u64) -> Option<u64> {
        self.hold(now).map(|rest| now.saturating_add(millis(rest)))
    }

    /// Failures in a row.
    pub fn failures(&self) -> u32 {
        self.failures
    }

    /// Whether it failed so often that it is tried only once in a long while.
    pub fn quarantined(&self) -> bool {
        self.failures >= QUARANTINE_AFTER
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_first_restart_is_immediate_and_the_later_ones_wait_longer_and_longer() {
        let mut backoff = Backoff::default();
        let mut waits = Vec::new();
        for _ in 0..7 {
            backoff.failed("f", 1_000, 0.0);
            waits.push(backoff.hold(1_000).map_or(0, |wait| wait.as_secs()));
        }
        assert_eq!(waits, [0, 1, 7, 49, 300, 300, 300]);
    }

    #[test]
    fn quarantine_begins_with_the_fifth_failure_and_lets_one_try_through_every_five_minutes() {
        let mut backoff = Backoff::default();
        for failure in 1..=5 {
            assert!(!backoff.quarantined(), "before failure {failure}");
            backoff.failed("f", 0, 0.5);
        }
        assert!(backoff.quarantined());
        assert_eq!(backoff.next_start_at(299_999), Some(300_000));
        assert_eq!(backoff.hold(300_000), None);
        backoff.failed("f", 300_000, 0.5);
        assert_eq!(backoff.next_start_at(300_000), Some(600_000));
    }

    #[test]
    fn an_instance_that_serves_starts_again_from_nothing() {
        let mut backoff = Backoff::default();
        (0..6).for_each(|_| backoff.failed("f", 0, 0.0));
        backoff.settled();
        assert_eq!((backoff.failures(), backoff.quarantined(), backoff.hold(0)), (0, false, None));
        backoff.failed("f", 0, 0.0);
        assert_eq!(backoff.hold(0), None);
    }

    #[test]
    fn a_changed_fingerprint_ends_the_quarantine_and_the_same_one_does_not() {
        let mut backoff = Backoff::default();
        (0..6).for_each(|_| backoff.failed("old", 0, 0.0));
        backoff.launching("old");
        assert!(backoff.quarantined());
        backoff.launching("new");
        assert_eq!((backoff.quarantined(), backoff.hold(0)), (false, None));
    }

    #[test]
    fn a_clock_set_back_does_not_hold_an_instance_for_longer_than_the_quarantine() {
        let mut backoff = Backoff::default();
        (0..3).for_each(|_| backoff.failed("f", 1_000_000_000, 0.0));
        assert_eq!(backoff.hold(5), Some(QUARANTINE));
    }

    proptest! {
        #[test]
        fn jitter_never_leaves_one_second_to_one_minute(failures in 2..QUARANTINE_AFTER, random in 0.0..1.0_f64) {
            let wait = delay(failures, random);
            prop_assert!(wait >= Duration::from_secs(1) && wait <= LONGEST);
            prop_assert!(wait > delay(failures - 1, 1.0));
        }
    }
}
