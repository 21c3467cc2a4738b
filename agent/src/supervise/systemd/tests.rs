//! The systemd supervisor against a systemd of the tests' own, at the other end of a socket pair: it reads the units that
//! are written, runs their processes, and tells of them as systemd does.

mod by_hand;
mod fake;
mod running;
mod steady;

use super::*;
use crate::supervise::{Start, Supervisor};
use fake::Fake;
use rocketmq_agent_domain::launch::{Launch, ProcessState, Role};
use std::{fs, time::Duration};
use tempfile::TempDir;

/// A host with a systemd; what still runs is killed at the end.
struct Host {
    folder: TempDir,
    fake: Fake,
}

impl Host {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let units = folder.path().join("units");
        fs::create_dir(&units).unwrap();
        Self { fake: Fake::new(units).await, folder }
    }

    async fn agent(&self) -> Systemd {
        let state = self.folder.path().join("state");
        let connection = self.fake.connect().await;
        let programs = Programs { flock: "/usr/bin/flock".into(), agent: None };
        Systemd::with(&state, programs, None, self.folder.path().join("units"), Some(connection)).unwrap()
    }

    fn unit(&self, name: &str) -> PathBuf {
        self.folder.path().join(format!("units/rocketmq-{name}.service"))
    }

    /// A process that does nothing for long.
    fn sleeper(&self, name: &str) -> Launch {
        self.launch(name, "/bin/sleep", &["600"])
    }

    fn launch(&self, name: &str, program: &str, arguments: &[&str]) -> Launch {
        let directory = self.folder.path().join(name);
        fs::create_dir_all(&directory).unwrap();
        Launch {
            instance: name.parse().unwrap(),
            role: Role::Namesrv,
            program: program.into(),
            arguments: arguments.iter().map(|argument| (*argument).to_owned()).collect(),
            environment: [("PATH".to_owned(), "/usr/bin:/bin".to_owned())].into(),
            console: directory.join("console.log"),
            logs: Vec::new(),
            directory,
            store: None,
            service: None,
            offsets_of: None,
            partner: None,
            ports: Vec::new(),
            stop_deadline: Duration::from_secs(60),
            fingerprint: "f1".to_owned(),
        }
    }
}

async fn start(agent: &Systemd, launch: &Launch) -> u32 {
    match agent.start(launch).await.unwrap() {
        Start::Running { pid } => pid,
        other => panic!("{} did not start: {other:?}", launch.instance),
    }
}

/// Waits, by what the supervisor tells, until its view of an instance is as wanted.
async fn until(agent: &Systemd, launch: &Launch, wanted: impl Fn(&ProcessState) -> bool) -> ProcessState {
    let waiting = async {
        loop {
            let state = agent.observe(&launch.instance).await.unwrap();
            if wanted(&state) {
                return state;
            }
            agent.changed().await;
        }
    };
    match tokio::time::timeout(Duration::from_secs(30), waiting).await {
        Ok(state) => state,
        Err(_) => panic!("still {:?}", agent.observe(&launch.instance).await),
    }
}
