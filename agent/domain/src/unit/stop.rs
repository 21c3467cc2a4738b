//! How long systemd lets an instance stop before it kills it. In: the size of its store and of the host's memory. Out:
//! seconds. Pure.
//!
//! What a broker still has to flush is what is dirty, which no figure of the store says. It is never more than the store,
//! and never more than the memory that it would have to be in.

use crate::{launch::Launch, size::Size};

/// On top of [`Launch::stop_deadline`], whatever has to be flushed.
const GRACE_SECONDS: u64 = 600;

/// Two brokers of one host flush at once onto one slow disk: each gets this much of it in a second.
const FLUSHED_A_SECOND: Size = Size::mib(20);

/// What an instance may take to stop, `TimeoutStopSec`. In steps of doubled sizes, so that the unit of a store that grows
/// is written anew a few times in its life.
pub fn seconds(launch: &Launch, dirty: Option<Size>) -> u64 {
    let dirty = dirty.map_or(0, |size| size.0.checked_next_power_of_two().unwrap_or(size.0));
    launch.stop_deadline.as_secs() + GRACE_SECONDS + dirty.div_ceil(FLUSHED_A_SECOND.0)
}

/// The most that can be dirty of a store in this memory; what is not known limits nothing. `None`: nothing is known.
pub fn most_dirty(store: Option<Size>, memory: Option<Size>) -> Option<Size> {
    match (store, memory) {
        (Some(store), Some(memory)) => Some(store.min(memory)),
        (store, memory) => store.or(memory),
    }
}
