//! Whether a broker's store has room for messages, and the files of this host where it has none. What is decided is in
//! `rocketmq_agent_domain::held`.

use crate::{files, untrusted};
use rocketmq_agent_domain::{
    desired::{Desired, Instance, properties},
    held::{self, is_held, says_so},
    launch::{StoreFormat, StoreIdentity},
};
use rustix::{
    fs::{SeekFrom, seek, statvfs},
    io::Errno,
};
use std::borrow::Cow;

/// How much of the fullest disk that a broker's messages lie on is used, 0.0 to 1.0, by RocketMQ's rule
/// (`UtilAll.getDiskPartitionSpaceUsedPercent`, 4.9.0-5.5.0); `None` where one of them cannot be asked.
pub fn used(instance: &Instance) -> Option<f64> {
    let store = instance.launch.store.as_ref()?;
    let folders = [&store.root, &store.commit_log, &store.root.join("consumequeue")];
    let used = folders.into_iter().map(|folder| {
        // A folder that is not there yet will be made where the one above it lies.
        let space = folder.ancestors().map(statvfs).find(|space| !matches!(space, Err(Errno::NOENT)))?.ok()?;
        let used = space.f_blocks.saturating_sub(space.f_bfree) as f64;
        (space.f_blocks > 0).then(|| used / (used + space.f_bavail as f64))
    });
    used.collect::<Option<Vec<f64>>>()?.into_iter().max_by(f64::total_cmp)
}

/// Where the last two files of a commit log lack something of what is before `end`. RocketMQ maps files that are one hole at
/// first, and what it writes to them without room on the disk stays one (seen on 5.5.0). `None` where there is
/// none or that cannot be told, and of a raft log, whose end is another one.
pub fn gap(store: &StoreIdentity, end: u64) -> Option<u64> {
    if matches!(store.format, StoreFormat::Dledger { .. }) {
        return None;
    }
    let names = files::entries(&store.commit_log).ok()?;
    let mut files: Vec<_> = names.into_iter().filter_map(|name| Some((name.parse::<u64>().ok()?, name))).collect();
    files.retain(|(first, _)| *first < end);
    files.sort_unstable();
    let (last, _) = files.last()?.clone();
    files.iter().rev().take(2).rev().find_map(|(first, name)| {
        let file = untrusted::file(&store.commit_log.join(name)).ok()?;
        let hole = seek(&file, SeekFrom::Hole(0)).ok()?;
        // A file ends with one where the next message had no room in it.
        let is_gap = if *first == last { first + hole < end } else { seek(&file, SeekFrom::Data(hole)).is_ok() };
        is_gap.then_some(first + hole)
    })
}

/// What this host should have now: sends are held back in the broker.conf of those whose disk is full, and stay so in those
/// of which that is not known.
pub fn with_sends_held(desired: &Desired) -> Cow<'_, Desired> {
    let brokers = desired.instances.iter().filter(|it| it.broker.is_some());
    let held = brokers.filter(|instance| {
        let before =
            || says_so(&properties::parse(&files::read(&held::conf(instance)).ok().flatten().unwrap_or_default()));
        is_held(desired.version, instance, used(instance), before)
    });
    held::held(desired, &held.map(|it| it.launch.instance.clone()).collect())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::{fs::File, os::unix::fs::FileExt, path::Path};

    const SIZE: u64 = 64 << 10;

    fn store(root: &Path, format: StoreFormat) -> StoreIdentity {
        let (cluster, broker) = ("DefaultCluster".to_owned(), "broker-a".parse().unwrap());
        StoreIdentity { root: root.to_owned(), commit_log: root.to_owned(), format, cluster, broker }
    }

    /// A commit log file with what was written to it, from where to where.
    fn file(folder: &Path, first: u64, written: &[(u64, u64)]) {
        let file = File::create(folder.join(format!("{first:020}"))).unwrap();
        file.set_len(SIZE).unwrap();
        for (from, to) in written {
            file.write_all_at(&vec![7; usize::try_from(to - from).unwrap()], *from).unwrap();
        }
    }

    #[test]
    fn a_log_has_a_gap_where_a_page_before_its_end_was_never_written() {
        let dir = tempfile::tempdir().unwrap();
        let log = store(dir.path(), StoreFormat::Plain);
        assert_eq!(gap(&log, 0), None);
        // The last page of the first file is what no message had room in.
        file(dir.path(), 0, &[(0, SIZE - 8192)]);
        file(dir.path(), SIZE, &[(0, 10_000)]);
        file(dir.path(), 2 * SIZE, &[]);
        assert_eq!(gap(&log, SIZE + 10_000), None);
        assert_eq!(gap(&log, SIZE + 16_000), Some(SIZE + 12_288));
        assert_eq!(gap(&log, 2 * SIZE + 1), Some(2 * SIZE));
        let raft = store(dir.path(), StoreFormat::Dledger { self_id: "n0".to_owned() });
        assert_eq!(gap(&raft, SIZE + 16_000), None);
    }

    #[test]
    fn a_gap_in_the_file_before_the_last_is_found_too() {
        let dir = tempfile::tempdir().unwrap();
        file(dir.path(), 0, &[(0, 8192), (16_384, SIZE)]);
        file(dir.path(), SIZE, &[(0, 4096)]);
        assert_eq!(gap(&store(dir.path(), StoreFormat::Plain), SIZE + 4096), Some(8192));
    }
}
