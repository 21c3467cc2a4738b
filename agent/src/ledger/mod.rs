//! What the register must not forget, on disk: committed documents, this host's vote, and what overrides left behind.
//!
//! ```text
//! STATE_DIR/ledger/epoch-1-generation-7.entry    committed documents, the newest of them current
//! STATE_DIR/ledger/vote                          what this host promised and accepted
//! STATE_DIR/ledger/aside/…                       what an override left behind, until a person removes it
//! ```
//!
//! Each write is whole or not there ([`files::write_file`]), and durable when the call returns. A file that is torn, cut
//! or has a wrong bit is found by its checksum. A damaged *document* is replaced by the one before, and the host knows
//! that it is not the newest. A damaged *vote* is never replaced by an older one, which would break the promises in
//! between: the host begins a new life, whose vote counts once the others have committed it.

mod seal;

use crate::files::{self, FileError};
use rocketmq_agent_domain::register::{Effect, Entry, Life, Recovered, Vote};
use std::{
    fs::{self, File},
    io::Read,
    path::{Path, PathBuf},
};
use tracing::warn;

/// How many committed documents are kept where nothing else is said.
pub const GENERATIONS: usize = 50;

const VOTE: &str = "vote";
const ASIDE: &str = "aside";
const ENDING: &str = ".entry";

/// The ledger of this host.
#[derive(Debug)]
pub struct Ledger {
    folder: PathBuf,
    generations: usize,
}

/// Why the ledger cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LedgerError {
    /// A file or folder cannot be read or written. It may be fine: nothing is concluded from it.
    #[error(transparent)]
    File(#[from] FileError),
    /// What is to be written has no text form.
    #[error("cannot write down {what}")]
    Form {
        /// What.
        what: &'static str,
        /// Why.
        #[source]
        source: serde_json::Error,
    },
}

/// Epoch and generation of a file in the ledger.
type Place = (u64, u64);

impl Ledger {
    /// Opens the ledger below the state folder, making it where it is missing, and reads what a register needs. A host
    /// without a vote, or with a damaged one, gets a new one, which is on disk when this returns.
    pub fn open(state_dir: &Path, generations: usize) -> Result<(Self, Recovered), LedgerError> {
        let ledger = Self { folder: state_dir.join("ledger"), generations: generations.max(1) };
        files::make_directory(&ledger.folder.join(ASIDE), 0o700, None)?;
        files::make_directory(&ledger.folder, 0o700, None)?;
        ledger.sweep()?;
        let (mut held, mut lost) = (None, None);
        for place in ledger.places()?.into_iter().rev() {
            held = ledger.entry(place)?;
            if held.is_some() {
                break;
            }
            warn!("{} is damaged", ledger.path(place).display());
            lost = lost.or(Some(place));
        }
        let vote = match ledger.vote()? {
            Some(vote) => vote,
            None => {
                let vote = Vote::new(ledger.new_life()?);
                ledger.keep(&vote)?;
                vote
            }
        };
        Ok((ledger, Recovered { held, lost, vote }))
    }

    /// Does the writes of an effect; nothing for others. It is durable when this returns.
    pub fn write(&self, effect: &Effect) -> Result<(), LedgerError> {
        match effect {
            Effect::Keep(vote) => self.keep(vote),
            Effect::Store(entry) => self.store(entry),
            Effect::SetAside(entry) => self.set_aside(entry),
            Effect::Send { .. } | Effect::Done(_) => Ok(()),
        }
    }

    /// Epoch and generation of all documents in the ledger, damaged ones too, the oldest first.
    pub fn places(&self) -> Result<Vec<Place>, LedgerError> {
        let mut places: Vec<Place> = self.names(&self.folder)?.iter().filter_map(|name| place(name)).collect();
        places.sort_unstable();
        Ok(places)
    }

    /// A committed document; none if it is not there or damaged.
    pub fn entry(&self, place: Place) -> Result<Option<Entry>, LedgerError> {
        let entry = files::read(&self.path(place))?.and_then(|file| seal::open(&file).and_then(seal::read_entry));
        Ok(entry.filter(|entry| (entry.mark().epoch, entry.mark().generation) == place))
    }

    /// What overrides left behind, for a person to look at.
    pub fn aside(&self) -> Result<Vec<Entry>, LedgerError> {
        let folder = self.folder.join(ASIDE);
        let mut entries = Vec::new();
        for name in self.names(&folder)? {
            entries
                .extend(files::read(&folder.join(name))?.and_then(|file| seal::open(&file).and_then(seal::read_entry)));
        }
        Ok(entries)
    }

    fn keep(&self, vote: &Vote) -> Result<(), LedgerError> {
        let body = serde_json::to_string_pretty(vote).map_err(form("the vote"))?;
        self.put(&self.folder.join(VOTE), &body)
    }

    fn store(&self, entry: &Entry) -> Result<(), LedgerError> {
        let place = (entry.mark().epoch, entry.mark().generation);
        self.put(&self.path(place), &seal::write_entry(entry).map_err(form("a document"))?)?;
        let places = self.places()?;
        for old in &places[..places.len().saturating_sub(self.generations)] {
            // One document too many is no reason to refuse the newest.
            if let Err(error) = fs::remove_file(self.path(*old)) {
                warn!("cannot remove {}: {error}", self.path(*old).display());
            }
        }
        Ok(())
    }

    fn set_aside(&self, entry: &Entry) -> Result<(), LedgerError> {
        let mark = entry.mark();
        let name = format!("epoch-{}-generation-{}-{:.16}{ENDING}", mark.epoch, mark.generation, mark.hash);
        self.put(&self.folder.join(ASIDE).join(name), &seal::write_entry(entry).map_err(form("a document"))?)
    }

    fn put(&self, path: &Path, body: &str) -> Result<(), LedgerError> {
        Ok(files::write_file(path, seal::seal(body).as_bytes(), 0o600, None)?)
    }

    fn vote(&self) -> Result<Option<Vote>, LedgerError> {
        let path = self.folder.join(VOTE);
        let Some(file) = files::read(&path)? else { return Ok(None) };
        let vote = seal::open(&file).and_then(|body| serde_json::from_str(body).ok());
        if vote.is_none() {
            let damaged = self.folder.join("vote.damaged");
            warn!("{} is damaged: this host votes again once a change is committed with it", path.display());
            fs::copy(&path, &damaged).map_err(files::failed("write", &damaged))?;
        }
        Ok(vote)
    }

    fn new_life(&self) -> Result<Life, LedgerError> {
        let (path, mut bytes) = (PathBuf::from("/dev/urandom"), [0; 8]);
        let read = File::open(&path).and_then(|mut file| file.read_exact(&mut bytes));
        read.map_err(files::failed("read", &path))?;
        Ok(Life(u64::from_le_bytes(bytes)))
    }

    /// What a crash in the middle of a write left.
    fn sweep(&self) -> Result<(), LedgerError> {
        for folder in [self.folder.clone(), self.folder.join(ASIDE)] {
            for name in self.names(&folder)?.iter().filter(|name| name.starts_with(files::TEMPORARY)) {
                let path = folder.join(name);
                fs::remove_file(&path).map_err(files::failed("remove", &path))?;
            }
        }
        Ok(())
    }

    fn names(&self, folder: &Path) -> Result<Vec<String>, LedgerError> {
        let failed = files::failed("read", folder);
        let mut names = Vec::new();
        for entry in fs::read_dir(folder).map_err(&failed)? {
            names.extend(entry.map_err(&failed)?.file_name().into_string());
        }
        Ok(names)
    }

    fn path(&self, (epoch, generation): Place) -> PathBuf {
        self.folder.join(format!("epoch-{epoch}-generation-{generation}{ENDING}"))
    }
}

fn form(what: &'static str) -> impl FnOnce(serde_json::Error) -> LedgerError {
    move |source| LedgerError::Form { what, source }
}

fn place(name: &str) -> Option<Place> {
    let (epoch, generation) = name.strip_prefix("epoch-")?.strip_suffix(ENDING)?.split_once("-generation-")?;
    Some((epoch.parse().ok()?, generation.parse().ok()?))
}

#[cfg(test)]
mod tests;
