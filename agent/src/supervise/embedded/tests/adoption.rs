//! One agent after the other: what runs is known again, and what is not ours is not taken.

use super::*;
use crate::supervise::{locks, process::Identity};
use rocketmq_agent_domain::launch::Exit;
use std::process::{Command, Stdio};

#[tokio::test]
async fn the_next_agent_takes_over_a_running_process_undisturbed() {
    let host = Host::new();
    let launch = host.sleeper("namesrv");
    let agent = host.agent();
    let pid = start(&agent, &launch).await;
    let before = agent.observe(&launch.instance).await.unwrap();
    drop(agent);

    let agent = host.agent();
    assert_eq!(agent.observe(&launch.instance).await.unwrap(), before);
    assert_eq!(start(&agent, &launch).await, pid);
    kill(pid, Signal::KILL);
    stopped(&agent, &launch).await;
    assert_ne!(start(&agent, &launch).await, pid);
}

#[tokio::test]
async fn the_lock_is_held_for_as_long_as_the_process_lives() {
    let host = Host::new();
    let launch = host.sleeper("namesrv");
    let agent = host.agent();
    let pid = start(&agent, &launch).await;
    drop(agent);
    assert!(locks::take(&launch).unwrap().is_none());
    assert_eq!(locks::holders(&launch).unwrap(), [pid]);
    kill(pid, Signal::KILL);
    eventually("the lock's end", || locks::take(&launch).unwrap().is_some()).await;
}

#[tokio::test]
async fn a_later_process_with_the_same_pid_is_not_taken_over() {
    let host = Host::new();
    let launch = host.sleeper("namesrv");
    let agent = host.agent();
    let pid = start(&agent, &launch).await;
    drop(agent);
    // The same pid and command line, but started at another tick.
    let mut record = host.record(&launch);
    let run = record.run.as_mut().unwrap();
    run.process.as_mut().unwrap().start_ticks -= 1;
    record.write(&host.run_folder()).unwrap();
    let agent = host.agent();
    match agent.observe(&launch.instance).await.unwrap() {
        ProcessState::Stopped { last_exit: Some(Exit::Unknown), cause: Some(cause), failures: 1, .. } => {
            assert_eq!(cause.id, "ended-unseen");
        }
        state => panic!("{state:?}"),
    }
    kill(pid, Signal::KILL);
}

#[tokio::test]
async fn a_process_of_another_boot_is_not_looked_for_and_not_held_against_the_instance() {
    let host = Host::new();
    let launch = host.sleeper("namesrv");
    let agent = host.agent();
    let pid = start(&agent, &launch).await;
    drop(agent);
    let mut record = host.record(&launch);
    record.run.as_mut().unwrap().process.as_mut().unwrap().boot_id = "another".to_owned();
    record.write(&host.run_folder()).unwrap();
    let agent = host.agent();
    match agent.observe(&launch.instance).await.unwrap() {
        ProcessState::Stopped { cause: Some(cause), failures: 0, .. } => assert_eq!(cause.id, "host-restarted"),
        state => panic!("{state:?}"),
    }
    kill(pid, Signal::KILL);
}

/// What an agent leaves that dies between the start of a process and the writing of its pid.
fn orphan(launch: &Launch) -> Identity {
    let lock = locks::take(launch).unwrap().unwrap();
    // The shell ends at once, so the process is nobody's child that this test could wait for.
    let script = "exec 3<&0; \"$0\" \"$@\" <&3 >/dev/null 2>&1 & echo $!";
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", script]).arg(&launch.program).args(&launch.arguments).stdin(Stdio::from(lock));
    let output = shell.output().unwrap();
    let pid = String::from_utf8(output.stdout).unwrap().trim().parse().unwrap();
    Identity::of(pid).unwrap().unwrap()
}

async fn execed(process: &Identity, launch: &Launch) {
    let runs = || crate::supervise::process::command_line(process.pid).unwrap().unwrap_or_default();
    eventually("its exec", || runs().first().map(Path::new) == Some(&launch.program)).await;
}

#[tokio::test]
async fn a_process_whose_pid_was_never_written_is_known_by_its_lock() {
    let host = Host::new();
    let launch = host.sleeper("namesrv");
    drop(host.agent());
    let mut record = Record::new(&launch);
    record.run = Some(Run { process: None, started_at: 5, stopping: false, marks: record::Marks::default() });
    record.write(&host.run_folder()).unwrap();
    let process = orphan(&launch);
    execed(&process, &launch).await;

    let agent = host.agent();
    let running = ProcessState::Running { pid: process.pid, started_at: 5, fingerprint: "f1".to_owned() };
    assert_eq!(agent.observe(&launch.instance).await.unwrap(), running);
    kill(process.pid, Signal::KILL);
    // Not our child: the kernel says that it ended, and not how.
    let state = stopped(&agent, &launch).await;
    assert!(matches!(state, ProcessState::Stopped { last_exit: Some(Exit::Unknown), .. }), "{state:?}");
}

#[tokio::test]
async fn a_start_finds_our_process_without_any_record_and_does_not_claim_to_know_its_configuration() {
    let host = Host::new();
    let agent = host.agent();
    let launch = host.sleeper("namesrv");
    let process = orphan(&launch);
    execed(&process, &launch).await;
    assert_eq!(start(&agent, &launch).await, process.pid);
    match agent.observe(&launch.instance).await.unwrap() {
        ProcessState::Running { fingerprint, started_at, .. } => {
            assert_eq!(fingerprint, UNKNOWN_FINGERPRINT);
            assert!(started_at.abs_diff(now()) < 60_000, "{started_at}");
        }
        state => panic!("{state:?}"),
    }
    // Its own stop works as ever.
    agent.stop(&launch.instance).await.unwrap();
    stopped(&agent, &launch).await;
}

#[tokio::test]
async fn a_start_that_never_became_a_process_is_forgotten() {
    let host = Host::new();
    let launch = host.sleeper("namesrv");
    drop(host.agent());
    let mut record = Record::new(&launch);
    record.run = Some(Run { process: None, started_at: 5, stopping: false, marks: record::Marks::default() });
    record.write(&host.run_folder()).unwrap();
    let agent = host.agent();
    let state = agent.observe(&launch.instance).await.unwrap();
    assert!(matches!(state, ProcessState::Stopped { last_exit: None, failures: 0, .. }), "{state:?}");
    start(&agent, &launch).await;
}

#[tokio::test]
async fn a_record_that_cannot_be_read_is_unknown_and_nothing_is_started() {
    let host = Host::new();
    let launch = host.sleeper("namesrv");
    fs::create_dir_all(host.run_folder()).unwrap();
    fs::write(host.run_folder().join("namesrv.json"), "{").unwrap();
    let agent = host.agent();
    assert!(matches!(agent.observe(&launch.instance).await, Err(SupervisorError::Record { .. })));
    assert!(agent.start(&launch).await.is_err());
    assert_eq!(agent.instances().await.unwrap(), std::slice::from_ref(&launch.instance));
    assert!(locks::take(&launch).unwrap().is_some());
}

#[tokio::test]
async fn two_agents_do_not_share_a_state_folder() {
    let host = Host::new();
    let _first = host.agent();
    let second = Embedded::open(&host.path().join("state"), None, Timing::default());
    assert!(matches!(second, Err(SupervisorError::AnotherAgent { .. })));
}

#[tokio::test]
async fn a_record_is_readable_for_its_owner_only() {
    use std::os::unix::fs::PermissionsExt;
    let host = Host::new();
    let agent = host.agent();
    let launch = host.sleeper("namesrv");
    start(&agent, &launch).await;
    let mode = fs::metadata(host.run_folder().join("namesrv.json")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}
