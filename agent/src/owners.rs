//! Whose the files of an instance are. Data that a container or a hand-started broker left may belong to somebody else;
//! a broker that cannot write one of its files fails late and says little. It looks at and changes entries by their
//! folder, never through a symbolic link.

use crate::accounts::Account;
use rustix::{
    fd::{AsFd, OwnedFd},
    fs::{AtFlags, CWD, Dir, FileType, Gid, Mode, OFlags, Stat, Uid, chownat, openat, statat},
    io::Errno,
};
use std::{
    ffi::CStr,
    io,
    path::{Path, PathBuf},
};

/// Entries that belong to somebody else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Strangers {
    /// How many.
    pub count: usize,
    /// The first one.
    pub example: PathBuf,
    /// Its user id.
    pub uid: u32,
}

impl std::fmt::Display for Strangers {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { count, example, uid } = self;
        match count {
            1 => write!(f, "{} belongs to user id {uid}", example.display()),
            _ => {
                write!(f, "{count} files and folders belong to others, such as {} to user id {uid}", example.display())
            }
        }
    }
}

/// What is below `root`, itself included, and is not the account's; `None` where all of it is, or nothing is there.
///
/// # Errors
/// A folder cannot be read.
pub fn strangers(root: &Path, account: Account) -> io::Result<Option<Strangers>> {
    let mut found: Option<Strangers> = None;
    walk(root, &mut |_, _, path, stat| {
        if stat.st_uid != account.uid && !is_console(path) {
            let strangers =
                found.get_or_insert_with(|| Strangers { count: 0, example: path.to_owned(), uid: stat.st_uid });
            strangers.count += 1;
        }
        Ok(())
    })?;
    Ok(found)
}

/// What came of [`give`].
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Given {
    /// How many entries changed hands.
    pub count: usize,
    /// What has a second name, perhaps outside of the tree, and so was left.
    pub left: Vec<PathBuf>,
}

/// Gives everything below `root`, itself included, to the account. Links are given, not what they point to.
///
/// # Errors
/// Something cannot be read or given; what came before was.
pub fn give(root: &Path, account: Account) -> io::Result<Given> {
    let mut given = Given::default();
    walk(root, &mut |folder, name, path, stat| {
        if (stat.st_uid == account.uid && stat.st_gid == account.gid) || is_console(path) {
            return Ok(());
        }
        if FileType::from_raw_mode(stat.st_mode) != FileType::Directory && stat.st_nlink > 1 {
            given.left.push(path.to_owned());
            return Ok(());
        }
        let (uid, gid) = (Some(Uid::from_raw(account.uid)), Some(Gid::from_raw(account.gid)));
        chownat(folder, name, uid, gid, AtFlags::SYMLINK_NOFOLLOW)?;
        given.count += 1;
        Ok(())
    })?;
    Ok(given)
}

/// The console is opened for the JVM, by systemd as root.
fn is_console(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"console.log"))
}

type Visit<'v> = &'v mut dyn FnMut(&OwnedFd, &CStr, &Path, &Stat) -> Result<(), Errno>;

fn walk(root: &Path, visit: Visit<'_>) -> io::Result<()> {
    let (Some(parent), Some(name)) = (root.parent(), root.file_name()) else { return Ok(()) };
    let name = std::ffi::CString::new(name.as_encoded_bytes())?;
    let parent_fd = match openat(CWD, parent, OFlags::DIRECTORY | OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()) {
        Ok(parent) => parent,
        Err(Errno::NOENT | Errno::NOTDIR) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    Ok(visit_entry(&parent_fd, &name, root, visit)?)
}

fn visit_entry(folder: &OwnedFd, name: &CStr, path: &Path, visit: Visit<'_>) -> Result<(), Errno> {
    let stat = match statat(folder, name, AtFlags::SYMLINK_NOFOLLOW) {
        Ok(stat) => stat,
        // RocketMQ deletes files as they expire.
        Err(Errno::NOENT) => return Ok(()),
        Err(error) => return Err(error),
    };
    visit(folder, name, path, &stat)?;
    if FileType::from_raw_mode(stat.st_mode) != FileType::Directory {
        return Ok(());
    }
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::RDONLY | OFlags::CLOEXEC;
    let own = openat(folder, name, flags, Mode::empty())?;
    for entry in Dir::read_from(own.as_fd())? {
        let entry = entry?;
        let below = entry.file_name();
        if below != c"." && below != c".." {
            visit_entry(&own, below, &path.join(&*below.to_string_lossy()), visit)?;
        }
    }
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::{
        fs,
        os::unix::fs::{MetadataExt, symlink},
    };

    #[test]
    fn strangers_are_counted_through_all_folders_and_no_link_is_followed() {
        let dir = tempfile::tempdir().unwrap();
        let store = dir.path().join("store");
        fs::create_dir_all(store.join("commitlog")).unwrap();
        fs::write(store.join("commitlog/0"), "").unwrap();
        symlink("/usr", store.join("link")).unwrap();
        let own = fs::metadata(&store).unwrap();
        let me = Account { uid: own.uid(), gid: own.gid() };
        assert_eq!(strangers(&store, me).unwrap(), None);
        assert_eq!(give(&store, me).unwrap(), Given::default());
        let other = Account { uid: own.uid() + 1, ..me };
        let found = strangers(&store, other).unwrap().unwrap();
        assert_eq!((found.count, found.example, found.uid), (4, store, own.uid()));
        assert_eq!(strangers(&dir.path().join("none/store"), other).unwrap(), None);
    }

    #[test]
    fn a_tree_is_given_and_what_a_link_points_to_or_has_a_second_name_is_not() {
        let dir = tempfile::tempdir().unwrap();
        let own = fs::metadata(dir.path()).unwrap();
        if own.uid() != 0 {
            return; // Only root can give files away.
        }
        let path = |below: &str| dir.path().join(below);
        fs::create_dir_all(path("store/config")).unwrap();
        for file in ["store/config/topics.json", "outside", "shared"] {
            fs::write(path(file), "").unwrap();
        }
        symlink(path("outside"), path("store/link")).unwrap();
        fs::hard_link(path("shared"), path("store/shared")).unwrap();
        let account = Account { uid: 3000, gid: 3000 };
        let given = give(&path("store"), account).unwrap();
        assert_eq!(given, Given { count: 4, left: vec![path("store/shared")] });
        let uid = |below: &str| fs::symlink_metadata(path(below)).unwrap().uid();
        assert_eq!((uid("store"), uid("store/config/topics.json"), uid("store/link")), (3000, 3000, 3000));
        assert_eq!((uid("outside"), uid("shared")), (0, 0));
    }
}
