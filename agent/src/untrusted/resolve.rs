//! From a path to a descriptor. The kernel resolves a path without links (`openat2`); where there are links, or where the
//! kernel or a sandbox does not know that call, each component is opened and judged on its own.

use super::{is_open, is_root, kind};
use crate::accounts;
use rustix::{
    fd::{AsFd, OwnedFd},
    fs::{
        AtFlags, CWD, Dir, FileType, Mode, OFlags, ResolveFlags, fcntl_setfl, fstat, openat, openat2, readlinkat,
        statat,
    },
    io::Errno,
};
use std::{
    collections::VecDeque,
    ffi::{OsStr, OsString},
    fs::File,
    io::{self, Read},
    os::unix::ffi::OsStrExt,
    path::{Component, Path},
};

/// As many links as the kernel follows in one path.
const LINKS: usize = 40;
/// A store has a file for each gigabyte, and a folder for each topic.
const MOST_NAMES: usize = 1_000_000;
/// A folder on the way: nothing is read of it.
const PASS: OFlags = OFlags::PATH.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);
pub(super) const LIST: OFlags = OFlags::RDONLY.union(OFlags::DIRECTORY).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);
const LOOK: OFlags = OFlags::RDONLY.union(OFlags::NONBLOCK).union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);

/// Opens a folder.
///
/// # Errors
/// It is not there, is no folder, or the way to it leads over a link that the account could have made.
pub fn folder(path: &Path) -> io::Result<OwnedFd> {
    let resolve = ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS;
    // Not with NOFOLLOW: of a link at the end it would say that it is no folder.
    match openat2(CWD, path, LIST.difference(OFlags::NOFOLLOW), Mode::empty(), resolve) {
        Ok(folder) => Ok(folder),
        // A link is on the way, or the call is not known (ENOSYS) or not let through (seccomp's EPERM).
        Err(Errno::LOOP | Errno::NOSYS | Errno::PERM | Errno::INVAL | Errno::ACCESS) => walked(path),
        Err(error) => Err(error.into()),
    }
}

/// Opens the folder of that name in a folder; a link is not followed.
///
/// # Errors
/// It is not there, or is no folder.
pub fn folder_in(folder: impl AsFd, name: &OsStr) -> io::Result<OwnedFd> {
    Ok(openat(folder, name, LIST, Mode::empty())?)
}

/// A folder, component by component.
pub(super) fn walked(path: &Path) -> io::Result<OwnedFd> {
    let found = find(path)?;
    // Without a name the path ended in the folder itself: `/` or `..`.
    folder_in(&found.folder, found.name.as_deref().unwrap_or(OsStr::new(".")))
}

/// Opens a regular file for reading. It never waits, whatever lies there.
///
/// # Errors
/// As for [`folder`]; or it is no regular file, or a second name for a file in a folder that the account can change.
pub fn file(path: &Path) -> io::Result<File> {
    let found = find(path)?;
    let name = found.name.ok_or(Errno::ISDIR)?;
    at_once(&found.folder, &name)
}

/// Opens the regular file of that name in a folder, by the same rules; a link is not followed.
///
/// # Errors
/// As for [`file`].
pub fn at_once(folder: impl AsFd, name: &OsStr) -> io::Result<File> {
    let folder = folder.as_fd();
    let file = openat(folder, name, LOOK, Mode::empty())?;
    let found = fstat(&file)?;
    if kind(&found) != FileType::RegularFile {
        return Err(io::Error::other("it is not a regular file"));
    }
    if is_root() && found.st_nlink > 1 && found.st_uid != accounts::ID && is_open(&fstat(folder)?) {
        return Err(io::Error::other("it is a second name of a file that belongs to somebody else"));
    }
    // Nobody needs it any more: what is a regular file stays one.
    fcntl_setfl(&file, OFlags::empty())?;
    Ok(file.into())
}

/// Opens a file of the agent's own by these flags, and makes it where it is not there. A link is not followed and nothing is
/// waited for. That it is a regular file is for the caller to see.
///
/// # Errors
/// As for [`folder`]; or it can be neither opened nor made.
pub fn open_or_make(path: &Path, flags: OFlags, mode: u32) -> io::Result<File> {
    let folder = folder(path.parent().unwrap_or(Path::new("/")))?;
    let flags = flags | OFlags::CREATE | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let name = path.file_name().unwrap_or_default();
    Ok(openat(folder, name, flags, Mode::from_raw_mode(mode))?.into())
}

/// What was opened; none where it is not there. Nothing lies below a file either.
///
/// # Errors
/// It is there and was not opened.
pub fn if_there<T>(opened: io::Result<T>) -> io::Result<Option<T>> {
    match opened {
        Ok(opened) => Ok(Some(opened)),
        Err(error) if matches!(error.kind(), io::ErrorKind::NotFound | io::ErrorKind::NotADirectory) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The bytes of a regular file, which may have `most` of them.
///
/// # Errors
/// As for [`file`]; or it is longer.
pub fn read(path: &Path, most: u64) -> io::Result<Vec<u8>> {
    let bytes = read_some(&file(path)?, most + 1)?;
    match bytes.len() as u64 > most {
        true => Err(io::Error::new(io::ErrorKind::FileTooLarge, format!("it is longer than {most} bytes"))),
        false => Ok(bytes),
    }
}

/// The first bytes of an open file.
///
/// # Errors
/// It cannot be read.
pub fn read_some(file: &File, most: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    file.take(most).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// The names of what lies in a folder.
///
/// # Errors
/// It cannot be listed, or there are too many.
pub fn names(folder: impl AsFd) -> io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in Dir::read_from(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        if name != c"." && name != c".." {
            names.push(name.to_string_lossy().into_owned());
        }
        if names.len() > MOST_NAMES {
            return Err(io::Error::other(format!("more than {MOST_NAMES} entries lie in it")));
        }
    }
    Ok(names)
}

/// Whether the account can put something else in the place of what lies in this folder.
///
/// # Errors
/// The folder cannot be looked at.
pub fn is_open_to_account(folder: impl AsFd) -> io::Result<bool> {
    Ok(is_open(&fstat(folder)?))
}

/// Where a path ends.
struct Found {
    folder: OwnedFd,
    /// No link by now; nothing need be there. `None`: the folder itself.
    name: Option<OsString>,
}

fn find(path: &Path) -> io::Result<Found> {
    let mut rest: VecDeque<OsString> = path.components().map(|part| part.as_os_str().to_owned()).collect();
    let mut folder = openat(CWD, c".", PASS, Mode::empty())?;
    let mut links = 0;
    while let Some(part) = rest.pop_front() {
        if part == "/" || part == "." || part == ".." {
            folder = openat(&folder, &part, PASS, Mode::empty())?;
            continue;
        }
        match statat(&folder, &part, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(found) if kind(&found) == FileType::Symlink => {
                links += 1;
                if links > LINKS {
                    return Err(Errno::LOOP.into());
                }
                if is_root() && (found.st_uid == accounts::ID || is_open(&fstat(&folder)?)) {
                    return Err(io::Error::other(format!(
                        "{} is a link that user id {} could have made, and it is not followed",
                        part.display(),
                        accounts::ID
                    )));
                }
                let target = readlinkat(&folder, &part, Vec::new())?;
                let target = Path::new(OsStr::from_bytes(target.as_bytes())).components();
                let parts: Vec<OsString> = target.map(|part: Component<'_>| part.as_os_str().to_owned()).collect();
                for part in parts.into_iter().rev() {
                    rest.push_front(part);
                }
            }
            Ok(_) if !rest.is_empty() => folder = openat(&folder, &part, PASS, Mode::empty())?,
            Ok(_) => return Ok(Found { folder, name: Some(part) }),
            Err(Errno::NOENT) if rest.is_empty() => return Ok(Found { folder, name: Some(part) }),
            Err(error) => return Err(error.into()),
        }
    }
    Ok(Found { folder, name: None })
}
