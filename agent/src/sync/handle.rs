//! The other end of the driver: for the server, the daemon and the control socket. In: wishes. Out: what the driver
//! makes of them, and what is known.

use super::{AddressBook, HostState, LinkError, client::Link, refusals::Refusals, state::View};
use crate::ledger::{Ledger, LedgerError};
use bytes::Bytes;
use rocketmq_agent_domain::{
    document::{Document, Mark},
    line::Line,
    names::HostName,
    register::{Entry, Message, NotProposed, Outcome},
};
use std::{
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Instant,
};
use tokio::{
    runtime,
    sync::{mpsc, oneshot, watch},
};
use tracing::warn;

/// What the driver is asked to do.
pub(super) enum Command {
    Receive { from: HostName, message: Message, answer: Option<oneshot::Sender<Vec<Message>>> },
    Propose { document: Document, answer: oneshot::Sender<Ended> },
    Offer(Option<Document>),
}

/// How a change ended.
#[derive(Debug)]
pub enum Ended {
    /// It was not begun.
    NotBegun(NotProposed),
    /// It was.
    Decided(Outcome),
    /// This host's disk failed on the way; the change may be committed or not.
    Disk(String),
    /// The source did not take it, and will not.
    Refused(String),
    /// The source broke off; the change may be committed or not.
    Unknown(String),
}

/// The other end of the driver.
#[derive(Clone, Debug)]
pub struct Handle {
    /// What is known.
    pub view: watch::Receiver<Arc<View>>,
    /// Who is in the cluster.
    pub book: Arc<AddressBook>,
    commands: mpsc::Sender<Command>,
    ledger: Arc<Ledger>,
    refusals: Arc<Mutex<Refusals>>,
    /// The generation that the daemon works towards; 0 where there is none.
    runs: Arc<AtomicU64>,
    /// What is held as other hosts are told of it: written down once, however many ask.
    written: Arc<Mutex<Option<(Mark, Bytes)>>>,
    /// The thread that all of it runs in.
    pub(super) runtime: runtime::Handle,
}

impl Handle {
    /// Of a driver that runs where this is called.
    pub(super) fn new(
        view: watch::Receiver<Arc<View>>,
        book: Arc<AddressBook>,
        commands: mpsc::Sender<Command>,
        ledger: Arc<Ledger>,
    ) -> Self {
        Self {
            view,
            book,
            commands,
            ledger,
            refusals: Arc::default(),
            runs: Arc::default(),
            written: Arc::default(),
            runtime: runtime::Handle::current(),
        }
    }

    /// A message from another host; its answers. None when the driver is gone.
    pub(super) async fn receive(&self, from: HostName, message: Message) -> Option<Vec<Message>> {
        let (answer, answered) = oneshot::channel();
        self.commands.send(Command::Receive { from, message, answer: Some(answer) }).await.ok()?;
        answered.await.ok()
    }

    /// Tries to get a change committed.
    pub async fn propose(&self, document: Document) -> Ended {
        let (answer, answered) = oneshot::channel();
        let gone = || Ended::Disk("config sync has ended".to_owned());
        if self.commands.send(Command::Propose { document, answer }).await.is_err() {
            return gone();
        }
        answered.await.unwrap_or_else(|_| gone())
    }

    /// What this host's own file would be as the first document.
    pub async fn offer(&self, document: Option<Document>) {
        // The driver is gone only when the agent ends.
        let _ = self.commands.send(Command::Offer(document)).await;
    }

    /// All committed documents that this host still has, the oldest first.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub fn history(&self) -> Result<Vec<Entry>, LedgerError> {
        let mut entries = Vec::new();
        for place in self.ledger.places()? {
            entries.extend(self.ledger.entry(place)?);
        }
        Ok(entries)
    }

    /// Whether a committed document that this host still has is of this cluster file. The newest ones are looked at first:
    /// mostly it is the one before what is held.
    ///
    /// # Errors
    /// The ledger cannot be read.
    pub fn has_held(&self, text: &[u8]) -> Result<bool, LedgerError> {
        for place in self.ledger.places()?.into_iter().rev() {
            if self.ledger.entry(place)?.is_some_and(|entry| entry.document().text().as_bytes() == text) {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The daemon works towards this from now on.
    pub fn runs(&self, entry: Option<&Entry>) {
        self.runs.store(entry.map_or(0, |entry| entry.mark().generation), Ordering::Relaxed);
    }

    /// Where this host stands.
    pub fn state(&self) -> HostState {
        let runs = Some(self.runs.load(Ordering::Relaxed)).filter(|generation| *generation > 0);
        let mut state = self.view.borrow().state(self.book.me(), runs);
        state.remarks.extend(self.book.remarks().into_iter().map(Line::from));
        state
    }

    /// Where another host stands.
    ///
    /// # Errors
    /// It did not say so.
    pub async fn ask_state(&self, host: &HostName) -> Result<HostState, LinkError> {
        Link::new(host.clone(), Arc::clone(&self.book)).state().await
    }

    /// What is held, as the message that says so.
    pub(super) fn written(&self, entry: Entry) -> Result<Bytes, serde_json::Error> {
        let mut written = self.written.lock().unwrap_or_else(PoisonError::into_inner);
        let mark = entry.mark();
        match &*written {
            Some((of, bytes)) if *of == mark => Ok(bytes.clone()),
            _ => {
                let bytes = Bytes::from(serde_json::to_vec(&Message::Held { entry })?);
                *written = Some((mark, bytes.clone()));
                Ok(bytes)
            }
        }
    }

    /// Logs a refusal, as far as there is room for it in the log.
    pub(super) fn say(&self, what: &str) {
        let lines = self.refusals.lock().unwrap_or_else(PoisonError::into_inner).lines(what, Instant::now());
        lines.iter().for_each(|line| warn!("config sync: {line}"));
    }
}
