//! Instances that run and do not answer.

use crate::lab::{LONG, Lab, is_running, poll, signal, until};
use rocketmq_agent::remoting::NameServer;
use rustix::process::Signal;
use std::fs;

/// Gives the cluster file another `[supervision]`, and waits until both agents have taken it.
fn with_supervision(lab: &Lab, original: &str, on_hang: &str) {
    let path = lab.cluster_file();
    let next = path.with_extension("next");
    fs::write(&next, format!("[supervision]\non_hang = \"{on_hang}\"\nhang_after = \"10s\"\n{original}")).unwrap();
    let before = lab.report("vm1").unwrap().cluster_file;
    fs::rename(next, path).unwrap();
    until(LONG, "both agents have the new file", || {
        let digests = ["vm1", "vm2"].map(|host| lab.report(host).unwrap().cluster_file);
        digests[0] != before && digests[0] == digests[1]
    });
}

fn fix_of(lab: &Lab, host: &str, name: &str) -> Result<String, String> {
    let instance = lab.instance(host, name)?;
    let hangs = instance.reasons.iter().find(|cause| cause.id == "hangs");
    hangs.map(|cause| cause.fix.to_string()).ok_or_else(|| format!("{} {:?}", instance.state, instance.reasons))
}

pub fn a_hang_is_named_and_clears_and_nothing_is_restarted_unasked(lab: &mut Lab) {
    let original = fs::read_to_string(lab.cluster_file()).unwrap();
    with_supervision(lab, &original, "report");
    let before = lab.pids();
    for name in ["broker-a", "namesrv"] {
        let pid = before[&format!("vm2/{name}")];
        signal(pid, Signal::STOP);
        let said = lab.until_reason("vm2", name, "hangs");
        assert!(said.contains("accepts connections on ") && said.contains("has not answered for "), "{said}");
        assert!(said.ends_with(&format!("pid {pid} is stopped (SIGSTOP)")), "{said}");
        assert!(lab.get("vm2", "/readyz?verbose").unwrap().1.contains(&format!("pid {pid} is stopped (SIGSTOP)")));
        let status = String::from_utf8(lab.agents[0].run(&["status"]).stdout).unwrap();
        assert!(status.contains("is stopped") && status.contains("SIGSTOP"), "{status}");
        signal(pid, Signal::CONT);
        lab.until_ready();
    }
    assert_eq!(lab.pids(), before);
    fs::write(lab.cluster_file(), original).unwrap();
    lab.until_ready();
}

/// Brokers register every 30 s.
fn knows_all_brokers_when_it_is_ready(lab: &Lab, host: &str) {
    let said = lab.until_reason(host, "namesrv", "routes-incomplete");
    assert!(said.starts_with("it has not heard yet of ") && said.contains("broker-"), "{said}");
    assert_eq!(lab.get(host, "/health/namesrv").unwrap().0, 503, "{said}");
    until(LONG, "the NameServer is ready", || lab.instance(host, "namesrv").is_ok_and(|it| it.is_ready()));
    let namesrv = NameServer::new(&lab.client, lab.namesrvs[1].to_string(), LONG);
    let groups = lab.wait(namesrv.cluster_info()).unwrap().groups;
    let brokers: usize = groups.values().map(|group| group.addresses.len()).sum();
    assert_eq!(brokers, 4, "{groups:?}");
}

pub fn a_hang_is_ended_where_that_is_asked_for_and_the_other_member_answers(lab: &mut Lab) {
    let original = fs::read_to_string(lab.cluster_file()).unwrap();
    with_supervision(lab, &original, "restart");
    let before = lab.pids();
    // Master and slave at once: neither is known to be well.
    let both = [("vm1", before["vm1/broker-b"]), ("vm2", before["vm2/broker-b"])];
    both.iter().for_each(|(_, pid)| signal(*pid, Signal::STOP));
    for (host, _) in both {
        poll(LONG, "it is named and held back", || match fix_of(lab, host, "broker-b")? {
            fix if fix.contains("it is not restarted now: the other member of its group") => Ok(()),
            fix => Err(fix),
        });
    }
    both.iter().for_each(|(_, pid)| signal(*pid, Signal::CONT));
    lab.until_ready();
    assert_eq!(lab.pids(), before);
    for (host, name) in [("vm1", "broker-a"), ("vm2", "namesrv")] {
        let hung = before[&format!("{host}/{name}")];
        signal(hung, Signal::STOP);
        until(LONG, "the one that hangs is ended", || !is_running(hung));
        until(LONG, "another one runs", || {
            lab.instance(host, name).is_ok_and(|i| i.pid.is_some_and(|pid| pid != hung))
        });
        if name == "namesrv" {
            knows_all_brokers_when_it_is_ready(lab, host);
        }
        lab.until_ready();
    }
    let after = lab.pids();
    assert_eq!(after.iter().filter(|(name, pid)| before[*name] != **pid).count(), 2, "{before:?} {after:?}");
    let log = fs::read_to_string(lab.agent("vm1").config.with_file_name("agent.log")).unwrap();
    assert!(log.contains("broker-a: ended: it hung and was ended by this agent: it accepts connections on "), "{log}");
    fs::write(lab.cluster_file(), original).unwrap();
    lab.until_ready();
}
