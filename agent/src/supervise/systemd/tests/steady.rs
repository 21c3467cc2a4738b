//! What goes on as it was is not asked about again, and what changes is seen at once.

use super::{fake::signal, *};
use crate::supervise::{process::Identity, record::Run};
use rustix::process::Signal;
use std::time::Instant;

/// Looks at an instance as the loop does in each pass.
async fn pass(agent: &Systemd, launch: &Launch) -> ProcessState {
    agent.instances().await.unwrap();
    let state = agent.observe(&launch.instance).await.unwrap();
    agent.keep(launch).await.unwrap();
    state
}

/// Passes until one asks systemd nothing.
async fn until_quiet(host: &Host, agent: &Systemd, launch: &Launch) -> ProcessState {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        let before = host.fake.questions();
        let state = pass(agent, launch).await;
        if host.fake.questions() == before {
            return state;
        }
        assert!(Instant::now() < deadline, "it asks again and again");
        // The task that follows the signals is to begin.
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn systemd_is_not_asked_about_what_goes_on_and_each_change_is_seen_at_once() {
    let host = Host::new().await;
    let agent = host.agent().await;
    let launch = host.sleeper("broker-a");
    let pid = start(&agent, &launch).await;
    let quiet = until_quiet(&host, &agent, &launch).await;
    assert!(matches!(&quiet, ProcessState::Running { pid: p, fingerprint, .. } if *p == pid && fingerprint == "f1"));

    signal(pid, Signal::KILL);
    until(&agent, &launch, |state| matches!(state, ProcessState::Stopped { .. })).await;
    let next = start(&agent, &launch).await;
    let quiet = until_quiet(&host, &agent, &launch).await;
    assert!(matches!(quiet, ProcessState::Running { pid: p, .. } if p == next), "{quiet:?}");

    host.fake.stop_by_hand("rocketmq-broker-a.service").await;
    until(&agent, &launch, |state| matches!(state, ProcessState::Stopped { .. })).await;
}

#[tokio::test]
async fn a_unit_that_is_not_enabled_any_more_is_enabled_again() {
    let host = Host::new().await;
    let agent = host.agent().await;
    let launch = host.sleeper("broker-a");
    start(&agent, &launch).await;
    until_quiet(&host, &agent, &launch).await;
    let unit = "rocketmq-broker-a.service";
    host.fake.disable_by_hand(unit);
    pass(&agent, &launch).await;
    assert_eq!(host.fake.calls().iter().filter(|call| **call == format!("enable {unit}")).count(), 2);
}

/// A unit that runs this very process, and its record.
fn running(host: &Host) -> (Record, Snapshot, ProcessState) {
    let pid = std::process::id();
    let process = Identity::of(pid).unwrap();
    let mut record = Record::new(&host.sleeper("broker-a"));
    record.run = Some(Run { process, started_at: 1, stopping: false, marks: record::Marks::default() });
    let mut snapshot = Snapshot::default();
    (snapshot.active, snapshot.main_pid) = ("active".to_owned(), pid);
    (record, snapshot, ProcessState::Running { pid, started_at: 1, fingerprint: "f1".to_owned() })
}

#[tokio::test]
async fn what_a_signal_names_is_looked_at_again_also_where_it_came_during_a_look() {
    let host = Host::new().await;
    let (record, snapshot, state) = running(&host);
    let mut still = Still::default();
    still.keep(still.now(), &record, &snapshot, &state);
    assert_eq!(still.state(&record).unwrap(), None, "no signal would tell of a change");

    still.follow(true);
    let since = still.now();
    still.keep(since, &record, &snapshot, &state);
    assert_eq!(still.state(&record).unwrap(), Some(state.clone()));
    still.told(&record.launch.instance);
    assert_eq!(still.state(&record).unwrap(), None);
    still.keep(since, &record, &snapshot, &state);
    assert_eq!(still.state(&record).unwrap(), None, "the look is from before the signal");

    still.keep(still.now(), &record, &snapshot, &state);
    still.follow(false);
    assert_eq!(still.state(&record).unwrap(), None, "the connection broke");
}

#[tokio::test]
async fn a_process_that_ended_or_is_being_stopped_is_looked_at_though_no_signal_came() {
    let host = Host::new().await;
    let (record, snapshot, state) = running(&host);
    let kept = |snapshot: &Snapshot| {
        let mut still = Still::default();
        still.follow(true);
        still.keep(still.now(), &record, snapshot, &state);
        still
    };
    let still = kept(&snapshot);
    let mut stopping = record.clone();
    stopping.run.as_mut().unwrap().stopping = true;
    assert_eq!(still.state(&stopping).unwrap(), None);
    let mut another = record.clone();
    another.run.as_mut().unwrap().process.as_mut().unwrap().start_ticks += 1;
    assert_eq!(still.state(&another).unwrap(), None, "another process has its number");
    let mut job = snapshot.clone();
    job.has_job = true;
    assert_eq!(kept(&job).state(&record).unwrap(), None);
    let mut starts = snapshot;
    starts.active = "activating".to_owned();
    assert_eq!(kept(&starts).state(&record).unwrap(), None);
}
