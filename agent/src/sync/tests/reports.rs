//! Reports that other hosts decide by: over mutual TLS, and over plain HTTP from older agents only.

use super::{super::RemoteReports, *};
use crate::peers::{Patience, Peers};
use axum::{Json, Router, routing::get};
use rocketmq_agent_domain::{health::report::HostReport, observed::Fact, topology::Mode};
use std::net::SocketAddr;

fn report(host: &str, ready: bool) -> HostReport {
    HostReport {
        host: name(host),
        cluster: "DefaultCluster".into(),
        mode: Mode::SyncSlaves,
        rocketmq: "5.5.0".parse().unwrap(),
        agent: "0.1.0".into(),
        at: 0,
        cluster_file: String::new().into(),
        placement: String::new().into(),
        ready,
        blocked: vec![],
        steps: vec![],
        not_in_file: vec![],
        witness: false,
        config: Default::default(),
        instances: vec![],
    }
}

/// Something on the agent's port of vm2 that calls it ready.
async fn impostor() -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = Router::new().route("/v1/host", get(|| async { Json(report("vm2", true)) }));
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

/// What vm1 makes of vm2, whose port the impostor has.
fn asked_by(vm1: &Host) -> Fact<HostReport> {
    vm1.run(async {
        let agents = vec![(name("vm1"), "127.0.0.1:1".parse().unwrap()), (name("vm2"), impostor().await)];
        let reports = RemoteReports::of(Arc::clone(&vm1.handle.book)).map(Arc::new);
        assert!(reports.is_some());
        let patience = Patience { timeout: Duration::from_secs(10), fresh: Duration::ZERO };
        let peers = Peers::new(name("vm1"), agents).with_patience(patience).trusted(reports);
        peers.others().await.remove(&name("vm2")).unwrap()
    })
}

#[test]
fn a_host_is_believed_that_shows_who_it_is_and_not_what_has_its_port() {
    let cluster = Cluster::new();
    let file = cluster.file(2);
    let vm1 = cluster.host("vm1", &file);
    let shown = Shown { logs: None, report: Some(Arc::new(|| Some(Arc::new(report("vm2", false))))) };
    let vm2 = cluster.host_that_shows("vm2", &file, shown);
    let Fact::Known(said) = asked_by(&vm1) else { panic!("vm2 says nothing") };
    assert!(!said.ready);
    drop(vm2);
    let Fact::Unknown(why) = asked_by(&vm1) else { panic!("the impostor is believed") };
    assert!(why.contains("over mutual TLS"), "{why}");
}

#[test]
fn an_older_agent_that_shows_who_it_is_is_asked_over_plain_http() {
    let cluster = Cluster::new();
    let file = cluster.file(2);
    let (vm1, _vm2) = (cluster.host("vm1", &file), cluster.host("vm2", &file));
    let Fact::Known(said) = asked_by(&vm1) else { panic!("vm2 says nothing") };
    assert!(said.ready);
    assert_eq!(vm1.handle.book.trouble(), BTreeMap::new());
}

#[test]
fn a_host_without_a_report_yet_is_not_asked_over_plain_http() {
    let cluster = Cluster::new();
    let file = cluster.file(2);
    let vm1 = cluster.host("vm1", &file);
    let _vm2 = cluster.host_that_shows("vm2", &file, Shown { logs: None, report: Some(Arc::new(|| None)) });
    assert!(matches!(asked_by(&vm1), Fact::Unknown(_)));
}
