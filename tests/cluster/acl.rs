//! With access control on: who has the key uses the brokers, who has not is refused, and the key is shown nowhere.

use crate::{
    lab::{LONG, Lab, poll},
    proxies::through,
    real::grpc_client,
};
use rocketmq_agent::{
    grpc::{Proxy, query_route},
    remoting::{Broker, Client, Credential, NameServer, RemotingError},
};
use rocketmq_agent_domain::health::report::State;
use std::{
    fs,
    net::SocketAddr,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::PathBuf,
    process::Command,
    time::Duration,
};

const NAME: &str = "rocketmq-admin";
const KEY: &str = "Kq3xT9wPz7Lm2VbN8rYc";
const OTHER_KEY: &str = "Zs6hJ4dQe1Ua5GfW0oXi";

fn key_file(lab: &Lab) -> PathBuf {
    lab.dir.join("acl.key")
}

/// The Java client with the key, where the lab has one.
pub fn with_key(lab: &Lab, arguments: &[&str]) -> (bool, String) {
    let file = key_file(lab);
    let path = file.display().to_string();
    let key = ["--access-key", NAME, "--secret-file", &path];
    lab.java(&[arguments, if file.exists() { &key } else { &[] }].concat())
}

fn write_key(lab: &Lab, key: &str) {
    let file = key_file(lab);
    // Each agent reads it whole.
    let beside = file.with_extension("new");
    fs::write(&beside, format!("{key}\n")).unwrap();
    fs::set_permissions(&beside, fs::Permissions::from_mode(0o600)).unwrap();
    fs::rename(beside, file).unwrap();
}

fn lab(number: u16, version: &'static str, mode: &str) -> Lab {
    // As Lab::new names it.
    let key_file = format!("/var/tmp/rocketmq-agent-tests-{}-{number}/acl.key", std::process::id());
    let proxy = if has_proxies(version) { "[proxy]\nheap = \"192M\"\n" } else { "" };
    let more = format!(
        "[broker.config]\nmappedFileSizeCommitLog = 1048576\n[acl]\naccess_key = \"{NAME}\"\nkey_file = \"{key_file}\"\n{proxy}"
    );
    let lab = Lab::new(number, version, mode, 2, &more);
    let file = fs::read_to_string(lab.cluster_file()).unwrap();
    if let Some((before, after)) = file.rsplit_once("proxy = { ") {
        // That of vm2 takes nobody in plain text.
        let tls = "proxy = { java_options = [\"-Dtls.server.mode=enforcing\"], ";
        fs::write(lab.cluster_file(), format!("{before}{tls}{after}")).unwrap();
    }
    lab.client.sign_as(Some(Credential::new(NAME, KEY)));
    lab
}

fn has_proxies(version: &str) -> bool {
    !version.starts_with('4')
}

pub fn two() -> Lab {
    lab(20, "5.5.0", "2m-2s-sync")
}

pub fn one() -> Lab {
    lab(21, "4.9.4", "2m-2s-async")
}

pub fn without_its_key_nothing_that_needs_one_starts_and_with_it_all_comes_up_in_sync(lab: &mut Lab) {
    lab.start();
    for host in ["vm1", "vm2"] {
        poll(LONG, &format!("{host} says that it has no key"), || {
            let said = lab.report(host)?.reasons().join("\n");
            if said.contains("acl-key") || said.contains("acl.key") { Ok(()) } else { Err(said) }
        });
        for name in ["broker-a", "proxy"].into_iter().take(if has_proxies(lab.version) { 2 } else { 1 }) {
            assert_eq!(lab.instance(host, name).unwrap().pid, None, "{name}");
        }
    }
    write_key(lab, KEY);
    lab.until_ready();
}

/// A broker of its own connection, asked by whoever signs so.
fn asked_as(lab: &Lab, host: &str, name: &str, credential: Option<Credential>) -> Result<(), String> {
    let client = Client::new(Duration::from_secs(5));
    client.sign_as(credential);
    let broker = Broker::new(&client, lab.instance(host, name).unwrap().address, Duration::from_secs(10));
    match lab.wait(broker.config()) {
        Ok(_) => Ok(()),
        Err(error) => Err(error.unauthorized().unwrap_or_else(|| panic!("{error}")).to_owned()),
    }
}

pub fn who_has_no_key_is_refused_and_who_has_it_sends_and_receives(lab: &mut Lab) {
    // The whole host of a slave is let in by 4.x, so the one whose slave has another address is asked.
    asked_as(lab, "vm1", "broker-a", None).unwrap_err();
    asked_as(lab, "vm1", "broker-a", Some(Credential::new(NAME, OTHER_KEY))).unwrap_err();
    asked_as(lab, "vm1", "broker-a", Some(Credential::new(NAME, KEY))).unwrap();
    let signed = |arguments: &[&str]| with_key(lab, arguments);
    let create = ["create-topic", "--cluster", "DefaultCluster", "--topic", "Guarded", "--queues", "2"];
    let (ok, said) = lab.java(&create);
    assert!(!ok, "a topic was made without a key: {said}");
    let (ok, said) = signed(&create);
    assert!(ok, "{said}");
    // A topic of that broker alone: the client would try the other.
    let (ok, said) = lab.java(&["send", "--topic", "broker-a", "--count", "2"]);
    assert!(!ok && said.contains("ok=0"), "sent without a key: {said}");
    // Its first send may well be too slow for the client.
    poll(LONG, "all messages are sent", || {
        let (ok, said) = signed(&["send", "--topic", "Guarded", "--count", "20"]);
        if ok { Ok(()) } else { Err(said) }
    });
    let (ok, said) = signed(&["receive", "--topic", "Guarded", "--group", "guarded", "--expect", "20"]);
    assert!(ok, "{said}");
    let smoke = lab.agents[0].run(&["smoke"]);
    assert!(smoke.status.success(), "{}", String::from_utf8_lossy(&smoke.stdout));
}

pub fn a_client_with_the_key_sends_and_receives_through_proxies_and_one_without_is_refused(lab: &mut Lab) {
    let key_file = key_file(lab).display().to_string();
    let ask = |host: &str, arguments: &[&str], key: &[&str]| {
        let common = ["--topic", "Guarded", "--count", "20", "--prefix", "by gRPC"];
        let output = grpc_client(&[arguments, &common, key].concat(), &through(lab, host));
        let said = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        (output.status.success(), said)
    };
    // That of vm2 is ready though it takes nobody in plain text, on either port.
    lab.until_ready();
    let [grpc, remoting] =
        ["proxy", "proxy-remoting"].map(|port| SocketAddr::from(([127, 0, 0, 2], lab.port("vm2", port))));
    let long = Duration::from_secs(10);
    let plain = Proxy { address: grpc, over_tls: false, signer: None };
    assert!(lab.wait(query_route(plain, "Guarded", long)).is_err());
    let client = Client::new(long);
    let refused = lab.wait(NameServer::new(&client, remoting.to_string(), long).route_info("Guarded"));
    assert!(matches!(refused, Err(RemotingError::Closed { .. })), "{refused:?}");
    let (ok, said) = ask("vm1", &["send"], &[]);
    assert!(!ok && said.contains("sent=0") && said.contains("username cannot be null"), "{said}");
    let other_file = lab.dir.join("other.key");
    fs::write(&other_file, OTHER_KEY).unwrap();
    let other = other_file.display().to_string();
    let (ok, said) = ask("vm1", &["send"], &["--access-key", NAME, "--secret-file", &other]);
    assert!(!ok && said.contains("sent=0") && said.contains("check signature failed"), "{said}");
    let key = ["--access-key", NAME, "--secret-file", &key_file];
    let (ok, said) = ask("vm1", &["send"], &key);
    assert!(ok, "{said}");
    // The same on the port for other clients.
    let proxy = format!("127.0.0.1:{}", lab.port("vm1", "proxy-remoting"));
    let send = ["send", "--topic", "Guarded", "--count", "1"];
    let sent = |key: &[&str]| lab.java_client_of(&[&send, key].concat(), &proxy).output().unwrap().status.success();
    assert!(!sent(&[]));
    poll(LONG, "a message is sent", || if sent(&key) { Ok(()) } else { Err("it is not".to_owned()) });
    let receive = ["receive", "--group", "by-grpc", "--tls", "true"];
    let (ok, said) = ask("vm2", &receive, &key);
    assert!(ok, "{said}");
}

/// Not only the log, which anybody may ask for.
pub fn a_slave_gets_the_topics_of_its_master(lab: &mut Lab) {
    // On one machine the other slave comes from an address that is not its own, which 4.x does not let in.
    let slaves: &[(&str, &str)] =
        if lab.version.starts_with('4') { &[("vm1", "broker-b")] } else { &[("vm1", "broker-b"), ("vm2", "broker-a")] };
    for (host, name) in slaves {
        let slave = lab.broker(host, name);
        poll(LONG, &format!("the slave {name} knows the topic"), || {
            let topics = lab.wait(slave.topics()).map_err(|error| error.to_string())?;
            if topics.contains_key("Guarded") { Ok(()) } else { Err(format!("{:?}", topics.keys())) }
        });
    }
}

/// The files of a lab that hold the key, but for what is unpacked from releases.
fn files_with_key(lab: &Lab) -> Vec<PathBuf> {
    let found =
        Command::new("grep").args(["-rlF", "--exclude-dir=dist", "-f"]).arg(key_file(lab)).arg(&lab.dir).output();
    String::from_utf8(found.unwrap().stdout).unwrap().lines().map(PathBuf::from).collect()
}

pub fn the_key_is_in_the_files_that_need_it_and_shown_nowhere(lab: &mut Lab) {
    let mut said = String::new();
    for arguments in [&["render"][..], &["plan"], &["status", "--json"], &["explain"]] {
        let output = lab.agents[0].run(arguments);
        said += &(String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr));
    }
    assert!(said.contains("${acl.secret_key}"), "{said}");
    for path in ["/v1/host", "/v1/cluster", "/v1/config", "/metrics", "/readyz?verbose", "/"] {
        said += &lab.get("vm1", path).unwrap().1;
    }
    for pid in lab.pids().values().chain(lab.agents.iter().map(|agent| agent.pid()).collect::<Vec<_>>().iter()) {
        for what in ["cmdline", "environ"] {
            said += &String::from_utf8_lossy(&fs::read(format!("/proc/{pid}/{what}")).unwrap());
        }
    }
    assert!(!said.contains(KEY));
    let archive = lab.dir.join("support.tar.gz");
    let made = lab.agents[0].run(&["support", "--output", &archive.display().to_string()]);
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let unpacked = Command::new("tar").args(["-xzOf"]).arg(&archive).output().unwrap();
    assert!(unpacked.stdout.len() > 10_000 && !String::from_utf8_lossy(&unpacked.stdout).contains(KEY));
    // On disk: the key's own file, what is rendered with it, and the users that a broker of 5.x keeps.
    let mut found = files_with_key(lab);
    let rendered: &[(&str, usize)] =
        if has_proxies(lab.version) { &[("broker.conf", 4), ("rmq-proxy.json", 2)] } else { &[("plain_acl.yml", 4)] };
    for (name, count) in rendered {
        let (with, others): (Vec<_>, Vec<_>) = found.into_iter().partition(|it| it.ends_with(format!("conf/{name}")));
        assert_eq!(with.len(), *count, "{name}: {with:?}");
        for path in with {
            // Root's, and read by the account's group; of an agent that is not root, its own alone.
            let expected = if rustix::process::geteuid().is_root() { 0o640 } else { 0o600 };
            assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, expected, "{}", path.display());
        }
        found = others;
    }
    found.retain(|path| {
        let users = path.parent().is_some_and(|folder| folder.ends_with("store/config/users"));
        !users && *path != key_file(lab)
    });
    assert!(found.is_empty(), "the key is in {found:?}");
}

pub fn a_host_with_another_key_says_that_it_is_refused_and_never_that_a_broker_is_down(lab: &mut Lab) {
    let before = lab.pids();
    write_key(lab, OTHER_KEY);
    let said = lab.until_reason("vm1", "broker-a", "unauthorized");
    assert!(!said.contains(KEY) && !said.contains(OTHER_KEY), "{said}");
    lab.until_reason("vm1", "proxy", "unauthorized");
    let instance = lab.instance("vm1", "broker-a").unwrap();
    assert_eq!((instance.state, instance.answers), (State::NotReady, true));
    write_key(lab, KEY);
    lab.until_ready();
    assert_eq!(lab.pids(), before);
}

pub fn another_key_is_taken_by_brokers_that_run_on(lab: &mut Lab) {
    let before = lab.pids();
    write_key(lab, OTHER_KEY);
    poll(LONG, "the broker takes the new key", || {
        asked_as(lab, "vm1", "broker-a", Some(Credential::new(NAME, OTHER_KEY)))
    });
    asked_as(lab, "vm1", "broker-a", Some(Credential::new(NAME, KEY))).unwrap_err();
    lab.until_ready();
    assert_eq!(lab.pids(), before);
}
