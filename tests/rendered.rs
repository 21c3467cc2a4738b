//! Every example file renders, for each of its hosts, exactly the files and commands kept under
//! `tests/fixtures/rendered`. `UPDATE_EXPECTED=1 cargo test --test rendered` writes them anew.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::panic, missing_docs)]

use rocketmq_agent::cluster::Cluster;
use rocketmq_agent_domain::{
    cluster_file::shape,
    desired::{Desired, HostFacts, Java, desired, properties},
    size::Size,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn desired_of(file: &Path, java: u16) -> Vec<Desired> {
    let cluster = Cluster::read(file, None).unwrap();
    let facts = HostFacts {
        memory: Size::mib(16 << 10),
        java: Java { program: format!("/usr/lib/jvm/java-{java}/bin/java").into(), release: java },
    };
    let hosts = cluster.topology.hosts.iter();
    hosts.map(|host| desired(&cluster.topology, &cluster.placement, &host.name, &facts).unwrap()).collect()
}

/// Path below the case's folder → text.
fn rendered(file: &Path) -> BTreeMap<PathBuf, String> {
    let mut texts = BTreeMap::new();
    for host in desired_of(file, 17) {
        let folder = PathBuf::from(host.host.as_str());
        for file in &host.files {
            texts.insert(folder.join(file.path.strip_prefix("/").unwrap()), file.text.clone());
        }
        for instance in &host.instances {
            let command = format!("{}\n{}\n", instance.launch.program.display(), instance.launch.arguments.join("\n"));
            texts.insert(folder.join(format!("{}.command", instance.launch.instance)), command);
        }
    }
    texts
}

fn examples() -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> =
        fs::read_dir(root().join("conf/examples")).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    files
}

fn files_below(folder: &Path, found: &mut BTreeSet<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files_below(&path, found);
        } else {
            found.insert(path);
        }
    }
}

#[test]
fn every_example_renders_exactly_what_is_kept() {
    let mut wrong = Vec::new();
    for example in examples() {
        let folder = root().join("tests/fixtures/rendered").join(example.file_stem().unwrap());
        let texts = rendered(&example);
        if std::env::var_os("UPDATE_EXPECTED").is_some() {
            let _ = fs::remove_dir_all(&folder);
            for (path, text) in &texts {
                let path = folder.join(path);
                fs::create_dir_all(path.parent().unwrap()).unwrap();
                fs::write(path, text).unwrap();
            }
        }
        let mut kept = BTreeSet::new();
        files_below(&folder, &mut kept);
        let made: BTreeSet<PathBuf> = texts.keys().map(|path| folder.join(path)).collect();
        wrong.extend(kept.symmetric_difference(&made).map(|path| format!("{} is only on one side", path.display())));
        for (path, text) in &texts {
            let found = fs::read_to_string(folder.join(path)).unwrap_or_default();
            if found != *text {
                wrong.push(format!("{}:\n  kept: {found}\n  rendered: {text}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// The values of the classic two-host guide, key by key, as its readers know them.
#[test]
fn the_classic_guides_four_files_come_out_with_its_values() {
    let file = root().join("conf/examples/classic-two-hosts.toml");
    let base = Path::new("/usr/local/rocketmq");
    let hosts = desired_of(&file, 8);
    for (host, own, master, slave) in
        [(0, "192.168.2.21", "broker-a", "broker-b"), (1, "192.168.2.22", "broker-b", "broker-a")]
    {
        for (folder, role, id, name, port) in
            [("broker-master", "SYNC_MASTER", "0", master, "10911"), ("broker-slave", "SLAVE", "1", slave, "11911")]
        {
            let path = base.join(folder).join("conf/broker.conf");
            let conf = hosts[host].files.iter().find(|file| file.path == path).unwrap();
            let read = properties::parse(conf.text.as_bytes());
            let expected = [
                ("brokerClusterName", "DefaultCluster"),
                ("brokerName", name),
                ("brokerId", id),
                ("brokerRole", role),
                ("brokerIP1", own),
                ("brokerIP2", own),
                ("listenPort", port),
                ("deleteWhen", "04"),
                ("fileReservedTime", "48"),
                ("flushDiskType", "ASYNC_FLUSH"),
                ("namesrvAddr", "192.168.2.21:9876;192.168.2.22:9876"),
                ("storePathRootDir", &format!("/usr/local/rocketmq/{folder}/store")),
                ("storePathCommitLog", &format!("/usr/local/rocketmq/{folder}/store/commitlog")),
                ("slaveReadEnable", "true"),
            ];
            assert_eq!(read, expected.map(|(k, v)| (k.to_owned(), v.to_owned())).into());
        }
        for instance in &hosts[host].instances {
            for option in ["-Xms512m", "-Xmx512m", "-Xmn128m"] {
                assert!(
                    instance.launch.arguments.iter().any(|a| a == option),
                    "{option} of {}",
                    instance.launch.instance
                );
            }
        }
        let folders: Vec<&Path> = hosts[host].directories.iter().map(|directory| directory.path.as_path()).collect();
        for folder in
            ["server/logs", "broker-master/conf", "broker-master/logs", "broker-master/store", "broker-slave/store"]
        {
            assert!(folders.contains(&base.join(folder).as_path()), "{folder}");
        }
    }
}

#[test]
fn a_sync_master_of_5_waits_for_its_slave_and_one_of_4_needs_no_such_key() {
    for (example, keys) in [("2m-2s-sync", Some("2")), ("2m-2s-async", None), ("classic-two-hosts", None)] {
        let host = desired_of(&root().join(format!("conf/examples/{example}.toml")), 17).remove(0);
        let master = host.instances.iter().find_map(|i| i.broker.as_ref().filter(|b| b.broker_id == 0)).unwrap();
        for key in ["totalReplicas", "inSyncReplicas"] {
            assert_eq!(master.config.get(key).map(String::as_str), keys, "{example} {key}");
        }
    }
}

#[test]
fn every_instance_has_its_own_home_logs_and_temporary_folder() {
    for example in examples() {
        for host in desired_of(&example, 17) {
            let mut seen = BTreeSet::new();
            for instance in &host.instances {
                for option in ["-Duser.home=", "-Djava.io.tmpdir="] {
                    let found = instance.launch.arguments.iter().find(|a| a.starts_with(option)).unwrap();
                    assert!(seen.insert(found.clone()), "{found} twice on {}", host.host);
                }
            }
        }
    }
}

#[test]
fn java_8_gets_no_option_that_it_does_not_know() {
    let host = desired_of(&root().join("conf/examples/classic-two-hosts.toml"), 8).remove(0);
    for instance in &host.instances {
        let unknown = |a: &&String| a.starts_with("--add-opens") || a.starts_with("-Xlog:");
        assert_eq!(instance.launch.arguments.iter().find(unknown), None);
    }
}

#[test]
fn the_sample_files_are_good_and_show_every_key() {
    let sample = root().join("conf/cluster.toml");
    Cluster::read(&sample, None).unwrap();
    let text = fs::read_to_string(sample).unwrap();
    for (path, key) in shape::every_key(shape::ROOT) {
        assert!(text.contains(key.name), "conf/cluster.toml does not show {path}");
    }
    rocketmq_agent::settings::Settings::read(&root().join("conf/agent.toml")).unwrap();
}

#[test]
fn the_samples_answer_agent_checks_where_nothing_else_listens_by_default() {
    let read = |path: &str| fs::read_to_string(root().join(path)).unwrap();
    let named = |text: String, before: &str| -> BTreeSet<u16> {
        let digits = |rest: &str| rest.chars().take_while(char::is_ascii_digit).collect::<String>().parse().unwrap();
        text.match_indices(before).map(|(at, _)| digits(&text[at + before.len()..])).collect()
    };
    let places = [("conf/agent.toml", "agent_check = \"0.0.0.0:"), ("conf/haproxy.cfg", "agent-port ")];
    let more =
        [("conf/haproxy.cfg", places[0].1), ("docs/monitoring.md", places[0].1), ("docs/monitoring.md", places[1].1)];
    let ports = places.into_iter().chain(more).map(|(path, before)| named(read(path), before));
    assert_eq!(ports.collect::<BTreeSet<_>>(), [[9880].into()].into());
    for path in examples() {
        let hosts = Cluster::read(&path, None).unwrap().topology.hosts.clone();
        let agents = hosts.iter().flat_map(|host| [host.agent_port, host.sync_port]);
        let instances = desired_of(&path, 17).into_iter().flat_map(|host| host.instances);
        let taken: BTreeSet<u16> = instances.flat_map(|instance| instance.launch.ports).chain(agents).collect();
        assert!(!taken.contains(&9880), "{}: {taken:?}", path.display());
    }
}

#[test]
fn clients_get_the_public_address_and_slaves_the_internal_one() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("cluster.toml");
    let text = fs::read_to_string(root().join("conf/examples/2m-2s-sync.toml")).unwrap();
    fs::write(&path, text.replace("\"10.0.0.1\"", "\"10.0.0.1\"\npublic_address = \"203.0.113.1\"")).unwrap();
    let host = desired_of(&path, 17).remove(0);
    let master = host.instances.iter().find_map(|i| i.broker.as_ref().filter(|b| b.broker_id == 0)).unwrap();
    assert_eq!((master.config["brokerIP1"].as_str(), master.config["brokerIP2"].as_str()), ("203.0.113.1", "10.0.0.1"));
    assert_eq!(master.config["namesrvAddr"], "10.0.0.1:9876;10.0.0.2:9876");
    assert_eq!(master.client_address.to_string(), "203.0.113.1:10911");
}

#[test]
fn a_key_that_a_broker_takes_while_it_runs_asks_for_no_restart_of_that_release() {
    let fingerprints = |version: &str, line: &str, namesrvs: &str| {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("cluster.toml");
        let text = fs::read_to_string(root().join("conf/examples/2m-2s-sync.toml")).unwrap();
        let (before, after) = text.split_once("version = \"").unwrap();
        let text = format!("{before}version = \"{version}{}", &after[after.find('"').unwrap()..]);
        fs::write(&path, format!("[namesrv]\nhosts = {namesrvs}\n[broker.config]\n{line}\n{text}")).unwrap();
        let brokers = desired_of(&path, 8).remove(0).instances.into_iter().filter(|it| it.broker.is_some());
        brokers.map(|it| it.launch.fingerprint).collect::<Vec<_>>()
    };
    for (version, line, namesrvs, is_live) in [
        ("5.5.0", "fileReservedTime = 48", "[\"vm1\"]", true),
        ("5.5.0", "maxMessageSize = 1000000", "[\"vm1\"]", true),
        ("5.5.0", "flushDiskType = \"SYNC_FLUSH\"", "[\"vm1\"]", false),
        ("5.5.0", "", "[\"vm1\", \"vm2\"]", true),
        ("4.9.4", "", "[\"vm1\", \"vm2\"]", true),
        ("4.9.3", "", "[\"vm1\", \"vm2\"]", false),
        ("4.9.4", "maxMessageSize = 1000000", "[\"vm1\"]", false),
        ("4.9.4", "slaveReadEnable = false", "[\"vm1\"]", true),
    ] {
        let same = fingerprints(version, line, namesrvs) == fingerprints(version, "", "[\"vm1\"]");
        assert_eq!(same, is_live, "{version} {line} {namesrvs}");
    }
}

#[test]
fn a_changed_list_of_namesrvs_asks_proxies_and_jars_for_a_restart() {
    let services = |namesrvs: &str| {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("cluster.toml");
        let text = fs::read_to_string(root().join("conf/examples/proxies.toml")).unwrap();
        fs::write(&path, format!("[namesrv]\nhosts = {namesrvs}\n{text}")).unwrap();
        let all = desired_of(&path, 17).into_iter().flat_map(|host| host.instances);
        let services = all.filter(|it| it.launch.role.is_service());
        services.map(|it| it.launch.fingerprint).collect::<Vec<_>>()
    };
    let (one, two) = (services("[\"vm1\"]"), services("[\"vm1\", \"vm2\"]"));
    assert_eq!((one.len(), services("[\"vm1\"]")), (4, one.clone()));
    assert!(one.iter().zip(&two).all(|(one, two)| one != two));
}

#[test]
fn the_narrower_level_wins_and_java_options_of_all_levels_are_kept() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("cluster.toml");
    let text = fs::read_to_string(root().join("conf/examples/2m-2s-sync.toml")).unwrap();
    let levels = "[broker]\nheap = \"1G\"\njava_options = [\"-Da=1\"]\nconfig = { fileReservedTime = 1, deleteWhen = \"01\" }\n\
        [broker.slave]\nheap = \"512M\"\n[[group]]\nname = \"broker-a\"\njava_options = [\"-Da=2\"]\n\
        config = { fileReservedTime = 3 }\nmaster = { heap = \"2G\" }\n";
    fs::write(&path, levels.to_owned() + &text).unwrap();
    let host = desired_of(&path, 17).remove(0);
    let find = |name: &str| host.instances.iter().find(|i| i.launch.instance.as_str() == name).unwrap();
    let (master, slave) = (find("broker-a"), find("broker-b"));
    let has = |instance: &rocketmq_agent_domain::desired::Instance, option: &str| {
        instance.launch.arguments.iter().position(|argument| argument == option)
    };
    assert!(has(master, "-Xmx2048m").is_some() && has(slave, "-Xmx512m").is_some());
    assert!(has(master, "-Da=1") < has(master, "-Da=2") && has(slave, "-Da=2").is_none());
    let key = |i: &rocketmq_agent_domain::desired::Instance, key: &str| i.broker.as_ref().unwrap().config[key].clone();
    assert_eq!((key(master, "fileReservedTime"), key(master, "deleteWhen")), ("3".to_owned(), "01".to_owned()));
    assert_eq!(key(slave, "fileReservedTime"), "1");
}
