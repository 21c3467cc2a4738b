//! Archives: an open zip or tar.gz in, its entries into a [`Tree`].
//!
//! Which of the two it is, is read from the content. Headers are never believed where they can lie: sizes are counted
//! by the tree, checksums of the formats are checked by reading every entry (and the gzip stream) to its end.

use super::error::{DistributionError, Refusal, open_error, unpack_error};
use super::tree::Tree;
use super::{Limits, name};
use flate2::read::MultiGzDecoder;
use std::collections::HashSet;
use std::fs::File;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::Path;
use zip::result::ZipError;

/// The file type bits of a Unix mode, and the types that a zip may hold.
const TYPE: u32 = 0o170_000;
const TYPES_OF_FILES: [u32; 2] = [0, 0o100_000];
/// The longest target of a link: PATH_MAX of Linux.
const LINK_LENGTH: u64 = 4096;

/// Unpacks `file`, whose name is `path` for messages, into `tree`.
pub(super) fn unpack(
    path: &Path,
    mut file: File,
    tree: &mut Tree<'_>,
    limits: &Limits,
) -> Result<(), DistributionError> {
    let mut start = [0; 4];
    let read = read_start(&mut file, &mut start).map_err(|e| open_error(path, e))?;
    match &start[..read] {
        // An empty zip has no first entry, only the record that ends it (APPNOTE 4.3.16).
        b"PK\x03\x04" | b"PK\x05\x06" => unpack_zip(path, file, tree),
        [0x1f, 0x8b, ..] => unpack_tar_gz(path, file, tree, limits),
        other => Err(DistributionError::Unrecognised {
            archive: path.to_owned(),
            begins: format!("`{}`", other.escape_ascii()),
        }),
    }
}

fn read_start(file: &mut File, start: &mut [u8; 4]) -> io::Result<usize> {
    file.seek(SeekFrom::Start(0))?;
    let mut read = Vec::with_capacity(start.len());
    file.by_ref().take(start.len() as u64).read_to_end(&mut read)?;
    start[..read.len()].copy_from_slice(&read);
    file.seek(SeekFrom::Start(0))?;
    Ok(read.len())
}

fn unpack_zip(path: &Path, mut file: File, tree: &mut Tree<'_>) -> Result<(), DistributionError> {
    let reader = BufReader::new(file.try_clone().map_err(|e| open_error(path, e))?);
    let mut archive = zip::ZipArchive::new(reader).map_err(|e| zip_error(path, e))?;
    let start = archive.central_directory_start();
    if let Some(twice) = duplicate(&mut file, start).map_err(|e| unpack_error(path, e))? {
        return Err(tree.refused(&twice, Refusal::Duplicate));
    }
    for index in 0..archive.len() {
        let mut entry = archive.by_index(index).map_err(|e| zip_error(path, e))?;
        let name = entry.name_raw().to_owned();
        if entry.is_symlink() {
            let mut target = Vec::new();
            entry.by_ref().take(LINK_LENGTH).read_to_end(&mut target).map_err(|e| unpack_error(path, e))?;
            tree.symlink(&name, &target)?;
        } else if entry.is_dir() {
            tree.folder(&name)?;
        } else if TYPES_OF_FILES.contains(&(entry.unix_mode().unwrap_or(0) & TYPE)) {
            tree.file(&name, &mut entry)?;
        } else {
            return Err(tree.refused(&name, Refusal::Special));
        }
    }
    Ok(())
}

/// The first name that the central directory at `start` holds twice.
///
/// Read here once more because the zip crate keeps its entries by name and drops all but one of the same name; which of
/// them unzip or Java would take is another matter, so nobody could say what was checked.
fn duplicate(file: &mut File, start: u64) -> io::Result<Option<Vec<u8>>> {
    const HEADER: usize = 46; // APPNOTE 4.3.12, up to the name
    file.seek(SeekFrom::Start(start))?;
    let mut reader = BufReader::new(file);
    let mut seen = HashSet::new();
    let mut header = [0; HEADER];
    loop {
        match reader.read_exact(&mut header) {
            Ok(()) if header.starts_with(b"PK\x01\x02") => {}
            // The record that ends the directory is shorter than a header.
            Ok(()) => return Ok(None),
            Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            Err(e) => return Err(e),
        }
        let length = |at: usize| u16::from_le_bytes([header[at], header[at + 1]]);
        let mut name = vec![0; usize::from(length(28))];
        reader.read_exact(&mut name)?;
        reader.seek_relative(i64::from(length(30)) + i64::from(length(32)))?;
        if let Some(twice) = seen.replace(name) {
            return Ok(Some(twice));
        }
    }
}

fn unpack_tar_gz(path: &Path, file: File, tree: &mut Tree<'_>, limits: &Limits) -> Result<(), DistributionError> {
    // What the tree does not see (headers, long names, padding) is bounded here.
    let most = limits.bytes.saturating_add(limits.entries as u64 * 2048);
    let stream = MultiGzDecoder::new(BufReader::new(file)).take(most);
    let mut archive = tar::Archive::new(stream);
    let entries = archive.entries().map_err(|e| unpack_error(path, e))?;
    for entry in entries {
        let mut entry = entry.map_err(|e| unpack_error(path, e))?;
        let name = entry.path_bytes().into_owned();
        let target = entry.link_name_bytes().map(|t| t.into_owned());
        let kind = entry.header().entry_type();
        match (kind, target) {
            (tar::EntryType::Regular | tar::EntryType::Continuous, _) => {
                // Old tars mark a folder by its name only.
                if name.ends_with(b"/") {
                    tree.folder(&name)?;
                } else {
                    tree.file(&name, &mut entry)?;
                }
            }
            (tar::EntryType::Directory, _) => tree.folder(&name)?,
            (tar::EntryType::Symlink, Some(target)) => tree.symlink(&name, &target)?,
            (tar::EntryType::Link, Some(target)) => tree.hard_link(&name, &target)?,
            // A comment for the whole archive, as `git archive` writes it: no entry at all.
            (tar::EntryType::XGlobalHeader, _) => {}
            _ => return Err(tree.refused(&name, Refusal::Special)),
        }
    }
    // To the end of the stream, where gzip's checksum is.
    let mut rest = archive.into_inner();
    io::copy(&mut rest, &mut io::sink()).map_err(|e| unpack_error(path, e))?;
    if rest.limit() == 0 {
        return Err(tree.too_big(format!("{most} bytes unpacked")));
    }
    Ok(())
}

fn zip_error(path: &Path, error: ZipError) -> DistributionError {
    match error {
        ZipError::Io(e) => unpack_error(path, e),
        other => DistributionError::Corrupt {
            archive: path.to_owned(),
            source: name::shown(other.to_string().as_bytes()).into(),
        },
    }
}
