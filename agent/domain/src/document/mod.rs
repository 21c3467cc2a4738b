//! What config sync moves: a cluster file word for word, its placement, and where in the history it stands.
//! In: the content of a change and its parent, or the bytes of a document. Out: a [`Document`] that is sound by
//! construction, or why there is none. Whether it is *committed* is not for the document to say: [`crate::register`].

mod format;
mod hash;
pub mod lines;

pub use hash::{BadHash, DocumentHash};

use crate::{names::HostName, placement::Placement, topology::Topology};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeSet,
    fmt,
    hash::{Hash, Hasher},
    sync::Arc,
};

/// The longest document, as bytes of its file. A thousand hosts need about 200 KiB.
pub const LONGEST: usize = 1024 * 1024;

/// Config hosts where the cluster file does not say: more make a change no safer that matters, and slower.
pub(crate) const CONFIG_HOSTS: usize = 3;

/// Who changed what, when and why. Generation 1 has none: it must be the same on every host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// Who, as they named themselves.
    pub author: String,
    /// On which host.
    pub host: HostName,
    /// Milliseconds since 1970, by that host's clock. For people; nothing is decided by it.
    pub time: u64,
    /// Why.
    pub message: String,
}

/// What a change may set freely.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Content {
    /// The cluster file, word for word, comments and all.
    pub text: String,
    /// Who runs what.
    pub placement: Placement,
    /// Who votes on the next change. Written down rather than derived from the text again, so that two versions of
    /// the agent never count a majority differently.
    pub config_hosts: BTreeSet<HostName>,
    /// Who paused rolling out, when and why; none where it is not paused.
    pub paused: Option<Change>,
    /// Until when it has to be confirmed; none where it holds.
    pub trial: Option<Trial>,
}

/// A change that is taken back by itself where nobody confirms it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trial {
    /// Until then, milliseconds since 1970, by each host's own clock.
    pub until: u64,
    /// The document whose content comes back.
    pub back_to: DocumentHash,
}

/// The first document of an epoch: generation 1, or one that was committed by an override.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Opening {
    /// The epoch that it began.
    pub epoch: u64,
    /// Its own generation.
    pub generation: u64,
    /// Its parent.
    pub parent: Option<DocumentHash>,
    /// Its hash.
    pub hash: DocumentHash,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    generation: u64,
    epoch: u64,
    parent: Option<DocumentHash>,
    /// The documents that began the epochs so far; without the one that this document itself begins.
    openings: Vec<Opening>,
    /// The hosts that an override left out; empty but for overrides.
    without: BTreeSet<HostName>,
    config_hosts: BTreeSet<HostName>,
    #[serde(with = "paused")]
    paused: Option<Change>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    trial: Option<Trial>,
    change: Option<Change>,
    placement: Placement,
}

/// `false` for none, as in documents from before there was a way to pause.
mod paused {
    use super::Change;
    use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error};

    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Written {
        By(Change),
        Not(bool),
    }

    pub fn serialize<S: Serializer>(paused: &Option<Change>, to: S) -> Result<S::Ok, S::Error> {
        match paused {
            Some(change) => change.serialize(to),
            None => false.serialize(to),
        }
    }

    pub fn deserialize<'d, D: Deserializer<'d>>(from: D) -> Result<Option<Change>, D::Error> {
        match Written::deserialize(from)? {
            Written::By(change) => Ok(Some(change)),
            Written::Not(false) => Ok(None),
            Written::Not(true) => Err(D::Error::custom("it is paused, and not said by whom")),
        }
    }
}

struct Inner {
    header: Header,
    text: String,
    hash: DocumentHash,
}

/// One document. Cheap to clone; equal when the hashes are.
#[derive(Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Document(Arc<Inner>);

/// Where a document stands: later epochs first, then later generations. Equal places with two hashes are a conflict.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mark {
    /// Raised by each override.
    pub epoch: u64,
    /// 1, 2, 3 …
    pub generation: u64,
    /// Of the document.
    pub hash: DocumentHash,
}

/// Why a text is no document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DocumentError {
    /// Longer than [`LONGEST`].
    #[error("a document may have {LONGEST} bytes, and this one has {0}")]
    TooLong(usize),
    /// Not the first line of a document of this format.
    #[error("it does not begin with the line that a document of format 1 begins with")]
    NotADocument,
    /// The hash in it is not the hash of it: it was damaged or edited.
    #[error("its hash should be {expected:.12} and is {found:.12}: it was damaged or edited")]
    WrongHash {
        /// What it says.
        expected: DocumentHash,
        /// What it has.
        found: DocumentHash,
    },
    /// The header cannot be read.
    #[error("its header cannot be read: {0}")]
    Header(String),
    /// The header contradicts itself or its parent.
    #[error("its header does not add up: {0}")]
    Unsound(&'static str),
}

/// The config hosts of a cluster: those that its file names, else the first three, or all where there are fewer.
pub fn config_hosts(topology: &Topology) -> BTreeSet<HostName> {
    match &topology.sync_hosts {
        Some(named) => named.iter().cloned().collect(),
        None => topology.hosts.iter().take(CONFIG_HOSTS).map(|host| host.name.clone()).collect(),
    }
}

impl Document {
    /// Generation 1. Nothing in it tells where or when it was made, so equal files make equal documents.
    pub fn first(content: Content) -> Result<Self, DocumentError> {
        Self::build(content, 1, 1, None, Vec::new(), BTreeSet::new(), None)
    }

    /// The document of a change to this one.
    pub fn next(&self, content: Content, change: Change) -> Result<Self, DocumentError> {
        let generation = self.generation() + 1;
        Self::build(content, generation, self.epoch(), Some(self.hash()), self.line(), BTreeSet::new(), Some(change))
    }

    /// The same, to be committed without hosts that are gone for good. `after` is an epoch that an earlier override
    /// tried for and did not get; the new one is above it.
    pub fn next_without(
        &self,
        without: BTreeSet<HostName>,
        after: Option<u64>,
        content: Content,
        change: Change,
    ) -> Result<Self, DocumentError> {
        if without.is_empty() {
            return Err(DocumentError::Unsound("an override leaves at least one host out"));
        }
        let epoch = self.epoch().max(after.unwrap_or(0)) + 1;
        Self::build(content, self.generation() + 1, epoch, Some(self.hash()), self.line(), without, Some(change))
    }

    fn build(
        content: Content,
        generation: u64,
        epoch: u64,
        parent: Option<DocumentHash>,
        openings: Vec<Opening>,
        without: BTreeSet<HostName>,
        change: Option<Change>,
    ) -> Result<Self, DocumentError> {
        let Content { text, placement, config_hosts, paused, trial } = content;
        let header =
            Header { generation, epoch, parent, openings, without, config_hosts, paused, trial, change, placement };
        Self::of(header, text)
    }

    fn of(header: Header, text: String) -> Result<Self, DocumentError> {
        header.check()?;
        let body = format::body(&header, &text)?;
        if format::file_length(&body) > LONGEST {
            return Err(DocumentError::TooLong(format::file_length(&body)));
        }
        Ok(Self(Arc::new(Inner { header, text, hash: DocumentHash::of(body.as_bytes()) })))
    }

    /// Its hash.
    pub fn hash(&self) -> DocumentHash {
        self.0.hash
    }

    /// 1, 2, 3 …
    pub fn generation(&self) -> u64 {
        self.0.header.generation
    }

    /// 1, and more after each override.
    pub fn epoch(&self) -> u64 {
        self.0.header.epoch
    }

    /// Where it stands.
    pub fn mark(&self) -> Mark {
        Mark { epoch: self.epoch(), generation: self.generation(), hash: self.hash() }
    }

    /// The hash of the document that it changes; none for generation 1.
    pub fn parent(&self) -> Option<DocumentHash> {
        self.0.header.parent
    }

    /// The cluster file.
    pub fn text(&self) -> &str {
        &self.0.text
    }

    /// Who runs what.
    pub fn placement(&self) -> &Placement {
        &self.0.header.placement
    }

    /// Who votes on the next change.
    pub fn config_hosts(&self) -> &BTreeSet<HostName> {
        &self.0.header.config_hosts
    }

    /// Whom the override that made it left out; empty where no override did.
    pub fn without(&self) -> &BTreeSet<HostName> {
        &self.0.header.without
    }

    /// Who paused rolling out, when and why; none where it is not paused.
    pub fn paused(&self) -> Option<&Change> {
        self.0.header.paused.as_ref()
    }

    /// Until when it has to be confirmed; none where it holds.
    pub fn trial(&self) -> Option<Trial> {
        self.0.header.trial
    }

    /// Who made it, when and why; none for generation 1.
    pub fn change(&self) -> Option<&Change> {
        self.0.header.change.as_ref()
    }

    /// The first documents of all epochs up to this one's. Of two documents of one history, one's line begins with
    /// the other's.
    pub fn line(&self) -> Vec<Opening> {
        let header = &self.0.header;
        let mut line = header.openings.clone();
        if header.opens_epoch() {
            line.push(Opening {
                epoch: header.epoch,
                generation: header.generation,
                parent: header.parent,
                hash: self.hash(),
            });
        }
        line
    }

    /// Whether it is a change to just that document, or a first one where there is none.
    pub fn follows(&self, parent: Option<&Document>) -> bool {
        let header = &self.0.header;
        match parent {
            None => header.generation == 1,
            Some(parent) => {
                let epoch_fits = header.opens_epoch() || header.epoch == parent.epoch();
                header.parent == Some(parent.hash())
                    && header.generation == parent.generation() + 1
                    && header.openings == parent.line()
                    && epoch_fits
            }
        }
    }
}

impl Header {
    fn opens_epoch(&self) -> bool {
        self.generation == 1 || !self.without.is_empty()
    }

    fn check(&self) -> Result<(), DocumentError> {
        let last = self.openings.last().map_or(0, |opening| opening.epoch);
        let rising =
            self.openings.windows(2).all(|two| two[0].epoch < two[1].epoch && two[0].generation < two[1].generation);
        let rules = [
            (self.generation >= 1, "generations begin with 1"),
            (!self.config_hosts.is_empty(), "somebody has to vote on the next change"),
            (self.without.is_disjoint(&self.config_hosts), "a host that is left out cannot vote"),
            ((self.generation == 1) == self.parent.is_none(), "all documents but the first have a parent"),
            ((self.generation == 1) == self.change.is_none(), "all documents but the first are somebody's change"),
            ((self.generation == 1) == self.openings.is_empty(), "all documents but the first follow an opening"),
            (self.generation > 1 || self.without.is_empty(), "the first document leaves nobody out"),
            (self.generation > 1 || self.trial.is_none(), "there is nothing before the first document to go back to"),
            (rising, "the openings rise"),
            (self.openings.last().is_none_or(|it| it.generation < self.generation), "the openings came before it"),
            (
                match () {
                    () if self.generation == 1 => self.epoch == 1,
                    () if self.without.is_empty() => self.epoch == last,
                    () => self.epoch > last,
                },
                "an epoch begins with generation 1 or an override",
            ),
        ];
        match rules.into_iter().find(|(holds, _)| !holds) {
            Some((_, rule)) => Err(DocumentError::Unsound(rule)),
            None => Ok(()),
        }
    }
}

impl PartialEq for Document {
    fn eq(&self, other: &Self) -> bool {
        self.hash() == other.hash()
    }
}

impl Eq for Document {}

impl Hash for Document {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash.hash(state);
    }
}

impl fmt::Debug for Document {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.mark())
    }
}

impl fmt::Display for Mark {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "generation {} epoch {} {:.8}", self.generation, self.epoch, self.hash)
    }
}

#[cfg(test)]
mod tests;
