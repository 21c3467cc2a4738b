//! The files of one commit log. In: its folder and ranges of offsets. Out: bytes and hashes. It is to be called as the account
//! whose files they are.
//!
//! Each file is named by the offset it starts at, 20 digits, and has the length `mappedFileSizeCommitLog` from its first
//! moment on (`MappedFileQueue`, 4.5-5.5.0).

use super::Hash;
use rocketmq_agent_domain::commit_log::{Frame, HEADER, chunks, frame, frame_size};
use rustix::fs::{Mode, OFlags};
use sha2::{Digest, Sha256};
use std::{
    fs::{self, File},
    io,
    ops::Range,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

/// How much is read at once while messages are walked, bytes.
const READ: u64 = 1 << 20;
/// `maxMessageSize` is 4 MiB by default; whoever sets more than this is not repaired over.
pub(super) const LONGEST_MESSAGE: u64 = 128 << 20;
/// `mappedFileSizeCommitLog` is an `int` of Java's (4.5-5.5.0).
const LONGEST_FILE: u64 = i32::MAX as u64;
/// The highest offset that a file begins at: sums of offsets and lengths do not wrap.
const LAST: u64 = i64::MAX as u64 - LONGEST_FILE;
/// A thousand terabytes in files of 1 GiB.
const MOST_FILES: usize = 1 << 20;
/// As the JVM's own umask makes it.
const MODE: u32 = 0o640;

/// Why a commit log cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// It cannot be read.
    #[error("cannot read {path}")]
    Read {
        /// What.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It cannot be written.
    #[error("cannot write {path}")]
    Write {
        /// What.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Its files do not follow each other.
    #[error("{folder} lacks the file that starts at {offset}")]
    Hole {
        /// Where.
        folder: PathBuf,
        /// What is missing.
        offset: u64,
    },
}

impl LogError {
    /// That something cannot be read.
    pub fn read(path: &Path, source: io::Error) -> Self {
        Self::Read { path: path.to_owned(), source }
    }

    fn write(path: &Path) -> impl Fn(io::Error) -> Self {
        move |source| Self::Write { path: path.to_owned(), source }
    }
}

/// The files, as they were found.
#[derive(Debug)]
pub struct Files {
    folder: PathBuf,
    /// Where each begins, ascending, and its length.
    files: Vec<(u64, u64)>,
}

impl Files {
    /// Lists them; a folder that is not there has none.
    ///
    /// # Errors
    /// The folder cannot be read.
    pub fn open(folder: &Path) -> Result<Self, LogError> {
        let failed = |source| LogError::read(folder, source);
        let mut files = Vec::new();
        let entries = match fs::read_dir(folder) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Ok(Self { folder: folder.to_owned(), files });
            }
            Err(error) => return Err(failed(error)),
        };
        for entry in entries {
            let entry = entry.map_err(failed)?;
            let name = entry.file_name();
            let digits = name.to_str().filter(|name| name.len() == 20 && name.bytes().all(|b| b.is_ascii_digit()));
            let Some(start) = digits.and_then(|name| name.parse::<u64>().ok()) else { continue };
            let length = entry.metadata().map_err(failed)?.len();
            // Names, lengths and messages are the broker's words: what RocketMQ never writes is not walked or held in memory.
            if length > LONGEST_FILE || start > LAST || files.len() >= MOST_FILES {
                let path = entry.path();
                return Err(LogError::read(&path, io::Error::other("no commit log of RocketMQ's has such a file")));
            }
            files.push((start, length));
        }
        files.sort_unstable();
        Ok(Self { folder: folder.to_owned(), files })
    }

    /// Where the first file begins.
    pub fn min(&self) -> Option<u64> {
        self.files.first().map(|(start, _)| *start)
    }

    /// The length of a file, bytes; 0 where there is none.
    pub fn file_size(&self) -> u64 {
        // The last one may have been made a moment ago and have no length yet.
        self.files.iter().map(|(_, length)| *length).max().unwrap_or_default()
    }

    /// Where the file begins that an offset lies in.
    pub fn start_of(&self, offset: u64) -> Option<u64> {
        self.files.iter().map(|(start, _)| *start).rfind(|start| *start <= offset)
    }

    fn path(&self, start: u64) -> PathBuf {
        self.folder.join(format!("{start:020}"))
    }

    fn open_file(&self, start: u64, how: OFlags) -> Result<File, io::Error> {
        // Not even as RocketMQ's account is anything but a file of the log opened, or waited for.
        let flags = how | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        let file = File::from(rustix::fs::open(self.path(start), flags, Mode::from_raw_mode(MODE))?);
        if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::other("it is no regular file")) }
    }

    /// The bytes of a range, as far as the files reach.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn bytes(&self, range: Range<u64>) -> Result<Vec<u8>, LogError> {
        let mut bytes = Vec::new();
        let mut at = range.start;
        while at < range.end {
            let Some((start, length)) = self.files.iter().copied().rfind(|(start, _)| *start <= at) else { break };
            let end = range.end.min(start + length);
            if end <= at {
                break;
            }
            let mut piece = vec![0; usize::try_from(end - at).unwrap_or_default()];
            let path = self.path(start);
            let read =
                self.open_file(start, OFlags::RDONLY).and_then(|file| file.read_exact_at(&mut piece, at - start));
            read.map_err(|source| LogError::read(&path, source))?;
            bytes.append(&mut piece);
            at = end;
        }
        Ok(bytes)
    }

    /// The hashes of a range's chunks, as far as the files reach. A chunk that ends with them is told apart by its length.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn hashes(&self, range: Range<u64>) -> Result<Vec<Hash>, LogError> {
        let mut hashes = Vec::new();
        for chunk in chunks(range) {
            let bytes = self.bytes(chunk)?;
            if bytes.is_empty() {
                break;
            }
            let mut hash = Sha256::new();
            hash.update((bytes.len() as u64).to_be_bytes());
            hash.update(&bytes);
            hashes.push(hash.finalize().into());
        }
        Ok(hashes)
    }

    /// The bytes of what begins at a boundary: all of a message that is whole by its length, else its head or nothing.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn at(&self, offset: u64) -> Result<Vec<u8>, LogError> {
        let header = self.bytes(offset..offset + HEADER as u64)?;
        match frame_size(&header, self.room(offset)) {
            // A filler may be as long as a file, and is known by its head.
            Some(size) if size <= LONGEST_MESSAGE => self.bytes(offset..offset + size),
            _ => Ok(header),
        }
    }

    /// How many bytes a message at this offset may have: none reaches into the next file.
    fn room(&self, offset: u64) -> u64 {
        let file = self.files.iter().rfind(|(start, _)| *start <= offset);
        file.map_or(0, |(start, length)| (start + length).saturating_sub(offset))
    }

    /// The boundary that the walk over whole messages from `from`, a boundary itself, ends at: the first one whose message
    /// would reach past `until`, or is broken. What lies between is read and checked.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn walk(&self, from: u64, until: u64) -> Result<u64, LogError> {
        let mut at = from;
        let (mut buffer, mut begins) = (Vec::new(), from);
        while at < until {
            let mut offset = usize::try_from(at - begins).unwrap_or(usize::MAX);
            if buffer.len().saturating_sub(offset) < HEADER {
                (buffer, begins, offset) = (self.bytes(at..at + READ)?, at, 0);
            }
            let header = buffer.get(offset..).unwrap_or_default();
            let Some(size) = frame_size(header, self.room(at)) else { break };
            let has_body = size <= header.len() as u64 || frame(header, at) == (Frame::Blank { size });
            if !has_body && size > LONGEST_MESSAGE {
                break;
            }
            if !has_body {
                (buffer, begins, offset) = (self.bytes(at..at + size.max(READ))?, at, 0);
            }
            let Some(size) = frame(buffer.get(offset..).unwrap_or_default(), at).size() else { break };
            if at + size > until {
                break;
            }
            at += size;
        }
        Ok(at)
    }

    /// The end of the last whole message. A broker that recovers from these files ends there (`CommitLog.recoverAbnormally`).
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn end(&self) -> Result<u64, LogError> {
        for (start, _) in self.files.iter().rev() {
            let end = self.walk(*start, u64::MAX)?;
            if end > *start || Some(*start) == self.min() {
                return Ok(end);
            }
        }
        Ok(0)
    }

    /// Writes bytes at an offset, of one file; the file after the last is made where it is not there yet, as long as the
    /// others are. [`Files::sync`] makes it last.
    ///
    /// # Errors
    /// It cannot be written, or files before it are missing.
    pub fn write(&mut self, offset: u64, bytes: &[u8], file_size: u64) -> Result<(), LogError> {
        let hole = |offset| LogError::Hole { folder: self.folder.clone(), offset };
        let found = self.files.iter().position(|(start, length)| (*start..start + length.max(&1)).contains(&offset));
        let index = match (found, self.files.last()) {
            (Some(index), _) => index,
            (None, Some((last, length))) if offset == last + length && *length == file_size => {
                self.files.push((offset, 0));
                self.files.len() - 1
            }
            (None, _) => return Err(hole(offset)),
        };
        let (start, length) = self.files[index];
        let path = self.path(start);
        let failed = LogError::write(&path);
        let file = self.open_file(start, OFlags::WRONLY | OFlags::CREATE).map_err(&failed)?;
        if length < file_size && index + 1 == self.files.len() {
            file.set_len(file_size).map_err(&failed)?;
            self.files[index].1 = file_size;
        }
        file.write_all_at(bytes, offset - start).map_err(&failed)
    }

    /// Makes what begins at a boundary no message any more, so that recovery cuts the log there.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn blank(&mut self, offset: u64) -> Result<(), LogError> {
        let file_size = self.file_size();
        self.write(offset, &[0; HEADER], file_size)?;
        self.sync(offset..offset + HEADER as u64)
    }

    /// Takes the files away of a log in which nothing was ever written. It stays as it is where anything was.
    ///
    /// # Errors
    /// A file cannot be read or removed.
    pub fn remove_blank(&mut self) -> Result<bool, LogError> {
        for (start, length) in &self.files {
            let mut at = *start;
            while at < start + length {
                let piece = self.bytes(at..(at + READ).min(start + length))?;
                if piece.iter().any(|byte| *byte != 0) {
                    return Ok(false);
                }
                at += READ;
            }
        }
        for (start, _) in std::mem::take(&mut self.files) {
            let path = self.path(start);
            fs::remove_file(&path).map_err(LogError::write(&path))?;
        }
        Ok(true)
    }

    /// Waits until a range is on the disk, and the names of the files too.
    ///
    /// # Errors
    /// The disk does not take it.
    pub fn sync(&self, range: Range<u64>) -> Result<(), LogError> {
        for (start, length) in &self.files {
            if *start < range.end && range.start < start + length {
                let path = self.path(*start);
                let file = self.open_file(*start, OFlags::WRONLY).map_err(LogError::write(&path))?;
                file.sync_all().map_err(LogError::write(&path))?;
            }
        }
        let folder = File::open(&self.folder).map_err(LogError::write(&self.folder))?;
        folder.sync_all().map_err(LogError::write(&self.folder))
    }
}
