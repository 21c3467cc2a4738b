//! What can go wrong between a `source` in the cluster file and a distribution folder that is ready to run.
//!
//! One variant for each thing an operator would do something different about. Nothing here decides what happens next.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

/// Why a distribution is not there. The text never repeats the cause: whoever prints walks the chain.
#[derive(Debug, thiserror::Error)]
pub enum DistributionError {
    /// The version would not be usable as the name of a folder and of jars.
    #[error("`{version}` is not a version (letters, digits, `.`, `-`, `_` and `+`, not starting with `.`)")]
    Version {
        /// The version as wanted.
        version: String,
    },
    /// The archive or directory does not exist.
    #[error("{} does not exist", path.display())]
    NotFound {
        /// What was looked for.
        path: PathBuf,
    },
    /// Something is there, but the operating system does not let it be read.
    #[error("{} cannot be read", path.display())]
    Unreadable {
        /// What was being read.
        path: PathBuf,
        /// The operating system's answer.
        #[source]
        source: io::Error,
    },
    /// The content is neither a zip nor a gzip file, whatever its name says.
    #[error("{} is neither a zip nor a tar.gz archive (it begins with {begins})", archive.display())]
    Unrecognised {
        /// The file.
        archive: PathBuf,
        /// Its first bytes, printable.
        begins: String,
    },
    /// A zip or tar.gz which is truncated, damaged or of a kind that cannot be unpacked (encrypted, unknown compression).
    #[error("{} is damaged or cannot be unpacked", archive.display())]
    Corrupt {
        /// The archive.
        archive: PathBuf,
        /// What the unpacking library found.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// A `sha512` is not 128 hexadecimal digits, or a `sha256` not 64.
    #[error("`{given}` is not a checksum of {digits} hexadecimal digits")]
    ChecksumFormat {
        /// The text as given.
        given: String,
        /// How many there must be.
        digits: usize,
    },
    /// A `sha512` was given for a directory, which has none.
    #[error(
        "{} is a directory: a sha512 can be checked for an archive or URL only", path.display()
    )]
    ChecksumOfDirectory {
        /// The directory.
        path: PathBuf,
    },
    /// The archive is not the one that the checksum was made of.
    #[error("{} has the wrong {kind}: expected {expected}, found {found}", archive.display())]
    WrongChecksum {
        /// The archive.
        archive: PathBuf,
        /// `sha256` or `sha512`.
        kind: &'static str,
        /// The checksum as wanted, lower case.
        expected: String,
        /// The checksum of what is there, lower case.
        found: String,
    },
    /// No `lib/` with a broker and a NameServer in it.
    #[error("{origin} is not a RocketMQ distribution: {missing}")]
    NotADistribution {
        /// Where it came from.
        origin: String,
        /// What was looked for and not found.
        missing: String,
    },
    /// A RocketMQ distribution, but of another version.
    #[error("{origin} holds RocketMQ {found}, not {wanted}")]
    WrongVersion {
        /// Where it came from.
        origin: String,
        /// The version as wanted.
        wanted: String,
        /// The version (or versions) whose jars were found in `lib/`.
        found: String,
    },
    /// An entry which no honest distribution has. Nothing of the archive is kept.
    #[error("{} is refused for its entry `{entry}`: {why}", archive.display())]
    Refused {
        /// The archive or directory.
        archive: PathBuf,
        /// The entry's name, with unprintable characters escaped.
        entry: String,
        /// What is wrong with it.
        why: Refusal,
    },
    /// More than is allowed, counted on what was really read or written, not on what headers claim.
    #[error("{origin} is too big: more than {limit}")]
    TooBig {
        /// Where it came from.
        origin: String,
        /// The limit that was met, with its unit.
        limit: String,
    },
    /// The file system (or a quota on it) is full.
    #[error("no space left on the disk for {}", path.display())]
    DiskFull {
        /// What was being written.
        path: PathBuf,
        /// ENOSPC or EDQUOT.
        #[source]
        source: io::Error,
    },
    /// Anything else that went wrong while writing under the dist folder.
    #[error("{} cannot be written", path.display())]
    Write {
        /// What was being written.
        path: PathBuf,
        /// The operating system's answer.
        #[source]
        source: io::Error,
    },
    /// The dist folder's lock cannot be taken (held by another agent is not an error, that is waited for).
    #[error("{} cannot be locked", path.display())]
    Lock {
        /// The lock file.
        path: PathBuf,
        /// The operating system's answer.
        #[source]
        source: io::Error,
    },
    /// The dist folder lies within the directory that is to be copied into it.
    #[error("{} cannot be copied into {}, which lies within it", from.display(), into.display())]
    IntoItself {
        /// The source directory.
        from: PathBuf,
        /// The dist folder.
        into: PathBuf,
    },
    /// Plain http, directly or by a redirect, without a checksum: anybody on the way could put in another program.
    #[error("{url} is not encrypted: give its sha512, or an https address")]
    Insecure {
        /// The address, without user, password and query.
        url: String,
    },
    /// Not an address, or no client could be made for it (for https: no CA certificates on this host).
    #[error("nothing can be downloaded from {url}")]
    Unusable {
        /// The address as far as it can be shown.
        url: String,
        /// What is wrong with it.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The server answered, with something other than the file.
    #[error("{url} answered {status}")]
    HttpStatus {
        /// The address, without user, password and query.
        url: String,
        /// The status code with its usual name, such as `404 Not Found`.
        status: String,
    },
    /// The transfer failed and went on failing after several attempts. What has come is kept and continued from.
    #[error("the download from {url} failed after {attempts} attempts")]
    Download {
        /// The address, without user, password and query.
        url: String,
        /// How often it was tried.
        attempts: usize,
        /// The last failure.
        #[source]
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// The task that unpacks ended early: the agent is stopping.
    #[error("unpacking was interrupted")]
    Interrupted {
        /// The runtime's account of it.
        #[source]
        source: tokio::task::JoinError,
    },
}

/// What is wrong with one entry of an archive or directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// Empty or nothing but dots and slashes where a file must have a name.
    NoName,
    /// Starts with `/` or with a drive letter.
    Absolute,
    /// Holds a `..`.
    Parent,
    /// Not UTF-8, or holds a control character or a backslash.
    Unprintable,
    /// A link to outside of the tree.
    LinkOutside(String),
    /// A link within the tree, but not to a file that the archive holds.
    LinkToNoFile(String),
    /// A device, socket, pipe or another kind that is neither file, folder nor link.
    Special,
    /// A second entry of this name, or a file where another entry needs a folder.
    Duplicate,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoName => f.write_str("it has no name"),
            Self::Absolute => f.write_str("its path is absolute"),
            Self::Parent => f.write_str("its path leads upwards with `..`"),
            Self::Unprintable => {
                f.write_str("its name is not plain text (a backslash, a control character or not UTF-8)")
            }
            Self::LinkOutside(to) => write!(f, "it is a link to outside, `{to}`"),
            Self::LinkToNoFile(to) => {
                write!(f, "it is a link to `{to}`, which is not one of its files")
            }
            Self::Special => f.write_str("it is neither file, folder nor link"),
            Self::Duplicate => f.write_str("it is there twice, or as a file and a folder"),
        }
    }
}

/// The error for a failed write, with a full disk told apart: it is the one that waiting or deleting helps against.
pub(super) fn write_error(path: &Path, source: io::Error) -> DistributionError {
    let path = path.to_owned();
    match source.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => DistributionError::DiskFull { path, source },
        _ => DistributionError::Write { path, source },
    }
}

/// The error for a failed read of something that an operator named.
pub(super) fn open_error(path: &Path, source: io::Error) -> DistributionError {
    let path = path.to_owned();
    match source.kind() {
        io::ErrorKind::NotFound => DistributionError::NotFound { path },
        _ => DistributionError::Unreadable { path, source },
    }
}

/// The error for a failed read inside an archive: what comes from the operating system is not the archive's fault.
pub(super) fn unpack_error(archive: &Path, source: io::Error) -> DistributionError {
    if source.raw_os_error().is_some() {
        open_error(archive, source)
    } else {
        DistributionError::Corrupt { archive: archive.to_owned(), source: source.into() }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn a_full_disk_is_named_as_such() {
        let mut full = std::fs::File::options().write(true).open("/dev/full").unwrap();
        let error = write_error(Path::new("/dist/x"), full.write_all(b"x").unwrap_err());
        assert!(matches!(error, DistributionError::DiskFull { .. }), "{error:?}");
        assert_eq!(error.to_string(), "no space left on the disk for /dist/x");
    }

    #[test]
    fn a_disk_that_fails_is_not_called_a_damaged_archive() {
        let eio = io::Error::from_raw_os_error(5);
        assert!(matches!(unpack_error(Path::new("/a.zip"), eio), DistributionError::Unreadable { .. }));
        let short = io::Error::from(io::ErrorKind::UnexpectedEof);
        assert!(matches!(unpack_error(Path::new("/a.zip"), short), DistributionError::Corrupt { .. }));
    }
}
