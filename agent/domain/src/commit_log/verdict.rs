//! What it means where a master's and a slave's log stop being equal. In: what both have at the first message boundary at
//! or below that place. Out: what is to be done before one may follow the other.
//!
//! A power loss leaves pages of zeros where nothing was written back. One of them can lie under the properties of a message,
//! which RocketMQ does not check: it takes such a message for whole. Beside the other member's it is known for what it is.

use super::{Frame, frame};

/// How a slave's log stands to its master's at a boundary from which on they differ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// Both have the same here: what follows is to be compared.
    Same {
        /// Where it ends.
        end: u64,
    },
    /// The slave has a whole message here, and the master has none: the master takes it back.
    MasterLacks {
        /// Where the master's log stops being whole.
        from: u64,
    },
    /// The master has a whole message here, and the slave has one that a blank page lies under: it takes the master's.
    SlaveTorn {
        /// Where.
        at: u64,
    },
    /// The slave has no whole message here. What it has beyond is no part of the master's log and is cut by a restart.
    SlaveEnds {
        /// Where.
        at: u64,
    },
    /// Both have a whole message here, and not the same one: neither may follow the other.
    Diverged {
        /// Where.
        at: u64,
        /// When the master stored its message, milliseconds since 1970.
        master: u64,
        /// When the slave's was stored.
        slave: u64,
    },
}

/// Compares what both have at a boundary. Each side is the bytes from there on, as far as a frame begins there, or none.
pub fn judge(offset: u64, master: &[u8], slave: &[u8]) -> Verdict {
    let (of_master, of_slave) = (frame(master, offset), frame(slave, offset));
    match (of_master.size(), of_slave.size()) {
        (_, None) => Verdict::SlaveEnds { at: offset },
        (None, Some(_)) => Verdict::MasterLacks { from: offset },
        (Some(size), Some(other)) => {
            if let (Frame::Blank { size }, Frame::Blank { size: other }) = (of_master, of_slave)
                && size == other
            {
                // Of a filler only the head means anything.
                return Verdict::Same { end: offset + size };
            }
            let length = usize::try_from(size).unwrap_or(usize::MAX);
            let sides = master.get(..length).zip(slave.get(..length)).filter(|_| size == other);
            match sides.map(|(master, slave)| blank_where_they_differ(master, slave)) {
                Some((true, true)) => Verdict::Same { end: offset + size },
                Some((true, false)) => Verdict::MasterLacks { from: offset },
                Some((false, true)) => Verdict::SlaveTorn { at: offset },
                _ => Verdict::Diverged { at: offset, master: time(of_master), slave: time(of_slave) },
            }
        }
    }
}

/// Whether each side has zeros wherever the two differ.
fn blank_where_they_differ(master: &[u8], slave: &[u8]) -> (bool, bool) {
    let differ = master.iter().zip(slave).filter(|(master, slave)| master != slave);
    differ.fold((true, true), |(ours, theirs), (master, slave)| (ours && *master == 0, theirs && *slave == 0))
}

fn time(frame: Frame) -> u64 {
    match frame {
        Frame::Message { stored_at, .. } => stored_at,
        Frame::Blank { .. } | Frame::Broken => 0,
    }
}
