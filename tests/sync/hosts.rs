//! Hosts to try config sync on: a folder each, with the program and what it said.

use super::{
    agent::Agent,
    world::{Said, ended, until},
};
use std::{
    fs::{self, File},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
};
use tempfile::TempDir;

/// The secret of all hosts, unless a test says otherwise.
pub const SECRET: &str = "7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed";
/// Another one.
pub const OTHER_SECRET: &str = "3fc4ccfe745870e2c0d99f71f30ff0656c8dedd41cc1d7d3d376b0dbe685e2f3";

pub struct Hosts {
    folder: TempDir,
    count: usize,
    net: u32,
}

/// Two worlds at once must not share addresses, so nothing else counts here.
static WORLDS: AtomicU32 = AtomicU32::new(0);
static LOGS: AtomicU32 = AtomicU32::new(0);

impl Hosts {
    /// That many, with one secret and equal cluster files.
    pub fn new(count: usize) -> Self {
        let net = std::process::id() % 250 * 16 + WORLDS.fetch_add(1, Ordering::Relaxed) % 16;
        let hosts = Self { folder: tempfile::tempdir().unwrap(), count, net };
        hosts.write("jdk/release", "JAVA_VERSION=\"17.0.15\"\n", 0o644);
        hosts.write("jdk/bin/java", "#!/bin/sh\nexit 1\n", 0o755);
        for n in 1..=count {
            hosts.write(&format!("vm{n}/cluster.toml"), &hosts.file(), 0o644);
            hosts.write(&format!("vm{n}/cluster.secret"), SECRET, 0o600);
            let (dir, address) = (hosts.path(&format!("vm{n}")), hosts.address(n));
            let dir = dir.display();
            let settings = format!(
                "host = \"vm{n}\"\ncluster_file = \"{dir}/cluster.toml\"\nstate_dir = \"{dir}/state\"\n\
                 listen = \"{address}:9877\"\nsync_listen = \"{address}:9878\"\nsecret_file = \"{dir}/cluster.secret\"\n\
                 control_socket = \"{dir}/control.sock\"\n[embedded]\nrun_as = \"self\"\n"
            );
            hosts.write(&format!("vm{n}/agent.toml"), &settings, 0o644);
        }
        hosts
    }

    fn address(&self, n: usize) -> String {
        format!("127.{}.{}.{n}", 128 + self.net / 250 % 64, 1 + self.net % 250)
    }

    /// The cluster file.
    pub fn file(&self) -> String {
        self.file_where(&[], "")
    }

    /// The cluster file of the first so many hosts.
    pub fn file_of(&self, count: usize) -> String {
        let file = self.file();
        let next = format!("[[host]]\nname = \"vm{}\"\n", count + 1);
        file[..file.find(&next).unwrap_or(file.len())].to_owned()
    }

    /// The same with hosts that are witnesses, which need no Java, and with more tables.
    pub fn file_where(&self, witnesses: &[usize], more: &str) -> String {
        let dir = self.folder.path().display();
        let mode = if self.count == 1 { "single" } else { "2m-2s-sync" };
        let mut file = format!(
            "[cluster]\nmode = \"{mode}\"\n[rocketmq]\nversion = \"5.5.0\"\nsource = \"{dir}/no-release.zip\"\n\
             java_home = \"{dir}/jdk\"\n[broker]\nheap = \"256M\"\n{more}"
        );
        for n in 1..=self.count {
            file += &format!("[[host]]\nname = \"vm{n}\"\naddress = \"{}\"\n", self.address(n));
            file += &match witnesses.contains(&n) {
                true => "witness = true\n".to_owned(),
                false => format!("base_dir = \"{dir}/vm{n}/base\"\n"),
            };
        }
        file
    }

    /// The same with another value for one key.
    pub fn file_with(&self, hours: u32) -> String {
        format!("{}[broker.config]\nfileReservedTime = {hours}\n", self.file())
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, name: &str, text: &str, mode: u32) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        // As an editor does it: never half a file.
        let aside = path.with_extension("aside");
        fs::write(&aside, text).unwrap();
        fs::set_permissions(&aside, fs::Permissions::from_mode(mode)).unwrap();
        fs::rename(aside, path).unwrap();
    }

    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_default()
    }

    /// Whether the host has rendered that value.
    pub fn renders(&self, host: &str, hours: u32) -> bool {
        let conf = self.read(&format!("{host}/base/broker-a/conf/broker.conf"));
        conf.contains(&format!("fileReservedTime={hours}"))
    }

    fn command(&self, host: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(Path::new(env!("CARGO_BIN_EXE_rocketmq-agent")));
        let others =
            ["ROCKETMQ_AGENT_LOG", "ROCKETMQ_AGENT_SECRET", "CREDENTIALS_DIRECTORY", "JOURNAL_STREAM", "COLUMNS"];
        for variable in others {
            command.env_remove(variable);
        }
        command.env("ROCKETMQ_AGENT_CONFIG", self.path(&format!("{host}/agent.toml"))).args(arguments);
        command.stdin(Stdio::null());
        command
    }

    fn log(&self) -> PathBuf {
        self.path(&format!("log-{}", LOGS.fetch_add(1, Ordering::Relaxed)))
    }

    /// Runs the agent of a host until it serves HTTP.
    #[track_caller]
    pub fn agent(&self, host: &str) -> Agent {
        self.agent_with(host, &[])
    }

    /// The same with these variables.
    #[track_caller]
    pub fn agent_with(&self, host: &str, environment: &[(&str, &str)]) -> Agent {
        let log = self.log();
        let mut command = self.command(host, &["run"]);
        command.envs(environment.iter().copied());
        command.stdout(File::create(&log).unwrap()).stderr(File::options().append(true).open(&log).unwrap());
        Agent::begins(command.spawn().unwrap(), log)
    }

    /// Runs a command to its end.
    pub fn run(&self, host: &str, arguments: &[&str]) -> Said {
        self.run_with(host, arguments, &[])
    }

    /// The same with these variables.
    pub fn run_with(&self, host: &str, arguments: &[&str], environment: &[(&str, &str)]) -> Said {
        let (out, err) = (self.log(), self.log());
        let mut command = self.command(host, arguments);
        command.envs(environment.iter().copied());
        command.stdout(File::create(&out).unwrap()).stderr(File::create(&err).unwrap());
        let status = ended(&mut command.spawn().unwrap(), &err);
        Said { status, out: fs::read_to_string(out).unwrap(), err: fs::read_to_string(err).unwrap() }
    }

    /// Applies a file on a host.
    pub fn apply(&self, host: &str, text: &str, message: &str) -> Said {
        let name = format!("{host}/wanted.toml");
        self.write(&name, text, 0o644);
        self.run(host, &["apply", self.path(&name).to_str().unwrap(), "-m", message, "--yes"])
    }
}

/// The number of the document that an agent works from.
pub fn generation(agent: &Agent) -> Option<u64> {
    agent.report()?["config"]["generation"].as_u64()
}

#[track_caller]
pub fn works_from(agent: &Agent, wanted: u64) {
    until(&format!("generation {wanted}\n{}", agent.log()), || (generation(agent)? == wanted).then_some(()));
}

/// What there is to say about config sync, a line each.
pub fn remarks(agent: &Agent) -> String {
    let report = until("a report", || agent.report());
    report["config"]["remarks"].as_array().unwrap().iter().map(|it| it.as_str().unwrap().to_owned() + "\n").collect()
}

/// Two operators apply different files at once, on vm1 and on vm2: one of them is told that the other one was quicker. What
/// the winner's file says ([`Hosts::file_with`]).
pub fn two_apply_at_once(hosts: &Hosts) -> u32 {
    let hours = [48, 96];
    let said = std::thread::scope(|scope| {
        let apply = |index: usize| {
            let host = ["vm1", "vm2"][index];
            scope.spawn(move || hosts.apply(host, &hosts.file_with(hours[index]), &format!("on {host}")))
        };
        [apply(0), apply(1)].map(|apply| apply.join().unwrap())
    });
    let (won, lost) = if said[0].status == Some(0) { (0, 1) } else { (1, 0) };
    assert_eq!((said[won].status, said[lost].status), (Some(0), Some(1)), "{said:#?}");
    assert!(said[lost].err.contains("generation 2 was committed in the meantime"), "{said:#?}");
    assert!(said[lost].err.contains(["on vm1", "on vm2"][won]), "{said:#?}");
    hours[won]
}
