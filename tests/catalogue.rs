//! The catalogue of configuration keys is what the jars of each release say: one program reads the classes by
//! reflection (tests/java/ConfigKeys.java), here what it says is compared with `agent/domain/src/catalogue/keys.tsv`.
//!
//! The releases that the other tests run on are looked at; `make catalogue` looks at all, and writes the file anew.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::panic, missing_docs)]

use rocketmq_agent_domain::{catalogue, names::Version};
use std::{collections::BTreeMap, fmt::Write, fs, path::Path, process::Command};

/// Class and key to type and default.
type Keys = BTreeMap<(String, String), (String, String)>;

/// What the releases of the other tests are, as in the Makefile.
const TESTED: &str = "4.7.0 4.9.4 5.5.0";

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// What the jars in a folder say on a machine with that many CPUs.
fn said_by(libraries: &Path, home: &Path, cpus: u16) -> Keys {
    let output = Command::new("java")
        .args(["-Xmx256m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"])
        .arg(format!("-XX:ActiveProcessorCount={cpus}"))
        .arg(format!("-Duser.home={}", home.display()))
        .arg("-cp")
        .arg(libraries.join("*"))
        .arg(root().join("tests/java/ConfigKeys.java"))
        .current_dir(home)
        .env_remove("ROCKETMQ_HOME")
        .env_remove("NAMESRV_ADDR")
        .output()
        .expect("a JDK is on the PATH: make setup");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let said = String::from_utf8(output.stdout).unwrap();
    let lines = said.lines().filter_map(|line| line.strip_prefix('\t'));
    let keys: Keys = lines
        .map(|line| {
            let [class, key, kind, default] = line.split('\t').collect::<Vec<_>>().try_into().unwrap();
            ((class.to_owned(), key.to_owned()), (kind.to_owned(), default.to_owned()))
        })
        .collect();
    assert!(keys.len() > 100, "{said}");
    keys
}

/// What a release says, its zip being in target/rocketmq.
fn keys_of(version: Version) -> Keys {
    let zip = root().join(format!("target/rocketmq/rocketmq-all-{version}-bin-release.zip"));
    assert!(zip.exists(), "{} is missing: tests/rocketmq/make-distribution.sh {version}", zip.display());
    let folder = tempfile::tempdir().unwrap();
    let (libraries, home) = (folder.path().join("lib"), folder.path().join("home"));
    fs::create_dir(&home).unwrap();
    let unzip = ["-q", "-o", "-j"];
    let status =
        Command::new("unzip").args(unzip).arg(zip).arg("*/lib/*.jar").arg("-d").arg(&libraries).status().unwrap();
    assert!(status.success());
    let mut keys = said_by(&libraries, &home, 3);
    for (key, (_, default)) in said_by(&libraries, &home, 64) {
        let few = keys.get_mut(&key).unwrap();
        if few.1 != default {
            few.1 = "<by the number of CPUs>".to_owned();
        }
    }
    keys
}

/// The file: each key of each class once for every run of releases that agree on it.
fn merged(releases: &[(Version, Keys)]) -> String {
    let mut text = String::from(
        "# What each RocketMQ release takes in its configuration files, by class: key, type, first and last of the\n\
         # releases below that agree on it, default. Written by `make catalogue` from the releases' jars; not by hand.\n",
    );
    let versions: Vec<String> = releases.iter().map(|(version, _)| version.to_string()).collect();
    writeln!(text, "releases\t{}", versions.join("\t")).unwrap();
    let mut all: Vec<&(String, String)> = releases.iter().flat_map(|(_, keys)| keys.keys()).collect();
    all.sort();
    all.dedup();
    let mut class = "";
    for key in all {
        if key.0 != class {
            class = &key.0;
            writeln!(text, "[{class}]").unwrap();
        }
        for run in releases.chunk_by(|(_, one), (_, other)| one.get(key) == other.get(key)) {
            if let Some((kind, default)) = run[0].1.get(key) {
                writeln!(text, "{}\t{kind}\t{}\t{}\t{default}", key.1, run[0].0, run[run.len() - 1].0).unwrap();
            }
        }
    }
    text
}

#[test]
fn what_is_checked_in_is_what_the_jars_say() {
    let update = std::env::var_os("UPDATE_EXPECTED").is_some();
    let wanted = std::env::var("RELEASES").unwrap_or_else(|_| TESTED.to_owned());
    let versions: Vec<Version> = wanted.split_whitespace().map(|version| version.parse().unwrap()).collect();
    let releases: Vec<(Version, Keys)> = versions.into_iter().map(|version| (version, keys_of(version))).collect();
    let path = root().join("agent/domain/src/catalogue/keys.tsv");
    if update {
        return fs::write(path, merged(&releases)).unwrap();
    }
    for (version, said) in releases {
        assert!(catalogue::releases().contains(&version), "{version} is not in {}", path.display());
        let ours = catalogue::every_key().filter(|key| key.first <= version && version <= key.last);
        let ours: Keys = ours
            .map(|key| ((key.class.to_owned(), key.name.to_owned()), (key.kind.to_string(), key.default.to_owned())))
            .collect();
        let wrong: Vec<String> = ours
            .keys()
            .chain(said.keys())
            .filter(|key| ours.get(*key) != said.get(*key))
            .map(|key| format!("{key:?}: checked in {:?}, in the jars {:?}", ours.get(key), said.get(key)))
            .collect();
        assert!(wrong.is_empty(), "{version}; make catalogue writes it anew:\n{}", wrong.join("\n"));
    }
}
