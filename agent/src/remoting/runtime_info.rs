//! A broker's statistics (answer to code 28): a table of texts, the useful ones read into numbers. Keys and spellings
//! differ between versions and values are odd in the first minutes, so that every number may be missing: that is
//! unknown, never zero.

use std::{collections::BTreeMap, str::FromStr};

use serde::Deserialize;

use super::json;

/// Statistics of one broker at one moment. Keys as in `AdminBrokerProcessor.prepareRuntimeInfo`, 4.7.0 to 5.5.0.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RuntimeInfo {
    /// `brokerVersionDesc`, such as `V5_5_0`. (The numeric `brokerVersion` is gone from 5.3.4 on.) Empty if missing.
    pub version: String,
    /// When the process started, ms since 1970. A change means a restart.
    pub boot_timestamp_ms: Option<i64>,
    /// First byte of the commitlog; `None` too where there is no commitlog file yet (-1).
    pub commit_log_min_offset: Option<i64>,
    /// End of the commitlog. The lag of a slave is the master's less the slave's; ask the slave first.
    pub commit_log_max_offset: Option<i64>,
    /// Bytes of the commitlog that are not in the consume queues yet.
    pub dispatch_behind_bytes: Option<i64>,
    /// Store time of the oldest message, ms since 1970; `None` too where there is no message (-1).
    pub earliest_message_timestamp_ms: Option<i64>,
    /// 5.x: true for a master or acting master. `None` on 4.x.
    pub is_active: Option<bool>,
    /// Messages stored since the process started. 5.x leaves out its system topics (that named like the brokerName is
    /// one), and its slaves stay at 0.
    pub put_total: Option<i64>,
    /// Messages stored since midnight.
    pub put_total_today: Option<i64>,
    /// Messages read since the process started.
    pub get_total: Option<i64>,
    /// Messages read since midnight.
    pub get_total_today: Option<i64>,
    /// Messages stored per second, mean of the last 10 s.
    pub put_tps: Option<f64>,
    /// Messages read per second, mean of the last 10 s.
    pub get_tps: Option<f64>,
    /// Failed stores since the process started; 4.9 and later.
    pub put_failed_times: Option<i64>,
    /// Longest store since the process started, ms.
    pub put_entire_time_max_ms: Option<i64>,
    /// How long the page cache lock has been held by the message stored now, ms. High values make brokers refuse sends.
    pub page_cache_lock_ms: Option<i64>,
    /// Free buffers of the transient store pool; `None` too where the pool is off.
    pub transient_store_buffers: Option<i64>,
    /// Used part of the commitlog's disk, 0 to 1; where it has several paths (4.9.2 and later), of the least used one.
    /// `None` too where the directory does not exist yet (-1).
    pub commit_log_disk_ratio: Option<f64>,
    /// The same by path, 4.9 and later.
    pub commit_log_disk_ratios: BTreeMap<String, f64>,
    /// Used part of the consume queue's disk, 0 to 1.
    pub consume_queue_disk_ratio: Option<f64>,
    /// Sends waiting for a thread.
    pub send_pool: ThreadPool,
    /// Pulls waiting for a thread.
    pub pull_pool: ThreadPool,
    /// Queries waiting for a thread.
    pub query_pool: ThreadPool,
    /// Ends of transactions waiting for a thread; its head wait is never reported.
    pub end_transaction_pool: ThreadPool,
    /// 5.x: acknowledgements waiting for a thread.
    pub ack_pool: ThreadPool,
    /// Every key as it came.
    pub raw: BTreeMap<String, String>,
}

/// How full the queue in front of a thread pool is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ThreadPool {
    /// Requests that wait.
    pub queue_size: Option<i64>,
    /// How many may wait.
    pub queue_capacity: Option<i64>,
    /// How long the first one has waited, ms.
    pub head_wait_ms: Option<i64>,
}

/// The body of the answer.
#[derive(Deserialize)]
pub(super) struct RuntimeTable {
    #[serde(default, deserialize_with = "json::texts")]
    table: BTreeMap<String, String>,
}

/// Where the commit log of one broker begins and ends, as in [`RuntimeInfo`].
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct LogEnds {
    /// [`RuntimeInfo::commit_log_min_offset`].
    pub min_offset: Option<i64>,
    /// [`RuntimeInfo::commit_log_max_offset`].
    pub max_offset: Option<i64>,
}

/// The same body, of which the other keys are passed over.
#[derive(Deserialize)]
pub(super) struct EndsTable {
    #[serde(default, deserialize_with = "json::or_default")]
    table: Ends,
}

#[derive(Default, Deserialize)]
struct Ends {
    #[serde(default, rename = "commitLogMinOffset", deserialize_with = "json::text")]
    min: Option<String>,
    #[serde(default, rename = "commitLogMaxOffset", deserialize_with = "json::text")]
    max: Option<String>,
}

impl From<EndsTable> for LogEnds {
    fn from(EndsTable { table }: EndsTable) -> Self {
        let offset = |text: Option<String>| text?.trim().parse().ok().filter(|offset| *offset >= 0);
        Self { min_offset: offset(table.min), max_offset: offset(table.max) }
    }
}

impl From<RuntimeTable> for RuntimeInfo {
    fn from(body: RuntimeTable) -> Self {
        Self::from(body.table)
    }
}

impl From<BTreeMap<String, String>> for RuntimeInfo {
    fn from(raw: BTreeMap<String, String>) -> Self {
        let table = Table(&raw);
        let since_midnight = |now, midnight| {
            let today: i64 = table.value::<i64>(now)?.checked_sub(table.value(midnight)?)?;
            Some(today.max(0))
        };
        let path_key = "commitLogDiskRatio_";
        Self {
            version: raw.get("brokerVersionDesc").cloned().unwrap_or_default(),
            boot_timestamp_ms: table.value("bootTimestamp"),
            commit_log_min_offset: table.not_negative("commitLogMinOffset"),
            commit_log_max_offset: table.not_negative("commitLogMaxOffset"),
            dispatch_behind_bytes: table.value("dispatchBehindBytes"),
            earliest_message_timestamp_ms: table.not_negative("earliestMessageTimeStamp"),
            is_active: table.value("brokerActive"),
            put_total: table.value("msgPutTotalTodayNow"),
            put_total_today: since_midnight("msgPutTotalTodayNow", "msgPutTotalTodayMorning"),
            get_total: table.value("msgGetTotalTodayNow"),
            get_total_today: since_midnight("msgGetTotalTodayNow", "msgGetTotalTodayMorning"),
            put_tps: table.first_number("putTps"),
            // 4.x spells it with one r.
            get_tps: table.first_number("getTransferredTps").or_else(|| table.first_number("getTransferedTps")),
            put_failed_times: table.value("putMessageFailedTimes"),
            put_entire_time_max_ms: table.value("putMessageEntireTimeMax"),
            page_cache_lock_ms: table.value("pageCacheLockTimeMills"),
            transient_store_buffers: table
                .not_negative("remainTransientStoreBufferNumbs")
                .filter(|free| *free != i64::from(i32::MAX)),
            commit_log_disk_ratio: table.not_negative("commitLogDiskRatio"),
            commit_log_disk_ratios: raw
                .iter()
                .filter_map(|(key, value)| Some((key.strip_prefix(path_key)?, value.parse().ok()?)))
                .map(|(path, ratio)| (path.to_owned(), ratio))
                .collect(),
            consume_queue_disk_ratio: table.not_negative("consumeQueueDiskRatio"),
            send_pool: table.pool("send"),
            pull_pool: table.pool("pull"),
            query_pool: table.pool("query"),
            ack_pool: table.pool("ack"),
            end_transaction_pool: ThreadPool {
                queue_size: table.value("EndTransactionQueueSize"),
                queue_capacity: table.value("EndTransactionThreadPoolQueueCapacity"),
                head_wait_ms: None,
            },
            raw,
        }
    }
}

impl RuntimeInfo {
    /// Major, minor and patch of [`RuntimeInfo::version`], where it is of the usual form.
    pub fn release(&self) -> Option<(u32, u32, u32)> {
        let mut numbers = self.version.strip_prefix('V')?.split('_');
        let mut next = || numbers.next()?.parse().ok();
        Some((next()?, next()?, next()?))
    }
}

/// The table while it is read; a text that is not of the type wanted is as good as none.
struct Table<'a>(&'a BTreeMap<String, String>);

impl Table<'_> {
    fn value<T: FromStr>(&self, key: &str) -> Option<T> {
        self.0.get(key)?.trim().parse().ok()
    }

    /// RocketMQ writes -1 where there is nothing to count.
    fn not_negative<T: FromStr + PartialOrd + Default>(&self, key: &str) -> Option<T> {
        self.value(key).filter(|number| *number >= T::default())
    }

    /// Rates come as "10s 60s 600s"; the later ones are missing in the first minutes.
    fn first_number(&self, key: &str) -> Option<f64> {
        self.0.get(key)?.split_whitespace().next()?.parse().ok()
    }

    fn pool(&self, name: &str) -> ThreadPool {
        ThreadPool {
            queue_size: self.value(&format!("{name}ThreadPoolQueueSize")),
            queue_capacity: self.value(&format!("{name}ThreadPoolQueueCapacity")),
            head_wait_ms: self.value(&format!("{name}ThreadPoolQueueHeadWaitTimeMills")),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;

    fn info(table: &[(&str, &str)]) -> RuntimeInfo {
        let owned = |(key, value): &(&str, &str)| (key.to_string(), value.to_string());
        table.iter().map(owned).collect::<BTreeMap<_, _>>().into()
    }

    #[test]
    fn the_ends_of_the_log_alone_are_read_as_the_whole_table_has_them() {
        for (min, max) in [(r#""0""#, r#""1234""#), ("7", "1234"), (r#""-1""#, r#""x""#), ("null", "null")] {
            let text = format!(
                r#"{{"table":{{"putTps":"1 2","commitLogMinOffset":{min},"commitLogMaxOffset":{max},"b":true}}}}"#
            );
            let ends = LogEnds::from(json::from_slice::<EndsTable>(text.as_bytes()).unwrap());
            let all = RuntimeInfo::from(json::from_slice::<RuntimeTable>(text.as_bytes()).unwrap());
            assert_eq!((ends.min_offset, ends.max_offset), (all.commit_log_min_offset, all.commit_log_max_offset));
        }
        let none = LogEnds::from(json::from_slice::<EndsTable>(b"{\"table\":null}").unwrap());
        assert_eq!(none, LogEnds::default());
    }

    #[test]
    fn figures_of_a_broker_are_read() {
        let info = info(&[
            ("brokerVersionDesc", "V5_5_0"),
            ("bootTimestamp", "1795255160388"),
            ("brokerActive", "true"),
            ("commitLogMinOffset", "0"),
            ("commitLogMaxOffset", "1234"),
            ("commitLogDiskRatio", "0.19"),
            ("commitLogDiskRatio_/data/a", "0.19"),
            ("commitLogDiskRatio_/data/b", "0.5"),
            ("msgPutTotalTodayNow", "17"),
            ("msgPutTotalTodayMorning", "7"),
            ("putTps", "1.5 0.7 "),
            ("sendThreadPoolQueueSize", "3"),
            ("sendThreadPoolQueueCapacity", "10000"),
            ("sendThreadPoolQueueHeadWaitTimeMills", "12"),
        ]);
        assert_eq!(info.release(), Some((5, 5, 0)));
        assert_eq!(info.boot_timestamp_ms, Some(1_795_255_160_388));
        assert_eq!(info.is_active, Some(true));
        assert_eq!(info.commit_log_min_offset, Some(0));
        assert_eq!(info.commit_log_max_offset, Some(1234));
        assert_eq!(info.commit_log_disk_ratio, Some(0.19));
        assert_eq!(info.commit_log_disk_ratios["/data/b"], 0.5);
        assert_eq!(info.put_total_today, Some(10));
        assert_eq!(info.put_tps, Some(1.5));
        let send = ThreadPool { queue_size: Some(3), queue_capacity: Some(10000), head_wait_ms: Some(12) };
        assert_eq!(info.send_pool, send);
    }

    #[test]
    fn what_an_empty_broker_has_not_is_unknown_and_not_a_number() {
        let info = info(&[
            ("commitLogMinOffset", "-1"),
            ("earliestMessageTimeStamp", "-1"),
            ("commitLogDiskRatio", "-1.0"),
            ("remainTransientStoreBufferNumbs", "2147483647"),
            ("putTps", "  "),
            ("pageCacheLockTimeMills", "null"),
        ]);
        let expected = RuntimeInfo { raw: info.raw.clone(), ..RuntimeInfo::default() };
        assert_eq!(info, expected);
    }

    #[test]
    fn the_spelling_of_4_x_is_read_too() {
        assert_eq!(info(&[("getTransferedTps", "2.5  ")]).get_tps, Some(2.5));
    }

    #[test]
    fn a_version_of_another_form_has_no_release() {
        for version in ["", "V5", "5_5_0", "HIGHER_VERSION"] {
            assert_eq!(info(&[("brokerVersionDesc", version)]).release(), None);
        }
        let snapshot = info(&[("brokerVersionDesc", "V4_9_5_SNAPSHOT")]);
        assert_eq!(snapshot.release(), Some((4, 9, 5)));
    }
}
