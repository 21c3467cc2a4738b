//! The table of texts: what a JVM and RocketMQ write when they give up, and what it means. Data only; [`super::texts`]
//! reads it. The order of the table is the order of trust.

/// Where a sign is looked for. RocketMQ's logs hold many harmless exceptions, so most signs count on the console only.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Place {
    Console,
    Logs,
    Both,
}
use Place::{Both, Console, Logs};

pub(super) struct Sign {
    pub(super) id: &'static str,
    pub(super) place: Place,
    /// Any of these in one line.
    pub(super) needles: &'static [&'static str],
    /// One sentence; `{line}` is the line that was found.
    pub(super) what: &'static str,
    pub(super) fix: &'static str,
}

const fn sign(
    id: &'static str,
    place: Place,
    needles: &'static [&'static str],
    what: &'static str,
    fix: &'static str,
) -> Sign {
    Sign { id, place, needles, what, fix }
}

pub(super) const OPENS: &str = "add to java_options: --add-opens=java.base/java.nio=ALL-UNNAMED, and the same for java.lang, sun.nio.ch \
                     and jdk.internal.ref; or run this release on the Java that it was made for (4.x: 8)";
const INSTALL: &str = "install the release again: remove its folder below dist/ and let the agent unpack it";
const REPORT: &str = "see the hs_err_pid file in the instance's logs folder, and update the JDK";

/// Every sign, the one to trust most first. An empty `what` is worded from what else was found.
pub(super) const SIGNS: &[Sign] = &[
    // The JVM did not get as far as RocketMQ.
    sign(
        "java-too-old",
        Console,
        &["UnsupportedClassVersionError", "Unrecognized option: --add-opens", "Unrecognized option: --add-exports"],
        "this Java is older than what it was told to run: {line}",
        "install a newer JDK, or set java_home in cluster.toml to one",
    ),
    // MixAll.localhost and getLocalhostByNetworkInterface of 5.5.0 call each other for ever on a host without a card.
    sign(
        "no-network-card",
        Console,
        &["getLocalhostByNetworkInterface"],
        "RocketMQ found no network card but lo on this host, and ends with a stack overflow",
        "give the host its address before the agent starts (network-online.target)",
    ),
    sign(
        "not-enough-memory",
        Console,
        &["insufficient memory for the Java Runtime", "Could not reserve enough space"],
        "",
        "",
    ),
    sign(
        "java-option-refused",
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
        "the arguments are not understood: {line}",
        "take that option out of java_options in cluster.toml, or run a Java that knows it",
    ),
    // netty's class fails to initialize because of the module system: not a missing class.
    sign(
        "add-opens-missing",
        Console,
        &["Could not initialize class io.netty.util.internal.PlatformDependent0"],
        "",
        "",
    ),
    sign(
        "distribution-incomplete",
        Console,
        &[
            "Could not find or load main class",
            "NoClassDefFoundError",
            "ClassNotFoundException",
            "Unable to access jarfile",
            "NoSuchMethodError",
        ],
        "a part of RocketMQ is missing: {line}",
        INSTALL,
    ),
    // RocketMQ refuses, on the console.
    sign("store-locked", Console, &["Lock failed,MQ already started", "Lock failed, MQ already started"], "", ""),
    sign("address-not-here", Console, &["Cannot assign requested address"], "", ""),
    sign("port-in-use", Console, &["Address already in use", "Failed to bind to"], "", ""),
    sign(
        "rocketmq-home-missing",
        Console,
        &["Please set the ROCKETMQ_HOME variable"],
        "ROCKETMQ_HOME is not set",
        "set ROCKETMQ_HOME in its environment to the folder that holds its conf folder",
    ),
    // ClusterServiceManager of 5.5.0 makes its topic on a broker when it starts.
    sign(
        "no-broker-yet",
        Both,
        &["create system broadcast topic"],
        "it found no broker of the cluster, on which a proxy keeps a topic of its own",
        "it starts as soon as a master is registered with a NameServer",
    ),
    sign(
        "namesrv-address-illegal",
        Console,
        &["The Name Server Address["],
        "the NameServer list is not address:port[;address:port...]: {line}",
        "put namesrvAddr right; look for commas, blanks and missing ports",
    ),
    sign(
        "broker-id-illegal",
        Console,
        &["Slave's brokerId must be > 0"],
        "a slave needs a brokerId above 0",
        "leave brokerId to the agent, or set it to 1 or more",
    ),
    sign(
        "logback-missing",
        Console,
        &["JoranException: Could not open"],
        "its logback file is missing: {line}",
        "render the instance's files again; RocketMQ 4.x and 5.0.0 do not start without conf/logback_*.xml",
    ),
    sign("config-file-missing", Console, &["FileNotFoundException: ", "NoSuchFileException: "], "", ""),
    sign(
        "argument-refused",
        Console,
        &["usage: mqbroker", "usage: mqnamesrv"],
        "RocketMQ did not understand its own arguments and printed its usage",
        "see the arguments after the main class; only -c FILE is needed",
    ),
    // Exit 253 with an empty console: RocketMQ's logs.
    sign(
        "store-file-size",
        Both,
        &["length not matched message store config value"],
        "the store was written with other file sizes than those set now: {line}",
        "set mappedFileSizeCommitLog and mappedFileSizeConsumeQueue back to what the store was made with; delete nothing",
    ),
    sign(
        "store-unusable",
        Logs,
        &[
            // Any file of it: a commit log file of another user ends the load without a word on the console.
            "(Permission denied)",
            "AccessDeniedException: ",
            "/lock (Not a directory)",
            "/lock (No such file or directory)",
            "/lock (Read-only file system)",
        ],
        "",
        "",
    ),
    sign(
        "store-metadata-broken",
        Logs,
        &[".json Failed", ".json.bak Failed"],
        "a file of the store's config folder cannot be read, nor its backup: {line}",
        "`rocketmq-agent restore INSTANCE` puts the newest good copy back, where there is one; else put one there from \
         the slave or a backup: without topics.json the broker would know no topic",
    ),
    sign(
        "disk-full",
        Both,
        &[
            "No space left on device",
            "a fault occurred in a recent unsafe memory access operation",
            "a fault occurred in an unsafe memory access operation",
        ],
        "",
        "",
    ),
    sign("add-opens-missing", Both, &["InaccessibleObjectException", "class access check failed"], "", ""),
    // The JVM gave up while it ran.
    sign(
        "too-many-maps",
        Both,
        &["OutOfMemoryError: Map failed", "java.io.IOException: Map failed"],
        "no more files can be mapped: {line}",
        "raise vm.max_map_count (sysctl) to 655360",
    ),
    sign(
        "too-many-threads",
        Both,
        &["unable to create native thread", "unable to create new native thread"],
        "no more threads can be made: {line}",
        "raise the limit of processes (ulimit -u, TasksMax=, pids.max), or look for what uses them up",
    ),
    sign(
        "heap-exhausted",
        Both,
        &["java.lang.OutOfMemoryError"],
        "the JVM ran out of its own memory: {line}",
        "raise the heap (or direct memory) in cluster.toml, or lower the load; a heap dump tells what fills it",
    ),
    sign(
        "too-many-open-files",
        Both,
        &["Too many open files"],
        "no more files can be opened: {line}",
        "raise the hard limit of open files (LimitNOFILE=, ulimit -Hn) to 655350",
    ),
    sign(
        "jvm-crashed",
        Console,
        &["A fatal error has been detected by the Java Runtime Environment"],
        "the JVM itself crashed",
        REPORT,
    ),
    sign(
        "start-failed",
        Console,
        &["Exception in thread \"main\"", "java.lang.IllegalStateException", "java.lang.RuntimeException"],
        "RocketMQ gave up: {line}",
        "see its console and logs",
    ),
];
