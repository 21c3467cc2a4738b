//! `restart`, `stop` and `start`, typed by people, without config sync.

use crate::{
    lab::{LONG, Lab, Sender, poll, until},
    rollout,
};
use std::{
    process::{Command, Output, Stdio},
    thread,
};

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// Runs a command of a host's agent and shows it; whether it went well, and what it said.
pub fn run(lab: &Lab, host: &str, arguments: &[&str]) -> (bool, String) {
    let output = lab.agents.iter().find(|agent| agent.host == host).unwrap().run(arguments);
    println!("  {host}: {}\n    {}", arguments.join(" "), said(&output).trim_end().replace('\n', "\n    "));
    (output.status.success(), said(&output))
}

pub fn a_restart_of_a_master_by_hand_under_load_loses_nothing_and_no_send_fails(lab: &mut Lab) {
    lab.create_topic("ByHand");
    let sender = Sender::start(lab, "ByHand", "by-hand", 50);
    let before = lab.pids();
    let (ok, words) = run(lab, "vm1", &["restart", "broker-a", "--wait", "-m", "a new kernel"]);
    assert!(ok && words.contains("gives up its writers") && words.contains("broker-a is restarted"), "{words}");
    let after = lab.pids();
    let changed: Vec<&String> = before.keys().filter(|name| before[*name] != after[*name]).collect();
    assert_eq!(changed, ["vm1/broker-a"]);
    sender.until_acknowledged(20);
    let acknowledged = sender.stop_all_acknowledged();
    lab.receive_all("ByHand", "GH", &acknowledged);
    let (ok, words) = run(lab, "vm1", &["history", "--audit"]);
    assert!(ok && words.contains("a new kernel") && words.contains("broker-a is restarted"), "{words}");
}

pub fn without_its_slave_a_master_is_restarted_only_where_that_is_insisted_on(lab: &mut Lab) {
    let (ok, words) = run(lab, "vm2", &["stop", "broker-a", "--wait"]);
    assert!(ok && words.contains("broker-a is stopped"), "{words}");
    let master = lab.pid("vm1", "broker-a");
    let (ok, words) = run(lab, "vm1", &["restart", "broker-a"]);
    assert!(!ok && words.contains("the slave of broker-a on vm2 is stopped: it was stopped by hand"), "{words}");
    assert!(words.contains("rocketmq-agent start broker-a") && words.contains("restart broker-a --now"), "{words}");
    let (ok, words) = run(lab, "vm1", &["restart", "broker-a", "--lang", "zh"]);
    assert!(!ok && words.contains("broker-a 保持原样：从节点（vm2 的 broker-a）已停止："), "{words}");
    assert!(words.contains("--now` 仍然会照做"), "{words}");
    assert_eq!(lab.pid("vm1", "broker-a"), master);
    // Another agent leaves it stopped too.
    let agent = lab.agent("vm2");
    agent.kill_9();
    agent.start();
    let why = poll(LONG, "the agent of vm2 is back", || {
        let slave = lab.instance("vm2", "broker-a")?;
        let why = slave.reasons.into_iter().find(|it| it.id == "stopped-by-hand").ok_or("another reason")?;
        if slave.pid.is_none() { Ok(why) } else { Err("it runs".to_owned()) }
    });
    assert!(why.fix.contains("rocketmq-agent start broker-a"), "{why:?}");
    let (ok, words) = run(lab, "vm1", &["restart", "broker-a", "--now"]);
    assert!(ok, "{words}");
    assert_ne!(lab.pid("vm1", "broker-a"), master);
    let (ok, words) = run(lab, "vm1", &["start", "broker-z"]);
    assert!(!ok && words.contains("vm1 has no instance broker-z; it has namesrv"), "{words}");
    let (ok, words) = run(lab, "vm2", &["start", "broker-a", "--lang", "zh"]);
    assert!(ok && words.ends_with("broker-a 在运行\n"), "{words}");
    lab.until_ready();
}

pub fn of_two_who_restart_both_members_of_a_group_at_once_one_waits(lab: &mut Lab) {
    let master_and_slave = || [("vm1", "broker-a"), ("vm2", "broker-a")].map(|(host, name)| lab.instance(host, name));
    let before = ["vm1", "vm2"].map(|host| lab.pid(host, "broker-a"));
    let mut typed: Vec<_> = lab
        .agents
        .iter()
        .map(|agent| {
            let mut command = Command::new(crate::lab::binary());
            command.arg("--config").arg(&agent.config).args(["restart", "broker-a", "--wait"]);
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
        })
        .collect();
    while typed.iter_mut().any(|it| it.try_wait().unwrap().is_none()) {
        let moving = master_and_slave().into_iter().flatten().filter(|it| it.pid.is_none() || rollout::is_moving(it));
        assert!(moving.count() <= 1, "both at once: {:?}", master_and_slave());
        thread::yield_now();
    }
    for typed in typed {
        let output = typed.wait_with_output().unwrap();
        println!("  {}", said(&output).trim_end().replace('\n', "\n  "));
        assert!(output.status.success(), "{}", said(&output));
    }
    for (host, before) in ["vm1", "vm2"].into_iter().zip(before) {
        assert_ne!(lab.pid(host, "broker-a"), before, "{host}");
    }
    until(LONG, "all is well", || lab.cluster("vm1").is_ok_and(|report| report.ready));
}
