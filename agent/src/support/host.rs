//! What kind of host this is, and what its journal says of RocketMQ.

use crate::java;
use std::{fs, process::Command};
use sysinfo::System;

/// Lines of the journal, the newest.
const LINES: &str = "5000";

/// Releases of everything that matters, a line each.
pub(super) fn versions() -> String {
    let file = |path: &str| fs::read_to_string(path).map(|text| text.trim().to_owned()).unwrap_or_default();
    let told = |told: Option<String>| told.unwrap_or_else(|| "unknown".to_owned());
    let java = match java::find(None, |_| true) {
        Ok(java) => format!("{} ({})", java.full_version, java.home.display()),
        Err(error) => error.to_string(),
    };
    let memory = file("/proc/meminfo").lines().next().map(str::to_owned);
    let cpus = std::thread::available_parallelism().ok().map(|count| count.to_string());
    [
        format!("rocketmq-agent {}", env!("CARGO_PKG_VERSION")),
        format!("system: {}", told(System::long_os_version().ok())),
        format!("kernel: {}", told(System::kernel_version().ok())),
        format!("first process: {}", file("/proc/1/comm")),
        format!("java, the one that is preferred: {java}"),
        format!("CPUs: {}", told(cpus)),
        told(memory),
        format!("load: {}", file("/proc/loadavg")),
        format!("up: {} s", told(System::uptime().ok().map(|seconds| seconds.to_string()))),
    ]
    .join("\n")
        + "\n"
}

/// The newest lines of the agent's and the instances' units, and of systemd about them. The journal has no reader that is
/// built into a static program, so this is its own.
pub(super) fn journal() -> Result<String, String> {
    let mut command = Command::new("journalctl");
    command.args(["--no-pager", "--quiet", "--output=short-iso", "--lines", LINES, "--unit=rocketmq*"]);
    let output = command.output().map_err(|error| format!("cannot run journalctl: {error}"))?;
    if output.status.success() {
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    } else {
        Err(format!("journalctl: {}", String::from_utf8_lossy(&output.stderr).trim()))
    }
}
