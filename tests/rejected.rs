//! Every rule of a cluster file has a file that breaks it and the exact words that are said about it.
//! `UPDATE_EXPECTED=1 cargo test --test rejected` writes the words anew.
#![allow(clippy::unwrap_used, clippy::panic, missing_docs)]

use rocketmq_agent::cluster::{Cluster, ClusterError};
use rocketmq_agent_domain::{meaning::Language, problem::RULES};
use std::{collections::BTreeSet, fs, path::Path};

#[test]
fn every_bad_cluster_file_is_refused_with_exactly_these_words() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/rejected");
    let update = std::env::var_os("UPDATE_EXPECTED").is_some();
    let (mut seen, mut wrong) = (0, Vec::new());
    for entry in fs::read_dir(&folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|extension| extension != "toml") {
            continue;
        }
        seen += 1;
        let text = fs::read_to_string(&path).unwrap();
        let said = match Cluster::of(Path::new("cluster.toml"), text, None) {
            Ok(_) => "it was taken\n".to_owned(),
            Err(error) => format!("{:#}\n", anyhow::Error::from(error)),
        };
        let expected = path.with_extension("txt");
        if update {
            fs::write(&expected, &said).unwrap();
        }
        let wanted = fs::read_to_string(&expected).unwrap_or_default();
        if said != wanted || said == "it was taken\n" {
            wrong.push(format!("{}\n  said:   {said}  wanted: {wanted}", path.display()));
        }
    }
    assert!(seen >= 40, "only {seen} files");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_is_wrong_and_what_to_do_is_said_in_chinese_too() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/rejected");
    let mut english = Vec::new();
    for path in fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()) {
        let text = fs::read_to_string(&path).unwrap();
        match Cluster::of(Path::new("cluster.toml"), text, None) {
            _ if path.extension().is_none_or(|extension| extension != "toml") => {}
            Err(ClusterError::Invalid { problems, .. }) => {
                for problem in problems {
                    let told = problem.clone().in_language(Language::Chinese);
                    if told.what == problem.what || (told.fix == problem.fix && !problem.fix.is_empty()) {
                        english.push(told.to_string());
                    }
                }
            }
            Err(error) => {
                let told = error.in_words(Language::Chinese);
                english.extend(Some(told.clone()).filter(|told| *told == error.in_words(Language::English)));
            }
            Ok(_) => english.push(path.display().to_string()),
        }
    }
    assert!(english.is_empty(), "{}", english.join("\n"));
}

#[test]
fn every_rule_has_a_file_that_breaks_it() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut shown = BTreeSet::new();
    for entry in fs::read_dir(root.join("tests/fixtures/rejected")).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "txt") {
            for line in fs::read_to_string(path).unwrap().lines() {
                if let Some((_, rule)) = line.trim_end_matches(']').rsplit_once(" [") {
                    shown.insert(rule.to_owned());
                }
            }
        }
    }
    assert_eq!(shown, RULES.iter().map(|rule| (*rule).to_owned()).collect());
}
