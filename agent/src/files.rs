//! Folders and files on this host: looked at, made, and written so that a reader or a power loss never meets half a
//! file (temp file, fsync, rename, fsync of the folder). What is as it should be is not touched.

use crate::accounts::Account;
use rocketmq_agent_domain::{
    adoption::KEPT_AS,
    observed::{DirectoryState, FileState},
};
use rustix::{
    fs::{Access, AtFlags, CWD, accessat},
    io::Errno,
};
use std::{
    fs::{self, File, Permissions},
    io::{self, Write},
    os::unix::fs::{MetadataExt, PermissionsExt, chown},
    path::{Path, PathBuf},
};

/// How the name of a file begins that is not in its place yet.
pub const TEMPORARY: &str = ".rocketmq-agent-";

/// Why a file or folder could not be handled.
#[derive(Debug, thiserror::Error)]
#[error("cannot {doing} {path}")]
pub struct FileError {
    doing: &'static str,
    path: PathBuf,
    #[source]
    source: io::Error,
}

/// The error of doing something to a file or folder, such as "read" or "remove".
pub fn failed(doing: &'static str, path: &Path) -> impl Fn(io::Error) -> FileError {
    move |source| FileError { doing, path: path.to_owned(), source }
}

/// A file's bytes; none where it is not there. Nothing lies below a file either.
pub fn read(path: &Path) -> Result<Option<Vec<u8>>, FileError> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if is_absent(&error) => Ok(None),
        Err(error) => Err(failed("read", path)(error)),
    }
}

/// The names of what lies in a folder; none where it is not there.
pub fn entries(folder: &Path) -> Result<Vec<String>, FileError> {
    let failed = failed("read", folder);
    let list = match fs::read_dir(folder) {
        Ok(list) => list,
        Err(error) if is_absent(&error) => return Ok(Vec::new()),
        Err(error) => return Err(failed(error)),
    };
    list.map(|entry| Ok(entry.map_err(&failed)?.file_name().to_string_lossy().into_owned())).collect()
}

fn is_absent(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory)
}

/// Looks at a folder that `owner` (or this process) must be able to write to.
pub fn observe_directory(path: &Path, owner: Option<Account>) -> Result<DirectoryState, FileError> {
    let found = match fs::symlink_metadata(path).and_then(|_| fs::metadata(path)) {
        Ok(found) => found,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(missing(path)),
        Err(error) if error.kind() == io::ErrorKind::NotADirectory => {
            return Ok(DirectoryState::Unusable("lies below something that is not a folder".to_owned()));
        }
        Err(error) => return Err(failed("look at folder", path)(error)),
    };
    if !found.is_dir() {
        return Ok(DirectoryState::Unusable("is not a folder".to_owned()));
    }
    if is_read_only(path) {
        return Ok(DirectoryState::ReadOnly);
    }
    match owner {
        Some(account) if found.uid() != account.uid => {
            Ok(DirectoryState::Unusable(format!("belongs to user id {}, not to {}", found.uid(), account.uid)))
        }
        None if accessat(CWD, path, Access::WRITE_OK | Access::EXEC_OK, AtFlags::EACCESS).is_err() => {
            Ok(DirectoryState::Unusable("cannot be written to by this agent".to_owned()))
        }
        Some(account) => Ok(match closed_to(path, account) {
            Some(closed) => DirectoryState::Unusable(format!(
                "lies below {}, which user id {} may not enter",
                closed.display(),
                account.uid
            )),
            None => DirectoryState::Fine,
        }),
        None => Ok(DirectoryState::Fine),
    }
}

/// The folder on the way to `path` that the account may not pass through, such as root's home.
fn closed_to(path: &Path, account: Account) -> Option<&Path> {
    path.ancestors().skip(1).find(|ancestor| {
        fs::metadata(ancestor).is_ok_and(|found| {
            let bit = match () {
                () if found.uid() == account.uid => 0o100,
                () if found.gid() == account.gid => 0o010,
                () => 0o001,
            };
            found.mode() & bit == 0
        })
    })
}

/// As the kernel mounts a disk that fails.
fn is_read_only(path: &Path) -> bool {
    accessat(CWD, path, Access::WRITE_OK, AtFlags::EACCESS) == Err(Errno::ROFS)
}

/// A folder that is not there can be made if its nearest ancestor can be written to.
fn missing(path: &Path) -> DirectoryState {
    let ancestor = path.ancestors().skip(1).find(|ancestor| fs::symlink_metadata(ancestor).is_ok());
    match ancestor {
        Some(ancestor) if is_read_only(ancestor) => DirectoryState::ReadOnly,
        Some(ancestor) if accessat(CWD, ancestor, Access::WRITE_OK | Access::EXEC_OK, AtFlags::EACCESS).is_err() => {
            DirectoryState::Unusable(format!(
                "cannot be made: {} cannot be written to by this agent",
                ancestor.display()
            ))
        }
        _ => DirectoryState::Missing,
    }
}

/// Makes a folder, and those above it that are missing: they keep this process as owner, and let everybody pass
/// whatever the umask.
pub fn make_directory(path: &Path, mode: u32, owner: Option<Account>) -> Result<(), FileError> {
    let missing: Vec<&Path> = path.ancestors().take_while(|ancestor| fs::symlink_metadata(ancestor).is_err()).collect();
    fs::create_dir_all(path).map_err(failed("make folder", path))?;
    for made in missing {
        fs::set_permissions(made, Permissions::from_mode(0o755)).map_err(failed("set the mode of", made))?;
    }
    fs::set_permissions(path, Permissions::from_mode(mode)).map_err(failed("set the mode of", path))?;
    give(path, owner)
}

/// Looks at a file that must have this text and mode, and this owner where one is named.
pub fn observe_file(path: &Path, text: &str, mode: u32, owner: Option<Account>) -> Result<FileState, FileError> {
    let found = match fs::read(path) {
        Ok(found) => found,
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => {
            return Ok(FileState::Differs);
        }
        Err(error) => return Err(failed("read", path)(error)),
    };
    let meta = fs::metadata(path).map_err(failed("look at", path))?;
    let same = meta.mode() & 0o7777 == mode && owner.is_none_or(|owner| meta.uid() == owner.uid);
    Ok(if found == text.as_bytes() && same { FileState::Same } else { FileState::Differs })
}

/// A file that a person wrote, and of which no copy is kept yet; `None` where there is none.
pub fn read_unkept(path: &Path) -> Result<Option<Vec<u8>>, FileError> {
    if fs::symlink_metadata(copy_of(path)).is_ok() {
        return Ok(None);
    }
    match fs::read(path) {
        Ok(found) => Ok(Some(found)),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
        Err(error) => Err(failed("read", path)(error)),
    }
}

/// Keeps a copy of a file beside it, with its mode and for good: one that is there is never replaced.
pub fn keep_copy(path: &Path) -> Result<(), FileError> {
    let Some(text) = read_unkept(path)? else { return Ok(()) };
    let mode = fs::metadata(path).map_err(failed("look at", path))?.mode() & 0o777;
    write_file(&copy_of(path), &text, mode, None)
}

fn copy_of(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(KEPT_AS);
    name.into()
}

/// Puts a whole file in place at once.
pub fn write_file(path: &Path, text: &[u8], mode: u32, owner: Option<Account>) -> Result<(), FileError> {
    let folder = path.parent().unwrap_or(Path::new("/"));
    let mut file =
        tempfile::Builder::new().prefix(TEMPORARY).tempfile_in(folder).map_err(failed("make a file in", folder))?;
    file.write_all(text).map_err(failed("write", path))?;
    file.as_file().set_permissions(Permissions::from_mode(mode)).map_err(failed("set the mode of", path))?;
    give(file.path(), owner)?;
    file.as_file().sync_all().map_err(failed("flush", path))?;
    file.persist(path).map_err(|error| failed("put in place", path)(error.error))?;
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed("flush folder", folder))
}

fn give(path: &Path, owner: Option<Account>) -> Result<(), FileError> {
    match owner {
        Some(account) => chown(path, Some(account.uid), Some(account.gid)).map_err(failed("change the owner of", path)),
        None => Ok(()),
    }
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
/// It cannot be looked into.
pub fn size_of_folder(folder: &Path) -> io::Result<u64> {
    let list = match fs::read_dir(folder) {
        Ok(list) => list,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(0),
        Err(error) => return Err(error),
    };
    let mut bytes = 0;
    for entry in list {
        let entry = entry?;
        bytes += match entry.metadata() {
            Ok(found) if found.is_dir() => size_of_folder(&entry.path())?,
            Ok(found) => found.len(),
            // Whose it is deletes what it does not need any more.
            Err(error) if error.kind() == io::ErrorKind::NotFound => 0,
            Err(error) => return Err(error),
        };
    }
    Ok(bytes)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

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
        assert_eq!(size_of_folder(dir.path()).unwrap(), 8);
        assert_eq!(size_of_folder(&dir.path().join("none")).unwrap(), 0);
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

    #[test]
    fn a_file_in_the_place_of_a_folder_is_unusable_not_missing() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("store");
        assert_eq!(observe_directory(&path, None).unwrap(), DirectoryState::Missing);
        fs::write(&path, "").unwrap();
        assert!(matches!(observe_directory(&path, None).unwrap(), DirectoryState::Unusable(_)));
        assert!(matches!(observe_directory(&path.join("below"), None).unwrap(), DirectoryState::Unusable(_)));
    }

    #[test]
    fn folders_on_the_way_are_made_so_that_others_can_pass() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a/b/c");
        make_directory(&path, 0o750, None).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().mode() & 0o777;
        assert_eq!((mode(&path), mode(&dir.path().join("a/b")), mode(&dir.path().join("a"))), (0o750, 0o755, 0o755));
    }

    #[test]
    fn a_folder_below_one_that_its_owner_may_not_enter_is_unusable() {
        let dir = tempfile::tempdir().unwrap();
        fs::set_permissions(dir.path(), Permissions::from_mode(0o700)).unwrap();
        let path = dir.path().join("store");
        make_directory(&path, 0o755, None).unwrap();
        let own = fs::metadata(&path).unwrap().uid();
        assert_eq!(closed_to(&path, Account { uid: own, gid: own }), None);
        assert_eq!(closed_to(&path, Account { uid: own + 1, gid: own + 1 }), Some(dir.path()));
    }

    #[test]
    fn a_folder_of_somebody_else_is_reported_with_both_ids() {
        let dir = tempfile::tempdir().unwrap();
        let own = fs::metadata(dir.path()).unwrap().uid();
        let other = Account { uid: own + 1, gid: own + 1 };
        let DirectoryState::Unusable(why) = observe_directory(dir.path(), Some(other)).unwrap() else {
            unreachable!("it belongs to somebody else")
        };
        assert_eq!(why, format!("belongs to user id {own}, not to {}", own + 1));
    }
}
