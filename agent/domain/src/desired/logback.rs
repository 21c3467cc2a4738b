//! Logging of releases that do not start without a logback file under `ROCKETMQ_HOME/conf`: all of 4.x
//! (`BrokerStartup` and `NamesrvStartup` of 4.9.4 configure it by that path) and 5.0.0. From 5.1.0 the jar has its own.

use crate::{launch::Role, names::Version};

/// Logger of RocketMQ 4.x → file below `${user.home}/logs/rocketmqlogs`.
const BROKER_LOGGERS: [(&str, &str); 10] = [
    ("RocketmqRemoting", "remoting"),
    ("RocketmqStore", "store"),
    ("RocketmqStoreError", "storeerror"),
    ("RocketmqTransaction", "transaction"),
    ("RocketmqRebalanceLock", "lock"),
    ("RocketmqFilter", "filter"),
    ("RocketmqProtection", "protection"),
    ("RocketmqWaterMark", "watermark"),
    ("RocketmqCommercial", "commercial"),
    ("RocketmqConsole", "console"),
];

/// Files are cut at this size and kept this often, so that logs never fill a disk.
const FILE_SIZE: &str = "64MB";
const FILES_KEPT: u32 = 10;

/// The file's name and text, where the release needs one.
pub fn logback(version: Version, role: Role) -> Option<(&'static str, String)> {
    if version >= Version::new(5, 1, 0) {
        return None;
    }
    Some(match role {
        // Controllers and proxies are run from 5.1 on, and the jars have theirs.
        Role::Controller | Role::Proxy | Role::Dashboard | Role::Exporter => return None,
        Role::Namesrv => ("logback_namesrv.xml", configuration("namesrv", &[])),
        Role::Master | Role::Slave | Role::Member => ("logback_broker.xml", configuration("broker", &BROKER_LOGGERS)),
    })
}

fn configuration(main: &str, loggers: &[(&str, &str)]) -> String {
    let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<configuration>\n");
    for file in std::iter::once(main).chain(loggers.iter().map(|(_, file)| *file)) {
        text += &appender(file);
    }
    for (logger, file) in loggers {
        text += &format!(
            "  <logger name=\"{logger}\" additivity=\"false\" level=\"INFO\"><appender-ref ref=\"{file}\"/></logger>\n"
        );
    }
    text += &format!("  <root level=\"INFO\"><appender-ref ref=\"{main}\"/></root>\n</configuration>\n");
    text
}

fn appender(file: &str) -> String {
    format!(
        r#"  <appender name="{file}" class="ch.qos.logback.core.rolling.RollingFileAppender">
    <file>${{user.home}}/logs/rocketmqlogs/{file}.log</file>
    <rollingPolicy class="ch.qos.logback.core.rolling.FixedWindowRollingPolicy">
      <fileNamePattern>${{user.home}}/logs/rocketmqlogs/otherdays/{file}.%i.log.gz</fileNamePattern>
      <minIndex>1</minIndex>
      <maxIndex>{FILES_KEPT}</maxIndex>
    </rollingPolicy>
    <triggeringPolicy class="ch.qos.logback.core.rolling.SizeBasedTriggeringPolicy">
      <maxFileSize>{FILE_SIZE}</maxFileSize>
    </triggeringPolicy>
    <encoder>
      <pattern>%d{{yyyy-MM-dd HH:mm:ss.SSS}} %-5p %t - %m%n</pattern>
      <charset>UTF-8</charset>
    </encoder>
  </appender>
"#
    )
}
