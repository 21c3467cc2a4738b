//! Targets that are reached through a socket or a file only, and their seeds.

use crate::targets::{REPORT, Take, files};
use bytes::{Bytes, BytesMut};
use futures_util::{SinkExt, StreamExt};
use rocketmq_agent::{
    distribution::{Source, Wanted, ensure},
    http::{ConfigView, Heartbeat, Limits, Published, answer_agent_checks},
    peers::Peers,
    reach::Reach,
    remoting::{Broker, Client, Controller, FrameCodec, NameServer, RemotingCommand},
};
use rocketmq_agent_domain::health::report::{ClusterReport, HostReport};
use std::{
    fs,
    io::Write,
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    runtime::{Builder, Runtime},
    sync::watch,
};
use tokio_util::codec::{Decoder, Framed};

const TIMEOUT: Duration = Duration::from_secs(10);

fn runtime() -> Runtime {
    Builder::new_current_thread().enable_all().max_blocking_threads(1).build().unwrap()
}

/// What real brokers and NameServers answered.
pub fn frames() -> Vec<Vec<u8>> {
    files("tests/fixtures/frames", ".bin")
}

fn decoded(frame: &[u8]) -> RemotingCommand {
    FrameCodec::with_limit(16 << 20).decode(&mut BytesMut::from(frame)).unwrap().unwrap()
}

pub fn property_files() -> Vec<Vec<u8>> {
    let mut seeds = bodies();
    seeds.retain(|body| body.contains(&b'='));
    seeds.push(b"# a comment\r\nbrokerName = a\\u00e9\\\n  b\nflushDiskType: ASYNC_FLUSH\nlonely\n\x1b=\n".to_vec());
    seeds
}

/// Their bodies.
pub fn bodies() -> Vec<Vec<u8>> {
    frames().iter().map(|frame| decoded(frame).body.to_vec()).filter(|body| !body.is_empty()).collect()
}

/// Answers every request with the body that is set, and with fields that every request finds its own in.
async fn answer(listener: TcpListener, body: Arc<Mutex<Bytes>>) {
    while let Ok((stream, _)) = listener.accept().await {
        let body = body.clone();
        tokio::spawn(async move {
            let mut frames = Framed::new(stream, FrameCodec::with_limit(1 << 20));
            while let Some(Ok(request)) = frames.next().await {
                let fields = [("offset", "7"), ("nextBeginOffset", "7"), ("minOffset", "0"), ("maxOffset", "9")];
                let answer = RemotingCommand {
                    opaque: request.opaque,
                    flag: 1,
                    ext_fields: fields.map(|(name, value)| (name.to_owned(), value.to_owned())).into(),
                    body: body.lock().unwrap().clone(),
                    ..RemotingCommand::default()
                };
                if frames.send(&answer).await.is_err() {
                    break;
                }
            }
        });
    }
}

/// Every request whose answer has a body, asked of somebody who answers with the input.
pub fn typed_bodies() -> Take {
    let runtime = runtime();
    let body = Arc::new(Mutex::new(Bytes::new()));
    let address = runtime.block_on(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        tokio::spawn(answer(listener, body.clone()));
        address
    });
    let client = Client::new(TIMEOUT);
    let broker = Broker::new(&client, &address, TIMEOUT);
    let namesrv = NameServer::new(&client, &address, TIMEOUT);
    let controller = Controller::new(&client, &address, TIMEOUT);
    let recorded =
        frames().iter().map(|frame| decoded(frame).body).find(|body| body.starts_with(b"{\"table\"")).unwrap();
    *body.lock().unwrap() = recorded;
    let known = runtime.block_on(broker.runtime_info()).unwrap();
    Box::new(move |input| {
        *body.lock().unwrap() = Bytes::copy_from_slice(input);
        runtime.block_on(async {
            let _ = broker.runtime_info().await;
            let _ = broker.config().await;
            let _ = broker.topics().await;
            let _ = broker.subscription_groups().await;
            let _ = broker.consumer_offsets().await;
            let _ = broker.ha_status(&known).await;
            let _ = broker.pull("g", "t", 0, 0, 32).await;
            let _ = namesrv.cluster_info().await;
            let _ = namesrv.route_info("t").await;
            let _ = controller.metadata().await;
            let _ = controller.sync_states(&["a"]).await;
        });
    })
}

pub fn questions() -> Vec<Vec<u8>> {
    ["", "namesrv\n", "broker-a\r\n", "broker-a/master\n", "broker-b/slave\n", "broker-a/king\n", "nobody\n"]
        .map(|question| question.as_bytes().to_vec())
        .into()
}

/// Questions of load balancers: each is answered, on one line of plain text.
pub fn agent_check() -> Take {
    let report: ClusterReport = serde_json::from_str(REPORT).unwrap();
    let report = report.hosts.into_iter().find_map(|view| view.report).unwrap();
    let runtime = runtime();
    let address = runtime.block_on(listen(report));
    Box::new(move |input| {
        let answer = runtime.block_on(async {
            let mut stream = TcpStream::connect(address).await.unwrap();
            let _ = stream.write_all(input).await;
            let _ = stream.shutdown().await;
            let mut answer = Vec::new();
            let ended = stream.read_to_end(&mut answer).await;
            // Who sends more than it reads is cut off.
            ended.is_ok().then_some(answer)
        });
        let Some(answer) = answer else { return };
        let answer = String::from_utf8(answer).unwrap();
        let line = answer.strip_suffix('\n').unwrap_or_else(|| panic!("{answer:?}"));
        assert!(["ready ", "drain", "maint"].iter().any(|word| line.starts_with(word)), "{line:?}");
        assert!(!line.chars().any(char::is_control), "{line:?}");
    })
}

async fn listen(report: HostReport) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let host = report.host.clone();
    let config = ConfigView {
        host: host.clone(),
        agent: String::new(),
        path: "/".into(),
        cluster_file: String::new(),
        placement: String::new(),
    };
    let published = Published {
        report: watch::channel(Some(Arc::new(report))).1,
        heartbeat: Arc::new(Heartbeat::new()),
        peers: Arc::new(Peers::new(host, vec![])),
        nsaddr: watch::channel(Arc::from("")).1,
        config: watch::channel(Arc::new(config)).1,
        reach: Arc::new(Reach::new(watch::channel(Arc::from([])).1)),
    };
    let limits = Limits { stalled: Duration::MAX, ..Limits::default() };
    tokio::spawn(answer_agent_checks(listener, published, limits, std::future::pending()));
    address
}

/// A small release as zip and as tar.gz.
pub fn archives() -> Vec<Vec<u8>> {
    let entries = [
        ("rocketmq-all-5.5.0-bin-release/lib/rocketmq-broker-5.5.0.jar", "PK"),
        ("rocketmq-all-5.5.0-bin-release/lib/rocketmq-namesrv-5.5.0.jar", "PK"),
        ("rocketmq-all-5.5.0-bin-release/conf/broker.conf", "brokerName = a\n"),
    ];
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let compressed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    let mut tar = tar::Builder::new(compressed);
    for (name, text) in entries {
        zip.start_file(name, zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(text.as_bytes()).unwrap();
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        tar.append_data(&mut header, name, text.as_bytes()).unwrap();
    }
    vec![zip.finish().unwrap().into_inner(), tar.into_inner().unwrap().finish().unwrap()]
}

/// Unpacks what it is given, and looks that nothing was written beside its folder.
pub fn unpacking() -> Take {
    let runtime = runtime();
    // In memory, as each file is synced.
    let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    Box::new(move |input| {
        let (archive, into) = (folder.path().join("archive"), folder.path().join("dist"));
        fs::write(&archive, input).unwrap();
        let source = Source::Archive(archive);
        let wanted = Wanted { version: "5.5.0".to_owned(), source, sha512: None, into: into.clone() };
        let _ = runtime.block_on(ensure(&wanted, |_| {}));
        let beside: Vec<_> = fs::read_dir(folder.path()).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert!(beside.iter().all(|name| name == "archive" || name == "dist"), "{beside:?}");
        let _ = fs::remove_dir_all(&into);
    })
}
