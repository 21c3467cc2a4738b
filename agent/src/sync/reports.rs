//! What a host's agent reports, for the decisions of the other hosts. `/v1/host` says the same to everybody; over plain HTTP,
//! though, whatever listens on that port of the host answers in the agent's place.
//!
//! | path | answers |
//! |---|---|
//! | `GET /report` | the host's [`HostReport`]; 503 before the first one, and while its loop stands still |

use super::{AddressBook, LinkError, client::Link};
use bytes::Bytes;
use hyper::Method;
use rocketmq_agent_domain::{health::report::HostReport, names::HostName};
use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};
use tokio::sync::Mutex as Turn;

/// This host's own report, where there is one that counts.
pub type OwnReport = Arc<dyn Fn() -> Option<Arc<HostReport>> + Send + Sync>;

/// The reports of the other hosts, over mutual TLS.
pub struct RemoteReports {
    book: Arc<AddressBook>,
    links: Mutex<BTreeMap<HostName, Arc<Turn<Link>>>>,
}

impl fmt::Debug for RemoteReports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RemoteReports").finish_non_exhaustive()
    }
}

impl RemoteReports {
    /// Of the hosts of that book; none where they have nothing to trust each other by.
    pub fn of(book: Arc<AddressBook>) -> Option<Self> {
        book.has_trust().then(|| Self { book, links: Mutex::default() })
    }

    /// What a host reports now.
    ///
    /// # Errors
    /// It does not say within that time. [`LinkError::Older`] where it showed who it is, and does not know the question.
    pub async fn ask(&self, host: &HostName, patience: Duration) -> Result<HostReport, LinkError> {
        let link = {
            let mut links = self.links.lock().unwrap_or_else(PoisonError::into_inner);
            let made = || Arc::new(Turn::new(Link::new(host.clone(), Arc::clone(&self.book))));
            Arc::clone(links.entry(host.clone()).or_insert_with(made))
        };
        let body = link.lock().await.ask(Method::GET, "/report", Bytes::new(), patience).await?;
        serde_json::from_slice(&body).map_err(LinkError::Nonsense)
    }
}
