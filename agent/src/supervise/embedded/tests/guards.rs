//! What forbids a start.

use super::*;
use crate::supervise::{locks, sockets::Sockets};
use rocketmq_agent_domain::cause::Occupant;
use std::{
    io::{BufRead, BufReader, Read},
    net::TcpListener,
    process::{Child, Command, Stdio},
};

const HELPER: &str = "supervise::embedded::tests::guards::helper_that_locks_a_store";

/// Not a test: what the test below runs as another process, since a process does not see its own locks. It holds the
/// lock as RocketMQ does until its stdin ends.
#[test]
#[ignore = "run by another test as its own process"]
fn helper_that_locks_a_store() {
    let Ok(path) = std::env::var("LOCK") else { return };
    let file = File::create(path).unwrap();
    let lock = nix::libc::flock {
        l_type: nix::libc::F_WRLCK as nix::libc::c_short,
        l_whence: nix::libc::SEEK_SET as nix::libc::c_short,
        l_start: 0,
        l_len: 1,
        l_pid: 0,
    };
    nix::fcntl::fcntl(&file, nix::fcntl::FcntlArg::F_SETLK(&lock)).unwrap();
    println!("locked");
    let _ = std::io::stdin().read_to_end(&mut Vec::new());
}

/// The helper as a process, and its output, which must stay open.
fn holder_of(lock: &Path) -> (Child, impl BufRead + use<>) {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", HELPER, "--ignored", "--nocapture"]).env("LOCK", lock);
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    let locked = output.by_ref().lines().map_while(Result::ok).any(|line| line.contains("locked"));
    assert!(locked, "the helper did not lock");
    (child, output)
}

#[tokio::test]
async fn a_locked_store_refuses_the_start_and_names_who_holds_it() {
    let host = Host::new();
    let agent = host.agent();
    let launch = host.with_store(host.sleeper("broker-a"));
    let store = launch.store.clone().unwrap();
    assert_eq!(locks::store_holder(&store, None).unwrap(), None);
    let (mut holder, _output) = holder_of(&store.root.join("lock"));
    let seen: Occupant = locks::store_holder(&store, None).unwrap().unwrap();
    assert_eq!(seen.pid, Some(holder.id()));
    let cause = refused(&agent, &launch).await;
    assert_eq!(cause.id, "store-locked");
    assert!(cause.what.contains(&format!("pid {} (", holder.id())), "{cause:?}");
    // A file called `lock` that nobody has locked means nothing.
    drop(holder.stdin.take());
    holder.wait().unwrap();
    assert!(store.root.join("lock").exists());
    start(&agent, &launch).await;
}

#[tokio::test]
async fn a_refusal_counts_as_a_failed_start() {
    let host = Host::new();
    let agent = host.agent();
    let launch = host.with_store(host.sleeper("broker-a"));
    let _open = File::create(launch.store.as_ref().unwrap().commit_log.join("0")).unwrap();
    refused(&agent, &launch).await;
    refused(&agent, &launch).await;
    assert!(matches!(agent.start(&launch).await.unwrap(), Start::HeldBack { until: Some(_) }));
}

#[tokio::test]
async fn a_commit_log_that_another_process_writes_refuses_the_start_and_one_that_is_read_does_not() {
    let host = Host::new();
    let agent = host.agent();
    let launch = host.with_store(host.sleeper("broker-a"));
    let file = launch.store.as_ref().unwrap().commit_log.join("00000000000000000000");
    let writer = File::create(&file).unwrap();
    let cause = refused(&agent, &launch).await;
    assert_eq!(cause.id, "store-in-use");
    assert!(cause.what.contains(&format!("pid {}", std::process::id())), "{cause:?}");
    // Deleted under its owner, as a second broker does: still in use.
    fs::remove_file(&file).unwrap();
    assert_eq!(refused(&agent, &launch).await.id, "store-in-use");
    drop(writer);
    let store = launch.store.as_ref().unwrap();
    eventually("the file's end", || locks::store_writer(store).unwrap().is_none()).await;
    fs::write(&file, "x").unwrap();
    eventually("the file's end", || locks::store_writer(store).unwrap().is_none()).await;
    let _reader = File::open(&file).unwrap();
    agent.settled(&launch.instance);
    start(&agent, &launch).await;
}

#[tokio::test]
async fn a_busy_port_refuses_the_start_and_names_its_owner() {
    let host = Host::new();
    let agent = host.agent();
    let mut launch = host.sleeper("namesrv");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    launch.ports = vec![port];
    let cause = refused(&agent, &launch).await;
    assert_eq!(cause.id, "port-in-use");
    assert!(cause.what.starts_with(&format!("port {port} is taken by pid {} (", std::process::id())), "{cause:?}");
    drop(listener);
    // Another test's child may have a copy until it execs.
    eventually("the port's end", || Sockets::read().unwrap().listening(port).is_empty()).await;
    start(&agent, &launch).await;
}

#[tokio::test]
async fn a_stranger_that_holds_the_instances_lock_refuses_the_start_and_is_named() {
    let host = Host::new();
    let agent = host.agent();
    let launch = host.sleeper("namesrv");
    let lock = locks::take(&launch).unwrap().unwrap();
    let cause = refused(&agent, &launch).await;
    assert_eq!(cause.id, "instance-locked");
    assert!(cause.what.contains(&format!("pid {}", std::process::id())), "{cause:?}");
    drop(lock);
    start(&agent, &launch).await;
}

#[tokio::test]
async fn a_folder_that_is_not_there_refuses_the_start() {
    let host = Host::new();
    let agent = host.agent();
    let launch = host.sleeper("namesrv");
    fs::remove_dir_all(&launch.directory).unwrap();
    assert_eq!(refused(&agent, &launch).await.id, "folder-unusable");
}

#[test]
fn a_jvm_is_ours_by_its_configuration_file_and_else_by_all_its_arguments() {
    let host = Host::new();
    let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
    let broker = host.launch("broker-a", "/usr/bin/java", &["-Xmx1g", "-cp", "lib/*", "Main", "-c", "/a/broker.conf"]);
    assert!(locks::is_ours(&broker, &words("java -Xmx2g Main -c /a/broker.conf")));
    assert!(!locks::is_ours(&broker, &words("java -Xmx1g -cp lib/* Main -c /b/broker.conf")));
    assert!(!locks::is_ours(&broker, &words("java -Xmx1g -cp lib/* Main")));
    let bare = host.launch("namesrv", "/bin/sleep", &["600"]);
    assert!(locks::is_ours(&bare, &words("sleep 600")));
    assert!(!locks::is_ours(&bare, &words("sleep 601")) && !locks::is_ours(&bare, &[]));
}
