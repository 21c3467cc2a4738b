//! Groups that elect their master: they come up, one that is lost is followed by another, and nothing that was acknowledged
//! is lost.

use crate::{
    lab::{LONG, Lab, Sender, aborts, is_running, kill_9, poll, until},
    rollout,
};
use rocketmq_agent_domain::launch::Role;
use std::{
    collections::BTreeSet,
    fs,
    os::unix::fs::{MetadataExt, chown},
    time::Instant,
};

const HOSTS: [&str; 3] = ["vm1", "vm2", "vm3"];
const GROUP: &str = "broker-a";

/// Small heaps, for as many JVMs.
pub const CONTROLLERS: &str = "[controller]\nheap = \"128M\"\n[broker.config]\nmappedFileSizeCommitLog = 1048576\n[rollout]\nrestart = \"auto\"\n";

/// The same inside the NameServers.
pub const EMBEDDED: &str = "[controller]\nin_namesrv = true\n[broker.config]\nmappedFileSizeCommitLog = 1048576\n[rollout]\nrestart = \"auto\"\n";

pub fn one_file_brings_up_a_group_that_elects_its_master(lab: &mut Lab) {
    lab.start();
    lab.until_ready();
    let master = lab.master_of(GROUP);
    assert_eq!(lab.in_role(GROUP, Role::Slave).len(), 2);
    for host in HOSTS {
        let status = |path: &str| lab.get(host, path).unwrap().0;
        let expected = if host == master { (200, 503) } else { (503, 200) };
        assert_eq!(
            (status("/health/broker-a/master"), status("/health/broker-a/slave?max_lag=1MB")),
            expected,
            "{host}"
        );
        assert_eq!(lab.instance(host, GROUP).unwrap().broker_id == Some(0), host == master);
    }
    let table = String::from_utf8(lab.agents[0].run(&["status"]).stdout).unwrap();
    assert!(table.lines().all(|line| line.chars().count() <= 100), "{table}");
    if lab.instance("vm1", "controller").is_ok() {
        assert_eq!(table.matches("controller (leader)").count(), 1, "{table}");
    } else if controllers_are_inside(lab) {
        assert_eq!(table.matches("namesrv (leader)").count(), 1, "{table}");
    }
    let smoke = lab.agents[0].run(&["smoke", "--count", "20"]);
    let said = String::from_utf8_lossy(&smoke.stdout).into_owned();
    assert!(smoke.status.success() && said.contains("20 sent, all SEND_OK, all read back"), "{said}");
}

/// The hosts whose controllers lead, as these instances say.
fn leaders(lab: &Lab, name: &str) -> Vec<&'static str> {
    let leads = |host: &&str| lab.instance(host, name).is_ok_and(|it| it.leader == Some(true));
    HOSTS.into_iter().filter(leads).collect()
}

fn controllers_are_inside(lab: &Lab) -> bool {
    fs::read_to_string(lab.cluster_file()).unwrap().contains("in_namesrv = true")
}

/// Everything of the master's host at once, as when it loses its power: the agent first, so that nothing is started again.
pub fn a_master_lost_with_its_host_is_followed_by_another_and_nothing_acknowledged_is_lost(lab: &mut Lab) {
    lab.create_topic("Elected");
    let sender = Sender::start(lab, "Elected", "elected", 50);
    let lost = lab.master_of(GROUP);
    let pids: Vec<u32> = lab.report(lost).unwrap().instances.iter().filter_map(|it| it.pid).collect();
    lab.agent(lost).kill_9();
    pids.iter().for_each(|pid| kill_9(*pid));
    until(LONG, "they have ended", || !pids.iter().any(|pid| is_running(*pid)));
    let began = Instant::now();
    let next = poll(LONG, "another member is the master", || {
        lab.in_role(GROUP, Role::Master).first().copied().ok_or("none".to_owned())
    });
    assert_ne!(next, lost);
    sender.until_acknowledged(100);
    println!("  another master, and 100 sends through it, after {} s", began.elapsed().as_secs());
    // What is missing is said, and is no reason against the new master, as clients find it and send to it.
    lab.until_reason(next, GROUP, "member-unreachable");
    lab.until_reason(next, GROUP, "namesrv-unreachable");
    until(LONG, "it serves as a master", || {
        lab.get(next, &format!("/health/{GROUP}/master")).is_ok_and(|(status, _)| status == 200)
    });
    lab.agent(lost).start();
    lab.until_ready();
    assert_eq!((lab.master_of(GROUP), lab.instance(lost, GROUP).unwrap().role), (next, Role::Slave));
    let acknowledged = sender.stop();
    assert!(acknowledged.len() >= 120, "only {} sends were acknowledged", acknowledged.len());
    lab.receive_all("Elected", "GE", &acknowledged);
}

pub fn a_changed_file_is_rolled_out_with_the_master_last_and_nothing_acknowledged_is_lost(lab: &mut Lab) {
    let sender = Sender::start(lab, "Elected", "rolled", 50);
    let last = lab.master_of(GROUP);
    let text = fs::read_to_string(lab.cluster_file()).unwrap();
    rollout::with_file(lab, &text.replace("heap = \"256M\"", "heap = \"264M\""));
    let moved = rollout::follow(lab, |_| {});
    assert_eq!(moved.iter().collect::<BTreeSet<_>>().len(), 3, "{moved:?}");
    assert_eq!(moved.last().unwrap(), &format!("{last}/{GROUP}"), "{moved:?}");
    sender.until_acknowledged(20);
    let lines = fs::read_to_string(lab.dir.join("rolled.log")).unwrap();
    let failed = lines.lines().filter(|line| !line.starts_with("SEND_OK ")).count();
    println!("  {failed} of {} sends during the roll-out were not acknowledged", lines.lines().count());
    let acknowledged = sender.stop();
    lab.receive_all("Elected", "GR", &acknowledged);
}

/// Its log cannot be read in another mode, and a broker that begins anew beside it would serve nothing of it.
pub fn a_store_is_not_taken_to_another_mode(lab: &mut Lab) {
    assert!(!aborts(&lab.dir).is_empty(), "a running broker has an abort file");
    lab.stop();
    let text = fs::read_to_string(lab.cluster_file()).unwrap();
    let mode = text.lines().find(|line| line.starts_with("mode")).unwrap();
    let other = lab.dir.join("other.toml");
    let without = text.replace("[controller]\nheap = \"128M\"\n", "");
    let without: Vec<&str> = without.lines().filter(|line| !line.starts_with("controller =")).collect();
    fs::write(&other, without.join("\n").replace(mode, "mode = \"2m-2s-sync\"")).unwrap();
    let plan = |lab: &Lab| {
        let plan = lab.agents[0].run(&["plan", other.to_str().unwrap()]);
        String::from_utf8_lossy(&plan.stdout).into_owned() + &String::from_utf8_lossy(&plan.stderr)
    };
    let said = plan(lab);
    assert!(said.contains("cluster.mode is another one now") && !said.contains("start broker-a"), "{said}");
    // Where the agent does not know what was there before, the store itself says it.
    fs::remove_file(lab.dir.join("vm1/state/applied.json")).unwrap();
    let said = plan(lab);
    assert!(said.contains("set cluster.mode back") && !said.contains("start broker-a"), "{said}");
}

/// A restart of such a NameServer takes a vote away for as long as it lasts, so that they go one at a time.
pub fn namesrvs_are_rolled_out_with_the_controllers_leader_last_and_nothing_acknowledged_is_lost(lab: &mut Lab) {
    let sender = Sender::start(lab, "Elected", "inside", 50);
    let leader = leaders(lab, "namesrv")[0];
    let text = fs::read_to_string(lab.cluster_file()).unwrap();
    rollout::with_file(lab, &text.replace("[namesrv]\nheap = \"128M\"", "[namesrv]\nheap = \"136M\""));
    let moved = rollout::follow(lab, |_| {});
    assert_eq!(moved.iter().collect::<BTreeSet<_>>().len(), 3, "{moved:?}");
    assert!(moved.iter().all(|it| it.ends_with("/namesrv")), "{moved:?}");
    assert_eq!(moved.last().unwrap(), &format!("{leader}/namesrv"), "{moved:?}");
    sender.until_acknowledged(20);
    lab.receive_all("Elected", "GI", &sender.stop());
}

/// Empty controllers have never heard of the brokers. With their logs moved they are the same ones elsewhere.
pub fn controllers_leave_the_namesrvs_when_their_data_was_moved_and_not_before(lab: &mut Lab) {
    let sender = Sender::start(lab, "Elected", "moved", 50);
    sender.until_acknowledged(100);
    let acknowledged = sender.stop();
    lab.stop();
    let text = fs::read_to_string(lab.cluster_file()).unwrap();
    let alone = text.replace("in_namesrv = true", "heap = \"128M\"");
    fs::write(lab.cluster_file(), alone).unwrap();
    let plan = lab.agents[0].run(&["plan"]);
    let said = String::from_utf8_lossy(&plan.stdout).into_owned() + &String::from_utf8_lossy(&plan.stderr);
    let store = lab.folder("vm1", "namesrv").join("store");
    let expected = format!("controller.in_namesrv is another one now, and {} holds data", store.display());
    assert!(said.contains(&expected) && !said.contains("start "), "{said}");
    for host in HOSTS {
        move_store(lab, host, "namesrv", "controller");
    }
    lab.start();
    lab.until_ready();
    assert_eq!(leaders(lab, "controller").len(), 1);
    lab.master_of(GROUP);
    lab.receive_all("Elected", "GM", &acknowledged);
}

fn move_store(lab: &Lab, host: &str, from: &str, to: &str) {
    let (from, to) = (lab.folder(host, from), lab.folder(host, to));
    let owner = fs::metadata(&from).unwrap();
    fs::create_dir_all(&to).unwrap();
    chown(&to, Some(owner.uid()), Some(owner.gid())).unwrap();
    fs::rename(from.join("store"), to.join("store")).unwrap();
}

/// Each host for itself, as two of three controllers and members go on meanwhile.
pub fn controllers_enter_the_namesrvs_one_host_after_the_other_and_nothing_acknowledged_is_lost(lab: &mut Lab) {
    lab.create_topic("Entered");
    let sender = Sender::start(lab, "Entered", "entered", 50);
    let text = fs::read_to_string(lab.cluster_file()).unwrap();
    let (pids, last) = (lab.pids(), lab.master_of(GROUP));
    fs::write(lab.cluster_file(), text.replace("[controller]\nheap = \"128M\"", "[controller]\nin_namesrv = true"))
        .unwrap();
    for host in HOSTS {
        let [from, to] =
            ["controller", "namesrv"].map(|name| lab.folder(host, name).join("store").display().to_string());
        let expected = format!(
            "controller.in_namesrv is another one now, and {from} holds data: set it back, or stop the agent here and \
             what it runs, and move that folder to {to}"
        );
        poll(LONG, "it says what has to be done first", || {
            let reasons = lab.report(host)?.reasons();
            if reasons.iter().any(|it| it.contains(&expected)) { Ok(()) } else { Err(format!("{reasons:?}")) }
        });
    }
    assert_eq!(lab.pids(), pids);
    let mut hosts = HOSTS.to_vec();
    hosts.sort_by_key(|host| *host == last);
    for host in hosts {
        lab.agent(host).stop();
        move_store(lab, host, "controller", "namesrv");
        lab.agent(host).start();
        poll(LONG, "its NameServer and its member are ready", || {
            let [namesrv, member] = ["namesrv", GROUP].map(|name| lab.instance(host, name));
            let (namesrv, member) = (namesrv?, member?);
            if namesrv.is_ready() && member.is_ready() { Ok(()) } else { Err(format!("{namesrv:?} {member:?}")) }
        });
        sender.until_acknowledged(20);
    }
    lab.until_ready();
    assert_eq!(leaders(lab, "namesrv").len(), 1);
    assert!(HOSTS.iter().all(|host| lab.instance(host, "controller").is_err()));
    assert_eq!(lab.in_role(GROUP, Role::Slave).len(), 2, "all know who the master is");
    let acknowledged = sender.stop();
    let sent = fs::read_to_string(lab.dir.join("entered.log")).unwrap().lines().count();
    println!("  {} of {sent} sends on the way were not acknowledged", sent - acknowledged.len());
    lab.receive_all("Entered", "GN", &acknowledged);
}
