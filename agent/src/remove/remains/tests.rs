use super::*;
use crate::remove::{delete_data, sweep};
use rocketmq_agent_domain::launch::{Launch, Role, StoreIdentity};
use std::{collections::BTreeMap, os::unix::fs::symlink, time::Duration};

struct Host {
    dir: tempfile::TempDir,
}

impl Host {
    /// A broker with a store of 64 KiB, a release, records, and a folder beside all of it.
    fn new() -> Self {
        let host = Self { dir: tempfile::tempdir().unwrap() };
        for (file, text) in [
            ("base/agent.lock", ""),
            ("base/dist/.lock", ""),
            ("base/dist/5.5.0/lib/rocketmq-broker-5.5.0.jar", ""),
            ("base/dist/5.5.0/lib/rocketmq-namesrv-5.5.0.jar", ""),
            ("base/broker-a/supervisor.lock", ""),
            ("base/broker-a/conf/broker.conf", "a=1"),
            ("base/broker-a/logs/console.log", ""),
            ("base/broker-a/logs/rocketmqlogs/broker.log", ""),
            ("base/broker-a/tmp/hsperf/1", ""),
            ("base/broker-a/store/commitlog/00000000000000000000", "messages"),
            ("base/broker-a/store-owner.json", r#"{"cluster":"C","broker":"broker-a","commit_log":"/c"}"#),
            ("state/applied.json", "{}"),
            ("state/run/broker-a.json", "{}"),
            ("elsewhere/precious", "do not touch"),
        ] {
            host.write(file, text);
        }
        host
    }

    fn path(&self, below: &str) -> PathBuf {
        self.dir.path().join(below)
    }

    fn write(&self, below: &str, text: &str) {
        let path = self.path(below);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn look(&self, cluster: &str) -> Remains {
        let directory = self.path("base/broker-a");
        let store = StoreIdentity {
            root: directory.join("store"),
            commit_log: directory.join("store/commitlog"),
            format: Default::default(),
            cluster: "C".to_owned(),
            broker: "broker-a".parse().unwrap(),
        };
        let launch = Launch {
            instance: "broker-a".parse().unwrap(),
            role: Role::Master,
            program: "/j".into(),
            arguments: Vec::new(),
            environment: BTreeMap::new(),
            console: directory.join("logs/console.log"),
            directory,
            logs: Vec::new(),
            store: Some(store),
            offsets_of: None,
            partner: None,
            ports: Vec::new(),
            service: None,
            stop_deadline: Duration::ZERO,
            fingerprint: String::new(),
        };
        let known = [Known { launch, rendered: vec!["broker.conf".to_owned()] }];
        let cluster = cluster.parse().unwrap();
        Remains::look(&known, Some(&self.path("base")), &self.path("state"), Some(&cluster)).unwrap()
    }

    /// Everything that is there, folders too.
    fn left(&self) -> Vec<String> {
        fn walk(folder: &Path, root: &Path, found: &mut Vec<String>) {
            for entry in fs::read_dir(folder).unwrap() {
                let path = entry.unwrap().path();
                found.push(path.strip_prefix(root).unwrap().display().to_string());
                if is_folder(&path) {
                    walk(&path, root, found);
                }
            }
        }
        let mut found = Vec::new();
        walk(self.dir.path(), self.dir.path(), &mut found);
        found.retain(|path| !path.starts_with("elsewhere"));
        found.sort();
        found
    }
}

#[test]
fn everything_of_the_agents_goes_and_the_store_stays_with_the_note_of_whose_it_is() {
    let host = Host::new();
    let remains = host.look("C");
    assert!(remains.foreign.is_empty(), "{remains:?}");
    assert_eq!(remains.data.len(), 1);
    assert!(remains.data[0].bytes > 0 && remains.data[0].kept.is_none(), "{remains:?}");
    sweep(&remains).unwrap();
    assert_eq!(
        host.left(),
        [
            "base",
            "base/broker-a",
            "base/broker-a/store",
            "base/broker-a/store-owner.json",
            "base/broker-a/store/commitlog",
            "base/broker-a/store/commitlog/00000000000000000000"
        ]
    );
    // The second time there is nothing to delete but folders that something lies in.
    let again = host.look("C");
    assert!(again.files.is_empty() && again.trees.is_empty(), "{again:?}");
    sweep(&again).unwrap();
    delete_data(&again.data[0]).unwrap();
    sweep(&host.look("C")).unwrap();
    assert_eq!(host.left(), [""; 0]);
}

#[test]
fn what_is_not_the_agents_is_named_and_left() {
    let host = Host::new();
    host.write("base/broker-a/conf/broker.conf.before-rocketmq-agent", "old");
    host.write("base/broker-a/notes.txt", "mine");
    host.write("base/dashboard/app.jar", "mine");
    let remains = host.look("C");
    let named: Vec<PathBuf> =
        ["base/broker-a/conf/broker.conf.before-rocketmq-agent", "base/broker-a/notes.txt", "base/dashboard"]
            .map(|below| host.path(below))
            .into();
    assert_eq!(remains.foreign, named);
    sweep(&remains).unwrap();
    assert!(named.iter().all(|path| path.exists()));
}

#[test]
fn a_store_of_another_cluster_is_kept_whatever_is_asked() {
    let host = Host::new();
    let kept = host.look("Other").data[0].kept.clone().unwrap();
    assert_eq!(kept, "it belongs to broker-a of cluster C");
    fs::remove_file(host.path("base/broker-a/store-owner.json")).unwrap();
    assert!(host.look("C").data[0].kept.as_ref().unwrap().starts_with("nothing says whose it is"));
}

#[test]
fn no_link_is_followed() {
    let host = Host::new();
    symlink(host.path("elsewhere"), host.path("base/broker-a/store/link")).unwrap();
    symlink(host.path("elsewhere"), host.path("base/broker-a/tmp/link")).unwrap();
    fs::remove_dir_all(host.path("base/broker-a/logs")).unwrap();
    symlink(host.path("elsewhere"), host.path("base/broker-a/logs")).unwrap();
    let remains = host.look("C");
    assert_eq!(remains.foreign, [host.path("base/broker-a/logs")]);
    sweep(&remains).unwrap();
    delete_data(&remains.data[0]).unwrap();
    assert_eq!(fs::read_to_string(host.path("elsewhere/precious")).unwrap(), "do not touch");
    // And a store that is itself a link.
    symlink(host.path("elsewhere"), host.path("base/broker-a/store")).unwrap();
    assert!(host.look("C").data[0].kept.as_ref().unwrap().contains("links are not followed"));
}
