//! Whose the files in the instances' folders are.

use super::{Check, Finding, Host};
use crate::{
    accounts::Account,
    owners::{Strangers, give, strangers},
    unprivileged,
};
use anyhow::{Context, bail};
use rocketmq_agent_domain::desired::Instance;
use std::{
    io,
    path::{Path, PathBuf},
};

pub(super) static CHECK: Check = Check {
    id: "owners",
    what: "Every file in store, logs and tmp of each instance belongs to the account that it runs as.",
    why: "Containers and hand-started brokers leave files of other users. A broker that cannot write one of them ends with \
          an error that names something else.",
    run,
    repair: Some(repair),
};

/// What RocketMQ writes. `conf` is not among them: the agent writes it, and brokers only read it.
const WRITTEN: [&str; 3] = ["store", "logs", "tmp"];

fn trees(instance: &Instance) -> Vec<PathBuf> {
    WRITTEN.iter().map(|name| instance.launch.directory.join(name)).collect()
}

/// As the account: what it may not enter belongs to somebody else.
fn strangers_below(tree: &Path, account: Account) -> io::Result<Option<Strangers>> {
    unprivileged::run(Some(account), || strangers(tree, account))?
}

fn run(host: &Host) -> Vec<Finding> {
    let account = match &host.account {
        Ok(Some(account)) => *account,
        _ => return vec![Finding::skipped("the instances run as the agent's own user")],
    };
    let mut findings = Vec::new();
    for tree in host.instances().iter().flat_map(trees) {
        match strangers_below(&tree, account) {
            Ok(None) => {}
            Ok(Some(found)) => findings.push(Finding::fail(
                found.to_string(),
                format!(
                    "`rocketmq-agent doctor --fix` gives them to {}:{} while the instance does not run",
                    account.uid, account.gid
                ),
            )),
            Err(error) => {
                findings.push(Finding::warn(format!("{} cannot be looked through: {error}", tree.display()), ""))
            }
        }
    }
    findings
}

fn repair(host: &Host) -> anyhow::Result<Vec<String>> {
    let Ok(Some(account)) = host.account else { return Ok(Vec::new()) };
    let mut done = Vec::new();
    for instance in host.instances() {
        let home = &instance.launch.directory;
        let mut wrong = Vec::new();
        for tree in trees(instance) {
            if strangers_below(&tree, account).with_context(|| tree.display().to_string())?.is_some() {
                wrong.push(tree);
            }
        }
        if wrong.is_empty() {
            continue;
        }
        if let Some(occupant) = Host::occupant(instance)? {
            bail!("{occupant} works in {}: nothing is changed there before it has ended", home.display());
        }
        for tree in wrong {
            let given = give(&tree, account).with_context(|| format!("cannot give all of {}", tree.display()))?;
            done.push(format!(
                "gave {} files and folders of {} to {}:{}",
                given.count,
                tree.display(),
                account.uid,
                account.gid
            ));
            let left = given.left.iter().map(|path| format!("left {}: it has a second name elsewhere", path.display()));
            done.extend(left);
        }
    }
    Ok(done)
}
