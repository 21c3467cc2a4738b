//! A changed cluster file under load: one instance at a time, in order, and nothing that was acknowledged is lost.

use crate::lab::{LONG, Lab, Sender, kill_9, poll, until};
use rocketmq_agent::remoting::Broker;
use rocketmq_agent_domain::{
    health::report::{HostReport, InstanceReport},
    rollout::{PERMISSION, Phase, Verb},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    time::{Duration, Instant},
};

/// Six turns; a broker's takes a drain, a restart, and its group's way back.
const ROLL_OUT: Duration = Duration::from_secs(15 * 60);

pub const ORDER: [&str; 6] =
    ["vm1/namesrv", "vm2/namesrv", "vm2/broker-a", "vm1/broker-b", "vm1/broker-a", "vm2/broker-b"];

/// Gives all hosts another file, at once.
pub fn with_file(lab: &Lab, text: &str) {
    let next = lab.cluster_file().with_extension("next");
    fs::write(&next, text).unwrap();
    let before = lab.report("vm1").unwrap().cluster_file;
    fs::rename(next, lab.cluster_file()).unwrap();
    until(LONG, "all agents have the new file", || {
        let digests = reports(lab).unwrap_or_default().into_iter().map(|it| it.cluster_file).collect::<BTreeSet<_>>();
        digests.len() == 1 && !digests.contains(&before)
    });
}

fn reports(lab: &Lab) -> Option<Vec<HostReport>> {
    lab.hosts.iter().map(|(host, _)| lab.report(host).ok()).collect()
}

/// Follows a roll-out until all hosts have nothing pending and are ready; the instances in the order in which their
/// processes changed. `seen` is called for each look.
pub fn follow(lab: &Lab, mut seen: impl FnMut(&[HostReport])) -> Vec<String> {
    let began = Instant::now();
    let (mut pids, mut moved): (BTreeMap<String, u32>, Vec<String>) = Default::default();
    loop {
        assert!(began.elapsed() < ROLL_OUT, "not over; so far {moved:?}: {:?}", waits(lab));
        let Some(hosts) = reports(lab) else { continue };
        let all = || hosts.iter().flat_map(|host| host.instances.iter().map(move |it| (&host.host, it)));
        for (host, it) in all() {
            let (name, Some(pid)) = (format!("{host}/{}", it.instance), it.pid) else { continue };
            if pids.insert(name.clone(), pid).is_some_and(|before| before != pid) {
                println!("  {:>3} s: {name} was restarted", began.elapsed().as_secs());
                moved.push(name);
            }
        }
        let down: BTreeSet<String> = all()
            .filter(|(_, it)| it.pid.is_none() || is_moving(it))
            .map(|(host, it)| format!("{host}/{}", it.instance))
            .collect();
        assert!(down.len() <= 1, "two at once: {down:?}");
        seen(&hosts);
        if all().all(|(_, it)| !it.restart_pending && it.rollout.is_none()) && hosts.iter().all(|host| host.ready) {
            return moved;
        }
        std::thread::yield_now();
    }
}

/// A master that only gives up its writers for its slave does not.
pub fn is_moving(it: &InstanceReport) -> bool {
    it.rollout.as_ref().is_some_and(|turn| turn.verb != Verb::Lend && turn.phase.is_in_flight())
}

fn waits(lab: &Lab) -> Vec<String> {
    let hosts = reports(lab).unwrap_or_default();
    let all = hosts.iter().flat_map(|host| host.instances.iter().map(move |it| (host, it)));
    all.filter_map(|(host, it)| Some(format!("{}/{}: {:?}", host.host, it.instance, it.rollout.as_ref()?))).collect()
}

/// How far an instance's own turn is, or what it does for its slave.
fn phase(lab: &Lab, host: &str, name: &str, verb: Verb) -> Option<Phase> {
    Some(lab.instance(host, name).ok()?.rollout.filter(|turn| turn.verb == verb)?.phase)
}

fn permission(lab: &Lab, broker: &Broker) -> String {
    lab.wait(broker.config()).ok().and_then(|mut config| config.remove(PERMISSION)).unwrap_or_default()
}

pub fn hosts_with_different_files_move_nothing_and_say_why(lab: &mut Lab) {
    let text = fs::read_to_string(lab.cluster_file()).unwrap().replace("\"128M\"", "\"136M\"");
    let other = lab.dir.join("other.toml");
    fs::write(&other, fs::read_to_string(lab.cluster_file()).unwrap()).unwrap();
    let before = lab.pids();
    // vm2 keeps the file as it was.
    let config = lab.agent("vm2").config.clone();
    let settings = fs::read_to_string(&config).unwrap();
    let own = lab.cluster_file().display().to_string();
    fs::write(&config, settings.replace(&own, &other.display().to_string())).unwrap();
    let agent = lab.agent("vm2");
    agent.kill_9();
    agent.start();
    lab.until_ready();
    fs::write(lab.cluster_file(), format!("[rollout]\nrestart = \"auto\"\n{text}")).unwrap();
    let said = poll(LONG, "it says what it waits for", || {
        let turn = lab.instance("vm1", "namesrv")?.rollout.ok_or("no turn")?;
        turn.waits.filter(|it| it.id == "other-file").map(|it| it.what).ok_or("something else".to_owned())
    });
    assert_eq!(said, "vm2 has another cluster.toml");
    let status = String::from_utf8(lab.agents[0].run(&["status"]).stdout).unwrap();
    assert!(status.contains("waits for its turn") && status.contains(said.as_str()), "{status}");
    assert_eq!(lab.pids(), before);
    // The same file again.
    fs::write(&config, settings).unwrap();
    let agent = lab.agent("vm2");
    agent.kill_9();
    agent.start();
    assert_eq!(follow(lab, |_| {}), ORDER[..2]);
}

pub fn a_changed_file_is_rolled_out_in_order_under_load_and_nothing_is_lost(lab: &mut Lab) {
    lab.create_topic("Rolled");
    let sender = Sender::start(lab, "Rolled", "rolled", 50);
    let text = fs::read_to_string(lab.cluster_file()).unwrap();
    let text = text.replace("\"136M\"", "\"144M\"").replace("\"256M\"", "\"264M\"");
    // A key of broker.conf too: what a broker does not run with yet is no fault that would keep it from its turn.
    with_file(lab, &text.replace("[broker.config]\n", "[broker.config]\nsendMessageThreadPoolNums = 3\n"));
    let mut lent = BTreeSet::new();
    let moved = follow(lab, |hosts| {
        for (host, it) in hosts.iter().flat_map(|host| host.instances.iter().map(move |it| (&host.host, it))) {
            if it.rollout.as_ref().is_some_and(|turn| (turn.verb, turn.phase) == (Verb::Lend, Phase::Drained)) {
                assert!(it.reasons.iter().all(|cause| cause.id != "read-only"), "{it:?}");
                lent.insert(format!("{host}/{}", it.instance));
            }
        }
    });
    assert_eq!(moved, ORDER);
    assert_eq!(lent.iter().map(String::as_str).collect::<Vec<_>>(), ["vm1/broker-a", "vm2/broker-b"]);
    for agent in &lab.agents {
        let log = fs::read_to_string(agent.config.with_file_name("agent.log")).unwrap();
        assert!(!log.contains("acknowledged without its slave"), "a slave that restarts in its turn is not gone");
    }
    sender.until_acknowledged(20);
    let lines = fs::read_to_string(lab.dir.join("rolled.log")).unwrap();
    let mut kinds: BTreeMap<&str, usize> = BTreeMap::new();
    for line in lines.lines() {
        *kinds.entry(line.split(' ').next().unwrap_or_default()).or_default() += 1;
    }
    println!("  sends during the roll-out: {kinds:?}");
    let acknowledged = sender.stop_all_acknowledged();
    lab.receive_all("Rolled", "GR", &acknowledged);
    for (host, name) in [("vm1", "broker-a"), ("vm2", "broker-b")] {
        assert_eq!(permission(lab, &lab.broker(host, name)), "6");
    }
}

pub fn a_partner_that_dies_in_the_drain_stops_it_and_an_agent_that_dies_in_the_drain_goes_on(lab: &mut Lab) {
    let text = fs::read_to_string(lab.cluster_file()).unwrap();
    let (a, b) = (lab.broker("vm1", "broker-a"), lab.broker("vm2", "broker-b"));
    let master = lab.pid("vm1", "broker-a");
    with_file(lab, &text.replace("\"264M\"", "\"272M\""));
    // Killed agents, of a master that has no writers and of a slave whose master is to give them up.
    for (host, name, verb, at) in
        [("vm1", "broker-a", Verb::Lend, Phase::Drained), ("vm1", "broker-b", Verb::Renew, Phase::MasterDrains)]
    {
        until(ROLL_OUT, "a slave's turn is so far", || phase(lab, host, name, verb) == Some(at));
        let agent = lab.agent(host);
        agent.kill_9();
        agent.start();
    }
    let drains = |lab: &Lab, host: &str, name: &str, broker: &Broker| {
        until(ROLL_OUT, "it drains", || phase(lab, host, name, Verb::Renew) == Some(Phase::Draining));
        until(LONG, "its permission is taken", || permission(lab, broker) == "4");
    };
    drains(lab, "vm1", "broker-a", &a);
    assert!(lab.instance("vm1", "broker-a").unwrap().is_ready(), "that it drains is no fault");
    kill_9(lab.pid("vm2", "broker-a"));
    until(LONG, "it has its permission back", || permission(lab, &a) == "6");
    let said = poll(LONG, "it says who it waits for", || {
        let turn = lab.instance("vm1", "broker-a")?.rollout.ok_or("no turn")?;
        turn.waits.filter(|it| it.id == "not-ready").map(|it| it.what).ok_or("something else".to_owned())
    });
    println!("  {said}");
    assert!(lab.pid("vm1", "broker-a") == master, "the master was not stopped");
    drains(lab, "vm2", "broker-b", &b);
    let agent = lab.agents.iter_mut().find(|agent| agent.host == "vm2").unwrap();
    agent.kill_9();
    agent.start();
    let moved = follow(lab, |_| {});
    assert_eq!(moved.last().map(String::as_str), Some("vm2/broker-b"));
    assert_ne!(lab.pid("vm1", "broker-a"), master);
    for broker in [a, b] {
        assert_eq!(permission(lab, &broker), "6");
    }
    assert!(!lab.dir.join("vm2/state/rollout.json").exists());
}
