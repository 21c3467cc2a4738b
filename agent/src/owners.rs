//! Whose the files of an instance are. Data that a container or a hand-started broker left may belong to somebody else;
//! a broker that cannot write one of its files fails late and says little. It looks at and changes entries by their
//! folder, never through a symbolic link.

use crate::{
    accounts::Account,
    untrusted::{self, Budget, Entry},
};
use rustix::{
    fs::{AtFlags, FileType, Gid, Mode, OFlags, Uid, chownat, fstat, openat},
    io::Errno,
};
use std::{
    io,
    path::{Path, PathBuf},
    time::Duration,
};

/// How long a tree may take to look through, and to be given.
const LOOK: Duration = Duration::from_secs(8);
const GIVE: Duration = Duration::from_secs(600);

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
/// A folder cannot be read, or there is too much in it to look at.
pub fn strangers(root: &Path, account: Account) -> io::Result<Option<Strangers>> {
    let Some(folder) = untrusted::if_there(untrusted::folder(root))? else { return Ok(None) };
    let mut found: Option<Strangers> = None;
    let mut see = |path: PathBuf, uid: u32| {
        let strangers = found.get_or_insert(Strangers { count: 0, example: path, uid });
        strangers.count += 1;
    };
    let own = fstat(&folder)?.st_uid;
    if own != account.uid {
        see(root.to_owned(), own);
    }
    let walked = untrusted::walk(&folder, Budget::of(LOOK), |entry| {
        if entry.stat.st_uid != account.uid && !is_console(&entry.path) {
            see(root.join(&entry.path), entry.stat.st_uid);
        }
        Ok(())
    });
    match walked {
        // Whoever looks as the account may not enter what belongs to somebody else.
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied && found.is_some() => Ok(found),
        Err(error) => Err(error),
        Ok(()) => Ok(found),
    }
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
    let Some(folder) = untrusted::if_there(untrusted::folder(root))? else { return Ok(given) };
    let (uid, gid) = (Some(Uid::from_raw(account.uid)), Some(Gid::from_raw(account.gid)));
    let own = fstat(&folder)?;
    if (own.st_uid, own.st_gid) != (account.uid, account.gid) {
        rustix::fs::fchown(&folder, uid, gid)?;
        given.count += 1;
    }
    untrusted::walk(&folder, Budget::of(GIVE), |entry| {
        if (entry.stat.st_uid, entry.stat.st_gid) == (account.uid, account.gid) || is_console(&entry.path) {
            return Ok(());
        }
        // What is looked at is what is given, whatever takes its name meanwhile.
        let Some(pinned) = pin(entry)? else { return Ok(()) };
        let found = fstat(&pinned)?;
        if FileType::from_raw_mode(found.st_mode) != FileType::Directory && found.st_nlink > 1 {
            given.left.push(root.join(&entry.path));
            return Ok(());
        }
        chownat(&pinned, c"", uid, gid, AtFlags::EMPTY_PATH)?;
        given.count += 1;
        Ok(())
    })?;
    Ok(given)
}

fn pin(entry: &Entry<'_>) -> io::Result<Option<rustix::fd::OwnedFd>> {
    match openat(entry.folder, entry.name, OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC, Mode::empty()) {
        Ok(pinned) => Ok(Some(pinned)),
        Err(Errno::NOENT) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// The console is opened for the JVM, by systemd as root.
fn is_console(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.as_encoded_bytes().starts_with(b"console.log"))
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
