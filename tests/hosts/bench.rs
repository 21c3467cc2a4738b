//! What the agent costs under systemd, beside units that a person would write: for `make bench`, which judges nothing.
//! Each row of its table is a line of `ROW`, what, agent, beside, ratio, target.

use crate::{
    lab::Lab,
    one_file::share_a_secret,
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
    // What a person stopped, the agent alone would leave so.
    let by_agent = [&agent[..], &own].concat();
    for round in 0..number("ROUNDS", 5) {
        let mut turns = [(&by_hand, &mut hands), (&by_agent, &mut agents)];
        // Whoever comes second finds the machine as the first has left it.
        turns.rotate_left(round as usize % 2);
        for (units, times) in turns {
            everywhere(lab, &["stop"], &[&by_agent[..], &by_hand].concat());
            everywhere(lab, &["start", "--no-block"], units);
            times.push(until_registered(lab));
        }
    }
    everywhere(lab, &["stop"], &by_hand);
    everywhere(lab, &["start", "--no-block"], &by_agent);
    lab.until_ready();
    println!("  agent {agents:.1?}, by hand {hands:.1?}");
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

/// Milliseconds from SIGKILL to the next process. `serves` waits until the one before was up again: what is killed while
/// it starts is held back, which is not what is measured here.
fn restarts(lab: &Lab, unit: &str, serves: &dyn Fn()) -> Vec<f64> {
    let vm = &lab.vms[0];
    let file = processes_of(vm, unit);
    let mut times = Vec::new();
    for _ in 0..number("KILLS", 5) {
        until(LONG, "it runs", || pids_of(&file).len() == 1 && vm.property(unit, "ActiveState") == "active");
        serves();
        let before = pids_of(&file)[0];
        crate::real::kill_9(before);
        let began = Instant::now();
        while pids_of(&file).iter().all(|pid| *pid == before) {
            assert!(began.elapsed() < LONG, "{unit} does not come back");
            std::thread::sleep(Duration::from_micros(200));
        }
        times.push(began.elapsed().as_secs_f64() * 1000.0);
    }
    times
}

/// The agent holds nothing against the instance any more.
fn until_settled(lab: &Lab, instance: &str) {
    let vm = &lab.vms[0];
    until(LONG, "the agent finds it ready", || {
        let pid = vm.property(&format!("rocketmq-{instance}"), "MainPID");
        lab.instance(vm.name, instance)
            .is_ok_and(|found| found.is_ready() && found.pid.is_some_and(|found| found.to_string() == pid))
    });
}

/// The same instance under the agent and in units by hand, in turns.
pub fn restart_beside_units_written_by_hand(lab: &mut Lab) {
    let settings = [("Restart=always, 100 ms", ""), ("Restart=always, 0 s", "RestartSec=0\n")];
    lab.vms.iter().for_each(write_by_hand);
    for instance in ["namesrv", "broker-a"] {
        let (own, by_hand) = ([format!("rocketmq-{instance}")], [format!("hand-{instance}")]);
        let path = format!("etc/systemd/system/{}.service", by_hand[0]);
        let plain = lab.vms[0].read(&path);
        let (mut agent, mut hands) = (Vec::new(), [const { Vec::new() }; 2]);
        for _ in 0..number("ROUNDS", 3) {
            agent.extend(restarts(lab, &own[0], &|| until_settled(lab, instance)));
            // The agent leaves a unit alone that was stopped by hand.
            everywhere(lab, &["stop"], &own);
            for (hand, (_, setting)) in hands.iter_mut().zip(settings) {
                lab.vms[0].write(&path, &(plain.clone() + setting));
                lab.vms[0].ok(&["systemctl", "daemon-reload"]);
                everywhere(lab, &["start"], &by_hand);
                hand.extend(restarts(lab, &by_hand[0], &|| ()));
                everywhere(lab, &["stop"], &by_hand);
            }
            everywhere(lab, &["start"], &own);
            lab.until_ready();
        }
        println!("  {instance}: agent {agent:.1?}, by hand {hands:.1?}");
        let agent = median(agent);
        for (hand, (name, _)) in hands.into_iter().zip(settings) {
            let hand = median(hand);
            let ratio = format!("{:.2}", agent / hand);
            let (agent, hand) = (format!("{agent:.1} ms"), format!("{name}: {hand:.1} ms"));
            row(&format!("{instance}, killed to running again, median"), &agent, &hand, &ratio, "");
        }
    }
}

/// User and system time of a process so far, in seconds (proc(5): fields 14 and 15 of stat, in ticks of 10 ms).
fn cpu_seconds(pid: u32) -> f64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let after_name = &stat[stat.rfind(')').unwrap() + 2..];
    let fields: Vec<&str> = after_name.split(' ').collect();
    fields[11..13].iter().map(|ticks| ticks.parse::<f64>().unwrap()).sum::<f64>() / 100.0
}

/// Resident memory of a process, in MiB.
fn resident(pid: u32) -> f64 {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let kib =
        status.lines().find_map(|line| line.strip_prefix("VmRSS:")?.split_whitespace().next()?.parse::<f64>().ok());
    kib.unwrap() / 1024.0
}

/// `BESIDE` is the program of another agent, such as one of before a change, which the second host runs meanwhile.
///
/// With a secret, so that members are compared while they run.
pub fn an_idle_agent(lab: &mut Lab) {
    share_a_secret(lab);
    let beside = std::env::var_os("BESIDE");
    if let Some(program) = &beside {
        let vm = &lab.vms[1];
        vm.copy_in(program.as_ref(), "usr/bin/rocketmq-agent.beside");
        vm.ok(&["mv", "/usr/bin/rocketmq-agent.beside", "/usr/bin/rocketmq-agent"]);
        // Both have run for as long.
        everywhere(lab, &["restart"], &["rocketmq-agent".to_owned()]);
        lab.until_ready();
    }
    let pid = |vm: &Vm| pids_of(&processes_of(vm, "rocketmq-agent"))[0];
    let pids: Vec<u32> = lab.vms.iter().take(if beside.is_some() { 2 } else { 1 }).map(pid).collect();
    let seconds = number("IDLE_SECONDS", 600);
    let before: Vec<f64> = pids.iter().map(|pid| cpu_seconds(*pid)).collect();
    // It is the time itself that is waited for.
    std::thread::sleep(Duration::from_secs(u64::from(seconds)));
    let percent = |(pid, before): (&u32, f64)| (cpu_seconds(*pid) - before) / f64::from(seconds) * 100.0;
    let percents: Vec<f64> = pids.iter().zip(before).map(percent).collect();
    let memory: Vec<f64> = pids.iter().map(|pid| resident(*pid)).collect();
    let text = |number: Option<&f64>, digits: usize, unit: &str| {
        number.map(|number| format!("{number:.digits$} {unit}")).unwrap_or_default()
    };
    let shown = |what: &str, numbers: &[f64], digits: usize, unit: &str, target: &str| {
        row(what, &text(numbers.first(), digits, unit), &text(numbers.get(1), digits, unit), "", target);
    };
    shown("idle agent, resident memory", &memory, 1, "MiB", "<= 12 MiB");
    shown(&format!("idle agent, CPU over {seconds} s"), &percents, 3, "% of a core", "<= 0.1 %");
}
