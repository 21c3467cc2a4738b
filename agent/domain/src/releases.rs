//! What is known of RocketMQ's releases: the holes that they have, and what cannot be undone between them. In: releases.
//! Out: words. What a release's configuration takes is in [`crate::catalogue`], which Java runs it in
//! [`crate::desired::javas`].

use crate::names::Version;

/// A published vulnerability of RocketMQ itself.
#[derive(Debug, PartialEq, Eq)]
pub struct Vulnerability {
    /// CVE number.
    pub id: &'static str,
    /// What somebody can do with it.
    pub what: &'static str,
    /// The first release of 4.x without it.
    fixed_in_4: Version,
    /// The first release of 5.x without it; 5.0.0 never had those that 4.x lost before.
    fixed_in_5: Version,
}

/// Of all releases from 4.5 on, as of 2026-09; from the CVE records, and the fixes in the source of those releases.
static VULNERABILITIES: [Vulnerability; 4] = [
    Vulnerability {
        id: "CVE-2019-17572",
        what: "a topic's name can reach other folders, with autoCreateTopicEnable",
        fixed_in_4: Version::new(4, 6, 1),
        fixed_in_5: Version::new(5, 0, 0),
    },
    Vulnerability {
        id: "CVE-2023-33246",
        what: "whoever reaches a broker's port can run commands on its host",
        fixed_in_4: Version::new(4, 9, 6),
        fixed_in_5: Version::new(5, 1, 1),
    },
    Vulnerability {
        id: "CVE-2023-37582",
        what: "whoever reaches a NameServer's port can write files on its host",
        fixed_in_4: Version::new(4, 9, 7),
        fixed_in_5: Version::new(5, 1, 2),
    },
    // The record names 5.3.0; in 4.9.8 the request that tells the secrets is gone too (AdminBrokerProcessor).
    Vulnerability {
        id: "CVE-2024-23321",
        what: "where aclEnable is on, any user can read the secrets of all",
        fixed_in_4: Version::new(4, 9, 8),
        fixed_in_5: Version::new(5, 3, 0),
    },
];

impl Vulnerability {
    /// The first release without it in the line of that one.
    pub fn fixed_in(&self, version: Version) -> Version {
        if version.is_5() { self.fixed_in_5 } else { self.fixed_in_4 }
    }

    /// All of it in one line, without what to do: short enough for a terminal, beside words that name the release.
    pub fn in_words(&self, version: Version) -> String {
        format!("{}: {}; fixed in {}", self.id, self.what, self.fixed_in(version))
    }
}

/// What a release has.
pub fn vulnerabilities(version: Version) -> impl Iterator<Item = &'static Vulnerability> {
    VULNERABILITIES.iter().filter(move |hole| version < hole.fixed_in(version))
}

/// What is to know before a cluster with messages goes from one release to another, a line each.
///
/// From the upgrade and roll-back of one store through 4.7.0, 4.9.4 and 5.5.0, and the sources of 4.9.3 to 5.3.3.
pub fn on_the_way(from: Version, to: Version) -> Vec<String> {
    let (old, new) = (from.min(to), from.max(to));
    let crosses = |release: Version| old < release && release <= new;
    let mut lines = Vec::new();
    if from == to {
        return lines;
    }
    if from < to {
        lines.push("NameServers go first, then slaves, then masters, one at a time".to_owned());
        if crosses(FIVE) {
            lines
                .push("a slave of 5.x refuses reads unless slaveReadEnable is on; modes with slaves set it".to_owned());
            lines.push("clients of 4.x go on working with 5.x".to_owned());
        }
        if crosses(WITHOUT_ACL_1) {
            lines.push(format!(
                "aclEnable does nothing from {WITHOUT_ACL_1} on: go to authenticationEnabled before, or the brokers are open"
            ));
        }
        // BrokerController's ids are kept by the controller from 5.1.1 on (docs of persistent_unique_broker_id).
        if from.is_5() && crosses(BROKER_IDS) {
            lines.push(format!(
                "controllers of before {BROKER_IDS} are not understood: theirs and the brokers' epoch files begin anew"
            ));
        }
    } else {
        lines.push(format!("{to} is older than {from}: try it with a copy of a store first"));
        if crosses(FIVE) {
            let what =
                "timer messages, POP, compaction and RocksDB stores, users and ACLs of 5.x are not understood by 4.x";
            lines.push(format!("{what}: go back only if none was used"));
        }
    }
    lines
}

const FIVE: Version = Version::new(5, 0, 0);
/// BrokerController of 5.3.3 has no ACL 1.0 any more (RIP-77).
const WITHOUT_ACL_1: Version = Version::new(5, 3, 3);
const BROKER_IDS: Version = Version::new(5, 1, 1);

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(major: u16, minor: u16, patch: u16) -> Vec<&'static str> {
        vulnerabilities(Version::new(major, minor, patch)).map(|hole| hole.id).collect()
    }

    #[test]
    fn each_line_has_its_own_first_good_release() {
        assert_eq!(ids(4, 6, 0), ["CVE-2019-17572", "CVE-2023-33246", "CVE-2023-37582", "CVE-2024-23321"]);
        assert_eq!(ids(4, 9, 5), ["CVE-2023-33246", "CVE-2023-37582", "CVE-2024-23321"]);
        assert_eq!(ids(4, 9, 6), ["CVE-2023-37582", "CVE-2024-23321"]);
        assert_eq!(ids(4, 9, 8), [""; 0]);
        assert_eq!(ids(5, 1, 0), ["CVE-2023-33246", "CVE-2023-37582", "CVE-2024-23321"]);
        assert_eq!(ids(5, 1, 1), ["CVE-2023-37582", "CVE-2024-23321"]);
        assert_eq!(ids(5, 2, 0), ["CVE-2024-23321"]);
        assert_eq!(ids(5, 5, 0), [""; 0]);
    }

    #[test]
    fn a_vulnerability_is_a_line_of_a_terminal() {
        for hole in &VULNERABILITIES {
            for version in [Version::new(4, 5, 0), Version::new(5, 0, 0)] {
                let line = format!("- {}", hole.in_words(version));
                assert!(line.chars().count() <= 100, "{line}");
            }
        }
    }

    #[test]
    fn what_cannot_be_undone_is_said_on_the_way_back_and_the_order_on_the_way_up() {
        let (four, five) = (Version::new(4, 9, 4), Version::new(5, 5, 0));
        assert!(on_the_way(four, four).is_empty());
        let up = on_the_way(four, five).join("\n");
        assert!(up.contains("NameServers go first") && up.contains("aclEnable"), "{up}");
        assert!(!on_the_way(five, Version::new(5, 6, 0)).join("\n").contains("aclEnable"));
        let back = on_the_way(five, four).join("\n");
        assert!(back.contains("older") && back.contains("POP") && !back.contains("aclEnable"), "{back}");
    }
}
