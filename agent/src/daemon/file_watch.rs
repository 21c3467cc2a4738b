//! Notices that a file was replaced, edited, taken away or put back, and waits until whoever does it is through: a file
//! that is written in place is half a file for a moment, and half a cluster file can be a valid one. In: looks at the
//! file. Out: when to read it.

use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// For so long nothing about it must have changed.
pub(super) const STILL: Duration = Duration::from_secs(1);

/// A file, what was last seen of it and what was last taken.
pub(super) struct FileWatch {
    path: PathBuf,
    taken: Option<Stamp>,
    seen: Option<Stamp>,
    since: Instant,
}

/// What tells one state of a file from the next; the time is that of the last change to content, rights or name.
#[derive(Clone, PartialEq, Eq)]
struct Stamp {
    inode: (u64, u64),
    length: u64,
    changed: (i64, i64),
}

impl FileWatch {
    /// What lies there now counts as taken.
    pub fn new(path: &Path) -> Self {
        let found = Stamp::of(path);
        Self { path: path.to_owned(), taken: found.clone(), seen: found, since: Instant::now() }
    }

    /// Looks; whether the file stands still, however long ago it was read. That it cannot be looked at is a state like
    /// others, and why is found out when it is read.
    pub fn is_still(&mut self, now: Instant) -> bool {
        let found = Stamp::of(&self.path);
        if found != self.seen {
            self.seen = found;
            self.since = now;
        }
        !self.is_new() || now.saturating_duration_since(self.since) >= STILL
    }

    /// Whether it differs from what was taken.
    pub fn is_new(&self) -> bool {
        self.seen != self.taken
    }

    /// It was read; whether it is still what stood still, so that what was read was whole.
    pub fn take(&mut self) -> bool {
        let whole = Stamp::of(&self.path) == self.seen;
        if whole {
            self.taken.clone_from(&self.seen);
        }
        whole
    }
}

impl Stamp {
    fn of(path: &Path) -> Option<Self> {
        let found = fs::metadata(path).ok()?;
        let changed = (found.ctime(), found.ctime_nsec());
        Some(Self { inode: (found.dev(), found.ino()), length: found.len(), changed })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_being_written_is_not_taken_before_it_stands_still() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cluster.toml");
        fs::write(&path, "whole").unwrap();
        let mut watch = FileWatch::new(&path);
        let start = Instant::now();
        assert!(watch.is_still(start) && !watch.is_new());

        fs::write(&path, "ha").unwrap();
        assert!(!watch.is_still(start) && watch.is_new());
        fs::write(&path, "half").unwrap();
        assert!(!watch.is_still(start + STILL), "it was written since the last look");
        assert!(watch.is_still(start + 2 * STILL) && watch.is_new());
        // Written again between the look and the end of reading.
        fs::write(&path, "half and half").unwrap();
        assert!(!watch.take());
        assert!(!watch.is_still(start + 3 * STILL));
        assert!(watch.is_still(start + 4 * STILL) && watch.take() && !watch.is_new());
    }

    #[test]
    fn a_file_that_is_gone_for_a_moment_is_not_taken_for_gone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("cluster.toml");
        fs::write(&path, "whole").unwrap();
        let mut watch = FileWatch::new(&path);
        let start = Instant::now();
        let aside = folder.path().join("aside");
        fs::rename(&path, &aside).unwrap();
        assert!(!watch.is_still(start));
        assert!(watch.is_still(start + STILL) && watch.is_new());
    }
}
