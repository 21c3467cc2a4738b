//! Load: the official Java client, sending one message after another until it is told to end.

use crate::lab::{LONG, Lab, poll, until};
use std::{
    fs::File,
    io::{BufRead, BufReader},
    path::PathBuf,
    process::{Child, Stdio},
};

/// A Java client that sends until it is told to end.
pub struct Sender {
    child: Child,
    log: PathBuf,
}

impl Sender {
    pub fn start(lab: &Lab, topic: &str, prefix: &str, rate: u32) -> Self {
        let log = lab.dir.join(format!("{prefix}.log"));
        let rate = rate.to_string();
        let arguments = [
            "send",
            "--topic",
            topic,
            "--count",
            "0",
            "--rate",
            &rate,
            "--prefix",
            prefix,
            "--log",
            log.to_str().unwrap(),
        ];
        let child = lab
            .java_client(&arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let sender = Self { child, log };
        sender.until_acknowledged(20);
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

    /// Ends it; gives the bodies that were acknowledged.
    pub fn stop(mut self) -> Vec<String> {
        drop(self.child.stdin.take());
        poll(LONG, "the sender ends", || self.child.try_wait().unwrap().ok_or("it runs".to_owned()));
        self.acknowledged().0
    }
}
