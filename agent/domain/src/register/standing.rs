//! Where a host stands with the register, for `status`. In: the register. Out: a [`Standing`].

use super::Register;
use crate::{document::Document, names::HostName};
use std::collections::{BTreeMap, BTreeSet};

/// Where a host stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// Nothing is committed as far as this host knows, and it has no say in it: it waits for others.
    Waits,
    /// Generation 1 waits for these config hosts to put their file forward.
    FirstStart {
        /// Who was not heard.
        silent: BTreeSet<HostName>,
    },
    /// Config hosts put different files forward, or have none. Nothing is committed until they are made the same;
    /// [`crate::document::lines::differences`] tells which lines differ.
    FilesDiffer {
        /// What each one would make of its file.
        files: BTreeMap<HostName, Option<Document>>,
    },
    /// This host's disk lost the newest document: it runs nothing new until it caught up, and votes only on what it
    /// had not voted past.
    Behind,
    /// It votes on the next change.
    Votes,
    /// It is a config host, and lost what it had promised, or was not heard when it became one: the next change that
    /// is committed while it can be heard lets it vote.
    WithoutSeat,
    /// It is no config host: it takes what they commit.
    Follows,
}

impl Register {
    /// Where this host stands.
    pub fn standing(&self) -> Standing {
        if self.is_behind() || self.has_lost() {
            return Standing::Behind;
        }
        let Some(held) = &self.held else { return self.before_the_first() };
        match held.seats().get(&self.me) {
            None => Standing::Follows,
            Some(seat) if *seat == Some(self.vote.life) => Standing::Votes,
            Some(_) => Standing::WithoutSeat,
        }
    }

    fn before_the_first(&self) -> Standing {
        let Some(offer) = self.offer.as_ref().filter(|offer| offer.config_hosts().contains(&self.me)) else {
            return Standing::Waits;
        };
        let mut files = self.offers.clone();
        files.insert(self.me.clone(), Some(offer.clone()));
        if files.values().any(|file| file.as_ref() != Some(offer)) {
            return Standing::FilesDiffer { files };
        }
        let silent = offer.config_hosts().iter().filter(|host| !files.contains_key(*host)).cloned().collect();
        Standing::FirstStart { silent }
    }
}
