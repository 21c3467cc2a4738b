//! Taking over what RocketMQ's account owned: in place, by descriptor, so that what a running JVM holds stays what it is.
//! In: folders of an earlier agent, or of a tree made by hand. Out: folders that are root's alone.

use super::{Budget, kind, resolve, tree, walk};
use crate::accounts;
use rustix::{
    fd::{AsFd, OwnedFd},
    fs::{AtFlags, FileType, Gid, Mode, OFlags, Stat, Uid, chownat, fchmod, fchown, fstat, openat, statat},
    io::Errno,
};
use std::{
    ffi::{CStr, CString, OsStr},
    io,
    os::unix::ffi::OsStrExt,
    path::Path,
    time::Duration,
};

/// Root owns it; its group is the account's, so that a JVM reads what it read before.
fn owner() -> (Option<Uid>, Option<Gid>) {
    (Some(Uid::ROOT), Some(Gid::from_raw(accounts::ID)))
}

/// What is pinned is not opened: a device or a FIFO is only looked at.
const PIN: OFlags = OFlags::PATH.union(OFlags::NOFOLLOW).union(OFlags::CLOEXEC);
/// A tree that is taken over is small: configuration, copies of it, a release.
const TIME: Duration = Duration::from_secs(60);

/// What of an instance's folder is the agent's, files first. `console.log` is opened by systemd as root.
const FILES: [&str; 5] =
    ["supervisor.lock", "store-owner.json", "offsets-carried.json", "console.log", "console.log.1"];
const TREES: [&str; 2] = ["conf", "config-copies"];

/// Whether a folder is root's, and nobody else can change what lies in it.
///
/// # Errors
/// It cannot be looked at.
pub fn is_sealed(folder: impl AsFd) -> io::Result<bool> {
    Ok(is_roots(&fstat(folder)?))
}

fn is_roots(found: &Stat) -> bool {
    found.st_uid == 0 && found.st_mode & 0o022 == 0
}

/// Whether what the agent keeps in an instance's folder is root's too.
///
/// # Errors
/// The folder cannot be looked at.
pub fn owned_by_root(home: impl AsFd) -> io::Result<bool> {
    let home = home.as_fd();
    for name in FILES.iter().chain(&TREES) {
        match statat(home, *name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(found) if found.st_uid != 0 => return Ok(false),
            Ok(_) | Err(Errno::NOENT) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(true)
}

/// Makes a folder root's alone, where it lies.
///
/// # Errors
/// It is no folder, or its owner cannot be changed.
pub fn seal(path: &Path, mode: u32) -> io::Result<OwnedFd> {
    let folder = resolve::folder(path)?;
    take_folder(&folder, mode)?;
    Ok(folder)
}

fn take_folder(folder: &OwnedFd, mode: u32) -> io::Result<()> {
    fchown(folder, owner().0, owner().1)?;
    // After the owner: until then the account could have set it again.
    Ok(fchmod(folder, Mode::from_raw_mode(mode))?)
}

/// Takes over what the agent keeps in an instance's folder, which is sealed by now. What is no plain file, or has a second
/// name, is nobody's to keep there and goes; a link of root's stays.
///
/// # Errors
/// Something cannot be taken over.
pub fn take_home(home: impl AsFd) -> io::Result<()> {
    let home = home.as_fd();
    for name in FILES {
        take_file(home, &CString::new(name)?)?;
    }
    for name in TREES {
        match statat(home, name, AtFlags::SYMLINK_NOFOLLOW) {
            Ok(found) if kind(&found) == FileType::Directory => {
                let own = resolve::folder_in(home, OsStr::new(name))?;
                take_folder(&own, if name == "conf" { 0o755 } else { 0o750 })?;
                seal_tree(&own)?;
            }
            Ok(found) if found.st_uid == 0 => {}
            Ok(_) => tree::delete(home, OsStr::new(name))?,
            Err(Errno::NOENT) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// Makes everything below a folder, which is sealed by now, root's. Links that others made go, and so does what is neither
/// file nor folder.
///
/// # Errors
/// Something cannot be taken over; or the tree is too large.
pub fn seal_tree(folder: impl AsFd) -> io::Result<()> {
    walk(folder, Budget::of(TIME), |entry| match entry.kind() {
        FileType::Directory => {
            let own = resolve::folder_in(entry.folder, OsStr::from_bytes(entry.name.to_bytes()))?;
            take_folder(&own, fstat(&own)?.st_mode & 0o755 | 0o750)
        }
        _ => take_file(entry.folder, entry.name),
    })
}

fn take_file(folder: impl AsFd, name: &CStr) -> io::Result<()> {
    let folder = folder.as_fd();
    let pinned = match openat(folder, name, PIN, Mode::empty()) {
        Ok(pinned) => pinned,
        Err(Errno::NOENT) => return Ok(()),
        Err(error) => return Err(error.into()),
    };
    let found = fstat(&pinned)?;
    match kind(&found) {
        // Only the operator can have made it, and nobody else can move it any more.
        FileType::Symlink if found.st_uid == 0 => return Ok(()),
        FileType::RegularFile if is_roots(&found) => return Ok(()),
        FileType::RegularFile if found.st_nlink == 1 => {}
        _ => {
            tracing::warn!("removed {} where the agent keeps a file of its own", name.to_string_lossy());
            return tree::delete(folder, OsStr::from_bytes(name.to_bytes()));
        }
    }
    let (uid, gid) = owner();
    chownat(&pinned, c"", uid, gid, AtFlags::EMPTY_PATH)?;
    // Now that it is root's, nobody else can put another one in its place.
    let file = resolve::at_once(folder, OsStr::from_bytes(name.to_bytes()))?;
    Ok(fchmod(&file, Mode::from_raw_mode(found.st_mode & 0o644 | 0o640))?)
}
