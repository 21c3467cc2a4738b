//! systemd as the parent of the JVMs: one unit an instance. In: launches. Out: unit files, jobs, and what systemd says of
//! the processes. Stopping, upgrading or killing the agent touches none of them.
//!
//! Who restarts: while the agent lives, it does, at once, with every guard that a start has, or it holds the instance
//! back by stopping its unit. systemd itself restarts after `unit::RESTART_SECONDS`, so only where there is no agent.
//! What was started is written down in the records that the embedded supervisor has too (`record`).

mod bus;
mod calls;
mod clock;
mod ended;
mod journal;
mod own;
pub mod removal;
mod still;
mod units;
mod view;

pub use clock::clock_is_synchronised;
pub use own::limit_memory;

use self::{
    bus::{ManagerProxy, Snapshot},
    still::Still,
};
use super::{
    Gate, SupervisorError, now,
    preflight::{self, Verdict},
    random,
    record::{self, Record},
};
use crate::accounts::Account;
use futures_util::{StreamExt, stream};
use rocketmq_agent_domain::{finding, names::InstanceName, size::Size, unit};
use std::{
    collections::BTreeMap,
    fs::File,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError},
    time::{Duration, Instant},
};
use tokio::{
    sync::{mpsc, watch as channel},
    task::JoinSet,
};
use zbus::{Connection, MatchRule, MessageStream, OwnedObjectPath, connection::Builder, message::Type};

/// Where the units are written: the place for what belongs to one host.
const UNITS: &str = "/etc/systemd/system";
/// util-linux, on every host that has systemd.
const FLOCK: [&str; 2] = ["/usr/bin/flock", "/bin/flock"];

/// systemd answers within this time, or is taken not to. A loop that waited for ever would be ended by its watchdog; to
/// read all units anew takes some seconds on a large host.
const ANSWER: Duration = Duration::from_secs(15);

/// The supervisor. Dropping it leaves every process running.
pub struct Systemd {
    shared: Arc<Shared>,
    seen: tokio::sync::Mutex<channel::Receiver<u64>>,
    // Held for as long as this supervises.
    _only_one: File,
}

/// What stands in the units beside java.
struct Programs {
    flock: PathBuf,
    /// The agent's own, to wait until an instance serves; without it, a unit is active when it is started.
    agent: Option<PathBuf>,
}

/// What the calls and the tasks share.
struct Shared {
    folder: PathBuf,
    units: PathBuf,
    flock: PathBuf,
    agent: Option<PathBuf>,
    account: Option<Account>,
    /// Where systemd is asked; made anew where it broke.
    bus: tokio::sync::Mutex<Option<Connection>>,
    /// One look or order at a time, so that an end is noted once.
    turn: tokio::sync::Mutex<()>,
    records: Mutex<BTreeMap<InstanceName, Record>>,
    still: Mutex<Still>,
    /// How large stores were, and when; `None` where that could not be told.
    sizes: Mutex<BTreeMap<InstanceName, (Instant, Option<Size>)>>,
    changes: channel::Sender<u64>,
    tasks: Mutex<JoinSet<()>>,
    /// Who admits instances, where somebody does.
    gate: OnceLock<Arc<dyn Gate>>,
}

/// Whether systemd is the first process of this host (sd_booted(3)).
pub fn is_booted() -> bool {
    Path::new("/run/systemd/system").is_dir()
}

impl Systemd {
    /// Takes over the units of this host and the records below `state`. To be called in a tokio runtime.
    ///
    /// # Errors
    /// The folder cannot be used, or another agent uses it; there is no flock. Whether systemd answers is for every
    /// single observation to say.
    pub fn open(state: &Path, account: Option<Account>) -> Result<Self, SupervisorError> {
        let flock = FLOCK.iter().map(Path::new).find(|path| path.is_file());
        let flock = flock.ok_or(SupervisorError::NoFlock)?.to_owned();
        // After an upgrade the program that runs has no name any more; the new one has it.
        let agent = std::env::current_exe().ok().filter(|path| path.is_file());
        Self::with(state, Programs { flock, agent }, account, PathBuf::from(UNITS), None)
    }

    /// Notes with somebody which instances may be started again.
    pub fn admitted_by(&self, gate: Arc<dyn Gate>) {
        // There is one for as long as the agent lives.
        let _ = self.shared.gate.set(gate);
    }

    fn with(
        state: &Path,
        programs: Programs,
        account: Option<Account>,
        units: PathBuf,
        bus: Option<Connection>,
    ) -> Result<Self, SupervisorError> {
        let Programs { flock, agent } = programs;
        let folder = state.join("run");
        let only_one = record::open(&folder)?;
        let (changes, seen) = channel::channel(0);
        let shared = Arc::new(Shared {
            folder,
            units,
            flock,
            agent,
            account,
            bus: tokio::sync::Mutex::default(),
            turn: tokio::sync::Mutex::default(),
            records: Mutex::default(),
            still: Mutex::default(),
            sizes: Mutex::default(),
            changes,
            tasks: Mutex::default(),
            gate: OnceLock::new(),
        });
        if let Some(connection) = bus {
            // A test's own systemd: there is no other one to connect to.
            if let Ok(mut slot) = shared.bus.try_lock() {
                *slot = Some(connection.clone());
            }
            shared.watch(connection);
        }
        Ok(Self { shared, seen: tokio::sync::Mutex::new(seen), _only_one: only_one })
    }
}

impl Drop for Systemd {
    fn drop(&mut self) {
        self.shared.tasks().abort_all();
    }
}

impl Shared {
    /// The records; never to be held while waiting.
    fn lock(&self) -> MutexGuard<'_, BTreeMap<InstanceName, Record>> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What goes on as it was; never to be held while waiting either.
    fn still(&self) -> MutexGuard<'_, Still> {
        self.still.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn tasks(&self) -> MutexGuard<'_, JoinSet<()>> {
        self.tasks.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn spawn(&self, task: impl Future<Output = ()> + Send + 'static) {
        let mut tasks = self.tasks();
        while tasks.try_join_next().is_some() {}
        tasks.spawn(task);
    }

    /// Wakes whoever waits for a change.
    fn tell(&self) {
        self.changes.send_modify(|count| *count += 1);
    }

    fn write(&self, record: &Record) {
        if let Err(error) = record.write(&self.folder) {
            let name = &record.launch.instance;
            tracing::warn!(instance = %name, %error, "{name}: cannot write its record");
        }
    }

    /// Makes sure that what a record says of an instance is known.
    fn know(&self, name: &InstanceName) -> Result<(), SupervisorError> {
        if !self.lock().contains_key(name)
            && let Some(record) = Record::read(&self.folder, name)?
        {
            self.lock().insert(name.clone(), record);
        }
        Ok(())
    }

    /// A connection that systemd's signals come in by.
    async fn connection(self: &Arc<Self>) -> Result<Connection, SupervisorError> {
        let mut slot = self.bus.lock().await;
        if let Some(connection) = &*slot {
            return Ok(connection.clone());
        }
        let failed = |source| SupervisorError::bus("reach systemd".to_owned(), source);
        let builder = Builder::system().method_timeout(ANSWER);
        let connection = builder.build().await.map_err(failed)?;
        manager(&connection).await?.subscribe().await.map_err(failed)?;
        *slot = Some(connection.clone());
        self.watch(connection.clone());
        Ok(connection)
    }

    /// Looks at an instance whenever systemd says that something about its unit changed, until the connection breaks.
    fn watch(self: &Arc<Self>, connection: Connection) {
        let shared = Arc::clone(self);
        self.spawn(async move {
            if let Err(error) = shared.follow(&connection).await {
                tracing::warn!(%error, "systemd's signals cannot be followed");
            }
            shared.still().follow(false);
            *shared.bus.lock().await = None;
            shared.tell();
        });
    }

    async fn follow(self: &Arc<Self>, connection: &Connection) -> zbus::Result<()> {
        let rule = MatchRule::builder()
            .msg_type(Type::Signal)
            .interface("org.freedesktop.DBus.Properties")
            .member("PropertiesChanged")
            .path_namespace("/org/freedesktop/systemd1/unit")
            .build()?;
        let changes = MessageStream::for_match_rule(rule, connection, None).await?;
        let rule = MatchRule::builder()
            .msg_type(Type::Signal)
            .interface("org.freedesktop.systemd1.Manager")
            .member("JobRemoved")
            .build()?;
        let jobs = MessageStream::for_match_rule(rule, connection, None).await?;
        let mut signals = stream::select(changes, jobs);
        self.still().follow(true);
        let (sender, mut told) = mpsc::unbounded_channel();
        // Nothing is waited for in here: an answer of systemd's comes in behind the signals before it, and zbus reads on
        // only while there is room for those. A reload of systemd brings hundreds.
        let read = async {
            while let Some(signal) = signals.next().await {
                let signal = signal?;
                let header = signal.header();
                let (mut path, mut failed) = (header.path().map(ToString::to_string), false);
                if header.member().is_some_and(|member| member == "JobRemoved") {
                    let (_, _, unit, result): (u32, OwnedObjectPath, String, String) = signal.body().deserialize()?;
                    (path, failed) = (Some(bus::path(&unit)), result == "dependency");
                }
                let name = self.lock().keys().find(|name| unit_path(name) == path).cloned();
                if let Some(name) = name {
                    self.still().told(&name);
                    // It is received for as long as this runs.
                    let _ = sender.send((name, failed));
                }
            }
            Ok(())
        };
        let look = async {
            while let Some((name, failed)) = told.recv().await {
                let _turn = self.turn.lock().await;
                if failed {
                    self.dependency_failed(&name);
                }
                if let Err(error) = self.look(connection, &name).await {
                    let error = anyhow::Error::new(error);
                    tracing::warn!(instance = %name, "{name}: cannot be looked at: {error:#}");
                }
                self.tell();
            }
        };
        // Ends with the connection; a look that is cut off is made up for by the next one.
        tokio::select! {
            ended = read => ended,
            () = look => Ok(()),
        }
    }

    /// Looks at the unit of an instance and notes what became of it since the last look.
    async fn look(self: &Arc<Self>, connection: &Connection, name: &InstanceName) -> Result<Snapshot, SupervisorError> {
        let unit = unit::name(name).map_err(SupervisorError::unit)?;
        let asked = |source| SupervisorError::bus(format!("ask systemd about {unit}"), source);
        let snapshot = Snapshot::take(connection, &unit).await.map_err(asked)?;
        // Its end is put down after that: what tells why it ended lies there for a while.
        self.restart_at_once(connection, name, &snapshot).await?;
        if self.note(connection, name, &snapshot).await? {
            // It is to wait, or may not start at all: systemd must not start it either.
            manager(connection).await?.stop_unit(&unit, "replace").await.map_err(asked)?;
        }
        Ok(snapshot)
    }

    /// Does now what systemd would do in a moment by itself, where nothing is held against the instance and nothing stands
    /// in the way of a start. Whatever does is for the loop to say.
    async fn restart_at_once(
        self: &Arc<Self>,
        connection: &Connection,
        name: &InstanceName,
        snapshot: &Snapshot,
    ) -> Result<(), SupervisorError> {
        let crashed = |record: &Record| {
            let ended = record.run.as_ref().is_some_and(|run| {
                !run.stopping && run.process.as_ref().is_some_and(|process| process.pid == snapshot.exec_pid)
            });
            ended && record.is_wanted && record.backoff.failures() == 0
        };
        let launch = self.lock().get(name).filter(|record| crashed(record)).map(|record| record.launch.clone());
        let Some(launch) = launch.filter(|_| snapshot.waits_for_restart() && !snapshot.has_job) else { return Ok(()) };
        let Verdict::Clear(lock) = preflight::check(&launch, self.account)? else { return Ok(()) };
        drop(lock);
        let unit = unit::name(name).map_err(SupervisorError::unit)?;
        if let Err(error) = manager(connection).await?.restart_unit(&unit, "replace").await {
            tracing::debug!(instance = %name, %error, "{name}: not restarted at once");
        }
        Ok(())
    }

    /// Notes that a start came to nothing before there was a process.
    fn dependency_failed(self: &Arc<Self>, name: &InstanceName) {
        let mut records = self.lock();
        let Some(record) = records.get_mut(name) else { return };
        if record.run.as_ref().is_some_and(|run| run.process.is_some()) {
            return;
        }
        let cause = finding::DEPENDENCY_FAILED.of(&[("unit", &format!("rocketmq-{name}.service"))]);
        tracing::warn!(instance = %name, cause = %cause.id, "{name}: not started: {}", cause.what);
        record.run = None;
        record.cause = Some(cause);
        record.backoff.failed(&record.launch.fingerprint.clone(), now(), random());
        self.write(record);
        drop(records);
        self.wake_after_backoff(name);
    }

    fn wake_after_backoff(self: &Arc<Self>, name: &InstanceName) {
        let (shared, name) = (Arc::clone(self), name.clone());
        self.spawn(async move {
            let hold = || shared.lock().get(&name).and_then(|record| record.backoff.hold(now()));
            while let Some(rest) = hold() {
                tokio::time::sleep(rest).await;
            }
            shared.tell();
        });
    }
}

async fn manager(connection: &Connection) -> Result<ManagerProxy<'static>, SupervisorError> {
    ManagerProxy::new(connection).await.map_err(|source| SupervisorError::bus("reach systemd".to_owned(), source))
}

fn unit_path(name: &InstanceName) -> Option<String> {
    unit::name(name).ok().map(|unit| bus::path(&unit))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests;
