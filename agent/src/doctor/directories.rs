//! The folders that must be there and usable.

use super::{Check, Finding, Host};
use crate::files::{self, Whose};
use rocketmq_agent_domain::observed::DirectoryState;

pub(super) static CHECK: Check = Check {
    id: "directories",
    what: "Each folder of each instance can be made, or is there and belongs to the right account.",
    why: "The agent starts nothing while one of them is unusable.",
    run,
    repair: None,
};

fn run(host: &Host) -> Vec<Finding> {
    let Ok(it) = &host.inventory else { return vec![Finding::skipped("no cluster file")] };
    let account = host.account.as_ref().ok().copied().flatten();
    let mut findings = Vec::new();
    let mut missing = 0;
    for directory in &it.desired.directories {
        let path = directory.path.display();
        match files::observe_directory(&directory.path, Whose::of(directory.owner, account)) {
            Ok(DirectoryState::Fine) => {}
            Ok(DirectoryState::Missing) => missing += 1,
            Ok(DirectoryState::Foreign(uid)) => findings.push(Finding::warn(
                format!("{path} can be changed by user id {uid}"),
                "the agent takes it over; where it does not run, start it",
            )),
            Ok(DirectoryState::ReadOnly) => findings.push(Finding::fail(
                format!("{path} is on a disk that is mounted read-only"),
                "`dmesg` says why where the disk failed; mount it for writing again",
            )),
            Ok(DirectoryState::Unusable(why)) => findings.push(Finding::fail(
                format!("{path} {why}"),
                "where it belongs to somebody else: `rocketmq-agent doctor --fix` while the instance does not run; else \
                 set base_dir in cluster.toml",
            )),
            Err(error) => findings.push(Finding::warn(format!("{:#}", anyhow::Error::from(error)), "")),
        }
    }
    if findings.is_empty() {
        let all = it.desired.directories.len();
        findings.push(Finding::ok(match missing {
            0 => format!("all {all} folders are there"),
            _ => format!("{missing} of {all} folders are not there yet; the agent makes them"),
        }));
    }
    findings
}
