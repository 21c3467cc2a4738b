//! Every path, every method.

use crate::world::{Agent, Reply, ask, cause, healthy, read_to_end, send, soon, troubled};
use rocketmq_agent::http::Limits;
use rocketmq_agent_domain::{
    health::report::HostReport,
    plan::Blocked,
    rollout::{Phase, Turn, Verb},
};
use std::time::Duration;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
};

const PATHS: [&str; 14] = [
    "/",
    "/livez",
    "/readyz",
    "/health/broker-a",
    "/health/broker-a/master",
    "/health/broker-b/slave",
    "/v1/host",
    "/v1/cluster",
    "/v1/config",
    "/v1/reach",
    "/rocketmq/nsaddr",
    "/rocketmq/nsaddr-unit1",
    "/metrics",
    "/openapi.json",
];

#[tokio::test]
async fn every_path_answers_get_and_head_alike_and_options_with_allow() {
    let agent = Agent::start(Some(healthy("vm1"))).await;
    for path in PATHS {
        let get = agent.get(path).await;
        assert_eq!(get.status, 200, "{path}: {get:?}");
        assert_eq!(get.header("cache-control"), "no-store", "{path}");
        assert_eq!(get.header("content-length"), get.body.len().to_string(), "{path}");
        let head = ask(agent.address, "HEAD", path).await;
        assert_eq!((head.status, head.body.as_str()), (200, ""), "{path}");
        assert_eq!(head.header("content-length"), get.header("content-length"), "{path}");
        assert_eq!(head.header("content-type"), get.header("content-type"), "{path}");
        let options = ask(agent.address, "OPTIONS", path).await;
        assert_eq!((options.status, options.header("allow")), (204, "GET, HEAD, OPTIONS"), "{path}");
    }
}

#[tokio::test]
async fn other_methods_are_refused_with_what_is_allowed() {
    let agent = Agent::start(Some(healthy("vm1"))).await;
    for path in PATHS {
        for method in ["POST", "PUT", "DELETE", "PATCH", "TRACE", "BREW"] {
            let reply = ask(agent.address, method, path).await;
            assert_eq!((reply.status, reply.header("allow")), (405, "GET, HEAD, OPTIONS"), "{method} {path}");
            assert!(reply.body.ends_with('\n'), "{method} {path}: {reply:?}");
        }
    }
}

#[tokio::test]
async fn an_unknown_path_is_answered_with_a_hint() {
    let agent = Agent::start(Some(healthy("vm1"))).await;
    for path in ["/health", "/health/", "/v1", "/rocketmq/other", "/livez/", "//", "/health/a/b/c", "/%00", "*"] {
        let reply = agent.get(path).await;
        assert_eq!((reply.status, reply.body.lines().count()), (404, 1), "{path}: {reply:?}");
    }
}

#[tokio::test]
async fn a_ready_host_is_ready_and_verbose_lists_its_instances() {
    let agent = Agent::start(Some(healthy("vm1"))).await;
    assert_eq!(agent.get("/readyz").await.body, "ready\n");
    let verbose = "ready\n\
                   [+] namesrv namesrv 10.0.0.1:9876: ready\n\
                   [+] broker-b slave 10.0.0.1:11911: ready, 0 B behind its master\n\
                   [+] broker-a master 10.0.0.1:10911: ready, its slave is 0 B behind\n";
    for path in ["/readyz?verbose", "/readyz?verbose=1", "/readyz?a=b&verbose"] {
        assert_eq!(agent.get(path).await.body, verbose, "{path}");
    }
}

#[tokio::test]
async fn a_host_that_is_not_ready_says_why_a_line_each() {
    let mut report = troubled("vm1");
    report.blocked =
        vec![Blocked { instance: None, cause: cause("disk-full", "the disk of /var is full", "free some space") }];
    report.not_in_file = vec!["broker-x".parse().unwrap()];
    report.steps = vec!["start broker-a".into()];
    let agent = Agent::start(Some(report)).await;
    let reply = agent.get("/readyz").await;
    assert_eq!(reply.status, 503);
    let reasons = "vm1: the disk of /var is full; free some space\n\
                   broker-b: it is 3 MiB behind its master (broker.max_lag is 1 MiB)\n\
                   broker-a: its process runs and does not answer:\\nrefused; wait\\r\\na while\n";
    assert_eq!(reply.body, reasons);
    let reply = agent.get("/readyz?verbose").await;
    assert_eq!(reply.status, 503);
    let verbose = "not ready\n\
                   [+] namesrv namesrv 10.0.0.1:9876: ready\n\
                   [-] broker-b slave 10.0.0.1:11911: not ready, 3 MiB behind its master\n    \
                   why: it is 3 MiB behind its master (broker.max_lag is 1 MiB)\n\
                   [-] broker-a master 10.0.0.1:10911: starting, its slave is 0 B behind\n    \
                   why: its process runs and does not answer:\\nrefused; wait\\r\\na while\n\
                   [-] vm1: the disk of /var is full; free some space\n\
                   [!] broker-x: runs and is not in the cluster file\n\
                   doing: start broker-a\n";
    assert_eq!(reply.body, verbose);
}

#[tokio::test]
async fn a_host_that_is_not_ready_for_no_known_reason_is_not_answered_with_nothing() {
    let agent = Agent::start(Some(HostReport { ready: false, ..healthy("vm1") })).await;
    let reply = agent.get("/readyz").await;
    assert_eq!((reply.status, reply.body.as_str()), (503, "vm1: not ready; no reason is known\n"));
    agent.publish(HostReport { ready: false, steps: vec!["unpack 5.5.0".into()], ..healthy("vm1") });
    assert_eq!(agent.get("/readyz").await.body, "vm1: unpack 5.5.0\n");
}

#[tokio::test]
async fn an_instance_is_asked_for_by_name_and_role() {
    let agent = Agent::start(Some(troubled("vm1"))).await;
    for (path, status, body) in [
        ("/health/namesrv", 200, "ready\n"),
        ("/health/broker-b", 503, "not ready\nit is 3 MiB behind its master (broker.max_lag is 1 MiB)\n"),
        ("/health/broker-b/slave", 503, "not ready\nit is 3 MiB behind its master (broker.max_lag is 1 MiB)\n"),
        ("/health/broker-b/master", 503, "broker-b is a slave here\n"),
        ("/health/broker-a/slave", 503, "broker-a is a master here\n"),
        ("/health/broker-a/slave?max_lag=1T", 503, "broker-a is a master here\n"),
        (
            "/health/broker-a/master",
            503,
            "starting\nits process runs and does not answer:\\nrefused; wait\\r\\na while\n",
        ),
        ("/health/namesrv/master", 404, "namesrv is a NameServer, never a master\n"),
        ("/health/broker-c", 404, "vm1 does not run it; it runs namesrv, broker-b (slave), broker-a (master)\n"),
        (
            "/health/broker-c/slave?max_lag=1MB",
            404,
            "vm1 does not run it; it runs namesrv, broker-b (slave), broker-a (master)\n",
        ),
        ("/health/%ff", 404, "the name is no text\n"),
    ] {
        let reply = agent.get(path).await;
        assert_eq!((reply.status, reply.body.as_str()), (status, body), "{path}");
    }
}

#[tokio::test]
async fn a_limit_in_the_question_stands_in_for_the_one_in_the_file() {
    let agent = Agent::start(Some(troubled("vm1"))).await;
    for (limit, status, body) in [
        ("4MB", 200, "ready, 3 MiB behind\n"),
        ("3145728", 200, "ready, 3 MiB behind\n"),
        ("1MB", 503, "it is 3 MiB behind its master, and at most 1 MiB is asked for\n"),
        ("0", 503, "it is 3 MiB behind its master, and at most 0 B is asked for\n"),
    ] {
        let reply = agent.get(&format!("/health/broker-b/slave?max_lag={limit}")).await;
        assert_eq!((reply.status, reply.body.as_str()), (status, body), "{limit}");
    }
    let mut report = troubled("vm1");
    report.instances[1].lag = None;
    agent.publish(report.clone());
    assert_eq!(agent.get("/health/broker-b/slave?max_lag=1T").await.status, 503);
    report.instances[1].lag = Some(0);
    report.instances[1].reasons.push(cause("no-replication", "it has no connection", ""));
    agent.publish(report);
    assert_eq!(agent.get("/health/broker-b/slave?max_lag=1T").await.status, 503);
}

#[tokio::test]
async fn a_limit_that_is_no_size_is_a_bad_request() {
    let agent = Agent::start(Some(healthy("vm1"))).await;
    for query in ["max_lag=", "max_lag=much", "max_lag=-1", "max_lag=1.5M", "max_lag=1&max_lag=2", "max_lag"] {
        let reply = agent.get(&format!("/health/broker-b/slave?{query}")).await;
        assert_eq!((reply.status, reply.body.lines().count()), (400, 1), "{query}: {reply:?}");
    }
}

#[tokio::test]
async fn json_is_the_published_types() {
    let report = healthy("vm1");
    let agent = Agent::start(Some(report.clone())).await;
    let reply = agent.get("/v1/host").await;
    assert_eq!(reply.header("content-type"), "application/json");
    assert_eq!(serde_json::from_str::<HostReport>(&reply.body).unwrap(), report);
    let cluster = agent.get("/v1/cluster").await.json();
    assert_eq!((&cluster["ready"], &cluster["seen_from"]), (&true.into(), &"vm1".into()));
    assert_eq!(cluster["hosts"][0]["address"], agent.address.to_string());
    let config = agent.get("/v1/config").await.json();
    assert_eq!(config["path"], "/etc/rocketmq-agent/cluster.toml");
    assert_eq!((&config["host"], &config["placement"]), (&"vm1".into(), &"sha256:bb".into()));
}

#[tokio::test]
async fn openapi_describes_exactly_the_fields_that_are_served() {
    let mut report = troubled("vm1");
    report.instances[1].reasons[0].values.insert("port".to_owned(), "10911".into());
    report.blocked = vec![Blocked { instance: None, cause: cause("id", "what", "fix") }];
    let waits = Some(cause("id", "what", "fix"));
    report.instances[1].rollout = Some(Turn { verb: Verb::Renew, phase: Phase::Waits, since: 1, waits });
    let agent = Agent::start(Some(report)).await;
    let described = agent.get("/openapi.json").await.json()["components"]["schemas"].clone();
    let cluster = agent.get("/v1/cluster").await.json();
    let host = &cluster["hosts"][0]["report"];
    let served = [
        ("ClusterReport", &cluster),
        ("HostView", &cluster["hosts"][0]),
        ("HostReport", host),
        ("ConfigReport", &host["config"]),
        ("InstanceReport", &host["instances"][1]),
        ("Cause", &host["instances"][1]["reasons"][0]),
        ("Turn", &host["instances"][1]["rollout"]),
        ("Blocked", &host["blocked"][0]),
        ("ConfigView", &agent.get("/v1/config").await.json()),
    ];
    let keys = |value: &serde_json::Value| -> Vec<String> { value.as_object().unwrap().keys().cloned().collect() };
    for (schema, value) in served {
        assert_eq!(keys(&described[schema]["properties"]), keys(value), "{schema}");
    }
}

#[tokio::test]
async fn a_figure_that_json_cannot_express_is_left_out() {
    let mut report = healthy("vm1");
    report.instances[1].figures.insert("rocketmq_broker_qps".to_owned(), f64::NAN);
    let agent = Agent::start(Some(report)).await;
    let read: HostReport = serde_json::from_str(&agent.get("/v1/host").await.body).unwrap();
    assert_eq!(read, healthy("vm1"));
}

#[tokio::test]
async fn nsaddr_is_exactly_the_list() {
    let agent = Agent::start(None).await;
    for path in ["/rocketmq/nsaddr", "/rocketmq/nsaddr-unit1?nofix=1", "/rocketmq/nsaddr?a=b"] {
        assert_eq!(agent.get(path).await.body, "10.0.0.1:9876;10.0.0.2:9876", "{path}");
    }
    agent.nsaddr.send_replace("10.0.0.3:9876".into());
    assert_eq!(agent.get("/rocketmq/nsaddr").await.body, "10.0.0.3:9876");
    agent.nsaddr.send_replace("".into());
    let empty = agent.get("/rocketmq/nsaddr").await;
    assert_eq!((empty.status, empty.body.is_empty()), (503, false));
}

#[tokio::test]
async fn before_the_first_pass_nothing_is_called_ready() {
    let agent = Agent::start(None).await;
    for path in ["/readyz", "/readyz?verbose", "/health/broker-a", "/health/broker-a/slave?max_lag=1M"] {
        let reply = agent.get(path).await;
        assert_eq!((reply.status, reply.body.contains("just started")), (503, true), "{path}: {reply:?}");
    }
    for path in ["/v1/host", "/v1/cluster"] {
        let reply = agent.get(path).await;
        assert_eq!((reply.status, reply.json()["error"].is_string()), (503, true), "{path}");
    }
    for path in ["/livez", "/metrics", "/", "/v1/config"] {
        assert_eq!(agent.get(path).await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn a_loop_that_stands_still_is_not_alive_and_what_it_saw_is_not_shown() {
    let limits = Limits { stalled: Duration::ZERO, ..Limits::default() };
    let agent = Agent::with(Some(healthy("vm1")), limits).await;
    for path in ["/livez", "/readyz", "/health/broker-a", "/v1/host", "/v1/cluster", "/metrics"] {
        let reply = agent.get(path).await;
        assert_eq!((reply.status, reply.body.contains("has not turned")), (503, true), "{path}: {reply:?}");
    }
    for path in ["/", "/rocketmq/nsaddr", "/v1/config"] {
        assert_eq!(agent.get(path).await.status, 200, "{path}");
    }
}

#[tokio::test]
async fn a_new_snapshot_is_seen_at_once_on_a_connection_that_is_kept() {
    let agent = Agent::start(Some(healthy("vm1"))).await;
    let mut stream = TcpStream::connect(agent.address).await.unwrap();
    for (report, status) in [(healthy("vm1"), 200), (troubled("vm1"), 503), (healthy("vm1"), 200)] {
        agent.publish(report);
        for path in ["/readyz", "/readyz?verbose", "/health/broker-a"] {
            let request = format!("GET {path} HTTP/1.1\r\nHost: vm1\r\n\r\n");
            stream.write_all(request.as_bytes()).await.unwrap();
            assert_eq!(soon(one_reply(&mut stream)).await.status, status, "{path}");
        }
        let mode =
            if status == 200 { "rocketmq_agent_ready{cluster=\"DefaultCluster\",host=\"vm1\"} 1" } else { "} 0" };
        assert!(agent.get("/metrics").await.body.contains(mode));
        assert_eq!(agent.get("/v1/host").await.json()["ready"], status == 200);
    }
}

/// Reads one answer by its content-length and leaves the connection open.
async fn one_reply(stream: &mut TcpStream) -> Reply {
    let mut got = Vec::new();
    loop {
        assert_ne!(stream.read_buf(&mut got).await.unwrap(), 0, "the connection was closed");
        let text = String::from_utf8_lossy(&got);
        if text.contains("\r\n\r\n") {
            let reply = Reply::parse(&text);
            if reply.header("content-length").parse::<usize>().unwrap() == reply.body.len() {
                return reply;
            }
        }
    }
}

#[tokio::test]
async fn the_page_shows_this_host_without_its_script_and_quotes_nothing_as_html() {
    let mut report = troubled("vm1");
    report.instances[2].reasons = vec![cause("x", "<script>alert('1')</script> & \"more\"", "")];
    let agent = Agent::start(Some(report)).await;
    let page = agent.get("/").await;
    assert_eq!(page.header("content-type"), "text/html; charset=utf-8");
    assert!(page.header("content-security-policy").starts_with("default-src 'none'"), "{:?}", page.headers);
    assert!(page.body.contains("&lt;script&gt;alert(&#39;1&#39;)&lt;/script&gt; &amp; &quot;more&quot;"));
    assert!(!page.body.contains("<script>alert"));
    assert!(page.body.contains("vm1 of DefaultCluster is not ready."));
    for outside in ["http://", "https://", "src="] {
        assert!(!page.body.contains(outside), "the page takes something from elsewhere: {outside}");
    }
}

#[tokio::test]
async fn http_1_0_without_a_host_header_is_answered_as_haproxy_and_keepalived_send_it() {
    let agent = Agent::start(Some(healthy("vm1"))).await;
    for method in ["GET", "HEAD", "OPTIONS"] {
        let reply = Reply::parse(&send(agent.address, format!("{method} /readyz HTTP/1.0\r\n\r\n").as_bytes()).await);
        assert_eq!(reply.status, if method == "OPTIONS" { 204 } else { 200 }, "{method}");
    }
}

#[tokio::test]
async fn the_end_waits_for_no_idle_client() {
    let limits = Limits { farewell: Duration::from_secs(3600), ..Limits::default() };
    let agent = Agent::with(Some(healthy("vm1")), limits).await;
    let mut idle = TcpStream::connect(agent.address).await.unwrap();
    idle.write_all(b"GET /livez HTTP/1.1\r\nHost: vm1\r\n\r\n").await.unwrap();
    assert_eq!(soon(one_reply(&mut idle)).await.status, 200);
    agent.stop().await;
    assert_eq!(soon(read_to_end(&mut idle)).await, "");
}
