//! The one task that looks at a source, judges what lies there, and keeps it in this host's ledger. In: what lies there,
//! wishes. Out: writes, a [`View`]. Whatever goes wrong with the source, what is held stays held.

use super::{
    super::{AddressBook, Ended, Handle, View, handle::Command, pause, random},
    Place, SourceView,
    etcd::Etcd,
    git::Git,
    url::Url,
};
use crate::{
    clock,
    ledger::{GENERATIONS, Ledger, LedgerError},
    settings,
    trust::{Keys, TrustError},
};
use rocketmq_agent_domain::{
    document::{Document, Mark},
    names::HostName,
    register::{Effect, Entry, Judgement, NotProposed, Outcome, Standing, judge},
    topology::Topology,
};
use std::{path::Path, sync::Arc, time::Duration};
use tokio::{
    sync::{mpsc, watch},
    task::spawn_blocking,
    time::sleep,
};
use tracing::{info, warn};

const QUEUE: usize = 16;

/// A source that is being looked at.
#[derive(Debug)]
pub struct Opened {
    view: watch::Receiver<Arc<View>>,
    commands: mpsc::Sender<Command>,
    ledger: Arc<Ledger>,
}

/// What lay there when it was last looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Seen {
    Unknown,
    Nothing,
    /// What is held, or could not be written to the ledger.
    Document(Document),
    /// What must not be taken, and why.
    Refused(String),
}

struct Driver<P> {
    place: P,
    poll: Duration,
    ledger: Arc<Ledger>,
    held: Option<Entry>,
    seen: Seen,
    /// Since when, milliseconds since 1970, and why the source gives nothing.
    trouble: Option<(u64, String)>,
    failures: u32,
    /// Why the ledger cannot be written.
    broken: Option<String>,
    view: watch::Sender<Arc<View>>,
}

impl Opened {
    /// Begins to look. Where this host holds nothing yet, what lies there is held when this returns, if it can be had.
    ///
    /// # Errors
    /// The ledger cannot be opened.
    pub async fn open(settings: &settings::Source, state_dir: &Path) -> Result<Self, LedgerError> {
        let poll = settings.poll;
        match settings.place.clone() {
            settings::Place::Etcd { members, key } => {
                Self::at(Etcd::new(members, key, settings.clone()), poll, state_dir).await
            }
            settings::Place::Url(url) => Self::at(Url::new(url, settings.clone()), poll, state_dir).await,
            settings::Place::Git { repository, branch, path } => {
                Self::at(Git::new(repository, branch, path), poll, state_dir).await
            }
        }
    }

    async fn at<P: Place>(place: P, poll: Duration, state_dir: &Path) -> Result<Self, LedgerError> {
        let (ledger, recovered) = Ledger::open(state_dir, GENERATIONS)?;
        let ledger = Arc::new(ledger);
        let nothing = View {
            held: None,
            standing: Standing::Follows,
            conflicts: Vec::new(),
            broken: None,
            remarks: Vec::new(),
            source: None,
            learned: None,
        };
        let (view, seen) = watch::channel(Arc::new(nothing));
        let mut driver = Driver {
            place,
            poll,
            ledger: Arc::clone(&ledger),
            held: recovered.held,
            seen: Seen::Unknown,
            trouble: None,
            failures: 0,
            broken: None,
            view,
        };
        match driver.held {
            Some(_) => driver.publish(),
            None => driver.look().await,
        }
        let (commands, queue) = mpsc::channel(QUEUE);
        tokio::spawn(driver.run(queue));
        Ok(Self { view: seen, commands, ledger })
    }

    /// What is held.
    pub fn view(&self) -> Arc<View> {
        Arc::clone(&self.view.borrow())
    }

    /// The other end, for a host that has found out who it is.
    /// The hosts have nothing to say to each other of the document; what they have of commit logs, they say with `keys`.
    ///
    /// # Errors
    /// What the trust is to rest on is no good.
    pub fn handle(self, me: HostName, topology: &Topology, keys: Option<Keys>) -> Result<Handle, TrustError> {
        let book = match keys {
            Some(keys) => AddressBook::new(me, topology, keys)?,
            None => AddressBook::without_keys(me, topology),
        };
        Ok(Handle::new(self.view, Arc::new(book), self.commands, self.ledger))
    }
}

impl<P: Place> Driver<P> {
    async fn run(mut self, mut queue: mpsc::Receiver<Command>) {
        loop {
            self.look().await;
            // Hosts that were started together need not ask together.
            let spread = random() % (self.poll.as_millis() as u64 / 5 + 1);
            let (failures, poll) = (self.failures, self.poll - Duration::from_millis(spread));
            let place = &mut self.place;
            let next = async {
                match failures {
                    0 => place.wait(poll).await,
                    failures => sleep(pause(failures - 1)).await,
                }
            };
            // Both are cancel-safe.
            let command = tokio::select! {
                command = queue.recv() => match command {
                    Some(command) => Some(command),
                    None => return,
                },
                () = next => None,
            };
            if let Some(Command::Propose { document, answer }) = command {
                // Whoever asked may have gone.
                let _ = answer.send(self.propose(document).await);
            }
        }
    }

    async fn look(&mut self) {
        match self.place.read().await {
            Err(error) => {
                let why = error.in_words();
                if self.trouble.is_none() {
                    warn!("{}: {why}", self.place.name());
                }
                let since = self.trouble.take().map_or_else(clock::now, |(since, _)| since);
                self.trouble = Some((since, why));
                self.failures = self.failures.saturating_add(1);
            }
            Ok(found) => {
                if self.trouble.take().is_some() {
                    info!("{} answers again", self.place.name());
                }
                self.failures = 0;
                match found {
                    Some(document) => self.judge(document).await,
                    None => self.seen = Seen::Nothing,
                }
            }
        }
        self.publish();
    }

    async fn judge(&mut self, document: Document) {
        let verdict = match &self.held {
            Some(held) if *held.document() == document => {
                self.broken = None;
                self.seen = Seen::Document(document);
                return;
            }
            held => judge(held.as_ref(), &Entry::seatless(document.clone())),
        };
        match verdict {
            Judgement::Take => self.take(document, None).await,
            Judgement::TakeAndSetAside => {
                let aside = self.held.clone().map(Effect::SetAside);
                self.take(document, aside).await;
            }
            Judgement::Same | Judgement::Older | Judgement::Conflict(_) => {
                let held = self.held.as_ref().map(Entry::mark);
                let refused = refusal(self.place.name(), verdict, document.mark(), held);
                let seen = Seen::Refused(refused.clone());
                if self.seen != seen {
                    warn!("{refused}");
                }
                self.seen = seen;
            }
        }
    }

    async fn take(&mut self, document: Document, before: Option<Effect>) {
        let entry = Entry::seatless(document.clone());
        let (ledger, store) = (Arc::clone(&self.ledger), Effect::Store(entry.clone()));
        let written = spawn_blocking(move || {
            for effect in before.iter().chain([&store]) {
                ledger.write(effect)?;
            }
            Ok::<_, LedgerError>(())
        });
        self.broken = match written.await {
            Ok(written) => written.err().map(|error| format!("{:#}", anyhow::Error::from(error))),
            Err(error) => Some(error.to_string()),
        };
        if self.broken.is_none() {
            info!("{} is taken from {}", entry.mark(), self.place.name());
            self.held = Some(entry);
        }
        self.seen = Seen::Document(document);
    }

    async fn propose(&mut self, document: Document) -> Ended {
        if let Some(instead) = self.place.instead() {
            return Ended::Refused(instead);
        }
        self.look().await;
        if let Some((_, why)) = &self.trouble {
            return Ended::Refused(why.clone());
        }
        match &self.seen {
            Seen::Refused(why) => return Ended::Refused(why.clone()),
            Seen::Document(current) if !document.follows(Some(current)) => return stale(current),
            // Nothing lies there any more, or not yet: it begins with what this host holds, or what comes after that.
            Seen::Nothing if !self.begins(&document) => return Ended::NotBegun(NotProposed::NothingHeld),
            _ => {}
        }
        let put = self.place.put(&document).await;
        if let Ok(true) = put {
            self.take(document.clone(), None).await;
            self.publish();
            return committed(&document);
        }
        self.look().await;
        match (&self.seen, put) {
            (Seen::Document(current), _) if *current == document => committed(&document),
            (_, Err(error)) if !error.is_before_it_happened() => Ended::Unknown(error.in_words()),
            (_, Err(error)) => Ended::Refused(error.in_words()),
            (Seen::Document(current), Ok(_)) => stale(current),
            (_, Ok(_)) => Ended::Refused(format!("{} was changed by somebody else just now", self.place.name())),
        }
    }

    fn begins(&self, document: &Document) -> bool {
        match &self.held {
            Some(held) => document == held.document() || document.follows(Some(held.document())),
            None => document.follows(None),
        }
    }

    fn publish(&mut self) {
        let name = self.place.name().to_owned();
        let mut remarks: Vec<String> =
            self.broken.iter().map(|why| format!("what lies in {name} is not taken: {why}")).collect();
        if let Some((since, why)) = &self.trouble {
            let runs = match &self.held {
                Some(held) => format!("generation {} is kept to", held.mark().generation),
                None => "nothing was ever taken from it".to_owned(),
            };
            remarks.push(format!("{name} gives no document since {}, and {runs}: {why}", clock::in_words(*since)));
        }
        let instead = self.place.instead();
        match &self.seen {
            Seen::Refused(why) => remarks.push(why.clone()),
            Seen::Nothing => {
                let how = "`rocketmq-agent apply -m WHY` puts one there".to_owned();
                remarks.push(format!("no document lies in {name}: {}", instead.clone().unwrap_or(how)));
            }
            Seen::Unknown | Seen::Document(_) => {}
        }
        let next = View {
            held: self.held.clone(),
            standing: Standing::Follows,
            conflicts: Vec::new(),
            broken: self.broken.clone(),
            remarks,
            source: Some(SourceView { name, is_empty: self.seen == Seen::Nothing, instead }),
            learned: None,
        };
        self.view.send_if_modified(|view| {
            let differs = **view != next;
            if differs {
                *view = Arc::new(next);
            }
            differs
        });
    }
}

fn refusal(name: &str, verdict: Judgement, found: Mark, held: Option<Mark>) -> String {
    let held = held.map_or(String::new(), |held| format!(", and this host holds {held}"));
    let why = match verdict {
        Judgement::Older => "it went back",
        _ => "it is not what comes after that",
    };
    format!("{found} lies in {name}{held}: {why}, so it is not taken (docs/config-sync.md)")
}

fn committed(document: &Document) -> Ended {
    Ended::Decided(Outcome::Committed { hash: document.hash(), set_aside: Vec::new() })
}

fn stale(current: &Document) -> Ended {
    Ended::NotBegun(NotProposed::Stale(Entry::seatless(current.clone())))
}
