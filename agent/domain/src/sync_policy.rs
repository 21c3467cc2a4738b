//! Whether a sync master waits for its slave. In: what is seen of the slave, look after look. Out: for how many copies the
//! master is to wait. On 5.x every send to a master without its slave waits out `slaveTimeout` (3 s) and is not
//! answered SEND_OK for as long as inSyncReplicas is 2 (`CommitLog.handleHA`); with 1 it is answered at once.
//!
//! Nothing is done on what is not known, and nothing on one look. All that is remembered is since when the same was seen,
//! so an agent that begins anew waits a little longer and does nothing else.

use crate::{
    health::{
        facts::{BrokerFacts, HaConnection},
        report::HostReport,
    },
    launch::Role,
    names::InstanceName,
    observed::Fact,
    rollout::Phase,
};
use std::{str::FromStr, time::Duration};

/// What is to become of sends while the slave is gone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SyncPolicy {
    /// They are not acknowledged.
    Strict,
    /// They are acknowledged by the master alone.
    Available,
}

/// A word that is neither.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be \"available\" or \"strict\"")]
pub struct SyncPolicyError;

impl FromStr for SyncPolicy {
    type Err = SyncPolicyError;
    fn from_str(text: &str) -> Result<Self, SyncPolicyError> {
        match text {
            "strict" => Ok(Self::Strict),
            "available" => Ok(Self::Available),
            _ => Err(SyncPolicyError),
        }
    }
}

/// The key in broker.conf of 5.x: how many members must have a message before its send is acknowledged.
pub const IN_SYNC_REPLICAS: &str = "inSyncReplicas";

/// Why a slave does not replicate, least gone first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Away {
    /// Its agent restarts it in its turn of a roll-out.
    Restarts,
    /// Its agent or itself answers: it is being brought back.
    ComesBack,
    /// Neither does.
    Gone,
}

impl Away {
    const ALL: [Self; 3] = [Self::Restarts, Self::ComesBack, Self::Gone];

    /// For how long it may be so before its master goes on alone.
    fn patience(self) -> Duration {
        Duration::from_secs(match self {
            // A clean stop takes up to 20 s, a start as long, and its first registration may be 30 s away.
            Self::Restarts => 180,
            // A crashed slave was seen to replicate again within 30 s.
            Self::ComesBack => 60,
            Self::Gone => 10,
        })
    }
}

/// What one look found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Slave {
    /// It is connected, registered, and has all but these bytes.
    Replicates(u64),
    /// No slave is connected to the master's HA port: the kernel of the master's own host says so.
    Away(Away),
    /// Anything else.
    Unknown,
}

/// What the facts about a master say of its slave. `host` is what the slave's agent reports, where it was asked and
/// answers.
pub fn slave_of(facts: &BrokerFacts, instance: &InstanceName, host: Option<&HostReport>) -> Slave {
    let (Fact::Known(runtime), Some(partner)) = (&facts.runtime, &facts.partner) else { return Slave::Unknown };
    match (&facts.ha_connection, partner) {
        (Fact::Known(HaConnection::Standing), Fact::Known(partner)) if is_registered(facts) => {
            Slave::Replicates(runtime.max_offset.saturating_sub(partner.max_offset))
        }
        (Fact::Known(HaConnection::Missing), partner) => {
            let mut all = host.iter().flat_map(|report| &report.instances);
            let own = all.find(|it| it.instance == *instance && it.role == Role::Slave);
            let turn = own.and_then(|it| it.rollout.as_ref());
            Slave::Away(match (turn, host, partner) {
                (Some(turn), ..) if turn.phase.is_in_flight() || turn.phase == Phase::Announced => Away::Restarts,
                (_, None, Fact::Unknown(_)) => Away::Gone,
                _ => Away::ComesBack,
            })
        }
        _ => Slave::Unknown,
    }
}

/// Whether every NameServer that answers, and at least one, has a slave under its brokerName.
fn is_registered(facts: &BrokerFacts) -> bool {
    let mut known = facts.registered.values().filter_map(Fact::known).peekable();
    known.peek().is_some() && known.all(|addresses| addresses.keys().any(|id| *id != 0))
}

/// Looks further apart than this had something else between them: a round that waits for a dead host takes 7 s.
const LONGEST_STEP: Duration = Duration::from_secs(20);
/// A slave is waited for again when it has been there for this long, and all but this has come.
const BACK_FOR: Duration = Duration::from_secs(5);
const CAUGHT_UP: u64 = 1 << 20;

/// What was seen of one slave so far.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Track {
    last: Option<Duration>,
    /// Since when it has been away at least so much.
    away: [Option<Duration>; 3],
    back: Option<Duration>,
}

impl Track {
    /// Takes in a look at `now`, by a clock that never goes back. For how many members the master is to wait, where that
    /// is another number than it waits for now.
    pub fn look(&mut self, now: Duration, slave: Slave, waits_for: u32) -> Option<u32> {
        if self.last.is_some_and(|last| now.saturating_sub(last) > LONGEST_STEP) {
            *self = Self::default();
        }
        self.last = Some(now);
        for (level, since) in Away::ALL.into_iter().zip(&mut self.away) {
            let holds = matches!(slave, Slave::Away(away) if away >= level);
            *since = holds.then(|| since.unwrap_or(now));
        }
        let is_back = matches!(slave, Slave::Replicates(behind) if behind <= CAUGHT_UP);
        self.back = is_back.then(|| self.back.unwrap_or(now));

        let lasts = |since: &Option<Duration>, long: Duration| since.is_some_and(|since| now - since >= long);
        let gone = Away::ALL.into_iter().zip(&self.away).any(|(level, since)| lasts(since, level.patience()));
        match waits_for {
            2 if gone => Some(1),
            1 if lasts(&self.back, BACK_FOR) => Some(2),
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests;
