//! Ways in which clusters made by hand lose or hide data, each prevented or named.

use crate::lab::{LONG, Lab, is_running, kill_9, poll, signal, until};
use rocketmq_agent::remoting::{
    Broker, OnlineConfig, OnlineKey, OutgoingMessage, PullStatus, SendStatus, TOOLS_CONSUMER_GROUP,
};
use rocketmq_agent_domain::launch::Launch;
use rustix::process::Signal;
use std::{
    fs,
    os::unix::{
        fs::{MetadataExt, chown},
        process::CommandExt,
    },
    path::Path,
    process::{Child, Command, Stdio},
    time::Duration,
};

/// Freezes a host's agent, so that what is killed stays dead, while something is shown.
pub fn with_frozen_agent(lab: &mut Lab, host: &str, show: impl FnOnce(&mut Lab)) {
    let agent = lab.agent(host).pid();
    signal(agent, Signal::STOP);
    show(lab);
    signal(agent, Signal::CONT);
    lab.until_ready();
}

/// On 5.x SYNC_MASTER alone does not wait; 4.x does by itself, and has no other choice.
pub fn without_its_slave_a_sync_master_does_not_say_send_ok(lab: &mut Lab) {
    let slave = lab.pid("vm2", "broker-a");
    with_frozen_agent(lab, "vm2", |lab| {
        kill_9(slave);
        until(LONG, "the slave has ended", || !is_running(slave));
        let master = lab.broker("vm1", "broker-a");
        let sent = lab.wait(master.send(OutgoingMessage::new("broker-a", 0, "alone"))).unwrap();
        assert!(
            matches!(sent.status, SendStatus::SlaveNotAvailable | SendStatus::FlushSlaveTimeout),
            "a send without a slave was answered {:?}",
            sent.status
        );
        lab.until_reason("vm1", "broker-a", "slave-unreachable");
        let meanwhile = if lab.version.starts_with('4') { "sync-not-lowered" } else { "sync-strict" };
        lab.until_reason("vm1", "broker-a", meanwhile);
        assert_eq!(lab.get("vm1", "/health/broker-a/master").unwrap().0, 503);
    });
}

pub fn with_its_master_down_a_slave_is_read_from(lab: &mut Lab) {
    let master = lab.broker("vm1", "broker-a");
    let sent = lab.wait(master.send(OutgoingMessage::new("broker-a", 0, "kept by the slave"))).unwrap();
    assert_eq!(sent.status, SendStatus::SendOk);
    let pid = lab.pid("vm1", "broker-a");
    with_frozen_agent(lab, "vm1", |lab| {
        kill_9(pid);
        until(LONG, "the master has ended", || !is_running(pid));
        let slave = lab.broker("vm2", "broker-a");
        let body = poll(LONG, "the slave answers a pull", || {
            let pulled = lab.wait(slave.pull(TOOLS_CONSUMER_GROUP, "broker-a", 0, sent.queue_offset, 1));
            let pulled = pulled.map_err(|error| error.to_string())?;
            let found = pulled.messages.first().filter(|_| pulled.status == PullStatus::Found);
            found.map(|message| message.body.clone()).ok_or_else(|| format!("{:?}", pulled.status))
        });
        assert_eq!(body.as_ref(), b"kept by the slave");
        // And by a client that knows nothing of slaves: all that was sent through both masters so far.
        let (ok, said) =
            lab.java(&["receive", "--topic", "Thousand", "--group", "G3", "--expect", "1000", "--timeout", "180"]);
        assert!(ok, "{said}");
        lab.until_reason("vm2", "broker-a", "master-unreachable");
    });
}

/// RocketMQ itself would delete files of the running broker before it fails.
pub fn a_second_agent_on_a_live_store_starts_nothing(lab: &mut Lab) {
    let before = lab.pids();
    let folder = lab.dir.join("intruder");
    fs::create_dir_all(&folder).unwrap();
    // The same folders, other ports: only the stores stand in the way.
    let mut text = fs::read_to_string(lab.cluster_file()).unwrap();
    let number: String = text.lines().filter(|line| line.starts_with("broker = ")).take(1).collect();
    text = text.replacen(&number, "broker = { port = 29911, slave_port = 29951 }", 1);
    fs::write(folder.join("cluster.toml"), text).unwrap();
    let config = folder.join("agent.toml");
    let settings = format!(
        "host = \"vm1\"\ncluster_file = \"{0}/cluster.toml\"\nstate_dir = \"{0}/state\"\nsupervisor = \"embedded\"\n\
         control_socket = \"{0}/control.sock\"\nlisten = \"127.0.0.1:29877\"\n",
        folder.display()
    );
    fs::write(&config, settings).unwrap();
    let owner = lab.agent("vm1").pid();
    let intruder = Command::new(crate::lab::binary()).arg("--config").arg(&config).arg("run").output().unwrap();
    let said = String::from_utf8_lossy(&intruder.stderr).into_owned();
    assert_eq!(intruder.status.code(), Some(1), "{said}");
    assert!(said.contains(&format!("another rocketmq-agent (pid {owner}) works on ")), "{said}");
    assert_eq!(lab.pids(), before, "no JVM was touched");
    for pid in before.values() {
        let maps = fs::read_to_string(format!("/proc/{pid}/maps")).unwrap();
        let deleted: Vec<&str> = maps.lines().filter(|l| l.contains("/store/") && l.contains("(deleted)")).collect();
        assert!(deleted.is_empty(), "a live store lost files: {deleted:?}");
    }
    lab.until_ready();
}

/// Who would be left is asked of the agents, not guessed.
pub fn a_host_may_be_removed_only_while_the_others_are_known_to_be_whole(lab: &mut Lab) {
    let dry_run = |lab: &Lab| {
        let output = lab.agents[0].run(&["remove", "--dry-run"]);
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
    };
    let said = dry_run(lab);
    assert!(!said.contains("would be refused") && said.contains("would keep the data of broker-a"), "{said}");
    with_frozen_agent(lab, "vm2", |lab| {
        let said = dry_run(lab);
        assert!(said.contains("would be refused without --force") && said.contains("the master of broker-a"), "{said}");
    });
}

/// By the agent of the other host, which dials what the cluster file says and nothing else.
pub fn each_host_says_what_the_other_reaches_of_it_and_what_time_it_is_there(lab: &mut Lab) {
    let doctor = |lab: &Lab| {
        let output = lab.agents[0].run(&["doctor", "reach", "clock", "--json"]);
        String::from_utf8(output.stdout).unwrap()
    };
    let said = doctor(lab);
    for part in ["", " (VIP channel)", " (HA)"] {
        assert!(said.contains(&format!("vm2 reaches broker-a master{part} of this host at 127.0.0.1:")), "{said}");
    }
    assert!(said.contains("the clock of vm2 shows the same time"), "{said}");
    let master = lab.pid("vm1", "broker-a");
    with_frozen_agent(lab, "vm1", |lab| {
        kill_9(master);
        poll(LONG, "the other host is refused", || {
            let said = doctor(lab);
            let refused = said.contains("vm2 is refused by broker-a master (HA) of this host at 127.0.0.1:");
            if refused { Ok(()) } else { Err(said) }
        });
    });
}

pub fn a_rendered_file_that_is_changed_by_hand_is_put_right(lab: &mut Lab) {
    let conf = lab.folder("vm1", "broker-a").join("conf/broker.conf");
    let wanted = fs::read_to_string(&conf).unwrap();
    let pid = lab.pid("vm1", "broker-a");
    fs::write(&conf, wanted.replace("SYNC_MASTER", "ASYNC_MASTER")).unwrap();
    until(LONG, "the file is as it was rendered", || fs::read_to_string(&conf).unwrap() == wanted);
    assert_eq!(lab.pid("vm1", "broker-a"), pid);
}

pub fn a_key_changed_online_is_named(lab: &mut Lab) {
    let broker = lab.broker("vm2", "broker-b");
    let set = |key: OnlineKey, value: &str| {
        let mut change = OnlineConfig::default();
        change.set(key, value).unwrap();
        lab.wait(broker.update_config(&change)).unwrap();
    };
    set(OnlineKey::SlaveReadEnable, "false");
    let said = lab.until_reason("vm2", "broker-b", "config-differs");
    assert!(said.contains("slaveReadEnable = \"false\""), "{said}");
    set(OnlineKey::SlaveReadEnable, "true");
    lab.until_ready();
    set(OnlineKey::BrokerPermission, "4");
    let said = lab.until_reason("vm2", "broker-b", "read-only");
    assert_eq!(said, "it takes no messages: it runs with brokerPermission = 4");
    set(OnlineKey::BrokerPermission, "6");
    lab.until_ready();
}

/// A broker started by hand under the name and id of one that is there.
pub fn two_claimants_of_one_name_and_id_are_named(lab: &mut Lab) {
    let own = lab.folder("vm1", "broker-a");
    let rogue = lab.dir.join("rogue");
    for folder in ["conf", "tmp", "logs"] {
        fs::create_dir_all(rogue.join(folder)).unwrap();
    }
    let (from, to) = (own.display().to_string(), rogue.display().to_string());
    for entry in fs::read_dir(own.join("conf")).unwrap() {
        let path = entry.unwrap().path();
        let port = lab.broker("vm1", "broker-a").address().rsplit(':').next().unwrap().parse::<u16>().unwrap();
        let text = fs::read_to_string(&path).unwrap().replace(&from, &to);
        let text = text
            .replace(&format!("listenPort={port}"), "listenPort=28911")
            .replace(&format!("haListenPort={}", port + 1), "haListenPort=28912");
        fs::write(rogue.join("conf").join(path.file_name().unwrap()), text).unwrap();
    }
    let launch = launch_of(lab, "broker-a");
    give_to_the_owner_of(&launch, &rogue);
    let mut jvm = by_hand(&launch, |text| text.replace(&from, &to));
    let said = lab.until_reason("vm1", "broker-a", "two-claimants");
    assert!(said.contains("127.0.0.1:28911"), "{said}");
    kill_9(jvm.id());
    jvm.wait().unwrap();
    fs::remove_dir_all(rogue).unwrap();
    lab.until_ready();
}

/// A broker that somebody started by hand on the store of one that has just died.
pub fn a_store_that_a_stranger_uses_is_left_alone_and_the_stranger_named(lab: &mut Lab) {
    let launch = launch_of(lab, "broker-a");
    let own = lab.pid("vm1", "broker-a");
    let agent = lab.agent("vm1").pid();
    signal(agent, Signal::STOP);
    kill_9(own);
    until(LONG, "the broker has ended", || !is_running(own));
    let conf = lab.dir.join("by-hand.conf");
    let rendered = launch.directory.join("conf/broker.conf");
    fs::copy(&rendered, &conf).unwrap();
    let (from, to) = (rendered.display().to_string(), conf.display().to_string());
    let mut stranger = by_hand(&launch, |text| text.replace(&from, &to));
    let broker = lab.broker("vm2", "broker-a").address().to_owned();
    let address = broker.replace("127.0.0.2", "127.0.0.1").replace(&slave_port(lab), &launch.ports[0].to_string());
    let broker = Broker::new(&lab.client, address, Duration::from_secs(5));
    poll(LONG, "the stranger serves", || lab.wait(broker.runtime_info()).map_err(|error| error.to_string()));
    signal(agent, Signal::CONT);
    let pid = stranger.id();
    poll(LONG, "the stranger is named", || {
        let instance = lab.instance("vm1", "broker-a")?;
        let named = instance.reasons.iter().any(|cause| cause.what.contains(&format!("pid {pid}")));
        if named { Ok(()) } else { Err(format!("{:?}", instance.reasons)) }
    });
    assert!(stranger.try_wait().unwrap().is_none(), "the stranger was ended");
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).unwrap();
    assert!(!maps.lines().any(|line| line.contains("/store/") && line.contains("(deleted)")), "its store lost files");
    signal(pid, Signal::TERM);
    poll(LONG, "the stranger ends", || stranger.try_wait().unwrap().ok_or("it runs".to_owned()));
    lab.until_ready();
}

fn slave_port(lab: &Lab) -> String {
    lab.instance("vm2", "broker-a").unwrap().address.rsplit(':').next().unwrap().to_owned()
}

/// The launch that an instance of vm1 was last started with.
fn launch_of(lab: &Lab, name: &str) -> Launch {
    let record = fs::read_to_string(lab.dir.join(format!("vm1/state/run/{name}.json"))).unwrap();
    let record: serde_json::Value = serde_json::from_str(&record).unwrap();
    serde_json::from_value(record["launch"].clone()).unwrap()
}

fn give_to_the_owner_of(launch: &Launch, folder: &Path) {
    let owner = fs::metadata(launch.directory.join("store")).unwrap();
    for path in [folder.to_owned(), folder.join("tmp"), folder.join("logs")] {
        chown(path, Some(owner.uid()), Some(owner.gid())).unwrap();
    }
}

/// Runs a launch as a person would who copied it, with some of its texts changed.
fn by_hand(launch: &Launch, change: impl Fn(&str) -> String) -> Child {
    let owner = fs::metadata(launch.directory.join("store")).unwrap();
    Command::new(&launch.program)
        .args(launch.arguments.iter().map(|argument| change(argument)))
        .env_clear()
        .envs(launch.environment.iter().map(|(key, value)| (key, change(value))))
        .uid(owner.uid())
        .gid(owner.gid())
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// RocketMQ replicates to an empty slave from the last commit log file on, and says nothing about it.
pub fn a_new_empty_slave_says_that_it_has_no_history(lab: &mut Lab) {
    let master = lab.broker("vm1", "broker-a");
    let filling = vec![b'x'; 200 << 10];
    for _ in 0..15 {
        let sent = lab.wait(master.send(OutgoingMessage::new("broker-a", 0, filling.clone()))).unwrap();
        assert_eq!(sent.status, SendStatus::SendOk);
    }
    lab.agent("vm2").stop();
    let folder = lab.folder("vm2", "broker-a");
    fs::rename(folder.join("store"), folder.join("store-put-aside")).unwrap();
    lab.agent("vm2").start();
    lab.until_ready();
    // Until a message comes there is nothing on the slave that could be compared.
    let sent = lab.wait(lab.broker("vm1", "broker-a").send(OutgoingMessage::new("broker-a", 0, "after"))).unwrap();
    assert_eq!(sent.status, SendStatus::SendOk);
    let said = lab.until_reason("vm2", "broker-a", "no-history");
    assert!(said.contains("older messages are on the master only"), "{said}");
    let status = String::from_utf8(lab.agents[0].run(&["status"]).stdout).unwrap();
    assert!(status.contains("no history before"), "{status}");
    let report = lab.instance("vm2", "broker-a").unwrap();
    assert!(
        report.no_history_before.is_some() && report.missing_history.is_some_and(|bytes| bytes > 1 << 20),
        "{report:?}"
    );
    fs::remove_dir_all(folder.join("store-put-aside")).unwrap();
}
