//! Two hosts on this machine, each with an agent, its own loopback address, ports and folders, and real RocketMQ under
//! them. Everything waits by polling a condition with a bound.

use rocketmq_agent::{
    files,
    remoting::{Broker, Client},
    web,
};
use rocketmq_agent_domain::health::report::{ClusterReport, HostReport, InstanceReport};
use std::{
    collections::BTreeMap,
    fs::{self, File},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};
use tokio::runtime::Runtime;

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

/// An agent of one host.
pub struct Agent {
    pub host: &'static str,
    pub config: PathBuf,
    pub http: SocketAddr,
    process: Option<Child>,
}

impl Agent {
    pub fn pid(&self) -> u32 {
        self.process.as_ref().expect("the agent runs").id()
    }

    pub fn run(&self, arguments: &[&str]) -> Output {
        Command::new(binary()).arg("--config").arg(&self.config).args(arguments).output().unwrap()
    }

    pub fn start(&mut self) {
        let log = File::options().create(true).append(true).open(self.config.with_file_name("agent.log")).unwrap();
        let process = Command::new(binary())
            .arg("--config")
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

/// Both hosts.
pub struct Lab {
    pub version: &'static str,
    pub dir: PathBuf,
    pub agents: Vec<Agent>,
    pub namesrvs: Vec<SocketAddr>,
    runtime: Runtime,
    web: reqwest::Client,
    pub client: Client,
}

/// Ports of a lab: far from the demo's, and 200 apart from each other's.
fn ports(number: u16, host: u16) -> BTreeMap<&'static str, u16> {
    let first = 21000 + 200 * number + 60 * host;
    BTreeMap::from([("agent", first), ("namesrv", first + 5), ("master", first + 20), ("slave", first + 40)])
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
        for (index, host) in ["vm1", "vm2"].into_iter().take(usize::from(hosts)).enumerate() {
            let ip = format!("127.0.0.{}", index + 1);
            let ports = ports(number, index as u16);
            let folder = dir.join(host);
            files::make_directory(&folder, 0o755, None).unwrap();
            text += &format!(
                "[[host]]\nname = \"{host}\"\naddress = \"{ip}\"\nbase_dir = \"{}\"\nagent_port = {}\n\
                 namesrv = {{ port = {} }}\nbroker = {{ port = {}, slave_port = {} }}\n",
                folder.join("rocketmq").display(),
                ports["agent"],
                ports["namesrv"],
                ports["master"],
                ports["slave"]
            );
            let config = folder.join("agent.toml");
            let settings = format!(
                "host = \"{host}\"\ncluster_file = \"{}\"\nstate_dir = \"{}\"\n",
                dir.join("cluster.toml").display(),
                folder.join("state").display()
            );
            fs::write(&config, settings).unwrap();
            let http = format!("{ip}:{}", ports["agent"]).parse().unwrap();
            agents.push(Agent { host, config, http, process: None });
            namesrvs.push(format!("{ip}:{}", ports["namesrv"]).parse().unwrap());
        }
        fs::write(dir.join("cluster.toml"), text).unwrap();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let web = runtime.block_on(async { web::to_agents(Duration::from_secs(5)).unwrap() });
        Self { version, dir, agents, namesrvs, runtime, web, client: Client::new(Duration::from_secs(3)) }
    }

    pub fn cluster_file(&self) -> PathBuf {
        self.dir.join("cluster.toml")
    }

    pub fn agent(&mut self, host: &str) -> &mut Agent {
        self.agents.iter_mut().find(|agent| agent.host == host).unwrap()
    }

    pub fn start(&mut self) {
        self.agents.iter_mut().for_each(Agent::start);
    }

    /// Runs a future of the product's own clients.
    pub fn wait<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }

    /// Status and body of a GET from a host's agent.
    pub fn get(&self, host: &str, path: &str) -> Result<(u16, String), String> {
        let http = self.agents.iter().find(|agent| agent.host == host).unwrap().http;
        self.wait(async {
            let answer =
                self.web.get(format!("http://{http}{path}")).send().await.map_err(|error| format!("{error:?}"))?;
            let status = answer.status().as_u16();
            Ok((status, answer.text().await.map_err(|error| error.to_string())?))
        })
    }

    pub fn report(&self, host: &str) -> Result<HostReport, String> {
        let (status, body) = self.get(host, "/v1/host")?;
        serde_json::from_str(&body).map_err(|error| format!("{status} {error}: {body}"))
    }

    pub fn cluster(&self, host: &str) -> Result<ClusterReport, String> {
        let (_, body) = self.get(host, "/v1/cluster")?;
        serde_json::from_str(&body).map_err(|error| format!("{error}: {body}"))
    }

    pub fn instance(&self, host: &str, name: &str) -> Result<InstanceReport, String> {
        let report = self.report(host)?;
        let found = report.instances.into_iter().find(|instance| instance.instance.as_str() == name);
        found.ok_or_else(|| format!("{host} has no {name}"))
    }

    /// The process of an instance that runs.
    pub fn pid(&self, host: &str, name: &str) -> u32 {
        poll(LONG, &format!("{name} of {host} runs"), || self.instance(host, name)?.pid.ok_or("no pid".to_owned()))
    }

    /// All processes of both hosts.
    pub fn pids(&self) -> BTreeMap<String, u32> {
        let mut pids = BTreeMap::new();
        for agent in &self.agents {
            for instance in self.report(agent.host).unwrap().instances {
                pids.extend(instance.pid.map(|pid| (format!("{}/{}", agent.host, instance.instance), pid)));
            }
        }
        pids
    }

    /// Waits until every host says that the whole cluster is ready.
    pub fn until_ready(&self) {
        for agent in &self.agents {
            poll(LONG, "the cluster is ready", || match self.cluster(agent.host)? {
                report if report.ready => Ok(()),
                report => Err(describe(&report)),
            });
        }
    }

    /// Waits until an instance has a reason with that id; gives its words.
    pub fn until_reason(&self, host: &str, name: &str, id: &str) -> String {
        poll(LONG, &format!("{name} of {host} gives the reason {id}"), || {
            let instance = self.instance(host, name)?;
            let all = instance.reasons.iter().chain(&instance.warnings);
            all.clone()
                .find(|cause| cause.id == id)
                .map(|cause| cause.what.clone())
                .ok_or_else(|| format!("{} {:?}", instance.state, all.collect::<Vec<_>>()))
        })
    }

    /// A broker as the hosts reach it.
    pub fn broker(&self, host: &str, name: &str) -> Broker {
        let address = self.instance(host, name).unwrap().address;
        Broker::new(&self.client, address, Duration::from_secs(10))
    }

    pub fn namesrv_list(&self) -> String {
        self.namesrvs.iter().map(ToString::to_string).collect::<Vec<_>>().join(";")
    }

    fn base(&self, host: &str) -> PathBuf {
        self.dir.join(host).join("rocketmq")
    }

    /// The folder of an instance.
    pub fn folder(&self, host: &str, name: &str) -> PathBuf {
        self.base(host).join(name)
    }

    /// The official Java client of this version.
    pub fn java_client(&self, arguments: &[&str]) -> Command {
        let folder = made(&format!("client-{}", self.version));
        let mut command = Command::new("java");
        command
            .args(["--add-opens", "java.base/java.nio=ALL-UNNAMED", "-Xmx128m", "-cp"])
            .arg(format!("{0}/lib/*:{0}", folder.display()))
            .arg("Client")
            .args(arguments)
            .args(["--namesrv", &self.namesrv_list()]);
        command
    }

    /// Runs the Java client to its end; gives its output and whether it got all it was asked for.
    pub fn java(&self, arguments: &[&str]) -> (bool, String) {
        let output = self.java_client(arguments).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        (output.status.success(), text)
    }

    /// Stops both agents, and checks that nothing is left behind.
    pub fn stop(&mut self) {
        let pids: Vec<u32> = self
            .agents
            .iter()
            .filter_map(|agent| self.report(agent.host).ok())
            .flat_map(|r| r.instances)
            .filter_map(|i| i.pid)
            .collect();
        // Both at once, as a person stops a demo.
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

/// What is not ready, for a message.
pub fn describe(report: &ClusterReport) -> String {
    let hosts = report.hosts.iter().map(|view| match &view.report {
        Some(report) => format!("{}: {}", view.host, report.reasons().join(" | ")),
        None => format!("{}: no report: {:?}", view.host, view.error),
    });
    report.problems.iter().cloned().chain(hosts).collect::<Vec<_>>().join("\n")
}
