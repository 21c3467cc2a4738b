//! Up to three hosts on this machine, each with an agent, its own loopback address, ports and folders, and real RocketMQ under
//! them. Everything waits by polling a condition with a bound.

pub use crate::real::*;
use rocketmq_agent::files;
use std::{
    collections::BTreeMap,
    ffi::OsString,
    fs::{self, File},
    net::SocketAddr,
    ops::Deref,
    path::PathBuf,
    process::{Child, Command, Output, Stdio},
};

/// An agent of one host.
pub struct Agent {
    pub host: &'static str,
    pub config: PathBuf,
    pub http: SocketAddr,
    /// A command that it is started by, and that it takes the place of.
    pub within: Vec<String>,
    process: Option<Child>,
}

impl Agent {
    pub fn pid(&self) -> u32 {
        self.process.as_ref().expect("the agent runs").id()
    }

    pub fn run(&self, arguments: &[&str]) -> Output {
        // In English, whoever runs the tests.
        Command::new(binary()).env("LC_ALL", "C").arg("--config").arg(&self.config).args(arguments).output().unwrap()
    }

    pub fn start(&mut self) {
        let log = File::options().create(true).append(true).open(self.config.with_file_name("agent.log")).unwrap();
        let line: Vec<OsString> =
            self.within.iter().map(OsString::from).chain([binary().into(), "--config".into()]).collect();
        let process = Command::new(&line[0])
            .args(&line[1..])
            .arg(&self.config)
            .arg("run")
            .stdin(Stdio::null())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        self.process = Some(process);
    }

    pub fn kill_9(&mut self) {
        let mut process = self.process.take().unwrap();
        kill_9(process.id());
        process.wait().unwrap();
    }

    /// SIGTERM; the agent stops its JVMs and ends well.
    pub fn stop(&mut self) {
        let Some(mut process) = self.process.take() else { return };
        signal(process.id(), rustix::process::Signal::TERM);
        let status = poll(LONG, "the agent ends", || process.try_wait().unwrap().ok_or("it runs".to_owned()));
        assert!(status.success(), "the agent of {} ended with {status}", self.host);
    }
}

/// All hosts.
pub struct Lab {
    pub agents: Vec<Agent>,
    cluster: RunningCluster,
    number: u16,
}

impl Deref for Lab {
    type Target = RunningCluster;

    fn deref(&self) -> &RunningCluster {
        &self.cluster
    }
}

/// Ports of a lab: far from the demo's, and 200 apart from each other's. A broker takes the two below its port and the one
/// above it too, an exporter the one two above its own.
fn ports(number: u16, host: u16) -> BTreeMap<&'static str, u16> {
    let first = 21000 + 200 * number + 60 * host;
    BTreeMap::from([
        ("agent", first),
        ("namesrv", first + 5),
        ("controller", first + 8),
        ("sync", first + 9),
        ("agent-check", first + 10),
        ("haproxy", first + 11),
        ("proxy", first + 13),
        ("proxy-remoting", first + 14),
        ("haproxy-proxy", first + 15),
        ("exporter", first + 1),
        ("haproxy-zone", first + 17),
        ("master", first + 20),
        ("slave", first + 40),
    ])
}

impl Lab {
    /// A new lab; `more` is added to the cluster file. Nothing runs yet.
    pub fn new(number: u16, version: &'static str, mode: &str, hosts: u16, more: &str) -> Self {
        // Below /var/tmp, where the account that RocketMQ runs as can get to.
        let dir = PathBuf::from(format!("/var/tmp/rocketmq-agent-tests-{}-{number}", std::process::id()));
        files::make_directory(&dir, 0o755, None).unwrap();
        let mut text = format!(
            "[cluster]\nmode = \"{mode}\"\n[rocketmq]\nversion = \"{version}\"\nsource = \"{}\"\n\
             [namesrv]\nheap = \"128M\"\n[broker]\nheap = \"256M\"\n{more}\n",
            zip(version).display()
        );
        let (mut agents, mut namesrvs) = (Vec::new(), Vec::new());
        for (index, host) in ["vm1", "vm2", "vm3"].into_iter().take(usize::from(hosts)).enumerate() {
            let ip = format!("127.0.0.{}", index + 1);
            let ports = ports(number, index as u16);
            let folder = dir.join(host);
            files::make_directory(&folder, 0o755, None).unwrap();
            // These listen on all addresses of a machine.
            let own = match mode {
                "controller" => format!("controller = {{ port = {} }}\n", ports["controller"]),
                _ if more.contains("[proxy]") => {
                    let [grpc, remoting] = ["proxy", "proxy-remoting"].map(|what| ports[what]);
                    format!("proxy = {{ port = {grpc}, remoting_port = {remoting} }}\n")
                }
                _ => String::new(),
            };
            text += &format!(
                "[[host]]\nname = \"{host}\"\naddress = \"{ip}\"\nbase_dir = \"{}\"\nagent_port = {}\n\
                 namesrv = {{ port = {} }}\nbroker = {{ port = {}, slave_port = {} }}\n{own}",
                folder.join("rocketmq").display(),
                ports["agent"],
                ports["namesrv"],
                ports["master"],
                ports["slave"]
            );
            let config = folder.join("agent.toml");
            let settings = format!(
                "host = \"{host}\"\ncluster_file = \"{}\"\nstate_dir = \"{}\"\nsupervisor = \"embedded\"\n\
                 agent_check = \"{ip}:{}\"\ncontrol_socket = \"{}\"\n",
                dir.join("cluster.toml").display(),
                folder.join("state").display(),
                ports["agent-check"],
                folder.join("control.sock").display()
            );
            fs::write(&config, settings).unwrap();
            let http = format!("{ip}:{}", ports["agent"]).parse().unwrap();
            agents.push(Agent { host, config, http, within: Vec::new(), process: None });
            namesrvs.push(format!("{ip}:{}", ports["namesrv"]).parse().unwrap());
        }
        fs::write(dir.join("cluster.toml"), text).unwrap();
        let http = agents.iter().map(|agent: &Agent| (agent.host, agent.http)).collect();
        Self { cluster: RunningCluster::new(version, dir, http, namesrvs), agents, number }
    }

    /// The same with config sync: each host has a cluster file of its own, and all have one secret.
    pub fn with_secret(self) -> Self {
        let (mut text, number) = (fs::read_to_string(self.cluster_file()).unwrap(), self.number);
        for (index, agent) in self.agents.iter().enumerate() {
            let (folder, sync) = (agent.config.parent().unwrap(), ports(number, index as u16)["sync"]);
            let host = format!("name = \"{}\"\n", agent.host);
            text = text.replace(&host, &format!("{host}sync_port = {sync}\n"));
            files::write_file(
                &folder.join("cluster.secret"),
                b"7692c3ad3540bb803c020b3aee66cd8887123234ea0c6e7143c0add73ff431ed",
                0o600,
                None,
            )
            .unwrap();
            let settings = fs::read_to_string(&agent.config).unwrap();
            let own = settings.replace(
                &self.cluster_file().display().to_string(),
                &folder.join("cluster.toml").display().to_string(),
            );
            let secret = folder.join("cluster.secret");
            fs::write(&agent.config, format!("{own}secret_file = \"{}\"\n", secret.display())).unwrap();
        }
        for agent in &self.agents {
            fs::write(agent.config.with_file_name("cluster.toml"), &text).unwrap();
        }
        self
    }

    pub fn cluster_file(&self) -> PathBuf {
        self.dir.join("cluster.toml")
    }

    /// Whether the official Java client speaks TLS.
    pub fn clients_over_tls(&mut self, over_tls: bool) {
        self.cluster.java_options = if over_tls { &["-Dtls.enable=true"] } else { &[] };
    }

    pub fn agent(&mut self, host: &str) -> &mut Agent {
        self.agents.iter_mut().find(|agent| agent.host == host).unwrap()
    }

    /// The port of a host that is for something.
    pub fn port(&self, host: &str, what: &str) -> u16 {
        let index = self.hosts.iter().position(|(name, _)| *name == host).unwrap();
        ports(self.number, index as u16)[what]
    }

    pub fn start(&mut self) {
        self.agents.iter_mut().for_each(Agent::start);
    }

    fn base(&self, host: &str) -> PathBuf {
        self.dir.join(host).join("rocketmq")
    }

    /// The folder of an instance.
    pub fn folder(&self, host: &str, name: &str) -> PathBuf {
        self.base(host).join(name)
    }

    /// Stops all agents, and checks that nothing is left behind.
    pub fn stop(&mut self) {
        let pids: Vec<u32> = self
            .agents
            .iter()
            .filter_map(|agent| self.report(agent.host).ok())
            .flat_map(|r| r.instances)
            .filter_map(|i| i.pid)
            .collect();
        // All at once, as a person stops a demo.
        for agent in self.agents.iter().filter(|agent| agent.process.is_some()) {
            signal(agent.pid(), rustix::process::Signal::TERM);
        }
        self.agents.iter_mut().for_each(Agent::stop);
        for pid in pids {
            assert!(!is_running(pid), "the JVM {pid} was left behind");
        }
        let left = aborts(&self.dir);
        assert!(left.is_empty(), "not stopped cleanly: {left:?}");
    }
}

impl Drop for Lab {
    /// A claim that failed leaves JVMs behind otherwise; they are ended by their pids.
    fn drop(&mut self) {
        for agent in &mut self.agents {
            if let Some(mut process) = agent.process.take() {
                let _ = rustix::process::kill_process(
                    rustix::process::Pid::from_raw(process.id() as i32).unwrap(),
                    rustix::process::Signal::CONT,
                );
                let _ = process.kill();
                let _ = process.wait();
            }
        }
        let own = self.dir.display().to_string();
        for entry in fs::read_dir("/proc").into_iter().flatten().flatten() {
            let Ok(pid) = entry.file_name().to_string_lossy().parse::<u32>() else { continue };
            let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
            if String::from_utf8_lossy(&line).contains(&format!("-Duser.home={own}/")) {
                kill_9(pid);
            }
        }
        if std::env::var_os("KEEP").is_none() {
            let _ = fs::remove_dir_all(&self.dir);
        }
    }
}
