//! HAProxy's agent-check over real sockets.

use crate::world::{cause, healthy, name, read_to_end, soon, troubled};
use rocketmq_agent::{
    http::{ConfigView, Heartbeat, Limits, Published, answer_agent_checks, bind},
    peers::Peers,
    reach::Reach,
};
use rocketmq_agent_domain::health::report::{HostReport, State};
use std::{net::SocketAddr, sync::Arc, time::Duration};
use tokio::{io::AsyncWriteExt, net::TcpStream, sync::watch};

async fn serve(report: Option<HostReport>, limits: Limits) -> SocketAddr {
    let listener = bind("127.0.0.1:0".parse().unwrap()).await.unwrap();
    let address = listener.local_addr().unwrap();
    let config = ConfigView {
        host: name("vm1"),
        agent: String::new(),
        path: "/".into(),
        cluster_file: String::new(),
        placement: String::new(),
    };
    let published = Published {
        report: watch::channel(report.map(Arc::new)).1,
        heartbeat: Arc::new(Heartbeat::new()),
        peers: Arc::new(Peers::new(name("vm1"), vec![])),
        nsaddr: watch::channel(Arc::from("")).1,
        config: watch::channel(Arc::new(config)).1,
        reach: Arc::new(Reach::new(watch::channel(Arc::from([])).1)),
    };
    tokio::spawn(answer_agent_checks(listener, published, limits, std::future::pending()));
    address
}

async fn ask(address: SocketAddr, question: &[u8]) -> String {
    soon(async {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let _ = stream.write_all(question).await;
        read_to_end(&mut stream).await
    })
    .await
}

/// In an election all NameServers are so, and clients need one.
#[tokio::test]
async fn a_namesrv_whose_controller_knows_no_leader_is_up_for_clients_while_it_answers() {
    for (answers, expected) in [(true, "ready up\n"), (false, "ready down #not ready it knows no leader\n")] {
        let mut report = healthy("vm1");
        let namesrv = &mut report.instances[0];
        (namesrv.state, namesrv.answers) = (State::NotReady, answers);
        namesrv.reasons.push(cause("no-leader", "it knows no leader", ""));
        report.ready = false;
        let address = serve(Some(report), Limits::default()).await;
        assert_eq!(ask(address, b"namesrv\n").await, expected);
        assert!(ask(address, b"\n").await.starts_with("ready down #"));
    }
}

#[tokio::test]
async fn an_instance_or_the_whole_host_is_up_or_down_with_the_reason_on_one_line() {
    let address = serve(Some(troubled("vm1")), Limits::default()).await;
    for (question, answer) in [
        ("namesrv\n", "ready up\n"),
        ("namesrv\r\n", "ready up\n"),
        ("broker-b\n", "ready down #not ready it is 3 MiB behind its master (broker.max_lag is 1 MiB)\n"),
        ("broker-b/slave\n", "ready down #not ready it is 3 MiB behind its master (broker.max_lag is 1 MiB)\n"),
        ("broker-b/master\n", "ready down #broker-b is a slave here\n"),
        ("broker-b/king\n", "ready down #ask for an instance, instance/master or instance/slave\n"),
        ("nobody\n", "ready down #vm1 does not run it; it runs namesrv, broker-b (slave), broker-a (master)\n"),
    ] {
        assert_eq!(ask(address, question.as_bytes()).await, answer, "{question}");
    }
    let whole = ask(address, b"\n").await;
    assert!(whole.starts_with("ready down #broker-b: it is 3 MiB behind") && whole.lines().count() == 1, "{whole}");
    let address = serve(Some(healthy("vm1")), Limits::default()).await;
    assert_eq!(ask(address, b"\n").await, "ready up\n");
    // HAProxy without agent-send asks nothing.
    assert_eq!(ask(address, b"").await, "ready up\n");
}

#[tokio::test]
async fn what_stops_is_drained_and_what_a_person_stopped_is_in_maintenance() {
    let with = |state: State, id: &str| {
        let mut report = healthy("vm1");
        report.ready = false;
        report.instances[0].state = state;
        report.instances[0].reasons = vec![crate::world::cause(id, "it is so", "")];
        report
    };
    for (state, id, answer) in [
        (State::Stopping, "stopping", "drain\n"),
        (State::Stopped, "stopped-by-hand", "maint\n"),
        (State::Stopped, "disk-full", "ready down #stopped it is so\n"),
    ] {
        let address = serve(Some(with(state, id)), Limits::default()).await;
        assert_eq!(ask(address, b"namesrv\n").await, answer);
    }
}

#[tokio::test]
async fn what_is_not_known_or_too_long_is_not_up() {
    let stalled = Limits { stalled: Duration::ZERO, ..Limits::default() };
    for (report, limits) in [(None, Limits::default()), (Some(healthy("vm1")), stalled)] {
        let address = serve(report, limits).await;
        assert_eq!(ask(address, b"namesrv\n").await, "ready down #the agent has nothing new to say of this host\n");
    }
    let address = serve(Some(healthy("vm1")), Limits::default()).await;
    assert!(!ask(address, &[b'x'; 256]).await.contains("up"));
}

/// Half-open connections of the load balancer's own address.
#[tokio::test]
async fn a_flood_of_half_open_connections_keeps_no_load_balancer_out() {
    let address = serve(Some(healthy("vm1")), Limits::default()).await;
    let mut flood = Vec::new();
    for probe in 0..20 {
        for _ in 0..if probe == 0 { 300 } else { 20 } {
            flood.push(TcpStream::connect(address).await.unwrap());
        }
        assert_eq!(ask(address, b"namesrv\n").await, "ready up\n", "probe {probe}");
    }
}
