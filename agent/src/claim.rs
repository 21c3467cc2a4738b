//! One agent a base folder: two would supervise the same JVMs, and the one that ends would stop the other's brokers.
//! A file lock that no JVM inherits, so that it ends with the agent.

use crate::{
    accounts::Account,
    files::{self, FileError},
    untrusted,
};
use rustix::fs::OFlags;
use std::{
    fs::{File, TryLockError},
    io::{self, Read, Write},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

/// Held for as long as this agent works on the folder.
#[derive(Debug)]
pub struct Claim(#[expect(dead_code, reason = "the lock ends when the file is closed")] File);

/// Why the folder is not this agent's.
#[derive(Debug, thiserror::Error)]
pub enum ClaimError {
    /// Another agent has it.
    #[error("another rocketmq-agent{} works on {folder}", pid.map(|pid| format!(" (pid {pid})")).unwrap_or_default())]
    AnotherAgent {
        /// The folder.
        folder: PathBuf,
        /// The other agent, where it said so.
        pid: Option<u32>,
    },
    /// It cannot be made.
    #[error(transparent)]
    Make(#[from] FileError),
    /// It cannot be locked.
    #[error("cannot lock {folder}")]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
}

/// Claims a folder, making it where it is missing. Where JVMs run as an account of their own, it becomes root's first.
///
/// # Errors
/// Another agent has it, or it cannot be written.
pub fn claim(folder: &Path, account: Option<Account>) -> Result<Claim, ClaimError> {
    let failed = |source| ClaimError::Folder { folder: folder.to_owned(), source };
    if !folder.exists() {
        files::make_directory(folder, 0o755, None)?;
    }
    if account.is_some() {
        take_over(folder).map_err(failed)?;
    }
    let mut file = lock_file(folder).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => {}
        Err(TryLockError::WouldBlock) => {
            let mut text = String::new();
            let pid = file.read_to_string(&mut text).ok().and_then(|_| text.trim().parse().ok());
            return Err(ClaimError::AnotherAgent { folder: folder.to_owned(), pid });
        }
        Err(TryLockError::Error(error)) => return Err(failed(error)),
    }
    file.set_len(0).and_then(|()| writeln!(file, "{}", std::process::id())).map_err(failed)?;
    Ok(Claim(file))
}

/// In place: whoever works in it goes on. A folder that the account could move again is left to the plan, which says so.
fn take_over(folder: &Path) -> io::Result<()> {
    let open = untrusted::folder(folder)?;
    if !untrusted::is_sealed(&open)? {
        untrusted::seal(folder, 0o755)?;
        tracing::warn!("took over {}: it could be changed by others than root", folder.display());
    }
    // Root unpacks releases there.
    let dist = match untrusted::folder(&folder.join("dist")) {
        Ok(dist) => dist,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    if !untrusted::is_sealed(&dist)? {
        untrusted::seal(&folder.join("dist"), 0o755)?;
        untrusted::seal_tree(&dist)?;
    }
    Ok(())
}

/// A link there leads nowhere, and neither does a second name of another file.
fn lock_file(folder: &Path) -> io::Result<File> {
    let file = untrusted::open_or_make(&folder.join("agent.lock"), OFlags::RDWR, 0o644)?;
    let found = file.metadata()?;
    match found.is_file() && found.nlink() == 1 {
        true => Ok(file),
        false => Err(io::Error::other("agent.lock is no file of the agent's: remove it")),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_has_one_agent_at_a_time_and_the_other_one_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("rocketmq");
        let held = claim(&folder, None).unwrap();
        let error = claim(&folder, None).unwrap_err().to_string();
        assert_eq!(error, format!("another rocketmq-agent (pid {}) works on {}", std::process::id(), folder.display()));
        drop(held);
        // A child of another test has the file too, for the moment between its fork and its exec.
        let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
        while let Err(error) = claim(&folder, None) {
            assert!(std::time::Instant::now() < deadline, "{error}");
            std::thread::yield_now();
        }
    }
}
