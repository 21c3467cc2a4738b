//! The other hosts' agents, as they answer and as they do not.

use crate::world::{Agent, healthy, name, soon};
use axum::{Router, http::StatusCode, response::Redirect, routing::get};
use rocketmq_agent::peers::{Patience, Peers};
use rocketmq_agent_domain::health::report::{ClusterReport, HostView};
use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};
use tokio::net::{TcpListener, TcpSocket};

const HASTE: Patience = Patience { timeout: Duration::from_secs(1), fresh: Duration::ZERO };
const CALM: Patience = Patience { timeout: Duration::from_secs(10), fresh: Duration::from_secs(3600) };

fn peers(patience: Patience, others: &[(&str, SocketAddr)]) -> Peers {
    let own = ("vm1", "10.0.0.1:9877".parse().unwrap());
    let hosts = std::iter::once(&own).chain(others).map(|(host, address)| (name(host), *address)).collect();
    Peers::new(name("vm1"), hosts).with_patience(patience)
}

async fn cluster(peers: &Peers) -> ClusterReport {
    soon(peers.cluster(&healthy("vm1"))).await
}

fn view<'a>(cluster: &'a ClusterReport, host: &str) -> &'a HostView {
    cluster.hosts.iter().find(|view| view.host.as_str() == host).unwrap()
}

/// An address where nothing listens, nor can while the socket is held.
fn nobody() -> (TcpSocket, SocketAddr) {
    let socket = TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.1:0".parse().unwrap()).unwrap();
    let address = socket.local_addr().unwrap();
    (socket, address)
}

/// Something that answers `/v1/host` in its own way.
async fn impostor(router: Router) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

/// An agent that counts how often it is asked.
async fn counting() -> (SocketAddr, Arc<AtomicUsize>) {
    let count = Arc::new(AtomicUsize::new(0));
    let counted = count.clone();
    let router = Router::new().route(
        "/v1/host",
        get(move || {
            counted.fetch_add(1, Ordering::SeqCst);
            async { axum::Json(healthy("vm2")) }
        }),
    );
    (impostor(router).await, count)
}

#[tokio::test]
async fn hosts_that_answer_are_shown_in_the_order_of_the_file() {
    let other = Agent::start(Some(healthy("vm2"))).await;
    let cluster = cluster(&peers(CALM, &[("vm2", other.address)])).await;
    assert!(cluster.ready, "{cluster:?}");
    let hosts: Vec<&str> = cluster.hosts.iter().map(|view| view.host.as_str()).collect();
    assert_eq!((hosts, cluster.seen_from.as_str()), (vec!["vm1", "vm2"], "vm1"));
    assert_eq!(view(&cluster, "vm2").report, Some(healthy("vm2")));
    assert_eq!(view(&cluster, "vm1").address, "10.0.0.1:9877");
}

#[tokio::test]
async fn one_that_refuses_one_that_hangs_and_one_that_sends_too_much_do_not_hide_one_that_answers() {
    let good = Agent::start(Some(healthy("vm2"))).await;
    let (_reserved, refuses) = nobody();
    let hangs = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let floods = impostor(Router::new().route("/v1/host", get(|| async { "x".repeat(10 << 20) }))).await;
    let others = [("vm2", good.address), ("vm3", refuses), ("vm4", hangs.local_addr().unwrap()), ("vm5", floods)];
    let cluster = cluster(&peers(HASTE, &others)).await;
    assert_eq!((cluster.ready, cluster.problems.len()), (false, 3), "{:?}", cluster.problems);
    assert!(view(&cluster, "vm2").report.is_some() && view(&cluster, "vm2").error.is_none());
    for (host, words) in [
        ("vm3", "cannot be reached: Connection refused"),
        ("vm4", "no answer within 1s"),
        ("vm5", "its answer is longer than 1048576 bytes"),
    ] {
        let view = view(&cluster, host);
        let error = view.error.as_deref().unwrap();
        assert!(error.starts_with(words), "{host}: {error}");
        assert!(view.unknown_since.is_some() && view.report.is_none(), "{host}");
    }
}

#[tokio::test]
async fn answers_that_are_no_report_of_that_host_are_errors() {
    let router = |answer: &'static str| Router::new().route("/v1/host", get(move || async move { answer }));
    let redirects = Router::new().route("/v1/host", get(|| async { Redirect::temporary("http://127.0.0.1:1/") }));
    let fails = Router::new().route("/v1/host", get(|| async { (StatusCode::BAD_GATEWAY, "<html>\n") }));
    let fresh = Agent::start(None).await;
    let others = [
        ("vm2", impostor(router("{}")).await),
        ("vm3", impostor(router("[[[[")).await),
        ("vm4", impostor(redirects).await),
        ("vm5", impostor(fails).await),
        ("vm6", counting().await.0),
        ("vm7", fresh.address),
    ];
    let cluster = cluster(&peers(CALM, &others)).await;
    for (host, words) in [
        ("vm2", "its answer is no report of this agent's kind: missing field `host` at line 1 column 2"),
        ("vm3", "its answer is no report of this agent's kind: "),
        ("vm4", "it answers 307"),
        ("vm5", "it answers 502"),
        ("vm6", "vm2 answers at its address"),
        ("vm7", "it answers 503: the agent has just started and has not looked at this host yet"),
    ] {
        let error = view(&cluster, host).error.clone().unwrap();
        assert!(error.starts_with(words), "{host}: {error}");
    }
}

#[tokio::test]
async fn what_a_host_said_last_is_kept_with_the_time_since_it_is_silent() {
    let other = Agent::start(Some(healthy("vm2"))).await;
    let address = other.address;
    let peers = peers(HASTE, &[("vm2", address)]);
    assert_eq!(view(&cluster(&peers).await, "vm2").unknown_since, None);
    other.stop().await;
    let first = view(&cluster(&peers).await, "vm2").clone();
    assert_eq!(first.report, Some(healthy("vm2")));
    assert!(first.unknown_since.is_some() && first.error.is_some(), "{first:?}");
    let second = view(&cluster(&peers).await, "vm2").clone();
    assert_eq!(second.unknown_since, first.unknown_since, "since when, not when it was last asked");
}

#[tokio::test]
async fn a_host_that_answers_again_is_known_again() {
    let agent = Agent::start(None).await;
    let peers = peers(Patience { fresh: Duration::ZERO, ..CALM }, &[("vm2", agent.address)]);
    assert!(view(&cluster(&peers).await, "vm2").unknown_since.is_some());
    agent.publish(healthy("vm2"));
    let view = view(&cluster(&peers).await, "vm2").clone();
    assert_eq!((view.unknown_since, view.error, view.report), (None, None, Some(healthy("vm2"))));
}

#[tokio::test]
async fn many_at_once_and_soon_after_share_one_round() {
    let (address, count) = counting().await;
    let peers = Arc::new(peers(CALM, &[("vm2", address)]));
    let callers: Vec<_> = (0..20)
        .map(|_| {
            let peers = peers.clone();
            tokio::spawn(async move { cluster(&peers).await })
        })
        .collect();
    for caller in callers {
        assert!(caller.await.unwrap().ready);
    }
    assert!(cluster(&peers).await.ready);
    assert_eq!(count.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn an_answer_that_is_not_fresh_is_asked_for_again() {
    let (address, count) = counting().await;
    let peers = peers(Patience { fresh: Duration::ZERO, ..CALM }, &[("vm2", address)]);
    for expected in 1..4 {
        assert!(cluster(&peers).await.ready);
        assert_eq!(count.load(Ordering::SeqCst), expected);
    }
}

#[tokio::test]
async fn a_caller_who_goes_away_neither_ends_the_round_nor_starts_another() {
    let (address, count) = counting().await;
    let peers = peers(CALM, &[("vm2", address)]);
    for _ in 0..10 {
        // Polled once, which starts the round, and dropped.
        let own = healthy("vm1");
        let gone = peers.cluster(&own);
        tokio::select! { biased; _ = gone => panic!("it answered without asking"), () = std::future::ready(()) => {} }
    }
    assert!(cluster(&peers).await.ready);
    assert_eq!(count.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn other_hosts_can_be_set_while_it_runs() {
    let other = Agent::start(Some(healthy("vm3"))).await;
    let (address, _) = counting().await;
    let peers = peers(CALM, &[("vm2", address)]);
    assert_eq!(cluster(&peers).await.hosts.len(), 2);
    let own = (name("vm1"), "10.0.0.1:9877".parse().unwrap());
    peers.set(vec![(name("vm3"), other.address), own]);
    let cluster = cluster(&peers).await;
    let hosts: Vec<_> = cluster.hosts.iter().map(|view| (view.host.as_str(), view.report.is_some())).collect();
    assert_eq!(hosts, [("vm3", true), ("vm1", true)]);
}

#[tokio::test]
async fn the_agent_serves_the_whole_cluster() {
    let [one, two] = [Agent::start(Some(healthy("vm1"))).await, Agent::start(Some(healthy("vm2"))).await];
    for agent in [&one, &two] {
        agent.peers.set(vec![(name("vm1"), one.address), (name("vm2"), two.address)]);
    }
    for (agent, seen_from) in [(&one, "vm1"), (&two, "vm2")] {
        let cluster: ClusterReport = serde_json::from_str(&agent.get("/v1/cluster").await.body).unwrap();
        assert_eq!((cluster.ready, cluster.seen_from.as_str()), (true, seen_from));
    }
}
