//! Load: the official Java client, sending one message after another until it is told to end.

use super::{LONG, RunningCluster, poll, until};
use std::{
    collections::BTreeMap,
    fs::{self, File},
    io::{BufRead, BufReader},
    path::PathBuf,
    process::{Child, Stdio},
};

/// What came of all sends of a sender that ended.
pub struct Sent {
    /// What each body begins with.
    pub prefix: String,
    /// Bodies that were acknowledged with SEND_OK.
    pub acknowledged: Vec<String>,
    /// Bodies that the client itself sent more than once, and how often.
    pub retried: BTreeMap<String, usize>,
}

/// A Java client that sends until it is told to end.
pub struct Sender {
    child: Child,
    prefix: String,
    log: PathBuf,
    /// How many sends there were before it counted as started: a client on a busy machine may fail to find its way at
    /// first.
    before: usize,
}

impl Sender {
    pub fn start(cluster: &RunningCluster, topic: &str, prefix: &str, rate: u32) -> Self {
        Self::start_sized(cluster, topic, prefix, rate, 0)
    }

    /// The same with bodies of so many bytes.
    pub fn start_sized(cluster: &RunningCluster, topic: &str, prefix: &str, rate: u32, size: usize) -> Self {
        let log = cluster.dir.join(format!("{prefix}.log"));
        let (rate, size) = (rate.to_string(), size.to_string());
        let arguments = [
            "send",
            "--topic",
            topic,
            "--count",
            "0",
            "--rate",
            &rate,
            "--size",
            &size,
            "--prefix",
            prefix,
            "--log",
            log.to_str().unwrap(),
        ];
        let child = cluster
            .java_client(&arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut sender = Self { child, prefix: prefix.to_owned(), log, before: 0 };
        sender.until_acknowledged(20);
        sender.before = sender.acknowledged().1;
        sender
    }

    /// Bodies that were acknowledged with SEND_OK so far, and how many sends there were in all.
    pub fn acknowledged(&self) -> (Vec<String>, usize) {
        let Ok(file) = File::open(&self.log) else { return (Vec::new(), 0) };
        let lines: Vec<String> = BufReader::new(file).lines().map_while(Result::ok).collect();
        let ok = lines.iter().filter_map(|line| line.strip_prefix("SEND_OK ")?.split(' ').next().map(str::to_owned));
        (ok.collect(), lines.len())
    }

    /// Waits for so many more.
    pub fn until_acknowledged(&self, more: usize) {
        let before = self.acknowledged().0.len();
        until(LONG, "sends are acknowledged", || self.acknowledged().0.len() >= before + more);
    }

    /// Waits until so many more were tried, whatever came of them.
    pub fn until_sent(&self, more: usize) {
        let before = self.acknowledged().1;
        until(LONG, "sends end", || self.acknowledged().1 >= before + more);
    }

    /// Ends it; gives the bodies that were acknowledged.
    pub fn stop(mut self) -> Vec<String> {
        drop(self.child.stdin.take());
        poll(LONG, "the sender ends", || self.child.try_wait().unwrap().ok_or("it runs".to_owned()));
        self.acknowledged().0
    }

    /// Ends it; gives what came of every send.
    pub fn stop_with_retries(self) -> Sent {
        let (prefix, log) = (self.prefix.clone(), self.log.clone());
        let acknowledged = self.stop();
        let lines = fs::read_to_string(log).unwrap();
        let retried = lines.lines().filter_map(|line| {
            let tries = line.rsplit_once(" tries=")?.1.parse().ok()?;
            Some((line.split(' ').nth(1)?.to_owned(), tries))
        });
        Sent { prefix, acknowledged, retried: retried.collect() }
    }

    /// Ends it, and checks that no send went wrong since it was started.
    pub fn stop_all_acknowledged(self) -> Vec<String> {
        let (log, before) = (self.log.clone(), self.before);
        let acknowledged = self.stop();
        let lines = fs::read_to_string(log).unwrap();
        let wrong: Vec<&str> =
            lines.lines().skip(before).filter(|line| !line.starts_with("SEND_OK ")).take(5).collect();
        assert!(wrong.is_empty(), "{wrong:?}");
        acknowledged
    }

    /// Waits until that group has acknowledged so many more.
    pub fn until_acknowledged_by(&self, group: &str, more: usize) {
        let by_group = || {
            let lines = fs::read_to_string(&self.log).unwrap_or_default();
            lines.lines().filter(|line| line.starts_with("SEND_OK ") && line.split(' ').nth(3) == Some(group)).count()
        };
        let before = by_group();
        until(LONG, &format!("{group} acknowledges sends"), || by_group() >= before + more);
    }
}
