//! Which refusals are logged. Whoever is refused tries again and again, and an attacker may make every refusal look
//! different. In: what is to be said, and when. Out: the lines to log. It never falls silent and never grows.

use rocketmq_agent_domain::line::Line;
use std::{
    collections::BTreeSet,
    mem,
    time::{Duration, Instant},
};

/// For so long a refusal is logged once.
const WINDOW: Duration = Duration::from_secs(600);
/// Different refusals that are logged within a window.
const MOST: usize = 64;

#[derive(Debug, Default)]
pub(super) struct Refusals {
    since: Option<Instant>,
    said: BTreeSet<Line>,
    held_back: u64,
}

impl Refusals {
    /// The lines to log for one more refusal: none, itself, or how many were held back in the window before it and itself.
    pub fn lines(&mut self, what: &str, now: Instant) -> Vec<Line> {
        let mut lines = Vec::new();
        if self.since.is_none_or(|since| now.saturating_duration_since(since) >= WINDOW) {
            let before = mem::replace(self, Self { since: Some(now), ..Self::default() });
            if before.held_back > 0 {
                let count = before.held_back;
                lines.push(
                    format!("{count} more refusals since the last ones were logged; the metrics count all").into(),
                );
            }
        }
        let what = Line::from(what);
        if self.said.len() < MOST && !self.said.contains(&what) {
            self.said.insert(what.clone());
            lines.push(what);
        } else {
            self.held_back += 1;
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_different_refusals_never_silences_later_ones() {
        let (mut refusals, start) = (Refusals::default(), Instant::now());
        let mut logged = 0;
        for number in 0..10_000_u64 {
            let lines =
                refusals.lines(&format!("10.0.0.1 is refused: {number}"), start + Duration::from_millis(number));
            logged += lines.len();
        }
        assert_eq!((logged, refusals.said.len()), (MOST, MOST));
        let lines = refusals.lines("10.0.0.2 is refused", start + WINDOW);
        let held_back = "9936 more refusals since the last ones were logged; the metrics count all";
        assert_eq!(lines, [held_back, "10.0.0.2 is refused"]);
        assert_eq!(refusals.lines("10.0.0.3 is refused", start + WINDOW), ["10.0.0.3 is refused"]);
    }

    #[test]
    fn a_refusal_that_comes_again_is_logged_once_in_a_window() {
        let (mut refusals, start) = (Refusals::default(), Instant::now());
        assert_eq!(refusals.lines("a", start), ["a"]);
        assert!(refusals.lines("a", start + WINDOW - Duration::from_secs(1)).is_empty());
        assert_eq!(refusals.lines("a", start + WINDOW)[1..], ["a"]);
    }
}
