//! What it takes to run one instance, and what is known of its process. Data that the plan, the supervisor backends
//! and the health rules share; nothing here starts or looks at a process.

use crate::{
    line::Line,
    names::{BrokerName, HostName, InstanceName},
};
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet},
    net::SocketAddr,
    path::PathBuf,
    time::Duration,
};

/// What an instance is in RocketMQ's terms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// The NameServer.
    Namesrv,
    /// One of the controllers that elect the masters (5.x).
    Controller,
    /// A broker with brokerId 0.
    Master,
    /// A broker with brokerId 1 or more.
    Slave,
    /// A broker whose group elects its master. In a report: which of the two it is now is not known.
    Member,
    /// What gRPC clients talk to (5.x).
    Proxy,
    /// rocketmq-dashboard.
    Dashboard,
    /// rocketmq-exporter.
    Exporter,
}

impl Role {
    /// The word for it, as in a report.
    pub fn word(self) -> &'static str {
        match self {
            Role::Namesrv => "namesrv",
            Role::Controller => "controller",
            Role::Member => "member",
            Role::Master => "master",
            Role::Slave => "slave",
            Role::Proxy => "proxy",
            Role::Dashboard => "dashboard",
            Role::Exporter => "exporter",
        }
    }

    /// Whether it is a broker.
    pub fn is_broker(self) -> bool {
        matches!(self, Role::Master | Role::Slave | Role::Member)
    }

    /// Whether it holds nothing and stands between the cluster and others: what runs there may come last and go first.
    pub fn is_service(self) -> bool {
        self == Role::Proxy || self.is_jar()
    }

    /// Whether it is a jar of its own, which is no part of the release.
    pub fn is_jar(self) -> bool {
        matches!(self, Role::Dashboard | Role::Exporter)
    }
}

impl std::fmt::Display for Role {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(self.word())
    }
}

/// How the messages of a store are written. RocketMQ cannot read one in the way of another.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StoreFormat {
    /// A commit log of a master or a slave.
    #[default]
    Plain,
    /// A commit log with the epochs of its masters beside it, of a broker that the controllers know by an id of its own.
    Epochs,
    /// A raft log; the id chooses its folder (`DLedgerConfig.getDefaultPath`, 4.5-5.5).
    Dledger {
        /// dLegerSelfId.
        self_id: String,
    },
}

/// The store that an instance works on, and whose it must be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoreIdentity {
    /// `storePathRootDir`: holds `lock`, `abort`, `config/`.
    pub root: PathBuf,
    /// `storePathCommitLog`, or where DLedger keeps its log.
    pub commit_log: PathBuf,
    /// How it is written.
    #[serde(default)]
    pub format: StoreFormat,
    /// The cluster whose data it is.
    pub cluster: String,
    /// The brokerName whose data it is.
    pub broker: BrokerName,
}

/// Where an instance can be asked whether it serves.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Service {
    /// Where its own host reaches it.
    pub address: SocketAddr,
    /// Every NameServer of the cluster.
    pub namesrvs: Vec<SocketAddr>,
    /// What it registers as, for a broker.
    pub registered: Option<Registered>,
    /// brokerClusterName.
    #[serde(default)]
    pub cluster: String,
    /// Which of these addresses, of a controller's inside it and of its slave's take nobody in plain text.
    #[serde(default)]
    pub over_tls: BTreeSet<SocketAddr>,
}

/// What a broker registers as in every NameServer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registered {
    /// brokerName.
    pub broker: BrokerName,
    /// brokerId; none where the group decides it.
    pub id: Option<u64>,
    /// brokerIP1 and listenPort.
    pub address: SocketAddr,
}

/// Everything needed to exec one JVM.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Launch {
    /// Which instance.
    pub instance: InstanceName,
    /// As what.
    pub role: Role,
    /// The `java` to exec, absolute.
    pub program: PathBuf,
    /// Its arguments, one each: no shell sees them.
    pub arguments: Vec<String>,
    /// The whole environment of the process; nothing is inherited.
    pub environment: BTreeMap<String, String>,
    /// The instance's own folder: working directory, `user.home`, and the place of the supervisor's lock file.
    pub directory: PathBuf,
    /// The file that stdout and stderr are appended to.
    pub console: PathBuf,
    /// RocketMQ's own logs that tell why a start failed with an empty console (exit 253), newest cause last.
    pub logs: Vec<PathBuf>,
    /// The store, for a broker.
    pub store: Option<StoreIdentity>,
    /// Where it can be asked whether it serves; `None` in what an earlier release wrote down.
    #[serde(default)]
    pub service: Option<Service>,
    /// The slave whose consumer offsets a master is not to fall behind when it starts.
    #[serde(default)]
    pub offsets_of: Option<SocketAddr>,
    /// The host of the other member of its group, with whose commit log its own is compared before it starts; none where no
    /// member was placed as its master or slave.
    #[serde(default)]
    pub partner: Option<HostName>,
    /// Every TCP port that the process listens on, first its own; of a NameServer with a controller inside, then that one's.
    pub ports: Vec<u16>,
    /// How long a clean stop may take before the supervisor looks whether the store still flushes.
    pub stop_deadline: Duration,
    /// A digest of the command line and of every file it was rendered with, but for what a broker takes while it runs:
    /// from one launch to another with the same fingerprint no restart is needed.
    pub fingerprint: String,
}

impl Launch {
    /// Where its own host reaches the controller that is inside a NameServer.
    pub fn controller_inside(&self) -> Option<SocketAddr> {
        let port = port_inside(self.role, &self.ports)?;
        Some(SocketAddr::new(self.service.as_ref()?.address.ip(), port))
    }
}

/// The port of the controller that is inside a NameServer with these ports.
pub(crate) fn port_inside(role: Role, ports: &[u16]) -> Option<u16> {
    ports.get(1).copied().filter(|_| role == Role::Namesrv)
}

/// How a process ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Exit {
    /// It returned this status. A JVM ended by SIGTERM returns 143.
    Status(i32),
    /// A signal ended it (9 = SIGKILL: a person, or the kernel's OOM killer).
    Signal(i32),
    /// It was not our child (an earlier agent started it), so the kernel told us only that it is gone.
    Unknown,
}

impl std::fmt::Display for Exit {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Exit::Status(status) => write!(f, "exit status {status}"),
            Exit::Signal(9) => f.write_str("SIGKILL"),
            Exit::Signal(signal) => write!(f, "signal {signal}"),
            Exit::Unknown => f.write_str("an unknown exit status"),
        }
    }
}

/// Why an instance stopped or cannot start, in words a person can act on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Cause {
    /// A stable id, such as `port-in-use`.
    pub id: Line,
    /// One sentence: what is wrong.
    pub what: Line,
    /// What to do about it; may be empty where the agent itself will.
    pub fix: Line,
    /// What both were made with, by name: whoever reads them says the same in another language with it.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub values: BTreeMap<String, Line>,
}

/// One with its words.
pub fn cause(id: &str, what: impl Into<Line>, fix: impl Into<Line>) -> Cause {
    Cause { id: id.into(), what: what.into(), fix: fix.into(), values: BTreeMap::new() }
}

impl ProcessState {
    /// Of an instance that never ran, or of which nothing is recorded.
    pub fn never_started() -> Self {
        Self::Stopped {
            last_exit: None,
            cause: None,
            failures: 0,
            backing_off: false,
            quarantined: false,
            next_start_at: None,
        }
    }

    /// Of one that a person stopped: it is not started by itself.
    pub fn held(last_exit: Option<Exit>, cause: Cause) -> Self {
        let (failures, backing_off, quarantined) = (0, true, false);
        Self::Stopped { last_exit, cause: Some(cause), failures, backing_off, quarantined, next_start_at: None }
    }
}

/// What a supervisor backend knows of an instance's process. What it could not find out is an error of the
/// observation, never `Stopped`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase", tag = "state")]
pub enum ProcessState {
    /// The process runs.
    Running {
        /// Its process id.
        pid: u32,
        /// When it started, milliseconds since 1970.
        started_at: u64,
        /// The fingerprint of the launch it was started with.
        fingerprint: String,
    },
    /// It was told to stop and has not ended yet.
    Stopping {
        /// Its process id.
        pid: u32,
    },
    /// It does not run.
    Stopped {
        /// How it ended, when it ran under this agent or an earlier one.
        last_exit: Option<Exit>,
        /// Why, where that could be told.
        cause: Option<Cause>,
        /// Failed starts or crashes in a row since the instance was last healthy.
        failures: u32,
        /// The backend still holds it back before the next start.
        backing_off: bool,
        /// It failed so often that it is tried only once in a long while.
        quarantined: bool,
        /// When the next start is due, milliseconds since 1970, while it is held back.
        next_start_at: Option<u64>,
    },
}
