//! The daemon's side of config sync: what this host works towards comes from the committed document, and the cluster
//! file that lies there follows it. In: settings, a secret or a source. Out: goals. With neither there is none of this.

use super::goal;
use crate::{
    claim::{self, Claim},
    cluster::{Applied, Cluster},
    files,
    ledger::{GENERATIONS, Ledger},
    reconcile::Goal,
    settings::{self, Settings},
    sync::{self, AddressBook, Handle, View, proposal, source::Opened},
    trust::Keys,
};
use rocketmq_agent_domain::{
    document::{Document, DocumentError, DocumentHash},
    finding,
    health::report::ConfigReport,
    line::Line,
    register::Entry,
};
use std::{fs, io::ErrorKind, path::PathBuf, sync::Arc, time::Duration};
use tokio::{
    sync::watch,
    time::{Instant, sleep_until},
};
use tracing::warn;

/// As long as it takes to tell a hundred hosts of a document.
const OTHERS_FIRST: Duration = Duration::from_millis(200);

/// Config sync as the daemon sees it.
pub(super) struct Synced {
    pub handle: Handle,
    view: watch::Receiver<Arc<View>>,
    /// What of it the daemon has looked at: what it works from and what it reports are of one moment.
    seen: Arc<View>,
    /// When what is new in it is looked at.
    due: Option<Instant>,
    /// The document that the goal is made of.
    taken: Option<DocumentHash>,
    /// What there is to say about the file that lies there.
    file: Option<String>,
    _claim: Claim,
}

/// Begins config sync where there is a source, a secret or certificates, and finds the first goal: the committed
/// document's; before there is one, what this host ran last; and else nothing is done yet.
pub(super) async fn start(settings: &Settings) -> anyhow::Result<(Option<Synced>, Goal)> {
    if let Some(source) = &settings.sync.source {
        return from_source(settings, source).await.map(|(synced, goal)| (Some(synced), goal));
    }
    let Some(keys) = Keys::find(settings.certificates(), &settings.secret_file)? else {
        let goal = goal::first(settings)?;
        return Ok((None, Goal { config: without_secret(settings), ..goal }));
    };
    // Two agents on one ledger would break each other's promises.
    let claim = claim::claim(&ledger_of(settings), None)?;
    // Only to know who this host is: what may be run is for the register to say.
    let known = Ledger::open(&settings.state_dir, GENERATIONS)?.1.held;
    let own = match &known {
        Some(entry) => goal::first_of_document(settings, entry.document())?,
        None => goal::first(settings)?,
    };
    let (host, topology) = (own.desired.host.clone(), Arc::clone(&own.cluster.topology));
    let book = AddressBook::new(host, &topology, keys)?;
    let offer = if known.is_none() { offer(settings) } else { Err(String::new()) };
    let handle = sync::start(&settings.state_dir, Arc::new(book), offer.as_ref().ok().cloned())?;
    let (synced, goal) = begun(settings, handle, own, claim)?;
    Ok((Some(synced), goal))
}

/// The same with a document that lies elsewhere. A host of a large fleet needs no cluster file to begin with.
async fn from_source(settings: &Settings, source: &settings::Source) -> anyhow::Result<(Synced, Goal)> {
    let claim = claim::claim(&ledger_of(settings), None)?;
    let opened = Opened::open(source, &settings.state_dir).await?;
    let view = opened.view();
    let own = match &view.held {
        Some(entry) => goal::first_of_document(settings, entry.document())?,
        // Not for good, as a mistake in the file would be: the source may answer the next time.
        None if !settings.cluster_file.exists() => anyhow::bail!("{}", view.remarks.join("; ")),
        None => goal::first(settings)?,
    };
    let keys = Keys::find(settings.certificates(), &settings.secret_file)?;
    let handle = opened.handle(own.desired.host.clone(), &own.cluster.topology, keys)?;
    begun(settings, handle, own, claim)
}

fn begun(settings: &Settings, handle: Handle, own: Goal, claim: Claim) -> anyhow::Result<(Synced, Goal)> {
    let mut view = handle.view.clone();
    let seen = Arc::clone(&view.borrow_and_update());
    let held = seen.held.clone();
    // What this host cannot use now is tried again.
    let usable = held.as_ref().filter(|_| own.file_problem.is_none());
    let taken = usable.map(|entry| entry.mark().hash);
    handle.runs(usable);
    let mut synced = Synced { handle, view, seen, due: None, taken, file: None, _claim: claim };
    let goal = match held {
        Some(_) => own,
        None => {
            goal::of_last(settings)?.unwrap_or_else(|| Goal { waits: Some(finding::NO_DOCUMENT_YET.of(&[])), ..own })
        }
    };
    synced.look_at_file(settings);
    let config = synced.report();
    Ok((synced, Goal { config, ..goal }))
}

fn without_secret(settings: &Settings) -> ConfigReport {
    let standing = "no secret: this host works from its own cluster.toml, and takes no change over the network";
    let ledger = ledger_of(settings);
    let remark = format!(
        "there is no secret, and {} holds what was committed with one, or came from a source: put the secret back, or \
         [sync.source], or move that folder away",
        ledger.display()
    );
    let remarks = if ledger.join("vote").exists() { vec![remark.into()] } else { Vec::new() };
    ConfigReport { standing: standing.into(), remarks, ..ConfigReport::default() }
}

fn ledger_of(settings: &Settings) -> PathBuf {
    settings.state_dir.join("ledger")
}

/// What this host's own file would be as generation 1.
fn offer(settings: &Settings) -> Result<Document, String> {
    let words = |error: anyhow::Error| format!("{error:#}");
    let applied = Applied::read(&settings.state_dir).map_err(|error| words(error.into()))?;
    let placement = applied.map(|applied| applied.placement);
    let cluster = Cluster::read(&settings.cluster_file, placement.as_ref()).map_err(|error| words(error.into()))?;
    Document::first(proposal::content(cluster)).map_err(|error: DocumentError| words(error.into()))
}

impl Synced {
    /// Waits until something is known that was not, and a little longer: other hosts that wait for a document get it
    /// before this one works from it.
    pub async fn changed(&mut self) {
        // A copy, so that nothing is missed where this is not waited for to its end.
        if self.view.clone().changed().await.is_err() {
            // The driver is gone, and so there is nothing to wait for.
            std::future::pending::<()>().await;
        }
        sleep_until(*self.due.get_or_insert_with(|| Instant::now() + OTHERS_FIRST)).await;
        self.due = None;
        self.seen = Arc::clone(&self.view.borrow_and_update());
    }

    /// The goal of a document that was committed since; none where there is none.
    pub fn next(&self, settings: &Settings, goal: &Goal) -> Option<(Entry, anyhow::Result<Goal>)> {
        let entry = self.seen.held.clone().filter(|entry| Some(entry.mark().hash) != self.taken)?;
        let next = goal::next_of_document(settings, entry.document(), goal);
        Some((entry, next))
    }

    /// A document is what is worked towards from now on.
    pub fn take(&mut self, entry: &Entry, settings: &Settings) {
        self.taken = Some(entry.mark().hash);
        self.handle.runs(Some(entry));
        self.handle.book.hold(entry.document());
        self.handle.book.catch_up();
        self.look_at_file(settings);
    }

    /// The cluster file was edited, or another document committed. Before generation 1 the file is what this host puts
    /// forward; afterwards it follows the document, unless somebody is at work on it.
    pub fn look_at_file(&mut self, settings: &Settings) {
        let path = &settings.cluster_file;
        // The newest: a file that is as it says must not be put back to the one before.
        let Some(entry) = self.view.borrow().held.clone() else { return };
        let text = entry.document().text();
        // Also what is no text is somebody's work.
        self.file = match fs::read(path) {
            Ok(found) if found == text.as_bytes() => None,
            Ok(found) if !self.is_committed(&found) => Some(format!(
                "{} was edited and is not applied: `rocketmq-agent apply {}` commits it, `rocketmq-agent config show` \
                 prints what holds (generation {})",
                path.display(),
                path.display(),
                entry.mark().generation
            )),
            Err(error) if error.kind() != ErrorKind::NotFound => {
                Some(format!("{} cannot be read: {error}", path.display()))
            }
            _ => files::write_file(path, text.as_bytes(), 0o644, None).err().map(|error| {
                let error = format!("{:#}", anyhow::Error::from(error));
                format!("{} is older than what holds: {error}", path.display())
            }),
        };
        if let Some(file) = &self.file {
            warn!("{file}");
        }
    }

    /// Before generation 1: puts the file forward as it is now.
    pub async fn offer_again(&mut self, settings: &Settings) {
        if self.view.borrow().held.is_some() {
            return;
        }
        let offer = offer(settings);
        self.file = offer.as_ref().err().cloned();
        if let Ok(document) = &offer {
            self.file = self.handle.book.expect(document).err();
        }
        self.handle.offer(offer.ok()).await;
    }

    /// Whether a text is one that was in force: then nobody's work is lost when it is replaced.
    fn is_committed(&self, text: &[u8]) -> bool {
        // What cannot be read is taken for somebody's work.
        self.handle.has_held(text).unwrap_or(false)
    }

    /// What there is to say.
    pub fn report(&self) -> ConfigReport {
        let state = self.handle.state();
        let remarks = state.remarks.into_iter().chain(self.file.as_ref().map(Line::from)).collect();
        let refused = self.handle.book.refused();
        let held = self.seen.held.as_ref();
        ConfigReport {
            synced: true,
            generation: held.map(|held| held.mark().generation),
            hash: held.map(|held| held.mark().hash.to_string().into()),
            paused: held.and_then(|entry| entry.document().paused().cloned()),
            confirm_until: held.and_then(|entry| entry.document().trial()).map(|trial| trial.until),
            standing: state.standing,
            remarks,
            refused: refused.into_iter().map(|(reason, count)| (reason.to_owned(), count)).collect(),
        }
    }
}
