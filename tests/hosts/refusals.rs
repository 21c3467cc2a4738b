//! What three hosts that keep one file refuse, on booted hosts: the second of two changes, whoever has no trust, what was
//! recorded on the way, and files that are none. No broker is restarted for any of it.

use crate::{
    lab::Lab,
    one_file::{FILE, SECRET, apply, apply_with, generation, text, until_works_from},
    pki::{Authority, DAY, HOUR},
    real::{LONG, poll},
    vm::{self, Vm},
};
use std::{
    fs,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    process::{Command, Stdio},
    time::Duration,
};

pub const ALL: [&str; 3] = ["vm1", "vm2", "vm3"];
const SETTINGS: &str = "etc/rocketmq-agent/agent.toml";
pub const SYNC_PORT: u16 = 9878;

fn restart(vm: &Vm) {
    vm.ok(&["systemctl", "restart", "rocketmq-agent"]);
}

fn remarks(lab: &Lab, host: &str) -> Result<String, String> {
    Ok(lab.report(host)?.config.remarks.iter().map(|remark| format!("{remark}\n")).collect())
}

fn until_remarked(lab: &Lab, host: &str, words: &str) {
    poll(LONG, &format!("{host} says {words:?}"), || match remarks(lab, host)? {
        said if said.contains(words) => Ok(()),
        said => Err(said),
    });
}

/// Connections that this host refused because of their certificates.
fn refused(lab: &Lab, host: &str) -> u64 {
    lab.report(host).unwrap().config.refused.get("tls").copied().unwrap_or_default()
}

fn until_refused(lab: &Lab, host: &str, more_than: u64) {
    poll(LONG, &format!("{host} refuses"), || {
        let count = lab.report(host)?.config.refused.get("tls").copied().unwrap_or_default();
        if count > more_than { Ok(()) } else { Err(format!("{count} of more than {more_than}")) }
    });
}

/// A change without vm2, which goes on with what it holds.
fn passes_by_vm2(lab: &Lab, hours: u32) {
    let (before, file) = (generation(lab, "vm1"), lab.vms[1].read(FILE));
    apply(&lab.vms[0], &text(lab, hours));
    until_works_from(lab, &["vm1", "vm3"], before + 1);
    assert_eq!(lab.vms[1].read(FILE), file);
    let said = apply_with(&lab.vms[1], &text(lab, hours + 100), &[]);
    assert!(!said.status.success(), "{}", vm::text(&said));
    assert_eq!(generation(lab, "vm1"), before + 1);
}

/// Now and then one is through before the other one has looked, which is no contest.
pub fn of_two_changes_at_once_one_wins_and_the_other_one_is_told_so(lab: &mut Lab) {
    let pids = lab.pids();
    for attempt in 0..10 {
        let before = generation(lab, "vm1");
        until_works_from(lab, &ALL, before);
        let wanted = [text(lab, 200 + attempt), text(lab, 300 + attempt)];
        let said = std::thread::scope(|scope| {
            let of = |index: usize| {
                let (vm, wanted) = (&lab.vms[index], &wanted[index]);
                scope.spawn(move || apply_with(vm, wanted, &[]))
            };
            [of(0), of(1)].map(|apply| apply.join().unwrap())
        });
        let won = match [0, 1].map(|index| said[index].status.success()) {
            [true, true] => continue,
            [first, _] => usize::from(!first),
        };
        let loser = vm::text(&said[1 - won]);
        assert!(said[won].status.success(), "{} {loser}", vm::text(&said[won]));
        assert!(loser.contains(&format!("generation {} was committed in the meantime", before + 1)), "{loser}");
        until_works_from(lab, &ALL, before + 1);
        for vm in &lab.vms {
            poll(LONG, "the winner's file", || if vm.read(FILE) == wanted[won] { Ok(()) } else { Err(vm.read(FILE)) });
        }
        lab.until_ready();
        assert_eq!(lab.pids(), pids);
        return;
    }
    panic!("both were committed in turn, each time");
}

pub fn a_host_with_a_wrong_secret_or_none_takes_no_change_and_its_brokers_run_on(lab: &mut Lab) {
    let (pids, secret) = (lab.pids(), lab.vms[1].read(SECRET));
    let before = refused(lab, "vm1");
    lab.vms[1].write_secret(SECRET, "8b5b9db0c13db24256c829aa364aa90c6d2eba318b9232a4ab9313b954d3555f");
    restart(&lab.vms[1]);
    until_refused(lab, "vm1", before);
    passes_by_vm2(lab, 84);
    let status = lab.vms[1].ok(&["rocketmq-agent", "config", "status"]);
    assert!(status.contains("no trust: invalid peer certificate"), "{status}");

    fs::remove_file(lab.vms[1].path(SECRET)).unwrap();
    restart(&lab.vms[1]);
    until_remarked(lab, "vm2", "put the secret back");
    passes_by_vm2(lab, 85);
    assert!(!lab.report("vm2").unwrap().config.synced);

    lab.vms[1].write_secret(SECRET, &secret);
    restart(&lab.vms[1]);
    until_works_from(lab, &ALL, generation(lab, "vm1"));
    lab.until_ready();
    assert_eq!(lab.pids(), pids);
    for vm in &lab.vms {
        let said = vm.journal("rocketmq-agent", 2000);
        assert!(!said.contains("0b0b0b") && !said.contains(secret.trim()), "a secret was shown");
    }
}

pub fn the_secret_may_come_from_systemd_as_a_credential(lab: &mut Lab) {
    const DROP_IN: &str = "etc/systemd/system/rocketmq-agent.service.d/secret.conf";
    let (pids, before) = (lab.pids(), generation(lab, "vm2"));
    let (vm, secret) = (&lab.vms[1], lab.vms[1].read(SECRET));
    vm.ok(&["mkdir", "-p", "/etc/systemd/system/rocketmq-agent.service.d"]);
    vm.write_secret("root/secret", &secret);
    vm.write(DROP_IN, "[Service]\nLoadCredential=cluster.secret:/root/secret\n");
    fs::remove_file(vm.path(SECRET)).unwrap();
    vm.ok(&["systemctl", "daemon-reload"]);
    restart(vm);
    until_works_from(lab, &ALL, before);
    apply(vm, &text(lab, 86));
    until_works_from(lab, &ALL, before + 1);
    let status = vm.ok(&["rocketmq-agent", "config", "status"]);
    assert_eq!(status.matches("votes").count(), 3, "{status}");

    vm.write_secret(SECRET, &secret);
    fs::remove_file(vm.path(DROP_IN)).unwrap();
    vm.ok(&["systemctl", "daemon-reload"]);
    restart(vm);
    until_works_from(lab, &ALL, before + 1);
    lab.until_ready();
    assert_eq!(lab.pids(), pids);
}

/// Certificates of an authority of the site's own in place of the secret, until the end of the claim.
pub fn a_host_whose_own_certificate_ran_out_takes_no_change_until_it_has_a_new_one(lab: &mut Lab) {
    let (pids, secret, authority) = (lab.pids(), lab.vms[0].read(SECRET), Authority::new());
    let settings: Vec<String> = lab.vms.iter().map(|vm| vm.read(SETTINGS)).collect();
    let give = |vm: &Vm, until: i64| {
        let (certificate, key) = authority.sign(vm.name, (-DAY, until));
        vm.write("etc/rocketmq-agent/ca.pem", &authority.pem);
        vm.write("etc/rocketmq-agent/host.pem", &certificate);
        vm.write_secret("etc/rocketmq-agent/host.key", &key);
    };
    let own = "[sync]\nca = \"/etc/rocketmq-agent/ca.pem\"\ncertificate = \"/etc/rocketmq-agent/host.pem\"\n\
               key = \"/etc/rocketmq-agent/host.key\"\n";
    for (vm, settings) in lab.vms.iter().zip(&settings) {
        give(vm, 100 * DAY);
        vm.write(SETTINGS, &format!("{settings}\n{own}"));
        fs::remove_file(vm.path(SECRET)).unwrap();
        restart(vm);
    }
    let before = generation(lab, "vm1");
    apply(&lab.vms[0], &text(lab, 87));
    until_works_from(lab, &ALL, before + 1);

    give(&lab.vms[1], -HOUR);
    let counted = refused(lab, "vm1");
    restart(&lab.vms[1]);
    until_remarked(lab, "vm2", "this host's certificate ran out");
    until_refused(lab, "vm1", counted);
    passes_by_vm2(lab, 88);
    // It is looked at again by itself.
    give(&lab.vms[1], 100 * DAY);
    until_works_from(lab, &ALL, before + 2);
    lab.until_ready();

    for (vm, settings) in lab.vms.iter().zip(&settings) {
        vm.write(SETTINGS, settings);
        vm.write_secret(SECRET, &secret);
        restart(vm);
    }
    apply(&lab.vms[1], &text(lab, 89));
    until_works_from(lab, &ALL, before + 3);
    lab.until_ready();
    assert_eq!(lab.pids(), pids);
}

/// What somebody on the way kept of a change that vm2 made, and sends to vm1 once more.
pub fn what_was_recorded_on_the_way_and_is_sent_again_changes_nothing_and_is_counted(lab: &mut Lab) {
    let (vm1, vm2) = (&lab.vms[0], &lab.vms[1]);
    let port = SYNC_PORT.to_string();
    let mut recorder = Command::new("python3")
        .arg(crate::real::root().join("tests/hosts/recorder.py"))
        .args([vm2.cable(), vm1.address.to_string(), port])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut said = BufReader::new(recorder.stdout.take().unwrap());
    let mut line = String::new();
    said.read_line(&mut line).unwrap();
    assert_eq!(line, "ready\n");
    let before = generation(lab, "vm1");
    restart(vm2);
    until_works_from(lab, &["vm2"], before);
    let wanted = text(lab, 90);
    apply(vm2, &wanted);
    until_works_from(lab, &ALL, before + 1);
    drop(recorder.stdin.take());
    let mut lines = String::new();
    said.read_to_string(&mut lines).unwrap();
    recorder.wait().unwrap();
    let byte = |line: &str, at: usize| u8::from_str_radix(&line[at..at + 2], 16).unwrap();
    let bytes = |line: &str| (0..line.len()).step_by(2).map(|at| byte(line, at)).collect::<Vec<u8>>();
    let recorded: Vec<Vec<u8>> = lines.lines().map(bytes).filter(|it| !it.is_empty()).collect();
    // From its first byte on, and the change is in it.
    assert!(recorded.iter().all(|it| it[0] == 0x16), "a connection was not recorded from its beginning");
    assert!(recorded.iter().any(|it| it.len() > wanted.len()), "the change was not recorded");

    let counted = refused(lab, "vm1");
    for said in &recorded {
        let mut again = TcpStream::connect((vm1.address, SYNC_PORT)).unwrap();
        again.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        // It may be closed before all of it is said.
        let _ = again.write_all(said);
        let _ = again.read_to_end(&mut Vec::new());
    }
    until_refused(lab, "vm1", counted + recorded.len() as u64 - 1);
    assert_eq!((generation(lab, "vm1"), vm1.read(FILE)), (before + 1, wanted));
    apply(vm1, &text(lab, 91));
    until_works_from(lab, &ALL, before + 2);
}

/// In KiB: all that its agent has ever had in memory.
fn most_memory(vm: &Vm) -> u64 {
    let pid = vm.property("rocketmq-agent", "MainPID");
    let status = vm.ok(&["cat", &format!("/proc/{pid}/status")]);
    let most = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    most.and_then(|most| most.split_whitespace().next()?.parse().ok()).expect(&status)
}

pub fn a_cluster_file_of_garbage_or_of_five_megabytes_is_refused_and_kept_and_the_brokers_run_on(lab: &mut Lab) {
    let pids = lab.pids();
    let before = generation(lab, "vm1");
    restart(&lab.vms[0]);
    until_works_from(lab, &["vm1"], before);
    let memory = most_memory(&lab.vms[0]);
    let long = text(lab, 92) + &"# a comment of forty bytes, all the same\n".repeat((5 << 20) / 40);
    let files: [(&[u8], &str); 3] = [
        (b"\xff\xfe\0 no text \x80", "valid UTF-8"),
        (b"}{ no TOML", "syntax"),
        (long.as_bytes(), "a document may have 1048576 bytes"),
    ];
    for ((garbage, words), hours) in files.into_iter().zip(400..) {
        let (vm, now) = (&lab.vms[0], generation(lab, "vm1"));
        fs::write(vm.path(FILE), garbage).unwrap();
        until_remarked(lab, "vm1", "was edited and is not applied");
        let said = vm.exec(&["rocketmq-agent", "apply", "-m", "garbage", "--yes"]);
        let text_said = vm::text(&said);
        assert!(!said.status.success() && text_said.contains(words), "{text_said}");
        assert!(text_said.len() < 4096, "{} bytes of words", text_said.len());
        // Somebody else's change is taken, and overwrites nothing.
        apply(&lab.vms[1], &text(lab, hours));
        until_works_from(lab, &ALL, now + 1);
        assert!(fs::read(vm.path(FILE)).unwrap() == garbage, "it was overwritten");
    }
    let most = most_memory(&lab.vms[0]);
    assert!(most < memory + 32 * 1024, "{memory} KiB before, {most} KiB at most");
    // Nor does it keep a host from what was committed when its agent begins.
    let vm = &lab.vms[0];
    restart(vm);
    until_works_from(lab, &ALL, before + 3);
    vm.write(FILE, &vm.ok(&["rocketmq-agent", "config", "show"]));
    poll(LONG, "nothing is remarked", || match remarks(lab, "vm1")? {
        said if said.is_empty() => Ok(()),
        said => Err(said),
    });
    lab.until_ready();
    assert_eq!(lab.pids(), pids);
}
