//! What the agent is built from keeps the rules of `deny.toml`: licences, banned crates, versions that are there twice, where
//! crates come from, and known holes. Offline: all of it is in `Cargo.lock`, what cargo has unpacked, and a snapshot of the
//! RustSec database.
//!
//! `ADVISORY_DB=FOLDER UPDATE_EXPECTED=1 cargo test --test supply` makes the snapshot anew from a clone of
//! <https://github.com/RustSec/advisory-db>, which is in the public domain (CC0 1.0). Only facts are taken: ids and versions.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

mod advisories;

use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    path::Path,
    process::Command,
    sync::LazyLock,
};
use toml::Table;

const CRATES_IO: &str = "https://github.com/rust-lang/crates.io-index";

pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

pub fn read(file: &str) -> Table {
    std::fs::read_to_string(root().join(file)).unwrap().parse().unwrap()
}

static RULES: LazyLock<Table> = LazyLock::new(|| read("deny.toml"));
static METADATA: LazyLock<Value> = LazyLock::new(|| {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["metadata", "--format-version=1", "--locked", "--offline"]);
    cargo.args(["--filter-platform", "x86_64-unknown-linux-gnu"]).current_dir(root());
    let output = cargo.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).unwrap()
});

/// The crates that are in the tree on Linux, ours among them.
fn crates() -> Vec<&'static Value> {
    let nodes = METADATA["resolve"]["nodes"].as_array().unwrap();
    let ids: BTreeSet<_> = nodes.iter().map(|node| node["id"].as_str().unwrap()).collect();
    METADATA["packages"].as_array().unwrap().iter().filter(|it| ids.contains(it["id"].as_str().unwrap())).collect()
}

fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value[key].as_str().unwrap_or_default()
}

fn named(package: &Value) -> String {
    format!("{}@{}", text(package, "name"), text(package, "version"))
}

/// The items of a list of `deny.toml`, each of which must say why where it is an exception.
fn listed(table: &str, key: &str, name: &str) -> BTreeSet<String> {
    let item = |item: &toml::Value| match item {
        toml::Value::String(text) => text.clone(),
        item => {
            assert!(item["reason"].as_str().is_some_and(|reason| !reason.is_empty()), "{item} has no reason");
            item[name].as_str().unwrap().to_owned()
        }
    };
    RULES[table][key].as_array().unwrap().iter().map(item).collect()
}

#[test]
fn every_licence_is_one_that_is_allowed() {
    let allowed = listed("licenses", "allow", "");
    let mut wrong = Vec::new();
    for package in crates() {
        let licence = text(package, "license");
        let expression = spdx::Expression::parse_mode(licence, spdx::ParseMode::LAX);
        let fine = expression.is_ok_and(|it| it.evaluate(|wanted| allowed.contains(&wanted.to_string())));
        if !fine {
            wrong.push(format!("{}: {licence:?}", named(package)));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn no_crate_is_banned_and_none_is_there_twice_without_a_reason() {
    let banned = listed("bans", "deny", "crate");
    let mut versions: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for package in crates() {
        assert!(!banned.contains(text(package, "name")), "{} is banned", named(package));
        versions.entry(text(package, "name")).or_default().insert(text(package, "version"));
    }
    let skipped = listed("bans", "skip", "crate");
    let is_skipped = |name: &str, version: &str| skipped.contains(&format!("{name}@{version}"));
    for (name, versions) in &versions {
        let counted: Vec<_> = versions.iter().filter(|version| !is_skipped(name, version)).collect();
        assert!(counted.len() <= 1, "{name} is there in versions {counted:?}");
    }
    for skip in &skipped {
        let (name, version) = skip.split_once('@').unwrap();
        let needed = versions.get(name).is_some_and(|all| all.len() > 1 && all.contains(version));
        assert!(needed, "{skip} need not be skipped any more");
    }
}

#[test]
fn every_crate_comes_from_crates_io_with_a_checksum_or_is_ours() {
    assert_eq!(listed("sources", "allow-registry", ""), BTreeSet::from([CRATES_IO.to_owned()]));
    let lock = read("Cargo.lock");
    for package in lock["package"].as_array().unwrap() {
        let name = package["name"].as_str().unwrap();
        match package.get("source").and_then(toml::Value::as_str) {
            Some(source) => {
                assert_eq!(source, format!("registry+{CRATES_IO}"), "{name}");
                assert!(package.get("checksum").is_some(), "{name} has no checksum");
            }
            None => assert!(name.starts_with("rocketmq-agent"), "{name} comes from nowhere"),
        }
    }
}

#[test]
fn no_dependency_of_ours_is_open_to_any_version() {
    for package in crates().into_iter().filter(|package| package["source"].is_null()) {
        for dependency in package["dependencies"].as_array().unwrap() {
            let any = text(dependency, "req") == "*" && dependency["path"].is_null();
            assert!(!any, "{} takes any {}", named(package), text(dependency, "name"));
        }
    }
}
