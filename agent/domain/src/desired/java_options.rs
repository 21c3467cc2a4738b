//! The command line of a JVM, by RocketMQ release and Java release. RocketMQ's own scripts are not used: up to 4.9.2
//! they start only on Java 8, from 5.1.0 to 5.3.3 they ignore JAVA_HOME, and none passes `--add-opens`.

use super::{folders::Folders, memory::Share};
use crate::{launch::Role, topology::JvmSettings};
use std::path::Path;

/// The Java that a host has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Java {
    /// The `java` program, absolute.
    pub program: std::path::PathBuf,
    /// 8, 11, 17 …
    pub release: u16,
}

/// What `sun.misc.Cleaner`-style unmapping and netty's direct buffers reach into. Without them 4.7.0 does not start on
/// Java 17, and 4.9.4 starts, never deletes an expired file, and does not come up again after its first crash.
pub const OPENED: [&str; 4] = ["java.nio", "sun.nio.ch", "jdk.internal.ref", "java.lang"];

/// G1 regions of 16 MiB, as runbroker.sh sets them, make sense from here on.
const LARGE_HEAP: u64 = 4 << 30;

/// All arguments of `java`, the main class and its own included.
pub fn arguments(
    role: Role,
    java: u16,
    folders: &Folders,
    distribution: &Path,
    share: Share,
    settings: &JvmSettings,
    own: &[String],
) -> Vec<String> {
    let logs = folders.logs();
    let mut args = vec![
        "-server".to_owned(),
        format!("-Xms{}", share.heap.as_java_flag()),
        format!("-Xmx{}", share.heap.as_java_flag()),
    ];
    args.extend(settings.young.map(|young| format!("-Xmn{}", young.as_java_flag())));
    args.push(format!("-XX:MaxDirectMemorySize={}", share.direct.as_java_flag()));
    args.extend(["-XX:MetaspaceSize=128m", "-XX:MaxMetaspaceSize=320m"].map(str::to_owned));
    args.extend(
        ["-XX:+UseG1GC", "-XX:G1ReservePercent=25", "-XX:InitiatingHeapOccupancyPercent=30"].map(str::to_owned),
    );
    if share.heap.0 >= LARGE_HEAP {
        args.push("-XX:G1HeapRegionSize=16m".to_owned());
    }
    args.extend(
        ["-XX:SoftRefLRUPolicyMSPerMB=0", "-XX:-OmitStackTraceInFastThrow", "-XX:-UseLargePages"].map(str::to_owned),
    );
    if role.is_broker() {
        // A heap that does not fit fails at the start rather than in the middle of the night.
        args.push("-XX:+AlwaysPreTouch".to_owned());
    }
    args.push(format!("-XX:ErrorFile={}", logs.join("hs_err_%p.log").display()));
    let gc_log = logs.join("gc.log");
    if java >= 9 {
        args.push(format!("-Xlog:gc*,safepoint:file={}:time,level,tags:filecount=5,filesize=30m", gc_log.display()));
        args.extend(OPENED.map(|package| format!("--add-opens=java.base/{package}=ALL-UNNAMED")));
    } else {
        args.push(format!("-Xloggc:{}", gc_log.display()));
        args.extend(["-XX:+PrintGCDetails", "-XX:+PrintGCDateStamps", "-XX:+UseGCLogFileRotation"].map(str::to_owned));
        args.extend(["-XX:NumberOfGCLogFiles=5", "-XX:GCLogFileSize=30m"].map(str::to_owned));
    }
    args.push(format!("-Duser.home={}", folders.home.display()));
    args.push(format!("-Djava.io.tmpdir={}", folders.tmp().display()));
    args.extend(settings.java_options.iter().cloned());
    if !role.is_jar() {
        args.extend(["-cp".to_owned(), format!("{}/lib/*", distribution.display())]);
    }
    args.extend(own.iter().cloned());
    args
}

/// The main class and its arguments; the same names from 4.5 to 5.5.
pub fn main_class(role: Role) -> &'static str {
    match role {
        Role::Namesrv => "org.apache.rocketmq.namesrv.NamesrvStartup",
        Role::Controller => "org.apache.rocketmq.controller.ControllerStartup",
        Role::Master | Role::Slave | Role::Member => "org.apache.rocketmq.broker.BrokerStartup",
        Role::Proxy => "org.apache.rocketmq.proxy.ProxyStartup",
        // A jar names its own.
        Role::Dashboard | Role::Exporter => "-jar",
    }
}
