//! Which Java runs which RocketMQ release, and with which options. The page `docs/java.md` is made from this.
//!
//! All of RocketMQ 4.5 to 5.5 is compiled for Java 8. What keeps a release from a newer Java is its start scripts, which the
//! agent does not use, and packages of Java that are closed since 16, which [`super::java_options`] opens.

use crate::names::Version;
use std::ops::RangeInclusive;

/// The Java releases with long-term support, the oldest first.
pub const RELEASES: [u16; 5] = [8, 11, 17, 21, 25];

/// All that are accepted. None that is newer was tried with anything.
const ACCEPTED: RangeInclusive<u16> = 8..=25;

/// What was run with the agent's options: a NameServer and a master started and became ready, messages were sent and read back;
/// after a kill -9 of the master it recovered its store, took and gave messages again, and was stopped cleanly.
const TRIED: &[(Version, &[u16])] = &[
    (Version::new(4, 5, 2), &[8, 17, 21]),
    (Version::new(4, 7, 0), &[8, 11, 17, 21, 25]),
    (Version::new(4, 9, 4), &[8, 11, 17, 21, 25]),
    (Version::new(4, 9, 7), &[17, 21]),
    (Version::new(5, 1, 4), &[17, 21, 25]),
    (Version::new(5, 3, 3), &[17, 25]),
    (Version::new(5, 5, 0), &[8, 11, 17, 21, 25]),
];

/// Whether a Java release may run RocketMQ at all.
pub fn accepts(java: u16) -> bool {
    ACCEPTED.contains(&java)
}

/// [`accepts`] in words.
pub fn range() -> String {
    format!("Java {} to {}", ACCEPTED.start(), ACCEPTED.end())
}

/// On which Java a release was run; `None` of a release that was not.
pub fn tried(version: Version) -> Option<&'static [u16]> {
    TRIED.iter().find(|(of, _)| *of == version).map(|(_, javas)| *javas)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_tried_is_accepted_and_a_release_of_the_catalogue() {
        for (version, javas) in TRIED {
            assert!(javas.iter().all(|java| accepts(*java) && RELEASES.contains(java)), "{version}");
        }
        assert!(RELEASES.into_iter().all(accepts) && !accepts(7) && !accepts(26));
        assert_eq!(range(), "Java 8 to 25");
        assert_eq!(tried(Version::new(4, 7, 1)), None);
    }
}
