//! The one task that owns the register and does its effects in their order: what must be on disk is there before
//! anything further is done. In: messages, ticks, wishes. Out: writes, messages, a [`View`]. It waits for the disk where it
//! runs, which is config sync's own thread.

use super::{
    AddressBook, SyncError,
    client::Link,
    handle::{Command, Ended, Handle},
    pause, puller, random,
    state::View,
};
use crate::ledger::{GENERATIONS, Ledger, LedgerError};
use rocketmq_agent_domain::{
    document::Document,
    names::HostName,
    register::{Effect, Entry, Judgement, Message, NotProposed, Refusal, Register, Timing, judge},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    future,
    path::{Path, PathBuf},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};
use tokio::{
    runtime,
    sync::{mpsc, oneshot, watch},
    task::AbortHandle,
    time::{MissedTickBehavior, interval},
};
use tracing::{info, warn};

/// As long as [`Timing`] means it to be.
const TICK: Duration = Duration::from_millis(200);
/// A disk that failed is tried again after so many ticks.
const TRY_DISK: u32 = 25;
/// Wishes and messages that wait; who has more to say waits too, or is not heard.
const QUEUE: usize = 256;
/// Messages that wait for one host. What is lost is said again by the register.
const OUTBOX: usize = 16;

/// Reasons of refusals that are counted: what a host says that lags, or whose messages were kept and said again.
const OLDER_DOCUMENT: &str = "older-document";
const OLDER_BALLOT: &str = "older-ballot";

fn refused(effect: &Effect) -> Option<&'static str> {
    match effect {
        Effect::Send { message: Message::Refused { why: Refusal::Outbid(_), .. }, .. } => Some(OLDER_BALLOT),
        Effect::Send { message: Message::Refused { why: Refusal::Holds(_), .. }, .. } => Some(OLDER_DOCUMENT),
        _ => None,
    }
}

struct Driver {
    state_dir: PathBuf,
    timing: Timing,
    ledger: Arc<Ledger>,
    book: Arc<AddressBook>,
    /// None while the disk fails.
    register: Option<Register>,
    offer: Option<Document>,
    broken: Option<String>,
    waits: u32,
    asked: Option<oneshot::Sender<Ended>>,
    commands: mpsc::Sender<Command>,
    view: watch::Sender<Arc<View>>,
    /// When another host told of what is held.
    learned: Option<Instant>,
    outboxes: BTreeMap<HostName, mpsc::Sender<Message>>,
    pullers: BTreeMap<HostName, AbortHandle>,
}

/// Begins config sync from what the ledger holds, in a thread of its own. Nothing that the rest of the agent does keeps a
/// document from the disk, and a slow disk keeps only config sync.
///
/// # Errors
/// There is no thread to be had, or the ledger cannot be opened: without it this host could forget what it promised.
pub fn start(state_dir: &Path, book: Arc<AddressBook>, offer: Option<Document>) -> Result<Handle, SyncError> {
    let runtime = runtime::Builder::new_current_thread().enable_all().build().map_err(SyncError::Thread)?;
    let handle = {
        let _inside = runtime.enter();
        start_with(state_dir, book, offer, Timing::default())?
    };
    let thread = thread::Builder::new().name("config-sync".to_owned());
    thread.spawn(move || runtime.block_on(future::pending::<()>())).map_err(SyncError::Thread)?;
    Ok(handle)
}

pub(super) fn start_with(
    state_dir: &Path,
    book: Arc<AddressBook>,
    offer: Option<Document>,
    timing: Timing,
) -> Result<Handle, LedgerError> {
    let (ledger, recovered) = Ledger::open(state_dir, GENERATIONS)?;
    let mut register = Register::new(book.me().clone(), recovered, timing);
    register.offer(offer.clone());
    if let Some(held) = register.held() {
        book.hold(held.document());
    }
    let (view, seen) = watch::channel(Arc::new(View::of(&register, book.me(), None)));
    let (commands, queue) = mpsc::channel(QUEUE);
    let ledger = Arc::new(ledger);
    let handle = Handle::new(seen, Arc::clone(&book), commands.clone(), Arc::clone(&ledger));
    let driver = Driver {
        state_dir: state_dir.to_owned(),
        timing,
        ledger,
        book,
        register: Some(register),
        offer,
        broken: None,
        waits: 0,
        asked: None,
        commands,
        view,
        learned: None,
        outboxes: BTreeMap::new(),
        pullers: BTreeMap::new(),
    };
    tokio::spawn(driver.run(queue));
    Ok(handle)
}

impl Driver {
    async fn run(mut self, mut queue: mpsc::Receiver<Command>) {
        let mut ticks = interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        self.follow();
        loop {
            // Hosts on which nothing is to be decided, which is nearly always, are not woken.
            let is_at_rest = self.register.as_ref().is_some_and(Register::is_at_rest);
            // Both are cancel-safe, and nothing is awaited inside the arms.
            let command = tokio::select! {
                command = queue.recv() => command,
                _ = ticks.tick(), if !is_at_rest => None,
            };
            match command {
                Some(Command::Receive { from, message, answer }) => {
                    let older = self.is_older(&message).then_some(OLDER_DOCUMENT);
                    let learns = matches!(message, Message::Held { .. });
                    let effects = self.register.as_mut().map(|register| register.receive(&from, message));
                    let effects = effects.unwrap_or_default();
                    older.into_iter().chain(effects.iter().filter_map(refused)).for_each(|why| self.book.refuse(why));
                    if effects.iter().any(|effect| matches!(effect, Effect::Store(_))) {
                        self.learned = learns.then(Instant::now);
                    }
                    let answers = self.perform(effects, Some(&from)).await;
                    if let Some(answer) = answer {
                        // Whoever asked may have gone.
                        let _ = answer.send(answers);
                    }
                }
                Some(Command::Propose { document, answer }) => self.propose(document, answer).await,
                Some(Command::Offer(offer)) => {
                    self.offer.clone_from(&offer);
                    if let Some(register) = &mut self.register {
                        register.offer(offer);
                    }
                    self.publish();
                }
                None => self.tick().await,
            }
        }
    }

    /// Whether it offers a document that this host has left behind it.
    fn is_older(&self, message: &Message) -> bool {
        let held = self.register.as_ref().and_then(Register::held);
        matches!(message, Message::Held { entry } if judge(held, entry) == Judgement::Older)
    }

    async fn tick(&mut self) {
        match &mut self.register {
            Some(register) => {
                let effects = register.tick(random());
                self.perform(effects, None).await;
            }
            None => {
                self.waits += 1;
                if self.waits.is_multiple_of(TRY_DISK) {
                    self.recover();
                }
            }
        }
    }

    async fn propose(&mut self, document: Document, answer: oneshot::Sender<Ended>) {
        self.book.note(&document);
        let begun = match &mut self.register {
            Some(register) => register.propose(document),
            None => Err(NotProposed::NothingHeld),
        };
        match begun {
            Ok(effects) => {
                self.asked = Some(answer);
                self.perform(effects, None).await;
            }
            Err(why) => {
                let _ = answer.send(Ended::NotBegun(why));
            }
        }
    }

    /// Does effects, one after the other; what is for `asker` is given back.
    async fn perform(&mut self, effects: Vec<Effect>, asker: Option<&HostName>) -> Vec<Message> {
        let mut answers = Vec::new();
        for effect in effects {
            match effect {
                Effect::Send { to, message } if Some(&to) == asker => answers.push(message),
                Effect::Send { to, message } => self.send(to, message),
                Effect::Done(outcome) => {
                    if let Some(asked) = self.asked.take() {
                        let _ = asked.send(Ended::Decided(outcome));
                    }
                }
                write => {
                    if let Err(error) = self.write(write) {
                        self.fail(error);
                        return Vec::new();
                    }
                }
            }
        }
        self.publish();
        answers
    }

    fn write(&mut self, effect: Effect) -> Result<(), String> {
        self.ledger.write(&effect).map_err(|error| format!("{:#}", anyhow::Error::from(error)))?;
        match effect {
            Effect::Store(entry) => {
                info!("{} is committed and held", entry.mark());
                self.book.hold(entry.document());
            }
            Effect::SetAside(entry) => warn!("{} was left behind by an override, and is set aside", entry.mark()),
            _ => {}
        }
        Ok(())
    }

    /// The disk failed: what the register believes is not what the disk holds.
    fn fail(&mut self, error: String) {
        warn!("config sync stands still: {error}");
        self.register = None;
        self.broken = Some(error.clone());
        if let Some(asked) = self.asked.take() {
            let _ = asked.send(Ended::Disk(error));
        }
        self.publish();
    }

    fn recover(&mut self) {
        match Ledger::open(&self.state_dir, GENERATIONS) {
            Ok((_, recovered)) => {
                let mut register = Register::new(self.book.me().clone(), recovered, self.timing);
                register.offer(self.offer.clone());
                self.register = Some(register);
                self.broken = None;
                info!("config sync goes on");
            }
            Err(error) => self.broken = Some(format!("{:#}", anyhow::Error::from(error))),
        }
        self.publish();
    }

    fn publish(&mut self) {
        let next = match &self.register {
            Some(register) => View { learned: self.learned, ..View::of(register, self.book.me(), None) },
            None => View {
                broken: self.broken.clone(),
                remarks: self.broken.iter().cloned().collect(),
                ..(**self.view.borrow()).clone()
            },
        };
        let changed = self.view.send_if_modified(|view| {
            let differs = **view != next;
            if differs {
                *view = Arc::new(next);
            }
            differs
        });
        if changed {
            self.follow();
        }
    }

    /// Pulls from the config hosts of what is held, and of the own file while nothing is.
    fn follow(&mut self) {
        let held = self.view.borrow().held.clone();
        let document = held.as_ref().map(Entry::document).or(self.offer.as_ref());
        let mut wanted: BTreeSet<HostName> = document.map(|it| it.config_hosts().clone()).unwrap_or_default();
        wanted.remove(self.book.me());
        self.pullers.retain(|host, task| {
            let stays = wanted.contains(host);
            if !stays {
                task.abort();
            }
            stays
        });
        for host in wanted {
            self.pullers.entry(host.clone()).or_insert_with(|| {
                let (view, commands) = (self.view.subscribe(), self.commands.clone());
                tokio::spawn(puller::pull(host, Arc::clone(&self.book), view, commands)).abort_handle()
            });
        }
    }

    fn send(&mut self, to: HostName, message: Message) {
        if let Message::Accept { entry, .. } = &message
            && self.book.address(&to).is_none()
        {
            self.book.note(entry.document());
        }
        let outbox = self.outboxes.entry(to.clone()).or_insert_with(|| {
            let (outbox, queue) = mpsc::channel(OUTBOX);
            tokio::spawn(deliver(to, Arc::clone(&self.book), queue, self.commands.clone()));
            outbox
        });
        // A full one means that the host is slow or gone; the register says it again.
        let _ = outbox.try_send(message);
    }
}

/// Says everything to one host, in order, and brings back what it answers.
async fn deliver(
    host: HostName,
    book: Arc<AddressBook>,
    mut queue: mpsc::Receiver<Message>,
    commands: mpsc::Sender<Command>,
) {
    let mut link = Link::new(host.clone(), book);
    let mut failures = 0;
    while let Some(message) = queue.recv().await {
        match link.tell(&message).await {
            Ok(answers) => {
                failures = 0;
                for message in answers {
                    let receive = Command::Receive { from: host.clone(), message, answer: None };
                    if commands.send(receive).await.is_err() {
                        return;
                    }
                }
            }
            Err(_) => {
                tokio::time::sleep(pause(failures)).await;
                failures += 1;
                // What was said in the meantime is old by now.
                while queue.try_recv().is_ok() {}
            }
        }
    }
}
