//! A process from its start to its end, and what its end costs.

use super::*;
use rocketmq_agent_domain::launch::Exit;

#[tokio::test]
async fn a_killed_process_is_seen_and_may_start_again_at_once() {
    let host = Host::new();
    let agent = host.agent();
    let launch = host.sleeper("namesrv");
    let first = start(&agent, &launch).await;
    kill(first, Signal::KILL);
    match stopped(&agent, &launch).await {
        ProcessState::Stopped { last_exit, cause, failures, backing_off, .. } => {
            assert_eq!((last_exit, failures, backing_off), (Some(Exit::Signal(9)), 1, false));
            assert_eq!(cause.unwrap().id, "killed");
        }
        state => panic!("{state:?}"),
    }
    assert_ne!(start(&agent, &launch).await, first);
}

#[tokio::test]
async fn starting_what_runs_changes_nothing() {
    let host = Host::new();
    let agent = host.agent();
    let launch = host.sleeper("namesrv");
    let pid = start(&agent, &launch).await;
    assert_eq!(start(&agent, &launch).await, pid);
    match agent.observe(&launch.instance).await.unwrap() {
        ProcessState::Running { pid: seen, started_at, fingerprint } => {
            assert_eq!((seen, fingerprint.as_str()), (pid, "f1"));
            assert!(now() - started_at < 60_000, "{started_at}");
        }
        state => panic!("{state:?}"),
    }
}

#[tokio::test]
async fn output_goes_to_the_console_and_only_the_launch_is_in_the_environment() {
    let host = Host::new();
    let agent = host.agent();
    let mut launch = host.shell("namesrv", "/usr/bin/env; pwd; echo oops >&2");
    launch.environment = [("ROCKETMQ_HOME".to_owned(), "/opt/rmq".to_owned())].into();
    fs::write(&launch.console, "an earlier run\n").unwrap();
    start(&agent, &launch).await;
    stopped(&agent, &launch).await;
    let lines = agent.last_lines(&launch.instance, 100).await.unwrap();
    // The shell itself sets PWD.
    let own: Vec<&str> = lines.iter().map(String::as_str).filter(|line| !line.starts_with("PWD=")).collect();
    let directory = launch.directory.canonicalize().unwrap();
    assert_eq!(own, ["an earlier run", "ROCKETMQ_HOME=/opt/rmq", directory.to_str().unwrap(), "oops"]);
    assert_eq!(agent.last_lines(&launch.instance, 1).await.unwrap(), ["oops"]);
}

#[tokio::test]
async fn a_long_console_is_put_aside_at_the_start() {
    let host = Host::new();
    let agent = host.agent();
    let launch = host.shell("namesrv", "echo new");
    fs::write(&launch.console, vec![b'x'; (10 << 20) + 1]).unwrap();
    start(&agent, &launch).await;
    stopped(&agent, &launch).await;
    assert_eq!(fs::read_to_string(&launch.console).unwrap(), "new\n");
    assert_eq!(fs::metadata(launch.directory.join("console.log.1")).unwrap().len(), (10 << 20) + 1);
}

#[tokio::test]
async fn the_cause_is_told_from_what_this_run_wrote_and_not_the_one_before() {
    let host = Host::new();
    let agent = host.agent();
    let script = "echo 'main - /s/00000000 12 length not matched message store config value' >> broker.log; exit 253";
    let launch = host.shell("broker-a", script);
    fs::write(&launch.console, "java.lang.RuntimeException: Lock failed,MQ already started\n").unwrap();
    fs::write(&launch.logs[0], "java.io.FileNotFoundException: /a/store/lock (Permission denied)\n").unwrap();
    start(&agent, &launch).await;
    match stopped(&agent, &launch).await {
        ProcessState::Stopped { last_exit, cause, .. } => {
            assert_eq!(last_exit, Some(Exit::Status(253)));
            assert_eq!(cause.unwrap().id, "store-file-size");
        }
        state => panic!("{state:?}"),
    }
}

#[tokio::test]
async fn the_second_failure_is_held_back_until_the_supervisor_says_so_and_service_resets_it() {
    let host = Host::new();
    let agent = host.agent();
    let launch = host.shell("namesrv", "exit 7");
    for _ in 0..2 {
        start(&agent, &launch).await;
        stopped(&agent, &launch).await;
    }
    let Start::HeldBack { until: Some(due) } = agent.start(&launch).await.unwrap() else { panic!("not held back") };
    match agent.observe(&launch.instance).await.unwrap() {
        ProcessState::Stopped {
            failures: 2, backing_off: true, quarantined: false, next_start_at: Some(at), ..
        } => {
            assert!(at.abs_diff(due) < 1_000);
        }
        state => panic!("{state:?}"),
    }
    until(&agent, &launch, |state| matches!(state, ProcessState::Stopped { backing_off: false, .. })).await;
    start(&agent, &launch).await;
    stopped(&agent, &launch).await;
    assert!(matches!(agent.start(&launch).await.unwrap(), Start::HeldBack { .. }));
    agent.settled(&launch.instance);
    start(&agent, &launch).await;
}

#[tokio::test]
async fn quarantine_outlives_the_agent_and_ends_with_another_fingerprint() {
    let host = Host::new();
    let mut launch = host.shell("namesrv", "exit 7");
    let mut record = Record::new(&launch);
    (0..4).for_each(|_| record.backoff.failed("f1", 0, 0.0));
    fs::create_dir_all(host.run_folder()).unwrap();
    record.write(&host.run_folder()).unwrap();
    let agent = host.agent();
    start(&agent, &launch).await;
    let state = stopped(&agent, &launch).await;
    assert!(matches!(state, ProcessState::Stopped { quarantined: true, backing_off: true, .. }), "{state:?}");
    drop(agent);
    let agent = host.agent();
    assert!(matches!(agent.start(&launch).await.unwrap(), Start::HeldBack { .. }));
    launch.fingerprint = "f2".to_owned();
    start(&agent, &launch).await;
}

#[tokio::test]
async fn a_program_that_is_not_there_is_a_cause_and_a_failure() {
    let host = Host::new();
    let agent = host.agent();
    let launch = host.launch("namesrv", "/no/such/java", &[]);
    let cause = refused(&agent, &launch).await;
    assert_eq!(cause.id, "java-unusable");
    assert!(cause.what.contains("/no/such/java"));
    match agent.observe(&launch.instance).await.unwrap() {
        ProcessState::Stopped { cause: Some(seen), failures: 1, last_exit: None, .. } => assert_eq!(seen, cause),
        state => panic!("{state:?}"),
    }
}

#[tokio::test]
async fn a_process_leads_its_own_group_and_may_open_as_many_files_as_the_kernel_allows() {
    let host = Host::new();
    let agent = host.agent();
    let launch = host.shell("namesrv", "ulimit -Sn; ulimit -Hn; while :; do sleep 0.05; done");
    let pid = start(&agent, &launch).await;
    let group = rustix::process::getpgid(Pid::from_raw(i32::try_from(pid).unwrap())).unwrap();
    assert_eq!(u32::try_from(group.as_raw_nonzero().get()).unwrap(), pid);
    eventually("both limits", || fs::read_to_string(&launch.console).unwrap().lines().count() == 2).await;
    let limits = agent.last_lines(&launch.instance, 2).await.unwrap();
    assert_eq!(limits[0], limits[1]);
}

#[tokio::test]
async fn root_starts_it_as_another_account() {
    if !rustix::process::geteuid().is_root() {
        return;
    }
    let host = Host::new();
    let run_as = Some(crate::accounts::Account { uid: 3000, gid: 3001 });
    let agent = Embedded::open(&host.path().join("state"), run_as, Timing::default()).unwrap();
    let launch = host.shell("namesrv", "grep -E '^(Uid|Gid|Groups)' /proc/self/status");
    for folder in [host.path(), &launch.directory] {
        std::os::unix::fs::chown(folder, Some(3000), Some(3001)).unwrap();
    }
    start(&agent, &launch).await;
    stopped(&agent, &launch).await;
    let lines = agent.last_lines(&launch.instance, 3).await.unwrap();
    let words: Vec<Vec<&str>> = lines.iter().map(|line| line.split_whitespace().skip(1).collect()).collect();
    assert_eq!(words, [vec!["3000"; 4], vec!["3001"; 4], vec![]]);
}
