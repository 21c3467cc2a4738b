//! What people do: to a unit with systemctl, and to the cluster file.

use super::{fake::signal, *};
use rocketmq_agent_domain::limits::Limits;
use rustix::process::Signal;

const UNIT: &str = "rocketmq-broker-a.service";

#[tokio::test]
async fn a_unit_that_a_person_stopped_stays_stopped_until_a_person_starts_it() {
    let host = Host::new().await;
    let launch = host.sleeper("broker-a");
    let stopped = |state: &ProcessState| matches!(state, ProcessState::Stopped { .. });
    {
        let agent = host.agent().await;
        start(&agent, &launch).await;
        host.fake.stop_by_hand(UNIT).await;
        let state = until(&agent, &launch, stopped).await;
        let ProcessState::Stopped { cause: Some(cause), failures: 0, backing_off: true, next_start_at: None, .. } =
            state
        else {
            panic!("{state:?}")
        };
        assert_eq!(cause.id, "stopped-by-hand");
        assert!(cause.fix.contains("systemctl start rocketmq-broker-a"), "{cause:?}");
        assert_eq!(agent.start(&launch).await.unwrap(), Start::HeldBack { until: None });
    }
    // Another agent knows it too.
    let agent = host.agent().await;
    assert_eq!(agent.start(&launch).await.unwrap(), Start::HeldBack { until: None });
    host.fake.restart_by_itself(UNIT).await;
    let state = until(&agent, &launch, |state| matches!(state, ProcessState::Running { .. })).await;
    let ProcessState::Running { pid, .. } = state else { unreachable!() };
    // And from then on the agent keeps it up again.
    signal(pid, Signal::KILL);
    until(&agent, &launch, stopped).await;
    assert_ne!(start(&agent, &launch).await, pid);
}

#[tokio::test]
async fn a_stop_while_there_was_no_agent_is_respected_too() {
    let host = Host::new().await;
    let launch = host.sleeper("broker-a");
    {
        let agent = host.agent().await;
        start(&agent, &launch).await;
    }
    host.fake.stop_by_hand(UNIT).await;
    host.fake.sees_the_end_of(UNIT).await;
    let agent = host.agent().await;
    let state = agent.observe(&launch.instance).await.unwrap();
    assert!(
        matches!(&state, ProcessState::Stopped { cause: Some(cause), .. } if cause.id == "stopped-by-hand"),
        "{state:?}"
    );
}

#[tokio::test]
async fn a_stop_of_an_earlier_boot_is_forgotten() {
    let host = Host::new().await;
    let launch = host.sleeper("broker-a");
    let agent = host.agent().await;
    start(&agent, &launch).await;
    host.fake.stop_by_hand(UNIT).await;
    until(&agent, &launch, |state| matches!(state, ProcessState::Stopped { .. })).await;
    agent.shared.lock().get_mut(&launch.instance).unwrap().stopped_by_another = Some("an earlier boot".to_owned());
    start(&agent, &launch).await;
}

#[tokio::test]
async fn an_instance_that_left_the_file_runs_on_and_is_not_started_at_boot_until_it_is_back() {
    let host = Host::new().await;
    let launch = host.sleeper("broker-a");
    let agent = host.agent().await;
    let pid = start(&agent, &launch).await;
    agent.retire(&launch.instance).await.unwrap();
    assert_eq!(host.fake.calls()[3..], [format!("disable {UNIT}"), "reload".to_owned()]);
    agent.retire(&launch.instance).await.unwrap();
    assert_eq!(host.fake.calls().len(), 5);
    assert!(host.unit("broker-a").exists());
    assert_eq!(start(&agent, &launch).await, pid);
    // The file was rolled back by mistake, and is put right.
    agent.keep(&launch).await.unwrap();
    assert_eq!(host.fake.calls()[5..], [format!("enable {UNIT}"), "reload".to_owned()]);
}

#[tokio::test]
async fn limits_are_written_when_they_change_and_restart_nothing() {
    let host = Host::new().await;
    let agent = host.agent().await;
    let limits = Limits { cpu: Some("150%".parse().unwrap()), ..Limits::default() };
    agent.limit(&limits).await.unwrap();
    agent.limit(&limits).await.unwrap();
    assert_eq!(host.fake.calls(), ["reload"]);
    let slice = host.folder.path().join("units/rocketmq.slice");
    assert!(fs::read_to_string(&slice).unwrap().contains("\nCPUQuota=150%\n"));
    agent.limit(&Limits::default()).await.unwrap();
    assert!(!fs::read_to_string(&slice).unwrap().contains("CPUQuota"));
    assert_eq!(host.fake.calls(), ["reload", "reload"]);
    fs::write(&slice, "[Slice]\n").unwrap();
    agent.limit(&limits).await.unwrap();
    assert_eq!(fs::read_to_string(&slice).unwrap(), "[Slice]\n");
}

#[tokio::test]
async fn what_a_person_stops_through_the_agent_stays_stopped_for_the_next_agent_until_it_is_released() {
    let host = Host::new().await;
    let launch = host.sleeper("broker-a");
    let stopped = |state: &ProcessState| matches!(state, ProcessState::Stopped { .. });
    {
        let agent = host.agent().await;
        start(&agent, &launch).await;
        agent.hold(&launch).await.unwrap();
        agent.stop(&launch.instance).await.unwrap();
        let state = until(&agent, &launch, stopped).await;
        let ProcessState::Stopped { cause: Some(cause), backing_off: true, .. } = state else { panic!("{state:?}") };
        assert!(cause.id == "stopped-by-hand" && cause.fix.contains("rocketmq-agent start broker-a"), "{cause:?}");
    }
    let agent = host.agent().await;
    assert_eq!(agent.start(&launch).await.unwrap(), Start::HeldBack { until: None });
    agent.release(&launch.instance).unwrap();
    start(&agent, &launch).await;
    // A start with systemctl is a release too.
    agent.hold(&launch).await.unwrap();
    agent.stop(&launch.instance).await.unwrap();
    until(&agent, &launch, stopped).await;
    host.fake.restart_by_itself(UNIT).await;
    until(&agent, &launch, |state| matches!(state, ProcessState::Running { .. })).await;
    agent.stop(&launch.instance).await.unwrap();
    until(&agent, &launch, stopped).await;
    start(&agent, &launch).await;
}
