//! Arrows point one way: the pure core knows nothing of the outside, adapters do not know each other, and only the
//! daemon and the commands know them all.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::panic, missing_docs)]

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn sources(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
    found
}

/// A crate that could reach a disk, a socket, a clock or a process has no business in the pure core.
#[test]
fn the_pure_core_depends_on_nothing_that_does_io() {
    let manifest: toml::Table = fs::read_to_string(root().join("agent/domain/Cargo.toml")).unwrap().parse().unwrap();
    let names: BTreeSet<&str> = manifest["dependencies"].as_table().unwrap().keys().map(String::as_str).collect();
    assert_eq!(names, BTreeSet::from(["crc32fast", "serde", "serde_json", "sha2", "strsim", "thiserror", "toml"]));
}

/// clippy's lists ban the calls; this bans the modules, which a list cannot.
#[test]
fn the_pure_core_names_no_module_that_does_io() {
    for path in sources(&root().join("agent/domain/src")) {
        let text = fs::read_to_string(&path).unwrap();
        let flat: String = text.split_whitespace().collect();
        for banned in [
            "std::fs",
            "std::process",
            "std::env",
            "std::thread",
            "std::io",
            "std::{fs",
            ",fs::",
            ",process::",
            ",env::",
            "tokio",
        ] {
            assert!(!flat.contains(banned), "{} names {banned}", path.display());
        }
    }
}

/// Which modules of the agent each one may use; the rest knows nothing of it.
fn arrows() -> BTreeMap<&'static str, &'static [&'static str]> {
    BTreeMap::from([
        ("accounts", &["settings"][..]),
        ("acl", &["files", "remoting"]),
        (
            "admission",
            &[
                "accounts",
                "clock",
                "commit_log",
                "files",
                "inventory",
                "peers",
                "settings",
                "supervise",
                "sync",
                "trust",
                "untrusted",
            ],
        ),
        ("agreement", &["accounts", "clock", "commit_log", "probe", "sync"]),
        ("audit", &["clock"]),
        ("claim", &["accounts", "files", "untrusted"]),
        ("clock", &[]),
        ("cluster", &["files"]),
        ("commit_log", &["accounts", "unprivileged"]),
        ("connections", &[]),
        ("control", &["cluster", "peers", "audit", "clock", "files", "rollout", "sync"]),
        ("copies", &["accounts", "clock", "files", "tables", "unprivileged", "untrusted"]),
        ("distribution", &["web"]),
        (
            "doctor",
            &[
                "accounts",
                "cluster",
                "files",
                "host",
                "inventory",
                "java",
                "mtu",
                "owners",
                "reach",
                "settings",
                "supervise",
                "trust",
                "unprivileged",
                "web",
            ],
        ),
        ("exit_code", &[]),
        ("files", &["accounts", "untrusted"]),
        ("grpc", &["remoting", "tls"]),
        ("host", &[]),
        ("http", &["connections", "peers", "reach"]),
        ("inventory", &["cluster", "host", "settings"]),
        ("java", &[]),
        ("ledger", &["files"]),
        ("log", &[]),
        ("mtu", &[]),
        ("notify", &[]),
        ("offsets", &["accounts", "acl", "clock", "files", "remoting", "unprivileged", "untrusted"]),
        ("online", &["acl", "peers", "probe", "remoting", "room", "sync"]),
        ("owners", &["accounts", "untrusted"]),
        ("peers", &["clock", "sync", "web"]),
        ("probe", &["acl", "grpc", "remoting", "room", "supervise", "web"]),
        ("reach", &[]),
        (
            "reconcile",
            &[
                "accounts",
                "acl",
                "admission",
                "clock",
                "cluster",
                "distribution",
                "files",
                "host",
                "offsets",
                "probe",
                "remoting",
                "room",
                "stores",
                "supervise",
                "sync",
                "untrusted",
            ],
        ),
        ("remoting", &["tls"]),
        ("remove", &["accounts", "distribution", "settings", "stores", "supervise", "untrusted"]),
        ("room", &["files", "untrusted"]),
        ("rollout", &["acl", "clock", "files", "peers", "remoting", "sync"]),
        ("settings", &[]),
        ("stores", &["accounts", "files", "owners", "tables", "unprivileged", "untrusted"]),
        ("supervise", &["accounts", "clock", "files", "offsets", "unprivileged", "untrusted"]),
        ("support", &["accounts", "clock", "cluster", "inventory", "java", "settings", "unprivileged", "untrusted"]),
        (
            "sync",
            &[
                "accounts",
                "acl",
                "clock",
                "cluster",
                "commit_log",
                "connections",
                "ledger",
                // Its tests ask through them.
                "peers",
                "remoting",
                "settings",
                "trust",
                "web",
            ],
        ),
        ("tables", &["remoting"]),
        ("tls", &[]),
        ("trust", &["files", "settings", "untrusted"]),
        ("unprivileged", &["accounts"]),
        // Its tests play the account.
        ("untrusted", &["accounts", "copies", "files", "owners", "unprivileged"]),
        ("web", &[]),
    ])
}

#[test]
fn every_module_uses_only_what_it_may() {
    let arrows = arrows();
    let src = root().join("agent/src");
    let mut wrong = Vec::new();
    for path in sources(&src) {
        let relative = path.strip_prefix(&src).unwrap();
        let module = relative.iter().next().unwrap().to_str().unwrap().trim_end_matches(".rs");
        if ["lib", "main", "cli", "daemon"].contains(&module) {
            continue;
        }
        let Some(allowed) = arrows.get(module) else {
            wrong.push(format!("{module} is not in the list of arrows"));
            continue;
        };
        let text = fs::read_to_string(&path).unwrap();
        for used in uses(&text) {
            if used != module && !allowed.contains(&used.as_str()) {
                wrong.push(format!("{} uses {used}", relative.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// First segments of all `crate::` paths, grouped imports included.
fn uses(text: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let name = |text: &str| text.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect::<String>();
    for (at, _) in text.match_indices("crate::") {
        let rest = &text[at + "crate::".len()..];
        let Some(group) = rest.strip_prefix('{') else {
            found.insert(name(rest));
            continue;
        };
        let (mut depth, mut start) = (0, true);
        for (index, c) in group.char_indices() {
            match c {
                '{' => depth += 1,
                '}' if depth == 0 => break,
                '}' => depth -= 1,
                ',' if depth == 0 => start = true,
                c if start && !c.is_whitespace() => {
                    found.insert(name(&group[index..]));
                    start = false;
                }
                _ => {}
            }
        }
    }
    found
}

#[test]
fn no_source_file_is_longer_than_400_lines() {
    let long: Vec<String> = sources(&root().join("agent"))
        .into_iter()
        .map(|path| (fs::read_to_string(&path).unwrap().lines().count(), path))
        .filter(|(lines, _)| *lines > 400)
        .map(|(lines, path)| format!("{}: {lines}", path.display()))
        .collect();
    assert!(long.is_empty(), "{}", long.join("\n"));
}
