//! How long a slave is behind. In: where both logs end, time and again. Out: for how long the master has had what the
//! slave has not. RocketMQ itself counts bytes only.

use std::collections::VecDeque;

/// How often an end is noted, and how many are: the lag is exact to the one, and no longer than both together.
const EVERY_MS: u64 = 5000;
const MOST: usize = 720;

/// Where the master's log ended when.
#[derive(Debug, Clone, Default)]
pub struct LagClock {
    ends: VecDeque<(u64, u64)>,
}

impl LagClock {
    /// Takes in both ends at `now` (milliseconds on any clock that does not go back); milliseconds of lag. Where what is
    /// missing is older than what was noted, it is at least that.
    pub fn see(&mut self, now: u64, master_end: u64, slave_end: u64) -> u64 {
        // A master that lost the end of its log begins anew.
        if self.ends.back().is_some_and(|(_, end)| *end > master_end) {
            self.ends.clear();
        }
        let grown = self.ends.back().is_none_or(|(at, end)| *end < master_end && now.saturating_sub(*at) >= EVERY_MS);
        if grown {
            self.ends.push_back((now, master_end));
        }
        while self.ends.len() > MOST || self.ends.front().is_some_and(|(_, end)| *end <= slave_end) {
            self.ends.pop_front();
        }
        if slave_end >= master_end {
            return 0;
        }
        // What came since the last note is missing for no longer than that.
        self.ends.front().map_or(0, |(at, _)| now.saturating_sub(*at))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slave_that_has_everything_is_not_behind() {
        let mut clock = LagClock::default();
        assert_eq!(clock.see(0, 100, 100), 0);
        assert_eq!(clock.see(900_000, 200, 200), 0);
        assert_eq!(clock.see(905_000, 300, 200), 0);
    }

    #[test]
    fn it_is_behind_for_as_long_as_the_master_has_had_what_is_missing() {
        let mut clock = LagClock::default();
        clock.see(0, 100, 100);
        let seen = [(5000, 200, 100), (10_000, 300, 100), (15_000, 400, 100), (20_000, 400, 200), (25_000, 400, 399)]
            .map(|(now, master, slave)| clock.see(now, master, slave));
        assert_eq!(seen, [0, 5000, 10_000, 10_000, 10_000]);
        assert_eq!(clock.see(26_000, 400, 400), 0);
    }

    #[test]
    fn an_hour_of_lag_is_noted_in_bounded_room_and_a_shorter_log_begins_anew() {
        let mut clock = LagClock::default();
        for round in 0..10_000 {
            clock.see(round * EVERY_MS, 100 + round, 50);
        }
        assert_eq!(clock.ends.len(), MOST);
        assert_eq!(clock.see(10_000 * EVERY_MS, 60, 50), 0);
    }
}
