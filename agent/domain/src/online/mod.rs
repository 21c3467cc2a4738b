//! The configuration keys that may be changed on a running broker, and values they may have. A broker takes any key
//! over the wire: a changed brokerName, listenPort or brokerRole is registered within 30 s without anything being
//! rebound (a ghost broker, seen on 4.7.0, 4.9.4 and 5.5.0), bad values and unknown keys are answered with SUCCESS, and
//! it then writes its whole effective configuration over its file. So only what is listed here is ever sent.

mod live;

use crate::held::HELD;
pub use live::{Due, Live, due, live, live_key};

use std::{collections::BTreeMap, fmt, net::SocketAddr, str::FromStr};

/// A key a broker reads at each use, so that a change works at once and safely.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OnlineKey {
    /// Hours that messages are kept. A smaller value deletes data at the next `deleteWhen`.
    FileReservedTime,
    /// Hours of the day at which expired files are deleted: `04` or `04;16`.
    DeleteWhen,
    /// Used part of the disk, in percent, at which old files are deleted at any hour.
    DiskMaxUsedSpaceRatio,
    /// Longest message body in bytes. 4.x uses it after a restart only.
    MaxMessageSize,
    /// Only `false`: `true` works after a restart, when TBW102 is made.
    AutoCreateTopicEnable,
    /// Whether consumer groups come into being by themselves.
    AutoCreateSubscriptionGroup,
    /// 2, 4 or 6: masks the permission of every topic in the route, at once and at every NameServer. 4 drains writers.
    BrokerPermission,
    /// Whether a slave may be read from.
    SlaveReadEnable,
    /// Milliseconds between flushes of the commitlog with ASYNC_FLUSH.
    FlushIntervalCommitLog,
    /// Pages that must be dirty for such a flush.
    FlushCommitLogLeastPages,
    /// Milliseconds after which it flushes whatever is dirty.
    FlushCommitLogThoroughInterval,
    /// Milliseconds between flushes of the consume queues.
    FlushIntervalConsumeQueue,
    /// Pages that must be dirty for such a flush.
    FlushConsumeQueueLeastPages,
    /// Milliseconds after which it flushes whatever is dirty.
    FlushConsumeQueueThoroughInterval,
    /// Milliseconds a send may wait for a thread before it is refused.
    WaitTimeMillsInSendQueue,
    /// 5.x: copies a message must have before it is acknowledged.
    InSyncReplicas,
    /// 5.x: copies there are to be.
    TotalReplicas,
    /// 5.x: copies below which sends fail.
    MinInSyncReplicas,
    /// 5.x: bytes a slave may be behind and count as in sync.
    HaMaxGapNotInSync,
    /// 4.x: bytes a slave may be behind and count as available.
    HaSlaveFallbehindMax,
    /// Whether message tracing is offered to clients.
    TraceOn,
    /// Milliseconds since 1970 before which sends are refused; only as [`crate::held`] sets it.
    StartAcceptSendRequestTimeStamp,
    /// The NameServers, `ip:port` with `;` between them. Read anew every two minutes from 4.9.4 on.
    NamesrvAddr,
}

impl OnlineKey {
    /// Every key there is.
    pub const ALL: [Self; 23] = [
        Self::FileReservedTime,
        Self::DeleteWhen,
        Self::DiskMaxUsedSpaceRatio,
        Self::MaxMessageSize,
        Self::AutoCreateTopicEnable,
        Self::AutoCreateSubscriptionGroup,
        Self::BrokerPermission,
        Self::SlaveReadEnable,
        Self::FlushIntervalCommitLog,
        Self::FlushCommitLogLeastPages,
        Self::FlushCommitLogThoroughInterval,
        Self::FlushIntervalConsumeQueue,
        Self::FlushConsumeQueueLeastPages,
        Self::FlushConsumeQueueThoroughInterval,
        Self::WaitTimeMillsInSendQueue,
        Self::InSyncReplicas,
        Self::TotalReplicas,
        Self::MinInSyncReplicas,
        Self::HaMaxGapNotInSync,
        Self::HaSlaveFallbehindMax,
        Self::TraceOn,
        Self::StartAcceptSendRequestTimeStamp,
        Self::NamesrvAddr,
    ];

    /// The key in broker.conf.
    pub const fn name(self) -> &'static str {
        match self {
            Self::FileReservedTime => "fileReservedTime",
            Self::DeleteWhen => "deleteWhen",
            Self::DiskMaxUsedSpaceRatio => "diskMaxUsedSpaceRatio",
            Self::MaxMessageSize => "maxMessageSize",
            Self::AutoCreateTopicEnable => "autoCreateTopicEnable",
            Self::AutoCreateSubscriptionGroup => "autoCreateSubscriptionGroup",
            Self::BrokerPermission => "brokerPermission",
            Self::SlaveReadEnable => "slaveReadEnable",
            Self::FlushIntervalCommitLog => "flushIntervalCommitLog",
            Self::FlushCommitLogLeastPages => "flushCommitLogLeastPages",
            Self::FlushCommitLogThoroughInterval => "flushCommitLogThoroughInterval",
            Self::FlushIntervalConsumeQueue => "flushIntervalConsumeQueue",
            Self::FlushConsumeQueueLeastPages => "flushConsumeQueueLeastPages",
            Self::FlushConsumeQueueThoroughInterval => "flushConsumeQueueThoroughInterval",
            Self::WaitTimeMillsInSendQueue => "waitTimeMillsInSendQueue",
            Self::InSyncReplicas => "inSyncReplicas",
            Self::TotalReplicas => "totalReplicas",
            Self::MinInSyncReplicas => "minInSyncReplicas",
            Self::HaMaxGapNotInSync => "haMaxGapNotInSync",
            Self::HaSlaveFallbehindMax => "haSlaveFallbehindMax",
            Self::TraceOn => "traceOn",
            Self::StartAcceptSendRequestTimeStamp => "startAcceptSendRequestTimeStamp",
            Self::NamesrvAddr => "namesrvAddr",
        }
    }

    /// The value as the broker will report it back, if this key may have it; else what it may have.
    fn normal(self, value: &str) -> Result<String, &'static str> {
        let number = |from: i64, to: i64| {
            let number: i64 = value.parse().ok()?;
            (from..=to).contains(&number).then(|| number.to_string())
        };
        let int = || number(1, i32::MAX.into());
        let flag = || matches!(value, "true" | "false").then(|| value.to_owned());
        let (normal, rule) = match self {
            Self::DeleteWhen => {
                let is_hour = |hour: &str| matches!(hour.parse(), Ok(0_u8..=23));
                let hours = value.split(';').all(is_hour).then(|| value.to_owned());
                (hours, "hours of the day, as in 04 or 04;16")
            }
            Self::DiskMaxUsedSpaceRatio => (number(10, 95), "10 to 95"),
            Self::AutoCreateTopicEnable => (flag().filter(|flag| flag == "false"), "false; true needs a restart"),
            Self::BrokerPermission => {
                (matches!(value, "2" | "4" | "6").then(|| value.to_owned()), "2 (write), 4 (read) or 6 (both)")
            }
            Self::StartAcceptSendRequestTimeStamp => {
                (["0", HELD].contains(&value).then(|| value.to_owned()), "0, or what the agent holds sends back with")
            }
            Self::AutoCreateSubscriptionGroup | Self::SlaveReadEnable | Self::TraceOn => (flag(), "true or false"),
            Self::NamesrvAddr => {
                let is_list = value.split(';').all(|address| address.parse::<SocketAddr>().is_ok());
                (is_list.then(|| value.to_owned()), "addresses with ports, as in 10.0.0.1:9876;10.0.0.2:9876")
            }
            Self::FlushCommitLogLeastPages | Self::FlushConsumeQueueLeastPages => {
                (number(0, i32::MAX.into()), "0 to 2147483647")
            }
            Self::FileReservedTime
            | Self::MaxMessageSize
            | Self::FlushIntervalCommitLog
            | Self::FlushCommitLogThoroughInterval
            | Self::FlushIntervalConsumeQueue
            | Self::FlushConsumeQueueThoroughInterval
            | Self::WaitTimeMillsInSendQueue
            | Self::InSyncReplicas
            | Self::TotalReplicas
            | Self::MinInSyncReplicas
            | Self::HaMaxGapNotInSync
            | Self::HaSlaveFallbehindMax => (int(), "1 to 2147483647"),
        };
        normal.ok_or(rule)
    }
}

impl fmt::Display for OnlineKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for OnlineKey {
    type Err = OnlineConfigError;

    fn from_str(name: &str) -> Result<Self, OnlineConfigError> {
        let mut all = Self::ALL.into_iter();
        all.find(|key| key.name() == name).ok_or_else(|| OnlineConfigError::Key(name.to_owned()))
    }
}

/// What may not be changed on a running broker.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OnlineConfigError {
    /// The key is none of [`OnlineKey`].
    #[error("{0} cannot be changed safely while a broker runs")]
    Key(String),
    /// The broker would answer SUCCESS and keep the old value, or worse.
    #[error("{key}={value} is not possible: it must be {rule}")]
    Value {
        /// The key.
        key: OnlineKey,
        /// The value given.
        value: String,
        /// What it may be.
        rule: &'static str,
    },
}

/// Keys with values that may be sent to a running broker.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OnlineConfig(BTreeMap<OnlineKey, String>);

impl OnlineConfig {
    /// Adds a key or replaces its value.
    ///
    /// # Errors
    /// [`OnlineConfigError::Value`] where the key may not have the value.
    pub fn set(&mut self, key: OnlineKey, value: &str) -> Result<(), OnlineConfigError> {
        let value = value.trim();
        let normal =
            key.normal(value).map_err(|rule| OnlineConfigError::Value { key, value: value.to_owned(), rule })?;
        self.0.insert(key, normal);
        Ok(())
    }

    /// The same for a key and value as they stand in broker.conf.
    ///
    /// # Errors
    /// [`OnlineConfigError`] for a key that needs a restart and for a value the key may not have.
    pub fn set_named(&mut self, name: &str, value: &str) -> Result<(), OnlineConfigError> {
        self.set(name.parse()?, value)
    }

    /// The keys and values.
    pub fn iter(&self) -> impl Iterator<Item = (OnlineKey, &str)> {
        self.0.iter().map(|(key, value)| (*key, value.as_str()))
    }

    /// Whether nothing is to be sent.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The body of code 25. The broker reads it as a .properties file; no value allowed here needs an escape.
    pub fn body(&self) -> String {
        self.iter().map(|(key, value)| format!("{key}={value}\n")).collect()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;

    #[test]
    fn every_key_is_found_by_its_name() {
        for key in OnlineKey::ALL {
            assert_eq!(key.name().parse(), Ok(key));
        }
    }

    #[test]
    fn keys_that_make_a_ghost_broker_or_run_code_are_refused() {
        let mut config = OnlineConfig::default();
        for name in ["brokerName", "listenPort", "brokerRole", "rocketmqHome", "storePathRootDir"] {
            let refused = Err(OnlineConfigError::Key(name.into()));
            assert_eq!(config.set_named(name, "1"), refused);
        }
        assert_eq!(config, OnlineConfig::default());
    }

    #[test]
    fn values_are_sent_as_the_broker_will_report_them() {
        let mut config = OnlineConfig::default();
        config.set_named("fileReservedTime", " 048 ").unwrap();
        config.set_named("deleteWhen", "04;16").unwrap();
        config.set_named("slaveReadEnable", "true").unwrap();
        assert_eq!(config.body(), "fileReservedTime=48\ndeleteWhen=04;16\nslaveReadEnable=true\n");
    }

    #[test]
    fn values_a_broker_would_ignore_or_regret_are_refused() {
        for (name, value) in [
            ("fileReservedTime", "0"),
            ("fileReservedTime", "2d"),
            ("fileReservedTime", "2147483648"),
            ("deleteWhen", "24"),
            ("deleteWhen", "04;"),
            ("diskMaxUsedSpaceRatio", "96"),
            ("autoCreateTopicEnable", "true"),
            ("brokerPermission", "0"),
            ("slaveReadEnable", "TRUE"),
            ("slaveReadEnable", "true\nbrokerName=x"),
            ("startAcceptSendRequestTimeStamp", "1"),
            ("namesrvAddr", "10.0.0.1:9876;"),
            ("namesrvAddr", "10.0.0.1:9876\nbrokerName=x"),
        ] {
            let result = OnlineConfig::default().set_named(name, value);
            assert!(matches!(result, Err(OnlineConfigError::Value { .. })), "{name}={value}");
        }
    }
}
