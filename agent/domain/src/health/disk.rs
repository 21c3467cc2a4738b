//! The rules for the disk that a store lies on. RocketMQ looks at the used part of the whole partition, so other
//! programs' files count (DefaultMessageStore.CleanCommitLogService, 4.7.0 to 5.5.0).

use super::{Findings, facts::Runtime};
use crate::finding;

/// From here on RocketMQ takes no messages (diskSpaceWarningLevelRatio).
pub(super) const REFUSES: f64 = 0.90;
/// From here on it deletes its oldest messages, expired or not (diskSpaceCleanForciblyRatio).
const DELETES: f64 = 0.85;
/// Some time before.
const NEARLY: f64 = 0.80;
/// A disk that is full in less time than this is named: a day to do something about it.
const SOON_MINUTES: u64 = 24 * 60;

pub(super) fn judge(runtime: &Runtime, findings: &mut Findings) {
    let Some(used) = runtime.disk_used else { return };
    let percent = (used * 100.0).floor();
    if used >= REFUSES {
        findings.reasons.push(finding::DISK_REFUSES.of(&[("percent", &percent)]));
    } else if used >= DELETES {
        findings.warnings.push(finding::DISK_DELETES.of(&[("percent", &percent)]));
    } else if used >= NEARLY {
        findings.warnings.push(finding::DISK_NEARLY_FULL.of(&[("percent", &percent)]));
    }
    if let Some(filling) = runtime.filling.filter(|filling| filling.minutes < SOON_MINUTES) {
        let speed = format!("{:.1}", filling.per_hour * 100.0);
        let (unit, left) = match filling.minutes {
            minutes @ 0..120 => ("minutes", minutes),
            minutes => ("hours", minutes / 60),
        };
        findings.warnings.push(finding::DISK_FILLS.of(&[("percent", &percent), ("speed", &speed), (unit, &left)]));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::health::forecast::Filling;

    fn found(used: Option<f64>) -> (Vec<String>, Vec<String>) {
        let mut findings = Findings::default();
        judge(&Runtime { disk_used: used, ..Runtime::default() }, &mut findings);
        let words = |causes: Vec<crate::launch::Cause>| causes.into_iter().map(|cause| cause.what.into()).collect();
        (words(findings.reasons), words(findings.warnings))
    }

    #[test]
    fn a_disk_that_will_be_full_within_a_day_is_named_with_the_time_that_is_left() {
        let found = |minutes| {
            let mut findings = Findings::default();
            let filling = Some(Filling { per_hour: 0.0525, minutes });
            judge(&Runtime { disk_used: Some(0.6), filling, ..Runtime::default() }, &mut findings);
            findings.warnings.pop().map(|cause| cause.what)
        };
        let said = "its disk is 60 % full and fills by 5.2 % an hour: 90 % in about 5 h";
        assert_eq!(found(343).as_deref(), Some(said));
        assert!(found(119).is_some_and(|said| said.ends_with("90 % in about 119 min")));
        assert_eq!(found(24 * 60), None);
    }

    #[test]
    fn a_disk_is_named_before_it_is_full_and_then_as_the_reason() {
        assert_eq!(found(None), (vec![], vec![]));
        assert_eq!(found(Some(0.799)), (vec![], vec![]));
        assert!(found(Some(0.8)).1[0].starts_with("its disk is 80 % full; at 90 %"));
        assert!(found(Some(0.899)).1[0].contains("deletes messages before they expire"));
        assert!(found(Some(0.9)).0[0].starts_with("its disk is 90 % full; from 90 % on RocketMQ takes no messages"));
    }
}
