//! The RocketMQ distribution of one version, under `<base>/dist/<version>/`: there completely, or not at all.
//!
//! In: a version, where to take it from (directory, zip, tar.gz, URL) and optionally a checksum. Out: the folder that
//! holds `lib/`. Everything is unpacked beside its place, checked, brought to the disk and then renamed, under a lock that
//! keeps other agents out. Nothing here reads the cluster file, starts anything or touches a version that is in place.
//!
//! ```text
//! URL ─download→ archive ─checksum→ archive | directory → Tree (<into>/.<version>.partial-<pid>) ─layout→ rename
//! ```

mod archive;
mod checksum;
mod directory;
mod download;
mod error;
mod jar;
mod layout;
mod lock;
mod name;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests;
mod tree;

pub use error::{DistributionError, Refusal};
pub use jar::{WantedJar, ensure_jar};
pub use layout::installed;

use error::open_error;
use std::fmt;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use tree::Tree;

/// Where a distribution is taken from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// An unpacked distribution, copied.
    Directory(PathBuf),
    /// A zip or tar.gz; which of them is read from its content.
    Archive(PathBuf),
    /// An http or https address of a zip or tar.gz.
    Url(String),
}

impl Source {
    /// What the text in the cluster file means: an address if it starts with `http://` or `https://`, a directory if
    /// there is one of this name on this host, else an archive.
    pub fn parse(text: &str) -> Self {
        let begins = |scheme: &str| text.get(..scheme.len()).is_some_and(|start| start.eq_ignore_ascii_case(scheme));
        if begins("http://") || begins("https://") {
            Self::Url(text.to_owned())
        } else if Path::new(text).is_dir() {
            Self::Directory(text.into())
        } else {
            Self::Archive(text.into())
        }
    }
}

/// What is to be there.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// RocketMQ's version as in the names of its jars: `5.5.0`.
    pub version: String,
    /// Where to take it from if it is not there.
    pub source: Source,
    /// SHA-512 of the archive in hexadecimal digits. Necessary for plain http, an error for a directory.
    pub sha512: Option<String>,
    /// The dist folder, `<base>/dist`; made if missing.
    pub into: PathBuf,
}

/// What [`ensure`] is doing. Numbers only grow within one kind; a download that has to start over is the exception.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// Another agent works in this dist folder; waiting for it.
    Waiting,
    /// Bytes of the archive that are here, of the total if the server says it.
    Downloading {
        /// Bytes that are here, those of earlier attempts included.
        done: u64,
        /// Size of the archive.
        total: Option<u64>,
    },
    /// The transfer broke off; the next attempt continues it.
    Retrying {
        /// Number of the attempt that failed, from 1.
        attempt: usize,
        /// Why it failed.
        why: String,
    },
    /// Reading the archive for its checksum.
    Verifying {
        /// Bytes read.
        done: u64,
        /// Size of the archive.
        total: u64,
    },
    /// Writing the tree.
    Unpacking {
        /// Bytes written. The total is not known beforehand.
        bytes: u64,
    },
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mib = |bytes: &u64| bytes >> 20;
        match self {
            Progress::Waiting => f.write_str("waiting for another agent on the same folder"),
            Progress::Downloading { done, total: Some(total) } if *total > 0 => {
                write!(f, "fetched {} % of {} MiB", done * 100 / total, mib(total))
            }
            Progress::Downloading { done, .. } => write!(f, "fetched {} MiB", mib(done)),
            Progress::Retrying { attempt, why } => write!(f, "attempt {attempt} broke off ({why})"),
            Progress::Verifying { done, total } => write!(f, "checked {} of {} MiB", mib(done), mib(total)),
            Progress::Unpacking { bytes } => write!(f, "unpacked {} MiB", mib(bytes)),
        }
    }
}

/// What is refused as too big. A real release has about 300 entries and 110 MB (RocketMQ 5.5.0).
#[derive(Debug, Clone)]
struct Limits {
    entries: usize,
    /// For the archive and for what comes out of it.
    bytes: u64,
    /// Unpacked size by packed size.
    ratio: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self { entries: 20_000, bytes: 2 << 30, ratio: 100 }
    }
}

/// Reports from the async part and from the thread that unpacks.
type Report = Arc<dyn Fn(Progress) + Send + Sync>;

/// Makes the wanted version available and returns its folder `<into>/<version>`, which holds `lib/`.
///
/// Costs nothing if it is there. If it fails, nothing of it is left except the part of a download that has come, which
/// the next call continues. Dropping the future ends a download; unpacking, once begun, runs to its end in its thread.
///
/// # Errors
/// See [`DistributionError`]; none of them has changed a version that was in place.
pub async fn ensure(
    wanted: &Wanted,
    progress: impl Fn(Progress) + Send + 'static,
) -> Result<PathBuf, DistributionError> {
    ensure_within(wanted, progress, Limits::default(), download::Patience::default()).await
}

async fn ensure_within(
    wanted: &Wanted,
    progress: impl Fn(Progress) + Send + 'static,
    limits: Limits,
    patience: download::Patience,
) -> Result<PathBuf, DistributionError> {
    let sha512 = check(wanted)?;
    if let Some(folder) = installed(&wanted.into, &wanted.version) {
        return Ok(folder);
    }
    // A mutex rather than a Sync bound, which callers with a channel or a Cell could not meet.
    let progress = Mutex::new(progress);
    let report: Report = Arc::new(move |p| {
        (progress.lock().unwrap_or_else(PoisonError::into_inner))(p);
    });
    let lock = lock::take(&wanted.into, &report).await?;
    if let Some(folder) = installed(&wanted.into, &wanted.version) {
        return Ok(folder);
    }
    let downloaded = match &wanted.source {
        Source::Url(url) => {
            let download = download::Download {
                url,
                file: download::file(&wanted.into, &wanted.version),
                has_checksum: sha512.is_some(),
                limit: limits.bytes,
            };
            Some(download.fetch(&patience, &report).await?)
        }
        Source::Directory(_) | Source::Archive(_) => None,
    };
    let wanted = wanted.clone();
    let work = move || {
        // Held by the thread: it goes on when the future is dropped.
        let _lock = lock;
        let result = install(&wanted, downloaded.as_deref(), sha512.as_deref(), &limits, &*report);
        if let Some(file) = downloaded.filter(|_| !is_ours(&result)) {
            download::discard(&file);
        }
        result
    };
    tokio::task::spawn_blocking(work).await.map_err(|source| DistributionError::Interrupted { source })?
}

/// Whether it failed for this host's disk, so that the download can be used another time.
fn is_ours(result: &Result<PathBuf, DistributionError>) -> bool {
    use DistributionError::{DiskFull, Unreadable, Write};
    matches!(result, Err(DiskFull { .. } | Write { .. } | Unreadable { .. }))
}

/// Checks what can be checked without looking at anything; returns the checksum in lower case.
fn check(wanted: &Wanted) -> Result<Option<String>, DistributionError> {
    if !name::is_version(&wanted.version) {
        return Err(DistributionError::Version { version: wanted.version.clone() });
    }
    let sha512 = wanted.sha512.as_deref().map(|sum| checksum::parse(sum, 128)).transpose()?;
    match (&wanted.source, &sha512) {
        (Source::Directory(path), Some(_)) => Err(DistributionError::ChecksumOfDirectory { path: path.clone() }),
        _ => Ok(sha512),
    }
}

/// Unpacks, checks and renames. Runs under the lock, in its own thread.
fn install(
    wanted: &Wanted,
    downloaded: Option<&Path>,
    sha512: Option<&str>,
    limits: &Limits,
    progress: &dyn Fn(Progress),
) -> Result<PathBuf, DistributionError> {
    layout::clear_leftovers(&wanted.into)?;
    let partial = layout::Partial::new(&wanted.into, &wanted.version)?;
    let origin = match (&wanted.source, downloaded) {
        (Source::Directory(from), _) => {
            let mut tree = Tree::new(from, partial.path(), limits, None, progress);
            directory::copy(from, &wanted.into, &mut tree)?;
            tree.finish()?;
            from.display().to_string()
        }
        (Source::Archive(path), _) => {
            unpack(path, partial.path(), sha512, limits, progress)?;
            path.display().to_string()
        }
        (Source::Url(url), file) => {
            let file = file.expect("a URL has been downloaded before");
            unpack(file, partial.path(), sha512, limits, progress)?;
            download::shown(url)
        }
    };
    let top = layout::check(partial.path(), &wanted.version, &origin)?;
    partial.put_in_place(&top)
}

fn unpack(
    path: &Path,
    into: &Path,
    sha512: Option<&str>,
    limits: &Limits,
    progress: &dyn Fn(Progress),
) -> Result<(), DistributionError> {
    // A pipe would hang here and a directory fail late, so look before opening.
    let kind = fs::metadata(path).map_err(|e| open_error(path, e))?;
    if !kind.is_file() {
        let source = std::io::Error::other("it is not a regular file");
        return Err(open_error(path, source));
    }
    let mut file = File::open(path).map_err(|e| open_error(path, e))?;
    if kind.len() > limits.bytes {
        return Err(DistributionError::TooBig {
            origin: path.display().to_string(),
            limit: format!("{} bytes", limits.bytes),
        });
    }
    // The same open file for both, so that what is unpacked is what was checked.
    if let Some(expected) = sha512 {
        checksum::verify(path, &mut file, expected, progress)?;
    }
    let mut tree = Tree::new(path, into, limits, Some(kind.len()), progress);
    archive::unpack(path, file, &mut tree, limits)?;
    tree.finish()
}
