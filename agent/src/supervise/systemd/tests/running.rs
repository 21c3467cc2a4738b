//! Starting, crashing, holding back, taking over.

use super::{fake::signal, *};
use rocketmq_agent_domain::launch::{Exit, cause};
use rustix::process::Signal;

#[tokio::test]
async fn a_start_writes_enables_and_reads_the_unit_before_it_starts_it() {
    let host = Host::new().await;
    let agent = host.agent().await;
    let launch = host.sleeper("broker-a");
    let pid = start(&agent, &launch).await;
    let unit = "rocketmq-broker-a.service";
    assert_eq!(host.fake.calls(), [format!("enable {unit}"), "reload".to_owned(), format!("start {unit}")]);
    let state = agent.observe(&launch.instance).await.unwrap();
    assert!(matches!(&state, ProcessState::Running { pid: p, fingerprint, .. } if *p == pid && fingerprint == "f1"));
    assert_eq!(agent.instances().await.unwrap(), vec![launch.instance.clone()]);
    // It runs: nothing more is done.
    assert_eq!(start(&agent, &launch).await, pid);
    assert_eq!(host.fake.calls().len(), 3);
}

#[tokio::test]
async fn a_killed_process_is_seen_with_its_cause_and_restarted_without_waiting_for_systemd() {
    let host = Host::new().await;
    let agent = host.agent().await;
    let launch = host.sleeper("broker-a");
    let pid = start(&agent, &launch).await;
    signal(pid, Signal::KILL);
    let state = until(&agent, &launch, |state| matches!(state, ProcessState::Stopped { .. })).await;
    let ProcessState::Stopped { last_exit, cause, failures, backing_off, .. } = state else { unreachable!() };
    assert_eq!((last_exit, failures, backing_off), (Some(Exit::Signal(9)), 1, false));
    assert_eq!(cause.unwrap().id, "killed");
    assert_ne!(start(&agent, &launch).await, pid);
    assert_eq!(host.fake.calls().last().unwrap(), "restart rocketmq-broker-a.service");
}

#[tokio::test]
async fn a_first_crash_is_answered_before_the_loop_looks_and_a_second_one_is_the_loops_to_hold_back() {
    let host = Host::new().await;
    let agent = host.agent().await;
    let launch = host.sleeper("broker-a");
    let pid = start(&agent, &launch).await;
    agent.wants(&launch);
    signal(pid, Signal::KILL);
    let another = |state: &ProcessState| matches!(state, ProcessState::Running { pid: now, .. } if *now != pid);
    let state = until(&agent, &launch, another).await;
    let ProcessState::Running { pid, .. } = state else { unreachable!() };
    let restarts = || host.fake.calls().iter().filter(|call| call.starts_with("restart")).count();
    assert_eq!(restarts(), 1);
    assert_eq!(agent.shared.lock()[&launch.instance].backoff.failures(), 1);
    signal(pid, Signal::KILL);
    let held = until(&agent, &launch, |state| matches!(state, ProcessState::Stopped { failures: 2, .. })).await;
    assert!(matches!(held, ProcessState::Stopped { backing_off: true, .. }), "{held:?}");
    assert_eq!(restarts(), 1);
}

#[tokio::test]
async fn an_instance_that_keeps_failing_is_held_back_from_systemd_too() {
    let host = Host::new().await;
    let agent = host.agent().await;
    let launch = host.launch("broker-a", "/bin/sh", &["-c", "exit 3"]);
    for _ in 0..2 {
        agent.start(&launch).await.unwrap();
        let over = |state: &ProcessState| matches!(state, ProcessState::Stopped { last_exit: Some(_), .. });
        until(&agent, &launch, over).await;
    }
    let held = until(&agent, &launch, |state| matches!(state, ProcessState::Stopped { failures: 2, .. })).await;
    assert!(
        matches!(held, ProcessState::Stopped { backing_off: true, last_exit: Some(Exit::Status(3)), .. }),
        "{held:?}"
    );
    assert_eq!(host.fake.calls().last().unwrap(), "stop rocketmq-broker-a.service");
    assert!(matches!(agent.start(&launch).await.unwrap(), Start::HeldBack { until: Some(_) }));
}

#[tokio::test]
async fn what_systemd_restarted_by_itself_is_taken_over_and_its_old_end_is_known() {
    let host = Host::new().await;
    let launch = host.sleeper("broker-a");
    let pid = {
        let agent = host.agent().await;
        start(&agent, &launch).await
    };
    signal(pid, Signal::KILL);
    host.fake.sees_the_end_of("rocketmq-broker-a.service").await;
    host.fake.restart_by_itself("rocketmq-broker-a.service").await;
    let agent = host.agent().await;
    let state = agent.observe(&launch.instance).await.unwrap();
    let ProcessState::Running { pid: now, fingerprint, .. } = state else { panic!("{state:?}") };
    assert!(now != pid && fingerprint == "f1");
    assert_eq!(start(&agent, &launch).await, now);
}

#[tokio::test]
async fn a_stop_is_no_failure_and_another_agent_lets_the_process_run() {
    let host = Host::new().await;
    let launch = host.sleeper("broker-a");
    let pid = {
        let agent = host.agent().await;
        start(&agent, &launch).await
    };
    let agent = host.agent().await;
    let state = agent.observe(&launch.instance).await.unwrap();
    assert!(matches!(state, ProcessState::Running { pid: p, .. } if p == pid), "{state:?}");
    agent.stop(&launch.instance).await.unwrap();
    let state = until(&agent, &launch, |state| matches!(state, ProcessState::Stopped { .. })).await;
    assert!(matches!(state, ProcessState::Stopped { failures: 0, cause: None, .. }), "{state:?}");
}

#[tokio::test]
async fn a_kill_for_memory_that_systemd_saw_is_named() {
    let host = Host::new().await;
    let agent = host.agent().await;
    let launch = host.sleeper("broker-a");
    let pid = start(&agent, &launch).await;
    host.fake.set_result("rocketmq-broker-a.service", "oom-kill");
    signal(pid, Signal::KILL);
    let state = until(&agent, &launch, |state| matches!(state, ProcessState::Stopped { .. })).await;
    assert!(
        matches!(&state, ProcessState::Stopped { cause: Some(cause), .. } if cause.id == "oom-killed"),
        "{state:?}"
    );
}

#[tokio::test]
async fn a_second_process_of_an_instance_is_kept_out_by_its_lock() {
    let host = Host::new().await;
    let agent = host.agent().await;
    let launch = host.sleeper("broker-a");
    let pid = start(&agent, &launch).await;
    let lock = launch.directory.join("supervisor.lock");
    let second =
        || std::process::Command::new("/usr/bin/flock").arg("-n").arg(&lock).arg("/bin/true").status().unwrap();
    let kept_out = tokio::time::timeout(Duration::from_secs(30), async {
        // Until flock has become the sleeper.
        while second().success() {
            tokio::task::yield_now().await;
        }
    });
    kept_out.await.unwrap();
    signal(pid, Signal::KILL);
    until(&agent, &launch, |state| matches!(state, ProcessState::Stopped { .. })).await;
}

#[tokio::test]
async fn a_process_outside_of_the_unit_is_named_and_nothing_is_started() {
    let host = Host::new().await;
    let agent = host.agent().await;
    let launch = host.launch("broker-a", "/bin/sleep", &["601"]);
    let lock = launch.directory.join("supervisor.lock");
    let mut outside = std::process::Command::new("/usr/bin/flock")
        .args(["--no-fork", "--exclusive"])
        .arg(&lock)
        .args(["/bin/sleep", "601"])
        .spawn()
        .unwrap();
    let id = outside.id();
    let refused = tokio::time::timeout(Duration::from_secs(30), async {
        loop {
            // Until flock has become the sleeper.
            match agent.start(&launch).await.unwrap() {
                Start::Refused(cause) if cause.id == "runs-outside-systemd" => return cause,
                _ => agent.settled(&launch.instance),
            }
        }
    });
    let cause = refused.await;
    outside.kill().unwrap();
    outside.wait().unwrap();
    assert!(cause.unwrap().what.contains(&format!("pid {id}")));
}

#[tokio::test]
async fn the_jvm_of_an_agent_that_was_its_parent_goes_on_and_its_unit_takes_over_at_its_end() {
    let host = Host::new().await;
    let launch = host.launch("broker-a", "/bin/sleep", &["602"]);
    let state = host.folder.path().join("state");
    let pid = {
        let parent = crate::supervise::Embedded::open(&state, None, crate::supervise::Timing::default()).unwrap();
        match parent.start(&launch).await.unwrap() {
            Start::Running { pid } => pid,
            other => panic!("{other:?}"),
        }
    };
    let agent = host.agent().await;
    assert_eq!(start(&agent, &launch).await, pid);
    assert_eq!(host.fake.calls(), Vec::<String>::new());
    agent.observe(&launch.instance).await.unwrap();
    assert_eq!(agent.warnings(&launch.instance)[0].id, "runs-outside-systemd");
    agent.stop(&launch.instance).await.unwrap();
    // No bus tells of it; and it is this test's own child, which nobody else waits for.
    let pid = rustix::process::Pid::from_raw(i32::try_from(pid).unwrap());
    tokio::task::spawn_blocking(move || rustix::process::waitpid(pid, rustix::process::WaitOptions::empty()))
        .await
        .unwrap()
        .unwrap();
    let state = agent.observe(&launch.instance).await.unwrap();
    assert!(matches!(state, ProcessState::Stopped { failures: 0, .. }), "{state:?}");
    start(&agent, &launch).await;
    assert_eq!(host.fake.calls().last().unwrap(), "start rocketmq-broker-a.service");
    agent.observe(&launch.instance).await.unwrap();
    assert_eq!(agent.warnings(&launch.instance), []);
}

#[tokio::test]
async fn a_unit_that_somebody_else_made_is_left_alone() {
    let host = Host::new().await;
    let agent = host.agent().await;
    let launch = host.sleeper("broker-a");
    fs::write(host.unit("broker-a"), "[Service]\nExecStart=/bin/true\n").unwrap();
    let answer = agent.start(&launch).await.unwrap();
    assert!(matches!(&answer, Start::Refused(cause) if cause.id == "foreign-unit"), "{answer:?}");
    assert_eq!(fs::read_to_string(host.unit("broker-a")).unwrap(), "[Service]\nExecStart=/bin/true\n");
}

#[tokio::test]
async fn an_order_that_systemd_refuses_is_a_refusal_in_its_words() {
    let host = Host::new().await;
    let agent = host.agent().await;
    host.fake.refuse_starts(zbus::fdo::Error::Failed("Unit is masked.".to_owned()));
    let answer = agent.start(&host.sleeper("broker-a")).await.unwrap();
    let Start::Refused(cause) = answer else { panic!("{answer:?}") };
    assert!(cause.id == "unit-refused" && cause.what.contains("Unit is masked."), "{cause:?}");
}

#[tokio::test]
async fn a_changed_launch_changes_the_unit_and_not_the_process() {
    let host = Host::new().await;
    let agent = host.agent().await;
    let mut launch = host.sleeper("broker-a");
    let pid = start(&agent, &launch).await;
    launch.fingerprint = "f2".to_owned();
    agent.keep(&launch).await.unwrap();
    assert!(fs::read_to_string(host.unit("broker-a")).unwrap().contains("FINGERPRINT=f2"));
    assert_eq!(host.fake.calls().last().unwrap(), "reload");
    let state = agent.observe(&launch.instance).await.unwrap();
    assert!(matches!(&state, ProcessState::Running { pid: p, fingerprint, .. } if *p == pid && fingerprint == "f1"));
}

#[tokio::test]
async fn a_process_that_was_ended_for_a_hang_has_crashed_for_that_reason() {
    let host = Host::new().await;
    let agent = host.agent().await;
    let launch = host.sleeper("broker-a");
    let pid = start(&agent, &launch).await;
    signal(pid, Signal::STOP);
    let cause = cause("hung", "it hung", "");
    agent.end(&launch.instance, &cause).await.unwrap();
    let state = until(&agent, &launch, |state| matches!(state, ProcessState::Stopped { .. })).await;
    assert!(matches!(&state, ProcessState::Stopped { cause: Some(found), .. } if *found == cause), "{state:?}");
}
