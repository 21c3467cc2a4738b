//! The classic guide's tree, made and run by hand before there was an agent: taken over with its messages, and given back.

use crate::lab::{LONG, Lab, is_running, made, poll, signal};
use rocketmq_agent::files;
use rustix::process::Signal;
use std::{
    fs::{self, File},
    net::SocketAddr,
    os::unix::{fs::chown, process::CommandExt},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
};

/// What RocketMQ's container images run as; a test that is not root has only its own ids.
const ACCOUNT: u32 = 3000;
const KEPT: &str = "broker.conf.before-rocketmq-agent";

/// A lab with the guide's folder names.
pub fn lab() -> Lab {
    let lab = Lab::new(4, "4.9.4", "single", 1, crate::SMALL_FILES);
    let text = fs::read_to_string(lab.cluster_file()).unwrap();
    fs::write(lab.cluster_file(), text.replacen("[cluster]\n", "[cluster]\nlayout = \"role\"\n", 1)).unwrap();
    lab
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

fn give(path: &Path) {
    if is_root() {
        chown(path, Some(ACCOUNT), Some(ACCOUNT)).unwrap();
    }
}

/// The ports of the lab's only host, from its cluster file.
fn port(lab: &Lab, key: &str) -> u16 {
    let text = fs::read_to_string(lab.cluster_file()).unwrap();
    let at = text.find(&format!("{key} = {{ port = ")).unwrap();
    let digits = text[at..].chars().skip_while(|c| !c.is_ascii_digit()).take_while(char::is_ascii_digit);
    digits.collect::<String>().parse().unwrap()
}

/// Starts a JVM as the guide does: one folder a role, the configuration in its `conf`.
fn by_hand(lab: &Lab, folder: &str, main: &str, conf: &str, text: &str) -> Child {
    let home = lab.folder("vm1", folder);
    for name in ["conf", "logs", "store", "tmp"] {
        files::make_directory(&home.join(name), 0o755, None).unwrap();
        give(&home.join(name));
    }
    give(&home);
    let conf = home.join("conf").join(conf);
    fs::write(&conf, text).unwrap();
    for logback in ["logback_broker.xml", "logback_namesrv.xml"] {
        fs::write(home.join("conf").join(logback), "<configuration/>\n").unwrap();
    }
    let mut command = Command::new("java");
    command
        .args([
            "-Xmx256m",
            "--add-opens=java.base/java.nio=ALL-UNNAMED",
            "--add-opens=java.base/sun.nio.ch=ALL-UNNAMED",
        ])
        .arg(format!("-Duser.home={}", home.display()))
        .args(["-cp", &format!("{}/lib/*", made(&format!("client-{}", lab.version)).display())])
        .arg(main)
        .args(["-c", conf.to_str().unwrap()])
        .env("ROCKETMQ_HOME", &home)
        .current_dir(&home)
        .stdin(Stdio::null())
        .stdout(File::create(lab.dir.join(format!("{folder}.out"))).unwrap())
        .stderr(Stdio::null());
    if is_root() {
        command.uid(ACCOUNT).gid(ACCOUNT);
    }
    command.spawn().unwrap()
}

fn broker_conf(lab: &Lab, name: &str) -> String {
    let SocketAddr::V4(namesrv) = lab.namesrvs[0] else { panic!("an IPv4 address") };
    let store = lab.folder("vm1", "broker-master").join("store");
    format!(
        "# by hand\nbrokerClusterName = DefaultCluster\nbrokerName = {name}\nbrokerId = 0\nbrokerRole=ASYNC_MASTER\n\
         brokerIP1=127.0.0.1\nbrokerIP2=127.0.0.1\nlistenPort={}\nnamesrvAddr={namesrv}\nstorePathRootDir={1}\nstorePathCommitLog={1}/commitlog\n\
         maxMessageSize = 5242880\nmappedFileSizeCommitLog=1048576\n",
        port(lab, "broker"),
        store.display()
    )
}

fn end(mut process: Child) {
    signal(process.id(), Signal::TERM);
    poll(LONG, "it ends", || process.try_wait().unwrap().ok_or("it runs".to_owned()));
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

fn receives_all(lab: &Lab, group: &str) {
    let (ok, said) =
        lab.java(&["receive", "--topic", "ByHand", "--group", group, "--expect", "200", "--timeout", "180"]);
    assert!(ok, "{said}");
}

/// Found while it runs and not doubled, taken over when it has ended, with all that was sent to it.
pub fn a_tree_that_was_run_by_hand_is_taken_over_with_its_messages(lab: &mut Lab) {
    let namesrv = by_hand(
        lab,
        "server",
        "org.apache.rocketmq.namesrv.NamesrvStartup",
        "namesrv.conf",
        &format!("listenPort={}\n", port(lab, "namesrv")),
    );
    let conf = broker_conf(lab, "broker-a");
    let broker = by_hand(lab, "broker-master", "org.apache.rocketmq.broker.BrokerStartup", "broker.conf", &conf);
    poll(LONG, "200 messages are sent to the broker", || {
        let (ok, said) = lab.java(&["send", "--topic", "ByHand", "--count", "200"]);
        if ok { Ok(()) } else { Err(said) }
    });
    let planned = said(&lab.agents[0].run(&["plan"]));
    assert!(
        planned.contains("it sets what cluster.toml does not: ") && planned.contains("maxMessageSize = 5242880"),
        "{planned}"
    );

    lab.start();
    let pid = broker.id();
    poll(LONG, "the agent knows the broker that runs", || {
        let instance = lab.instance("vm1", "broker-a")?;
        if instance.pid == Some(pid) { Ok(()) } else { Err(format!("{instance:?}")) }
    });
    assert!(lab.instance("vm1", "broker-a").unwrap().restart_pending, "it runs with what was written by hand");
    assert!(is_running(pid) && is_running(namesrv.id()), "what ran by hand was ended");
    end(broker);
    end(namesrv);
    lab.until_ready();
    receives_all(lab, "Adopted");
    let folder = lab.folder("vm1", "broker-master/conf");
    assert_eq!(fs::read_to_string(folder.join(KEPT)).unwrap(), conf);
    assert!(fs::read_to_string(folder.join("broker.conf")).unwrap().starts_with("# Written by rocketmq-agent"));
    let log = fs::read_to_string(lab.agents[0].config.with_file_name("agent.log")).unwrap();
    assert!(log.contains("taking over: keep ") && log.contains("maxMessageSize = 5242880"), "{log}");
}

/// The way out, and back in: the store stays, and the next agent starts the broker on it.
pub fn after_remove_the_kept_store_is_adopted_again_with_its_messages(lab: &mut Lab) {
    let refused = lab.agents[0].run(&["remove"]);
    assert!(!refused.status.success() && said(&refused).contains("an agent runs"), "{}", said(&refused));
    lab.stop();
    let dry = said(&lab.agents[0].run(&["remove", "--dry-run"]));
    assert!(dry.contains("would keep the data of broker-a: "), "{dry}");
    let removed = lab.agents[0].run(&["remove"]);
    assert!(removed.status.success(), "{}", said(&removed));
    let store = lab.folder("vm1", "broker-master/store");
    assert!(said(&removed).contains(&format!("kept the data of broker-a: {}", store.display())), "{}", said(&removed));
    assert!(
        said(&removed).contains(&format!(
            "left, not the agent's: {}",
            lab.folder("vm1", "broker-master/conf").join(KEPT).display()
        )),
        "{}",
        said(&removed)
    );
    assert!(!lab.folder("vm1", "dist").exists() && !lab.dir.join("vm1/state").exists(), "{}", said(&removed));
    let again = said(&lab.agents[0].run(&["remove"]));
    assert!(again.starts_with("nothing of rocketmq-agent is left on this host but data"), "{again}");
    lab.start();
    lab.until_ready();
    receives_all(lab, "AdoptedAgain");
}

/// Neither by its configuration nor by its store may it be taken for another one.
pub fn a_tree_of_another_broker_stops_the_plan(lab: &mut Lab) {
    let home = lab.folder("vm1", "broker-master");
    lab.stop();
    assert!(lab.agents[0].run(&["remove"]).status.success());
    let plan = |lab: &Lab| said(&lab.agents[0].run(&["plan"]));
    // As a person would have left it: no note of the agent's, and a configuration of that name.
    fs::remove_file(home.join("store-owner.json")).unwrap();
    fs::write(home.join("conf/broker.conf"), broker_conf(lab, "broker-x")).unwrap();
    fs::remove_file(home.join("conf").join(KEPT)).unwrap();
    let by_conf = plan(lab);
    assert!(by_conf.contains("brokerName is broker-x there, and would be broker-a"), "{by_conf}");
    let writes = |line: &str| line.contains("write ") && line.contains("broker-master");
    assert!(!by_conf.contains("start broker-a") && !by_conf.lines().any(writes), "{by_conf}");
    // The store itself, in a cluster file that names the group otherwise.
    fs::remove_file(home.join("conf/broker.conf")).unwrap();
    let renamed: PathBuf = lab.dir.join("renamed.toml");
    let text = fs::read_to_string(lab.cluster_file()).unwrap() + "[[group]]\nname = \"broker-x\"\n";
    fs::write(&renamed, text.replace("mode = \"single\"", "mode = \"multi-master\"")).unwrap();
    let by_store = said(&lab.agents[0].run(&["plan", renamed.to_str().unwrap()]));
    assert!(by_store.contains("belongs to") && !by_store.contains("start broker-x"), "{by_store}");
}
