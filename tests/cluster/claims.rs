//! What the product is for: a cluster comes up from one file, keeps its messages, and comes back from crashes.

use crate::lab::{LONG, Lab, Sender, aborts, is_running, kill_9, poll, until};
use rocketmq_agent::remoting::NameServer;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::Duration,
};

pub fn one_file_brings_up_two_namesrvs_and_four_brokers_in_sync(lab: &mut Lab) {
    lab.start();
    lab.until_ready();
    for namesrv in lab.namesrvs.clone() {
        let info =
            lab.wait(NameServer::new(&lab.client, namesrv.to_string(), Duration::from_secs(5)).cluster_info()).unwrap();
        for (group, master, slave) in [("broker-a", "127.0.0.1", "127.0.0.2"), ("broker-b", "127.0.0.2", "127.0.0.1")] {
            let at = |id| info.address(group, id).unwrap_or_default().to_owned();
            assert!(at(0).starts_with(&format!("{master}:")) && at(1).starts_with(&format!("{slave}:")), "{info:?}");
        }
    }
    for host in ["vm1", "vm2"] {
        assert_eq!(lab.get(host, "/readyz").unwrap(), (200, "ready\n".to_owned()));
    }
    assert_eq!(lab.get("vm1", "/health/broker-a/master").unwrap().0, 200);
    assert_eq!(lab.get("vm1", "/health/broker-b/slave?max_lag=1MB").unwrap().0, 200);
    assert_eq!(lab.get("vm2", "/rocketmq/nsaddr").unwrap(), (200, lab.namesrv_list()));
    let metrics = lab.get("vm2", "/metrics").unwrap().1;
    assert!(metrics.contains("rocketmq_brokeruntime_commitlog_maxoffset") && metrics.ends_with("# EOF\n"));
    // Each instance keeps its logs, temporary files and home to itself.
    for name in ["broker-a", "broker-b"] {
        assert!(lab.folder("vm1", name).join("logs/rocketmqlogs/broker.log").exists(), "{name}");
    }
}

/// Path → (inode, modification time, length) of everything that the agent writes; what RocketMQ writes is its own, and
/// copies of that are made as long as it changes.
fn rendered(folder: &Path, found: &mut BTreeMap<PathBuf, (u64, i64, u64)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        if ["store", "logs", "tmp", "lib", "config-copies"].contains(&name.as_str()) {
            continue;
        }
        let meta = fs::metadata(&path).unwrap();
        if meta.is_dir() {
            rendered(&path, found);
        } else {
            found.insert(path, (meta.ino(), meta.mtime_nsec() + meta.mtime() * 1_000_000_000, meta.len()));
        }
    }
}

pub fn after_convergence_nothing_is_planned_and_nothing_is_written(lab: &mut Lab) {
    let all = |lab: &Lab| {
        let mut found = BTreeMap::new();
        for host in ["vm1", "vm2"] {
            rendered(&lab.dir.join(host).join("rocketmq"), &mut found);
            rendered(&lab.dir.join(host).join("state"), &mut found);
        }
        found
    };
    let before = all(lab);
    assert!(before.keys().any(|path| path.ends_with("broker-a/conf/broker.conf")), "{before:?}");
    for agent in &lab.agents {
        let plan = agent.run(&["plan"]);
        let said = String::from_utf8_lossy(&plan.stdout).into_owned();
        assert_eq!((plan.status.code(), said), (Some(0), format!("{}: everything is as it should be\n", agent.host)));
    }
    for host in ["vm1", "vm2"] {
        let first = lab.report(host).unwrap();
        assert_eq!(first.steps, Vec::<String>::new());
        // Two more passes.
        let second =
            poll(LONG, "another pass", || Some(lab.report(host)?).filter(|r| r.at > first.at).ok_or("none".to_owned()));
        poll(LONG, "one more pass", || Some(lab.report(host)?).filter(|r| r.at > second.at).ok_or("none".to_owned()));
        assert_eq!(lab.report(host).unwrap().steps, Vec::<String>::new());
    }
    assert_eq!(all(lab), before);
}

pub fn the_java_client_sends_1000_messages_and_receives_them_all(lab: &mut Lab) {
    lab.create_topic("Thousand");
    let (ok, said) = lab.java(&["send", "--topic", "Thousand", "--count", "1000", "--prefix", "m"]);
    assert!(ok && said.contains("sent=1000 ok=1000"), "{}", said.lines().last().unwrap_or_default());
    let brokers: BTreeSet<&str> = said.lines().filter_map(|line| line.split(' ').nth(3)).collect();
    assert!(brokers.contains("broker-a") && brokers.contains("broker-b"), "both masters take sends: {brokers:?}");
    let (ok, said) =
        lab.java(&["receive", "--topic", "Thousand", "--group", "G1", "--expect", "1000", "--timeout", "120"]);
    assert!(ok && said.contains("distinct=1000"), "{said}");
}

pub fn smoke_sends_through_every_master(lab: &mut Lab) {
    let smoke = lab.agents[0].run(&["smoke", "--count", "20"]);
    let said = String::from_utf8_lossy(&smoke.stdout).into_owned();
    assert!(smoke.status.success(), "{said}");
    assert_eq!(said.matches("20 sent, all SEND_OK, all read back").count(), 2, "{said}");
    let status = lab.agents[0].run(&["status"]);
    let table = String::from_utf8_lossy(&status.stdout).into_owned();
    assert!(status.status.success() && table.lines().next().unwrap().contains(": ready"), "{table}");
    assert!(table.lines().all(|line| line.chars().count() <= 100), "{table}");
}

pub fn a_master_killed_under_load_comes_back_and_nothing_acknowledged_is_lost(lab: &mut Lab) {
    let sender = Sender::start(lab, "Thousand", "load", 100);
    let before = lab.pid("vm1", "broker-a");
    kill_9(before);
    until(LONG, "another process runs", || {
        lab.instance("vm1", "broker-a").is_ok_and(|i| i.pid.is_some_and(|pid| pid != before))
    });
    lab.until_ready();
    sender.until_acknowledged(50);
    let acknowledged = sender.stop();
    assert!(acknowledged.len() >= 70, "only {} sends were acknowledged", acknowledged.len());
    lab.receive_all("Thousand", "G2", &acknowledged);
}

pub fn an_agent_killed_and_started_again_disturbs_no_jvm(lab: &mut Lab) {
    let before = lab.pids();
    assert_eq!(before.len(), 6, "{before:?}");
    let agent = lab.agent("vm1");
    agent.kill_9();
    agent.start();
    lab.until_ready();
    assert_eq!(lab.pids(), before);
}

pub fn ending_the_agents_leaves_no_jvm_and_no_abort_file(lab: &mut Lab) {
    assert!(!aborts(&lab.dir).is_empty(), "a running broker has an abort file");
    lab.stop();
}

pub fn it_starts_and_registers(lab: &mut Lab) {
    lab.start();
    lab.until_ready();
    let said = lab.agents[0].run(&["smoke"]);
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stdout));
}

/// Releases that unmap through internals of Java come up once, and never again after a crash, where those are closed.
pub fn after_an_unclean_end_it_starts_again(lab: &mut Lab) {
    let before = lab.pid("vm1", "broker-a");
    kill_9(before);
    until(LONG, "it has ended", || !is_running(before));
    until(LONG, "another process runs", || {
        lab.instance("vm1", "broker-a").is_ok_and(|i| i.pid.is_some_and(|pid| pid != before))
    });
    lab.until_ready();
}
