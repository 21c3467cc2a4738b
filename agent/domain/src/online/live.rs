//! Keys of a broker.conf that a running broker takes without a restart. In: what its file says, and what it runs with.
//! Out: what is to be set while it runs. Each key was looked up where RocketMQ reads it: at each use, not once at the start.

use super::{OnlineConfig, OnlineKey};
use crate::names::Version;
use std::collections::BTreeMap;

/// Keys and what they are to be, or what a broker says of them.
pub type Live = BTreeMap<OnlineKey, String>;

/// The key of that name, if a broker of that release takes it from its file while it runs.
pub fn live_key(version: Version, name: &str) -> Option<OnlineKey> {
    let key: OnlineKey = name.parse().ok()?;
    let is_live = match key {
        // `CleanCommitLogService`, `PullMessageProcessor`, `FlushRealTimeService`, `FlushConsumeQueueService` and
        // `BrokerFastFailure` of 4.5.2, 4.9.4 and 5.3.3; traceOn in `AbstractSendMessageProcessor`.
        OnlineKey::FileReservedTime
        | OnlineKey::DeleteWhen
        | OnlineKey::DiskMaxUsedSpaceRatio
        | OnlineKey::AutoCreateSubscriptionGroup
        | OnlineKey::SlaveReadEnable
        | OnlineKey::FlushIntervalCommitLog
        | OnlineKey::FlushCommitLogLeastPages
        | OnlineKey::FlushCommitLogThoroughInterval
        | OnlineKey::FlushIntervalConsumeQueue
        | OnlineKey::FlushConsumeQueueLeastPages
        | OnlineKey::FlushConsumeQueueThoroughInterval
        | OnlineKey::WaitTimeMillsInSendQueue
        | OnlineKey::TraceOn => true,
        // `CommitLog.updateMaxMessageSize` from 5.0.0 on; before, the threads keep the encoder they began with.
        OnlineKey::MaxMessageSize | OnlineKey::HaMaxGapNotInSync => version.is_5(),
        OnlineKey::HaSlaveFallbehindMax => !version.is_5(),
        // `BrokerController.initialize` schedules `updateNameServerAddressList` from 4.9.4 on.
        OnlineKey::NamesrvAddr => version >= Version::new(4, 9, 4),
        // `true` makes TBW102, which is made at the start only.
        OnlineKey::AutoCreateTopicEnable => false,
        // The roll-out's, a full disk's and the sync policy's; a file cannot set them, or only with its mode.
        OnlineKey::BrokerPermission
        | OnlineKey::StartAcceptSendRequestTimeStamp
        | OnlineKey::InSyncReplicas
        | OnlineKey::TotalReplicas
        | OnlineKey::MinInSyncReplicas => false,
    };
    is_live.then_some(key)
}

/// What a broker runs with when its file does not say: equal in 4.7.0, 4.9.4 and 5.5.0 (their config classes).
fn default_of(key: OnlineKey) -> Option<&'static str> {
    Some(match key {
        OnlineKey::FileReservedTime => "72",
        OnlineKey::DeleteWhen => "04",
        OnlineKey::DiskMaxUsedSpaceRatio => "75",
        OnlineKey::MaxMessageSize => "4194304",
        OnlineKey::AutoCreateSubscriptionGroup | OnlineKey::TraceOn => "true",
        OnlineKey::SlaveReadEnable => "false",
        OnlineKey::FlushIntervalCommitLog => "500",
        OnlineKey::FlushCommitLogLeastPages => "4",
        OnlineKey::FlushCommitLogThoroughInterval => "10000",
        OnlineKey::FlushIntervalConsumeQueue => "1000",
        OnlineKey::FlushConsumeQueueLeastPages => "2",
        OnlineKey::FlushConsumeQueueThoroughInterval => "60000",
        OnlineKey::WaitTimeMillsInSendQueue => "200",
        OnlineKey::HaMaxGapNotInSync | OnlineKey::HaSlaveFallbehindMax => "268435456",
        OnlineKey::NamesrvAddr
        | OnlineKey::AutoCreateTopicEnable
        | OnlineKey::BrokerPermission
        | OnlineKey::StartAcceptSendRequestTimeStamp
        | OnlineKey::InSyncReplicas
        | OnlineKey::TotalReplicas
        | OnlineKey::MinInSyncReplicas => return None,
    })
}

/// What a broker of that release is to run with, of all keys that it takes while it runs. A key that left the file
/// goes back to its default.
pub fn live(version: Version, file: &BTreeMap<String, String>) -> Live {
    let keys = OnlineKey::ALL.into_iter().filter(|key| live_key(version, key.name()).is_some());
    let value = |key: OnlineKey| file.get(key.name()).cloned().or_else(|| default_of(key).map(str::to_owned));
    keys.filter_map(|key| Some((key, value(key)?))).collect()
}

/// What is to be done about a running broker.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Due {
    /// It runs with what it should.
    Nothing,
    /// It did, and somebody has changed it since: that is named and left alone.
    Drifted,
    /// This is to be set.
    Set(OnlineConfig),
}

/// Compares what is wanted with what the broker says. `before` is what was wanted when this process last ran with all
/// of it: what differs from the same wish is somebody's doing.
pub fn due(wanted: &Live, running: &BTreeMap<String, String>, before: Option<&Live>) -> Due {
    let mut change = OnlineConfig::default();
    // A value that it may not have is not sent; its report names it as another than the one rendered.
    for (key, value) in wanted {
        let _ = change.set(*key, value);
    }
    // A key of which it says nothing is none of this release.
    change.0.retain(|key, value| running.get(key.name()).is_some_and(|found| found != value));
    match (change.is_empty(), before == Some(wanted)) {
        (true, _) => Due::Nothing,
        (false, true) => Due::Drifted,
        (false, false) => Due::Set(change),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const V5: Version = Version::new(5, 5, 0);

    fn file(lines: &[(&str, &str)]) -> BTreeMap<String, String> {
        lines.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    }

    /// A broker that was started with this file.
    fn running(version: Version, lines: &[(&str, &str)]) -> BTreeMap<String, String> {
        live(version, &file(lines)).into_iter().map(|(key, value)| (key.to_string(), value)).collect()
    }

    fn set(lines: &[(&str, &str)]) -> Due {
        let mut change = OnlineConfig::default();
        lines.iter().for_each(|(key, value)| change.set_named(key, value).unwrap());
        Due::Set(change)
    }

    #[test]
    fn a_changed_key_is_set_and_one_that_left_the_file_goes_back_to_its_default() {
        let broker = running(V5, &[("fileReservedTime", "48"), ("deleteWhen", "05")]);
        let before = live(V5, &file(&[("fileReservedTime", "48"), ("deleteWhen", "05")]));
        let wanted = live(V5, &file(&[("fileReservedTime", "24")]));
        assert_eq!(due(&wanted, &broker, Some(&before)), set(&[("fileReservedTime", "24"), ("deleteWhen", "04")]));
        assert_eq!(due(&before, &broker, None), Due::Nothing);
    }

    /// An agent that was killed before it had set it remembers nothing.
    #[test]
    fn a_change_that_was_under_way_is_gone_on_with() {
        let broker = running(V5, &[]);
        let wanted = live(V5, &file(&[("fileReservedTime", "24")]));
        assert_eq!(due(&wanted, &broker, None), set(&[("fileReservedTime", "24")]));
    }

    #[test]
    fn what_somebody_else_changed_is_left_alone_until_the_file_changes() {
        let wanted = live(V5, &file(&[]));
        let mut broker = running(V5, &[]);
        broker.insert("slaveReadEnable".to_owned(), "true".to_owned());
        assert_eq!(due(&wanted, &broker, Some(&wanted)), Due::Drifted);
        let next = live(V5, &file(&[("traceOn", "false")]));
        assert_eq!(due(&next, &broker, Some(&wanted)), set(&[("slaveReadEnable", "false"), ("traceOn", "false")]));
    }

    #[test]
    fn a_value_that_the_broker_would_drop_and_a_key_that_it_does_not_have_are_not_sent() {
        let wanted = live(V5, &file(&[("fileReservedTime", "2d")]));
        assert_eq!(due(&wanted, &running(V5, &[]), None), Due::Nothing);
        assert_eq!(due(&live(V5, &file(&[("traceOn", "false")])), &BTreeMap::new(), None), Due::Nothing);
    }

    #[test]
    fn what_is_taken_while_it_runs_depends_on_the_release() {
        let takes = |name, version: (u16, u16, u16)| live_key(Version::new(version.0, version.1, version.2), name);
        assert_eq!(takes("namesrvAddr", (4, 9, 3)), None);
        assert_eq!(takes("namesrvAddr", (4, 9, 4)), Some(OnlineKey::NamesrvAddr));
        assert_eq!(takes("maxMessageSize", (4, 9, 7)), None);
        assert_eq!(takes("maxMessageSize", (5, 0, 0)), Some(OnlineKey::MaxMessageSize));
        assert_eq!(takes("haMaxGapNotInSync", (4, 9, 4)), None);
        for never in ["brokerRole", "brokerPermission", "inSyncReplicas", "autoCreateTopicEnable", "flushDiskType"] {
            assert_eq!(takes(never, (5, 5, 0)), None, "{never}");
        }
    }
}
