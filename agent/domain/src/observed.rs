//! What was found on a host. An observation that failed is `Unknown` with the reason, and no step is taken on it.

use crate::{
    adoption::ByHand,
    launch::{Cause, ProcessState},
    names::InstanceName,
};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeMap, net::IpAddr, path::PathBuf};

/// Something observed, or why it could not be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Fact<T> {
    /// It is so.
    Known(T),
    /// It could not be found out, for this reason.
    Unknown(String),
}

impl<T> Fact<T> {
    /// The value, where it is known.
    pub fn known(&self) -> Option<&T> {
        match self {
            Fact::Known(value) => Some(value),
            Fact::Unknown(_) => None,
        }
    }
}

impl<T, E: std::error::Error> From<Result<T, E>> for Fact<T> {
    /// An error becomes the reason, with all its causes.
    fn from(result: Result<T, E>) -> Self {
        match result {
            Ok(value) => Fact::Known(value),
            Err(error) => {
                let mut text = error.to_string();
                let mut source = error.source();
                while let Some(cause) = source {
                    text = format!("{text}: {cause}");
                    source = cause.source();
                }
                Fact::Unknown(text)
            }
        }
    }
}

/// A folder against what it should be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DirectoryState {
    /// It is there and RocketMQ can write to it.
    Fine,
    /// It is not there.
    Missing,
    /// It should be root's alone, and it, or what the agent keeps in it, is this user's.
    Foreign(u32),
    /// It, or the folder that it would be made in, is on a file system that is mounted read-only.
    ReadOnly,
    /// Something is there that cannot be used: a file, or a folder of somebody else.
    Unusable(String),
}

/// A file against its rendered text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileState {
    /// Text, owner and mode are as rendered.
    Same,
    /// It is not there, or differs.
    Differs,
    /// The secret key belongs into it, and this host has none, for this reason.
    NoKey(String),
    /// A person wrote it for a broker that this agent never started, and no copy of it is kept yet.
    ByHand(ByHand),
}

/// The release against what should be unpacked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum DistributionState {
    /// It is there.
    Installed,
    /// It is not there.
    Missing,
    /// It is being fetched or unpacked; how far.
    Installing(String),
    /// The last try failed, and the next is not due yet.
    Failed(Cause),
}

/// A jar that is no part of the release, and what it needs besides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct JarState {
    /// The jar.
    pub jar: DistributionState,
    /// The file of its users, where it is to have one and there is none.
    pub missing_users: Option<PathBuf>,
}

/// Whose data a store holds, as the agent noted when it first started a broker on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoreMark {
    /// brokerClusterName.
    pub cluster: String,
    /// brokerName.
    pub broker: String,
    /// storePathCommitLog.
    pub commit_log: PathBuf,
}

/// What lies in a broker's store.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StoreState {
    /// The agent's note, where there is one.
    pub mark: Option<StoreMark>,
    /// The names of all topics in `config/topics.json`; a broker keeps one of its own brokerName there.
    pub topics: Option<Vec<String>>,
    /// There are commit log files where the broker will look for them.
    pub has_commit_log: bool,
    /// There are commit log files where the mark says they were.
    pub has_marked_commit_log: bool,
    /// The folders of its root that hold a log: `commitlog`, or `dledger-n0` and such.
    pub logs: Vec<String>,
    /// The text of `brokerIdentity`: as whom the controllers know it.
    pub identity: Option<String>,
    /// There are consume queues, which point into a commit log.
    pub has_consume_queues: bool,
    /// Files in it that belong to another account than the broker's: how many, which and whose, in words.
    pub strangers: Option<String>,
}

/// Everything that was looked at on the host itself.
#[derive(Debug, Clone)]
pub struct Observed {
    /// IP addresses of its network cards.
    pub addresses: Fact<Vec<IpAddr>>,
    /// The release.
    pub distribution: Fact<DistributionState>,
    /// Each desired folder.
    pub directories: BTreeMap<PathBuf, Fact<DirectoryState>>,
    /// Each desired file.
    pub files: BTreeMap<PathBuf, Fact<FileState>>,
    /// Each instance's process: the desired ones, and others that this agent still supervises.
    pub processes: BTreeMap<InstanceName, Fact<ProcessState>>,
    /// Each desired jar.
    pub jars: BTreeMap<InstanceName, JarState>,
    /// Whether a NameServer has a master of the cluster, to which a proxy could send.
    pub has_master: Fact<bool>,
    /// Each desired broker's store.
    pub stores: BTreeMap<InstanceName, Fact<StoreState>>,
}
