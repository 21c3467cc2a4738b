//! The table of texts: what a JVM and RocketMQ write when they give up, and what it means. Data only; [`super::texts`]
//! reads it. The order of the table is the order of trust.

use crate::finding::{self, Finding};

/// Where a sign is looked for. RocketMQ's logs hold many harmless exceptions, so most signs count on the console only.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Place {
    Console,
    Logs,
    Both,
}
use Place::{Both, Console, Logs};

pub(super) struct Sign {
    /// What it says, with `{line}` for the line that was found, where that is all that is told.
    pub(super) finding: Finding,
    pub(super) place: Place,
    /// Any of these in one line.
    pub(super) needles: &'static [&'static str],
}

const fn sign(finding: Finding, place: Place, needles: &'static [&'static str]) -> Sign {
    Sign { finding, place, needles }
}

/// Every sign, the one to trust most first. Some are worded from what else was found.
pub(super) const SIGNS: &[Sign] = &[
    // The JVM did not get as far as RocketMQ.
    sign(
        finding::JAVA_TOO_OLD,
        Console,
        &["UnsupportedClassVersionError", "Unrecognized option: --add-opens", "Unrecognized option: --add-exports"],
    ),
    // MixAll.localhost and getLocalhostByNetworkInterface of 5.5.0 call each other for ever on a host without a card.
    sign(finding::NO_NETWORK_CARD, Console, &["getLocalhostByNetworkInterface"]),
    sign(
        finding::NOT_ENOUGH_MEMORY,
        Console,
        &["insufficient memory for the Java Runtime", "Could not reserve enough space"],
    ),
    sign(
        finding::JAVA_OPTION_REFUSED,
        Console,
        &[
            "Unrecognized VM option",
            "Unrecognized option: -",
            "Improperly specified VM option",
            "is not supported.  Use -classpath",
            "Invalid maximum heap size",
            "Invalid initial heap size",
            "Initial heap size set to a larger value",
            "Multiple garbage collectors selected",
            "Conflicting collector combinations",
            "Invalid -Xlog option",
        ],
    ),
    // netty's class fails to initialize because of the module system: not a missing class.
    sign(
        finding::ADD_OPENS_MISSING,
        Console,
        &["Could not initialize class io.netty.util.internal.PlatformDependent0"],
    ),
    sign(
        finding::DISTRIBUTION_INCOMPLETE,
        Console,
        &[
            "Could not find or load main class",
            "NoClassDefFoundError",
            "ClassNotFoundException",
            "Unable to access jarfile",
            "NoSuchMethodError",
        ],
    ),
    // RocketMQ refuses, on the console.
    sign(finding::STORE_LOCKED, Console, &["Lock failed,MQ already started", "Lock failed, MQ already started"]),
    sign(finding::ADDRESS_NOT_HERE, Console, &["Cannot assign requested address"]),
    sign(finding::PORT_IN_USE, Console, &["Address already in use", "Failed to bind to"]),
    sign(finding::ROCKETMQ_HOME_MISSING, Console, &["Please set the ROCKETMQ_HOME variable"]),
    // ClusterServiceManager of 5.5.0 makes its topic on a broker when it starts.
    sign(finding::NO_BROKER_YET, Both, &["create system broadcast topic"]),
    sign(finding::NAMESRV_ADDRESS_ILLEGAL, Console, &["The Name Server Address["]),
    sign(finding::BROKER_ID_ILLEGAL, Console, &["Slave's brokerId must be > 0"]),
    sign(finding::LOGBACK_MISSING, Console, &["JoranException: Could not open"]),
    sign(finding::CONFIG_FILE_MISSING, Console, &["FileNotFoundException: ", "NoSuchFileException: "]),
    sign(finding::ARGUMENT_REFUSED, Console, &["usage: mqbroker", "usage: mqnamesrv"]),
    // Exit 253 with an empty console: RocketMQ's logs.
    sign(finding::STORE_FILE_SIZE, Both, &["length not matched message store config value"]),
    sign(
        finding::STORE_UNUSABLE,
        Logs,
        &[
            // Any file of it: a commit log file of another user ends the load without a word on the console.
            "(Permission denied)",
            "AccessDeniedException: ",
            "/lock (Not a directory)",
            "/lock (No such file or directory)",
            "/lock (Read-only file system)",
        ],
    ),
    sign(finding::STORE_METADATA_BROKEN, Logs, &[".json Failed", ".json.bak Failed"]),
    sign(
        finding::SOME_DISK_FULL,
        Both,
        &[
            "No space left on device",
            "a fault occurred in a recent unsafe memory access operation",
            "a fault occurred in an unsafe memory access operation",
        ],
    ),
    sign(finding::ADD_OPENS_MISSING, Both, &["InaccessibleObjectException", "class access check failed"]),
    // Logs that differ: dispatch of the slave stops at the first message that it cannot read (`ConsumeQueue`, `DefaultHAClient`).
    sign(
        finding::LOGS_DIFFER,
        Logs,
        &["[BUG]logic queue order maybe wrong", "master pushed offset not equal the max phy offset in slave"],
    ),
    // The JVM gave up while it ran.
    sign(finding::TOO_MANY_MAPS, Both, &["OutOfMemoryError: Map failed", "java.io.IOException: Map failed"]),
    sign(finding::TOO_MANY_THREADS, Both, &["unable to create native thread", "unable to create new native thread"]),
    sign(finding::HEAP_EXHAUSTED, Both, &["java.lang.OutOfMemoryError"]),
    sign(finding::TOO_MANY_OPEN_FILES, Both, &["Too many open files"]),
    sign(finding::JVM_CRASHED, Console, &["A fatal error has been detected by the Java Runtime Environment"]),
    sign(
        finding::START_FAILED,
        Console,
        &["Exception in thread \"main\"", "java.lang.IllegalStateException", "java.lang.RuntimeException"],
    ),
];
