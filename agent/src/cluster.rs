//! A cluster file with all that follows from it, and the note of what was applied last on this host.

use crate::files::{self, FileError};
use rocketmq_agent_domain::{
    desired::memory::{self, LimitTooLow},
    meaning::Language,
    placement::{Placement, PlacementError, place},
    problem::{Listing, Problem},
    sentences::in_language,
    topology::{self, Topology},
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::{
    fs, io,
    path::{Path, PathBuf},
    sync::Arc,
};

/// A valid cluster and its placement.
#[derive(Debug, Clone)]
pub struct Cluster {
    /// The file's text.
    pub text: String,
    /// The file, judged.
    pub topology: Arc<Topology>,
    /// Who runs what.
    pub placement: Placement,
}

/// Why there is no cluster.
#[derive(Debug, thiserror::Error)]
pub enum ClusterError {
    /// The file cannot be read.
    #[error("cannot read {path}")]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It has mistakes.
    #[error("{}", Listing(path, problems))]
    Invalid {
        /// Which.
        path: PathBuf,
        /// All of them, in the order of the file.
        problems: Vec<Problem>,
    },
    /// No placement can be had.
    #[error("{path}: no placement")]
    Placement {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: PlacementError,
    },
    /// A host's JVMs do not fit into its limit.
    #[error("{path}: too low a limit")]
    Limit {
        /// Which.
        path: PathBuf,
        /// Whose.
        #[source]
        source: LimitTooLow,
    },
}

impl ClusterError {
    /// The same, with what is wrong with the file said in another language where that has words for it.
    pub fn in_words(&self, language: Language) -> String {
        match self {
            Self::Invalid { path, problems } => Listing(path, problems).in_language(language),
            Self::Placement { path, source } => said(language, path, &source.to_string()),
            Self::Limit { path, source } => said(language, path, &source.to_string()),
            Self::Read { path, source } => said(language, path, &format!("cannot be read: {source}")),
        }
    }
}

fn said(language: Language, path: &Path, what: &str) -> String {
    format!("{}: {}", path.display(), in_language(language, what))
}

impl Cluster {
    /// Reads and judges the file and places its brokers, keeping what `previous` placed.
    pub fn read(path: &Path, previous: Option<&Placement>) -> Result<Self, ClusterError> {
        let text = fs::read_to_string(path).map_err(|source| ClusterError::Read { path: path.to_owned(), source })?;
        Self::of(path, text, previous)
    }

    /// The same from a text; `path` is for messages.
    pub fn of(path: &Path, text: String, previous: Option<&Placement>) -> Result<Self, ClusterError> {
        let topology =
            topology::read(&text).map_err(|problems| ClusterError::Invalid { path: path.to_owned(), problems })?;
        let placement =
            place(&topology, previous).map_err(|source| ClusterError::Placement { path: path.to_owned(), source })?;
        memory::fits_limits(&topology, &placement)
            .map_err(|source| ClusterError::Limit { path: path.to_owned(), source })?;
        Ok(Self { text, topology: Arc::new(topology), placement })
    }

    /// A digest of the text.
    pub fn file_digest(&self) -> String {
        digest(self.text.as_bytes())
    }

    /// A digest of the placement.
    pub fn placement_digest(&self) -> String {
        let placed =
            self.placement.brokers.iter().map(|s| format!("{}:{}@{}:{}", s.group, s.broker_id, s.host, s.port));
        let namesrvs = self.placement.namesrvs.iter().map(|s| format!("namesrv@{}:{}", s.host, s.port));
        let controllers =
            self.placement.controllers.iter().map(|s| format!("controller:{}@{}:{}", s.id, s.host, s.port));
        let services = self.placement.services.iter().map(|s| format!("{}@{}:{:?}", s.role, s.host, s.ports));
        digest(placed.chain(namesrvs).chain(controllers).chain(services).collect::<Vec<_>>().join("\n").as_bytes())
    }
}

/// A short digest, as reports carry it.
pub fn digest(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().take(8).map(|byte| format!("{byte:02x}")).collect()
}

/// What was applied last on this host. The placement must outlive the agent: computed anew after hosts came or went,
/// it could move brokers away from their stores.
#[derive(Debug, Serialize, Deserialize)]
pub struct Applied {
    /// The cluster file's text.
    pub cluster_file: String,
    /// Its placement.
    pub placement: Placement,
}

/// Why the note cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum AppliedError {
    /// It cannot be read.
    #[error("cannot read {path}")]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It is not what the agent wrote.
    #[error(
        "{path} is damaged: it says which brokers this host holds, so put back a copy, or remove it if no broker has data here"
    )]
    Damaged {
        /// Which.
        path: PathBuf,
        /// Where.
        #[source]
        source: serde_json::Error,
    },
    /// It cannot be written.
    #[error(transparent)]
    Write(#[from] FileError),
}

impl Applied {
    fn path(state_dir: &Path) -> PathBuf {
        state_dir.join("applied.json")
    }

    /// Reads the note; `None` on a host where nothing was applied yet.
    pub fn read(state_dir: &Path) -> Result<Option<Self>, AppliedError> {
        let path = Self::path(state_dir);
        match fs::read(&path) {
            Ok(bytes) => {
                serde_json::from_slice(&bytes).map(Some).map_err(|source| AppliedError::Damaged { path, source })
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(source) => Err(AppliedError::Read { path, source }),
        }
    }

    /// Writes the note.
    pub fn write(cluster: &Cluster, state_dir: &Path) -> Result<(), AppliedError> {
        let applied = Self { cluster_file: cluster.text.clone(), placement: cluster.placement.clone() };
        let bytes = serde_json::to_vec_pretty(&applied)
            .map_err(|source| AppliedError::Damaged { path: Self::path(state_dir), source })?;
        Ok(files::write_file(&Self::path(state_dir), &bytes, 0o600, None)?)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const FILE: &str = "[cluster]\nmode = \"multi-master\"\n[rocketmq]\nversion = \"5.5.0\"\n\
        [[host]]\nname = \"vm1\"\naddress = \"10.0.0.1\"\n";

    #[test]
    fn what_was_applied_is_read_back_and_a_damaged_note_is_not_ignored() {
        let dir = tempfile::tempdir().unwrap();
        assert!(Applied::read(dir.path()).unwrap().is_none());
        let cluster = Cluster::of(Path::new("cluster.toml"), FILE.to_owned(), None).unwrap();
        Applied::write(&cluster, dir.path()).unwrap();
        assert_eq!(Applied::read(dir.path()).unwrap().unwrap().placement, cluster.placement);
        fs::write(dir.path().join("applied.json"), "{").unwrap();
        assert!(matches!(Applied::read(dir.path()), Err(AppliedError::Damaged { .. })));
    }

    #[test]
    fn every_mistake_is_listed_with_the_files_name() {
        let text = FILE.replace("10.0.0.1", "10.0.0").replace("multi-master", "multimaster");
        let error = Cluster::of(Path::new("/etc/x/cluster.toml"), text, None).unwrap_err().to_string();
        let lines: Vec<&str> = error.lines().collect();
        assert_eq!(lines.len(), 2, "{error}");
        assert!(lines.iter().all(|line| line.starts_with("cluster.toml:")), "{error}");
    }
}
