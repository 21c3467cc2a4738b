//! A cluster that runs, as its users meet it: over the agents' HTTP, RocketMQ's remoting and the official Java client.

use super::{LONG, Sent, made, poll};
use rocketmq_agent::{
    remoting::{Broker, Client},
    web,
};
use rocketmq_agent_domain::{
    health::report::{ClusterReport, HostReport, InstanceReport},
    launch::Role,
};
use std::{collections::BTreeMap, fs, net::SocketAddr, path::PathBuf, process::Command, time::Duration};
use tokio::runtime::Runtime;

/// Where its agents and NameServers are.
pub struct RunningCluster {
    pub version: &'static str,
    /// A folder for what a test writes.
    pub dir: PathBuf,
    /// Every host and its agent's HTTP.
    pub hosts: Vec<(&'static str, SocketAddr)>,
    pub namesrvs: Vec<SocketAddr>,
    runtime: Runtime,
    web: reqwest::Client,
    pub client: Client,
    /// What the Java client is started with besides.
    pub java_options: &'static [&'static str],
}

impl RunningCluster {
    pub fn new(
        version: &'static str,
        dir: PathBuf,
        hosts: Vec<(&'static str, SocketAddr)>,
        namesrvs: Vec<SocketAddr>,
    ) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let web = runtime.block_on(async { web::to_agents(Duration::from_secs(5)).unwrap() });
        Self {
            version,
            dir,
            hosts,
            namesrvs,
            runtime,
            web,
            client: Client::new(Duration::from_secs(3)),
            java_options: &[],
        }
    }

    /// Runs a future of the product's own clients.
    pub fn wait<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }

    /// Status and body of a GET from a host's agent.
    pub fn get(&self, host: &str, path: &str) -> Result<(u16, String), String> {
        let http = self.hosts.iter().find(|(name, _)| *name == host).unwrap().1;
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

    /// The hosts whose member of a group is in that role, as they see it themselves.
    pub fn in_role(&self, group: &str, role: Role) -> Vec<&'static str> {
        let is = |host: &str| self.instance(host, group).is_ok_and(|it| it.pid.is_some() && it.role == role);
        self.hosts.iter().map(|(host, _)| *host).filter(|host| is(host)).collect()
    }

    /// The host of a group's only master, as soon as there is one.
    pub fn master_of(&self, group: &str) -> &'static str {
        let seen = |(host, _): &(&'static str, SocketAddr)| {
            (*host, self.instance(host, group).map(|it| (it.role, it.state, it.reasons)))
        };
        poll(LONG, "one member is the master", || match self.in_role(group, Role::Master)[..] {
            [host] => Ok(host),
            _ => Err(format!("{:?}", self.hosts.iter().map(seen).collect::<Vec<_>>())),
        })
    }

    /// The process of an instance that runs.
    pub fn pid(&self, host: &str, name: &str) -> u32 {
        poll(LONG, &format!("{name} of {host} runs"), || self.instance(host, name)?.pid.ok_or("no pid".to_owned()))
    }

    /// All processes of both hosts.
    pub fn pids(&self) -> BTreeMap<String, u32> {
        let mut pids = BTreeMap::new();
        for (host, _) in &self.hosts {
            for instance in self.report(host).unwrap().instances {
                pids.extend(instance.pid.map(|pid| (format!("{host}/{}", instance.instance), pid)));
            }
        }
        pids
    }

    /// Waits until every host says that the whole cluster is ready.
    pub fn until_ready(&self) {
        for (host, _) in &self.hosts {
            poll(LONG, "the cluster is ready", || match self.cluster(host)? {
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
                .map(|cause| cause.what.to_string())
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

    /// The official Java client of this version.
    pub fn java_client(&self, arguments: &[&str]) -> Command {
        self.java_client_of(arguments, &self.namesrv_list())
    }

    /// The same with other NameServers.
    pub fn java_client_of(&self, arguments: &[&str], namesrvs: &str) -> Command {
        let folder = made(&format!("client-{}", self.version));
        let mut command = Command::new("java");
        command
            .args(["--add-opens", "java.base/java.nio=ALL-UNNAMED", "-Xmx128m"])
            .args(self.java_options)
            .arg("-cp")
            .arg(format!("{0}/lib/*:{0}", folder.display()))
            .arg("Client")
            .args(arguments)
            .args(["--namesrv", namesrvs]);
        command
    }

    /// Runs the Java client to its end; gives its output and whether it got all it was asked for.
    pub fn java(&self, arguments: &[&str]) -> (bool, String) {
        let output = self.java_client(arguments).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        (output.status.success(), text)
    }

    /// A topic of four queues on every master. Asked again where a program that has just started does not answer in time.
    pub fn create_topic(&self, topic: &str) {
        let create = ["create-topic", "--cluster", "DefaultCluster", "--topic", topic, "--queues", "4"];
        poll(LONG, &format!("topic {topic} is made"), || match self.java(&create) {
            (true, _) => Ok(()),
            (false, said) => Err(said),
        });
    }

    /// Receives until all of these bodies have come; what was acknowledged must be there.
    pub fn receive_all(&self, topic: &str, group: &str, bodies: &[String]) {
        self.receive(topic, group, bodies, &[]);
    }

    /// Also, nothing may have come more often than the client's own retries explain.
    ///
    /// A try that was not acknowledged in time may be stored all the same, and the client then sends the message again,
    /// to another broker: a body is stored in at most as many places as it was sent times. From each place it comes once.
    pub fn receive_all_once(&self, topic: &str, group: &str, sent: &Sent) {
        let file = self.dir.join(format!("{group}.twice"));
        self.receive(topic, group, &sent.acknowledged, &["--twice", &file.display().to_string()]);
        let lines = fs::read_to_string(file).unwrap();
        // Others may have sent to this topic.
        let twice: Vec<&str> = lines.lines().filter(|line| line.starts_with(&format!("{}-", sent.prefix))).collect();
        let unexplained: Vec<&&str> = twice
            .iter()
            .filter(|line| {
                let [body, places, times] = line.split(' ').collect::<Vec<_>>()[..] else { return true };
                let tries = sent.retried.get(body).map_or(1, |tries| *tries);
                places != times || places.parse().is_ok_and(|places: usize| places > tries)
            })
            .collect();
        println!("  {} bodies came more than once, {} were sent more than once", twice.len(), sent.retried.len());
        assert!(unexplained.is_empty(), "body, places, times, without so many tries: {unexplained:?}");
    }

    fn receive(&self, topic: &str, group: &str, bodies: &[String], more: &[&str]) {
        let file = self.dir.join(format!("{group}.bodies"));
        fs::write(&file, bodies.join("\n") + "\n").unwrap();
        let file = file.display().to_string();
        let arguments = ["receive", "--topic", topic, "--group", group, "--bodies", &file, "--timeout", "240"];
        // A client does not start where the NameServer that it asks first closes its connection at that moment.
        let (ok, said) = poll(LONG, "the client starts", || match self.java(&[&arguments, more].concat()) {
            (false, said) if !said.contains("received=") => Err(said),
            ended => Ok(ended),
        });
        assert!(ok, "acknowledged and not received: {said}");
    }
}

/// What is not ready, for a message.
pub fn describe(report: &ClusterReport) -> String {
    let hosts = report.hosts.iter().map(|view| match &view.report {
        Some(report) => format!("{}: {}", view.host, report.reasons().join(" | ")),
        None => format!("{}: no report: {:?}", view.host, view.error),
    });
    report.problems.iter().map(ToString::to_string).chain(hosts).collect::<Vec<_>>().join("\n")
}
