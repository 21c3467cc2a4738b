//! The embedded supervisor on real processes, small stand-ins for the JVM.

mod adoption;
mod guards;
mod running;
mod stopping;

use super::*;
use rocketmq_agent_domain::launch::{ProcessState, Role, StoreIdentity};
use rustix::process::{Pid, Signal, kill_process};
use std::{fs, path::PathBuf};
use tempfile::TempDir;

/// A folder for instances and a state folder; what still runs is killed at the end.
/// Only ever waited for in full when something is wrong; a machine under load takes its time.
const BOUND: Duration = Duration::from_secs(180);

struct Host {
    folder: TempDir,
}

impl Host {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap() }
    }

    fn path(&self) -> &Path {
        self.folder.path()
    }

    fn run_folder(&self) -> PathBuf {
        self.path().join("state/run")
    }

    fn agent(&self) -> Embedded {
        let timing = Timing { silence: Duration::from_millis(400), poll: Duration::from_millis(50) };
        let deadline = std::time::Instant::now() + BOUND;
        loop {
            match Embedded::open(&self.path().join("state"), None, timing) {
                // Another test's child has the lock file of the agent before for the moment between fork and exec.
                Err(SupervisorError::AnotherAgent { .. }) if std::time::Instant::now() < deadline => {
                    std::thread::yield_now();
                }
                opened => return opened.unwrap(),
            }
        }
    }

    /// A NameServer's launch of any program.
    fn launch(&self, name: &str, program: &str, arguments: &[&str]) -> Launch {
        let directory = self.path().join(name);
        fs::create_dir_all(&directory).unwrap();
        Launch {
            instance: name.parse().unwrap(),
            role: Role::Namesrv,
            program: program.into(),
            arguments: arguments.iter().map(|argument| (*argument).to_owned()).collect(),
            environment: [("PATH".to_owned(), "/usr/bin:/bin".to_owned())].into(),
            console: directory.join("console.log"),
            logs: vec![directory.join("broker.log")],
            directory,
            store: None,
            service: None,
            offsets_of: None,
            partner: None,
            ports: Vec::new(),
            stop_deadline: Duration::from_millis(200),
            fingerprint: "f1".to_owned(),
        }
    }

    fn shell(&self, name: &str, script: &str) -> Launch {
        self.launch(name, "/bin/sh", &["-c", script])
    }

    /// A process that does nothing for long, with a command line of its own.
    fn sleeper(&self, name: &str) -> Launch {
        static NEXT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
        let unique = NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        self.launch(name, "/bin/sleep", &[&format!("{}.{unique}", 600 + std::process::id())])
    }

    fn with_store(&self, mut launch: Launch) -> Launch {
        let root = launch.directory.join("store");
        fs::create_dir_all(root.join("commitlog")).unwrap();
        launch.role = Role::Master;
        launch.store = Some(StoreIdentity {
            commit_log: root.join("commitlog"),
            root,
            format: Default::default(),
            cluster: "DefaultCluster".to_owned(),
            broker: launch.instance.as_str().parse().unwrap(),
        });
        launch
    }

    fn record(&self, launch: &Launch) -> Record {
        Record::read(&self.run_folder(), &launch.instance).unwrap().unwrap()
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        for name in record::names(&self.run_folder()).unwrap_or_default() {
            let Ok(Some(record)) = Record::read(&self.run_folder(), &name) else { continue };
            if let Ok(Some(process)) = watch::find(&record) {
                kill(process.pid, Signal::KILL);
            }
        }
    }
}

fn kill(pid: u32, signal: Signal) {
    let pid = Pid::from_raw(i32::try_from(pid).unwrap()).unwrap();
    let _ = kill_process(pid, signal);
}

async fn start(agent: &Embedded, launch: &Launch) -> u32 {
    match agent.start(launch).await.unwrap() {
        Start::Running { pid } => pid,
        other => panic!("{} did not start: {other:?}", launch.instance),
    }
}

async fn refused(agent: &Embedded, launch: &Launch) -> Cause {
    match agent.start(launch).await.unwrap() {
        Start::Refused(cause) => cause,
        other => panic!("{} was not refused: {other:?}", launch.instance),
    }
}

/// Waits, by what the supervisor tells, until its view of an instance is as wanted.
async fn until(agent: &Embedded, launch: &Launch, wanted: impl Fn(&ProcessState) -> bool) -> ProcessState {
    let waiting = async {
        loop {
            let state = agent.observe(&launch.instance).await.unwrap();
            if wanted(&state) {
                return state;
            }
            agent.changed().await;
        }
    };
    match tokio::time::timeout(BOUND, waiting).await {
        Ok(state) => state,
        Err(_) => panic!("still {:?}", agent.observe(&launch.instance).await),
    }
}

async fn stopped(agent: &Embedded, launch: &Launch) -> ProcessState {
    until(agent, launch, |state| matches!(state, ProcessState::Stopped { .. })).await
}

/// Waits for something that no supervisor tells of.
async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let waiting = async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    let waited = tokio::time::timeout(BOUND, waiting).await;
    assert!(waited.is_ok(), "{what} did not come about");
}
