//! What the jars do not say: values that RocketMQ takes and does not mean, keys of guides that no release ever took, and
//! names that changed. In: a key and its value. Out: words for a person. Each line names where it was read.

use super::Wrong;

/// The lowest and the highest value that a number can have, and what RocketMQ does beyond them.
const RANGES: [(&str, i64, i64, &str); 15] = [
    // CleanCommitLogService of 4.7.0 to 5.5.0: older than 0 hours is everything, and below it the future.
    ("fileReservedTime", 1, 87_600, "it is the hours that messages are kept"),
    // MessageStoreConfig.getDiskMaxUsedSpaceRatio of 4.5.2 to 5.5.0 bends it into this range and says nothing.
    ("diskMaxUsedSpaceRatio", 10, 95, "RocketMQ would bend it into that range"),
    // NettyDecoder.FRAME_MAX_LENGTH of 4.5.2 to 5.5.0: a longer frame ends the connection without a word.
    ("maxMessageSize", 1, 16_777_216, "a longer request is cut off without a word"),
    // BrokerController.start of 4.5.2 to 5.5.0 bends it into this range.
    ("registerNameServerPeriod", 10_000, 60_000, "RocketMQ would bend it into that range"),
    // A queue of consume-queue entries of 20 bytes; below one of them nothing fits (ConsumeQueue.CQ_STORE_UNIT_SIZE).
    ("mappedFileSizeConsumeQueue", 20, MOST, "one entry has 20 bytes"),
    ("mappedFileSizeCommitLog", 4096, MOST, "a file is mapped by pages"),
    ("maxHashSlotNum", 1, MOST, "it is a count"),
    ("maxIndexNum", 1, MOST, "it is a count"),
    ("transientStorePoolSize", 1, MOST, "it is a count"),
    ("defaultTopicQueueNums", 1, 65_535, "a topic without queues takes no messages"),
    ("flushIntervalCommitLog", 1, MOST, "it is milliseconds"),
    ("waitTimeMillsInSendQueue", 1, MOST, "it is milliseconds"),
    ("serverWorkerThreads", 1, MOST, "it is a count"),
    ("metricsPromExporterPort", 1, 65_535, "it is a TCP port"),
    ("grpcServerPort", 1, 65_535, "it is a TCP port"),
];

const MOST: i64 = i32::MAX as i64;
const NOT_STARTED: &str = "RocketMQ does not start with it";

/// Endings of keys whose number must be at least one: `ThreadPoolExecutor` and `LinkedBlockingQueue` refuse less, and a
/// broker of 4.9.4 and 5.5.0 with `pullMessageThreadPoolNums=0` ended with exit status 255.
const AT_LEAST_ONE: [&str; 2] = ["ThreadPoolNums", "QueueCapacity"];

/// What is wrong with a value whose type is right.
pub fn judge(key: &str, value: &str) -> Option<Wrong> {
    match key {
        // UtilAll.isItTimeToDo of 4.5.2 to 5.5.0: hours with ';' between.
        "deleteWhen" if !value.split(';').all(is_hour) => {
            return Some(Wrong {
                rule: "bad-choice",
                what: format!("must be hours from 00 to 23 with ';' between, and is \"{value}\""),
                fix: "such as \"04\" or \"02;14\"".to_owned(),
            });
        }
        // ScheduleMessageService.parseDelayLevel of 4.5.2 to 5.5.0: the store is not loaded if one of them cannot be read.
        "messageDelayLevel" if !value.split(' ').all(is_delay) => {
            return Some(Wrong {
                rule: "bad-choice",
                what: format!("must be times in s, m, h or d with one blank between, and is \"{value}\""),
                fix: "such as \"1s 5s 10m 2h\"; the broker would not start".to_owned(),
            });
        }
        _ => {}
    }
    let number: i64 = value.parse().ok()?;
    let (lowest, highest, why) = match RANGES.iter().find(|(name, ..)| *name == key) {
        Some((_, lowest, highest, why)) => (*lowest, *highest, *why),
        None if AT_LEAST_ONE.iter().any(|ending| key.ends_with(ending)) => (1, MOST, NOT_STARTED),
        None => return None,
    };
    (!(lowest..=highest).contains(&number)).then(|| Wrong {
        rule: "out-of-range",
        what: match highest {
            MOST => format!("must be at least {lowest}, and is {number}"),
            _ => format!("must be between {lowest} and {highest}, and is {number}"),
        },
        fix: why.to_owned(),
    })
}

fn is_hour(text: &str) -> bool {
    text.len() <= 2 && text.parse::<u8>().is_ok_and(|hour| hour < 24)
}

fn is_delay(text: &str) -> bool {
    let number = text.strip_suffix(['s', 'm', 'h', 'd']);
    number.is_some_and(|number| number.parse::<u32>().is_ok_and(|number| number > 0))
}

/// Keys of guides and of older releases, and what to write instead. The first four have no setter in any release from
/// 4.3.2 to 5.5.0 and stand in most guides; the rest were renamed (`maped` in 4.5.0).
const INSTEAD: [(&str, &str); 12] = [
    ("storePathConsumeQueue", FOLLOWS_ROOT),
    ("storePathIndex", FOLLOWS_ROOT),
    ("storeCheckpoint", FOLLOWS_ROOT),
    ("abortFile", FOLLOWS_ROOT),
    ("mapedFileSizeCommitLog", "it is mappedFileSizeCommitLog since 4.5.0"),
    ("mapedFileSizeConsumeQueue", "it is mappedFileSizeConsumeQueue since 4.5.0"),
    ("mapedFileSizeConsumeQueueExt", "it is mappedFileSizeConsumeQueueExt since 4.5.0"),
    // MessageStoreConfig of 4.9.7 and 5.0.0; each release has one of the two.
    ("haSlaveFallbehindMax", "it is haMaxGapNotInSync since 5.0.0"),
    ("haMaxGapNotInSync", "it is haSlaveFallbehindMax before 5.0.0"),
    // FilterServerManager went with CVE-2023-33246.
    ("filterServerNums", "filter servers went with CVE-2023-33246; leave it out"),
    ("checkTransactionMessageEnable", "leave it out"),
    ("migrateAuthFromV1Enabled", "ACL files of 4.x can be taken over from 5.3.0 on"),
];

const FOLLOWS_ROOT: &str = "leave it out: it lies in the store, whose place follows from cluster.base_dir";

/// What to write instead of a key that a release does not take.
pub fn instead_of(key: &str) -> Option<&'static str> {
    INSTEAD.iter().find(|(name, _)| *name == key).map(|(_, instead)| *instead)
}

/// Keys that say how the messages that are already there are laid out, found or named. With another value they are
/// misread, not found, or the broker does not start. Those that the agent derives are not among them.
const LAYS_OUT_THE_STORE: [(&str, &str); 9] = [
    // MappedFileQueue.load of 4.5.2 to 5.5.0: "length not matched", exit status 253.
    ("mappedFileSizeCommitLog", "a broker with messages does not start with another value"),
    ("mappedFileSizeConsumeQueue", "a broker with messages does not start with another value"),
    ("mappedFileSizeConsumeQueueExt", "a broker with messages does not start with another value"),
    ("maxHashSlotNum", "index files that are there cannot be read with another value"),
    ("maxIndexNum", "index files that are there cannot be read with another value"),
    // ScheduleMessageService: a level is a queue, and a queue's delay is looked up by its number.
    ("messageDelayLevel", "delayed messages that wait are delivered at the new time of their level"),
    // DefaultMessageStore and RocksDBMessageStore of 5.x keep queues and tables in different places.
    ("storeType", "queues, topics, groups and offsets are kept elsewhere"),
    ("enableConsumeQueueExt", "the queues that are there have no extension"),
    ("useSingleRocksDBForAllConfigs", "topics, groups and offsets are kept elsewhere"),
];

/// What a change of a key does to messages that are already there, if it does anything.
pub fn on_messages(key: &str) -> Option<&'static str> {
    LAYS_OUT_THE_STORE.iter().find(|(name, _)| *name == key).map(|(_, what)| *what)
}

#[cfg(test)]
mod tests {
    use super::{super::every_key, *};

    #[test]
    fn values_that_rocketmq_takes_and_does_not_mean_are_named() {
        let bad = [
            ("fileReservedTime", "0"),
            ("fileReservedTime", "-1"),
            ("diskMaxUsedSpaceRatio", "99"),
            ("maxMessageSize", "33554432"),
            ("sendMessageThreadPoolNums", "0"),
            ("sendThreadPoolQueueCapacity", "0"),
            ("deleteWhen", "24"),
            ("deleteWhen", "04:00"),
            ("deleteWhen", "02,14"),
            ("messageDelayLevel", "1s,5s"),
            ("messageDelayLevel", "1s  5s"),
            ("messageDelayLevel", "90"),
        ];
        for (key, value) in bad {
            assert!(judge(key, value).is_some(), "{key} = {value}");
        }
        let good = [
            ("fileReservedTime", "72"),
            ("deleteWhen", "4"),
            ("deleteWhen", "00;12;23"),
            ("messageDelayLevel", "1s 5s 10s 30s 1m 2m 3m 4m 5m 6m 7m 8m 9m 10m 20m 30m 1h 2h"),
            ("flushCommitLogLeastPages", "0"),
        ];
        for (key, value) in good {
            assert_eq!(judge(key, value), None, "{key} = {value}");
        }
    }

    #[test]
    fn every_default_of_every_release_is_a_value_that_is_taken() {
        let wrong: Vec<String> = every_key()
            .filter(|key| !key.default.is_empty() && !key.default.starts_with('<'))
            .filter_map(|key| {
                let wrong = key.kind.judge(key.default).or_else(|| judge(key.name, key.default))?;
                Some(format!("{}.{} = {}: {}", key.class, key.name, key.default, wrong.what))
            })
            .collect();
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }

    #[test]
    fn what_is_written_by_hand_is_about_keys_that_there_are() {
        let exists = |name: &&str| every_key().any(|key| key.name == *name);
        assert!(RANGES.iter().map(|(name, ..)| name).all(exists));
        assert!(LAYS_OUT_THE_STORE.iter().map(|(name, _)| name).all(exists));
        let endings = AT_LEAST_ONE.iter().all(|ending| every_key().any(|key| key.name.ends_with(ending)));
        assert!(endings);
    }
}
