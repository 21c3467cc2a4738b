//! Starts that fail on a real JVM, each for another reason, and the sentence that a person reads. Every trouble comes with
//! another option, and so with a clean slate of its back-off, and before the one before it is lifted.

use crate::{
    lab::{LONG, Lab, kill_9, poll, until},
    real::is_running,
};
use rocketmq_agent::remoting::TopicConfig;
use rustix::fs::{FlockOperation, fcntl_lock};
use std::{
    fs::{self, File, Permissions},
    net::SocketAddr,
    os::unix::fs::{MetadataExt, PermissionsExt, chown},
    path::{Path, PathBuf},
};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

/// Gives the cluster file other options for brokers, and waits until the agent has taken it.
pub fn write_file(lab: &Lab, original: &str, options: &[&str]) {
    let changed = original.replace("[broker]\n", &format!("[broker]\njava_options = {options:?}\n"));
    let next = lab.cluster_file().with_extension("next");
    fs::write(&next, changed).unwrap();
    let before = lab.report("vm1").unwrap().cluster_file;
    fs::rename(next, lab.cluster_file()).unwrap();
    until(LONG, "the file is taken", || lab.report("vm1").is_ok_and(|report| report.cluster_file != before));
}

/// Waits until the reason is given, and everywhere where a person looks; gives its words.
pub fn until_told(lab: &Lab, id: &str) -> String {
    // Where it runs for a moment again, the same is said of the time before; figures differ from try to try.
    let reason = || lab.until_reason("vm1", "broker-a", id).trim_start_matches("before this start: ").to_owned();
    let log = || fs::read_to_string(lab.agents[0].config.with_file_name("agent.log")).unwrap();
    let status = || String::from_utf8(lab.agents[0].run(&["status"]).stdout).unwrap();
    let explain = || String::from_utf8(lab.agents[0].run(&["explain"]).stdout).unwrap();
    let readyz = || lab.get("vm1", "/readyz?verbose").map_or_else(|error| error, |(_, text)| text);
    let places: [(&str, &dyn Fn() -> String); 4] =
        [("the log", &log), ("status", &status), ("explain", &explain), ("/readyz?verbose", &readyz)];
    for (place, read) in places {
        poll(LONG, &format!("{place} says what {id} says"), || {
            let (said, text) = (reason(), read());
            if text.contains(&said) { Ok(()) } else { Err(format!("{said:?} in\n{text}")) }
        });
    }
    reason()
}

/// A connection that goes out from a port, as any program may by chance: nobody listens there, and nobody can.
fn going_out_from(lab: &Lab, port: u16) -> (TcpListener, TcpStream) {
    lab.wait(async {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let socket = TcpSocket::new_v4().unwrap();
        socket.bind(([127, 0, 0, 1], port).into()).unwrap();
        let stream = socket.connect(listener.local_addr().unwrap()).await.unwrap();
        (listener, stream)
    })
}

/// Makes files unreadable to the account that RocketMQ runs as, even where that is this one.
pub fn close(path: &Path) {
    fs::set_permissions(path, Permissions::from_mode(0o0)).unwrap();
}

pub fn each_start_that_fails_is_told_in_one_sentence(lab: &mut Lab) {
    let original = fs::read_to_string(lab.cluster_file()).unwrap();
    lab.wait(lab.broker("vm1", "broker-a").create_topic(&TopicConfig::new("Kept", 4))).unwrap();
    let store = lab.folder("vm1", "broker-a").join("store");
    let log_file = |lab: &Lab| -> PathBuf {
        let mut found: Vec<_> = fs::read_dir(lab.folder("vm1", "broker-a").join("store/commitlog")).unwrap().collect();
        found.remove(0).unwrap().path()
    };
    let address: SocketAddr = lab.broker("vm1", "broker-a").address().parse().unwrap();
    // For replication: the one that nobody was connected to.
    let port = address.port() + 1;

    write_file(lab, &original, &["-XX:+UseConcMarkSweepGC"]);
    until(LONG, "its restart is pending", || lab.instance("vm1", "broker-a").is_ok_and(|it| it.restart_pending));
    kill_9(lab.pid("vm1", "broker-a"));
    let said = until_told(lab, "java-option-refused");
    assert!(said.contains("UseConcMarkSweepGC"), "{said}");

    write_file(lab, &original, &["-XX:InitialHeapSize=9000g", "-XX:MaxHeapSize=9000g"]);
    let said = until_told(lab, "not-enough-memory");
    assert!(said.contains("9000g") && said.contains("available"), "{said}");

    write_file(lab, &original, &["-XX:MaxMetaspaceSize=8m", "-XX:+ExitOnOutOfMemoryError"]);
    let said = until_told(lab, "heap-exhausted");
    assert!(said.contains("Metaspace"), "{said}");

    let outgoing = going_out_from(lab, port);
    write_file(lab, &original, &["-Dstory=port"]);
    let said = until_told(lab, "port-in-use");
    assert!(said.contains(&format!("port {port} is taken by pid {}", std::process::id())), "{said}");

    let topics = ["topics.json", "topics.json.bak"].map(|name| store.join("config").join(name));
    let copies = lab.folder("vm1", "broker-a").join("config-copies");
    let is_copy = |entry: &fs::DirEntry| entry.file_name().to_string_lossy().starts_with("topics.json.");
    until(LONG, "there is a copy of topics.json", || {
        fs::read_dir(&copies).is_ok_and(|entries| entries.flatten().any(|entry| is_copy(&entry)))
    });
    let owner = fs::metadata(&store).unwrap();
    for path in &topics {
        fs::write(path, "{\"dataVersion\":{\"counter\":1,").unwrap();
        chown(path, Some(owner.uid()), Some(owner.gid())).unwrap();
    }
    write_file(lab, &original, &["-Dstory=topics"]);
    drop(outgoing);
    let said = until_told(lab, "store-metadata-broken");
    assert!(said.contains("topics.json"), "{said}");

    let message_file = log_file(lab);
    let mode = fs::metadata(&message_file).unwrap().permissions();
    close(&message_file);
    write_file(lab, &original, &["-Dstory=owner"]);
    poll(LONG, "the copy is put back between two starts", || {
        let output = lab.agents[0].run(&["restore", "broker-a", "--yes"]);
        let said = String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
        if output.status.success() { Ok(()) } else { Err(said) }
    });
    assert!(topics[0].with_extension("json.torn").exists());
    let said = until_told(lab, "store-unusable");
    assert!(said.contains("Permission denied"), "{said}");

    let other_size = original.replace("mappedFileSizeCommitLog = 1048576", "mappedFileSizeCommitLog = 2097152");
    write_file(lab, &other_size, &["-Dstory=size"]);
    let conf = lab.folder("vm1", "broker-a").join("conf/broker.conf");
    until(LONG, "its file is written", || fs::read_to_string(&conf).unwrap().contains("=2097152"));
    // One that began with the file before it must not succeed with that.
    if let Ok(Some(pid)) = lab.instance("vm1", "broker-a").map(|it| it.pid) {
        until(LONG, "that start fails", || !is_running(pid));
    }
    fs::set_permissions(&message_file, mode).unwrap();
    let said = until_told(lab, "store-file-size");
    assert!(said.contains("length not matched"), "{said}");

    // Between the agent's look and RocketMQ's own.
    write_file(lab, &original, &["-Dstory=lock"]);
    lab.pid("vm1", "broker-a");
    let lock = File::options().read(true).write(true).open(store.join("lock")).unwrap();
    fcntl_lock(&lock, FlockOperation::NonBlockingLockExclusive).unwrap();
    let said = until_told(lab, "store-locked");
    assert!(said.contains(&format!("is in use by pid {}", std::process::id())), "{said}");
    drop(lock);

    write_file(lab, &original, &["-Dstory=over"]);
    lab.until_ready();
    fs::write(lab.cluster_file(), original).unwrap();
    lab.until_ready();
}
