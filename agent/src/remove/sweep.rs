//! Deleting what was found. Links are deleted, never followed; a folder that is not empty stays.

use super::{Data, Remains, RemoveError, failed};
use std::{
    fs::{self, File},
    io,
    path::Path,
};

/// Deletes the agent's files and folders; a folder in which something else lies stays.
///
/// # Errors
/// Something cannot be deleted; what came before is gone, and another try goes on from there.
pub fn sweep(remains: &Remains) -> Result<(), RemoveError> {
    for tree in &remains.trees {
        // It does not follow links, not even where somebody puts one there meanwhile.
        gone_is_fine(fs::remove_dir_all(tree)).map_err(failed("delete", tree))?;
    }
    // The note of what was applied among them: until now another try would have found everything again.
    for file in &remains.files {
        gone_is_fine(fs::remove_file(file)).map_err(failed("delete", file))?;
    }
    for folder in &remains.folders {
        match fs::remove_dir(folder) {
            Err(error) if stays(&error) => {}
            other => gone_is_fine(other).map_err(failed("delete folder", folder))?,
        }
    }
    Ok(())
}

/// Deletes what users stored, and then the note of whose it was.
///
/// # Errors
/// It cannot be deleted.
pub fn delete_data(data: &Data) -> Result<(), RemoveError> {
    let path = data.path.as_path();
    // The entries one by one: the store itself may be a disk of its own, which cannot be unlinked.
    for entry in fs::read_dir(path).map_err(failed("list", path))? {
        let entry = entry.map_err(failed("list", path))?;
        let kind = entry.file_type().map_err(failed("look at", entry.path()))?;
        let deleted = if kind.is_dir() { fs::remove_dir_all(entry.path()) } else { fs::remove_file(entry.path()) };
        gone_is_fine(deleted).map_err(failed("delete", entry.path()))?;
    }
    match fs::remove_dir(path) {
        Err(error) if stays(&error) => {}
        other => gone_is_fine(other).map_err(failed("delete folder", path))?,
    }
    if path.ends_with("store") {
        gone_is_fine(fs::remove_file(&data.mark)).map_err(failed("delete", &data.mark))?;
    }
    flush(path.parent().unwrap_or(Path::new("/")))
}

fn flush(folder: &Path) -> Result<(), RemoveError> {
    File::open(folder).and_then(|folder| folder.sync_all()).map_err(failed("flush folder", folder))
}

/// It holds something, is a disk of its own, or is a link.
fn stays(error: &io::Error) -> bool {
    matches!(
        error.kind(),
        io::ErrorKind::DirectoryNotEmpty | io::ErrorKind::ResourceBusy | io::ErrorKind::NotADirectory
    )
}

fn gone_is_fine(result: io::Result<()>) -> io::Result<()> {
    match result {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        other => other,
    }
}
