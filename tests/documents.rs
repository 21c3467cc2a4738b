//! The documents say what the code does. `UPDATE_EXPECTED=1 cargo test --test documents` writes the generated ones.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::panic, missing_docs)]

use rocketmq_agent::doctor::CHECKS;
use rocketmq_agent_domain::{
    catalogue,
    cluster_file::shape::{Kind, ROOT, every_key},
    desired::{java_options::OPENED, javas},
    finding,
    meaning::{self, Language},
};
use std::{collections::BTreeSet, fs, path::Path};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn reference() -> String {
    let mut text = String::from(
        "# The cluster file, key by key\n\n\
         One file, the same on every host: `/etc/rocketmq-agent/cluster.toml`. `rocketmq-agent check` validates it offline\n\
         and reports every mistake at once. This page is made from the code (`cargo test --test documents`).\n\n\
         Sizes are written `512M`, `8G`, `64KB` (multiples of 1024). Paths are absolute. For one JVM the levels add up in\n\
         this order, the later winning key by key: `[broker]`, `[broker.master]` or `[broker.slave]`, `[host.broker]` and its\n\
         role, `[[group]]` and its role; `java_options` of all levels are kept, the widest first.\n\n\
         Role, id, name, addresses, ports, NameServers, store paths and replica counts follow from this file and cannot be\n\
         set in `config`: `check` says where each comes from. Every other key is checked against those that the release has,\n\
         read out of its jars; for a release between two that were read, a key of either is taken, and `check` says so.\n",
    );
    for (path, key) in every_key(ROOT) {
        let kind = match key.kind {
            Kind::Section(_) => {
                text += &format!("\n## `[{path}]`\n\n{}\n\n", key.doc);
                continue;
            }
            Kind::Sections(_) => {
                text += &format!("\n## `[[{path}]]`\n\n{}\n\n", key.doc);
                continue;
            }
            Kind::Text => "string",
            Kind::Integer => "number",
            Kind::Flag => "true/false",
            Kind::Texts => "strings",
            Kind::Properties => "table",
        };
        text += &format!("- **`{}`** ({kind}; default: {}). {}\n", key.name, key.default, key.doc);
    }
    text
}

/// A page that is made from the code is as it would be made now.
#[track_caller]
fn is_page(name: &str, text: &str) {
    let path = root().join("docs").join(name);
    if std::env::var_os("UPDATE_EXPECTED").is_some() {
        fs::write(&path, text).unwrap();
    }
    assert_eq!(fs::read_to_string(path).unwrap(), text);
}

#[test]
fn the_page_of_cluster_file_keys_is_what_the_code_takes() {
    is_page("cluster-file.md", &reference());
}

fn checks() -> String {
    let mut text = String::from(
        "# doctor, check by check\n\n\
         `rocketmq-agent doctor` looks a host over, before the agent runs and beside it, and changes nothing. `doctor disk\n\
         reach` runs these two, `--json` is for scripts, and the exit status is 1 where a check fails. `--fix` puts right what\n\
         is safe to; which checks know how is said here. `--lang zh`, or LANG, has it say all of it in Chinese. This page is made from\n\
         the code (`cargo test --test documents`).\n",
    );
    for check in CHECKS {
        let fix = if check.can_repair() { " `--fix` puts it right, while the instance does not run." } else { "" };
        text += &format!("\n## `{}`\n\n{}\n\nWhy: {}{fix}\n", check.id, check.what, check.why);
    }
    text
}

#[test]
fn the_page_of_checks_is_what_doctor_does() {
    is_page("doctor.md", &checks());
}

fn java() -> String {
    let mut text = String::from(
        "# Which Java runs which release\n\n\
         The agent starts `java` itself, with options of its own; RocketMQ's scripts, which keep releases up to 4.9.2 on Java 8,\n\
         are not used. **tried**: with these options a NameServer and a master started, messages were sent and read back; after a\n\
         kill -9 the master recovered its store, took and gave messages again, and was stopped cleanly. *expected*: not tried;\n\
         all releases are compiled for Java 8. Without a `java_home` in cluster.toml the agent takes 17, then 11, 21, 8, then the\n\
         newest that it accepts. This page is made from the code (`cargo test --test documents`).\n\n| RocketMQ |",
    );
    text += &javas::RELEASES.map(|java| format!(" Java {java} |")).concat();
    text += &format!("\n|---{}|\n", "|---".repeat(javas::RELEASES.len()));
    for version in catalogue::releases() {
        let tried = javas::tried(*version).unwrap_or_default();
        let cell = |java| if tried.contains(&java) { " **tried** |" } else { " *expected* |" };
        text += &format!("| {version} |{}\n", javas::RELEASES.map(cell).concat());
    }
    let opened = OPENED.map(|package| format!("`{package}`")).join(", ");
    text += &format!(
        "\n## Options\n\n\
         - On Java 8 the log of the garbage collector is `-Xloggc:`, with `-XX:+UseGCLogFileRotation` and its companions; from 9\n  \
         on it is `-Xlog:gc*`. G1 is asked for everywhere.\n\
         - From Java 9 on: `--add-opens=java.base/PACKAGE=ALL-UNNAMED` for {opened}.\n  \
         4.7.0 does not start on Java 17 without them, 4.9.4 starts, deletes no expired file and does not come up after a\n  \
         crash; 5.5.0 needs none.\n\
         - Java 25 warns on the console of `sun.misc.Unsafe` and of native access, which netty and others use. It runs.\n"
    );
    text
}

#[test]
fn the_page_of_javas_is_what_the_code_accepts_and_what_was_tried() {
    is_page("java.md", &java());
}

fn reasons(language: Language) -> String {
    let (mut text, why, next) = match language {
        Language::English => (
            "# Reasons and rules, id by id\n\n[简体中文](reasons.zh-CN.md)\n\n\
             What the ids mean that `status`, `/readyz?verbose`, `/metrics`, the log and `check` name. `rocketmq-agent explain ID` says\n\
             the same, without an agent too; `rocketmq-agent explain` says what is not well now, `rocketmq-agent explain INSTANCE`\n\
             what is with one. Checks of `doctor`: `docs/doctor.md`. Made from the code (`cargo test --test documents`).\n"
                .to_owned(),
            "*Why it matters:* ",
            " *Next:* ",
        ),
        Language::Chinese => (
            "# 原因和规则，逐个说明\n\n[English](reasons.md)\n\n\
             `status`、`/readyz?verbose`、`/metrics`、日志和 `check` 中出现的 id 是什么意思。`rocketmq-agent explain ID` 说的相同，没有\n\
             agent 时也可以；`rocketmq-agent explain` 说明现在哪里不好，`rocketmq-agent explain INSTANCE` 说明某个实例的情况。语言由\n\
             `--lang` 或 LANG 决定。`doctor` 的检查见 `docs/doctor.md`。本页由代码生成（`cargo test --test documents`）。\n"
                .to_owned(),
            "*为什么要紧：*",
            "*怎么办：*",
        ),
    };
    for chapter in meaning::chapters(language) {
        text += &format!("\n## {}\n\n", chapter.title);
        for it in chapter.meanings {
            let blank = if language == Language::English { " " } else { "" };
            text += &format!("- **`{}`** {}{blank}{why}{}{next}{}\n", it.id, it.means, it.matters, it.act);
        }
    }
    text
}

#[test]
fn the_pages_of_reasons_are_what_explain_says() {
    for (name, language) in [("reasons.md", Language::English), ("reasons.zh-CN.md", Language::Chinese)] {
        is_page(name, &reasons(language));
    }
}

/// The ids of the causes that a file of the agent makes; what its tests make up does not count.
fn ids_in(code: &str) -> BTreeSet<String> {
    let code = code.split("#[cfg(test)]").next().unwrap().split_whitespace().collect::<Vec<_>>().join(" ");
    let code = code.replace("( ", "(");
    let places = ["cause(\"", "block(None, \"", "block(Some(&launch.instance), \"", " id: \""];
    let after = places.iter().flat_map(|place| code.split(place).skip(1));
    after.filter_map(|rest| rest.split_once('"').map(|(id, _)| id.to_owned())).collect()
}

fn sources(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let sources = entries.flat_map(|path| match path.is_dir() {
        true if path.ends_with("tests") => Vec::new(),
        true => sources(&path),
        false if path.extension().is_some_and(|it| it == "rs") && !path.ends_with("tests.rs") => {
            vec![fs::read_to_string(&path).unwrap()]
        }
        false => Vec::new(),
    });
    sources.collect()
}

#[test]
fn every_id_that_the_agent_gives_is_explained() {
    let root = root().join("agent");
    let mut given: BTreeSet<String> = ["src", "domain/src"]
        .iter()
        .flat_map(|folder| sources(&root.join(folder)))
        .flat_map(|code| ids_in(&code))
        .collect();
    given.extend(finding::all().map(|finding| finding.id.to_owned()));
    // Names of vulnerabilities are no ids of ours.
    given.retain(|id| !id.starts_with("CVE") && CHECKS.iter().all(|check| check.id != id));
    assert!(given.len() > 100, "{given:?}");
    let unknown: Vec<&String> = given.iter().filter(|id| meaning::of(id).is_none()).collect();
    assert!(unknown.is_empty(), "agent/domain/src/meaning says nothing of {unknown:?}");
    let code = texts(&root, &[".rs"]);
    let ids = meaning::all().map(|it| it.id);
    // Once in each language, and where it is given.
    let unused: Vec<&str> = ids.filter(|id| code.matches(&format!("\"{id}\"")).count() < 3).collect();
    assert!(unused.is_empty(), "explained, and given nowhere: {unused:?}");
}

#[test]
fn every_check_has_a_name_of_its_own() {
    let ids: BTreeSet<&str> = CHECKS.iter().map(|check| check.id).collect();
    assert_eq!(ids.len(), CHECKS.len());
    assert!(ids.iter().all(|id| id.chars().all(|c| c.is_ascii_lowercase() || c == '-')), "{ids:?}");
}

/// All texts below a folder whose file names end so.
fn texts(folder: &Path, ends: &[&str]) -> String {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let read = |path: std::path::PathBuf| match path.is_dir() {
        true => texts(&path, ends),
        false if ends.iter().any(|end| path.to_string_lossy().ends_with(end)) => fs::read_to_string(&path).unwrap(),
        false => String::new(),
    };
    entries.map(read).collect()
}

#[test]
fn each_of_the_forty_pains_is_met_where_the_table_says() {
    let page = fs::read_to_string(root().join("docs/pains.md")).unwrap();
    let rows: Vec<&str> = page.lines().filter(|line| line.starts_with("| ")).skip(1).collect();
    let numbers: Vec<String> = rows.iter().map(|row| row.split('|').nth(1).unwrap().trim().to_owned()).collect();
    assert_eq!(numbers, (1..=40).map(|number| number.to_string()).collect::<Vec<_>>());
    let code = texts(&root().join("agent"), &[".rs"]);
    let unit = texts(&root().join("agent/domain/src/unit"), &["mod.rs"]);
    let rendered = texts(&root().join("tests/fixtures/rendered/2m-2s-sync"), &[".conf", ".command"]);
    for row in rows {
        assert!(["`", "*Open*", "*not ours*"].iter().any(|word| row.contains(word)), "nothing is said: {row}");
        let names = row.split('`').skip(1).step_by(2).filter_map(|word| word.split_once(':'));
        for (kind, name) in names {
            let is_there = match kind {
                "doctor" => CHECKS.iter().any(|check| check.id == name),
                "rule" => root().join(format!("tests/fixtures/rejected/{name}.toml")).exists(),
                "key" => rendered.contains(name),
                "unit" => unit.contains(&format!("\"{name}\"")),
                "reason" => code.contains(&format!("\"{name}\"")),
                _ => false,
            };
            assert!(is_there, "there is no {kind}:{name}: {row}");
        }
    }
}

/// Every path of this repository that a document names in backticks is there.
#[test]
fn every_path_that_a_document_names_exists() {
    let mut missing = Vec::new();
    for document in [
        "README.md",
        "docs/architecture.md",
        "docs/config-register.md",
        "docs/config-sync.md",
        "docs/monitoring.md",
        "CONTRIBUTING.md",
    ] {
        let text = fs::read_to_string(root().join(document)).unwrap();
        for word in text.split('`').skip(1).step_by(2) {
            let first = word.split('/').next().unwrap_or_default();
            let ours = ["agent", "tests", "conf", "systemd", "packaging", "docs", ".ci"].contains(&first);
            if ours && word.contains('/') && !word.contains(['*', ' ', '<', '{']) && !root().join(word).exists() {
                missing.push(format!("{document}: {word}"));
            }
        }
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}

/// What is typed, named or shown, without what is said about it: code blocks without comments, first columns, headings' count.
fn skeleton(readme: &str) -> Vec<String> {
    let mut in_code = false;
    let lines = readme.lines().filter_map(|line| {
        if line.starts_with("```") {
            in_code = !in_code;
            return Some(line.to_owned());
        }
        let is_row = line.starts_with("| `");
        match in_code {
            true => Some(line.split(" # ").next().unwrap_or_default().trim_end().to_owned()),
            false if line.starts_with("## ") => Some("##".to_owned()),
            // A mode's requirement stands beside its name.
            false if is_row => {
                line.split('|').nth(1).map(|cell| cell.split(['(', '（']).next().unwrap().trim().to_owned())
            }
            false => None,
        }
    });
    lines.filter(|line| !line.is_empty()).collect()
}

#[test]
fn the_chinese_readme_has_the_same_commands_paths_and_files() {
    let read = |name| fs::read_to_string(root().join(name)).unwrap();
    assert_eq!(skeleton(&read("README.zh-CN.md")), skeleton(&read("README.md")));
}
