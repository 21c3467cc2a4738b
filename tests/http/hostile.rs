//! Clients that are slow, broken or mean harm: they get an error or are cut off, and others are answered meanwhile.

use crate::world::{Agent, Reply, healthy, read_to_end, send, soon};
use proptest::{collection::vec, prelude::*, test_runner::TestRunner};
use rocketmq_agent::http::Limits;
use std::time::Duration;
use tokio::{io::AsyncWriteExt, net::TcpStream};

const SHORT: Duration = Duration::from_millis(50);

async fn agent(limits: Limits) -> Agent {
    Agent::with(Some(healthy("vm1")), limits).await
}

async fn assert_answers(agent: &Agent) {
    assert_eq!(agent.get("/readyz").await.body, "ready\n");
}

#[tokio::test]
async fn headers_and_queries_of_a_megabyte_are_refused() {
    let agent = agent(Limits::default()).await;
    let long = "a".repeat(1 << 20);
    for (request, statuses) in [
        (format!("GET /readyz?{long} HTTP/1.1\r\nHost: vm1\r\n\r\n"), [414, 431]),
        (format!("GET /readyz HTTP/1.1\r\nHost: vm1\r\nX: {long}\r\n\r\n"), [431, 431]),
        (format!("GET /readyz HTTP/1.1\r\nHost: vm1\r\n{}\r\n", "X: y\r\n".repeat(10_000)), [431, 431]),
    ] {
        let answer = send(agent.address, request.as_bytes()).await;
        // The rest of the megabyte may reset the connection before the answer is read.
        if !answer.is_empty() {
            assert!(statuses.contains(&Reply::parse(&answer).status), "{answer}");
        }
        assert_answers(&agent).await;
    }
}

#[tokio::test]
async fn headers_just_over_the_limit_are_refused_in_words_of_http() {
    let agent = agent(Limits::default()).await;
    let request = format!("GET /readyz HTTP/1.1\r\nHost: vm1\r\nX: {}\r\n\r\n", "a".repeat(16 * 1024));
    let request = &request.as_bytes()[..16 * 1024];
    assert_eq!(Reply::parse(&send(agent.address, request).await).status, 431);
}

#[tokio::test]
async fn request_bodies_are_refused_before_they_are_sent() {
    let agent = agent(Limits::default()).await;
    for head in ["GET /readyz HTTP/1.1\r\nContent-Length: 5", "POST / HTTP/1.1\r\nContent-Length: 99999999999"] {
        let reply = Reply::parse(&send(agent.address, format!("{head}\r\nHost: vm1\r\n\r\n").as_bytes()).await);
        assert_eq!((reply.status, reply.header("connection")), (413, "close"), "{head}");
    }
    let chunked = "PUT /metrics HTTP/1.1\r\nHost: vm1\r\nTransfer-Encoding: chunked\r\n\r\n";
    assert_eq!(Reply::parse(&send(agent.address, chunked.as_bytes()).await).status, 413);
    let empty = "GET /readyz HTTP/1.1\r\nHost: vm1\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    assert_eq!(Reply::parse(&send(agent.address, empty.as_bytes()).await).status, 200);
}

#[tokio::test]
async fn a_slow_header_and_an_idle_connection_are_cut_off() {
    let agent = agent(Limits { header: SHORT, ..Limits::default() }).await;
    let mut slow = TcpStream::connect(agent.address).await.unwrap();
    slow.write_all(b"GET /readyz HTT").await.unwrap();
    let mut idle = TcpStream::connect(agent.address).await.unwrap();
    let mut kept = TcpStream::connect(agent.address).await.unwrap();
    kept.write_all(b"GET /readyz HTTP/1.1\r\nHost: vm1\r\n\r\n").await.unwrap();
    assert_answers(&agent).await;
    assert_eq!(soon(read_to_end(&mut idle)).await, "");
    soon(read_to_end(&mut slow)).await;
    assert_eq!(Reply::parse(&soon(read_to_end(&mut kept)).await).status, 200);
}

#[tokio::test]
async fn a_client_that_does_not_read_its_answers_is_cut_off() {
    let agent = agent(Limits { connection: SHORT, farewell: SHORT, ..Limits::default() }).await;
    let mut stream = TcpStream::connect(agent.address).await.unwrap();
    let requests = "GET /openapi.json HTTP/1.1\r\nHost: vm1\r\n\r\n".repeat(1000);
    // Ends only when the server closes: it never reads all this while nobody takes its answers.
    soon(async { while stream.write_all(requests.as_bytes()).await.is_ok() {} }).await;
    assert_answers(&agent).await;
}

#[tokio::test]
async fn beyond_the_limit_the_oldest_connection_is_closed_and_the_newest_answered() {
    let agent = agent(Limits { connections: 4, ..Limits::default() }).await;
    let mut idle = Vec::new();
    for _ in 0..12 {
        idle.push(TcpStream::connect(agent.address).await.unwrap());
    }
    assert_answers(&agent).await;
    for stream in &mut idle[..8] {
        soon(read_to_end(stream)).await;
    }
}

#[test]
fn no_bytes_that_a_client_sends_keep_others_from_being_answered() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let agent = runtime.block_on(agent(Limits { header: SHORT, ..Limits::default() }));
    let garbage = vec(any::<u8>(), 0..200).prop_map(|bytes| (bytes, true));
    let request = ("[A-Z]{1,7}", "/[ -~]{0,80}", "[ -~]{0,40}")
        .prop_map(|(method, path, rest)| (format!("{method} {path} HTTP/1.1\r\n{rest}\r\n\r\n").into_bytes(), true));
    let paths = ("(/health/|/readyz|/rocketmq/nsaddr-|/v1/)[ -~&&[^ ]]{0,60}")
        .prop_map(|path| (format!("GET {path} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n").into_bytes(), false));
    let mut runner = TestRunner::new(ProptestConfig { cases: 300, failure_persistence: None, ..Default::default() });
    let result = runner.run(&prop_oneof![garbage, request, paths], |(bytes, may_be_silent)| {
        let answer = runtime.block_on(async {
            let answer = send(agent.address, &bytes).await;
            assert_answers(&agent).await;
            answer
        });
        prop_assert!(may_be_silent || answer.starts_with("HTTP/1.1 "), "{answer:?}");
        prop_assert!(!answer.starts_with("HTTP/1.1 500"), "{answer:?}");
        Ok(())
    });
    result.unwrap();
}
