//! When a disk will be too full. In: how full it is, time and again. Out: how fast it fills, and when it is 90 % full. RocketMQ
//! itself says only how full it is now.

use super::disk::REFUSES;
use std::collections::VecDeque;

/// How often a reading is kept, and how many are: the speed is that of the last two hours at most.
const EVERY_MS: u64 = 10_000;
const MOST: usize = 720;
/// A commit log file is made as a whole, so that little growth in a short time says nothing. Readings have to be
/// of this time,
const LONG_MS: u64 = 30 * 60_000;
/// or so much must have come, in at least this time.
const MUCH: f64 = 0.05;
const SHORT_MS: u64 = 20_000;

/// How full a disk was when.
#[derive(Debug, Clone, Default)]
pub struct DiskTrend {
    readings: VecDeque<(u64, f64)>,
}

/// How a disk fills.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Filling {
    /// By so much of itself in an hour.
    pub per_hour: f64,
    /// In so many minutes it is 90 % full.
    pub minutes: u64,
}

impl DiskTrend {
    /// Takes in how full it is at `now` (milliseconds on any clock that does not go back); `None` where it does not fill, is
    /// full already, or was not seen for long enough.
    pub fn see(&mut self, now: u64, used: f64) -> Option<Filling> {
        if self.readings.back().is_none_or(|(at, _)| now.saturating_sub(*at) >= EVERY_MS) {
            self.readings.push_back((now, used));
        }
        while self.readings.len() > MOST {
            self.readings.pop_front();
        }
        let (first, low) = *self.readings.front()?;
        let span = now.saturating_sub(first);
        let is_telling = span >= LONG_MS || (used - low >= MUCH && span >= SHORT_MS);
        if !is_telling || used >= REFUSES {
            return None;
        }
        let per_hour = self.slope()? * 3_600_000.0;
        let minutes = (REFUSES - used) / per_hour * 60.0;
        // Less than a thousandth of it in an hour is noise.
        (per_hour >= 0.001).then_some(Filling { per_hour, minutes: minutes as u64 })
    }

    /// By least squares, in parts of the disk a millisecond: one file that comes or goes moves it little.
    fn slope(&self) -> Option<f64> {
        let count = self.readings.len() as f64;
        let (first, _) = *self.readings.front()?;
        let points = || self.readings.iter().map(|(at, used)| ((at - first) as f64, *used));
        let (x, y) = points().fold((0.0, 0.0), |(x, y), (at, used)| (x + at / count, y + used / count));
        let (above, below) = points().fold((0.0, 0.0), |(above, below), (at, used)| {
            (above + (at - x) * (used - y), below + (at - x) * (at - x))
        });
        (below > 0.0).then(|| above / below)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MINUTE: u64 = 60_000;

    /// Readings a minute apart.
    fn seen(used: impl Fn(u64) -> f64, minutes: u64) -> Option<Filling> {
        let mut trend = DiskTrend::default();
        (0..=minutes).map(|minute| trend.see(minute * MINUTE, used(minute))).last().flatten()
    }

    #[test]
    fn a_disk_that_fills_evenly_is_foretold() {
        // 6 % an hour, from 50 % on: after an hour it is 56 % full, and 34 % are left.
        let filling = seen(|minute| 0.5 + 0.001 * minute as f64, 60);
        assert!(filling.is_some_and(|it| (339..=340).contains(&it.minutes)), "{filling:?}");
    }

    #[test]
    fn one_new_file_in_a_short_time_says_nothing_and_much_growth_does() {
        assert_eq!(seen(|minute| if minute < 2 { 0.5 } else { 0.51 }, 5), None);
        let fast = seen(|minute| 0.5 + 0.04 * minute as f64, 4);
        assert!(fast.is_some_and(|it| it.minutes <= 6), "{fast:?}");
    }

    #[test]
    fn a_disk_that_stands_still_empties_or_is_full_is_not_foretold() {
        assert_eq!(seen(|_| 0.7, 120), None);
        assert_eq!(seen(|minute| 0.7 - 0.001 * minute as f64, 120), None);
        assert_eq!(seen(|minute| 0.85 + 0.001 * minute as f64, 60), None);
    }

    #[test]
    fn readings_are_kept_in_bounded_room_and_old_growth_is_forgotten() {
        let mut trend = DiskTrend::default();
        let last = (0..10_000).map(|round| trend.see(round * EVERY_MS, if round < 100 { 0.3 } else { 0.6 })).last();
        assert_eq!((trend.readings.len(), last.flatten()), (MOST, None));
    }
}
