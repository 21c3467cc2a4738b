//! What of consumer offsets a master that was away is to take over from its slave before it starts. In: what its own file
//! has, what the slave has, and where its queues end. Out: the offsets that go forward. Pure.
//!
//! A slave copies its master's offsets every 10 s (5.5.0: every minute), whatever its own are (`SlaveSynchronize`, 4.7.0-5.5.0),
//! so that what consumers acknowledged at the slave while the master was away is forgotten soon after it is back.

use crate::{finding, launch::Cause};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, fmt::Display, net::SocketAddr, path::PathBuf};

/// `TOPIC@GROUP` → queueId → the next message to consume, as `ConsumerOffsetManager` keeps it (4.7.0-5.5.0).
pub type Offsets = BTreeMap<String, BTreeMap<u32, i64>>;

/// What two tables come to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ahead {
    /// Offsets of the slave that the master is to go forward to.
    pub offsets: Offsets,
    /// How many messages lie between.
    pub messages: u64,
    /// Queues of which the slave knows more than the master's own log: they are left as they are.
    pub beyond: usize,
}

/// Where the slave is ahead. `end` says where a queue of the master ends, where that is known.
///
/// Never back; and only for queues that the master has an offset of: a slave also keeps what was deleted on the master,
/// and such an offset would let a group pass over messages that it never saw. For the same reason nothing goes beyond the end of the queue.
pub fn ahead(own: &Offsets, slave: &Offsets, end: impl Fn(&str, u32) -> Option<i64>) -> Ahead {
    let mut found = Ahead::default();
    for (entry, queues) in own {
        let Some((topic, _)) = entry.split_once('@') else { continue };
        for (queue, here) in queues {
            let Some(there) = slave.get(entry).and_then(|queues| queues.get(queue)).filter(|there| *there > here)
            else {
                continue;
            };
            if end(topic, *queue).is_none_or(|end| *there > end) {
                found.beyond += 1;
                continue;
            }
            found.messages += there.abs_diff(*here);
            found.offsets.entry(entry.clone()).or_default().insert(*queue, *there);
        }
    }
    found
}

/// What was taken over, as it is noted beside the store.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Carried {
    /// When, milliseconds since 1970.
    pub at: u64,
    /// The slave.
    pub slave: SocketAddr,
    /// The file as it was before.
    pub backup: PathBuf,
    /// `TOPIC@GROUP` of each.
    pub entries: Vec<String>,
    /// Queues of them.
    pub queues: usize,
    /// Messages that would have been consumed again.
    pub messages: u64,
    /// Queues that were left, as [`Ahead::beyond`].
    pub beyond: usize,
}

/// How many are named.
const NAMED: usize = 3;
/// How long it is shown, milliseconds.
const SHOWN: u64 = 24 * 3600 * 1000;

impl Carried {
    /// What of it is shown at that time.
    pub fn warning(&self, now: u64) -> Option<Cause> {
        if now.saturating_sub(self.at) > SHOWN {
            return None;
        }
        let Self { slave, queues, messages, beyond, .. } = self;
        let named: Vec<&str> = self.entries.iter().take(NAMED).map(String::as_str).collect();
        let more = self.entries.len().saturating_sub(NAMED);
        let (entries, backup) = (named.join(", "), self.backup.display());
        fn known(value: &dyn Display, is_said: bool) -> Option<&dyn Display> {
            is_said.then_some(value)
        }
        Some(finding::OFFSETS_CARRIED.of_known(&[
            ("queues", Some(queues)),
            ("slave", Some(slave)),
            ("messages", Some(messages)),
            ("entries", known(&entries, !named.is_empty())),
            ("more", known(&more, more > 0)),
            ("beyond", known(beyond, *beyond > 0)),
            ("backup", known(&backup, !named.is_empty())),
        ]))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn table(entries: &[(&str, &[(u32, i64)])]) -> Offsets {
        entries.iter().map(|(entry, queues)| ((*entry).to_owned(), queues.iter().copied().collect())).collect()
    }

    #[test]
    fn what_a_slave_knows_of_consumption_is_taken_over_and_nothing_goes_back() {
        let own = table(&[("T@g", &[(0, 5), (1, 9)]), ("T@h", &[(0, 7)])]);
        let slave = table(&[("T@g", &[(0, 8), (1, 3)]), ("T@h", &[(0, 7)])]);
        let found = ahead(&own, &slave, |_, _| Some(100));
        assert_eq!(found, Ahead { offsets: table(&[("T@g", &[(0, 8)])]), messages: 3, beyond: 0 });
    }

    #[test]
    fn what_only_the_slave_has_and_what_the_master_does_not_have_is_left() {
        let own = table(&[("T@g", &[(0, 5)])]);
        // The topic was deleted and made anew, or the master has lost messages.
        let slave = table(&[("T@g", &[(0, 500), (1, 4)]), ("T@gone", &[(0, 400)])]);
        assert_eq!(ahead(&own, &slave, |_, _| Some(10)), Ahead { beyond: 1, ..Ahead::default() });
        assert_eq!(ahead(&own, &slave, |_, _| None), Ahead { beyond: 1, ..Ahead::default() });
        assert!(ahead(&own, &slave, |_, queue| (queue == 0).then_some(500)).offsets["T@g"][&0] == 500);
    }

    #[test]
    fn it_is_told_for_a_day_and_names_few() {
        let entries = ["a@g", "b@g", "c@g", "d@g"].map(str::to_owned).into();
        let slave = "10.0.0.2:11911".parse().unwrap();
        let carried = Carried { at: 1000, slave, backup: "/s/b".into(), entries, queues: 9, messages: 12, beyond: 0 };
        let told = carried.warning(2000).unwrap();
        assert_eq!(
            told.what,
            "before its start it took over 9 consumer offsets from its slave 10.0.0.2:11911, so that 12 messages are not \
             consumed again (a@g, b@g, c@g and 1 more)"
        );
        assert_eq!(carried.warning(1001 + SHOWN), None);
    }

    proptest! {
        #[test]
        fn no_offset_goes_back_or_beyond_its_queue(
            own in proptest::collection::btree_map(0u32..4, 0i64..20, 0..4),
            slave in proptest::collection::btree_map(0u32..4, 0i64..20, 0..4),
            end in 0i64..20,
        ) {
            let of = |queues: &BTreeMap<u32, i64>| BTreeMap::from([("T@g".to_owned(), queues.clone())]);
            let found = ahead(&of(&own), &of(&slave), |_, _| Some(end));
            for (queue, to) in found.offsets.values().flatten() {
                prop_assert!(own[queue] < *to && *to <= end && slave[queue] == *to);
            }
        }
    }
}
