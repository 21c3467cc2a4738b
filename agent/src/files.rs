//! Folders and files on this host: looked at, made, and written so that a reader or a power loss never meets half a
//! file (temp file, fsync, rename, fsync of the folder). What is as it should be is not touched.

mod directories;

pub use directories::{Whose, make_directory, observe_base, observe_directory, observe_home};

use crate::{
    accounts::{self, Account},
    untrusted::{self, Budget},
};
use rocketmq_agent_domain::{adoption::KEPT_AS, observed::FileState};
use rustix::{
    fd::OwnedFd,
    fs::{AtFlags, FileType, Gid, Mode, OFlags, Uid, fchmod, fchown, openat, renameat, unlinkat},
    io::Errno,
};
use std::{
    ffi::OsStr,
    fs::{self, File},
    io::{self, Write},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
};

/// How the name of a file begins that is not in its place yet.
pub const TEMPORARY: &str = ".rocketmq-agent-";
/// No file that the agent reads as a whole is longer; a document may have 1 MiB.
const LONGEST: u64 = 16 << 20;

/// Why a file or folder could not be handled.
#[derive(Debug, thiserror::Error)]
#[error("cannot {doing} {path}")]
pub struct FileError {
    doing: &'static str,
    path: PathBuf,
    #[source]
    source: io::Error,
}

impl FileError {
    /// Whether it failed for want of rights.
    pub fn is_denied(&self) -> bool {
        self.source.kind() == io::ErrorKind::PermissionDenied
    }
}

/// The error of doing something to a file or folder, such as "read" or "remove".
pub fn failed(doing: &'static str, path: &Path) -> impl Fn(io::Error) -> FileError {
    move |source| FileError { doing, path: path.to_owned(), source }
}

/// A file's bytes; none where it is not there. Nothing lies below a file either.
pub fn read(path: &Path) -> Result<Option<Vec<u8>>, FileError> {
    untrusted::if_there(untrusted::read(path, LONGEST)).map_err(failed("read", path))
}

/// The names of what lies in a folder; none where it is not there.
pub fn entries(folder: &Path) -> Result<Vec<String>, FileError> {
    let failed = failed("read", folder);
    let open = untrusted::if_there(untrusted::folder(folder)).map_err(&failed)?;
    open.map_or(Ok(Vec::new()), |open| untrusted::names(open).map_err(failed))
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(above) if above.as_os_str().is_empty() => Path::new("."),
        Some(above) => above,
        None => Path::new("/"),
    }
}

fn give(open: &OwnedFd, account: Account) -> Result<(), Errno> {
    fchown(open, Some(Uid::from_raw(account.uid)), Some(Gid::from_raw(account.gid)))
}

/// Looks at a file that must have this text and mode, and this owner where one is named.
pub fn observe_file(path: &Path, text: &str, mode: u32, owner: Option<Account>) -> Result<FileState, FileError> {
    let opened = untrusted::if_there(untrusted::file(path)).map_err(failed("read", path))?;
    let Some(file) = opened else { return Ok(FileState::Differs) };
    let meta = file.metadata().map_err(failed("look at", path))?;
    let same = meta.mode() & 0o7777 == mode
        && owner.is_none_or(|owner| (meta.uid(), meta.gid()) == (owner.uid, owner.gid))
        && meta.len() == text.len() as u64;
    if !same {
        return Ok(FileState::Differs);
    }
    let found = untrusted::read_some(&file, meta.len()).map_err(failed("read", path))?;
    Ok(if found == text.as_bytes() { FileState::Same } else { FileState::Differs })
}

/// A file that a person wrote, and of which no copy is kept yet; `None` where there is none.
pub fn read_unkept(path: &Path) -> Result<Option<Vec<u8>>, FileError> {
    if fs::symlink_metadata(copy_of(path)).is_ok() { Ok(None) } else { read(path) }
}

/// Keeps a copy of a file beside it, with its mode and for good: one that is there is never replaced.
pub fn keep_copy(path: &Path) -> Result<(), FileError> {
    let Some(text) = read_unkept(path)? else { return Ok(()) };
    let mode = untrusted::file(path).and_then(|file| file.metadata()).map_err(failed("look at", path))?.mode() & 0o777;
    write_file(&copy_of(path), &text, mode, None)
}

fn copy_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(KEPT_AS);
    name.into()
}

/// Puts a whole file in place at once.
pub fn write_file(path: &Path, text: &[u8], mode: u32, owner: Option<Account>) -> Result<(), FileError> {
    write_with(path, mode, owner, |file| file.write_all(text))
}

/// The same, of what `fill` writes. Root writes to no folder in which RocketMQ's account could put something else in the
/// place of what is written.
pub fn write_with(
    path: &Path,
    mode: u32,
    owner: Option<Account>,
    fill: impl FnOnce(&mut File) -> io::Result<()>,
) -> Result<(), FileError> {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let (above, name) = (folder_of(path), path.file_name().unwrap_or_default());
    let folder = untrusted::folder(above).map_err(failed("make a file in", above))?;
    if accounts::is_root() && untrusted::is_open_to_account(&folder).map_err(failed("look at folder", above))? {
        let why = format!("user id {} can change this folder, and root writes nothing there", accounts::ID);
        return Err(failed("make a file in", above)(io::Error::other(why)));
    }
    let temporary = format!("{TEMPORARY}{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    let done = fill_and_name(&folder, temporary.as_ref(), name, path, (mode, owner), fill);
    if done.is_err() {
        // Its own error is the one to tell.
        let _ = unlinkat(&folder, &temporary, AtFlags::empty());
    }
    done
}

fn fill_and_name(
    folder: &OwnedFd,
    temporary: &OsStr,
    name: &OsStr,
    path: &Path,
    (mode, owner): (u32, Option<Account>),
    fill: impl FnOnce(&mut File) -> io::Result<()>,
) -> Result<(), FileError> {
    let above = folder_of(path);
    let flags = OFlags::RDWR | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    fn errno(doing: &'static str, path: &Path) -> impl Fn(Errno) -> FileError {
        let failed = failed(doing, path);
        move |error: Errno| failed(error.into())
    }
    let made = openat(folder, temporary, flags, Mode::RUSR | Mode::WUSR).map_err(errno("make a file in", above))?;
    let mut file = File::from(made);
    fill(&mut file).map_err(failed("write", path))?;
    let made = OwnedFd::from(file);
    if let Some(account) = owner {
        give(&made, account).map_err(errno("change the owner of", path))?;
    }
    fchmod(&made, Mode::from_raw_mode(mode)).map_err(errno("set the mode of", path))?;
    rustix::fs::fsync(&made).map_err(errno("flush", path))?;
    renameat(folder, temporary, folder, name).map_err(errno("put in place", path))?;
    rustix::fs::fsync(folder).map_err(errno("flush folder", above))
}

/// The mode of a secret's file that others than its owner can use; `None` where it is its owner's alone.
pub fn open_to_others(path: &Path, file: &fs::Metadata) -> Option<u32> {
    // systemd's own credentials are 0400, or 0440 of root:root with an ACL in newer releases.
    let open = if path.starts_with("/run/credentials") { 0o007 } else { 0o077 };
    let mode = file.mode() & 0o777;
    (mode & open != 0).then_some(mode)
}

/// The bytes of all files in a folder, however deep; none where there is no folder.
///
/// # Errors
/// It cannot be looked into, or there is too much in it for the time.
pub fn size_of_folder(folder: &Path, budget: Budget) -> io::Result<u64> {
    let open = match untrusted::folder(folder) {
        Ok(open) => open,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        Err(error) => return Err(error),
    };
    let mut bytes = 0;
    untrusted::walk(open, budget, |entry| {
        if entry.kind() == FileType::RegularFile {
            bytes += u64::try_from(entry.stat.st_size).unwrap_or_default();
        }
        Ok(())
    })?;
    Ok(bytes)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn a_written_file_has_its_text_and_mode_and_leaves_nothing_else_behind() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("broker.conf");
        assert_eq!(observe_file(&path, "a=1\n", 0o644, None).unwrap(), FileState::Differs);
        write_file(&path, b"a=1\n", 0o644, None).unwrap();
        assert_eq!(observe_file(&path, "a=1\n", 0o644, None).unwrap(), FileState::Same);
        assert_eq!(observe_file(&path, "a=2\n", 0o644, None).unwrap(), FileState::Differs);
        assert_eq!(observe_file(&path, "a=1\n", 0o600, None).unwrap(), FileState::Differs);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 1);
    }

    #[test]
    fn a_folder_is_as_large_as_all_the_files_below_it() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("data")).unwrap();
        fs::write(dir.path().join("a"), "12345").unwrap();
        fs::write(dir.path().join("data/b"), "678").unwrap();
        assert_eq!(size_of_folder(dir.path(), Budget::of(Duration::from_secs(60))).unwrap(), 8);
        assert_eq!(size_of_folder(&dir.path().join("none"), Budget::of(Duration::from_secs(60))).unwrap(), 0);
    }

    #[test]
    fn a_file_that_somebody_wrote_is_kept_once_and_the_copy_never_replaced() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("broker.conf");
        keep_copy(&path).unwrap();
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
        for text in ["by hand", "rendered"] {
            fs::write(&path, text).unwrap();
            keep_copy(&path).unwrap();
            assert_eq!(fs::read_to_string(copy_of(&path)).unwrap(), "by hand");
        }
    }
}
