//! Deleting what was found. Links are deleted, never followed; a folder that is not empty stays. All goes by descriptor, so
//! that nothing which takes the place of what was found leads elsewhere.

use super::{Data, Remains, RemoveError, failed};
use crate::untrusted;
use rustix::{
    fd::OwnedFd,
    fs::{AtFlags, unlinkat},
    io::Errno,
};
use std::{ffi::OsStr, io, path::Path};

/// Deletes the agent's files and folders; a folder in which something else lies stays.
///
/// # Errors
/// Something cannot be deleted; what came before is gone, and another try goes on from there.
pub fn sweep(remains: &Remains) -> Result<(), RemoveError> {
    for tree in &remains.trees {
        delete(tree).map_err(failed("delete", tree))?;
    }
    // The note of what was applied among them: until now another try would have found everything again.
    for file in &remains.files {
        unlink(file, AtFlags::empty()).map_err(failed("delete", file))?;
    }
    for folder in &remains.folders {
        unlink(folder, AtFlags::REMOVEDIR).or_else(stays).map_err(failed("delete folder", folder))?;
    }
    Ok(())
}

/// Deletes what users stored, and then the note of whose it was.
///
/// # Errors
/// It cannot be deleted.
pub fn delete_data(data: &Data) -> Result<(), RemoveError> {
    let path = data.path.as_path();
    // What lies in it first: the store itself may be a disk of its own, which cannot be unlinked.
    let below = open_itself(path).and_then(|folder| untrusted::delete_below(&folder));
    below.map_err(failed("delete what lies in", path))?;
    unlink(path, AtFlags::REMOVEDIR).or_else(stays).map_err(failed("delete folder", path))?;
    if path.ends_with("store") {
        unlink(&data.mark, AtFlags::empty()).map_err(failed("delete", &data.mark))?;
    }
    let above = path.parent().unwrap_or(Path::new("/"));
    let flushed = untrusted::folder(above).and_then(|folder| Ok(rustix::fs::fsync(&folder)?));
    flushed.map_err(failed("flush folder", above))
}

/// A folder, and never one that a link leads to.
fn open_itself(path: &Path) -> io::Result<OwnedFd> {
    let (above, name) = place(path)?;
    untrusted::folder_in(&above, name)
}

fn delete(path: &Path) -> io::Result<()> {
    match place(path) {
        Ok((above, name)) => untrusted::delete(&above, name),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
    }
}

fn unlink(path: &Path, flags: AtFlags) -> io::Result<()> {
    let gone = |error: io::Error| if error.kind() == io::ErrorKind::NotFound { Ok(()) } else { Err(error) };
    let removed = place(path).and_then(|(above, name)| Ok(unlinkat(&above, name, flags)?));
    removed.or_else(gone)
}

fn place(path: &Path) -> io::Result<(OwnedFd, &OsStr)> {
    let (Some(above), Some(name)) = (path.parent(), path.file_name()) else { return Err(Errno::INVAL.into()) };
    Ok((untrusted::folder(above)?, name))
}

/// It holds something, is a disk of its own, or is a link.
fn stays(error: io::Error) -> io::Result<()> {
    let stays = [io::ErrorKind::DirectoryNotEmpty, io::ErrorKind::ResourceBusy, io::ErrorKind::NotADirectory]
        .contains(&error.kind());
    if stays { Ok(()) } else { Err(error) }
}
