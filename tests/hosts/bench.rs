//! What the agent costs under systemd, beside units that a person would write: for `make bench`, which judges nothing.
//! Each row of its table is a line of `ROW`, what, agent, beside, ratio, target.

use crate::{
    lab::Lab,
    real::{LONG, until},
    vm::Vm,
};
use rocketmq_agent::remoting::NameServer;
use std::{
    fs,
    path::PathBuf,
    time::{Duration, Instant},
};

const INSTANCES: [&str; 3] = ["namesrv", "broker-a", "broker-b"];

fn row(what: &str, agent: &str, beside: &str, ratio: &str, target: &str) {
    println!("ROW\t{what}\t{agent}\t{beside}\t{ratio}\t{target}");
}

fn number(variable: &str, default: u32) -> u32 {
    std::env::var(variable).map_or(default, |text| text.parse().unwrap())
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

/// The same JVM as an instance's unit starts, in a unit as guides show them.
fn write_by_hand(vm: &Vm) {
    for instance in INSTANCES {
        let unit = vm.read(&format!("etc/systemd/system/rocketmq-{instance}.service"));
        let lines = |keys: &[&str]| {
            let kept = unit.lines().filter(|line| keys.iter().any(|key| line.starts_with(key)));
            kept.map(|line| line.to_owned() + "\n").collect::<String>()
        };
        let start = lines(&["ExecStart="]);
        let java = &start[start.find("/java").map(|at| start[..at].rfind([' ', '"']).unwrap()).unwrap()..];
        let java = java.trim_start_matches([' ', '"']).replacen("java\"", "java", 1);
        let service = lines(&["User=", "Group=", "WorkingDirectory=", "Environment=", "Standard", "LimitNOFILE="]);
        let restart = "Restart=always\nSuccessExitStatus=143\nKillMode=mixed\nTimeoutStopSec=300\n";
        vm.write(
            &format!("etc/systemd/system/hand-{instance}.service"),
            &format!("[Unit]\nStartLimitIntervalSec=0\n[Service]\nExecStart={java}{service}{restart}"),
        );
    }
    vm.ok(&["systemctl", "daemon-reload"]);
}

/// From the order to four registered brokers.
fn until_registered(lab: &Lab) -> f64 {
    let began = Instant::now();
    until(LONG, "four brokers are registered", || {
        lab.namesrvs.iter().all(|namesrv| {
            let namesrv = NameServer::new(&lab.client, namesrv.to_string(), Duration::from_secs(1));
            let info = lab.wait(namesrv.cluster_info());
            info.is_ok_and(|info| {
                ["broker-a", "broker-b"].iter().all(|group| [0, 1].iter().all(|id| info.address(group, *id).is_some()))
            })
        })
    });
    began.elapsed().as_secs_f64()
}

fn everywhere(lab: &Lab, verb: &[&str], units: &[String]) {
    std::thread::scope(|scope| {
        for vm in &lab.vms {
            let command: Vec<&str> =
                [&["systemctl"], verb].concat().into_iter().chain(units.iter().map(String::as_str)).collect();
            scope.spawn(move || vm.ok(&command));
        }
    });
}

pub fn start_up_beside_units_written_by_hand(lab: &mut Lab) {
    let own: Vec<String> = INSTANCES.iter().map(|name| format!("rocketmq-{name}")).collect();
    let by_hand: Vec<String> = INSTANCES.iter().map(|name| format!("hand-{name}")).collect();
    lab.vms.iter().for_each(write_by_hand);
    let agent = ["rocketmq-agent".to_owned()];
    let (mut agents, mut hands) = (Vec::new(), Vec::new());
    for _ in 0..number("ROUNDS", 5) {
        everywhere(lab, &["stop"], &agent);
        everywhere(lab, &["stop"], &own);
        everywhere(lab, &["start", "--no-block"], &by_hand);
        hands.push(until_registered(lab));
        everywhere(lab, &["stop"], &by_hand);
        // What a person stopped, the agent alone would leave so.
        everywhere(lab, &["start", "--no-block"], &[&agent[..], &own].concat());
        agents.push(until_registered(lab));
        lab.until_ready();
    }
    let (agent, hand) = (median(agents), median(hands));
    let ratio = format!("{:.2}", agent / hand);
    row(
        "start to four registered brokers",
        &format!("{agent:.1} s"),
        &format!("by hand {hand:.1} s"),
        &ratio,
        "<= 1.1",
    );
}

/// The file that lists the processes of a unit; it changes as soon as they do.
fn processes_of(vm: &Vm, unit: &str) -> PathBuf {
    let group = vm.property(unit, "ControlGroup");
    let found = vm.control_groups().into_iter().map(|host| host.join("payload").join(group.trim_start_matches('/')));
    found.map(|folder| folder.join("cgroup.procs")).find(|file| file.exists()).unwrap()
}

/// The processes of a unit as this machine numbers them.
fn pids_of(file: &PathBuf) -> Vec<u32> {
    fs::read_to_string(file).unwrap_or_default().lines().filter_map(|line| line.parse().ok()).collect()
}

/// Milliseconds from SIGKILL to the next process, in the median.
fn restart(lab: &Lab, unit: &str) -> f64 {
    let vm = &lab.vms[0];
    let file = processes_of(vm, unit);
    let mut times = Vec::new();
    for _ in 0..number("KILLS", 11) {
        until(LONG, "it runs", || pids_of(&file).len() == 1 && vm.property(unit, "ActiveState") == "active");
        let before = pids_of(&file)[0];
        crate::real::kill_9(before);
        let began = Instant::now();
        while pids_of(&file).iter().all(|pid| *pid == before) {
            assert!(began.elapsed() < LONG, "{unit} does not come back");
            std::thread::sleep(Duration::from_micros(200));
        }
        times.push(began.elapsed().as_secs_f64() * 1000.0);
    }
    median(times)
}

pub fn restart_beside_units_written_by_hand(lab: &mut Lab) {
    let agent = restart(lab, "rocketmq-namesrv");
    everywhere(lab, &["stop"], &["rocketmq-agent".to_owned()]);
    everywhere(lab, &["stop"], &["rocketmq-namesrv".to_owned()]);
    let vm = &lab.vms[0];
    for (setting, name) in [("", "Restart=always, 100 ms"), ("RestartSec=0\n", "Restart=always, 0 s")] {
        let path = "etc/systemd/system/hand-namesrv.service";
        vm.write(path, &(vm.read(path) + setting));
        vm.ok(&["systemctl", "daemon-reload"]);
        vm.ok(&["systemctl", "restart", "hand-namesrv"]);
        let hand = restart(lab, "hand-namesrv");
        let ratio = format!("{:.2}", agent / hand);
        row("killed to running again, median", &format!("{agent:.1} ms"), &format!("{name}: {hand:.1} ms"), &ratio, "");
    }
    vm.ok(&["systemctl", "stop", "hand-namesrv"]);
    everywhere(lab, &["start"], &["rocketmq-agent", "rocketmq-namesrv"].map(str::to_owned));
    lab.until_ready();
}

/// User and system time of a process so far, in seconds (proc(5): fields 14 and 15 of stat, in ticks of 10 ms).
fn cpu_seconds(pid: u32) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let after_name = &stat[stat.rfind(')').unwrap() + 2..];
    let fields: Vec<&str> = after_name.split(' ').collect();
    fields[11..13].iter().map(|ticks| ticks.parse::<f64>().unwrap()).sum::<f64>() / 100.0
}

pub fn an_idle_agent(lab: &mut Lab) {
    let pid = pids_of(&processes_of(&lab.vms[0], "rocketmq-agent"))[0];
    let seconds = number("IDLE_SECONDS", 600);
    let before = cpu_seconds(pid);
    // It is the time itself that is waited for.
    std::thread::sleep(Duration::from_secs(u64::from(seconds)));
    let percent = (cpu_seconds(pid) - before) / f64::from(seconds) * 100.0;
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let kib: f64 =
        status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.split_whitespace().next()?.parse().ok()).unwrap();
    row("idle agent, resident memory", &format!("{:.1} MiB", kib / 1024.0), "", "", "<= 12 MiB");
    row(&format!("idle agent, CPU over {seconds} s"), &format!("{percent:.3} % of a core"), "", "", "<= 0.1 %");
}
