//! Whole trees, by descriptor: walked and deleted without recursion, and never through a link. Names below are only ever
//! one component long, so that nothing leads out of the tree.

use super::{kind, resolve::LIST};
use rustix::{
    fd::{AsFd, BorrowedFd, OwnedFd},
    fs::{AtFlags, Dir, FileType, Mode, Stat, openat, renameat, statat, unlinkat},
    io::Errno,
};
use std::{
    ffi::{CStr, CString, OsStr},
    io,
    os::unix::ffi::OsStrExt,
    path::PathBuf,
    time::{Duration, Instant},
};

/// RocketMQ's own trees are five deep.
const DEPTH: usize = 32;
/// So many folders are held open while a tree is deleted; what is deeper is moved up.
const HELD: usize = 200;
/// How often a folder is emptied anew that others fill at the same time, and at all.
const STALLS: usize = 16;
const ROUNDS: usize = 10_000;

/// How much of a tree is looked at. RocketMQ decides how large its trees are, and a compromised one is no friend.
#[derive(Debug, Clone, Copy)]
pub struct Budget {
    entries: usize,
    until: Instant,
}

impl Budget {
    /// A million entries, in so much time.
    pub fn of(time: Duration) -> Self {
        Self { entries: 1_000_000, until: Instant::now() + time }
    }

    fn spend(&mut self) -> io::Result<()> {
        self.entries = self.entries.saturating_sub(1);
        match self.entries {
            0 => Err(io::Error::other("there are too many files in it to look at")),
            // The clock is asked now and then.
            left if left % 64 == 0 && Instant::now() > self.until => {
                Err(io::Error::new(io::ErrorKind::TimedOut, "looking at it takes too long"))
            }
            _ => Ok(()),
        }
    }
}

/// One entry of a tree.
#[derive(Debug)]
pub struct Entry<'e> {
    /// The folder that it lies in.
    pub folder: BorrowedFd<'e>,
    /// Its name there.
    pub name: &'e CStr,
    /// Its path from the folder that was walked.
    pub path: PathBuf,
    /// What it is; a link is a link.
    pub stat: Stat,
}

impl Entry<'_> {
    /// Whether it is a folder, a file, or what else.
    pub fn kind(&self) -> FileType {
        kind(&self.stat)
    }
}

struct Level {
    folder: OwnedFd,
    entries: Dir,
    path: PathBuf,
}

impl Level {
    fn of(folder: OwnedFd, path: PathBuf) -> Result<Self, Errno> {
        Ok(Self { entries: Dir::read_from(&folder)?, folder, path })
    }

    /// The next name; none where the folder is through.
    fn next(&mut self) -> Result<Option<CString>, Errno> {
        loop {
            match self.entries.read() {
                None => return Ok(None),
                Some(Err(error)) => return Err(error),
                Some(Ok(entry)) if matches!(entry.file_name().to_bytes(), b"." | b"..") => {}
                Some(Ok(entry)) => return Ok(Some(entry.file_name().to_owned())),
            }
        }
    }
}

/// Calls `visit` with everything below a folder, a folder before what lies in it. What goes meanwhile is left out.
///
/// # Errors
/// A folder cannot be listed, the tree is too large or nested too deep, or what `visit` says.
pub fn walk(
    folder: impl AsFd,
    mut budget: Budget,
    mut visit: impl FnMut(&Entry<'_>) -> io::Result<()>,
) -> io::Result<()> {
    let mut levels = vec![Level::of(openat(folder, c".", LIST, Mode::empty())?, PathBuf::new())?];
    while let Some(level) = levels.last_mut() {
        let Some(name) = level.next()? else {
            levels.pop();
            continue;
        };
        budget.spend()?;
        let stat = match statat(&level.folder, &name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(stat) => stat,
            // RocketMQ deletes files as they expire.
            Err(Errno::NOENT) => continue,
            Err(error) => return Err(error.into()),
        };
        let path = level.path.join(OsStr::from_bytes(name.to_bytes()));
        let entry = Entry { folder: level.folder.as_fd(), name: &name, path, stat };
        visit(&entry)?;
        if entry.kind() != FileType::Directory {
            continue;
        }
        let path = entry.path;
        let below = match openat(&level.folder, &name, LIST, Mode::empty()) {
            Ok(below) => below,
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => continue,
            Err(error) => return Err(error.into()),
        };
        if levels.len() >= DEPTH {
            return Err(io::Error::other(format!("folders are nested deeper than {DEPTH} in it")));
        }
        levels.push(Level::of(below, path)?);
    }
    Ok(())
}

/// Deletes an entry of a folder with everything below it; one that is not there is deleted.
///
/// # Errors
/// Something cannot be deleted, such as a disk of its own.
pub fn delete(folder: impl AsFd, name: &OsStr) -> io::Result<()> {
    let folder = folder.as_fd();
    match unlinkat(folder, name, AtFlags::empty()) {
        Ok(()) | Err(Errno::NOENT) => return Ok(()),
        Err(Errno::ISDIR | Errno::PERM) => {}
        Err(error) => return Err(error.into()),
    }
    let own = openat(folder, name, LIST, Mode::empty())?;
    delete_below(&own)?;
    match unlinkat(folder, name, AtFlags::REMOVEDIR) {
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(error) => Err(error.into()),
    }
}

/// Deletes everything below a folder.
///
/// # Errors
/// As for [`delete`].
pub fn delete_below(folder: impl AsFd) -> io::Result<()> {
    let folder = folder.as_fd();
    let mut stalls = 0;
    for round in 0..ROUNDS {
        let mut moved = 0;
        if empty(folder, round, &mut moved)? == 0 {
            return Ok(());
        }
        stalls += usize::from(moved == 0);
        if stalls > STALLS {
            break;
        }
    }
    Err(io::Error::other("others go on to write to it"))
}

/// One round; how many entries there were. What is nested deep is moved to the top, for the next round.
fn empty(top: BorrowedFd<'_>, round: usize, moved: &mut usize) -> io::Result<usize> {
    let mut count = 0;
    let mut levels = vec![(Level::of(openat(top, c".", LIST, Mode::empty())?, PathBuf::new())?, CString::default())];
    loop {
        let depth = levels.len();
        let Some((level, _)) = levels.last_mut() else { return Ok(count) };
        let Some(name) = level.next()? else {
            let Some((_, name)) = levels.pop() else { return Ok(count) };
            if let Some((above, _)) = levels.last() {
                match unlinkat(&above.folder, &name, AtFlags::REMOVEDIR) {
                    // Somebody adds to it, or put something else in its place: the next round sees.
                    Ok(()) | Err(Errno::NOENT | Errno::NOTEMPTY | Errno::NOTDIR) => {}
                    Err(error) => return Err(error.into()),
                }
            }
            continue;
        };
        count += 1;
        match unlinkat(&level.folder, &name, AtFlags::empty()) {
            Ok(()) | Err(Errno::NOENT) => continue,
            Err(Errno::ISDIR | Errno::PERM) => {}
            Err(error) => return Err(error.into()),
        }
        let below = match openat(&level.folder, &name, LIST, Mode::empty()) {
            Ok(below) => below,
            Err(Errno::NOENT | Errno::NOTDIR | Errno::LOOP) => continue,
            Err(error) => return Err(error.into()),
        };
        if depth >= HELD {
            *moved += 1;
            renameat(&level.folder, &name, top, format!(".rocketmq-agent-deep-{round}-{moved}"))?;
            continue;
        }
        let below = Level::of(below, PathBuf::new())?;
        levels.push((below, name));
    }
}
