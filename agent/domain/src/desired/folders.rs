//! Where the parts of an instance lie on a host. Part of what a cluster file promises: it never changes under data.

use crate::{
    launch::Role,
    names::{InstanceName, Version},
    topology::{Jar, Layout},
};
use std::path::{Path, PathBuf};

/// The folders of one instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folders {
    /// Its own folder: `user.home`, `ROCKETMQ_HOME` and working directory, so that no two instances share a log or a
    /// default path.
    pub home: PathBuf,
}

impl Folders {
    /// The folders of that instance.
    pub fn of(base: &Path, layout: Layout, instance: &InstanceName, role: Role) -> Self {
        let name = match (layout, role) {
            (Layout::Role, Role::Namesrv) => "server",
            (Layout::Role, Role::Master) => "broker-master",
            (Layout::Role, Role::Slave) => "broker-slave",
            _ => instance.as_str(),
        };
        Self { home: base.join(name) }
    }

    /// What the agent renders.
    pub fn conf(&self) -> PathBuf {
        self.home.join("conf")
    }

    /// storePathRootDir.
    pub fn store(&self) -> PathBuf {
        self.home.join("store")
    }

    /// storePathCommitLog, always below the store.
    pub fn commit_log(&self) -> PathBuf {
        self.store().join("commitlog")
    }

    /// The GC log and RocketMQ's own logs.
    pub fn logs(&self) -> PathBuf {
        self.home.join("logs")
    }

    /// `java.io.tmpdir`.
    pub fn tmp(&self) -> PathBuf {
        self.home.join("tmp")
    }

    /// What a NameServer writes besides: kvConfig.json, below `user.home` (`NamesrvConfig`, 4.7.0-5.5.0).
    pub fn namesrv(&self) -> PathBuf {
        self.home.join("namesrv")
    }

    /// All that an instance writes to. The rest of its own folder is the agent's, and only read by it.
    pub fn written(&self, role: Role, has_controller: bool) -> Vec<PathBuf> {
        let mut written = vec![self.logs(), self.tmp()];
        if has_controller || !matches!(role, Role::Namesrv | Role::Proxy | Role::Exporter) {
            written.push(self.store());
        }
        if role == Role::Namesrv {
            written.push(self.namesrv());
        }
        written
    }

    /// What an instance prints. Not below `logs`: it is opened by systemd, or by the agent, as root.
    pub fn console(&self) -> PathBuf {
        self.home.join("console.log")
    }

    /// Where RocketMQ's appenders write: `${user.home}/logs/rocketmqlogs` in every release.
    pub fn rocketmq_logs(&self) -> PathBuf {
        self.logs().join("rocketmqlogs")
    }
}

/// The folder that distributions are unpacked into.
pub fn distributions(base: &Path) -> PathBuf {
    base.join("dist")
}

/// A jar that is no part of a release.
pub fn jar(base: &Path, jar: &Jar) -> PathBuf {
    distributions(base).join(format!("{}-{}.jar", jar.role, jar.sha256))
}

/// One unpacked release.
pub fn distribution(base: &Path, version: Version) -> PathBuf {
    distributions(base).join(version.to_string())
}
