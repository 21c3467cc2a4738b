//! The tree being unpacked: entries of an archive or directory in, plain files and folders under one fresh folder out.
//!
//! Everything written goes through here, so that the rules hold for every kind of source: names stay inside, nothing
//! is written twice, limits count real bytes, modes are ours. No link is ever written (a link within the tree becomes a
//! copy of its file), so no later entry can be led outside by an earlier one.

use super::error::{DistributionError, Refusal, unpack_error, write_error};
use super::{Limits, Progress, name};
use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{ErrorKind, Read, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// Bytes between two reports of progress.
const REPORT: u64 = 1 << 20;
/// Below this many bytes the ratio says nothing: a small archive of text may well shrink a lot.
const RATIO_FROM: u64 = 16 << 20;

pub(super) struct Tree<'a> {
    origin: &'a Path,
    root: &'a Path,
    limits: &'a Limits,
    /// Size of the archive, None for a directory, whose size cannot lie.
    packed: Option<u64>,
    progress: &'a dyn Fn(Progress),
    entries: usize,
    written: u64,
    folders: BTreeSet<PathBuf>,
    links: Vec<Link>,
}

struct Link {
    name: Vec<u8>,
    path: PathBuf,
    target: PathBuf,
    shown: String,
}

impl<'a> Tree<'a> {
    /// A tree in `root`, which must exist, be empty and be nobody else's.
    pub(super) fn new(
        origin: &'a Path,
        root: &'a Path,
        limits: &'a Limits,
        packed: Option<u64>,
        progress: &'a dyn Fn(Progress),
    ) -> Self {
        Self {
            origin,
            root,
            limits,
            packed,
            progress,
            entries: 0,
            written: 0,
            folders: BTreeSet::from([PathBuf::new()]),
            links: Vec::new(),
        }
    }

    /// A folder; that it is there already is no error, archives name folders as they like.
    pub(super) fn folder(&mut self, name: &[u8]) -> Result<(), DistributionError> {
        self.count()?;
        let path = name::relative(name).map_err(|why| self.refused(name, why))?;
        self.make_folders(name, &path)
    }

    /// A file with all that `content` gives.
    pub(super) fn file(&mut self, name: &[u8], content: &mut dyn Read) -> Result<(), DistributionError> {
        self.count()?;
        let path = name::relative(name).map_err(|why| self.refused(name, why))?;
        self.write(name, &path, content)
    }

    /// A symbolic link, kept for [`Tree::finish`].
    pub(super) fn symlink(&mut self, name: &[u8], target: &[u8]) -> Result<(), DistributionError> {
        self.link(name, target, |path| name::symlink_target(path, target))
    }

    /// A hard link of a tar, kept for [`Tree::finish`].
    pub(super) fn hard_link(&mut self, name: &[u8], target: &[u8]) -> Result<(), DistributionError> {
        self.link(name, target, |_| name::hard_link_target(target))
    }

    /// The error for an entry that cannot be taken.
    pub(super) fn refused(&self, name: &[u8], why: Refusal) -> DistributionError {
        DistributionError::Refused { archive: self.origin.to_owned(), entry: name::shown(name), why }
    }

    pub(super) fn too_big(&self, limit: String) -> DistributionError {
        DistributionError::TooBig { origin: self.origin.display().to_string(), limit }
    }

    /// Replaces links by copies and brings every folder to the disk. Files are there already.
    pub(super) fn finish(mut self) -> Result<(), DistributionError> {
        // A link may lead to a link that comes later, so go round until nothing moves.
        let mut waiting = std::mem::take(&mut self.links);
        while !waiting.is_empty() {
            let before = waiting.len();
            let mut still = Vec::new();
            for link in waiting {
                let from = self.root.join(&link.target);
                match File::open(&from) {
                    Ok(mut file) if file.metadata().is_ok_and(|m| m.is_file()) => {
                        self.write(&link.name, &link.path, &mut file)?;
                    }
                    _ => still.push(link),
                }
            }
            if let Some(link) = still.first().filter(|_| still.len() == before) {
                return Err(self.refused(&link.name, Refusal::LinkToNoFile(link.shown.clone())));
            }
            waiting = still;
        }
        for folder in &self.folders {
            let path = self.root.join(folder);
            sync(&path).map_err(|e| write_error(&path, e))?;
        }
        (self.progress)(Progress::Unpacking { bytes: self.written });
        Ok(())
    }

    fn link(
        &mut self,
        name: &[u8],
        target: &[u8],
        resolve: impl FnOnce(&Path) -> Result<PathBuf, Refusal>,
    ) -> Result<(), DistributionError> {
        self.count()?;
        let path = name::relative(name).map_err(|why| self.refused(name, why))?;
        let target_path = resolve(&path).map_err(|why| self.refused(name, why))?;
        self.links.push(Link { name: name.to_owned(), path, target: target_path, shown: name::shown(target) });
        Ok(())
    }

    fn count(&mut self) -> Result<(), DistributionError> {
        self.entries += 1;
        if self.entries > self.limits.entries {
            return Err(self.too_big(format!("{} entries", self.limits.entries)));
        }
        Ok(())
    }

    // The folder for releases is root's.
    #[expect(clippy::disallowed_methods)]
    fn make_folders(&mut self, name: &[u8], path: &Path) -> Result<(), DistributionError> {
        let mut so_far = PathBuf::new();
        for part in path {
            so_far.push(part);
            if self.folders.contains(&so_far) {
                continue;
            }
            let full = self.root.join(&so_far);
            match DirBuilder::new().mode(0o755).create(&full) {
                Ok(()) => {}
                // Ours would be in `folders`: this is a file of the same archive.
                Err(e) if e.kind() == ErrorKind::AlreadyExists => {
                    return Err(self.refused(name, Refusal::Duplicate));
                }
                Err(e) => return Err(write_error(&full, e)),
            }
            // The umask may have cut the mode.
            fs::set_permissions(&full, Permissions::from_mode(0o755)).map_err(|e| write_error(&full, e))?;
            self.folders.insert(so_far.clone());
        }
        Ok(())
    }

    fn write(&mut self, name: &[u8], path: &Path, content: &mut dyn Read) -> Result<(), DistributionError> {
        if path.as_os_str().is_empty() {
            return Err(self.refused(name, Refusal::NoName));
        }
        if let Some(parent) = path.parent() {
            self.make_folders(name, parent)?;
        }
        let full = self.root.join(path);
        let mut file =
            OpenOptions::new().write(true).create_new(true).mode(0o644).open(&full).map_err(|e| match e.kind() {
                ErrorKind::AlreadyExists => self.refused(name, Refusal::Duplicate),
                _ => write_error(&full, e),
            })?;
        self.copy(content, &mut file, &full)?;
        file.set_permissions(Permissions::from_mode(0o644))
            .and_then(|()| file.sync_all())
            .map_err(|e| write_error(&full, e))
    }

    fn copy(&mut self, from: &mut dyn Read, to: &mut File, path: &Path) -> Result<(), DistributionError> {
        let mut buffer = vec![0; 64 << 10];
        loop {
            let read = match from.read(&mut buffer) {
                Ok(0) => return Ok(()),
                Ok(read) => read,
                Err(e) if e.kind() == ErrorKind::Interrupted => continue,
                Err(e) => return Err(unpack_error(self.origin, e)),
            };
            let before = self.written;
            self.written += read as u64;
            self.check_size()?;
            to.write_all(&buffer[..read]).map_err(|e| write_error(path, e))?;
            if before / REPORT != self.written / REPORT {
                (self.progress)(Progress::Unpacking { bytes: self.written });
            }
        }
    }

    fn check_size(&self) -> Result<(), DistributionError> {
        if self.written > self.limits.bytes {
            return Err(self.too_big(format!("{} bytes unpacked", self.limits.bytes)));
        }
        let bomb = self
            .packed
            .is_some_and(|packed| self.written > RATIO_FROM && self.written / packed.max(1) >= self.limits.ratio);
        if bomb {
            return Err(self.too_big(format!("{} times its own size", self.limits.ratio)));
        }
        Ok(())
    }
}

/// Brings a folder's list of names to the disk.
pub(super) fn sync(folder: &Path) -> std::io::Result<()> {
    File::open(folder)?.sync_all()
}
