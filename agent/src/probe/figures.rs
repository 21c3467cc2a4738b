//! RocketMQ's own figures under the names that users of rocketmq-exporter have in their dashboards and alerts
//! (its `RMQMetricsCollector`).

use std::collections::BTreeMap;

/// Key of GET_BROKER_RUNTIME_INFO → metric. Where a value holds several numbers (10, 60 and 600 s), the first counts.
const METRICS: [(&str, &str); 24] = [
    ("putTps", "rocketmq_broker_tps"),
    ("getTotalTps", "rocketmq_broker_qps"),
    ("commitLogDiskRatio", "rocketmq_brokeruntime_commitlog_disk_ratio"),
    ("consumeQueueDiskRatio", "rocketmq_brokeruntime_consumequeue_disk_ratio"),
    ("commitLogMaxOffset", "rocketmq_brokeruntime_commitlog_maxoffset"),
    ("commitLogMinOffset", "rocketmq_brokeruntime_commitlog_minoffset"),
    ("dispatchBehindBytes", "rocketmq_brokeruntime_dispatch_behind_bytes"),
    ("earliestMessageTimeStamp", "rocketmq_brokeruntime_earliest_message_timestamp"),
    ("startAcceptSendRequestTimeStamp", "rocketmq_brokeruntime_start_accept_sendrequest_time"),
    ("msgPutTotalTodayNow", "rocketmq_brokeruntime_msg_put_total_today_now"),
    ("msgGetTotalTodayNow", "rocketmq_brokeruntime_msg_gettotal_today_now"),
    ("putMessageTimesTotal", "rocketmq_brokeruntime_putmessage_times_total"),
    ("putMessageAverageSize", "rocketmq_brokeruntime_put_message_average_size"),
    ("putMessageEntireTimeMax", "rocketmq_brokeruntime_putmessage_entire_time_max"),
    ("getMessageEntireTimeMax", "rocketmq_brokeruntime_getmessage_entire_time_max"),
    ("pageCacheLockTimeMills", "rocketmq_brokeruntime_pagecache_lock_time_mills"),
    ("sendThreadPoolQueueSize", "rocketmq_brokeruntime_send_threadpool_queue_size"),
    ("sendThreadPoolQueueCapacity", "rocketmq_brokeruntime_send_threadpool_queue_capacity"),
    ("sendThreadPoolQueueHeadWaitTimeMills", "rocketmq_brokeruntime_send_threadpoolqueue_headwait_timemills"),
    ("pullThreadPoolQueueSize", "rocketmq_brokeruntime_pull_threadpool_queue_size"),
    ("pullThreadPoolQueueCapacity", "rocketmq_brokeruntime_pull_threadpool_queue_capacity"),
    ("pullThreadPoolQueueHeadWaitTimeMills", "rocketmq_brokeruntime_pull_threadpoolqueue_headwait_timemills"),
    ("queryThreadPoolQueueSize", "rocketmq_brokeruntime_query_threadpool_queue_size"),
    ("remainTransientStoreBufferNumbs", "rocketmq_brokeruntime_remain_transientstore_buffer_numbs"),
];

/// The metrics of one broker.
pub(super) fn of(raw: &BTreeMap<String, String>) -> BTreeMap<String, f64> {
    let value = |key: &str| raw.get(key)?.split_whitespace().next()?.parse().ok();
    METRICS.iter().filter_map(|(key, metric)| Some(((*metric).to_owned(), value(key)?))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_of_several_numbers_counts_and_what_is_no_number_is_left_out() {
        let raw = [("putTps", "12.5 3.0 1.0"), ("commitLogMaxOffset", "42"), ("dispatchBehindBytes", ""), ("x", "1")];
        let figures = of(&raw.map(|(key, value)| (key.to_owned(), value.to_owned())).into());
        let expected = [("rocketmq_broker_tps", 12.5), ("rocketmq_brokeruntime_commitlog_maxoffset", 42.0)];
        assert_eq!(figures, expected.map(|(name, value)| (name.to_owned(), value)).into());
    }
}
