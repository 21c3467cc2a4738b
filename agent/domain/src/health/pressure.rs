//! The rules for a broker that takes requests more slowly than they come. From these limits on it refuses them, and its
//! clients see `broker busy` (4.7.0-5.5.0: `BrokerFastFailure`, `DefaultMessageStore.isOSPageCacheBusy`).

use super::{Findings, facts::Runtime};
use crate::finding;

/// A send that has waited for so long is refused (waitTimeMillsInSendQueue).
const SEND_WAIT: u64 = 200;
/// A pull that has waited for so long is refused (waitTimeMillsInPullQueue).
const PULL_WAIT: u64 = 5000;
/// A message that is stored for so long makes all sends be refused (osPageCacheBusyTimeOutMills).
const STORE: u64 = 1000;

pub(super) fn judge(runtime: &Runtime, findings: &mut Findings) {
    if let Some(ms) = runtime.page_cache_lock.filter(|ms| *ms >= STORE) {
        findings.warnings.push(finding::PAGE_CACHE_BUSY.of(&[("ms", &ms), ("limit", &STORE)]));
    }
    for (word, wait, limit) in [("send", runtime.send_wait, SEND_WAIT), ("pull", runtime.pull_wait, PULL_WAIT)] {
        if let Some(ms) = wait.filter(|ms| *ms >= limit) {
            findings.warnings.push(finding::QUEUE_WAITS.of(&[("word", &word), ("ms", &ms), ("limit", &limit)]));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(page_cache_lock: u64, send_wait: u64, pull_wait: u64) -> Vec<String> {
        let mut findings = Findings::default();
        let [page_cache_lock, send_wait, pull_wait] = [page_cache_lock, send_wait, pull_wait].map(Some);
        judge(&Runtime { page_cache_lock, send_wait, pull_wait, ..Runtime::default() }, &mut findings);
        assert!(findings.reasons.is_empty());
        findings.warnings.into_iter().map(|cause| cause.what.into()).collect()
    }

    #[test]
    fn a_broker_that_refuses_for_want_of_speed_is_named_with_what_waits() {
        assert_eq!(found(999, 199, 4999), Vec::<String>::new());
        assert!(found(1000, 0, 0)[0].starts_with("one message has been being stored for 1000 ms"));
        assert!(found(0, 200, 0)[0].starts_with("the first send in its queue has waited for 200 ms"));
        assert!(found(0, 0, 5000)[0].starts_with("the first pull in its queue has waited for 5000 ms"));
    }

    #[test]
    fn what_the_broker_does_not_say_is_no_pressure() {
        let mut findings = Findings::default();
        judge(&Runtime::default(), &mut findings);
        assert!(findings.warnings.is_empty());
    }
}
