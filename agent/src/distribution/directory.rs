//! A directory as source: all that lies in it into a [`Tree`].
//!
//! Copied, not linked: the installed version must not change when somebody tidies up where it came from.

use super::error::{DistributionError, Refusal, open_error};
use super::tree::Tree;
use std::fs::{self, File};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// Copies everything under `from` into `tree`. `into`, the dist folder, must not lie within `from`.
pub(super) fn copy(from: &Path, into: &Path, tree: &mut Tree<'_>) -> Result<(), DistributionError> {
    let root = fs::canonicalize(from).map_err(|e| open_error(from, e))?;
    let into = fs::canonicalize(into).map_err(|e| open_error(into, e))?;
    if into.starts_with(&root) {
        return Err(DistributionError::IntoItself { from: from.to_owned(), into });
    }
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        let path = root.join(&folder);
        for entry in fs::read_dir(&path).map_err(|e| open_error(&path, e))? {
            let entry = entry.map_err(|e| open_error(&path, e))?;
            let name = folder.join(entry.file_name());
            let kind = entry.file_type().map_err(|e| open_error(&entry.path(), e))?;
            if kind.is_dir() {
                tree.folder(name.as_os_str().as_bytes())?;
                folders.push(name);
            } else if kind.is_symlink() {
                copy_linked(&root, &name, tree)?;
            } else if kind.is_file() {
                copy_file(&root.join(&name), &name, tree)?;
            } else {
                return Err(tree.refused(name.as_os_str().as_bytes(), Refusal::Special));
            }
        }
    }
    Ok(())
}

fn copy_linked(root: &Path, name: &Path, tree: &mut Tree<'_>) -> Result<(), DistributionError> {
    let path = root.join(name);
    let shown = fs::read_link(&path).map(|target| target.display().to_string()).unwrap_or_default();
    let refuse = |why| Err(tree.refused(name.as_os_str().as_bytes(), why));
    match fs::canonicalize(&path) {
        Ok(target) if !target.starts_with(root) => refuse(Refusal::LinkOutside(shown)),
        Ok(target) if target.is_file() => copy_file(&target, name, tree),
        _ => refuse(Refusal::LinkToNoFile(shown)),
    }
}

fn copy_file(path: &Path, name: &Path, tree: &mut Tree<'_>) -> Result<(), DistributionError> {
    let mut file = File::open(path).map_err(|e| open_error(path, e))?;
    tree.file(name.as_os_str().as_bytes(), &mut file)
}
