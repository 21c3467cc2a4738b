//! A served agent with reports to order, and a client that sends bytes as they are.

use rocketmq_agent::{
    http::{ConfigView, Heartbeat, Limits, Published, bind, serve},
    peers::Peers,
    reach::Reach,
};
use rocketmq_agent_domain::{
    health::report::{HostReport, InstanceReport, State},
    launch::{Cause, Role},
    names::{HostName, Version},
    topology::Mode,
};
use std::{collections::BTreeMap, future::Future, net::SocketAddr, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    sync::{oneshot, watch},
    task::JoinHandle,
};

/// For what is over at once on an idle machine.
pub const SOON: Duration = Duration::from_secs(20);

pub async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(SOON, what).await.expect("it should have been over long ago")
}

pub fn name(host: &str) -> HostName {
    host.parse().unwrap()
}

pub fn cause(id: &str, what: &str, fix: &str) -> Cause {
    rocketmq_agent_domain::launch::cause(id, what, fix)
}

pub fn instance(instance: &str, role: Role, address: &str) -> InstanceReport {
    let broker_id = match role {
        Role::Master => Some(0),
        Role::Slave => Some(1),
        _ => None,
    };
    InstanceReport {
        instance: instance.parse().unwrap(),
        role,
        broker_id,
        leader: None,
        address: address.into(),
        state: State::Ready,
        answers: true,
        pid: Some(4711),
        started_at: Some(1_790_000_000_000),
        version: broker_id.map(|_| "V5_5_0".into()),
        reasons: vec![],
        warnings: vec![],
        lag: broker_id.map(|_| 0),
        lag_seconds: broker_id.map(|_| 0),
        state_since: Some(1),
        disk_full_in: None,
        recovered_percent: None,
        max_offset: broker_id.map(|_| 1000),
        no_history_before: None,
        missing_history: None,
        sync_lowered: None,
        restart_pending: false,
        rollout: None,
        failures: 0,
        next_start_at: None,
        figures: BTreeMap::new(),
    }
}

/// A host of a double-master-double-slave cluster, with everything as it should be.
pub fn healthy(host: &str) -> HostReport {
    let mut instances = vec![
        instance("namesrv", Role::Namesrv, "10.0.0.1:9876"),
        instance("broker-b", Role::Slave, "10.0.0.1:11911"),
        instance("broker-a", Role::Master, "10.0.0.1:10911"),
    ];
    for instance in &mut instances[1..] {
        instance.figures = BTreeMap::from([
            ("rocketmq_brokeruntime_commitlog_disk_ratio".to_owned(), 0.25),
            ("rocketmq_broker_tps".to_owned(), 12.5),
        ]);
    }
    HostReport {
        host: name(host),
        cluster: "DefaultCluster".into(),
        mode: Mode::SyncSlaves,
        rocketmq: Version::new(5, 5, 0),
        agent: "0.1.0".into(),
        at: 1_790_000_100_000,
        cluster_file: "sha256:aa".into(),
        placement: "sha256:bb".into(),
        ready: true,
        blocked: vec![],
        steps: vec![],
        not_in_file: vec![],
        witness: false,
        config: Default::default(),
        instances,
    }
}

/// The same host with a slave that lags and a master that has no slave.
pub fn troubled(host: &str) -> HostReport {
    let mut report = healthy(host);
    report.ready = false;
    let [_, slave, master] = &mut report.instances[..] else { panic!() };
    slave.state = State::NotReady;
    slave.lag = Some(3 << 20);
    slave.reasons = vec![cause("lagging", "it is 3 MiB behind its master (broker.max_lag is 1 MiB)", "")];
    master.state = State::Starting;
    master.answers = false;
    master.reasons = vec![cause("not-answering", "its process runs and does not answer:\nrefused", "wait\r\na while")];
    report
}

/// An agent's HTTP side on a port of its own, and the ends that its loop would hold.
pub struct Agent {
    pub address: SocketAddr,
    pub report: watch::Sender<Option<Arc<HostReport>>>,
    pub nsaddr: watch::Sender<Arc<str>>,
    pub peers: Arc<Peers>,
    _config: watch::Sender<Arc<ConfigView>>,
    end: oneshot::Sender<()>,
    served: JoinHandle<()>,
}

impl Agent {
    pub async fn start(report: Option<HostReport>) -> Self {
        Self::with(report, Limits::default()).await
    }

    pub async fn with(report: Option<HostReport>, limits: Limits) -> Self {
        let listener = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
        let address = listener.local_addr().unwrap();
        let host = report.as_ref().map_or(name("vm1"), |report| report.host.clone());
        let peers = Arc::new(Peers::new(host.clone(), vec![(host.clone(), address)]));
        let config = ConfigView {
            host,
            agent: "0.1.0".into(),
            path: "/etc/rocketmq-agent/cluster.toml".into(),
            cluster_file: "sha256:aa".into(),
            placement: "sha256:bb".into(),
        };
        let (report, reports) = watch::channel(report.map(Arc::new));
        let (nsaddr, nsaddrs) = watch::channel(Arc::from("10.0.0.1:9876;10.0.0.2:9876"));
        let (config, configs) = watch::channel(Arc::new(config));
        let published = Published {
            report: reports,
            heartbeat: Arc::new(Heartbeat::new()),
            peers: peers.clone(),
            nsaddr: nsaddrs,
            config: configs,
            reach: Arc::new(Reach::new(watch::channel(Arc::from([])).1)),
        };
        let (end, ended) = oneshot::channel::<()>();
        let served = tokio::spawn(serve(listener, published, limits, async {
            let _ = ended.await;
        }));
        Self { address, report, nsaddr, peers, _config: config, end, served }
    }

    pub fn publish(&self, report: HostReport) {
        self.report.send_replace(Some(Arc::new(report)));
    }

    pub async fn get(&self, path: &str) -> Reply {
        ask(self.address, "GET", path).await
    }

    /// Ends it, and waits until its port is free.
    pub async fn stop(self) {
        let _ = self.end.send(());
        soon(self.served).await.unwrap();
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct Reply {
    pub status: u16,
    pub headers: BTreeMap<String, String>,
    pub body: String,
}

impl Reply {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", String::as_str)
    }

    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap()
    }

    pub fn parse(text: &str) -> Self {
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {text:?}"));
        let mut lines = head.split("\r\n");
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let headers = lines.map(|line| line.split_once(": ").unwrap());
        let headers = headers.map(|(name, value)| (name.to_ascii_lowercase(), value.to_owned())).collect();
        Self { status, headers, body: body.to_owned() }
    }
}

pub async fn ask(address: SocketAddr, method: &str, path: &str) -> Reply {
    let request = format!("{method} {path} HTTP/1.1\r\nHost: vm1\r\nConnection: close\r\n\r\n");
    Reply::parse(&send(address, request.as_bytes()).await)
}

/// Sends bytes and reads until the other side closes. A server that has seen enough may close before it has read
/// everything; that is no error here.
pub async fn send(address: SocketAddr, bytes: &[u8]) -> String {
    soon(async {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let _ = stream.write_all(bytes).await;
        read_to_end(&mut stream).await
    })
    .await
}

pub async fn read_to_end(stream: &mut TcpStream) -> String {
    let mut got = Vec::new();
    let mut part = [0; 4096];
    while let Ok(read @ 1..) = stream.read(&mut part).await {
        got.extend_from_slice(&part[..read]);
    }
    String::from_utf8_lossy(&got).into_owned()
}
