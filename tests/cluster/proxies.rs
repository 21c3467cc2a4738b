//! What stands between a cluster and others: proxies that real gRPC clients send and receive through, and a jar that is no
//! part of the release.

use crate::{
    lab::{LONG, Lab, kill_9, poll, signal},
    outside::Haproxy,
    real::{grpc_client, make_jar, sha256},
};
use rustix::process::Signal;
use std::fs;

/// Small heaps, and proxies that tell clients the port that they came by: here that is HAProxy's.
pub const PROXIES: &str = "[broker.config]\nmappedFileSizeCommitLog = 1048576\n\
    [proxy]\nheap = \"192M\"\nconfig = { useEndpointPortFromRequest = true }\n[rollout]\nrestart = \"auto\"\n";

pub fn through(lab: &Lab, host: &str) -> String {
    let (ip, port) = (if host == "vm1" { "127.0.0.1" } else { "127.0.0.2" }, lab.port(host, "proxy"));
    format!("{ip}:{port}")
}

fn send(endpoints: &str, prefix: &str) {
    let send = ["send", "--topic", "ByGrpc", "--count", "20", "--prefix", prefix];
    let sent = grpc_client(&send, endpoints);
    assert!(sent.status.success(), "{endpoints}: {sent:?}");
}

fn receive(endpoints: &str, prefix: &str) {
    let receive = ["receive", "--topic", "ByGrpc", "--group", prefix, "--count", "20", "--prefix", prefix];
    let received = grpc_client(&receive, endpoints);
    assert!(received.status.success(), "{endpoints}: {received:?}");
}

pub fn a_grpc_client_sends_through_one_proxy_and_receives_through_the_other(lab: &mut Lab) {
    lab.start();
    lab.until_ready();
    for host in ["vm1", "vm2"] {
        // None was started before there was a master, to end at once.
        assert_eq!(lab.instance(host, "proxy").unwrap().failures, 0, "{host}");
        assert_eq!(lab.get(host, "/health/proxy").unwrap().0, 200);
    }
    // No attribute is needed for plain messages.
    lab.create_topic("ByGrpc");
    send(&through(lab, "vm1"), "plain");
    receive(&through(lab, "vm2"), "plain");
}

fn until_replaced(lab: &Lab, name: &str, before: u32) {
    poll(LONG, &format!("{name} of vm1 is another process and ready"), || match lab.instance("vm1", name)? {
        it if it.is_ready() && it.pid.is_some_and(|pid| pid != before) => Ok(()),
        it => Err(format!("{} {:?}", it.state, it.reasons)),
    });
}

pub fn a_proxy_that_is_killed_comes_back_and_serves(lab: &mut Lab) {
    let before = lab.pid("vm1", "proxy");
    kill_9(before);
    until_replaced(lab, "proxy", before);
    send(&through(lab, "vm1"), "again");
}

pub fn haproxy_routes_away_from_a_proxy_that_is_not_ready_and_back(lab: &mut Lab) {
    let haproxy = Haproxy::start(lab);
    haproxy.until("proxy", "vm2", "UP");
    let front = format!("127.0.0.1:{}", Haproxy::front(lab, "proxy"));
    // It still takes connections, so that a plain check would go on sending clients there.
    let hung = lab.pid("vm2", "proxy");
    signal(hung, Signal::STOP);
    haproxy.until("proxy", "vm2", "DOWN");
    send(&front, "balanced");
    receive(&front, "balanced");
    signal(hung, Signal::CONT);
    haproxy.until("proxy", "vm2", "UP");
    lab.until_ready();
}

/// What it serves is not what this is about: that it is checked, started with its properties, and kept.
pub fn a_jar_with_another_checksum_is_never_run_and_the_right_one_is_kept_running(lab: &mut Lab) {
    let jar = lab.dir.join("exporter.jar");
    make_jar(&lab.dir, &jar);
    let sum = sha256(&jar);
    let before = fs::read_to_string(lab.cluster_file()).unwrap();
    let with = |sum: &str| {
        let (jar, port) = (jar.display(), lab.port("vm1", "exporter"));
        fs::write(
            lab.cluster_file(),
            format!("[exporter]\nhost = \"vm1\"\nsource = \"{jar}\"\nsha256 = \"{sum}\"\nport = {port}\n{before}"),
        )
        .unwrap();
    };
    with(&"0".repeat(64));
    poll(LONG, "the checksum is refused", || {
        let reasons = lab.report("vm1")?.reasons();
        if reasons.iter().any(|it| it.contains("wrong sha256")) { Ok(()) } else { Err(reasons.join("\n")) }
    });
    assert_eq!(lab.instance("vm1", "exporter").unwrap().pid, None);
    with(&sum);
    lab.until_ready();
    let pid = lab.pid("vm1", "exporter");
    assert_eq!(lab.get("vm1", "/health/exporter").unwrap().0, 200);
    let served = lab.folder("vm1", "exporter").join("tmp/served.txt");
    assert_eq!(fs::read_to_string(served).unwrap(), lab.namesrv_list());
    kill_9(pid);
    until_replaced(lab, "exporter", pid);
}
