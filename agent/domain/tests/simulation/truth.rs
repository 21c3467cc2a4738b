//! What nobody in the cluster knows: everything that was ever committed. Judges each write against it, by rules written
//! anew here rather than taken from the code that is judged.

use crate::world::Host;
use rocketmq_agent_domain::{
    document::DocumentHash,
    names::HostName,
    register::{Entry, Life, Outcome},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    hash::Hash,
};

#[derive(Debug, Clone, Default)]
pub struct Truth {
    /// By the hash of the opening of its epoch, and its generation.
    slots: BTreeMap<(DocumentHash, u64), Entry>,
    by_hash: BTreeMap<DocumentHash, Entry>,
    /// Who ever had what on disk for good, and in which life: a disk that was wiped later does not undo it.
    written: BTreeSet<(HostName, Life, DocumentHash)>,
    /// Whoever asked for these was told that they are committed.
    pub acknowledged: BTreeSet<DocumentHash>,
    /// Whoever asked for these was told that they never will be.
    pub refused: BTreeSet<DocumentHash>,
    pub overridden: bool,
    pub violation: Option<String>,
}

impl Truth {
    pub fn break_rule(&mut self, rule: String) {
        self.violation.get_or_insert(rule);
    }

    /// What later judgements rest on.
    pub fn fingerprint(&self) -> impl Hash {
        (self.slots.len(), self.written.clone(), self.acknowledged.clone(), self.refused.clone())
    }

    pub fn commits(&self) -> usize {
        self.by_hash.len()
    }

    /// A disk of this life holds this, accepted or committed.
    pub fn wrote(&mut self, host: &HostName, life: Life, entry: &Entry) {
        self.written.insert((host.clone(), life, entry.document().hash()));
    }

    /// A host wrote an entry as committed.
    pub fn stored(&mut self, host: &HostName, before: Option<&Entry>, entry: &Entry, hosts: &BTreeMap<HostName, Host>) {
        let document = entry.document();
        let Some(opening) = document.line().last().map(|opening| opening.hash) else {
            return self.break_rule(format!("{document:?} belongs to no epoch"));
        };
        self.overridden |= !document.without().is_empty();
        match self.slots.get(&(opening, document.generation())) {
            Some(other) if other != entry => {
                let (ours, theirs) = (entry.mark(), other.mark());
                return self.break_rule(format!("{host} committed {ours}, and {theirs} is committed"));
            }
            Some(_) => {}
            None => {
                let parent = document.parent().and_then(|parent| self.by_hash.get(&parent)).cloned();
                if parent.is_none() && document.generation() > 1 {
                    return self.break_rule(format!("{host} committed {}, whose parent is not", entry.mark()));
                }
                if !self.is_durable(parent.as_ref(), entry) {
                    return self.break_rule(format!("{host} committed {}, which too few disks hold", entry.mark()));
                }
                if self.refused.contains(&document.hash()) && !self.overridden {
                    return self.break_rule(format!("{} is committed after its author heard it is not", entry.mark()));
                }
                self.slots.insert((opening, document.generation()), entry.clone());
                self.by_hash.insert(document.hash(), entry.clone());
            }
        }
        if let Some(before) = before {
            let aside = hosts.get(host).is_some_and(|host| host.disk.aside.contains(before));
            if !self.descends(entry, before) && !aside {
                self.break_rule(format!("{host} went from {} to {}", before.mark(), entry.mark()));
            }
        }
    }

    pub fn ended(&mut self, outcome: &Outcome) {
        match outcome {
            Outcome::Committed { hash, .. } => {
                if !self.by_hash.contains_key(hash) {
                    self.break_rule(format!("{hash:.8} was acknowledged and is not committed"));
                }
                self.acknowledged.insert(*hash);
            }
            Outcome::Refused { hash, .. } | Outcome::NoMajority { hash, .. } => {
                if self.by_hash.contains_key(hash) && !self.overridden {
                    self.break_rule(format!("{hash:.8} was refused and is committed"));
                }
                self.refused.insert(*hash);
            }
            Outcome::Unknown { .. } | Outcome::Confirmed { .. } | Outcome::Unconfirmed { .. } => {}
        }
    }

    pub fn descends(&self, entry: &Entry, ancestor: &Entry) -> bool {
        let mut at = Some(entry);
        while let Some(it) = at {
            if it.document() == ancestor.document() {
                return true;
            }
            at = it.document().parent().and_then(|parent| self.by_hash.get(&parent));
        }
        false
    }

    /// All that was acknowledged is in the history of this one, unless an override left it behind.
    pub fn check_history(&mut self, last: &Entry) {
        for hash in self.acknowledged.clone() {
            if let Some(entry) = self.by_hash.get(&hash)
                && !self.overridden
                && !self.descends(last, entry)
            {
                self.break_rule(format!("{hash:.8} was acknowledged and is not in the history of {}", last.mark()));
            }
        }
    }

    /// Whether those disks that have to hold it do, or did until they were lost.
    fn is_durable(&self, parent: Option<&Entry>, entry: &Entry) -> bool {
        let hash = entry.document().hash();
        let votes = |host: &HostName, seat: &Option<Life>| {
            seat.is_some_and(|life| self.written.contains(&(host.clone(), life, hash)))
        };
        let has = |host: &HostName| self.written.iter().any(|(writer, _, wrote)| writer == host && *wrote == hash);
        let own = entry.seats();
        let having = own.keys().filter(|host| has(host)).count();
        let Some(old) = parent.map(Entry::seats) else { return having == own.len() };
        let without = entry.document().without();
        let voting = old.iter().filter(|(host, seat)| votes(host, seat)).count();
        let decided = match without.is_empty() {
            true => voting > old.len() / 2,
            false => old.iter().filter(|(host, _)| !without.contains(*host)).all(|(host, seat)| votes(host, seat)),
        };
        decided && having > own.len() / 2
    }
}
