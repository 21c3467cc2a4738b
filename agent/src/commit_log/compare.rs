//! Compares a master's commit log with its slave's by content. In: both, one of them on this host. Out: how the slave's
//! stands to the master's at the first place where they differ.

use super::{Files, LocalLog, Log, LogError, PIECE, files::LONGEST_MESSAGE};
use rocketmq_agent_domain::commit_log::{HEADER, Search, Verdict, first_difference, frame_size, judge};
use std::ops::Range;

/// Which of the two lies on this host: messages are walked there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The master's.
    Master,
    /// The slave's.
    Slave,
}

/// The two logs of a group.
#[derive(Debug)]
pub struct Pair<'l, R> {
    /// The one on this host.
    pub local: &'l LocalLog,
    /// Whose it is.
    pub side: Side,
    /// The other one.
    pub remote: &'l R,
}

/// What comparing came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Comparison {
    /// Equal wherever both should have the same.
    Equal,
    /// Not, from the boundary in the verdict on.
    Differs(Verdict),
}

/// Compares them over a range that both should have, from its end back; `enough` equal bytes below every difference end the
/// search.
///
/// # Errors
/// One of them cannot be read.
pub async fn compare<R, E>(pair: &Pair<'_, R>, range: Range<u64>, enough: u64) -> Result<Comparison, E>
where
    R: Log<Error = E> + Sync,
    E: From<LogError>,
{
    let mut range = range;
    loop {
        let Some(chunk) = search(pair, range.clone(), enough).await? else { return Ok(Comparison::Equal) };
        let (local, remote) = (pair.local.bytes(chunk.clone()).await?, pair.remote.bytes(chunk.clone()).await?);
        if local == remote {
            // Its hash was wrong, or what it is of has changed meanwhile.
            range.start = chunk.end;
            continue;
        }
        let difference = chunk.start + first_difference(&local, &remote) as u64;
        let boundary = pair.local.with(move |files| boundary(files, difference)).await?;
        let local = pair.local.with(move |files| files.at(boundary)).await?;
        let remote = at(pair.remote, boundary).await?;
        // What the slave has beyond its end is no part of its log, even where it reads as one.
        let room = usize::try_from(range.end.saturating_sub(boundary)).unwrap_or(usize::MAX);
        let within = |slave: Vec<u8>| slave.into_iter().take(room).collect::<Vec<u8>>();
        let verdict = match pair.side {
            Side::Master => judge(boundary, &local, &within(remote)),
            Side::Slave => judge(boundary, &remote, &within(local)),
        };
        match verdict {
            Verdict::Same { end } if end < range.end => range.start = end,
            Verdict::Same { .. } => return Ok(Comparison::Equal),
            verdict => return Ok(Comparison::Differs(verdict)),
        }
    }
}

/// The lowest chunk that differs.
async fn search<R, E>(pair: &Pair<'_, R>, range: Range<u64>, enough: u64) -> Result<Option<Range<u64>>, E>
where
    R: Log<Error = E> + Sync,
    E: From<LogError>,
{
    let mut search = Search::new(range, enough);
    while let Some(window) = search.window() {
        let (local, remote) = (pair.local.hashes(window.clone()).await?, pair.remote.hashes(window).await?);
        search.take(&local, &remote);
    }
    Ok(search.difference())
}

/// The last message boundary at or below an offset before which both logs are equal.
fn boundary(files: &Files, offset: u64) -> Result<u64, LogError> {
    match files.start_of(offset) {
        Some(start) => files.walk(start, offset),
        None => Ok(offset),
    }
}

/// What begins at a boundary of a log that lies elsewhere: a whole message, or less.
pub(super) async fn at<R: Log>(log: &R, offset: u64) -> Result<Vec<u8>, R::Error> {
    let bytes = log.bytes(offset..offset + PIECE).await?;
    let size = frame_size(bytes.get(..HEADER).unwrap_or_default(), u64::from(u32::MAX));
    match size.filter(|size| *size > bytes.len() as u64) {
        // Longer than one piece: the rest is asked for as well. A filler may be as long as a file, and is known by its head.
        Some(size) if bytes.len() as u64 == PIECE && size <= LONGEST_MESSAGE => {
            let mut bytes = bytes;
            while (bytes.len() as u64) < size {
                let next = offset + bytes.len() as u64;
                let piece = log.bytes(next..(next + PIECE).min(offset + size)).await?;
                if piece.is_empty() {
                    break;
                }
                bytes.extend(piece);
            }
            Ok(bytes)
        }
        _ => Ok(bytes),
    }
}
