//! A real etcd, one member or three, and what an operator does to it by its JSON gateway.

use super::world::{free_port, until};
use base64::{Engine, engine::general_purpose::STANDARD};
use serde_json::{Value, json};
use std::{
    fs::{self, File},
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::Duration,
};
use tempfile::TempDir;

pub const KEY: &str = "/rocketmq-agent/document";

pub struct Etcd {
    folder: TempDir,
    members: Vec<Member>,
    options: Vec<String>,
    scheme: &'static str,
}

struct Member {
    client: u16,
    peer: u16,
    process: Option<Child>,
}

impl Etcd {
    pub fn new(members: usize) -> Self {
        Self::with(members, "http", Vec::new())
    }

    pub fn with(members: usize, scheme: &'static str, options: Vec<String>) -> Self {
        let member = |_| Member { client: free_port(), peer: free_port(), process: None };
        let members = (0..members).map(member).collect();
        let mut etcd = Self { folder: tempfile::tempdir().unwrap(), members, options, scheme };
        for n in 0..etcd.members.len() {
            etcd.start(n);
        }
        etcd
    }

    fn program() -> PathBuf {
        let program = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("target/tools/etcd/usr/bin/etcd");
        assert!(program.exists(), "no etcd: tests/setup.sh etcd");
        program
    }

    pub fn start(&mut self, n: usize) {
        let peer = |member: &Member| format!("http://127.0.0.1:{}", member.peer);
        let cluster: Vec<String> =
            self.members.iter().enumerate().map(|(n, member)| format!("m{n}={}", peer(member))).collect();
        let (own, client) = (peer(&self.members[n]), self.url(n));
        let log = File::options().create(true).append(true).open(self.folder.path().join(format!("log-{n}"))).unwrap();
        let mut command = Command::new(Self::program());
        command.arg("--name").arg(format!("m{n}")).arg("--data-dir").arg(self.folder.path().join(format!("m{n}")));
        command.args(["--listen-peer-urls", &own, "--initial-advertise-peer-urls", &own]);
        command.args(["--listen-client-urls", &client, "--advertise-client-urls", &client]);
        command.args([
            "--initial-cluster",
            &cluster.join(","),
            "--heartbeat-interval",
            "50",
            "--election-timeout",
            "500",
        ]);
        command.args(&self.options).stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        self.members[n].process = Some(command.spawn().unwrap());
    }

    pub fn kill(&mut self, n: usize) {
        let mut process = self.members[n].process.take().unwrap();
        process.kill().unwrap();
        process.wait().unwrap();
    }

    pub fn url(&self, n: usize) -> String {
        format!("{}://127.0.0.1:{}", self.scheme, self.members[n].client)
    }

    /// As it stands in `agent.toml`.
    pub fn source(&self) -> String {
        let urls: Vec<String> = (0..self.members.len()).map(|n| self.url(n)).collect();
        format!("etcd = {urls:?}")
    }

    /// Asks the first member that can until it answers with success.
    #[track_caller]
    pub fn ask(&self, path: &str, question: &Value) -> Value {
        let alive = (0..self.members.len()).filter(|n| self.members[*n].process.is_some());
        let urls: Vec<String> = alive.map(|n| self.url(n)).collect();
        until(&format!("etcd answers {path}: {}", self.log()), || {
            urls.iter().find_map(|url| post(&format!("{url}{path}"), question))
        })
    }

    pub fn put(&self, value: &str) {
        self.ask("/v3/kv/put", &json!({ "key": STANDARD.encode(KEY), "value": STANDARD.encode(value) }));
    }

    pub fn delete(&self) {
        self.ask("/v3/kv/deleterange", &json!({ "key": STANDARD.encode(KEY) }));
    }

    pub fn value(&self) -> Option<String> {
        let found = self.ask("/v3/kv/range", &json!({ "key": STANDARD.encode(KEY) }));
        let value = STANDARD.decode(found["kvs"][0]["value"].as_str()?).unwrap();
        Some(String::from_utf8(value).unwrap())
    }

    /// Forgets all that was before now.
    pub fn compact(&self) {
        let found = self.ask("/v3/kv/range", &json!({ "key": STANDARD.encode(KEY) }));
        let revision = &found["header"]["revision"];
        self.ask("/v3/kv/compaction", &json!({ "revision": revision, "physical": true }));
    }

    /// Which member leads.
    pub fn leader(&self) -> usize {
        until("a leader", || {
            (0..self.members.len()).find(|n| {
                let status = post(&format!("{}/v3/maintenance/status", self.url(*n)), &json!({})).unwrap_or_default();
                status["leader"].is_string() && status["leader"] == status["header"]["member_id"]
            })
        })
    }

    fn log(&self) -> String {
        fs::read_to_string(self.folder.path().join("log-0")).unwrap_or_default()
    }
}

impl Drop for Etcd {
    fn drop(&mut self) {
        for process in self.members.iter_mut().filter_map(|member| member.process.as_mut()) {
            // Harmless where it has ended already.
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

fn post(url: &str, question: &Value) -> Option<Value> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        // An error means that there is one already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        let client = reqwest::Client::builder().tls_certs_only([]).timeout(Duration::from_secs(2)).build().unwrap();
        let answer = client.post(url).json(question).send().await.ok()?;
        if answer.status().is_success() { answer.json().await.ok() } else { None }
    })
}
