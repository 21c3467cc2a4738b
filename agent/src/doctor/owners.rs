//! Whose the files in the instances' folders are.

use super::{Check, Finding, Host};
use crate::owners::{give, strangers};
use anyhow::{Context, bail};
use rocketmq_agent_domain::desired::Instance;
use std::path::PathBuf;

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

fn run(host: &Host) -> Vec<Finding> {
    let account = match &host.account {
        Ok(Some(account)) => *account,
        _ => return vec![Finding::skipped("the instances run as the agent's own user")],
    };
    let mut findings = Vec::new();
    for tree in host.instances().iter().flat_map(trees) {
        match strangers(&tree, account) {
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
            if strangers(&tree, account).with_context(|| tree.display().to_string())?.is_some() {
                wrong.push(tree);
            }
        }
        // The instance's own folder, without what else lies in it.
        let own_folder = files_owner(home).is_some_and(|uid| uid != account.uid);
        if wrong.is_empty() && !own_folder {
            continue;
        }
        if let Some(occupant) = Host::occupant(instance)? {
            bail!("{occupant} works in {}: nothing is changed there before it has ended", home.display());
        }
        if own_folder {
            std::os::unix::fs::lchown(home, Some(account.uid), Some(account.gid))
                .with_context(|| format!("cannot give {}", home.display()))?;
            done.push(format!("gave {} to {}:{}", home.display(), account.uid, account.gid));
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

/// Of a folder; `None` where it is not there or is a link.
fn files_owner(path: &std::path::Path) -> Option<u32> {
    use std::os::unix::fs::MetadataExt;
    std::fs::symlink_metadata(path).ok().filter(|found| found.is_dir()).map(|found| found.uid())
}
