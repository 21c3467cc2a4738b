//! The cluster as others watch it: a real HAProxy in front of both NameServers, with the file that is shipped as an example,
//! and monitoring by exit status.

use crate::lab::{LONG, Lab, poll, root, signal, until};
use rocketmq_agent::remoting::NameServer;
use rustix::process::Signal;
use std::{
    fs,
    io::{Read, Write},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    process::{Child, Command},
    time::Duration,
};

/// A HAProxy that ends with its test.
pub struct Haproxy {
    process: Child,
    socket: PathBuf,
}

impl Drop for Haproxy {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Haproxy {
    /// The port on which it stands before all servers of a kind.
    pub fn front(lab: &Lab, kind: &str) -> u16 {
        lab.port("vm1", if kind == "proxy" { "haproxy-proxy" } else { "haproxy" })
    }

    pub fn start(lab: &Lab) -> Self {
        let socket = lab.dir.join("haproxy.sock");
        let mut text = fs::read_to_string(root().join("conf/haproxy.cfg")).unwrap();
        let mut put = |from: &str, to: String| {
            assert!(text.contains(from), "{from}");
            text = text.replace(from, &to);
        };
        put("/run/haproxy/rocketmq.sock", socket.display().to_string());
        put("bind 0.0.0.0:9876", format!("bind 127.0.0.1:{}", Self::front(lab, "namesrv")));
        put("bind 0.0.0.0:9886", format!("bind 127.0.0.1:{}", lab.port("vm1", "haproxy-zone")));
        put("bind 0.0.0.0:8081", format!("bind 127.0.0.1:{}", Self::front(lab, "proxy")));
        for (host, example, ip) in [("vm1", "10.0.0.1", "127.0.0.1"), ("vm2", "10.0.0.2", "127.0.0.2")] {
            let ports = ["namesrv", "proxy", "agent", "agent-check"].map(|what| lab.port(host, what));
            let [namesrv, proxy, http, check] = ports;
            put(&format!("{example}:8081 check port 9877"), format!("{ip}:{proxy} check port {http}"));
            put(&format!("{example}:9876 check port 9877"), format!("{ip}:{namesrv} check port {http}"));
            let asks = "check agent-check agent-port";
            put(&format!("{example}:9876 {asks} 9880"), format!("{ip}:{namesrv} {asks} {check}"));
        }
        let file = lab.dir.join("haproxy.cfg");
        fs::write(&file, text).unwrap();
        let program = ["/usr/sbin/haproxy", "/usr/bin/haproxy"].into_iter().find(|it| Path::new(it).exists());
        let program = program.expect("haproxy is missing: run `make setup`");
        let process = Command::new(program).arg("-db").arg("-f").arg(&file).spawn().unwrap();
        Self { process, socket }
    }

    /// Of each server, `backend/server`: its status, what its agent-check said, and how many connections it was given.
    fn servers(&self) -> Result<Vec<(String, String, String, u64)>, String> {
        let mut socket = UnixStream::connect(&self.socket).map_err(|error| error.to_string())?;
        socket.write_all(b"show stat\n").map_err(|error| error.to_string())?;
        let mut text = String::new();
        socket.read_to_string(&mut text).map_err(|error| error.to_string())?;
        let names: Vec<&str> = text.lines().next().unwrap_or_default().trim_start_matches("# ").split(',').collect();
        let field = |row: &[&str], name: &str| {
            names
                .iter()
                .position(|it| *it == name)
                .and_then(|at| row.get(at))
                .map_or(String::new(), |it| (*it).to_owned())
        };
        let rows = text.lines().skip(1).map(|line| line.split(',').collect::<Vec<_>>());
        let rows = rows.filter(|row| row.get(1).is_some_and(|name| name.starts_with("vm")));
        Ok(rows
            .map(|row| {
                let [status, agent, given] = ["status", "agent_status", "stot"].map(|name| field(&row, name));
                (format!("{}/{}", row[0], row[1]), status, agent, given.parse().unwrap_or_default())
            })
            .collect())
    }

    /// Waits until a host's servers are in a state in all backends of a kind, and the other host's are up.
    pub fn until(&self, kind: &str, host: &str, wanted: &str) {
        poll(LONG, &format!("HAProxy has {kind} of {host} {wanted}"), || {
            let mut servers = self.servers()?;
            servers.retain(|(name, ..)| name.starts_with(kind));
            let is_so = |(name, status, ..): &(String, String, String, u64)| match name.ends_with(host) {
                true => status.starts_with(wanted),
                false => status.starts_with("UP"),
            };
            if servers.len() >= 2 && servers.iter().all(is_so) { Ok(()) } else { Err(format!("{servers:?}")) }
        });
    }
}

/// Connects so often where the clients of zone b do; how many of these connections each host was given.
fn given_in_zone_b(lab: &Lab, haproxy: &Haproxy, times: u64) -> (u64, u64) {
    let given = || {
        let servers = haproxy.servers().unwrap();
        let of = |host: &str| servers.iter().find(|it| it.0 == format!("namesrv-zone-b/{host}")).unwrap().3;
        (of("vm1"), of("vm2"))
    };
    let (vm1, vm2) = given();
    for _ in 0..times {
        let client = rocketmq_agent::remoting::Client::new(Duration::from_secs(3));
        let front = format!("127.0.0.1:{}", lab.port("vm1", "haproxy-zone"));
        let info = lab.wait(NameServer::new(&client, front, Duration::from_secs(5)).cluster_info());
        assert!(info.unwrap().address("broker-a", 0).is_some());
    }
    let after = given();
    (after.0 - vm1, after.1 - vm2)
}

pub fn haproxy_routes_away_from_a_name_server_that_is_not_ready_and_back(lab: &mut Lab) {
    let haproxy = Haproxy::start(lab);
    haproxy.until("namesrv", "vm2", "UP");
    let front = format!("127.0.0.1:{}", Haproxy::front(lab, "namesrv"));
    let through = || {
        let client = rocketmq_agent::remoting::Client::new(Duration::from_secs(3));
        lab.wait(NameServer::new(&client, front.clone(), Duration::from_secs(5)).cluster_info())
    };
    assert!(through().unwrap().address("broker-a", 0).is_some());
    assert_eq!(given_in_zone_b(lab, &haproxy, 6), (0, 6), "clients stay in their zone");

    let create = ["create-topic", "--cluster", "DefaultCluster", "--topic", "ByHaproxy", "--queues", "4"];
    let created = lab.java_client_of(&create, &front).output().unwrap();
    assert!(created.status.success(), "{created:?}");

    // It still takes connections, so that a plain check would go on sending clients there.
    let hung = lab.pid("vm2", "namesrv");
    signal(hung, Signal::STOP);
    haproxy.until("namesrv", "vm2", "DOWN");
    for _ in 0..10 {
        assert!(through().unwrap().address("broker-b", 0).is_some(), "a client was sent to the one that hangs");
    }
    assert_eq!(given_in_zone_b(lab, &haproxy, 2), (2, 0), "and leave it when nobody there is ready");
    let send = ["send", "--topic", "ByHaproxy", "--count", "20", "--prefix", "haproxy"];
    // The first send of a client that has just begun may take longer than its 3 s on a busy machine.
    poll(LONG, "20 messages are sent", || {
        let sent = lab.java_client_of(&send, &front).output().unwrap();
        let said = String::from_utf8_lossy(&sent.stdout).into_owned();
        if sent.status.success() && said.contains("sent=20 ok=20") { Ok(()) } else { Err(said) }
    });

    signal(hung, Signal::CONT);
    haproxy.until("namesrv", "vm2", "UP");
    // It forgot brokers whose connections ended meanwhile; they register anew.
    lab.until_ready();
    assert_eq!(given_in_zone_b(lab, &haproxy, 2), (0, 2));
}

pub fn the_exit_status_of_status_says_whether_clients_can_work(lab: &mut Lab) {
    let verdict = |lab: &Lab| {
        let output = lab.agents[0].run(&["status", "--exit-code", "--json"]);
        let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        (output.status.code(), report["verdict"].as_str().unwrap().to_owned())
    };
    let is = |code: i32, word: &str| (Some(code), word.to_owned());
    assert_eq!(verdict(lab), is(0, "ok"));
    let namesrvs = ["vm2", "vm1"].map(|host| lab.pid(host, "namesrv"));
    for (pid, expected) in namesrvs.into_iter().zip([is(1, "degraded"), is(2, "down")]) {
        signal(pid, Signal::STOP);
        until(LONG, &expected.1, || verdict(lab) == expected);
    }
    let shown = String::from_utf8(lab.agents[0].run(&["status"]).stdout).unwrap();
    assert!(shown.lines().next().unwrap().contains(": down"), "{shown}");
    assert!(shown.contains("! down: no NameServer answers, so that clients find no broker"), "{shown}");
    namesrvs.into_iter().for_each(|pid| signal(pid, Signal::CONT));
    lab.until_ready();
    assert_eq!(verdict(lab), is(0, "ok"));
}
