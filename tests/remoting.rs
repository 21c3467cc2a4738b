//! The remoting client against what real NameServers and brokers answered: frames recorded byte for byte in
//! `fixtures/frames` (`VERSION-ROLE-CODE-WHAT.bin`), given out by a peer on a port of its own. Only the opaque is changed,
//! so that an answer belongs to its request.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::panic)]

use std::{fs, path::PathBuf, time::Duration};

use bytes::BytesMut;
use futures_util::StreamExt;
use rocketmq_agent::remoting::{
    Broker, Client, FrameCodec, HaStatus, NameServer, OutgoingMessage, PullStatus, RemotingCommand, ResponseCode,
    RuntimeInfo, SendStatus, TOOLS_CONSUMER_GROUP,
};
use tokio::{io::AsyncWriteExt, net::TcpListener};
use tokio_util::codec::{Decoder, FramedRead};

const VERSIONS: [&str; 3] = ["4.7.0", "4.9.4", "5.5.0"];
const TOPIC: &str = "FrameTopic";
const TIMEOUT: Duration = Duration::from_secs(20);

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/frames")
}

/// The bytes of one recording.
fn recorded(name: &str) -> Vec<u8> {
    let file = folder().join(format!("{name}.bin"));
    fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}

/// Every recording by name.
fn all_recorded() -> Vec<(String, Vec<u8>)> {
    let mut frames = Vec::new();
    for entry in fs::read_dir(folder()).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "bin") {
            let name = path.file_stem().unwrap().to_str().unwrap().to_owned();
            frames.push((name, fs::read(&path).unwrap()));
        }
    }
    frames
}

/// The request code in the name of a recording.
fn code_of(name: &str) -> i32 {
    name.split('-').nth(2).unwrap().parse().unwrap()
}

fn decode(bytes: &[u8]) -> Option<RemotingCommand> {
    FrameCodec::default().decode(&mut BytesMut::from(bytes)).unwrap()
}

/// The frame with another opaque and everything else as it was.
fn with_opaque(frame: &[u8], opaque: i32) -> Vec<u8> {
    let header_length = u32::from_be_bytes([0, frame[5], frame[6], frame[7]]) as usize;
    let (header, body) = frame[8..].split_at(header_length);
    let is_binary = frame[4] == 1;
    let header = if is_binary {
        let before_opaque = 5;
        let mut header = header.to_vec();
        header[before_opaque..before_opaque + 4].copy_from_slice(&opaque.to_be_bytes());
        header
    } else {
        let old = format!("\"opaque\":{}", decode(frame).unwrap().opaque);
        let text = std::str::from_utf8(header).unwrap();
        assert!(text.contains(&old), "{text}");
        let text = text.replacen(&old, &format!("\"opaque\":{opaque}"), 1);
        text.into_bytes()
    };
    let mut changed = Vec::new();
    changed.extend((4 + header.len() as u32 + body.len() as u32).to_be_bytes());
    changed.extend((u32::from(frame[4]) << 24 | header.len() as u32).to_be_bytes());
    changed.extend(header);
    changed.extend(body);
    changed
}

/// Starts a peer that answers each request with the recording of its code; gives its address. It ends with the test's
/// runtime.
async fn replay(names: &[String]) -> String {
    let frames: Vec<(i32, Vec<u8>)> = names.iter().map(|n| (code_of(n), recorded(n))).collect();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let (reader, mut writer) = stream.into_split();
            let mut requests = FramedRead::new(reader, FrameCodec::default());
            while let Some(Ok(request)) = requests.next().await {
                let (_, frame) = frames.iter().find(|(code, _)| *code == request.code).unwrap();
                let answer = with_opaque(frame, request.opaque);
                writer.write_all(&answer).await.unwrap();
            }
        }
    });
    address
}

async fn name_server(version: &str, what: &str) -> NameServer {
    let address = replay(&[format!("{version}-namesrv-{what}")]).await;
    NameServer::new(&Client::new(TIMEOUT), address, TIMEOUT)
}

async fn broker(version: &str, role: &str, whats: &[&str]) -> Broker {
    let names: Vec<_> = whats.iter().map(|what| format!("{version}-{role}-{what}")).collect();
    let address = replay(&names).await;
    Broker::new(&Client::new(TIMEOUT), address, TIMEOUT)
}

#[test]
fn every_recorded_frame_is_one_answer() {
    let frames = all_recorded();
    for version in VERSIONS {
        let of_version = frames.iter().filter(|(name, _)| name.starts_with(version));
        assert!(of_version.count() >= 18, "recordings of {version}");
    }
    for (name, bytes) in frames {
        let mut buffer = BytesMut::from(&bytes[..]);
        let answer = FrameCodec::default().decode(&mut buffer).unwrap().unwrap();
        assert!(buffer.is_empty(), "{name}");
        assert!(answer.is_response(), "{name}");
        assert_eq!(answer.opaque, code_of(&name), "{name}");
    }
}

#[test]
fn a_recorded_frame_cut_anywhere_asks_for_more_bytes() {
    for (name, bytes) in all_recorded() {
        let whole = decode(&bytes);
        let step = 1 + bytes.len() / 300;
        for cut in (0..bytes.len()).step_by(step) {
            let (mut codec, mut buffer) = (FrameCodec::default(), BytesMut::from(&bytes[..cut]));
            assert_eq!(codec.decode(&mut buffer).unwrap(), None, "{name} at {cut}");
            buffer.extend_from_slice(&bytes[cut..]);
            assert_eq!(codec.decode(&mut buffer).unwrap(), whole, "{name} at {cut}");
        }
    }
}

#[tokio::test]
async fn every_name_server_lists_the_master_and_its_slave() {
    for version in VERSIONS {
        let server = name_server(version, "106-cluster-info").await;
        let info = server.cluster_info().await.unwrap();
        let ids: Vec<_> = info.groups["broker-a"].addresses.keys().collect();
        assert_eq!(ids, [&0, &1], "{version}");
        let master = info.address("broker-a", 0).unwrap();
        assert!(master.starts_with("127.0.0.1:"), "{version}: {master}");
        assert!(info.clusters["DefaultCluster"].contains("broker-a"), "{version}");
    }
}

#[tokio::test]
async fn routes_are_the_same_with_and_without_strict_json() {
    for version in VERSIONS {
        let loose = name_server(version, "105-route").await;
        let strict = name_server(version, "105-route-strict").await;
        let route = loose.route_info(TOPIC).await.unwrap().unwrap();
        assert_eq!(strict.route_info(TOPIC).await.unwrap().as_ref(), Some(&route));
        assert_eq!(route.queues.len(), 1, "{version}");
        let queues = &route.queues[0];
        assert_eq!(queues.broker_name, "broker-a", "{version}");
        assert_eq!((queues.read_queue_nums, queues.write_queue_nums), (1, 1));
        assert!(queues.perm.is_writeable(), "{version}");
        let none = name_server(version, "105-no-such-topic").await;
        assert_eq!(none.route_info("NoSuchTopic").await.unwrap(), None);
    }
}

#[tokio::test]
async fn statistics_of_every_version_are_read() {
    for version in VERSIONS {
        for role in ["master", "slave"] {
            let broker = broker(version, role, &["28-runtime-info"]).await;
            let info = broker.runtime_info().await.unwrap();
            assert_eq!(info.version, format!("V{}", version.replace('.', "_")));
            assert!(info.boot_timestamp_ms.unwrap() > 1_700_000_000_000);
            assert!(info.commit_log_max_offset.unwrap() > 0, "{version} {role}");
            assert_eq!(info.commit_log_min_offset, Some(0), "{version} {role}");
            assert_eq!(info.dispatch_behind_bytes, Some(0), "{version} {role}");
            assert!((0.0..1.0).contains(&info.commit_log_disk_ratio.unwrap()));
            assert_eq!(info.send_pool.queue_capacity, Some(10_000));
            assert_eq!(info.send_pool.queue_size, Some(0));
            let active = version.starts_with('5').then_some(role == "master");
            assert_eq!(info.is_active, active, "{version} {role}");
        }
        let asked_binary = broker(version, "master", &["28-runtime-info-asked-binary"]).await;
        let info = asked_binary.runtime_info().await.unwrap();
        assert!(info.release().is_some(), "{version}");
    }
}

#[tokio::test]
async fn the_effective_configuration_names_the_role() {
    for version in VERSIONS {
        for (role, broker_role, id) in [("master", "SYNC_MASTER", "0"), ("slave", "SLAVE", "1")] {
            let broker = broker(version, role, &["26-broker-config"]).await;
            let config = broker.config().await.unwrap();
            assert!(config.len() > 150, "{version} {role}: {}", config.len());
            assert_eq!(config["brokerName"], "broker-a");
            assert_eq!(config["brokerRole"], broker_role);
            assert_eq!(config["brokerId"], id);
        }
    }
}

#[tokio::test]
async fn topics_are_the_same_on_master_and_slave() {
    for version in VERSIONS {
        let master = broker(version, "master", &["21-topic-config"]).await;
        let slave = broker(version, "slave", &["21-topic-config"]).await;
        let topics = master.topics().await.unwrap();
        assert_eq!(topics[TOPIC].read_queue_nums, 1, "{version}");
        assert_eq!(topics[TOPIC].topic_name, TOPIC, "{version}");
        // The topic that smoke tests use is there from the start.
        assert!(topics["broker-a"].perm.is_writeable(), "{version}");
        assert_eq!(slave.topics().await.unwrap()[TOPIC], topics[TOPIC]);
    }
}

#[tokio::test]
async fn a_master_stores_what_a_slave_refuses() {
    for (version, refusal) in [
        ("4.7.0", ResponseCode::SERVICE_NOT_AVAILABLE),
        ("4.9.4", ResponseCode::SERVICE_NOT_AVAILABLE),
        ("5.5.0", ResponseCode::SYSTEM_BUSY),
    ] {
        let message = || OutgoingMessage::new(TOPIC, 0, "x");
        let master = broker(version, "master", &["310-send"]).await;
        let outcome = master.send(message()).await.unwrap();
        assert_eq!(outcome.status, SendStatus::SendOk, "{version}");
        assert!(outcome.queue_offset > 0, "{version}");
        assert_eq!(outcome.message_id.len(), 32, "{version}");
        let slave = broker(version, "slave", &["310-send-refused"]).await;
        let error = slave.send(message()).await.unwrap_err();
        assert_eq!(error.response_code(), Some(refusal), "{version}");
        let missing = broker(version, "master", &["310-send-no-such-topic"]).await;
        let error = missing.send(message()).await.unwrap_err();
        assert_eq!(error.response_code(), Some(ResponseCode::TOPIC_NOT_EXIST), "{version}");
    }
}

#[tokio::test]
async fn messages_come_back_as_they_were_sent() {
    for version in VERSIONS {
        let whats = ["11-pull-found", "30-max-offset", "31-min-offset"];
        let master = broker(version, "master", &whats).await;
        let pull = master.pull(TOOLS_CONSUMER_GROUP, TOPIC, 0, 0, 32).await.unwrap();
        assert_eq!(pull.status, PullStatus::Found, "{version}");
        let last: Vec<_> = pull.messages.iter().rev().take(3).collect();
        for (message, number) in last.iter().zip([3, 2, 1]) {
            assert_eq!(message.body, format!("frame-{number}"), "{version}");
            assert_eq!(message.topic, TOPIC, "{version}");
            assert_eq!(message.properties["KEYS"], "frame", "{version}");
            assert_eq!(message.born_timestamp_ms, 1_700_000_000_000, "{version}");
            assert!(message.store_host.ip().is_loopback(), "{version}");
        }
        let offsets = pull.messages.iter().map(|message| message.queue_offset);
        assert!(offsets.eq(0..pull.next_offset), "{version}");
        assert_eq!(master.max_offset(TOPIC, 0).await.unwrap(), pull.max_offset);
        assert_eq!(master.min_offset(TOPIC, 0).await.unwrap(), pull.min_offset);
    }
}

#[tokio::test]
async fn a_pull_at_the_end_of_the_queue_finds_nothing_and_one_beyond_is_sent_back() {
    for version in VERSIONS {
        for (what, status) in
            [("11-pull-nothing-new", PullStatus::NotFound), ("11-pull-beyond-the-end", PullStatus::OffsetMoved)]
        {
            let master = broker(version, "master", &[what]).await;
            let pull = master.pull(TOOLS_CONSUMER_GROUP, TOPIC, 0, 1000, 32).await.unwrap();
            assert_eq!(pull.status, status, "{version}");
            assert!((pull.min_offset..=pull.max_offset).contains(&pull.next_offset));
            assert!(pull.messages.is_empty(), "{version}");
        }
    }
}

#[tokio::test]
async fn replication_of_5_5_0_is_seen_from_both_ends() {
    let runtime = RuntimeInfo { version: "V5_5_0".into(), ..RuntimeInfo::default() };
    let master = broker("5.5.0", "master", &["907-ha-status"]).await;
    match master.ha_status(&runtime).await.unwrap() {
        HaStatus::Master { commit_log_max_offset, slaves, .. } => {
            assert_eq!(slaves.len(), 1);
            let behind = commit_log_max_offset - slaves[0].slave_ack_offset;
            assert_eq!(slaves[0].behind_bytes, behind);
        }
        slave => panic!("{slave:?}"),
    }
    let slave = broker("5.5.0", "slave", &["907-ha-status"]).await;
    match slave.ha_status(&runtime).await.unwrap() {
        HaStatus::Slave { master_address, max_offset, .. } => {
            assert!(master_address.starts_with("127.0.0.1:"), "{master_address}");
            assert!(max_offset > 0);
        }
        master => panic!("{master:?}"),
    }
}

#[tokio::test]
async fn a_request_that_4_9_4_does_not_know_is_refused_as_such() {
    let master = broker("4.9.4", "master", &["907-ha-status"]).await;
    let pretended = RuntimeInfo { version: "V5_0_0".into(), ..RuntimeInfo::default() };
    let error = master.ha_status(&pretended).await.unwrap_err();
    assert_eq!(error.response_code(), Some(ResponseCode::REQUEST_CODE_NOT_SUPPORTED));
}
