//! A program in one jar that is no part of a release: from a file or an http(s) address to its place in the dist folder, and
//! only with the right checksum. What is checked is the copy that is put in place.

use super::{
    DistributionError, Limits, Progress, Report, Source, checksum, download,
    error::{open_error, write_error},
    lock, tree,
};
use std::{
    fs::{self, File, Permissions},
    io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

/// A jar that is to be there.
#[derive(Debug, Clone)]
pub struct WantedJar {
    /// Where to take it from if it is not there.
    pub source: String,
    /// Its SHA-256 in hexadecimal digits.
    pub sha256: String,
    /// The file that it is to be, directly in the dist folder.
    pub path: PathBuf,
}

/// Makes the jar available. Costs nothing if it is there.
///
/// # Errors
/// See [`DistributionError`]; nothing that was in place has changed then.
pub async fn ensure_jar(
    wanted: &WantedJar,
    progress: impl Fn(Progress) + Send + 'static,
) -> Result<(), DistributionError> {
    let sha256 = checksum::parse(&wanted.sha256, 64)?;
    let into = wanted.path.parent().unwrap_or(Path::new("/"));
    let progress = Mutex::new(progress);
    let report: Report = Arc::new(move |p| (progress.lock().unwrap_or_else(PoisonError::into_inner))(p));
    let lock = lock::take(into, &report).await?;
    if wanted.path.is_file() {
        return Ok(());
    }
    let name = wanted.path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let downloaded = match Source::parse(&wanted.source) {
        Source::Url(url) => {
            let (file, limit) = (download::file(into, &name), Limits::default().bytes);
            let download = download::Download { url: &url, file, has_checksum: true, limit };
            Some(download.fetch(&download::Patience::default(), &report).await?)
        }
        _ => None,
    };
    let (partial, path) = (into.join(format!(".{name}.partial-{}", std::process::id())), wanted.path.clone());
    let from = downloaded.clone().unwrap_or_else(|| PathBuf::from(&wanted.source));
    let work = move || {
        let _lock = lock;
        let result = copy(&from, &partial, &sha256, &*report).and_then(|()| {
            fs::rename(&partial, &path).map_err(|error| write_error(&path, error))?;
            // The rename is on the disk when its folder is.
            path.parent().map_or(Ok(()), tree::sync).map_err(|error| write_error(&path, error))
        });
        let _ = fs::remove_file(&partial);
        if let Some(file) = downloaded {
            download::discard(&file);
        }
        result
    };
    tokio::task::spawn_blocking(work).await.map_err(|source| DistributionError::Interrupted { source })?
}

fn copy(from: &Path, to: &Path, sha256: &str, progress: &dyn Fn(Progress)) -> Result<(), DistributionError> {
    let mut source = File::open(from).map_err(|error| open_error(from, error))?;
    if !source.metadata().is_ok_and(|it| it.is_file()) {
        return Err(open_error(from, io::Error::other("it is not a regular file")));
    }
    let mut write = || -> io::Result<()> {
        let mut file = File::create(to)?;
        io::copy(&mut source, &mut file)?;
        // Whatever the agent's umask, its own account reads it.
        file.set_permissions(Permissions::from_mode(0o644))?;
        file.sync_all()
    };
    write().map_err(|error| write_error(to, error))?;
    let mut file = File::open(to).map_err(|error| open_error(to, error))?;
    checksum::verify(from, &mut file, sha256, progress)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn wanted(folder: &Path, sha256: &str) -> WantedJar {
        fs::write(folder.join("given.jar"), "hello\n").unwrap();
        let source = folder.join("given.jar").display().to_string();
        WantedJar { source, sha256: sha256.to_owned(), path: folder.join("dist").join("exporter-x.jar") }
    }

    /// Of "hello" and a line end.
    const SUM: &str = "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03";

    #[tokio::test]
    async fn a_jar_with_the_right_checksum_is_put_in_place_for_everybody_to_read() {
        let folder = tempfile::tempdir().unwrap();
        let wanted = wanted(folder.path(), SUM);
        ensure_jar(&wanted, |_| {}).await.unwrap();
        assert_eq!(fs::read_to_string(&wanted.path).unwrap(), "hello\n");
        assert_eq!(fs::metadata(&wanted.path).unwrap().permissions().mode() & 0o777, 0o644);
        fs::remove_file(folder.path().join("given.jar")).unwrap();
        ensure_jar(&wanted, |_| {}).await.unwrap();
    }

    #[tokio::test]
    async fn one_with_another_checksum_is_not_and_nothing_is_left() {
        let folder = tempfile::tempdir().unwrap();
        let wanted = wanted(folder.path(), &SUM.replace('5', "6"));
        let error = ensure_jar(&wanted, |_| {}).await.unwrap_err().to_string();
        assert!(error.contains("given.jar has the wrong sha256") && error.contains(SUM), "{error}");
        let left: Vec<_> =
            fs::read_dir(folder.path().join("dist")).unwrap().map(|it| it.unwrap().file_name()).collect();
        assert_eq!(left, [".lock"]);
    }
}
