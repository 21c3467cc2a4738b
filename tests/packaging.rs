//! The packages, as far as they can be judged without building them: what the unit and the maintainer scripts rely on
//! is in both, and nothing in them can touch a broker or its data. packaging/check.sh judges the built ones.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::panic, missing_docs)]

use rocketmq_agent::{
    accounts, exit_code,
    settings::{OnExit, Settings},
};
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn manifest() -> toml::Table {
    read("Cargo.toml").parse().unwrap()
}

fn metadata(format: &str) -> toml::Table {
    manifest()["package"]["metadata"][format].as_table().unwrap().clone()
}

/// What a package holds: path on the host, without its first slash, to path in this tree.
type Assets = BTreeMap<String, String>;

fn assets(format: &str) -> Assets {
    let text = |value: &toml::Value| value.as_str().unwrap().to_owned();
    let mut assets = Assets::new();
    for asset in metadata(format)["assets"].as_array().unwrap() {
        let (source, dest) = match asset {
            toml::Value::Array(parts) => (text(&parts[0]), text(&parts[1])),
            table => (text(&table["source"]), text(&table["dest"])),
        };
        let dest = dest.trim_start_matches('/');
        let name = source.rsplit('/').next().unwrap();
        assets.insert(if dest.ends_with('/') { format!("{dest}{name}") } else { dest.to_owned() }, source);
    }
    assets
}

fn deb() -> Assets {
    assets("deb")
}

fn rpm() -> Assets {
    assets("generate-rpm")
}

const UNIT: &str = "systemd/rocketmq-agent.service";
const DEB_SCRIPTS: [&str; 2] = ["packaging/deb/postinst", "packaging/deb/postrm"];
const RPM_SCRIPTS: [&str; 3] = ["packaging/rpm/post.sh", "packaging/rpm/preun.sh", "packaging/rpm/postun.sh"];

/// Files of ours that a text names: by path, or as an argument of the programs that look for it in their own folder.
fn named(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for line in text.lines() {
        let words: Vec<&str> = line.split([' ', '"', '\'', '=', ';']).filter(|word| !word.is_empty()).collect();
        for word in &words {
            let path = word.trim_start_matches('/');
            let ours =
                ["usr/", "etc/"].iter().any(|folder| path.starts_with(folder)) && path.contains("rocketmq-agent");
            if ours && path != *word {
                found.push(path.to_owned());
            }
            let folder = match word.rsplit_once('.') {
                Some((_, "service")) => "systemd/system",
                Some((_, "conf")) if words.contains(&"systemd-sysusers") => "sysusers.d",
                Some((_, "conf")) if words.contains(&"systemd-tmpfiles") => "tmpfiles.d",
                Some((_, "conf")) if word.starts_with("60-") => "sysctl.d",
                _ => continue,
            };
            if path == *word {
                found.push(format!("usr/lib/{folder}/{word}"));
            }
        }
    }
    found
}

#[test]
fn every_file_that_the_unit_or_a_script_names_is_in_the_package() {
    for (assets, scripts) in [(deb(), &DEB_SCRIPTS[..]), (rpm(), &RPM_SCRIPTS[..])] {
        for file in scripts.iter().chain([&UNIT]) {
            let named = named(&read(file));
            assert!(
                !named.is_empty() || file.ends_with("postrm"),
                "{file} names nothing: does this test still read it?"
            );
            for path in named {
                assert!(assets.contains_key(&path), "{file} names {path}, which is not packaged");
            }
        }
        assert!(assets.contains_key("usr/share/man/man1/*.1"), "the unit names a man page");
    }
}

#[test]
fn every_script_of_the_packages_is_known_here() {
    let mut known: Vec<PathBuf> = DEB_SCRIPTS.iter().chain(&RPM_SCRIPTS).map(PathBuf::from).collect();
    known.extend(["packaging/deb/changelog", "packaging/deb/lintian-overrides"].map(PathBuf::from));
    for folder in ["packaging/deb", "packaging/rpm"] {
        for entry in fs::read_dir(root().join(folder)).unwrap() {
            let path = entry.unwrap().path();
            let path = path.strip_prefix(root()).unwrap();
            assert!(known.iter().any(|known| known == path), "{} is not in this test's lists", path.display());
        }
    }
    let rpm = metadata("generate-rpm");
    let mut scripts: Vec<&str> =
        rpm.iter().filter(|(key, _)| key.ends_with("_script")).map(|(_, value)| value.as_str().unwrap()).collect();
    scripts.sort_unstable();
    let mut expected = RPM_SCRIPTS;
    expected.sort_unstable();
    assert_eq!(scripts, expected);
}

#[test]
fn no_asset_is_missing_in_the_tree() {
    for source in deb().values().chain(rpm().values()) {
        // Built: the program, and what packaging/manual.rs writes.
        if source.starts_with("target/") {
            continue;
        }
        match source.split_once("/*") {
            Some((folder, ending)) => {
                let mut entries = fs::read_dir(root().join(folder)).unwrap();
                assert!(entries.any(|entry| entry.unwrap().path().to_string_lossy().ends_with(ending)), "{source}");
            }
            None => assert!(root().join(source).is_file(), "{source}"),
        }
    }
}

#[test]
fn both_formats_hold_the_same_but_for_what_their_systems_do_differently() {
    let differs = |path: &str| {
        ["needrestart", "lintian", "zsh", "licenses", "changelog", "CHANGELOG"].iter().any(|part| path.contains(part))
    };
    let common = |assets: Assets| -> Assets { assets.into_iter().filter(|(path, _)| !differs(path)).collect() };
    assert_eq!(common(deb()), common(rpm()));
}

/// dpkg takes what lies in /etc for configuration by itself; rpm wants to be told.
#[test]
fn an_upgrade_of_the_rpm_keeps_what_was_edited() {
    for asset in metadata("generate-rpm")["assets"].as_array().unwrap() {
        let config = asset.get("config").and_then(|config| config.as_str());
        let in_etc = asset["dest"].as_str().unwrap().starts_with("/etc/");
        assert_eq!(config, in_etc.then_some("noreplace"), "{asset}");
    }
}

#[test]
fn stopping_the_packaged_agent_leaves_the_brokers_alone() {
    let settings = Settings::read(&root().join("conf/agent.toml")).unwrap();
    assert_eq!(settings.embedded.on_exit, OnExit::Leave);
    assert!(read(UNIT).lines().any(|line| line == "KillMode=process"));
}

/// Its watchdog ends it, and nobody else looks after the brokers.
#[test]
fn systemd_starts_the_agent_again_for_ever_whatever_ended_it() {
    let unit = read(UNIT);
    for wanted in
        ["Type=notify", "WatchdogSec=60", "WatchdogSignal=SIGKILL", "Restart=always", "StartLimitIntervalSec=0"]
    {
        assert!(unit.lines().any(|line| line == wanted), "{wanted}");
    }
}

#[test]
fn a_jvm_that_is_killed_for_memory_does_not_take_the_agent_with_it() {
    assert!(read(UNIT).lines().any(|line| line == "OOMPolicy=continue"));
}

/// `check` of systemd is no help here: it takes all of these.
#[test]
fn the_sandbox_lets_embedded_jvms_live() {
    let unit = read(UNIT);
    for line in unit.lines().filter(|line| !line.starts_with('#')) {
        let key = line.split('=').next().unwrap();
        let breaks =
            ["MemoryDenyWriteExecute", "PrivateTmp", "ProtectHome", "PrivateUsers", "PrivateNetwork", "ProtectProc"];
        assert!(!breaks.contains(&key), "{line}");
    }
    assert!(
        unit.lines().any(|line| line.starts_with("ReadWritePaths=/etc/systemd/system ")),
        "units could not be written"
    );
}

#[test]
fn a_wrong_configuration_is_not_tried_again_and_again() {
    let line = format!("RestartPreventExitStatus={}", exit_code::BAD_CONFIGURATION);
    assert!(read(UNIT).lines().any(|found| found == line));
}

/// Only words that a shell would run: neither comments nor what is printed.
#[test]
fn no_script_ends_a_process_or_deletes_anything() {
    for file in DEB_SCRIPTS.iter().chain(&RPM_SCRIPTS) {
        for line in
            read(file).lines().map(str::trim).filter(|line| !line.starts_with('#') && !line.starts_with("echo "))
        {
            // What a version before the folders of instances were root's needs: each of them, and nothing in it.
            if line.contains("chown -h 3000:3000 \"$home\"") {
                continue;
            }
            for word in line.split([' ', ';', '(', ')', '`', '|', '&']) {
                let banned = ["rm", "rmdir", "find", "kill", "pkill", "killall", "userdel", "groupdel", "mv", "chown"];
                assert!(!banned.contains(&word), "{file}: {line}");
            }
            assert!(!line.contains("/var/lib/rocketmq"), "{file}: {line}");
        }
    }
}

#[test]
fn no_folder_that_the_packages_make_is_ever_cleaned() {
    for line in read("packaging/tmpfiles.d/rocketmq-agent.conf").lines().filter(|line| !line.starts_with('#')) {
        let fields: Vec<&str> = line.split_whitespace().collect();
        assert_eq!((fields[0], fields[5]), ("d", "-"), "{line}");
    }
}

#[test]
fn the_account_is_the_one_that_the_agent_expects() {
    let text = read("packaging/sysusers.d/rocketmq-agent.conf");
    for kind in ["g", "u"] {
        let start = format!("{kind} {} {} ", accounts::NAME, accounts::ID);
        assert!(text.lines().any(|line| line.starts_with(&start)), "no line begins with {start:?}");
    }
}

#[test]
fn the_changelog_of_the_deb_is_about_this_version() {
    let version = manifest()["package"]["version"].as_str().unwrap().to_owned();
    let first = format!("rocketmq-agent ({version}-1) ");
    assert!(read("packaging/deb/changelog").starts_with(&first), "does not begin with {first:?}");
}

/// The service itself is replaced by the program built for this test, as systemd looks whether it is there.
#[test]
fn systemd_finds_nothing_wrong_with_the_unit() {
    let folder = tempfile::tempdir().unwrap();
    let unit = folder.path().join("rocketmq-agent.service");
    fs::write(&unit, read(UNIT).replace("/usr/bin/rocketmq-agent", env!("CARGO_BIN_EXE_rocketmq-agent"))).unwrap();
    let verified = match Command::new("systemd-analyze").args(["verify", "--man=no"]).arg(&unit).output() {
        Ok(output) => output,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return eprintln!("no systemd-analyze here"),
        Err(error) => panic!("{error}"),
    };
    let said = String::from_utf8_lossy(&verified.stderr);
    // It judges the units of this machine along with ours.
    let ours: Vec<&str> = said.lines().filter(|line| line.contains("rocketmq-agent")).collect();
    assert!(ours.is_empty(), "{said}");
}
