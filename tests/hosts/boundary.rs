//! A broker that was taken over, played by a process of RocketMQ's account on a booted host: whatever it puts into its
//! folders, nothing of root's is read out, written, given away or deleted, and the agent goes on to answer.

mod attack;
mod flood;

pub use flood::boundary_floods_of_connections_keep_no_change_out;

use attack::{CANARIES, LOOK, attack, broker_ends, two_passes, until_broker_serves, while_alive};

use crate::{
    lab::Lab,
    real::{LONG, poll},
    vm::{self, DATA, Vm},
};
use std::{
    fs,
    path::PathBuf,
    thread,
    time::{Duration, Instant},
};

pub fn boundary_an_instances_folder_is_roots_and_its_account_changes_nothing_in_it(lab: &mut Lab) {
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

/// What a broker puts into its own folders, one after another.
const PLANTS: [&str; 3] = [
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
const CLEAN: &str = "rm -rf store/d store/many store/consumequeue-x store/brokerIdentity store/lock store/abort \
                     store/config/*.json* logs/console.log logs/rocketmqlogs/*.log";

/// Plants everything in a broker's folders, ends it, and has all commands look that look there.
fn planted(lab: &Lab, serves: impl Fn(&Lab, &Vm), ends: impl Fn(&Lab, &Vm)) {
    let vm = &lab.vms[0];
    vm.ok(&["sh", "-c", CANARIES]);
    let before = vm.ok(&["sh", "-c", LOOK]);
    let home = format!("/{DATA}/broker-a");
    for plant in PLANTS {
        serves(lab, vm);
        while_alive(lab, || {
            attack(vm, &format!("cd {home} && {plant}"));
            ends(lab, vm);
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
        attack(vm, &format!("cd {home} && {CLEAN}"));
    }
    assert_eq!(vm.ok(&["sh", "-c", LOOK]), before);
    for said in [lab.get("vm1", "/v1/host").unwrap().1, vm.journal("rocketmq-agent", 5000)] {
        assert!(!said.contains("canary-of-roots"), "{said}");
    }
    // What was harmed is the broker's own.
    serves(lab, vm);
}

pub fn boundary_links_fifos_and_trees_of_a_broker_lead_root_nowhere(lab: &mut Lab) {
    planted(lab, |_, vm| until_broker_serves(vm), broker_ends);
}

/// The messages are given up, and where the broker put links to, all stays.
pub fn boundary_removing_a_host_with_its_messages_deletes_nothing_behind_links(lab: &mut Lab) {
    let vm = &lab.vms[0];
    vm.ok(&["sh", "-c", CANARIES]);
    let before = vm.ok(&["sh", "-c", LOOK]);
    let home = format!("/{DATA}/broker-a");
    until_broker_serves(vm);
    attack(
        vm,
        &format!(
            "cd {home}; mkdir -p store/own/deep tmp/own logs/own; for f in store store/own store/own/deep tmp/own logs/own; \
             do ln -s /root/canary $f/folder; ln -s /etc/canary $f/file; mkfifo $f/fifo; done"
        ),
    );
    // For at most a minute: folders and links to root's take turns under one name, while the broker's folders are there.
    let race = format!(
        "cd {home}/store && end=$((SECONDS + 60)); while [ $SECONDS -lt $end ] && [ -d {home}/store ]; do \
         for name in config own; do mv $name aside; ln -s /root/canary $name; rm -f $name; mv aside $name; done; done \
         2>/dev/null"
    );
    let command = ["timeout", "120", "rocketmq-agent", "remove", "--force", "--delete-data=DefaultCluster"];
    let said = thread::scope(|scope| {
        let racing = scope.spawn(|| attack(vm, &race));
        let said = vm::text(&vm.exec(&command));
        racing.join().unwrap();
        said
    });
    // What went on to be written while it was deleted is left to another try.
    if vm.path(&format!("{DATA}/broker-a/store")).exists() {
        let _ = vm.exec(&command);
    }
    assert!(!vm.path(&format!("{DATA}/broker-a/store/commitlog")).exists(), "{said}");
    assert_eq!(vm.ok(&["sh", "-c", LOOK]), before, "{said}");
    vm.ok(&["systemctl", "enable", "--now", "rocketmq-agent"]);
    lab.until_ready();
}

/// The agent is root and their parent, and they are still another account's.
pub fn boundary_embedded_jvms_of_a_root_agent_lead_root_nowhere_either(lab: &mut Lab) {
    const FILE: &str = "etc/rocketmq-agent/agent.toml";
    let vm = &lab.vms[0];
    vm.ok(&["rocketmq-agent", "remove", "--force"]);
    let settings = vm.read(FILE);
    vm.write(FILE, &format!("supervisor = \"embedded\"\n{settings}"));
    vm.ok(&["systemctl", "enable", "--now", "rocketmq-agent"]);
    lab.until_ready();
    assert_eq!(vm.property("rocketmq-agent", "MemoryMax"), "infinity", "its JVMs live in its control group");
    let pid = |lab: &Lab| lab.instance("vm1", "broker-a").ok().and_then(|broker| broker.pid);
    assert_eq!(vm.ok(&["stat", "-c", "%u", &format!("/{DATA}/broker-a")]), "0\n");
    assert_eq!(vm.ok(&["stat", "-c", "%u", &format!("/proc/{}", pid(lab).unwrap())]), "3000\n");
    planted(
        lab,
        |lab, vm| {
            let _ = vm.exec(&["rocketmq-agent", "start", "broker-a"]);
            lab.until_ready();
        },
        |lab, vm| {
            let ended = pid(lab);
            attack(vm, &format!("kill -9 {}", ended.unwrap()));
            poll(LONG, "the end of the broker is seen", || {
                let now = pid(lab);
                if now != ended { Ok(()) } else { Err(format!("{now:?}")) }
            });
            two_passes(lab);
        },
    );
    vm.ok(&["rocketmq-agent", "remove", "--force"]);
    vm.write(FILE, &settings);
    vm.ok(&["systemctl", "enable", "--now", "rocketmq-agent"]);
    lab.until_ready();
}

/// The package of an earlier release, where somebody put one.
fn earlier_package() -> Option<PathBuf> {
    let files = fs::read_dir(crate::real::root().join("target/packages/old")).ok()?;
    files.flatten().map(|entry| entry.path()).find(|path| path.extension().is_some_and(|end| end == "deb"))
}

/// There and back: neither restarts a broker, and each of them starts one.
pub fn boundary_an_earlier_package_and_this_one_take_turns_without_a_restart(lab: &mut Lab) {
    let Some(earlier) = earlier_package() else {
        println!("  left out: there is no package in target/packages/old");
        return;
    };
    let vm = &lab.vms[0];
    until_broker_serves(vm);
    lab.until_ready();
    vm.copy_in(&earlier, "root/earlier.deb");
    for (package, owner) in [("earlier", "3000\n"), ("rocketmq-agent", "0\n")] {
        let pid = vm.property("rocketmq-broker-a", "MainPID");
        vm.ok(&["dpkg", "--force-downgrade", "--force-confold", "-i", &format!("/root/{package}.deb")]);
        poll(LONG, &format!("the folder belongs to {owner}"), || {
            let found = vm.ok(&["stat", "-c", "%u", &format!("/{DATA}/broker-a")]);
            if found == owner { Ok(()) } else { Err(found) }
        });
        lab.until_ready();
        assert_eq!(vm.property("rocketmq-broker-a", "MainPID"), pid, "{package} restarted the broker");
        attack(vm, &format!("kill -9 {pid}"));
        poll(LONG, &format!("{package} starts the broker"), || {
            let now = vm.property("rocketmq-broker-a", "MainPID");
            if now != pid && now != "0" { Ok(()) } else { Err(now) }
        });
        crate::bring_up::until_active(vm, "rocketmq-broker-a");
        lab.until_ready();
    }
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

/// Root's oneshot, which compares the logs of both members, works where the broker was.
pub fn boundary_what_a_broker_planted_leads_its_admission_nowhere(lab: &mut Lab) {
    crate::one_file::share_a_secret(lab);
    let vm = &lab.vms[0];
    vm.ok(&["sh", "-c", CANARIES]);
    let before = vm.ok(&["sh", "-c", LOOK]);
    let home = format!("/{DATA}/broker-a");
    vm.ok(&["systemctl", "stop", "rocketmq-agent", "rocketmq-broker-a"]);
    let first = "store/commitlog/00000000000000000000";
    let aside = "mv store/commitlog store/kept";
    for plant in [
        "mkfifo store/abort".to_owned(),
        "ln -s /etc/canary store/abort".to_owned(),
        "mv store/lock store/kept-lock; mkfifo store/lock".to_owned(),
        "mv store/lock store/kept-lock; ln -s /etc/canary store/lock".to_owned(),
        format!("{aside}; ln -s /root/canary store/commitlog"),
        format!("{aside}; mkdir store/commitlog; ln -s /etc/canary {first}"),
        format!("{aside}; mkdir store/commitlog; mkfifo {first}"),
        format!("{aside}; mkdir store/commitlog; truncate -s 1T {first}"),
        format!("{aside}; mkdir store/commitlog; touch store/commitlog/18446744073709551615"),
    ] {
        attack(vm, &format!("cd {home} && {plant}"));
        let admission = "rm -f /run/rocketmq-agent/admission/broker-a.*; timeout 5 rocketmq-agent admit broker-a 2>&1; \
                         cat /run/rocketmq-agent/admission/broker-a.*";
        let said = vm::text(&vm.exec(&["sh", "-c", admission]));
        assert!(!said.contains("canary-of-roots") && !said.contains("panicked"), "{plant}: {said}");
        assert!(said.contains("\"at\"") || said.contains("\"cause\""), "{plant}: neither permit nor reason: {said}");
        let undone = "for name in lock commitlog; do own=store/kept; [ $name = lock ] && own=store/kept-lock; \
                      if [ -e $own ]; then rm -rf store/$name; mv $own store/$name; fi; done; rm -f store/abort";
        attack(vm, &format!("cd {home} && {undone}"));
        assert_eq!(vm.ok(&["sh", "-c", LOOK]), before, "{plant}");
    }
    vm.ok(&["sh", "-c", "rm -f /run/rocketmq-agent/admission/broker-a.*"]);
    vm.ok(&["systemctl", "start", "--no-block", "rocketmq-agent", "rocketmq-broker-a"]);
    lab.until_ready();
    crate::commit_logs::all_logs_agree(lab);
}

/// Set by the agent at run time, and no longer where somebody else chose.
pub fn boundary_the_agent_limits_its_own_memory_and_leaves_the_operators_limit(lab: &mut Lab) {
    let vm = &lab.vms[0];
    let limits = |vm: &Vm| ["MemoryHigh", "MemoryMax"].map(|name| vm.property("rocketmq-agent", name));
    assert_eq!(limits(vm), ["536870912", "1073741824"]);
    assert_eq!(vm.property("rocketmq-admission@broker-a", "MemoryMax"), "1073741824");
    assert_ne!(vm.property("rocketmq-broker-a", "MemoryMax"), "1073741824");
    let own = "/etc/systemd/system/rocketmq-agent.service.d";
    let unlimited = "rm -rf /run/systemd/system.control/rocketmq-agent.service.d; systemctl daemon-reload; \
                     systemctl restart rocketmq-agent";
    vm.ok(&[
        "sh",
        "-c",
        &format!("mkdir -p {own}; printf '[Service]\\nMemoryMax=2G\\n' > {own}/own.conf; {unlimited}"),
    ]);
    assert_eq!(limits(vm), ["infinity", "2147483648"]);
    vm.ok(&["sh", "-c", &format!("rm -r {own}; {unlimited}")]);
    assert_eq!(limits(vm), ["536870912", "1073741824"]);
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
    // By whoever waits for it here: a dead process that nobody waits for keeps its host from ending.
    vm.ok(&["pkill", "-KILL", "-U", "3000", "-f", "sleep 600"]);
    let _ = taken.wait();
    lab.until_ready();
    assert_eq!(vm.property("rocketmq-broker-a", "MainPID"), pid);
}
