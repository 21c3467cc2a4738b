//! The plan on hosts in every state.
#![allow(clippy::unwrap_used, clippy::panic)]

use super::*;
use crate::{
    desired::{HostFacts, Java, Owner, desired},
    launch::Exit,
    observed::{JarState, StoreState},
    placement::place,
    size::Size,
    topology::read,
};

const FILE: &str = r#"
[cluster]
mode = "2m-2s-sync"
[rocketmq]
version = "5.5.0"
source = "/opt/rocketmq.zip"
[[host]]
name = "vm1"
address = "10.0.0.1"
[[host]]
name = "vm2"
address = "10.0.0.2"
"#;

fn wanted() -> Desired {
    wanted_with("")
}

fn wanted_with(more: &str) -> Desired {
    let topology = read(&format!("{more}{FILE}")).unwrap();
    let placement = place(&topology, None).unwrap();
    let facts = HostFacts { memory: Size::mib(8192), java: Java { program: "/usr/bin/java".into(), release: 17 } };
    desired(&topology, &placement, &"vm1".parse().unwrap(), &facts).unwrap()
}

/// A host on which everything is as it should be.
fn converged(desired: &Desired) -> Observed {
    Observed {
        addresses: Fact::Known(vec!["10.0.0.1".parse().unwrap()]),
        distribution: Fact::Known(DistributionState::Installed),
        directories: desired.directories.iter().map(|d| (d.path.clone(), Fact::Known(DirectoryState::Fine))).collect(),
        files: desired.files.iter().map(|f| (f.path.clone(), Fact::Known(FileState::Same))).collect(),
        jars: desired
            .instances
            .iter()
            .filter(|i| i.jar.is_some())
            .map(|i| {
                let state = JarState { jar: DistributionState::Installed, missing_users: None };
                (i.launch.instance.clone(), state)
            })
            .collect(),
        has_master: Fact::Known(true),
        processes: desired
            .instances
            .iter()
            .map(|i| {
                let running =
                    ProcessState::Running { pid: 1, started_at: 0, fingerprint: i.launch.fingerprint.clone() };
                (i.launch.instance.clone(), Fact::Known(running))
            })
            .collect(),
        stores: desired
            .instances
            .iter()
            .map(|i| (i.launch.instance.clone(), Fact::Known(StoreState::default())))
            .collect(),
    }
}

#[test]
fn a_host_with_nothing_to_run_needs_nothing() {
    let text = format!("{FILE}[[host]]\nname = \"vm3\"\naddress = \"10.0.0.3\"\nwitness = true\n");
    let topology = read(&text).unwrap();
    let facts = HostFacts { memory: Size::mib(64), java: Java { program: "/usr/bin/java".into(), release: 17 } };
    let witness = "vm3".parse().unwrap();
    let desired = desired(&topology, &place(&topology, None).unwrap(), &witness, &facts).unwrap();
    let mut observed = fresh(&desired);
    observed.addresses = Fact::Known(vec!["10.0.0.3".parse().unwrap()]);
    assert_eq!(observed.distribution, Fact::Known(DistributionState::Missing));
    assert_eq!(plan(&desired, &observed), Plan::default());
}

/// A host on which nothing is there yet.
fn fresh(desired: &Desired) -> Observed {
    let mut observed = converged(desired);
    observed.distribution = Fact::Known(DistributionState::Missing);
    observed.directories.values_mut().for_each(|d| *d = Fact::Known(DirectoryState::Missing));
    observed.files.values_mut().for_each(|f| *f = Fact::Known(FileState::Differs));
    observed.processes.values_mut().for_each(|p| *p = Fact::Known(ProcessState::never_started()));
    observed
}

fn ids(plan: &Plan) -> Vec<&str> {
    plan.blocked.iter().map(|blocked| blocked.cause.id.as_str()).collect()
}

#[test]
fn a_host_that_is_as_it_should_be_has_an_empty_plan() {
    let desired = wanted();
    assert_eq!(plan(&desired, &converged(&desired)), Plan::default());
}

#[test]
fn a_fresh_host_gets_folders_then_files_then_the_release_and_no_start_before_it() {
    let desired = wanted();
    let steps = plan(&desired, &fresh(&desired)).steps;
    let kinds: Vec<_> = steps.iter().map(std::mem::discriminant).collect();
    let first_file = steps.iter().position(|s| matches!(s, Step::WriteFile { .. })).unwrap();
    let release = steps.iter().position(|s| matches!(s, Step::InstallDistribution { .. })).unwrap();
    assert!(kinds[..first_file].iter().all(|k| *k == kinds[0]) && first_file < release);
    assert!(!steps.iter().any(|s| matches!(s, Step::Start { .. })));
}

#[test]
fn with_the_release_there_the_namesrv_starts_first_and_masters_before_slaves() {
    let desired = wanted();
    let mut observed = fresh(&desired);
    observed.distribution = Fact::Known(DistributionState::Installed);
    let starts: Vec<_> = plan(&desired, &observed)
        .steps
        .iter()
        .filter_map(|s| if let Step::Start { instance } = s { Some(instance.to_string()) } else { None })
        .collect();
    assert_eq!(starts, ["namesrv", "broker-a", "broker-b"]);
}

#[test]
fn a_folder_that_cannot_be_used_is_the_one_thing_that_is_said_and_nothing_is_done() {
    let desired = wanted();
    let mut observed = fresh(&desired);
    observed.directories.values_mut().for_each(|d| *d = Fact::Known(DirectoryState::Unusable("is a file".to_owned())));
    let plan = plan(&desired, &observed);
    assert_eq!(plan.steps, []);
    assert!(ids(&plan).iter().all(|id| *id == "folder-unusable"), "{:?}", ids(&plan));
}

#[test]
fn folders_that_the_account_could_change_are_taken_over_before_all_else() {
    let desired = wanted();
    let mut observed = fresh(&desired);
    observed.distribution = Fact::Known(DistributionState::Installed);
    let home = desired.instances[0].launch.directory.clone();
    observed.directories.values_mut().for_each(|d| *d = Fact::Known(DirectoryState::Fine));
    observed.directories.insert(home.clone(), Fact::Known(DirectoryState::Foreign(3000)));
    let plan = plan(&desired, &observed);
    assert_eq!(plan.steps[0], Step::TakeOver { path: home });
    assert!(plan.steps[1..].iter().any(|step| matches!(step, Step::Start { .. })) && plan.blocked.is_empty());
}

#[test]
fn a_disk_that_is_mounted_read_only_is_named_once_and_nothing_is_done() {
    let desired = wanted();
    let mut observed = fresh(&desired);
    observed.directories.values_mut().for_each(|d| *d = Fact::Known(DirectoryState::ReadOnly));
    let plan = plan(&desired, &observed);
    assert_eq!(plan.steps, []);
    assert_eq!(ids(&plan), ["disk-read-only"]);
}

#[test]
fn a_file_that_cannot_be_written_keeps_its_own_instance_from_being_started_and_no_other() {
    let desired = wanted();
    let steps = plan(&desired, &fresh(&desired)).steps;
    let start = |name: &str| Step::Start { instance: name.parse().unwrap() };
    let kept = |words: &str| {
        let failed = steps.iter().find(|step| step.to_string().contains(words)).expect(words);
        ["namesrv", "broker-a", "broker-b"].map(|name| failed.is_needed_for(&start(name), &desired))
    };
    assert_eq!(kept("write /var/lib/rocketmq/broker-a/conf/broker.conf"), [false, true, false]);
    assert_eq!(kept("make folder /var/lib/rocketmq/broker-b/store"), [false, false, true]);
    assert_eq!(kept("make folder /var/lib/rocketmq"), [true; 3]);
    assert_eq!(kept("install RocketMQ"), [true; 3]);
    assert!(!start("broker-a").is_needed_for(&start("broker-b"), &desired));
}

#[test]
fn a_store_is_marked_just_before_its_broker_starts_and_not_earlier() {
    let desired = wanted();
    let mut observed = fresh(&desired);
    let marks = |plan: &Plan| plan.steps.iter().filter(|step| matches!(step, Step::MarkStore { .. })).count();
    assert_eq!(marks(&plan(&desired, &observed)), 0);
    observed.distribution = Fact::Known(DistributionState::Installed);
    let plan = plan(&desired, &observed);
    assert_eq!(marks(&plan), 2);
    for (index, step) in plan.steps.iter().enumerate() {
        if let Step::MarkStore { instance } = step {
            assert_eq!(plan.steps.get(index + 1), Some(&Step::Start { instance: instance.clone() }));
        }
    }
}

#[test]
fn what_is_unknown_is_not_acted_on() {
    let desired = wanted();
    let mut observed = fresh(&desired);
    observed.distribution = Fact::Known(DistributionState::Installed);
    for process in observed.processes.values_mut() {
        *process = Fact::Unknown("no rights".to_owned());
    }
    let plan = plan(&desired, &observed);
    assert!(!plan.steps.iter().any(|s| matches!(s, Step::Start { .. })));
    assert_eq!(ids(&plan), ["process-unknown"; 3]);
}

#[test]
fn an_instance_that_backs_off_is_not_started() {
    let desired = wanted();
    let mut observed = converged(&desired);
    let backing_off = ProcessState::Stopped {
        last_exit: Some(Exit::Status(255)),
        cause: None,
        failures: 3,
        backing_off: true,
        quarantined: false,
        next_start_at: Some(1),
    };
    observed.processes.insert(InstanceName::namesrv(), Fact::Known(backing_off));
    assert_eq!(plan(&desired, &observed), Plan::default());
}

#[test]
fn a_running_instance_with_an_older_configuration_is_not_restarted_behind_anybodys_back() {
    let desired = wanted();
    let mut observed = converged(&desired);
    let older = ProcessState::Running { pid: 1, started_at: 0, fingerprint: "older".to_owned() };
    observed.processes.insert("broker-a".parse().unwrap(), Fact::Known(older));
    let plan = plan(&desired, &observed);
    assert_eq!((plan.steps.len(), plan.restart_pending.len()), (0, 1));
}

#[test]
fn a_foreign_store_stops_its_own_broker_only() {
    let desired = wanted();
    let mut observed = fresh(&desired);
    observed.distribution = Fact::Known(DistributionState::Installed);
    let topics = Some(vec!["broker-x".to_owned()]);
    let foreign = StoreState { topics, has_commit_log: true, ..StoreState::default() };
    observed.stores.insert("broker-a".parse().unwrap(), Fact::Known(foreign));
    let plan = plan(&desired, &observed);
    assert_eq!(ids(&plan), ["foreign-store"]);
    assert!(!plan.steps.contains(&Step::Start { instance: "broker-a".parse().unwrap() }));
    assert!(plan.steps.contains(&Step::Start { instance: "broker-b".parse().unwrap() }));
}

#[test]
fn an_address_of_another_machine_starts_nothing() {
    let desired = wanted();
    let mut observed = fresh(&desired);
    observed.distribution = Fact::Known(DistributionState::Installed);
    observed.addresses = Fact::Known(vec!["10.9.9.9".parse().unwrap()]);
    let plan = plan(&desired, &observed);
    assert_eq!(ids(&plan), ["address-not-here"]);
    assert!(!plan.steps.iter().any(|s| matches!(s, Step::Start { .. })));
}

#[test]
fn a_running_instance_that_left_the_file_is_named_and_left_alone() {
    let desired = wanted();
    let mut observed = converged(&desired);
    let running = ProcessState::Running { pid: 9, started_at: 0, fingerprint: String::new() };
    observed.processes.insert("broker-z".parse().unwrap(), Fact::Known(running));
    let plan = plan(&desired, &observed);
    assert_eq!((plan.steps.len(), plan.not_in_file.len()), (0, 1));
}

#[test]
fn a_proxy_is_not_started_before_there_is_a_master_that_it_could_send_to() {
    let desired = wanted_with("[proxy]\n");
    let mut observed = converged(&desired);
    let proxy = InstanceName::service(Role::Proxy);
    observed.processes.insert(proxy.clone(), Fact::Known(ProcessState::never_started()));
    for has_master in [Fact::Known(false), Fact::Unknown("no NameServer answers".to_owned())] {
        observed.has_master = has_master;
        let plan = plan(&desired, &observed);
        assert_eq!((plan.steps.len(), ids(&plan)), (0, vec!["waits-for-master"]));
    }
    observed.has_master = Fact::Known(true);
    assert_eq!(plan(&desired, &observed).steps, [Step::Start { instance: proxy }]);
}

#[test]
fn a_dashboard_is_started_with_its_own_jar_and_its_own_users_only() {
    let sum = "0".repeat(64);
    let desired = wanted_with(&format!("[dashboard]\nsource = \"/d.jar\"\nsha256 = \"{sum}\"\nlogin = true\n"));
    let mut observed = converged(&desired);
    let dashboard = InstanceName::service(Role::Dashboard);
    observed.processes.insert(dashboard.clone(), Fact::Known(ProcessState::never_started()));
    let mut with = |jar: DistributionState, missing_users: Option<&str>| {
        let state = JarState { jar, missing_users: missing_users.map(Into::into) };
        observed.jars.insert(dashboard.clone(), state);
        let plan = plan(&desired, &observed);
        (plan.steps.clone(), ids(&plan).join(" "))
    };
    let (install, start) =
        (Step::InstallJar { instance: dashboard.clone() }, Step::Start { instance: dashboard.clone() });
    assert_eq!(with(DistributionState::Missing, None), (vec![install], String::new()));
    let users = Some("/var/lib/rocketmq/dashboard/store/users.properties");
    assert_eq!(with(DistributionState::Installed, users), (vec![], "users-missing".to_owned()));
    assert_eq!(with(DistributionState::Installed, None), (vec![start], String::new()));
}

#[test]
fn a_jar_that_is_not_there_yet_is_no_reason_to_stop_the_old_one() {
    let desired = wanted_with(&format!("[exporter]\nsource = \"/e.jar\"\nsha256 = \"{}\"\n", "0".repeat(64)));
    let mut observed = converged(&desired);
    let exporter = InstanceName::service(Role::Exporter);
    let older = ProcessState::Running { pid: 1, started_at: 0, fingerprint: "older".to_owned() };
    observed.processes.insert(exporter.clone(), Fact::Known(older));
    assert_eq!(plan(&desired, &observed).restart_pending, std::slice::from_ref(&exporter));
    observed.jars.insert(exporter, JarState { jar: DistributionState::Missing, missing_users: None });
    assert!(plan(&desired, &observed).restart_pending.is_empty());
}

#[test]
fn without_the_secret_key_no_broker_is_started_and_what_runs_is_left_alone() {
    let desired = wanted_with("[acl]\naccess_key = \"rocketmq-admin\"\n");
    let mut observed = converged(&desired);
    let secret: Vec<_> = desired.files.iter().filter(|file| file.has_secret()).map(|file| file.path.clone()).collect();
    for path in &secret {
        observed.files.insert(path.clone(), Fact::Known(FileState::NoKey("there is none".to_owned())));
    }
    let left = plan(&desired, &observed);
    assert_eq!((left.steps.len(), left.restart_pending.len()), (0, 0), "{left:?}");
    assert!(left.blocked.iter().all(|it| it.cause.id == "acl-key") && left.blocked.len() == secret.len());
    observed.processes.values_mut().for_each(|it| *it = Fact::Known(ProcessState::never_started()));
    let started = plan(&desired, &observed).steps;
    assert!(started.contains(&Step::Start { instance: InstanceName::namesrv() }), "{started:?}");
    let brokers = desired.instances.iter().filter(|it| it.broker.is_some()).map(|it| &it.launch.instance);
    for instance in brokers {
        assert!(!started.contains(&Step::Start { instance: instance.clone() }), "{started:?}");
    }
}

#[test]
fn a_file_with_the_secret_key_is_for_the_account_of_rocketmq_alone() {
    let desired = wanted_with("[acl]\naccess_key = \"rocketmq-admin\"\n");
    for file in &desired.files {
        let alone = (file.owner, file.mode) == (Owner::RocketMq, 0o640);
        assert_eq!(alone, file.path.ends_with("broker.conf"), "{}", file.path.display());
    }
}
