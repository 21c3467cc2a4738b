//! Takes over what a commit log of this host lacks and the other member's has. In: both, and from where to where. Out: how far
//! it came. Only whole messages at their own offsets are written, and never over a whole message that is another one.
//!
//! It may be ended at any moment and begun again: what was written is equal then, and what was not is missing still.

use super::{Files, LocalLog, Log, LogError, PIECE, compare::at};
use rocketmq_agent_domain::commit_log::{Frame, Verdict, frame, judge};
use std::ops::Range;

/// How far it came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Filled {
    /// Up to here this log has all that the other one has. The other one has no whole message here that ends in the range.
    To(u64),
    /// Here both have a whole message, and not the same one. What lies below is equal.
    Diverged {
        /// Where.
        at: u64,
        /// When this log's was stored, milliseconds since 1970.
        own: u64,
        /// When the other's was.
        other: u64,
    },
}

/// Takes over the whole messages of `range` that this host's log lacks; they are on its disk when it returns. The range begins
/// at a boundary. `file_size` is the length of both logs' files; `progress` is told each offset that is reached.
///
/// # Errors
/// The other one cannot be read, or this one cannot be written.
pub async fn fill<R, E>(
    own: &LocalLog,
    other: &R,
    range: Range<u64>,
    file_size: u64,
    mut progress: impl FnMut(u64),
) -> Result<Filled, E>
where
    R: Log<Error = E>,
    E: From<LogError>,
{
    let (first, mut next) = (range.start, range.start);
    let mut diverged = None;
    while next < range.end {
        let mut bytes = other.bytes(next..(next + PIECE).min(range.end)).await?;
        let mut begins = frame(&bytes, next);
        if begins == Frame::Broken {
            bytes = at(other, next).await?;
            begins = frame(&bytes, next);
        }
        let from = next;
        let filled = match begins {
            Frame::Broken => break,
            Frame::Blank { size } => {
                let end = (next + size).min(range.end);
                copy(own, other, next..end, file_size).await?;
                Filled::To(end)
            }
            Frame::Message { .. } => own.with(move |files| write(files, from, &bytes, range.end, file_size)).await?,
        };
        match filled {
            Filled::To(reached) if reached > next => next = reached,
            Filled::To(_) => break,
            found @ Filled::Diverged { .. } => {
                diverged = Some(found);
                break;
            }
        }
        progress(next);
    }
    own.with(move |files| files.sync(first..next)).await?;
    Ok(diverged.unwrap_or(Filled::To(next)))
}

/// Writes the messages that these bytes begin with, up to the first one that is not there as a whole, a filler, or `end`.
fn write(files: &mut Files, from: u64, bytes: &[u8], end: u64, file_size: u64) -> Result<Filled, LogError> {
    let mut next = from;
    let mut diverged = None;
    while next < end {
        let rest = usize::try_from(next - from).ok().and_then(|at| bytes.get(at..)).unwrap_or_default();
        let room = end.min(next + file_size - next % file_size) - next;
        let Frame::Message { size, .. } = frame(rest, next) else { break };
        let Some(message) = usize::try_from(size).ok().filter(|_| size <= room).and_then(|size| rest.get(..size))
        else {
            break;
        };
        // This log is judged in the master's place: what it lacks, or a blank page lies under, it takes.
        match judge(next, &files.at(next)?, message) {
            Verdict::MasterLacks { .. } => files.write(next, message, file_size)?,
            Verdict::Same { .. } | Verdict::SlaveTorn { .. } => {}
            Verdict::SlaveEnds { .. } => break,
            Verdict::Diverged { at, master, slave } => {
                diverged = Some(Filled::Diverged { at, own: master, other: slave });
                break;
            }
        }
        next += size;
    }
    Ok(diverged.unwrap_or(Filled::To(next)))
}

/// Copies a filler, whose rest means nothing and is the same on both all the same.
async fn copy<R, E>(own: &LocalLog, other: &R, range: Range<u64>, file_size: u64) -> Result<(), E>
where
    R: Log<Error = E>,
    E: From<LogError>,
{
    let mut next = range.start;
    while next < range.end {
        let bytes = other.bytes(next..(next + PIECE).min(range.end)).await?;
        if bytes.is_empty() {
            break;
        }
        let (at, length) = (next, bytes.len() as u64);
        own.with(move |files| files.write(at, &bytes, file_size)).await?;
        next += length;
    }
    Ok(())
}
