//! The dist folder: which folder of an unpacked tree is the distribution, whether it is the wanted version, and the
//! rename that puts it in place.
//!
//! `<into>/<version>` is either a whole distribution or absent; what is being made has a name that starts with a dot.

use super::error::{DistributionError, open_error, write_error};
use super::{name, tree};
use std::fs::{self, DirBuilder, Permissions};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// What a host needs of a distribution, by the name of its jar: `lib/rocketmq-<part>-<version>.jar`. The same from 4.5
/// to 5.5.
const PARTS: [&str; 2] = ["broker", "namesrv"];

/// The folder of a version that is in place, None if there is none. Two `stat` calls.
pub fn installed(into: &Path, version: &str) -> Option<PathBuf> {
    let folder = into.join(version);
    let whole = name::is_version(version) && PARTS.iter().all(|part| folder.join(jar(part, version)).is_file());
    whole.then_some(folder)
}

fn jar(part: &str, version: &str) -> PathBuf {
    format!("lib/rocketmq-{part}-{version}.jar").into()
}

/// The folder under `root` that is the distribution: `root` itself or the one folder in it, whatever its name, that
/// holds `lib/`. An error if it is not of this version.
pub(super) fn check(root: &Path, version: &str, origin: &str) -> Result<PathBuf, DistributionError> {
    let lacks = |missing: String| DistributionError::NotADistribution { origin: origin.to_owned(), missing };
    let top = top(root)
        .map_err(|e| open_error(root, e))?
        .ok_or_else(|| lacks("it has no folder `lib`, or several".to_owned()))?;
    let lib = top.join("lib");
    let mut found = Vec::new();
    for part in PARTS {
        if top.join(jar(part, version)).is_file() {
            continue;
        }
        let others = versions(&lib, part).map_err(|e| open_error(&lib, e))?;
        if others.is_empty() {
            return Err(lacks(format!("lib/rocketmq-{part}-{version}.jar is not in it")));
        }
        found.extend(others);
    }
    if found.is_empty() {
        return Ok(top);
    }
    found.sort();
    found.dedup();
    Err(DistributionError::WrongVersion {
        origin: origin.to_owned(),
        wanted: version.to_owned(),
        found: found.join(" and "),
    })
}

fn top(root: &Path) -> io::Result<Option<PathBuf>> {
    if root.join("lib").is_dir() {
        return Ok(Some(root.to_owned()));
    }
    let mut tops = Vec::new();
    for entry in fs::read_dir(root)? {
        let path = entry?.path();
        if path.join("lib").is_dir() {
            tops.push(path);
        }
    }
    Ok(tops.pop().filter(|_| tops.is_empty()))
}

/// The versions for which `lib` holds a jar of this part.
fn versions(lib: &Path, part: &str) -> io::Result<Vec<String>> {
    let prefix = format!("rocketmq-{part}-");
    let mut found = Vec::new();
    for entry in fs::read_dir(lib)? {
        let name = entry?.file_name();
        let version = name
            .to_str()
            .and_then(|n| n.strip_prefix(&prefix))
            .and_then(|n| n.strip_suffix(".jar"))
            .filter(|v| v.starts_with(|c: char| c.is_ascii_digit()));
        found.extend(version.map(str::to_owned));
    }
    Ok(found)
}

/// Removes what agents that died have left. To be called under the lock: who holds it is alone here, so whatever is
/// half made is left over, whether or not its pid has been given to somebody else since.
pub(super) fn clear_leftovers(into: &Path) -> Result<(), DistributionError> {
    for entry in fs::read_dir(into).map_err(|e| open_error(into, e))? {
        let entry = entry.map_err(|e| open_error(into, e))?;
        if entry.file_name().to_str().is_some_and(is_leftover) {
            remove(&entry.path()).map_err(|e| write_error(&entry.path(), e))?;
        }
    }
    Ok(())
}

fn is_leftover(name: &str) -> bool {
    name.starts_with('.')
        && [".partial-", ".old-"].iter().any(|mark| {
            name.rsplit_once(mark).is_some_and(|(_, pid)| !pid.is_empty() && pid.bytes().all(|b| b.is_ascii_digit()))
        })
}

// The folder for releases is root's.
#[expect(clippy::disallowed_methods)]
fn remove(path: &Path) -> io::Result<()> {
    if fs::symlink_metadata(path)?.is_dir() { fs::remove_dir_all(path) } else { fs::remove_file(path) }
}

/// The folder that is being filled. Gone when dropped, unless put in place.
pub(super) struct Partial {
    path: PathBuf,
    old: PathBuf,
    target: PathBuf,
    into: PathBuf,
}

impl Partial {
    // The folder for releases is root's.
    #[expect(clippy::disallowed_methods)]
    pub(super) fn new(into: &Path, version: &str) -> Result<Self, DistributionError> {
        let pid = std::process::id();
        let partial = Self {
            path: into.join(format!(".{version}.partial-{pid}")),
            old: into.join(format!(".{version}.old-{pid}")),
            target: into.join(version),
            into: into.to_owned(),
        };
        DirBuilder::new()
            .mode(0o755)
            .create(&partial.path)
            .and_then(|()| fs::set_permissions(&partial.path, Permissions::from_mode(0o755)))
            .map_err(|e| write_error(&partial.path, e))?;
        Ok(partial)
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Renames `top`, this folder or one in it, to the version's own name.
    ///
    /// Something of that name which is not the whole version (somebody deleted jars) is moved aside first and removed
    /// when the new one is in place.
    pub(super) fn put_in_place(self, top: &Path) -> Result<PathBuf, DistributionError> {
        let failed = |e| write_error(&self.target, e);
        match fs::rename(&self.target, &self.old) {
            Ok(()) => {}
            Err(e) if e.kind() == ErrorKind::NotFound => {}
            Err(e) => return Err(failed(e)),
        }
        if let Err(e) = fs::rename(top, &self.target) {
            // What was there was not whole, but it is not ours to lose when nothing better comes.
            let _ = fs::rename(&self.old, &self.target);
            return Err(failed(e));
        }
        tree::sync(&self.into).map_err(failed)?;
        // Of no consequence if it fails: the next one under the lock clears it.
        let _ = remove(&self.old);
        Ok(self.target.clone())
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        // Of no consequence if it fails: the next one under the lock clears it.
        let _ = remove(&self.path);
    }
}
