//! Commit logs of this host's brokers, read and written as RocketMQ's account; how two of them compare, wherever the other
//! one lies; and how one takes from the other what it lacks. What is decided is in `rocketmq_agent_domain::commit_log`.

mod compare;
mod files;
mod fill;
#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests;

pub use compare::{Comparison, Pair, Side, compare};
pub use files::{Files, LogError};
pub use fill::{Filled, fill};

use crate::{accounts::Account, unprivileged};
use std::{future::Future, io, ops::Range, path::PathBuf, sync::Arc};

/// SHA-256 of a chunk.
pub type Hash = [u8; 32];

/// The most that is asked for at once, bytes. In tests little, so that an end can fall between any two pieces.
pub const PIECE: u64 = if cfg!(test) { 700 } else { 1 << 20 };

/// A commit log, wherever it lies.
pub trait Log {
    /// Why it cannot be read.
    type Error;

    /// Hashes of the chunks of a range, as [`rocketmq_agent_domain::commit_log::chunks`] cuts it, as far as the log reaches.
    fn hashes(&self, range: Range<u64>) -> impl Future<Output = Result<Vec<Hash>, Self::Error>> + Send;

    /// The bytes of a range of at most [`PIECE`] bytes; fewer where the log ends before.
    fn bytes(&self, range: Range<u64>) -> impl Future<Output = Result<Vec<u8>, Self::Error>> + Send;
}

/// A commit log of this host.
#[derive(Debug, Clone)]
pub struct LocalLog {
    folder: Arc<PathBuf>,
    account: Option<Account>,
}

impl LocalLog {
    /// The log in a folder, worked on as `account`.
    pub fn new(folder: PathBuf, account: Option<Account>) -> Self {
        Self { folder: Arc::new(folder), account }
    }

    /// Does something with its files.
    ///
    /// # Errors
    /// They cannot be read or written.
    pub async fn with<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut Files) -> Result<T, LogError> + Send + 'static,
    ) -> Result<T, LogError> {
        let Self { folder, account } = self.clone();
        let done = tokio::task::spawn_blocking(move || {
            let work = || work(&mut Files::open(&folder)?);
            unprivileged::run(account, work).unwrap_or_else(|source| Err(LogError::read(&folder, source)))
        });
        done.await.unwrap_or_else(|gone| Err(LogError::read(&self.folder, io::Error::other(gone))))
    }
}

impl Log for LocalLog {
    type Error = LogError;

    async fn hashes(&self, range: Range<u64>) -> Result<Vec<Hash>, LogError> {
        self.with(move |files| files.hashes(range)).await
    }

    async fn bytes(&self, range: Range<u64>) -> Result<Vec<u8>, LogError> {
        self.with(move |files| files.bytes(range)).await
    }
}
