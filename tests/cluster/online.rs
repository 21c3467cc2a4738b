//! What changes on running brokers: keys of the file that need no restart, and for how many members a sync master waits.

use crate::{
    lab::{LONG, Lab, Sender, is_running, kill_9, poll, until},
    rollout::with_file,
};
use rocketmq_agent_domain::sync_policy::IN_SYNC_REPLICAS;
use std::{fs, time::Instant};

const BROKERS: [(&str, &str); 4] = [("vm1", "broker-a"), ("vm1", "broker-b"), ("vm2", "broker-a"), ("vm2", "broker-b")];

/// What a broker says it runs with.
fn runs_with(lab: &Lab, host: &str, name: &str, key: &str) -> Result<String, String> {
    let broker = lab.instance(host, name)?.address;
    let broker = rocketmq_agent::remoting::Broker::new(&lab.client, broker, std::time::Duration::from_secs(5));
    let mut config = lab.wait(broker.config()).map_err(|error| error.to_string())?;
    config.remove(key).ok_or("it says nothing of it".to_owned())
}

fn until_all_run_with(lab: &Lab, key: &str, value: &str) {
    for (host, name) in BROKERS {
        poll(LONG, &format!("{name} of {host} runs with {key} = {value}"), || {
            let found = runs_with(lab, host, name, key)?;
            if found == value { Ok(()) } else { Err(found) }
        });
    }
}

fn nothing_is_pending(lab: &Lab) {
    for host in ["vm1", "vm2"] {
        let report = lab.report(host).unwrap();
        assert!(report.instances.iter().all(|it| !it.restart_pending), "{report:?}");
    }
    let status = String::from_utf8(lab.agents[0].run(&["status"]).stdout).unwrap();
    assert!(!status.contains("older configuration"), "{status}");
}

pub fn a_changed_key_is_taken_by_brokers_that_run_on(lab: &mut Lab) {
    let (text, before) = (fs::read_to_string(lab.cluster_file()).unwrap(), lab.pids());
    let next = text.replace("[broker.config]\n", "[broker.config]\nfileReservedTime = 48\n");
    let beside = lab.dir.join("next.toml");
    fs::write(&beside, &next).unwrap();
    let plan = String::from_utf8(lab.agents[0].run(&["plan", &beside.display().to_string()]).stdout).unwrap();
    assert!(plan.contains("vm1: broker-a takes fileReservedTime = 48 while it runs\n"), "{plan}");
    assert!(!plan.contains("restart"), "{plan}");
    // And a key that leaves the file goes back to its default.
    for (text, value) in [(&next, "48"), (&text, "72")] {
        with_file(lab, text);
        until_all_run_with(lab, "fileReservedTime", value);
        lab.until_ready();
        nothing_is_pending(lab);
        let conf = fs::read_to_string(lab.folder("vm1", "broker-a").join("conf/broker.conf")).unwrap();
        assert_eq!(conf.contains("fileReservedTime=48"), value == "48", "{conf}");
    }
    assert_eq!(lab.pids(), before);
}

pub fn the_list_of_namesrvs_changes_under_brokers_that_run_on(lab: &mut Lab) {
    let (text, before, both) = (fs::read_to_string(lab.cluster_file()).unwrap(), lab.pids(), lab.namesrv_list());
    let one = lab.namesrvs[0].to_string();
    let fewer = text.replace("[namesrv]\n", "[namesrv]\nhosts = [\"vm1\"]\n");
    for (text, list) in [(&fewer, &one), (&text, &both)] {
        with_file(lab, text);
        for host in ["vm1", "vm2"] {
            assert_eq!(lab.get(host, "/rocketmq/nsaddr").unwrap(), (200, list.clone()), "at once");
        }
        until_all_run_with(lab, "namesrvAddr", list);
        if list == &one {
            for (host, name) in BROKERS {
                let logs = lab.folder(host, name).join("logs/rocketmqlogs");
                until(LONG, "the broker has dropped it", || {
                    let mut logs = fs::read_dir(&logs).unwrap().flatten().map(|it| fs::read_to_string(it.path()));
                    logs.any(|text| text.is_ok_and(|text| text.contains("name server address updated")))
                });
            }
            // It runs on, in no list. The one that comes instead of it knows nobody.
            kill_9(before["vm2/namesrv"]);
        }
        lab.until_ready();
        nothing_is_pending(lab);
    }
    let after = lab.pids();
    let moved: Vec<&String> = before.keys().filter(|name| after.get(*name) != before.get(*name)).collect();
    assert_eq!(moved, ["vm2/namesrv"]);
}

/// vm2 as after a power cut.
fn kill_host(lab: &mut Lab) {
    let report = lab.report("vm2").unwrap();
    lab.agent("vm2").kill_9();
    let pids: Vec<u32> = report.instances.iter().filter_map(|it| it.pid).collect();
    pids.iter().for_each(|pid| kill_9(*pid));
    until(LONG, "vm2 is dead", || !pids.iter().any(|pid| is_running(*pid)));
}

/// Sends since so many, but for the one that was on its way then: those acknowledged, and all.
fn since(lab: &Lab, prefix: &str, before: usize) -> (usize, usize) {
    let log = fs::read_to_string(lab.dir.join(format!("{prefix}.log"))).unwrap();
    let lines: Vec<&str> = log.lines().skip(before + 1).collect();
    (lines.iter().filter(|line| line.starts_with("SEND_OK ")).count(), lines.len())
}

fn waits_for(lab: &Lab) -> String {
    runs_with(lab, "vm1", "broker-a", IN_SYNC_REPLICAS).unwrap_or_default()
}

fn said(lab: &Lab, words: &str) -> usize {
    let log = fs::read_to_string(lab.agents[0].config.with_file_name("agent.log")).unwrap();
    log.matches(words).count()
}

const LOWERED: &str = "sends are acknowledged without its slave";

pub fn strictly_no_send_is_acknowledged_while_the_other_host_is_dead(lab: &mut Lab) {
    lab.create_topic("Alone");
    let text = fs::read_to_string(lab.cluster_file()).unwrap();
    let pids = lab.pids();
    with_file(lab, &text.replace("[broker]\n", "[broker]\nsync = \"strict\"\n"));
    let sender = Sender::start(lab, "Alone", "strict", 50);
    kill_host(lab);
    let (before, began) = (sender.acknowledged().1, Instant::now());
    lab.until_reason("vm1", "broker-a", "sync-strict");
    // Each waits for 3 s: longer in all than a master waits that may go on alone.
    sender.until_sent(8);
    let (acknowledged, sent) = since(lab, "strict", before);
    println!("  strict, {} s without the other host: {acknowledged} of {sent} acknowledged", began.elapsed().as_secs());
    assert_eq!((acknowledged, waits_for(lab).as_str(), said(lab, LOWERED)), (0, "2", 0));
    lab.agent("vm2").start();
    sender.until_acknowledged(1);
    println!("  strict: the first good send {} s after the loss, with the other host back", began.elapsed().as_secs());
    lab.until_ready();
    sender.until_acknowledged(50);
    let bodies = sender.stop();
    lab.receive_all("Alone", "GS", &bodies);
    with_file(lab, &text);
    assert_eq!(lab.pid("vm1", "broker-a"), pids["vm1/broker-a"]);
}

pub fn with_the_other_host_dead_a_master_goes_on_alone_and_waits_again_when_its_slave_is_back(lab: &mut Lab) {
    let sender = Sender::start(lab, "Alone", "alone", 50);
    let (master, conf) = (lab.pid("vm1", "broker-a"), lab.folder("vm1", "broker-a").join("conf/broker.conf"));
    kill_host(lab);
    let (before, began) = (sender.acknowledged().1, Instant::now());
    until(LONG, "a send is acknowledged", || since(lab, "alone", before).0 > 0);
    let (good, sent) = since(lab, "alone", before);
    println!(
        "  available: the first good send {} s after the loss; {} were not",
        began.elapsed().as_secs(),
        sent - good
    );
    until(LONG, "it says so", || waits_for(lab) == "1");
    sender.until_acknowledged(100);

    lab.until_reason("vm1", "broker-a", "sync-lowered");
    let verbose = lab.get("vm1", "/readyz?verbose").unwrap();
    let status = String::from_utf8(lab.agents[0].run(&["status"]).stdout).unwrap();
    for text in [&verbose.1, &status] {
        assert!(text.contains("it acknowledges sends without its slave (inSyncReplicas = 1)"), "{text}");
        assert!(!text.contains("was rendered") && !text.contains("older configuration"), "{text}");
    }
    assert_eq!(verbose.0, 503);
    until(LONG, "it is said", || said(lab, LOWERED) == 1);
    let gauge = |lab: &Lab| {
        let metrics = lab.get("vm1", "/metrics").unwrap().1;
        let mut lines = metrics.lines().filter(|it| it.starts_with("rocketmq_agent_instance_sync_lowered{"));
        lines.next().unwrap().rsplit(' ').next().unwrap().to_owned()
    };
    assert_eq!(gauge(lab), "1");
    assert!(fs::read_to_string(&conf).unwrap().contains("inSyncReplicas=2\n"));
    assert_eq!(lab.get("vm1", "/rocketmq/nsaddr").unwrap(), (200, lab.namesrv_list()), "a dead host stays in the list");

    // An agent that remembers nothing leaves it so, and says it again.
    let agent = lab.agent("vm1");
    agent.kill_9();
    agent.start();
    until(LONG, "it is said again", || said(lab, LOWERED) == 2);
    // And a broker that was started anew waits for its slave, until it has been seen again that there is none.
    kill_9(master);
    until(LONG, "it has a new process", || lab.instance("vm1", "broker-a").is_ok_and(|it| it.pid != Some(master)));
    poll(LONG, "it goes on alone again", || match said(lab, LOWERED) {
        3 if waits_for(lab) == "1" => Ok(()),
        count => Err(format!("{count}")),
    });
    sender.until_acknowledged(20);

    lab.agent("vm2").start();
    until(LONG, "it waits for its slave again", || waits_for(lab) == "2");
    lab.until_ready();
    until(LONG, "it is said", || gauge(lab) == "0" && said(lab, "sends wait for its slave again") == 1);
    nothing_is_pending(lab);
    sender.until_acknowledged(50);
    let bodies = sender.stop();
    lab.receive_all("Alone", "GA", &bodies);
}
