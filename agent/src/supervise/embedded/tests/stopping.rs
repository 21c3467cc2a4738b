//! How processes are told to stop, and when they are killed.

use super::*;
use rocketmq_agent_domain::launch::{Exit, cause};

#[tokio::test]
async fn a_stopped_process_is_stopping_until_it_is_gone_and_owes_nothing() {
    let host = Host::new();
    let agent = host.agent();
    let mut launch = host.shell(
        "namesrv",
        "trap 'until [ -e go ]; do sleep 0.02; done; exit 143' TERM; echo up; while :; do sleep 0.02; done",
    );
    launch.stop_deadline = Duration::from_secs(600);
    let pid = start(&agent, &launch).await;
    eventually("the trap", || fs::read_to_string(&launch.console).unwrap().contains("up")).await;
    agent.stop(&launch.instance).await.unwrap();
    agent.stop(&launch.instance).await.unwrap();
    assert_eq!(agent.observe(&launch.instance).await.unwrap(), ProcessState::Stopping { pid });
    assert_eq!(agent.start(&launch).await.unwrap(), Start::HeldBack { until: None });
    fs::write(launch.directory.join("go"), "").unwrap();
    match stopped(&agent, &launch).await {
        ProcessState::Stopped { last_exit, cause, failures, backing_off, .. } => {
            assert_eq!((last_exit, cause, failures, backing_off), (Some(Exit::Status(143)), None, 0, false));
        }
        state => panic!("{state:?}"),
    }
    start(&agent, &launch).await;
}

#[tokio::test]
async fn a_process_that_is_stopping_is_stopping_for_the_next_agent_too() {
    let host = Host::new();
    let agent = host.agent();
    let launch = host.shell("namesrv", "trap '' TERM; echo up; while :; do sleep 0.02; done");
    let pid = start(&agent, &launch).await;
    eventually("the trap", || fs::read_to_string(&launch.console).unwrap().contains("up")).await;
    agent.stop(&launch.instance).await.unwrap();
    drop(agent);
    let agent = host.agent();
    assert_eq!(agent.observe(&launch.instance).await.unwrap(), ProcessState::Stopping { pid });
    // Nothing is written: it is killed after its deadline and some silence.
    match stopped(&agent, &launch).await {
        ProcessState::Stopped { cause: Some(cause), failures: 0, .. } => assert_eq!(cause.id, "killed-after-stop"),
        state => panic!("{state:?}"),
    }
}

#[tokio::test]
async fn a_process_that_ignores_sigterm_is_killed_only_when_its_store_is_silent() {
    let host = Host::new();
    // On a loaded machine even a busy writer pauses.
    let timing = Timing { silence: Duration::from_secs(3), poll: Duration::from_millis(50) };
    let agent = Embedded::open(&host.path().join("state"), None, timing).unwrap();
    let script = "trap '' TERM; echo up; until [ -e quiet ]; do echo x >> store/commitlog/0; sleep 0.02; done; \
                  touch silent; while :; do sleep 0.02; done";
    let launch = host.with_store(host.shell("broker-a", script));
    let pid = start(&agent, &launch).await;
    eventually("the trap", || fs::read_to_string(&launch.console).unwrap().contains("up")).await;
    agent.stop(&launch.instance).await.unwrap();
    // Beyond the deadline (0.2 s) and the silence (3 s), counted in what it wrote rather than in time.
    let log = launch.store.as_ref().unwrap().commit_log.join("0");
    eventually("200 writes", || fs::metadata(&log).is_ok_and(|file| file.len() >= 400)).await;
    assert_eq!(agent.observe(&launch.instance).await.unwrap(), ProcessState::Stopping { pid });
    fs::write(launch.directory.join("quiet"), "").unwrap();
    match stopped(&agent, &launch).await {
        ProcessState::Stopped { last_exit: Some(Exit::Signal(9)), cause: Some(cause), failures: 0, .. } => {
            assert_eq!(cause.id, "killed-after-stop");
        }
        state => panic!("{state:?}"),
    }
    assert!(launch.directory.join("silent").exists());
}

#[tokio::test]
async fn stopping_what_does_not_run_is_no_error() {
    let host = Host::new();
    let agent = host.agent();
    let launch = host.shell("namesrv", "exit 0");
    agent.stop(&launch.instance).await.unwrap();
    start(&agent, &launch).await;
    stopped(&agent, &launch).await;
    agent.stop(&launch.instance).await.unwrap();
}

#[tokio::test]
async fn a_shutdown_goes_wave_by_wave_and_ends_when_all_are_gone() {
    let host = Host::new();
    let agent = host.agent();
    let script = |name: &str| {
        format!("trap 'sleep 0.1; echo {name} >> ../order; exit 143' TERM; echo up; while :; do sleep 0.02; done")
    };
    let names = ["namesrv", "broker-a", "broker-b", "extra"];
    let launches = names.map(|name| host.shell(name, &script(name)));
    for launch in &launches {
        start(&agent, launch).await;
        eventually("the trap", || fs::read_to_string(&launch.console).unwrap().contains("up")).await;
    }
    let wave = |names: &[usize]| names.iter().map(|index| launches[*index].instance.clone()).collect::<Vec<_>>();
    let waves = [wave(&[2]), wave(&[1]), wave(&[0])];
    let shutdown = agent.shutdown(&waves);
    tokio::time::timeout(Duration::from_secs(60), shutdown).await.unwrap();
    let order = fs::read_to_string(host.path().join("order")).unwrap();
    assert_eq!(order.lines().collect::<Vec<_>>(), ["broker-b", "broker-a", "namesrv", "extra"]);
    for launch in &launches {
        let state = agent.observe(&launch.instance).await.unwrap();
        assert!(matches!(state, ProcessState::Stopped { cause: None, .. }), "{state:?}");
    }
}

#[tokio::test]
async fn a_process_that_was_ended_for_a_hang_has_crashed_for_that_reason() {
    let host = Host::new();
    let agent = host.agent();
    let launch = host.sleeper("broker-a");
    let pid = start(&agent, &launch).await;
    kill_process(Pid::from_raw(pid as i32).unwrap(), Signal::STOP).unwrap();
    let cause = cause("hung", "it hung", "");
    agent.end(&launch.instance, &cause).await.unwrap();
    match stopped(&agent, &launch).await {
        ProcessState::Stopped { cause: Some(found), failures: 1, .. } => assert_eq!(found, cause),
        state => panic!("{state:?}"),
    }
    // The next end is about the next process.
    let pid = start(&agent, &launch).await;
    kill_process(Pid::from_raw(pid as i32).unwrap(), Signal::KILL).unwrap();
    match stopped(&agent, &launch).await {
        ProcessState::Stopped { cause: Some(found), .. } => assert_eq!(found.id, "killed"),
        state => panic!("{state:?}"),
    }
}

#[tokio::test]
async fn what_a_person_stops_stays_stopped_for_the_next_agent_until_it_is_released_or_the_host_was_booted() {
    let host = Host::new();
    // A shell's own child would keep its lock for a moment more.
    let launch = host.sleeper("namesrv");
    {
        let agent = host.agent();
        start(&agent, &launch).await;
        agent.hold(&launch).await.unwrap();
        agent.stop(&launch.instance).await.unwrap();
        stopped(&agent, &launch).await;
    }
    let agent = host.agent();
    match agent.observe(&launch.instance).await.unwrap() {
        ProcessState::Stopped { cause: Some(cause), backing_off: true, failures: 0, .. } => {
            assert!(cause.id == "stopped-by-hand" && cause.fix.contains("rocketmq-agent start namesrv"), "{cause:?}");
        }
        state => panic!("{state:?}"),
    }
    assert_eq!(agent.start(&launch).await.unwrap(), Start::HeldBack { until: None });
    agent.release(&launch.instance).unwrap();
    start(&agent, &launch).await;
    agent.hold(&launch).await.unwrap();
    agent.stop(&launch.instance).await.unwrap();
    stopped(&agent, &launch).await;
    agent.shared.lock().get_mut(&launch.instance).unwrap().record.held = Some("an earlier boot".to_owned());
    start(&agent, &launch).await;
}
