//! What a start waits for beside what it could clash with: somebody else says whether an instance may start on what its store
//! holds.

use rocketmq_agent_domain::{launch::Launch, names::InstanceName};
use std::{fmt::Debug, sync::Arc};

/// Whoever admits instances.
pub trait Gate: Debug + Send + Sync {
    /// Whether it may start now.
    fn admits(&self, launch: &Launch) -> bool;

    /// Whether a permit is being sought for it.
    fn is_seeking(&self, instance: &InstanceName) -> bool;

    /// Seeks a permit beside the loop, and calls `tell` when it is there. Nothing where one is sought already.
    fn seek(self: Arc<Self>, launch: &Launch, tell: Box<dyn FnOnce() + Send>);

    /// Whether it has everything that its slave had when it was admitted, so that the slave's consumer offsets hold for it.
    fn has_all_of_slave(&self, instance: &InstanceName) -> bool;

    /// It runs: until its host is booted again it may be started again.
    fn runs(&self, launch: &Launch);
}
