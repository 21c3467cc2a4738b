//! What a change would be committed as. In: what is held, a cluster file, who wants it and why. Out: a document, or why
//! there is none.

use crate::cluster::{Applied, AppliedError, Cluster, ClusterError};
use rocketmq_agent_domain::{
    document::{Change, Content, Document, DocumentError, LONGEST, Trial, config_hosts},
    names::{ClusterName, HostName},
    register::Entry,
    topology::{self, Topology},
};
use serde::{Deserialize, Serialize};
use std::{collections::BTreeSet, path::Path};

/// Who is to vote, where that is not as it was.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Voters {
    /// Hosts that are gone for good, and without which the change is to be committed.
    pub without: BTreeSet<HostName>,
    /// Hosts that were left out before and are to vote again.
    pub with: BTreeSet<HostName>,
}

/// Why a cluster file cannot be the next document.
#[derive(Debug, thiserror::Error)]
pub enum ProposalError {
    /// It has mistakes.
    #[error(transparent)]
    Cluster(#[from] ClusterError),
    /// It is another cluster's.
    #[error("cluster.name is {held} and cannot become {asked}: the hosts know each other by it")]
    Renamed {
        /// What holds.
        held: ClusterName,
        /// What the file says.
        asked: ClusterName,
    },
    /// There is nobody left who could vote.
    #[error("without {0} nobody is left to vote")]
    NobodyLeft(String),
    /// What was applied last is not known.
    #[error(transparent)]
    Applied(#[from] AppliedError),
    /// It cannot be made.
    #[error(transparent)]
    Document(#[from] DocumentError),
}

/// A cluster as its first document has it.
pub fn content(cluster: Cluster) -> Content {
    let config_hosts = config_hosts(&cluster.topology);
    Content { text: cluster.text, placement: cluster.placement, config_hosts, paused: None, trial: None }
}

/// The first document of a cluster, in which what this host was told of before stays where it is.
///
/// # Errors
/// The file has mistakes, or the note of what was applied last cannot be read.
pub fn first(state_dir: &Path, path: &Path, text: String) -> Result<Document, ProposalError> {
    let applied = Applied::read(state_dir)?;
    let cluster = Cluster::of(path, text, applied.as_ref().map(|applied| &applied.placement))?;
    Ok(Document::first(content(cluster))?)
}

/// The cluster that a file would make of what is held: what runs stays where it is.
///
/// # Errors
/// The file has mistakes, or is another cluster's.
pub fn cluster(held: &Entry, path: &Path, text: String) -> Result<Cluster, ProposalError> {
    // Before anything is made of it that takes several times its size.
    if text.len() > LONGEST {
        return Err(DocumentError::TooLong(text.len()).into());
    }
    let document = held.document();
    let cluster = Cluster::of(path, text, Some(document.placement()))?;
    match topology::read(document.text()) {
        Ok(before) if before.name != cluster.topology.name => {
            Err(ProposalError::Renamed { held: before.name, asked: cluster.topology.name.clone() })
        }
        _ => Ok(cluster),
    }
}

/// The document of a change, that is to be confirmed `until` then where that is said.
///
/// # Errors
/// As above; or the file is longer than a document may be.
pub fn document(
    held: &Entry,
    cluster: Cluster,
    voters: &Voters,
    until: Option<u64>,
    change: Change,
) -> Result<Document, ProposalError> {
    let document = held.document();
    let content = Content {
        config_hosts: config_hosts_after(document, &cluster.topology, voters)?,
        text: cluster.text,
        placement: cluster.placement,
        paused: document.paused().cloned(),
        trial: until.map(|until| Trial { until, back_to: document.hash() }),
    };
    Ok(match voters.without.is_empty() {
        true => document.next(content, change)?,
        false => document.next_without(voters.without.clone(), None, content, change)?,
    })
}

/// What is held, with nothing of the cluster file changed.
fn as_held(document: &Document) -> Content {
    Content {
        text: document.text().to_owned(),
        placement: document.placement().clone(),
        config_hosts: document.config_hosts().clone(),
        paused: document.paused().cloned(),
        trial: document.trial(),
    }
}

/// The document that lets everything stand still, or go on.
///
/// # Errors
/// It would be longer than a document may be.
pub fn pausing(held: &Entry, pauses: bool, change: Change) -> Result<Document, ProposalError> {
    let content = Content { paused: pauses.then(|| change.clone()), ..as_held(held.document()) };
    Ok(held.document().next(content, change)?)
}

/// The document that makes a change stay which is being tried.
///
/// # Errors
/// It would be longer than a document may be.
pub fn confirming(held: &Entry, change: Change) -> Result<Document, ProposalError> {
    Ok(held.document().next(Content { trial: None, ..as_held(held.document()) }, change)?)
}

/// The document that takes back what nobody confirmed.
///
/// # Errors
/// The file that comes back cannot be read by this version of the agent.
pub fn reverting(held: &Entry, before: &Document, change: Change) -> Result<Document, ProposalError> {
    let path = Path::new("cluster.toml");
    let cluster = Cluster::of(path, before.text().to_owned(), Some(before.placement()))?;
    let content = Content {
        config_hosts: config_hosts_after(held.document(), &cluster.topology, &Voters::default())?,
        text: cluster.text,
        placement: before.placement().clone(),
        paused: held.document().paused().cloned(),
        trial: None,
    };
    Ok(held.document().next(content, change)?)
}

/// Whom an override left out does not come back by itself: the next change would wait for it.
fn config_hosts_after(
    document: &Document,
    topology: &Topology,
    voters: &Voters,
) -> Result<BTreeSet<HostName>, ProposalError> {
    let mut left_out = match topology::read(document.text()) {
        Ok(before) => &config_hosts(&before) - document.config_hosts(),
        Err(_) => BTreeSet::new(),
    };
    left_out.retain(|host| !voters.with.contains(host));
    left_out.extend(voters.without.iter().cloned());
    remaining(topology, &left_out)
}

fn remaining(topology: &Topology, left_out: &BTreeSet<HostName>) -> Result<BTreeSet<HostName>, ProposalError> {
    let remaining = &config_hosts(topology) - left_out;
    if remaining.is_empty() {
        let names: Vec<&str> = left_out.iter().map(HostName::as_str).collect();
        return Err(ProposalError::NobodyLeft(names.join(", ")));
    }
    Ok(remaining)
}
