//! Where the document lies elsewhere than with the hosts: in etcd, behind an address, in a Git repository. In: a
//! [`settings::Source`]. Out: the same [`View`](super::View) and [`Handle`](super::Handle) as from the register, so that
//! nobody else knows the difference. What was taken last is in this host's ledger, and is what it runs on while the
//! source does not answer.
//!
//! ```text
//! etcd, url, git ─Place→ driver: judges ─→ ledger (fsync) ─→ View
//!                 ←put── (etcd alone)   ←─ control socket
//! ```

mod driver;
mod etcd;
mod git;
mod trouble;
mod url;
mod web;

pub use driver::Opened;

use rocketmq_agent_domain::document::Document;
use serde::{Deserialize, Serialize};
use std::{future::Future, time::Duration};
use trouble::SourceError;

/// A place where the document lies.
trait Place: Send + 'static {
    /// What it is, in words, without anything secret.
    fn name(&self) -> &str;

    /// What lies there now; none where it answers and there is nothing.
    fn read(&mut self) -> impl Future<Output = Result<Option<Document>, SourceError>> + Send;

    /// Waits until something may have changed, and not longer than that. Cancel-safe.
    fn wait(&mut self, longest: Duration) -> impl Future<Output = ()> + Send;

    /// What to do instead of `apply`, where this program cannot write there.
    fn instead(&self) -> Option<String>;

    /// Puts a document there, if what the last [`Place::read`] found is there still. Whether it did.
    fn put(&mut self, document: &Document) -> impl Future<Output = Result<bool, SourceError>> + Send;
}

/// What a source is to those who show it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SourceView {
    /// What it is, in words.
    pub name: String,
    /// It answered, and nothing lies there.
    pub is_empty: bool,
    /// What to do instead of `apply`, where that cannot be.
    pub instead: Option<String>,
}
