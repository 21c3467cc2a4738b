//! Who may read files with secrets in them.

use super::{Check, Finding, Host};
use rocketmq_agent_domain::secret;
use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

pub(super) static CHECK: Check = Check {
    id: "secrets",
    what: "Files that may hold passwords or keys are readable by their owner only.",
    why: "The records of the agent hold the environment of each JVM; a cluster file may hold keys.",
    run,
    repair: None,
};

fn run(host: &Host) -> Vec<Finding> {
    let state = &host.settings.state_dir;
    let mut files = vec![state.join("applied.json")];
    let records = fs::read_dir(state.join("run")).into_iter().flatten().flatten().map(|entry| entry.path());
    files.extend(records.filter(|path| path.extension().is_some_and(|it| it == "json")));
    let cluster_file = &host.settings.cluster_file;
    if fs::read_to_string(cluster_file).is_ok_and(|text| holds_secret(&text)) {
        files.push(cluster_file.clone());
    }
    let open: Vec<PathBuf> = files.iter().filter(|path| is_open(path)).cloned().collect();
    if open.is_empty() {
        return vec![Finding::ok(format!("{} files looked at", files.iter().filter(|path| path.exists()).count()))];
    }
    let finding = |path: &PathBuf| {
        Finding::fail(format!("{} can be read by others", path.display()), format!("chmod 600 {}", path.display()))
    };
    open.iter().map(finding).collect()
}

fn is_open(path: &Path) -> bool {
    fs::metadata(path).is_ok_and(|found| found.mode() & 0o077 != 0)
}

/// A key whose name says that its value is one.
fn holds_secret(text: &str) -> bool {
    let keys = text.lines().filter_map(|line| Some(line.trim_start().split_once('=')?.0));
    keys.filter(|key| !key.starts_with('#')).any(secret::is_secret)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_that_is_commented_out_is_no_secret() {
        assert!(holds_secret("[broker.config]\n  sslPassword = \"x\"\n"));
        assert!(!holds_secret("# password = \"x\"\nname = \"password\"\n"));
    }
}
