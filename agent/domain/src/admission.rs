//! Whether a member of a group may start on its commit log. In: how far its own and the other member's log reach, and how
//! they compare. Out: that it may, what is to be done first, or why not. Pure.
//!
//! A slave that is longer than its master acknowledges what it does not have, and a master that lost the end of its log
//! hides acknowledged messages (`GroupTransferService`, `HAConnection`, 4.5-5.5.0): no member starts before that is ruled out.

use crate::{
    commit_log::{Extent, Verdict},
    finding,
    launch::{Cause, Role},
    names::{HostName, InstanceName},
    size::Size,
};
use serde::{Deserialize, Serialize};
use std::{fmt::Display, ops::Range};

/// For so long a host that does not answer is waited for, seconds, where a store was not closed cleanly.
pub const SILENCE: u64 = 60;

/// How far from the end equal bytes end the search for a difference. What a broker has written is on its disk within
/// seconds; this is more than it writes in that time.
pub fn enough(role: Role) -> u64 {
    match role {
        // A slave gets what it lacks from its master, and only its last pages can be blank.
        Role::Slave => 8 << 20,
        _ => 64 << 20,
    }
}

/// On what grounds a member may start.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "on")]
pub enum Grounds {
    /// Both logs were compared.
    Compared,
    /// It lacked something that the other member had, and took it back.
    Repaired {
        /// From here on.
        from: u64,
        /// How much, bytes.
        bytes: u64,
    },
    /// It was closed cleanly, or was never started, and the other member's host did not answer.
    Clean,
    /// It runs, so the host has not lost its power since it started.
    Runs,
    /// The other member's host did not answer for [`SILENCE`].
    Alone,
    /// There is no channel to compare over, and the other member's report does not say that it has more.
    Reported,
    /// A person gave up what only the other member has.
    LossAccepted,
}

/// That a member may start, until its host is booted again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Permit {
    /// When it was given, milliseconds since 1970.
    pub at: u64,
    /// The other member's host.
    pub partner: HostName,
    /// Why.
    #[serde(flatten)]
    pub grounds: Grounds,
}

/// How long it is shown what was done before a start, milliseconds.
const SHOWN: u64 = 24 * 3600 * 1000;

impl Permit {
    /// What of it a person should know at that time.
    pub fn warning(&self, now: u64) -> Option<Cause> {
        let host: &dyn Display = &self.partner;
        match &self.grounds {
            Grounds::Alone => Some(finding::STARTED_ALONE.of(&[("host", host), ("seconds", &SILENCE)])),
            Grounds::LossAccepted => Some(finding::LOSS_ACCEPTED.of(&[("host", host)])),
            Grounds::Repaired { from, bytes } if now.saturating_sub(self.at) <= SHOWN => {
                Some(finding::TAIL_REPAIRED.of(&[("host", host), ("size", &Size(*bytes)), ("offset", from)]))
            }
            _ => None,
        }
    }

    /// Whether the master has all that its slave had when it was given.
    pub fn has_all_of_slave(&self) -> bool {
        matches!(self.grounds, Grounds::Compared | Grounds::Repaired { .. })
    }
}

/// Why a member does not start yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pending {
    /// In words.
    pub cause: Cause,
    /// Where its own log ends.
    #[serde(default)]
    pub end: Option<u64>,
    /// The other member is known to have messages that it lacks: then silence is no reason to start.
    #[serde(default)]
    pub lacks: bool,
}

/// What the lengths of both logs say before any byte is compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lengths {
    /// There is nothing that both should have.
    Nothing,
    /// This range is to be compared.
    Compare(Range<u64>),
    /// It may not start.
    Refused(Cause),
}

/// Who is asked about.
#[derive(Debug, Clone, Copy)]
pub struct Member<'m> {
    /// Its name on its host.
    pub instance: &'m InstanceName,
    /// What it is.
    pub role: Role,
    /// The other member's host.
    pub partner: &'m HostName,
}

impl Member<'_> {
    /// Looks at how far both logs reach. `own` is as found in its files.
    pub fn lengths(&self, own: &Extent, other: &Extent) -> Lengths {
        let host: &dyn Display = self.partner;
        if own.file_size > 0 && other.file_size > 0 && own.file_size != other.file_size {
            let (own, other) = (Size(own.file_size), Size(other.file_size));
            return Lengths::Refused(finding::OTHER_FILE_SIZE.of(&[("host", host), ("own", &own), ("other", &other)]));
        }
        let (master, slave) = self.sides(own, other);
        let (Some(slave_min), false) = (slave.min, slave.is_empty()) else { return Lengths::Nothing };
        let Some(master_min) = master.min.filter(|_| !master.is_empty() || master.min == Some(slave_min)) else {
            return match self.role {
                Role::Slave if !other.running => Lengths::Nothing,
                Role::Slave => Lengths::Refused(self.longer(&Size(slave.end))),
                _ => Lengths::Refused(finding::MASTER_EMPTY.of(&[
                    ("host", host),
                    ("size", &Size(slave.end - slave_min)),
                    ("instance", self.instance),
                ])),
            };
        };
        if slave.end < master_min {
            let values: [(&str, &dyn Display); 2] = [("slave", &slave.end), ("master", &master_min)];
            return match self.role {
                Role::Slave => Lengths::Refused(finding::SLAVE_TOO_SHORT.of(&values)),
                _ => Lengths::Nothing,
            };
        }
        Lengths::Compare(master_min.max(slave_min)..slave.end)
    }

    /// Which of the two is the master's.
    fn sides<'e>(&self, own: &'e Extent, other: &'e Extent) -> (&'e Extent, &'e Extent) {
        if self.role == Role::Slave { (other, own) } else { (own, other) }
    }

    /// That this slave has more than its master.
    pub fn longer(&self, ahead: &dyn Display) -> Cause {
        finding::SLAVE_LONGER.of(&[("host", &self.partner), ("ahead", ahead)])
    }

    /// That this master's slave has more than it, and that it cannot be had.
    pub fn behind(&self, ahead: &dyn Display, why: &dyn Display, cure: Option<&dyn Display>) -> Cause {
        finding::MASTER_BEHIND.of_known(&[
            ("host", Some(&self.partner)),
            ("ahead", Some(ahead)),
            ("why", Some(why)),
            ("cure", cure),
            ("instance", Some(&self.instance)),
        ])
    }

    /// That the slave of this master, which runs, has more than it.
    pub fn slave_ahead(&self, ahead: Size) -> Cause {
        finding::SLAVE_AHEAD.of(&[("ahead", &ahead)])
    }

    /// How far it is with taking back what it lacks, in bytes; `left` in seconds, where that is known.
    pub fn repairing(&self, done: u64, total: u64, left: Option<u64>) -> Cause {
        finding::TAIL_REPAIR.of_known(&[
            ("host", Some(&self.partner)),
            ("done", Some(&Size(done))),
            ("total", Some(&Size(total))),
            ("seconds", left.as_ref().map(|left| left as &dyn Display)),
        ])
    }

    /// That neither may follow the other.
    pub fn diverged(
        &self,
        verdict: Verdict,
        own: &Extent,
        other: &Extent,
        time: impl Fn(u64) -> String,
    ) -> Option<Cause> {
        let Verdict::Diverged { at, master: master_at, slave: slave_at } = verdict else { return None };
        let (master, slave) = self.sides(own, other);
        let [master_time, slave_time] = [master_at, slave_at].map(|at| (at > 0).then(|| time(at)));
        Some(finding::DIVERGED.of_known(&[
            ("host", Some(&self.partner)),
            ("offset", Some(&at)),
            ("master", Some(&master.end)),
            ("slave", Some(&slave.end)),
            ("master_time", master_time.as_ref().map(|time| time as &dyn Display)),
            ("slave_time", slave_time.as_ref().map(|time| time as &dyn Display)),
        ]))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn extent(min: Option<u64>, end: u64) -> Extent {
        Extent {
            role: Role::Slave,
            min,
            end,
            file_size: if min.is_some() { 100 } else { 0 },
            running: true,
            serving: true,
        }
    }

    fn ids(lengths: Lengths) -> String {
        match lengths {
            Lengths::Refused(cause) => cause.id.to_string(),
            other => format!("{other:?}"),
        }
    }

    #[test]
    fn an_empty_master_of_a_full_slave_does_not_start_and_the_rest_is_compared() {
        let (instance, partner) = ("broker-a".parse().unwrap(), "vm2".parse().unwrap());
        let master = Member { instance: &instance, role: Role::Master, partner: &partner };
        let slave = Member { role: Role::Slave, ..master };
        let (none, full) = (extent(None, 0), extent(Some(0), 730));
        assert_eq!(master.lengths(&none, &none), Lengths::Nothing);
        assert_eq!(master.lengths(&full, &none), Lengths::Nothing, "a new slave");
        assert_eq!(ids(master.lengths(&none, &full)), "master-empty");
        assert_eq!(ids(slave.lengths(&full, &none)), "slave-longer");
        assert_eq!(slave.lengths(&none, &full), Lengths::Nothing, "its first start");
        assert_eq!(slave.lengths(&full, &Extent { running: false, ..none }), Lengths::Nothing);
        assert_eq!(master.lengths(&extent(Some(200), 900), &extent(Some(0), 950)), Lengths::Compare(200..950));
        assert_eq!(
            master.lengths(&extent(Some(0), 0), &full),
            Lengths::Compare(0..730),
            "all of its first file is lost"
        );
        let (early, late) = (extent(Some(0), 150), extent(Some(300), 900));
        assert_eq!(ids(slave.lengths(&early, &late)), "replication-gap");
        assert_eq!(master.lengths(&late, &early), Lengths::Nothing);
        let other = Extent { file_size: 200, ..full.clone() };
        assert_eq!(ids(master.lengths(&full, &other)), "other-file-size");
    }

    #[test]
    fn what_was_done_before_a_start_is_shown_for_a_day_and_a_start_alone_for_good() {
        let permit = |grounds| Permit { at: 1_000, partner: "vm2".parse().unwrap(), grounds };
        let id = |permit: &Permit, now| permit.warning(now).map(|cause| cause.id.to_string());
        let repaired = permit(Grounds::Repaired { from: 70, bytes: 18_637 });
        assert_eq!(id(&repaired, 2_000).as_deref(), Some("tail-repaired"));
        assert_eq!(id(&repaired, 1_001 + SHOWN), None);
        assert_eq!(id(&permit(Grounds::Alone), u64::MAX).as_deref(), Some("started-alone"));
        assert_eq!(id(&permit(Grounds::Compared), 2_000), None);
        let text = serde_json::to_string(&repaired).unwrap();
        assert_eq!(serde_json::from_str::<Permit>(&text).unwrap(), repaired);
    }
}
