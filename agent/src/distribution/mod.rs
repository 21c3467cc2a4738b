//! Brings a RocketMQ release to `<into>/<version>`, once and whole: checked, unpacked beside its place, flushed and
//! renamed. What goes wrong on the way leaves nothing that could be taken for a release.

mod archive;
mod fetch;

use archive::Unpacked;
use sha2::{Digest, Sha512};
use std::{
    fmt,
    fs::{self, File, Permissions},
    io::{self, Read},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::Arc,
};

/// Where a release comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// An unpacked release.
    Directory(PathBuf),
    /// A zip or tar.gz.
    Archive(PathBuf),
    /// An archive to be fetched.
    Url(String),
}

impl Source {
    /// Tells them apart: by the scheme, then by what is there.
    pub fn parse(text: &str) -> Self {
        let path = PathBuf::from(text);
        match text {
            url if url.starts_with("http://") || url.starts_with("https://") => Self::Url(url.to_owned()),
            _ if path.is_dir() => Self::Directory(path),
            _ => Self::Archive(path),
        }
    }
}

/// What is to be there.
#[derive(Debug, Clone)]
pub struct Wanted {
    /// The release, such as `5.5.0`.
    pub version: String,
    /// Where it comes from.
    pub source: Source,
    /// The archive's checksum in lower-case hexadecimal digits.
    pub sha512: Option<String>,
    /// The folder that releases are in.
    pub into: PathBuf,
}

/// How far it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// So many bytes were fetched, of so many where the server said.
    Fetched(u64, Option<u64>),
    /// The checksum is computed.
    Checking,
    /// Files are written.
    Unpacking,
}

impl fmt::Display for Progress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Progress::Fetched(bytes, Some(total)) if *total > 0 => {
                write!(f, "fetched {} % of {} MiB", bytes * 100 / total, total >> 20)
            }
            Progress::Fetched(bytes, _) => write!(f, "fetched {} MiB", bytes >> 20),
            Progress::Checking => f.write_str("checking"),
            Progress::Unpacking => f.write_str("unpacking"),
        }
    }
}

/// Why the release is not there.
#[derive(Debug, thiserror::Error)]
pub enum DistributionError {
    /// Something on disk.
    #[error("cannot {doing} {path}")]
    File {
        /// What was being done.
        doing: &'static str,
        /// To what.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The archive is damaged.
    #[error("{path} is damaged: {what}")]
    Corrupt {
        /// Which.
        path: PathBuf,
        /// What the unpacker said.
        what: String,
    },
    /// It is neither a zip nor a tar.gz.
    #[error("{0} is neither a zip nor a tar.gz")]
    UnknownFormat(PathBuf),
    /// An entry that must not be unpacked.
    #[error("{path} holds \"{entry}\", {why}: it is not a RocketMQ release")]
    Refused {
        /// Which archive.
        path: PathBuf,
        /// Which entry.
        entry: String,
        /// Why.
        why: &'static str,
    },
    /// The checksum differs.
    #[error("{path} has sha512 {found}, and cluster.toml says {wanted}")]
    Checksum {
        /// Which archive.
        path: PathBuf,
        /// What it has.
        found: String,
        /// What it should have.
        wanted: String,
    },
    /// A folder has no checksum.
    #[error("{0} is a folder, which sha512 cannot be checked of: remove rocketmq.sha512 or give the archive")]
    ChecksumOfFolder(PathBuf),
    /// It is another release, or none.
    #[error("{path} holds {found}, not RocketMQ {wanted}")]
    WrongVersion {
        /// Where it came from.
        path: PathBuf,
        /// What was found in it.
        found: String,
        /// What was wanted.
        wanted: String,
    },
    /// It cannot be fetched.
    #[error("cannot fetch {url}: {what}")]
    Fetch {
        /// From where.
        url: String,
        /// Why not, with all causes.
        what: String,
    },
    /// The work was cut off.
    #[error("unpacking was cut off")]
    CutOff(#[source] tokio::task::JoinError),
}

fn failed<'p>(doing: &'static str, path: &'p Path) -> impl FnOnce(io::Error) -> DistributionError + 'p {
    move |source| DistributionError::File { doing, path: path.to_owned(), source }
}

/// The release's folder, if it is there.
pub fn installed(into: &Path, version: &str) -> Option<PathBuf> {
    let folder = into.join(version);
    jar(&folder, "broker", version).exists().then_some(folder)
}

fn jar(folder: &Path, module: &str, version: &str) -> PathBuf {
    folder.join(format!("lib/rocketmq-{module}-{version}.jar"))
}

/// Makes sure that the release is there; gives its folder.
pub async fn ensure(
    wanted: &Wanted,
    progress: impl Fn(Progress) + Send + Sync + 'static,
) -> Result<PathBuf, DistributionError> {
    if let Some(folder) = installed(&wanted.into, &wanted.version) {
        return Ok(folder);
    }
    let progress: Arc<dyn Fn(Progress) + Send + Sync> = Arc::new(progress);
    fs::create_dir_all(&wanted.into).map_err(failed("make folder", &wanted.into))?;
    fs::set_permissions(&wanted.into, Permissions::from_mode(0o755))
        .map_err(failed("set the mode of", &wanted.into))?;
    let (archive, fetched) = match &wanted.source {
        Source::Directory(path) | Source::Archive(path) => (path.clone(), false),
        Source::Url(url) => {
            let target = wanted.into.join(format!(".{}.download", wanted.version));
            fetch::fetch(url, &target, &*progress).await?;
            (target, true)
        }
    };
    let work = wanted.clone();
    let result = tokio::task::spawn_blocking(move || install(&work, &archive, fetched, &*progress)).await;
    result.map_err(DistributionError::CutOff)?
}

/// Everything that only needs the disk. A file lock keeps two agents of one folder apart.
fn install(
    wanted: &Wanted,
    archive: &Path,
    fetched: bool,
    progress: &(dyn Fn(Progress) + Send + Sync),
) -> Result<PathBuf, DistributionError> {
    let lock_path = wanted.into.join(".lock");
    let lock = File::create(&lock_path).map_err(failed("make", &lock_path))?;
    lock.lock().map_err(failed("lock", &lock_path))?;
    if let Some(folder) = installed(&wanted.into, &wanted.version) {
        return Ok(folder);
    }
    if let Some(sum) = &wanted.sha512 {
        progress(Progress::Checking);
        let checked = check(archive, sum);
        if checked.is_err() && fetched {
            // What was fetched wrongly must not be resumed.
            fs::remove_file(archive).map_err(failed("remove", archive))?;
        }
        checked?;
    }
    progress(Progress::Unpacking);
    let prefix = format!(".{}.partial-", wanted.version);
    remove_left_over(&wanted.into, &prefix)?;
    let partial = tempfile::Builder::new()
        .prefix(&prefix)
        .tempdir_in(&wanted.into)
        .map_err(failed("make a folder in", &wanted.into))?;
    let unpacked = if matches!(wanted.source, Source::Directory(_)) {
        archive::copy(archive, partial.path())
    } else {
        archive::unpack(archive, partial.path())
    };
    let release = unpacked.and_then(|Unpacked { root }| {
        is_release(&root, archive, &wanted.version)?;
        Ok(root)
    });
    if release.is_err() && fetched {
        fs::remove_file(archive).map_err(failed("remove", archive))?;
    }
    let release = release?;
    let folder = wanted.into.join(&wanted.version);
    fs::set_permissions(&release, Permissions::from_mode(0o755)).map_err(failed("set the mode of", &release))?;
    let opened = File::open(&wanted.into).map_err(failed("open", &wanted.into))?;
    rustix::fs::syncfs(&opened).map_err(|error| failed("flush", &wanted.into)(error.into()))?;
    fs::rename(&release, &folder).map_err(failed("put in place", &folder))?;
    opened.sync_all().map_err(failed("flush", &wanted.into))?;
    if fetched {
        fs::remove_file(archive).map_err(failed("remove", archive))?;
    }
    Ok(folder)
}

/// What an agent left that was killed while it unpacked. The lock is held, so nobody else is at it.
fn remove_left_over(into: &Path, prefix: &str) -> Result<(), DistributionError> {
    for entry in fs::read_dir(into).map_err(failed("read", into))?.flatten() {
        if entry.file_name().to_string_lossy().starts_with(prefix) {
            fs::remove_dir_all(entry.path()).map_err(failed("remove", &entry.path()))?;
        }
    }
    Ok(())
}

fn check(archive: &Path, wanted: &str) -> Result<(), DistributionError> {
    if archive.is_dir() {
        return Err(DistributionError::ChecksumOfFolder(archive.to_owned()));
    }
    let mut file = File::open(archive).map_err(failed("read", archive))?;
    let mut digest = Sha512::new();
    let mut buffer = vec![0; 1 << 16];
    loop {
        match file.read(&mut buffer).map_err(failed("read", archive))? {
            0 => break,
            read => digest.update(&buffer[..read]),
        }
    }
    let found: String = digest.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    if found == wanted {
        return Ok(());
    }
    Err(DistributionError::Checksum { path: archive.to_owned(), found, wanted: wanted.to_owned() })
}

/// Whether a folder holds that release.
fn is_release(folder: &Path, source: &Path, version: &str) -> Result<(), DistributionError> {
    if jar(folder, "broker", version).exists() && jar(folder, "namesrv", version).exists() {
        return Ok(());
    }
    let names = fs::read_dir(folder.join("lib")).into_iter().flatten().flatten();
    let names = names.map(|entry| entry.file_name().to_string_lossy().into_owned());
    let other =
        names.filter_map(|name| Some(name.strip_prefix("rocketmq-broker-")?.strip_suffix(".jar")?.to_owned())).next();
    let found = other.map_or("no lib/rocketmq-broker-….jar".to_owned(), |other| format!("RocketMQ {other}"));
    Err(DistributionError::WrongVersion { path: source.to_owned(), found, wanted: version.to_owned() })
}

#[cfg(test)]
mod tests;
