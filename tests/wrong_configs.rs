//! Lines that people were seen to write into broker.conf: what RocketMQ made of each, as tests/rocketmq/wrong-configs.py
//! saw it on real brokers, and what this agent says. `UPDATE_EXPECTED=1 cargo test --test wrong_configs` writes the page.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::panic, missing_docs)]

use rocketmq_agent_domain::topology;
use std::{collections::BTreeMap, fmt::Write, fs, path::Path};

const RECORDED: [&str; 2] = ["4.9.4", "5.5.0"];

struct Case {
    id: String,
    key: String,
    value: String,
    only: Option<String>,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn cases() -> Vec<Case> {
    let text = fs::read_to_string(root().join("tests/fixtures/wrong-configs/cases.toml")).unwrap();
    let table: toml::Table = text.parse().unwrap();
    let text = |case: &toml::Value, key: &str| case.get(key).map(|value| value.as_str().unwrap().to_owned());
    let case = |case: &toml::Value| Case {
        id: text(case, "id").unwrap(),
        key: text(case, "key").unwrap(),
        value: text(case, "value").unwrap().replace("{dir}", "/data"),
        only: text(case, "only"),
    };
    table["case"].as_array().unwrap().iter().map(case).collect()
}

/// What a release made of each case, by its id.
fn record(version: &str) -> BTreeMap<String, String> {
    let path = root().join(format!("tests/fixtures/wrong-configs/{version}.tsv"));
    let text = fs::read_to_string(path).unwrap();
    let entry = |line: &str| line.split_once('\t').map(|(id, became)| (id.to_owned(), became.to_owned())).unwrap();
    text.lines().map(entry).collect()
}

/// What the agent says about the line, in a cluster of that release.
fn said(case: &Case, version: &str) -> Option<String> {
    let file = format!(
        "[cluster]\nmode = \"single\"\n[rocketmq]\nversion = \"{version}\"\n[[host]]\nname = \"vm1\"\naddress = \"10.0.0.1\"\n\
         [broker.config]\n{} = {:?}\n",
        case.key, case.value
    );
    let problems = topology::read(&file).err()?;
    let [problem] = &problems[..] else { panic!("{}: {problems:?}", case.id) };
    let fix = if problem.fix.is_empty() { String::new() } else { format!("; {}", problem.fix) };
    Some(format!("{}{fix} [{}]", problem.what, problem.rule))
}

fn page() -> String {
    let mut text = String::from(
        "# Wrong broker.conf lines\n\n\
         RocketMQ drops a key that it does not know and a value that it cannot read without a word. Here are lines that people\n\
         were seen to write, what became of each on a real broker (`tests/rocketmq/wrong-configs.py` started them and asked\n\
         for their configuration), and what `rocketmq-agent check` says about the same line in `[broker.config]`. A `·` is a\n\
         blank. Made from the records and the code (`cargo test --test wrong_configs`).\n\n",
    );
    let records = RECORDED.map(record);
    for case in cases() {
        let value = if case.value.ends_with(' ') { case.value.replace(' ', "·") } else { case.value.clone() };
        write!(text, "## `{}={value}`\n\n", case.key).unwrap();
        for (version, record) in RECORDED.iter().zip(&records) {
            if let Some(became) = record.get(&case.id) {
                writeln!(text, "- RocketMQ {version}: {became}").unwrap();
            }
        }
        let version = case.only.as_deref().unwrap_or(RECORDED[1]);
        writeln!(text, "- the agent: {}\n", said(&case, version).unwrap_or_else(|| "it was taken".to_owned())).unwrap();
    }
    text
}

#[test]
fn none_of_them_reaches_a_broker() {
    let cases = cases();
    assert!(cases.len() >= 30);
    let taken: Vec<String> = cases
        .iter()
        .flat_map(|case| RECORDED.map(|version| (case, version)))
        .filter(|(case, version)| case.only.as_deref().is_none_or(|only| only == *version))
        .filter(|(case, version)| said(case, version).is_none())
        .map(|(case, version)| format!("{version}: {}", case.id))
        .collect();
    assert!(taken.is_empty(), "{taken:?}");
}

#[test]
fn each_was_seen_on_a_real_broker() {
    for version in RECORDED {
        let seen = record(version);
        let wanted = cases().into_iter().filter(|case| case.only.as_deref().is_none_or(|only| only == version));
        assert_eq!(seen.len(), wanted.inspect(|case| assert!(seen.contains_key(&case.id), "{}", case.id)).count());
    }
}

#[test]
fn the_page_says_what_both_say() {
    let path = root().join("docs/wrong-configs.md");
    if std::env::var_os("UPDATE_EXPECTED").is_some() {
        fs::write(&path, page()).unwrap();
    }
    assert_eq!(fs::read_to_string(path).unwrap(), page());
}
