//! What the tests on real clusters share: waiting, signals, the things that `make distribution client` made, and the
//! sights of a running cluster.
#![allow(dead_code, reason = "no test program uses all of it")]

mod outside;
pub mod runner;
mod running;
mod sender;

pub use outside::{grpc_client, make_jar, sha256};
pub use running::RunningCluster;
pub use sender::{Sender, Sent};

use std::{
    fs,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

/// Enough for a JVM on two busy cores to boot, register and connect; only ever waited for in full when something is
/// wrong.
pub const LONG: Duration = Duration::from_secs(240);

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

pub fn binary() -> &'static str {
    env!("CARGO_BIN_EXE_rocketmq-agent")
}

/// What `make distribution client` made.
pub fn made(name: &str) -> PathBuf {
    let path = root().join("target/rocketmq").join(name);
    assert!(path.exists(), "{} is missing: run `make distribution client`", path.display());
    path
}

pub fn zip(version: &str) -> PathBuf {
    made(&format!("rocketmq-all-{version}-bin-release.zip"))
}

/// Polls until there is an answer.
pub fn poll<T>(bound: Duration, what: &str, mut look: impl FnMut() -> Result<T, String>) -> T {
    let deadline = Instant::now() + bound;
    loop {
        match look() {
            Ok(found) => return found,
            Err(why) if Instant::now() > deadline => panic!("{what}: not within {bound:?}: {why}"),
            Err(_) => std::thread::sleep(Duration::from_millis(100)),
        }
    }
}

pub fn until(bound: Duration, what: &str, mut condition: impl FnMut() -> bool) {
    poll(bound, what, || if condition() { Ok(()) } else { Err("it is not so".to_owned()) });
}

pub fn is_running(pid: u32) -> bool {
    // A zombie has ended; its parent has not looked yet.
    fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
}

pub fn signal(pid: u32, signal: rustix::process::Signal) {
    let pid = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    rustix::process::kill_process(pid, signal).unwrap();
}

pub fn kill_9(pid: u32) {
    signal(pid, rustix::process::Signal::KILL);
}

/// The `abort` files of stores that were not closed cleanly.
pub fn aborts(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.file_name().is_some_and(|name| name == "abort") {
            found.push(path);
        } else if path.is_dir() {
            found.extend(aborts(&path));
        }
    }
    found
}
