//! Every rule of a cluster file has a file that breaks it and the exact words that are said about it.
//! `UPDATE_EXPECTED=1 cargo test --test rejected` writes the words anew.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::panic, missing_docs)]

use rocketmq_agent::cluster::{Cluster, ClusterError};
use rocketmq_agent_domain::{meaning::Language, problem::RULES};
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// What is said of each bad file.
fn refused() -> Vec<(PathBuf, Result<Cluster, ClusterError>)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/rejected");
    let paths = fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
    let files = paths.filter(|path| path.extension().is_some_and(|extension| extension == "toml"));
    let of = |path: &Path| Cluster::of(Path::new("cluster.toml"), fs::read_to_string(path).unwrap(), None);
    let refused: Vec<_> = files.map(|path| (path.clone(), of(&path))).collect();
    assert!(refused.len() >= 40, "only {} files", refused.len());
    refused
}

#[test]
fn every_bad_cluster_file_is_refused_with_exactly_these_words() {
    let update = std::env::var_os("UPDATE_EXPECTED").is_some();
    let mut wrong = Vec::new();
    for (path, refused) in refused() {
        let said = match refused {
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
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn what_is_wrong_and_what_to_do_is_said_in_chinese_too() {
    let mut english = Vec::new();
    for (path, refused) in refused() {
        match refused {
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

/// Looks at what is said, and not at the files with the words, which may be being written.
#[test]
fn every_rule_has_a_file_that_breaks_it() {
    let mut shown = BTreeSet::new();
    for (_, refused) in refused() {
        if let Err(ClusterError::Invalid { problems, .. }) = refused {
            shown.extend(problems.into_iter().map(|problem| problem.rule));
        }
    }
    assert_eq!(shown, RULES.iter().copied().collect());
}
