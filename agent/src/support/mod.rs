//! One archive for whoever helps: what this host should run, what it runs, and what it says about it. In: the settings,
//! and what was asked of the agent. Out: a `.tar.gz` for its owner alone, in which secrets are blanked. What cannot be had
//! is named in it: a host in trouble is what this is made for.

mod archive;
mod host;

pub use archive::Archive;

use crate::{
    accounts::{self, Account},
    cluster::Applied,
    inventory::Inventory,
    settings::Settings,
    unprivileged, untrusted,
};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// Where units of this host's own lie.
const UNITS: &str = "/etc/systemd/system";
/// Of a log, this much of its end.
const LOG_TAIL: u64 = 512 << 10;
/// Of an instance, this many logs, the newest first.
const LOGS: usize = 24;

/// Gathers everything that lies on this host.
///
/// # Errors
/// The archive cannot be written.
pub fn gather(archive: &mut Archive, settings: &Settings, config: &Path) -> std::io::Result<()> {
    let account = accounts::intended(settings.embedded.run_as);
    archive.add("versions.txt", &host::versions())?;
    archive.add_file("agent.toml", config)?;
    archive.add_file("cluster.toml", &settings.cluster_file)?;
    match Applied::read(&settings.state_dir) {
        Ok(Some(applied)) => {
            archive.add("applied/cluster.toml", &applied.cluster_file)?;
            archive.add("applied/placement.json", &serde_json::to_string_pretty(&applied.placement)?)?;
        }
        Ok(None) => archive.lacks("applied", "nothing was applied on this host yet"),
        Err(error) => archive.lacks("applied", format!("{:#}", anyhow::Error::from(error))),
    }
    match Inventory::applied(settings) {
        Ok(Some(inventory)) => {
            for instance in &inventory.desired.instances {
                let name = instance.launch.instance.as_str();
                add_instance(archive, &format!("instances/{name}"), &instance.launch.directory, account)?;
            }
        }
        Ok(None) => archive.lacks("instances", "no cluster file of this host is known"),
        Err(error) => archive.lacks("instances", format!("{error:#}")),
    }
    let of_ours = |path: &PathBuf| path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("rocketmq"));
    for unit in files(Path::new(UNITS)).into_iter().filter(of_ours) {
        archive.add_file(&format!("units/{}", name_of(&unit)), &unit)?;
    }
    match host::journal() {
        Ok(text) => archive.add("journal.txt", &text),
        Err(why) => {
            archive.lacks("journal.txt", why);
            Ok(())
        }
    }
}

/// Its configuration, its console, and the ends of its logs, which are read as its account.
fn add_instance(archive: &mut Archive, folder: &str, home: &Path, account: Option<Account>) -> std::io::Result<()> {
    for file in files(&home.join("conf")) {
        archive.add_file(&format!("{folder}/conf/{}", name_of(&file)), &file)?;
    }
    let console = home.join("console.log");
    if console.exists() {
        archive.add_tail(&format!("{folder}/console.log"), &console, LOG_TAIL)?;
    }
    let logs = home.join("logs");
    let found = unprivileged::run(account, || logs_in(&logs))?;
    if found.is_empty() {
        archive.lacks(&format!("{folder}/logs"), format!("there are no logs in {}", logs.display()));
    }
    for (log, text) in found {
        archive.add_read(&format!("{folder}/logs/{}", name_of(&log)), &log, text)?;
    }
    Ok(())
}

/// The newest logs, each with its end.
fn logs_in(logs: &Path) -> Vec<(PathBuf, std::io::Result<String>)> {
    let mut found = files(logs);
    found.extend(files(&logs.join("rocketmqlogs")));
    found.retain(|path| path.extension().is_some_and(|it| it == "log"));
    found.sort_by_key(|path| std::cmp::Reverse(fs::symlink_metadata(path).and_then(|it| it.modified()).ok()));
    found.truncate(LOGS);
    found.into_iter().map(|log| (log.clone(), archive::tail(&log, LOG_TAIL))).collect()
}

/// The plain files of a folder; none where there is no such folder.
fn files(folder: &Path) -> Vec<PathBuf> {
    let names = untrusted::folder(folder).and_then(untrusted::names).unwrap_or_default();
    let paths = names.into_iter().map(|name| folder.join(name));
    let mut found: Vec<PathBuf> =
        paths.filter(|path| fs::symlink_metadata(path).is_ok_and(|it| it.is_file())).collect();
    found.sort();
    found
}

fn name_of(path: &Path) -> String {
    path.file_name().unwrap_or(path.as_os_str()).to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests;
