#![allow(clippy::unwrap_used)]
use super::*;
use flate2::read::GzDecoder;
use std::{collections::BTreeMap, fs::File, io::Read, os::unix::fs::MetadataExt};

fn unpacked(path: &Path) -> BTreeMap<String, String> {
    let mut archive = tar::Archive::new(GzDecoder::new(File::open(path).unwrap()));
    let texts = archive.entries().unwrap().map(|entry| {
        let mut entry = entry.unwrap();
        let (name, mut text) = (entry.path().unwrap().display().to_string(), String::new());
        entry.read_to_string(&mut text).unwrap();
        (name, text)
    });
    texts.collect()
}

#[test]
fn a_host_in_trouble_still_makes_an_archive_that_says_what_it_lacks_and_holds_no_secret() {
    let dir = tempfile::tempdir().unwrap();
    let at = |name: &str| dir.path().join(name);
    // A mistake in it, a password, and no agent.toml.
    fs::write(at("cluster.toml"), "[cluster]\nmode = \"2m2s\"\n[broker.config]\nsslPassword = \"hidden\"\n").unwrap();
    let settings = Settings { cluster_file: at("cluster.toml"), state_dir: at("state"), ..Settings::default() };
    let mut archive = Archive::create(&at("a.tar.gz"), "host").unwrap();
    gather(&mut archive, &settings, &at("agent.toml")).unwrap();
    let lacks = archive.finish().unwrap();
    assert!(lacks.iter().any(|line| line.starts_with("agent.toml: cannot read ")), "{lacks:?}");
    assert!(lacks.iter().any(|line| line.starts_with("instances: ")), "{lacks:?}");
    let texts = unpacked(&at("a.tar.gz"));
    assert!(texts["host/cluster.toml"].contains("sslPassword = …"), "{texts:?}");
    assert!(texts["host/missing.txt"].contains("agent.toml"), "{texts:?}");
    assert!(texts["host/versions.txt"].contains("kernel: "), "{texts:?}");
    assert!(!texts.values().any(|text| text.contains("hidden")));
    assert_eq!(fs::metadata(at("a.tar.gz")).unwrap().mode() & 0o777, 0o600);
}

#[test]
fn of_a_long_log_the_end_is_kept_from_a_whole_line_on() {
    let dir = tempfile::tempdir().unwrap();
    let home = dir.path().join("broker-a");
    fs::create_dir_all(home.join("conf")).unwrap();
    fs::create_dir_all(home.join("logs/rocketmqlogs")).unwrap();
    fs::write(home.join("conf/broker.conf"), "brokerName=broker-a\naccessKey=hidden\n").unwrap();
    let lines: String = (0..40_000).map(|number| format!("line {number} of many\n")).collect();
    fs::write(home.join("logs/rocketmqlogs/broker.log"), &lines).unwrap();
    let mut archive = Archive::create(&dir.path().join("a.tar.gz"), "host").unwrap();
    add_instance(&mut archive, "instances/broker-a", &home, None).unwrap();
    assert!(archive.finish().unwrap().is_empty());
    let texts = unpacked(&dir.path().join("a.tar.gz"));
    assert_eq!(texts["host/instances/broker-a/conf/broker.conf"], "brokerName=broker-a\naccessKey=…\n");
    let log = &texts["host/instances/broker-a/logs/broker.log"];
    assert!(log.len() as u64 <= LOG_TAIL && log.starts_with("line ") && log.ends_with("line 39999 of many\n"));
}

#[test]
fn an_archive_that_is_there_is_not_written_over() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.tar.gz");
    fs::write(&path, "mine").unwrap();
    assert!(Archive::create(&path, "host").is_err());
    assert_eq!(fs::read_to_string(&path).unwrap(), "mine");
}
