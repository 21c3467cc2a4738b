//! Whose answers are enough. In: the entry that is to be decided, the one it changes, and who answered with which life.
//! Out: yes or no. The same rule holds for both phases of a round.

use super::entry::{Entry, Life, Seats};
use crate::names::HostName;
use std::collections::BTreeMap;

/// Lives that answered.
pub type Answers = BTreeMap<HostName, Life>;

/// Whether these answers decide `entry`, a change to `base`:
///
/// - generation 1: all config hosts, in whatever life. Only so can a host with a wiped disk not help to begin a second
///   history: the others know the first one.
/// - a change: a majority of the seats of `base` *and* a majority of its own config hosts, so that those who decide on
///   the next change hold what they change. Only the first is a vote; for the second any life will do, or a host that
///   lost its vote after it was seated could keep a half-made change from ever being brought to its end.
/// - an override: *every* seat of `base` that it does not leave out, and a majority of its own.
pub fn decides(base: Option<&Entry>, entry: &Entry, answers: &Answers) -> bool {
    let Some(base) = base else { return entry.seats().keys().all(|host| answers.contains_key(host)) };
    let without = entry.document().without();
    let old = match without.is_empty() {
        true => is_majority(base.seats(), answers),
        false => {
            let mut remaining = base.seats().keys().filter(|host| !without.contains(*host)).peekable();
            remaining.peek().is_some() && remaining.all(|host| sits(base.seats(), host, answers))
        }
    };
    let hold = entry.seats().keys().filter(|host| answers.contains_key(*host)).count();
    old && hold * 2 > entry.seats().len()
}

/// More than half of the seats, empty ones counted as silent.
pub fn is_majority(seats: &Seats, answers: &Answers) -> bool {
    seats.keys().filter(|host| sits(seats, host, answers)).count() * 2 > seats.len()
}

fn sits(seats: &Seats, host: &HostName, answers: &Answers) -> bool {
    let seat = seats.get(host).copied().flatten();
    seat.is_some() && seat == answers.get(host).copied()
}
