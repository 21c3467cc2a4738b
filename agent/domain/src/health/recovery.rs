//! How far a broker is that reads its store because it was not closed cleanly. In: the end of its store.log, and the files of
//! its commit log. Out: files read and files to read. It answers nobody meanwhile, and its log is all that tells.
//!
//! `DefaultMessageStore.load` writes "last shutdown abnormally", `CommitLog.recoverAbnormally` the file that it begins with
//! and each that follows (4.7.0-5.5.0). A DLedger store says nothing.

use super::report::InstanceReport;
use crate::finding;

/// Files of a commit log, each counted as one: all but the last are of one length.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Recovery {
    /// Read to the end.
    pub done: u64,
    /// That are read at all: those before the last checkpoint are not.
    pub total: u64,
}

/// Reads `log` from the broker's last start on. `files`: the offsets that the commit log's files begin at, and are named by.
pub fn read(log: &str, files: &[u64]) -> Option<Recovery> {
    let (_, since_start) = log.rsplit_once("last shutdown ")?;
    let over = ["load over", "recover physics file end", "message store recover end"];
    if !since_start.starts_with("abnormally") || over.iter().any(|words| since_start.contains(words)) {
        return None;
    }
    let named = |words: &str| {
        let (_, rest) = since_start.rsplit_once(words)?;
        rest.lines().next()?.trim_end().rsplit('/').next()?.parse::<u64>().ok()
    };
    let first = named("recover from this mapped file ").unwrap_or_default();
    let now = named("recover next physics file, ").unwrap_or(first);
    let total = files.iter().filter(|file| **file >= first).count() as u64;
    let done = files.iter().filter(|file| (first..now).contains(*file)).count() as u64;
    (total > 0).then_some(Recovery { done, total })
}

/// Puts it into the report of a broker that does not answer yet, at `now` (milliseconds since 1970).
pub fn tell(recovery: Recovery, now: u64, report: &mut InstanceReport) {
    let Recovery { done, total } = recovery;
    let percent = done * 100 / total;
    let lasted = report.started_at.map(|at| now.saturating_sub(at) / 1000);
    let left = lasted.filter(|_| done > 0).map(|seconds| seconds * (total - done) / done);
    let seconds = left.filter(|seconds| *seconds < 120);
    let minutes = left.filter(|_| seconds.is_none()).map(|seconds| seconds / 60);
    let found = finding::RECOVERING.of_known(&[
        ("done", Some(&done)),
        ("total", Some(&total)),
        ("percent", Some(&percent)),
        ("seconds", seconds.as_ref().map(|it| it as _)),
        ("minutes", minutes.as_ref().map(|it| it as _)),
    ]);
    report.recovered_percent = Some(percent);
    report.reasons.retain(|reason| !["starting", "not-answering"].contains(&reason.id.as_str()));
    report.reasons.insert(0, found);
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILES: [u64; 4] = [0, 1_048_576, 2_097_152, 3_145_728];

    /// As 5.5.0 wrote it; 4.7.0 writes the same words.
    const BEGUN: &str = "2026-11-21 18:07:07 INFO main - last shutdown abnormally, store path root dir: /a/store\n\
                         2026-11-21 18:07:08 INFO main - recover from this mapped file /a/store/commitlog/00000000000001048576\n";

    #[test]
    fn the_files_that_were_read_are_counted_from_the_one_that_it_began_with() {
        assert_eq!(read(BEGUN, &FILES), Some(Recovery { done: 0, total: 3 }));
        let next = format!("{BEGUN}x INFO main - recover next physics file, /a/store/commitlog/00000000000003145728\n");
        assert_eq!(read(&next, &FILES), Some(Recovery { done: 2, total: 3 }));
    }

    #[test]
    fn before_it_says_where_it_begins_none_is_read() {
        let loads = "last shutdown abnormally, store path root dir: /a/store\nload /a/store/consumequeue/T/0/x OK\n";
        assert_eq!(read(loads, &FILES), Some(Recovery { done: 0, total: 4 }));
    }

    #[test]
    fn a_store_that_was_closed_or_is_read_or_was_read_by_an_earlier_process_is_none() {
        assert_eq!(read("last shutdown normally, store path", &FILES), None);
        assert_eq!(read(&format!("{BEGUN}load over, and the max phy offset = 7"), &FILES), None);
        assert_eq!(read(&format!("{BEGUN}load over\nlast shutdown normally"), &FILES), None);
        assert_eq!(read("", &FILES), None);
        assert_eq!(read(BEGUN, &[]), None);
    }
}
