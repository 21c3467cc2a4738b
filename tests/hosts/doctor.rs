//! What `doctor` finds on a host that runs: each trouble made, seen with its words, undone, and not seen any more. What
//! would disturb the brokers, or is one with this machine, as the kernel's settings are, is made for the command alone.

use crate::{
    lab::Lab,
    real::{LONG, poll},
    vm::{DATA, Vm},
};
use serde_json::Value;

/// `doctor` as it is.
const PLAIN: &str = "rocketmq-agent doctor --json";

/// How a check came out, and its words; `around` is the shell's command line for it.
fn found(vm: &Vm, around: &str, check: &str) -> (String, String) {
    let output = vm.exec(&["sh", "-c", &format!("{around} {check}")]);
    let said = String::from_utf8(output.stdout).unwrap();
    let reports: Vec<Value> = serde_json::from_str(&said).unwrap_or_else(|error| panic!("{around}: {error}: {said}"));
    let report = &reports[0];
    assert_eq!(report["id"], *check);
    (report["verdict"].as_str().unwrap().to_owned(), report["findings"].to_string())
}

fn assert_found(vm: &Vm, around: &str, check: &str, verdict: &str, words: &str) {
    let (came, said) = found(vm, around, check);
    assert!(came == verdict && said.contains(words), "{check}, as {verdict} with {words:?}: {came} {said}");
}

/// Fine, not so once the trouble is made, and fine again.
fn both_ways(vm: &Vm, check: &str, verdict: &str, words: &str, make: &str, undo: &str) {
    assert_found(vm, PLAIN, check, "ok", "");
    vm.ok(&["sh", "-c", make]);
    let (came, said) = found(vm, PLAIN, check);
    vm.ok(&["sh", "-c", undo]);
    assert!(came == verdict && said.contains(words), "{check}, as {verdict} with {words:?}: {came} {said}");
    assert_found(vm, PLAIN, check, "ok", "");
}

/// The same, where the trouble is only there for the command.
fn with_and_without(vm: &Vm, check: &str, verdict: &str, words: &str, trouble: &str, without: &str) {
    assert_found(vm, &format!("unshare -m -n sh -c '{without} && exec {PLAIN} \"$0\"'"), check, "ok", "");
    assert_found(vm, &format!("unshare -m -n sh -c '{trouble} && exec {PLAIN} \"$0\"'"), check, verdict, words);
}

pub fn doctor_names_what_is_wrong_with_files_and_says_when_it_is_right(lab: &mut Lab) {
    let vm = &*lab.vm("vm1");
    let log = format!("/{DATA}/broker-a/logs/left-behind.log");
    both_ways(vm, "owners", "fail", "left-behind.log", &format!("touch {log}"), &format!("rm {log}"));
    let conf = format!("/{DATA}/broker-b/tmp");
    let (take, give) = (format!("chown root {conf}"), format!("chown rocketmq {conf}"));
    both_ways(vm, "directories", "fail", "belongs to user id 0, not to 3000", &take, &give);
    let applied = "/var/lib/rocketmq-agent/applied.json";
    let (open, shut) = (format!("chmod 644 {applied}"), format!("chmod 600 {applied}"));
    both_ways(vm, "secrets", "fail", "applied.json can be read by others", &open, &shut);
    let file = "/etc/rocketmq-agent/cluster.toml";
    let (break_it, mend) = (format!("cp -p {file} /root/kept && echo oops >> {file}"), format!("mv /root/kept {file}"));
    both_ways(vm, "cluster-file", "fail", "cluster.toml", &break_it, &mend);
    let rename = "sed -i s/rocketmq:x:3000:/rocketmq:x:3999:/ /etc/passwd";
    let back = "sed -i s/rocketmq:x:3999:/rocketmq:x:3000:/ /etc/passwd";
    both_ways(vm, "account", "fail", "3000", rename, back);
    let (wrong, right) =
        ("cp -p /etc/hosts /root/hosts && echo 10.77.0.1 vm2 >> /etc/hosts", "cp -p /root/hosts /etc/hosts");
    both_ways(vm, "names", "warn", "vm2 resolves to 10.77.0.1, which is vm1", wrong, right);
    lab.until_ready();
}

pub fn doctor_names_what_is_wrong_with_a_machine_and_says_when_it_is_right(lab: &mut Lab) {
    let vm = &*lab.vm("vm1");
    let proc =
        |path: &str, text: &str| format!("printf \"{text}\" > /run/doctored && mount --bind /run/doctored {path}");
    let memory = |total: u32, swap: u32| {
        let line = |key: &str, kib: u32| format!("{key}: {kib} kB\\n");
        let rest = line("MemFree", total / 2) + &line("MemAvailable", total / 2) + &line("SwapFree", swap);
        proc("/proc/meminfo", &(line("MemTotal", total) + &rest + &line("SwapTotal", swap)))
    };
    with_and_without(vm, "memory", "fail", "", &memory(400 << 10, 0), &memory(16 << 20, 0));
    let readily = proc("/proc/meminfo", "SwapTotal: 0 kB\\n");
    let swappiness = "printf 60 > /run/swappiness && mount --bind /run/swappiness /proc/sys/vm/swappiness";
    let swaps = memory(16 << 20, 4 << 20) + " && " + swappiness;
    with_and_without(vm, "swap", "warn", "the kernel uses it readily", &swaps, &readily);
    let maps = |count: &str| {
        let values = [
            ("vm/max_map_count", count),
            ("vm/swappiness", "1"),
            ("fs/file-max", "9999999"),
            ("fs/nr_open", "9999999"),
        ];
        let bound = values.map(|(name, value)| {
            let own = format!("/run/doctored-{}", name.replace('/', "-"));
            format!("printf {value} > {own} && mount --bind {own} /proc/sys/{name}")
        });
        bound.join(" && ")
    };
    with_and_without(vm, "sysctl", "warn", "vm.max_map_count is 65530", &maps("65530"), &maps("655360"));
    let forgets = format!("mount -t tmpfs tmpfs /{DATA}");
    with_and_without(vm, "disk", "warn", "does not keep data", &forgets, "true");
    with_and_without(vm, "java", "fail", "RocketMQ 5.5.0 needs", "mount -t tmpfs tmpfs /usr/lib/jvm", "true");
    let card = "ip address add 10.77.0.1/24 dev lo";
    with_and_without(vm, "address", "fail", "10.77.0.1 is on no network card", "true", card);
    let thief = "ip link set lo up && { timeout 60 systemd-socket-activate -l 10911 sleep 60 >/dev/null 2>&1 & } && \
                 until grep -q :2A9F /proc/net/tcp6; do :; done";
    with_and_without(vm, "ports", "fail", "port 10911 of broker-a is taken by", thief, "ip link set lo up");
    // Not every machine lets the hosts of the lab raise it, so that what runs is said to have it.
    let limits = |files: u32| {
        let bound = ["namesrv", "broker-a", "broker-b"].map(|instance| {
            let pid = vm.property(&format!("rocketmq-{instance}"), "MainPID");
            proc(&format!("/proc/{pid}/limits"), &format!("Max open files {files} {files} files\\n"))
        });
        bound.join(" && ")
    };
    with_and_without(vm, "limits", "warn", "broker-a may open only 600000 files", &limits(600_000), &limits(655_350));
}

pub fn doctor_names_what_does_not_get_through_between_hosts_and_says_when_it_does(lab: &mut Lab) {
    let fine = |lab: &Lab, around: &str, check: &str| {
        poll(LONG, &format!("{check} is fine"), || match found(&lab.vms[0], around, check) {
            (verdict, _) if verdict == "ok" => Ok(()),
            (verdict, said) => Err(format!("{verdict} {said}")),
        });
    };
    ["reach", "mtu"].iter().for_each(|check| fine(lab, PLAIN, check));
    lab.vms[0].drops_what_comes_to(Some(10912));
    // What the other host found a moment ago, it says again for some seconds.
    poll(LONG, "the other host gets no answer", || {
        let (verdict, said) = found(&lab.vms[0], PLAIN, "reach");
        let named = "vm2 gets no answer from broker-a master (HA) of this host at 10.77.0.1:10912";
        if verdict == "fail" && said.contains(named) { Ok(()) } else { Err(said) }
    });
    assert_found(&lab.vms[1], PLAIN, "reach", "fail", "broker-a master (HA) of vm1 at 10.77.0.1:10912 does not answer");
    lab.vms[0].drops_what_comes_to(None);
    fine(lab, PLAIN, "reach");

    lab.vms[0].set_longest_packet(Some(1300));
    assert_found(&lab.vms[0], PLAIN, "mtu", "fail", "packets of 1500 bytes to vm2 are lost, and short ones arrive");
    lab.vms[0].set_longest_packet(None);
    fine(lab, PLAIN, "mtu");

    // Another cluster file, for the command alone.
    let vm = &lab.vms[0];
    let file = vm.read("etc/rocketmq-agent/cluster.toml");
    let public = "address = \"10.77.0.2\"\npublic_address = \"10.77.0.99\"";
    vm.write("root/cluster.toml", &file.replace("address = \"10.77.0.2\"", public));
    vm.write("root/agent.toml", "cluster_file = \"/root/cluster.toml\"\n");
    let other = "rocketmq-agent --config /root/agent.toml doctor --json";
    assert_found(vm, PLAIN, "public-address", "skipped", "");
    assert_found(vm, other, "public-address", "fail", "broker-a slave of vm2 at its public address 10.77.0.99:");
    lab.vms[1].ok(&["ip", "address", "add", "10.77.0.99/24", "dev", "eth0"]);
    // That nobody had the address is remembered for some seconds.
    fine(lab, other, "public-address");
    lab.vms[1].ok(&["ip", "address", "delete", "10.77.0.99/24", "dev", "eth0"]);
    vm.write("root/cluster.toml", &file.replace("5.5.0", "5.1.0"));
    assert_found(vm, PLAIN, "release", "ok", "RocketMQ 5.5.0");
    assert_found(vm, other, "release", "warn", "CVE-2023-33246");
    lab.until_ready();
}
