//! What the program says of its own has its Chinese in the domain's `sentences/*.tsv`: held against its sources, sentence by
//! sentence, and against what it prints.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::panic, missing_docs)]

mod commands;

use rocketmq_agent::doctor::CHECKS;
use rocketmq_agent_domain::{
    meaning::Language,
    openings::{config_sync, openings},
    placement::place,
    sentences::{self, in_language},
    topology,
};
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Every string of Rust's in a source, without its tests and comments.
fn strings(source: &str) -> Vec<String> {
    let code = source.split("#[cfg(test)]").next().unwrap_or_default();
    let lines: Vec<&str> = code.lines().filter(|line| !line.trim_start().starts_with("//")).collect();
    let code = lines.join("\n").replace("'\"'", "");
    let mut found = Vec::new();
    let mut rest = code.chars();
    while rest.by_ref().any(|char| char == '"') {
        let mut text = String::new();
        while let Some(char) = rest.next().filter(|char| *char != '"') {
            match char {
                '\\' => match rest.next().unwrap() {
                    '\n' => rest = rest.as_str().trim_start().chars(),
                    'n' => text.push('\n'),
                    other => text.push(other),
                },
                _ => text.push(char),
            }
        }
        found.push(text);
    }
    found
}

/// The same with nothing in its holes, as they are named otherwise in the tables.
fn hollow(text: &str) -> String {
    let parts = text.split('{').enumerate();
    let parts =
        parts.map(|(at, part)| if at == 0 { part } else { part.split_once('}').map_or("", |(_, after)| after) });
    parts.collect::<Vec<_>>().join("{}")
}

fn words(text: &str) -> usize {
    hollow(text).split(|char: char| !char.is_ascii_alphabetic()).filter(|word| word.len() > 1).count()
}

fn source(path: &str) -> String {
    fs::read_to_string(root().join("agent/src").join(path)).unwrap()
}

fn without_a_row(said: impl Iterator<Item = String>) -> Vec<String> {
    let rows: BTreeSet<String> = sentences::all().map(|(english, _)| hollow(english)).collect();
    let lines = said.flat_map(|text| text.split('\n').map(str::to_owned).collect::<Vec<_>>());
    lines.filter(|line| !line.is_empty() && !rows.contains(&hollow(line))).collect()
}

/// What is read or typed, or names a thing that is the same in both languages.
const NO_SENTENCES: [&str; 4] =
    ["Max open files", "chmod 600 {}", "RocketMQ {version}", "openssl pkcs8 -topk8 -nocrypt -in {shown} -out NEW"];

#[test]
fn whatever_a_check_of_doctor_finds_and_advises_has_its_chinese() {
    let folder = root().join("agent/src/doctor");
    let mut files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| !path.ends_with("chinese.rs"));
    assert!(files.len() >= CHECKS.len());
    let general: BTreeSet<&str> = CHECKS.iter().flat_map(|check| [check.what, check.why]).collect();
    let said = files.iter().flat_map(|path| strings(&fs::read_to_string(path).unwrap()));
    let said = said.filter(|text| text.contains(' ') && words(text) > 0 && !general.contains(text.as_str()));
    let said: Vec<String> = said.filter(|text| !NO_SENTENCES.contains(&text.as_str())).collect();
    assert!(said.len() > 100, "{}", said.len());
    let missing = without_a_row(said.into_iter());
    assert!(missing.is_empty(), "not in agent/domain/src/sentences/doctor.tsv:\n{}", missing.join("\n"));
}

/// Errors and findings of others that a check hands on.
#[test]
fn what_doctor_hands_on_of_the_agents_own_has_its_chinese() {
    let files = ["accounts.rs", "host.rs", "java.rs", "owners.rs", "trust/own.rs"];
    let said: Vec<String> =
        files.iter().flat_map(|path| strings(&source(path))).filter(|it| it.contains(' ') && words(it) > 2).collect();
    assert!(said.len() > 15, "{}", said.len());
    let missing = without_a_row(said.into_iter().filter(|text| text != "writing to a String cannot fail"));
    assert!(missing.is_empty(), "not in agent/domain/src/sentences/doctor.tsv:\n{}", missing.join("\n"));
}

/// What stands before every sentence, is put together of others, is kept in the history, or is a value of a finding.
const NO_ANSWERS: [&str; 5] = [
    "rocketmq-agent: {}",
    "  {seat}: `rocketmq-agent restart {}` on {}\n",
    "{name}: everything is as it should be{nothing}",
    "back to generation {}",
    "no master is registered with a NameServer",
];

#[test]
fn what_plan_and_apply_say_has_its_chinese() {
    let said = ["cli/apply.rs", "cli/changes.rs", "cli/plan.rs", "cli/question.rs"].map(|path| strings(&source(path)));
    let said = said.into_iter().flatten().chain(strings(include_str!("../../agent/domain/src/plan/mod.rs")));
    let said: Vec<String> =
        said.filter(|it| it.contains(' ') && words(it) > 1 && !NO_ANSWERS.contains(&it.as_str())).collect();
    assert!(said.len() > 30, "{}", said.len());
    // Each stands in a line of its own, or behind what it is about.
    let rows: Vec<String> = sentences::all().map(|(english, _)| hollow(english)).collect();
    let has_row = |text: &str| rows.iter().any(|row| row.trim_start_matches("{}: ").contains(text.trim()));
    let missing: Vec<_> = said.iter().filter(|it| !has_row(hollow(it).trim_start_matches("{}: "))).collect();
    assert!(missing.is_empty(), "not in agent/domain/src/sentences/changes.tsv:\n{missing:#?}");
}

#[test]
fn a_plan_is_shown_in_chinese_and_lines_of_files_are_left_as_they_are() {
    for (english, chinese) in [
        (
            "vm1: write /var/lib/rocketmq/broker-a/conf/broker.conf",
            "vm1：写 /var/lib/rocketmq/broker-a/conf/broker.conf",
        ),
        (
            "vm1: broker-a takes fileReservedTime = 48 while it runs",
            "vm1：broker-a 不用重启就采用 fileReservedTime = 48",
        ),
        ("vm3: is new", "vm3：新的主机"),
        ("vm1: /x/broker.conf is new", "vm1：/x/broker.conf 是新的"),
        ("vm1 broker-a: blocked: 磁盘满了", "vm1 broker-a：受阻：磁盘满了"),
        ("commit this as generation 7?", "作为第 7 代提交吗？"),
        (
            "vm2: not yet (does not hold it yet); it takes it when it can",
            "vm2：还没有（还没有持有它）；它能接受时就会接受",
        ),
        (
            "  vm1 broker-a: `rocketmq-agent restart broker-a` on vm1",
            "  vm1 broker-a：在 vm1 上执行 `rocketmq-agent restart broker-a`",
        ),
    ] {
        assert_eq!(in_chinese(english), chinese);
    }
}

fn in_chinese(text: &str) -> String {
    in_language(Language::Chinese, text)
}

#[test]
fn every_port_and_what_comes_of_dialling_it_is_said_in_chinese() {
    for mode in ["2m-2s-sync", "controller", "dledger"] {
        let hosts: String =
            (1..4).map(|at| format!("[[host]]\nname = \"vm{at}\"\naddress = \"10.0.0.{at}\"\n")).collect();
        let text = format!("[cluster]\nmode = \"{mode}\"\n[rocketmq]\nversion = \"5.5.0\"\n[proxy]\n{hosts}");
        let topology = topology::read(&text).unwrap();
        let placement = place(&topology, None).unwrap();
        let of_all = topology
            .hosts
            .iter()
            .flat_map(|it| openings(&topology, &placement, it).into_iter().chain(config_sync(&topology, it)));
        for opening in of_all {
            assert_ne!(in_chinese(opening.why), opening.why);
            let line =
                format!("{} {} from vm2 (10.0.0.2), vm3 (10.0.0.3): {}", opening.port, opening.what, opening.why);
            assert!(in_chinese(&line).contains("来源：vm2 (10.0.0.2), vm3 (10.0.0.3)；"), "{}", in_chinese(&line));
            let open = format!("{} of vm2 at 10.0.0.2:1 is open", opening.what);
            let open = in_chinese(&open);
            assert!(open.starts_with("vm2 的 ") && open.ends_with("（10.0.0.2:1）开着"), "{open}");
            let silent = format!(
                "vm2 gets no answer from {} of this host at 10.0.0.1:1: a firewall here, or on the way, drops what it sends",
                opening.what
            );
            assert!(in_chinese(&silent).starts_with("vm2 从这台主机的 "), "{}", in_chinese(&silent));
        }
    }
}

/// Lines with three English words in a row, other than in what is to be typed and in what the kernel says.
fn prose(text: &str) -> Vec<String> {
    let is_word = |word: &&str| word.len() > 1 && word.bytes().all(|it| it.is_ascii_lowercase());
    let is_prose = |line: &&str| {
        let shown = line.split('`').step_by(2).collect::<Vec<_>>().join("。");
        let words: Vec<&str> = shown.split(' ').collect();
        let of_others = ["(os error ", "journalctl: "].iter().any(|words| shown.contains(words));
        let typed = shown.trim_start().starts_with("nft ");
        !typed && !of_others && words.windows(3).any(|three| three.iter().all(&is_word))
    };
    text.lines().filter(is_prose).map(str::to_owned).collect()
}

/// One look at this machine for a cluster of others, and for files that cannot be used.
#[test]
fn doctor_prints_no_english_prose_where_chinese_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("cluster.toml");
    let host = |at: u8, address: &str| format!("[[host]]\nname = \"vm{at}\"\naddress = \"{address}\"\n");
    let hosts = [host(1, "127.0.0.1"), host(2, "127.0.0.2")].concat();
    let whole = format!("[cluster]\nmode = \"2m-2s-sync\"\n[rocketmq]\nversion = \"4.9.4\"\n{hosts}");
    let unknown = whole.replace("mode =", "mood =");
    for (text, own) in [(whole.as_str(), "vm1"), (whole.as_str(), "vm9"), (unknown.as_str(), "vm1")] {
        fs::write(&file, text).unwrap();
        let settings = folder.path().join("agent.toml");
        let state = folder.path().join("state");
        let lines = [("cluster_file", file.as_path()), ("state_dir", &state)];
        let lines = lines.map(|(key, path)| format!("{key} = \"{}\"\n", path.display())).concat();
        fs::write(&settings, format!("host = \"{own}\"\n{lines}")).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_rocketmq-agent"));
        let output = command.args(["doctor", "--lang", "zh", "--config"]).arg(&settings).output().unwrap();
        let shown = String::from_utf8(output.stdout).unwrap();
        assert_eq!(output.stderr, b"", "{own}: {}", String::from_utf8_lossy(&output.stderr));
        assert!(shown.contains(&format!("{} 项检查：", CHECKS.len())), "{shown}");
        assert_eq!(prose(&shown), Vec::<String>::new(), "{shown}");
    }
}

#[test]
fn prose_is_told_from_names_and_from_what_is_to_be_typed() {
    assert_eq!(
        prose("a 开着 is not open\n运行 `systemctl start the thing now`\nvm1 broker-a（ext4 on）"),
        ["a 开着 is not open"]
    );
}
