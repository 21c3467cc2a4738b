//! A running agent: what it says over HTTP and in its log, and its end.

use super::world::{PATIENCE, ended, until};
use serde_json::Value;
use std::{
    fs,
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    path::PathBuf,
    process::Child,
};

/// A running agent.
pub struct Agent {
    child: Child,
    log: PathBuf,
    pub http: SocketAddr,
}

impl Agent {
    /// Waits until it serves HTTP.
    #[track_caller]
    pub fn begins(child: Child, log: PathBuf) -> Self {
        let mut agent = Self { child, log, http: ([127, 0, 0, 1], 0).into() };
        agent.http = until("the agent begins", || {
            let log = agent.log();
            assert_eq!(agent.child.try_wait().unwrap(), None, "it ended: {log}");
            log.split_once("http=")?.1.split_whitespace().next()?.parse().ok()
        });
        agent
    }

    /// All that it said so far.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Status and body.
    pub fn get(&self, path: &str) -> (u16, String) {
        let mut connection = TcpStream::connect(self.http).unwrap();
        connection.set_read_timeout(Some(PATIENCE)).unwrap();
        write!(connection, "GET {path} HTTP/1.1\r\nHost: agent\r\nConnection: close\r\n\r\n").unwrap();
        let mut answer = String::new();
        connection.read_to_string(&mut answer).unwrap();
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
    }

    pub fn report(&self) -> Option<Value> {
        match self.get("/v1/host") {
            (200, body) => Some(serde_json::from_str(&body).unwrap()),
            _ => None,
        }
    }

    /// The first reason with that id, of the host or of an instance: what it is and what to do. `/readyz?verbose` says
    /// both in the same words.
    #[track_caller]
    pub fn reason(&self, id: &str) -> (String, String) {
        let (what, fix) = until(&format!("{id} in {:#?}\n{}", self.report(), self.log()), || {
            causes(&self.report()?).into_iter().find(|cause| cause["id"] == id).map(|cause| {
                let text = |key: &str| cause[key].as_str().unwrap().to_owned();
                (text("what"), text("fix"))
            })
        });
        let verbose = until("the same words in /readyz?verbose", || {
            let (status, body) = self.get("/readyz?verbose");
            assert_eq!(status, 503, "{body}");
            body.contains(what.lines().next().unwrap()).then_some(body)
        });
        assert!(verbose.contains(fix.as_str()), "{verbose}");
        (what, fix)
    }

    /// All ids of reasons at this moment.
    pub fn ids(&self) -> Vec<String> {
        let report = until("a report", || self.report());
        causes(&report).iter().map(|cause| cause["id"].as_str().unwrap().to_owned()).collect()
    }

    /// SIGTERM, and a clean end.
    #[track_caller]
    pub fn end(mut self) -> String {
        let pid = rustix::process::Pid::from_child(&self.child);
        rustix::process::kill_process(pid, rustix::process::Signal::TERM).unwrap();
        let status = ended(&mut self.child, &self.log);
        assert_eq!(status, Some(0), "{}", self.log());
        self.log()
    }
}

impl Drop for Agent {
    fn drop(&mut self) {
        // Harmless where it has ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn causes(report: &Value) -> Vec<Value> {
    let blocked = report["blocked"].as_array().unwrap().iter().map(|blocked| blocked["cause"].clone());
    let instances = report["instances"].as_array().unwrap().iter();
    blocked.chain(instances.flat_map(|instance| instance["reasons"].as_array().unwrap().clone())).collect()
}
