//! Texts of real JVMs: RocketMQ 4.7.0, 4.9.4 and 5.5.0 on OpenJDK 17, provoked one by one, shortened to the lines that
//! matter and the noise around them.

mod table;

use super::*;
use crate::launch::{Role, StoreIdentity};
use std::{path::Path, time::Duration};

fn launch() -> Launch {
    Launch {
        instance: "broker-a".parse().unwrap(),
        role: Role::Master,
        program: "/usr/lib/jvm/java-17/bin/java".into(),
        arguments: ["-Xms1g", "-Xmx1g", "-cp", "lib/*", "org.apache.rocketmq.broker.BrokerStartup", "-c", "/a/c.conf"]
            .map(str::to_owned)
            .to_vec(),
        environment: Default::default(),
        directory: "/a".into(),
        console: "/a/logs/console.log".into(),
        logs: vec!["/a/logs/store.log".into(), "/a/logs/broker.log".into()],
        service: None,
        store: Some(StoreIdentity {
            root: "/a/store".into(),
            commit_log: "/a/store/commitlog".into(),
            format: Default::default(),
            cluster: "DefaultCluster".to_owned(),
            broker: "broker-a".parse().unwrap(),
        }),
        offsets_of: None,
        partner: None,
        ports: vec![10909, 10911, 10912],
        stop_deadline: Duration::from_secs(300),
        fingerprint: "f".to_owned(),
    }
}

fn evidence<'a>(launch: &'a Launch, exit: Exit, console: &str, log: &str) -> Evidence<'a> {
    Evidence {
        launch,
        exit,
        console: console.to_owned(),
        logs: vec![String::new(), log.to_owned()],
        busy_ports: Vec::new(),
        store_holder: None,
        disks: Vec::new(),
        memory: None,
        oom: Oom::Quiet,
        abort: false,
    }
}

fn nginx() -> Occupant {
    Occupant { pid: Some(812), program: Some("nginx".to_owned()) }
}

#[test]
fn every_known_text_has_its_cause() {
    let launch = launch();
    for (status, console, log, id, part) in table::TABLE {
        let cause = explain(&evidence(&launch, Exit::Status(*status), console, log));
        assert_eq!(cause.id, *id, "for {console:?} {log:?}: {cause:?}");
        assert!(cause.what.contains(part), "{part:?} is not in {:?}", cause.what);
        assert!(!cause.fix.is_empty() && !cause.what.contains("{line}") && !cause.what.contains('\n'), "{cause:?}");
    }
}

#[test]
fn a_taken_port_names_who_has_it() {
    let launch = launch();
    let mut four = evidence(&launch, Exit::Status(255), "java.net.BindException: Address already in use", "");
    four.busy_ports = vec![(10912, nginx())];
    assert_eq!(explain(&four).what, "port 10912 is taken by pid 812 (nginx)");
    let text = "java.lang.IllegalStateException: Failed to bind to 0.0.0.0:10911\n\tat x";
    let mut five = evidence(&launch, Exit::Status(255), text, "");
    five.busy_ports = vec![(10909, Occupant::default()), (10911, nginx())];
    assert_eq!(explain(&five).what, "port 10911 is taken by pid 812 (nginx)");
    five.busy_ports.clear();
    assert!(explain(&five).what.contains("cannot see"), "an unseen owner must be called unseen");
}

#[test]
fn a_locked_store_names_who_holds_it_whatever_was_printed() {
    let launch = launch();
    for console in ["java.lang.RuntimeException: Lock failed,MQ already started", ""] {
        let mut locked = evidence(&launch, Exit::Status(255), console, "");
        locked.store_holder = Some(Occupant { pid: Some(77), program: Some("java".to_owned()) });
        let cause = explain(&locked);
        assert_eq!((cause.id.as_str(), cause.what.contains("pid 77 (java)")), ("store-locked", true), "{cause:?}");
    }
}

#[test]
fn a_sigkill_is_the_kernels_only_where_the_kernel_says_so() {
    let launch = launch();
    for (oom, id) in [(Oom::Quiet, "killed"), (Oom::Struck, "oom-killed"), (Oom::Named, "oom-killed")] {
        let mut killed = evidence(&launch, Exit::Signal(9), "java.net.BindException: Address already in use", "");
        killed.oom = oom;
        assert_eq!(explain(&killed).id, id, "{oom:?}");
    }
    let mut unseen = evidence(&launch, Exit::Unknown, "", "");
    assert_eq!(explain(&unseen).id, "ended-unseen");
    unseen.oom = Oom::Named;
    unseen.memory = Some(Memory { total: 8 << 30, available: 1 << 30 });
    assert!(explain(&unseen).what.ends_with("(its heap is 1g of 8.0 GiB on this host)"), "{}", explain(&unseen).what);
}

#[test]
fn an_unclosed_store_is_mentioned_with_a_kill() {
    let launch = launch();
    let mut killed = evidence(&launch, Exit::Signal(9), "", "");
    assert!(!explain(&killed).fix.contains("not closed"));
    killed.abort = true;
    assert!(explain(&killed).fix.contains("not closed"));
}

#[test]
fn a_full_disk_explains_an_end_without_words_and_a_nearly_full_one_does_not() {
    let launch = launch();
    let mut ended = evidence(&launch, Exit::Signal(6), "", "");
    ended.disks = vec![Disk { path: "/a".into(), free: 5 << 30, total: 100 << 30 }];
    assert_eq!(explain(&ended).id, "ended");
    ended.disks.push(Disk { path: "/a/store".into(), free: 1 << 20, total: 100 << 30 });
    assert_eq!(explain(&ended).what, "the disk of /a/store is full: 1.0 MiB of 100.0 GiB left");
}

/// RocketMQ 4.7.0, `MappedFileQueue.load`.
#[test]
fn a_quoted_line_of_a_log_has_neither_its_time_nor_its_tabs() {
    let launch = launch();
    let log = "2026-11-25 18:44:44 WARN main - /a/store/commitlog/00000000000000000000\t1048576 length not matched message store \
               config value, please check it manually";
    let cause = explain(&evidence(&launch, Exit::Status(253), "", log));
    assert_eq!(cause.id, "store-file-size");
    let quoted = "/a/store/commitlog/00000000000000000000 1048576 length not matched message store config value";
    assert!(cause.what.contains(quoted) && !cause.what.contains("2026"), "{}", cause.what);
}

#[test]
fn the_selector_noise_of_4_7_on_java_17_is_not_taken_for_the_cause() {
    let launch = launch();
    let noise = "java.lang.reflect.InaccessibleObjectException: Unable to make field private final java.util.Set \
                 sun.nio.ch.SelectorImpl.selectedKeys accessible: module java.base does not \"opens sun.nio.ch\" to unnamed \
                 module @16ec5519";
    assert_eq!(explain(&evidence(&launch, Exit::Status(253), "", noise)).id, "initialize-failed");
}

#[test]
fn a_process_that_systemd_could_not_make_has_a_cause_and_a_jvm_that_ended_has_none_of_these() {
    let launch = launch();
    let of = |status, missing| {
        unmade(&launch, status, missing, Path::new("/usr/bin/flock"), Path::new("/x/supervisor.lock"))
    };
    let id = |status, missing| of(status, missing).unwrap().id;
    assert_eq!(id(69, None), "java-unusable");
    assert_eq!(id(73, None), "folder-unusable");
    assert_eq!(id(203, None), "flock-unusable");
    assert_eq!(id(217, None), "account-unknown");
    let missing = of(226, Some(Path::new("/data/store"))).unwrap();
    assert!(missing.id == "folder-missing" && missing.what.contains("/data/store"), "{missing:?}");
    for status in [200, 205, 209, 226, 228, 241] {
        let cause = of(status, None).unwrap();
        assert!(cause.id == "process-not-made" && cause.fix.contains("journalctl -u rocketmq-"), "{cause:?}");
    }
    for status in [0, 1, 2, 134, 143, 253, 254, 255] {
        assert_eq!(of(status, None), None, "{status}");
    }
}

#[test]
fn systemds_own_words_are_those_of_the_first_failure() {
    let launch = launch();
    let cause = || unmade(&launch, 226, None, Path::new("/usr/bin/flock"), Path::new("/x/supervisor.lock")).unwrap();
    // systemd 252.
    let lines = [
        "Starting rocketmq-broker-a.service - RocketMQ broker-a (master)...",
        "rocketmq-broker-a.service: Failed to set up mount namespacing: /not-there: No such file or directory",
        "rocketmq-broker-a.service: Failed at step NAMESPACE spawning /usr/bin/flock: No such file or directory",
        "rocketmq-broker-a.service: Main process exited, code=exited, status=226/NAMESPACE",
        "rocketmq-broker-a.service: Failed with result 'exit-code'.",
    ]
    .map(str::to_owned);
    let words = |lines: &[String]| in_systemds_words(cause(), "rocketmq-broker-a.service", lines).what;
    let says = "; systemd says: Failed to set up mount namespacing: /not-there: No such file or directory";
    assert_eq!(words(&lines), format!("{}{says}", cause().what));
    assert_eq!(words(&lines[3..]), cause().what, "that it failed is known");
    assert_eq!(words(&[]), cause().what);
}

#[test]
fn escape_sequences_that_a_broker_prints_are_shown_and_not_obeyed() {
    let launch = launch();
    let hostile = "\x1b[2J\x1b[H\u{9b}31mready \u{202e}ydaer";
    let console = format!("java.lang.NoClassDefFoundError: {hostile}");
    let log = format!("2026-11-30 10:00:00 ERROR main - Failed to bind {hostile}");
    for (console, log) in [(console.as_str(), ""), ("", log.as_str()), (hostile, "")] {
        let cause = explain(&evidence(&launch, Exit::Status(1), console, log));
        let said = serde_json::to_string(&cause).unwrap();
        assert!(!said.contains(['\u{9b}', '\u{202e}']) && !said.contains("\\u001b"), "{said}");
    }
    let cause = explain(&evidence(&launch, Exit::Status(1), hostile, ""));
    assert!(cause.what.contains("\\u{1b}[2J"), "{}", cause.what);
}
