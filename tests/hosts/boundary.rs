//! A broker that was taken over, played by a process of RocketMQ's account on a booted host: whatever it puts into its
//! folders, nothing of root's is read out, written, given away or deleted, and the agent goes on to answer.

use crate::{
    lab::Lab,
    real::{LONG, poll},
    vm::{self, DATA, Vm},
};
use std::{
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

/// A file of root's, and a folder of root's with one in it. What stands in them is seen nowhere else.
const CANARIES: &str = "umask 077; mkdir -p /root/canary; echo canary-of-roots > /root/canary/file; \
                        echo canary-of-roots > /etc/canary";
const LOOK: &str = "for path in /root/canary /root/canary/file /etc/canary /etc/shadow /usr/bin/rocketmq-agent; do \
                    stat -c '%n %u:%g %a %F' $path; done; cat /root/canary/* /etc/canary; ls -a /root/canary";
/// What the agent may take to answer.
const LIVE: Duration = Duration::from_secs(2);

/// Runs a script as RocketMQ's account, without any rights; what it printed.
fn attack(vm: &Vm, script: &str) -> String {
    let arguments =
        ["setpriv", "--reuid=3000", "--regid=3000", "--clear-groups", "--no-new-privs", "bash", "-c", script];
    vm::text(&vm.exec(&arguments))
}

/// Ends the asking also where a claim fails.
struct Over<'o>(&'o AtomicBool);

impl Drop for Over<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Does something while the agent is asked again and again whether it lives.
fn while_alive<T>(lab: &Lab, work: impl FnOnce() -> T) -> T {
    let over = AtomicBool::new(false);
    thread::scope(|scope| {
        let asking = scope.spawn(|| {
            let mut slowest = Duration::ZERO;
            while !over.load(Ordering::Relaxed) {
                let asked = Instant::now();
                let (status, said) = lab.get("vm1", "/livez").unwrap();
                assert_eq!(status, 200, "{said}");
                slowest = slowest.max(asked.elapsed());
                thread::park_timeout(Duration::from_millis(100));
            }
            slowest
        });
        let ending = Over(&over);
        let done = work();
        drop(ending);
        let slowest = asking.join().unwrap();
        assert!(slowest < LIVE, "/livez took {slowest:?}");
        done
    })
}

/// Starts the broker by hand where the agent holds it back for what it met before, and waits until it serves.
fn until_broker_serves(vm: &Vm) {
    vm.ok(&["systemctl", "start", "--no-block", "rocketmq-broker-a"]);
    crate::bring_up::until_active(vm, "rocketmq-broker-a");
}

/// Ends the broker, so that all of its files are looked at, and waits until the agent has something to say of it.
fn broker_ends(lab: &Lab, vm: &Vm) {
    let pid = vm.property("rocketmq-broker-a", "MainPID");
    attack(vm, &format!("kill -9 {pid}"));
    poll(LONG, "the end of the broker is seen", || {
        let state = vm.property("rocketmq-broker-a", "MainPID");
        if state != pid { Ok(()) } else { Err(state) }
    });
    // Two passes of the loop have looked at what lies there.
    for _ in 0..2 {
        let before = lab.report("vm1").unwrap().at;
        poll(LONG, "another pass", || match lab.report("vm1")?.at {
            at if at > before => Ok(()),
            at => Err(at.to_string()),
        });
    }
}

pub fn boundary_the_folder_of_an_instance_is_roots_and_its_account_changes_nothing_in_it(lab: &mut Lab) {
    let vm = &lab.vms[0];
    for instance in ["broker-a", "namesrv"] {
        let home = format!("/{DATA}/{instance}");
        let owner = vm.ok(&["stat", "-c", "%u %a", &home, &format!("{home}/conf"), &format!("{home}/console.log")]);
        assert!(owner.lines().all(|line| line.starts_with("0 ")), "{owner}");
        let said = attack(
            vm,
            &format!(
                "cd {home}; for try in 'ln -s /etc/canary new' 'mv conf tmp/conf' 'rm -f console.log' 'mkfifo fifo' \
                 'rm -f supervisor.lock' 'chmod 777 .' 'rm -rf conf' 'tee conf/broker.conf'; do \
                 if $try </dev/null >/dev/null 2>&1; then echo \"done: $try\"; fi; done"
            ),
        );
        assert_eq!(said, "", "{instance}");
    }
    let written =
        attack(vm, &format!("cd /{DATA}/broker-a; touch store/own logs/own tmp/own && rm */own && echo written"));
    assert_eq!(written, "written\n");
    for unit in ["rocketmq-broker-a", "rocketmq-namesrv"] {
        crate::bring_up::until_active(vm, unit);
    }
}

pub fn boundary_links_fifos_and_trees_of_a_broker_lead_root_nowhere(lab: &mut Lab) {
    let vm = &lab.vms[0];
    vm.ok(&["sh", "-c", CANARIES]);
    let before = vm.ok(&["sh", "-c", LOOK]);
    let home = format!("/{DATA}/broker-a");
    let plants = [
        // Links to files and folders of root's where the agent reads and copies.
        "cd store/config && for f in topics.json subscriptionGroup.json consumerOffset.json; do ln -sf /etc/canary $f; \
         ln -sf /etc/canary $f.bak; done; cd ../..; ln -sf /etc/canary store/brokerIdentity; \
         ln -sf /etc/canary logs/console.log; mkdir -p logs/rocketmqlogs; \
         for f in store broker; do ln -sf /etc/canary logs/rocketmqlogs/$f.log; done; \
         ln -sfn /root/canary store/consumequeue-x; ln -sf /etc/canary store/config/offsets-carried.json",
        // What never answers.
        "for f in store/config/topics.json store/lock store/brokerIdentity logs/rocketmqlogs/store.log store/abort \
         store/config/consumerOffset.json store/config/offsets-carried.json; do rm -rf $f; mkfifo $f; done",
        // A tree without end, a sparse file of a terabyte, and many small ones.
        "cd store && (for i in $(seq 3000); do mkdir d && cd d || exit; done); rm -f config/topics.json; \
         truncate -s 1T config/topics.json; mkdir -p many && cd many && for i in $(seq 2000); do : > $i; done",
    ];
    let clean = "rm -rf store/d store/many store/consumequeue-x store/brokerIdentity store/lock store/abort \
                 store/config/*.json* logs/console.log logs/rocketmqlogs/*.log";
    for plant in plants {
        until_broker_serves(vm);
        while_alive(lab, || {
            attack(vm, &format!("cd {home} && {plant}"));
            broker_ends(lab, vm);
            for command in [
                &["doctor", "--fix", "--yes"][..],
                &["restore", "broker-a", "--yes"],
                &["support", "--output", "/root/attacked.tar.gz"],
            ] {
                let _ = vm.exec(&[&["timeout", "60", "rocketmq-agent"][..], command].concat());
            }
        });
        let archive = vm::text(&vm.exec(&["sh", "-c", "tar xzf /root/attacked.tar.gz -O; rm /root/attacked.tar.gz"]));
        assert!(!archive.contains("canary-of-roots"), "the archive has it");
        attack(vm, &format!("cd {home} && {clean}"));
    }
    assert_eq!(vm.ok(&["sh", "-c", LOOK]), before);
    for said in [lab.get("vm1", "/v1/host").unwrap().1, vm.journal("rocketmq-agent", 5000)] {
        assert!(!said.contains("canary-of-roots"), "{said}");
    }
    // What was harmed is the broker's own.
    until_broker_serves(vm);
}

pub fn boundary_names_that_change_hands_all_the_time_harm_nothing_of_roots(lab: &mut Lab) {
    let vm = &lab.vms[0];
    vm.ok(&["sh", "-c", CANARIES]);
    let before = vm.ok(&["sh", "-c", LOOK]);
    let home = format!("/{DATA}/broker-a");
    // For at most half a minute, whatever becomes of the rest.
    until_broker_serves(vm);
    let race = format!(
        "cd {home}/store && end=$((SECONDS + 30)); while [ $SECONDS -lt $end ] && [ ! -e /{DATA}/broker-a/tmp/over ]; do \
         mv config config-own; ln -s /root/canary config; rm config; mv config-own config; \
         ln -sf /etc/canary tmp-link; mv -T tmp-link config/topics.json.bak; rm -f config/topics.json.bak; done"
    );
    while_alive(lab, || {
        thread::scope(|scope| {
            let racing = scope.spawn(|| attack(vm, &race));
            broker_ends(lab, vm);
            let began = Instant::now();
            while began.elapsed() < Duration::from_secs(15) {
                let _ = vm.exec(&["timeout", "60", "rocketmq-agent", "doctor", "--fix", "--yes"]);
            }
            attack(vm, &format!("touch {home}/tmp/over"));
            racing.join().unwrap();
        });
    });
    attack(
        vm,
        &format!("rm {home}/tmp/over; cd {home}/store; [ -d config-own ] && rm -f config && mv config-own config"),
    );
    assert_eq!(vm.ok(&["sh", "-c", LOOK]), before);
}

/// A host as an earlier agent left it: everything belongs to the account, and the console is a link.
pub fn boundary_an_earlier_agents_folders_are_taken_over_while_the_broker_runs(lab: &mut Lab) {
    let vm = &lab.vms[0];
    vm.ok(&["sh", "-c", CANARIES]);
    let home = format!("/{DATA}/broker-a");
    until_broker_serves(vm);
    let pid = vm.property("rocketmq-broker-a", "MainPID");
    let lock = vm.ok(&["stat", "-c", "%i", &format!("{home}/supervisor.lock")]);
    vm.ok(&["systemctl", "stop", "rocketmq-agent"]);
    vm.ok(&["sh", "-c", &format!("chown -h 3000:3000 /{DATA} {home} {home}/supervisor.lock {home}/store-owner.json")]);
    attack(
        vm,
        &format!(
            "cd {home} && mv console.log logs/kept && ln -s /etc/canary console.log && ln -s /root/canary config-copies"
        ),
    );
    let before = vm.ok(&["sh", "-c", LOOK]);
    vm.ok(&["systemctl", "start", "rocketmq-agent"]);
    poll(LONG, "the folder is root's", || {
        let names = "for name in . supervisor.lock store-owner.json conf; do stat -c %u $name; done; ls -d console.log";
        let owner = vm::text(&vm.exec(&["sh", "-c", &format!("stat -c %u /{DATA}; cd {home}; {names}")]));
        if owner.starts_with("0\n0\n0\n0\n0\n") && !owner.ends_with("\nconsole.log\n") { Ok(()) } else { Err(owner) }
    });
    assert_eq!(vm.ok(&["stat", "-c", "%i", &format!("{home}/supervisor.lock")]), lock);
    assert_eq!(vm.property("rocketmq-broker-a", "MainPID"), pid, "it was restarted");
    assert_eq!(vm.ok(&["sh", "-c", LOOK]), before);
    lab.until_ready();
}

/// uid 3000 has the port while the agent is away.
pub fn boundary_an_agent_whose_port_a_broker_took_supervises_and_says_so(lab: &mut Lab) {
    let vm = &lab.vms[0];
    let pid = vm.property("rocketmq-broker-a", "MainPID");
    vm.ok(&["systemctl", "stop", "rocketmq-agent"]);
    // bash cannot listen, and a unit of systemd can hold a port for a process of that account.
    let unit = ["systemd-socket-activate", "--listen=9877", "sleep", "600"];
    let mut taken = vm.begin(&[&["setpriv", "--reuid=3000", "--regid=3000", "--clear-groups"][..], &unit].concat());
    poll(LONG, "the port is taken", || {
        let said = vm::text(&vm.exec(&["ss", "-ltnH", "sport", "=", ":9877"]));
        if said.contains(":9877") { Ok(()) } else { Err(said) }
    });
    vm.ok(&["systemctl", "start", "rocketmq-agent"]);
    poll(LONG, "the agent says it", || {
        let said = vm.journal("rocketmq-agent", 50);
        if said.contains("the instances of this host are supervised all the same") { Ok(()) } else { Err(said) }
    });
    let _ = taken.kill();
    let _ = taken.wait();
    let _ = vm.exec(&["sh", "-c", "kill -9 $(pidof systemd-socket-activate)"]);
    lab.until_ready();
    assert_eq!(vm.property("rocketmq-broker-a", "MainPID"), pid);
}
