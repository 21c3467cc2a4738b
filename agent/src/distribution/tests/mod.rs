//! The whole way from a source to the dist folder, with archives made on the spot.

mod archives;
mod downloading;
mod places;
mod server;
mod unpacking;

use super::*;
use archives::Entry;
use sha2::{Digest, Sha512};
use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;
use tempfile::TempDir;

const VERSION: &str = "5.5.0";

/// A folder with a dist folder and room for sources beside it.
struct Ground {
    root: TempDir,
}

impl Ground {
    fn new() -> Self {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir(root.path().join("dist")).unwrap();
        Self { root }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.root.path().join(name)
    }

    fn dist(&self) -> PathBuf {
        self.path("dist")
    }

    fn write(&self, name: &str, bytes: &[u8]) -> PathBuf {
        fs::write(self.path(name), bytes).unwrap();
        self.path(name)
    }

    fn wanted(&self, source: Source) -> Wanted {
        Wanted { version: VERSION.to_owned(), source, sha512: None, into: self.dist() }
    }

    /// [`ensure`] for an archive of these bytes.
    async fn unpack(&self, bytes: &[u8]) -> Result<PathBuf, DistributionError> {
        self.unpack_within(bytes, Limits::default()).await
    }

    async fn unpack_within(&self, bytes: &[u8], limits: Limits) -> Result<PathBuf, DistributionError> {
        let wanted = self.wanted(Source::Archive(self.write("archive", bytes)));
        ensure_within(&wanted, |_| {}, limits, download::Patience::default()).await
    }

    /// What is in the dist folder besides its lock.
    fn left(&self) -> Vec<String> {
        let mut names: Vec<String> = fs::read_dir(self.dist())
            .unwrap()
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .filter(|name| name != ".lock")
            .collect();
        names.sort();
        names
    }

    /// Asserts that nothing was written, neither into the dist folder nor beside it.
    fn assert_untouched(&self) {
        assert_eq!(self.left(), Vec::<String>::new());
        let beside = fs::read_dir(self.root.path()).unwrap().count();
        assert!(beside <= 2, "more than dist and the archive");
    }
}

fn checksum_of(bytes: &[u8]) -> String {
    let sum = Sha512::digest(bytes);
    sum.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Every file under a folder, with its content and mode, and every folder with its mode.
fn contents(folder: &Path) -> BTreeMap<String, (Option<Vec<u8>>, u32)> {
    let mut found = BTreeMap::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(&next).unwrap() {
            let path = entry.unwrap().path();
            let kind = fs::symlink_metadata(&path).unwrap();
            let name = path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
            assert!(!kind.is_symlink(), "{name} is a link");
            let content = kind.is_file().then(|| fs::read(&path).unwrap());
            found.insert(name, (content, kind.permissions().mode() & 0o7777));
            if kind.is_dir() {
                folders.push(path);
            }
        }
    }
    found
}

/// The files of a small distribution under `top` (empty or ending with a slash).
fn distribution(top: &str) -> Vec<Entry> {
    let file = |name: &str, content: &str| Entry::file(&format!("{top}{name}"), content.as_bytes());
    vec![
        file("LICENSE", "Apache"),
        file("bin/mqbroker", "#!/bin/sh"),
        file("conf/broker.conf", "brokerName=a"),
        file("lib/rocketmq-broker-5.5.0.jar", "broker"),
        file("lib/rocketmq-namesrv-5.5.0.jar", "namesrv"),
        file("lib/netty.jar", "netty"),
    ]
}

fn with(mut entries: Vec<Entry>, more: impl IntoIterator<Item = Entry>) -> Vec<Entry> {
    entries.extend(more);
    entries
}
