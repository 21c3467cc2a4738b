//! Unpacks what somebody else packed: nothing lands outside of its folder, and no archive grows without bound.

use super::{DistributionError, failed};
use flate2::read::GzDecoder;
use std::{
    fs::{self, File, Permissions},
    io::{self, Read},
    os::unix::fs::PermissionsExt,
    path::{Component, Path, PathBuf},
};

/// A release has some 250 files and 100 MB; these are far above it and far below what would hurt a host.
const MOST_ENTRIES: usize = 20_000;
const MOST_BYTES: u64 = 2 << 30;

/// What was unpacked.
#[derive(Debug)]
pub struct Unpacked {
    /// The folder that holds `lib`: the one unpacked into, or the single folder in it.
    pub root: PathBuf,
}

/// Unpacks a zip or tar.gz, told apart by their first bytes.
pub fn unpack(archive: &Path, into: &Path) -> Result<Unpacked, DistributionError> {
    let mut file = File::open(archive).map_err(failed("read", archive))?;
    let mut magic = [0; 4];
    let read = file.read(&mut magic).map_err(failed("read", archive))?;
    let file = File::open(archive).map_err(failed("read", archive))?;
    let mut writer = Writer { archive, into, entries: 0, bytes: 0 };
    match &magic[..read] {
        [b'P', b'K', 3 | 5, ..] => unpack_zip(file, &mut writer)?,
        [0x1f, 0x8b, ..] => unpack_tar(file, &mut writer)?,
        _ => return Err(DistributionError::UnknownFormat(archive.to_owned())),
    }
    Ok(Unpacked { root: root_of(into) })
}

/// Copies an unpacked release.
pub fn copy(from: &Path, into: &Path) -> Result<Unpacked, DistributionError> {
    let mut writer = Writer { archive: from, into, entries: 0, bytes: 0 };
    copy_folder(from, Path::new(""), &mut writer)?;
    Ok(Unpacked { root: root_of(into) })
}

fn copy_folder(from: &Path, below: &Path, writer: &mut Writer<'_>) -> Result<(), DistributionError> {
    for entry in fs::read_dir(from).map_err(failed("read", from))? {
        let entry = entry.map_err(failed("read", from))?;
        let (path, name) = (entry.path(), below.join(entry.file_name()));
        let found = fs::metadata(&path).map_err(failed("look at", &path))?;
        if found.is_dir() {
            writer.folder(&name.to_string_lossy())?;
            copy_folder(&path, &name, writer)?;
        } else if found.is_file() {
            let file = File::open(&path).map_err(failed("read", &path))?;
            writer.file(&name.to_string_lossy(), file)?;
        }
    }
    Ok(())
}

fn root_of(into: &Path) -> PathBuf {
    let folders: Vec<PathBuf> = fs::read_dir(into).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    match &folders[..] {
        [only] if !into.join("lib").is_dir() && only.is_dir() => only.clone(),
        _ => into.to_owned(),
    }
}

fn unpack_zip(file: File, writer: &mut Writer<'_>) -> Result<(), DistributionError> {
    let archive = writer.archive;
    let corrupt =
        |error: zip::result::ZipError| DistributionError::Corrupt { path: archive.to_owned(), what: error.to_string() };
    let mut zip = zip::ZipArchive::new(io::BufReader::new(file)).map_err(corrupt)?;
    for index in 0..zip.len() {
        let entry = zip.by_index(index).map_err(corrupt)?;
        let name = entry.name().to_owned();
        const FILE_TYPE: u32 = 0o170_000;
        const REGULAR: u32 = 0o100_000;
        let kind = entry.unix_mode().map_or(0, |mode| mode & FILE_TYPE);
        if entry.is_dir() {
            writer.folder(&name)?;
        } else if kind == 0 || kind == REGULAR {
            writer.file(&name, entry)?;
        } else {
            return Err(writer.refused(&name, "a link or a special file"));
        }
    }
    Ok(())
}

fn unpack_tar(file: File, writer: &mut Writer<'_>) -> Result<(), DistributionError> {
    let archive = writer.archive;
    let corrupt = |error: io::Error| DistributionError::Corrupt { path: archive.to_owned(), what: error.to_string() };
    let mut tar = tar::Archive::new(GzDecoder::new(io::BufReader::new(file)));
    for entry in tar.entries().map_err(corrupt)? {
        let entry = entry.map_err(corrupt)?;
        let name = entry.path().map_err(corrupt)?.to_string_lossy().into_owned();
        match entry.header().entry_type() {
            tar::EntryType::Directory => writer.folder(&name)?,
            tar::EntryType::Regular | tar::EntryType::Continuous => writer.file(&name, entry)?,
            tar::EntryType::XGlobalHeader => {}
            _ => return Err(writer.refused(&name, "a link or a special file")),
        }
    }
    Ok(())
}

/// Writes entries, each one checked and all of them counted by what is really written.
struct Writer<'w> {
    archive: &'w Path,
    into: &'w Path,
    entries: usize,
    bytes: u64,
}

impl Writer<'_> {
    fn refused(&self, entry: &str, why: &'static str) -> DistributionError {
        DistributionError::Refused { path: self.archive.to_owned(), entry: entry.to_owned(), why }
    }

    fn path_of(&mut self, entry: &str) -> Result<PathBuf, DistributionError> {
        self.entries += 1;
        if self.entries > MOST_ENTRIES {
            return Err(self.refused(entry, "one entry too many"));
        }
        let path = Path::new(entry);
        let plain = path.components().all(|part| matches!(part, Component::Normal(_) | Component::CurDir));
        if !plain || entry.contains(['\\', '\0']) {
            return Err(self.refused(entry, "a path that leads elsewhere"));
        }
        Ok(self.into.join(path))
    }

    fn folder(&mut self, entry: &str) -> Result<(), DistributionError> {
        let path = self.path_of(entry)?;
        make_folders(self.into, &path)
    }

    fn file(&mut self, entry: &str, mut content: impl Read) -> Result<(), DistributionError> {
        let path = self.path_of(entry)?;
        if let Some(parent) = path.parent() {
            make_folders(self.into, parent)?;
        }
        let mut file = match File::create_new(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                return Err(self.refused(entry, "an entry that comes twice"));
            }
            Err(error) => return Err(failed("make", &path)(error)),
        };
        let left = MOST_BYTES - self.bytes;
        let mut source = Marked { inner: content.by_ref().take(left + 1), failed: false };
        let written = io::copy(&mut source, &mut file);
        let of_archive = source.failed;
        let written = written.map_err(|error| match of_archive {
            true => DistributionError::Corrupt { path: self.archive.to_owned(), what: format!("{entry}: {error}") },
            false => failed("write", &path)(error),
        })?;
        self.bytes += written;
        if written > left {
            return Err(self.refused(entry, "more than 2 GiB in all"));
        }
        file.set_permissions(Permissions::from_mode(0o644)).map_err(failed("set the mode of", &path))
    }
}

/// Makes the folders down to `path` with mode 0755 whatever the umask: RocketMQ's account must be able to read them.
fn make_folders(into: &Path, path: &Path) -> Result<(), DistributionError> {
    fs::create_dir_all(path).map_err(failed("make folder", path))?;
    for folder in path.ancestors().take_while(|folder| *folder != into && folder.starts_with(into)) {
        fs::set_permissions(folder, Permissions::from_mode(0o755)).map_err(failed("set the mode of", folder))?;
    }
    Ok(())
}

/// A reader that remembers that it was the one to fail, to tell a damaged archive from a full disk.
struct Marked<R> {
    inner: R,
    failed: bool,
}

impl<R: Read> Read for Marked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer);
        self.failed |= read.as_ref().is_err_and(|error| error.kind() != io::ErrorKind::Interrupted);
        read
    }
}
