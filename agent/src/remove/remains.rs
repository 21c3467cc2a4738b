//! What lies on a host of this agent and its instances. It looks by name at what the agent makes, never at all there is,
//! and never through a symbolic link: what is behind one is somebody else's.

use super::{Known, RemoveError, failed};
use crate::{
    distribution, stores,
    untrusted::{self, Budget},
};
use rocketmq_agent_domain::{
    names::{ClusterName, InstanceName},
    observed::StoreMark,
    removal::{self, Part},
};
use rustix::fs::FileType;
use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

/// However large a store is, a person waits.
const LOOK: Duration = Duration::from_secs(120);
const LONGEST_NOTE: u64 = 64 << 10;

/// What users stored in one instance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Data {
    /// Of which instance.
    pub instance: InstanceName,
    /// The store, or the NameServer's key-value configuration.
    pub path: PathBuf,
    /// Bytes on the disk.
    pub bytes: u64,
    /// The note beside it that says whose it is.
    pub mark: PathBuf,
    /// Why it may not be deleted, whatever is asked for.
    pub kept: Option<String>,
}

/// Everything that would go, and what would stay.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Remains {
    /// Files of the agent's.
    pub files: Vec<PathBuf>,
    /// Folders of the agent's with everything in them.
    pub trees: Vec<PathBuf>,
    /// Folders that go when they are empty by then, the deepest first.
    pub folders: Vec<PathBuf>,
    /// What users stored.
    pub data: Vec<Data>,
    /// What is not the agent's and lies among it.
    pub foreign: Vec<PathBuf>,
}

impl Remains {
    /// Looks into the folders of these instances, which lie in `base`, and into the state folder.
    ///
    /// # Errors
    /// A folder that is there cannot be listed.
    pub fn look(
        known: &[Known],
        base: Option<&Path>,
        state: &Path,
        cluster: Option<&ClusterName>,
    ) -> Result<Self, RemoveError> {
        let mut remains = Self::default();
        for instance in known {
            remains.instance(instance, cluster)?;
        }
        if let Some(base) = base {
            remains.base(base, known)?;
        }
        remains.state(state)?;
        Ok(remains)
    }

    /// Nothing of the agent's is there.
    pub fn is_empty(&self) -> bool {
        self.files.is_empty() && self.trees.is_empty() && self.folders.is_empty()
    }

    fn instance(&mut self, instance: &Known, cluster: Option<&ClusterName>) -> Result<(), RemoveError> {
        let home = &instance.launch.directory;
        for entry in entries(home)? {
            let path = home.join(&entry);
            match removal::in_home(&entry) {
                Part::Own => self.own(path),
                Part::Folder if !is_folder(&path) => self.foreign.push(path),
                Part::Folder => {
                    let rendered: Vec<&str> = instance.rendered.iter().map(String::as_str).collect();
                    for below in entries(&path)? {
                        let part = match entry.as_str() {
                            "conf" => removal::in_conf(&below, &rendered),
                            _ => removal::in_logs(&below),
                        };
                        match part {
                            Part::Own => self.own(path.join(below)),
                            _ => self.foreign.push(path.join(below)),
                        }
                    }
                    self.folders.push(path);
                }
                Part::Data if entry == "store-owner.json" => {}
                Part::Data => self.stored(instance, path, cluster)?,
                Part::Foreign => self.foreign.push(path),
            }
        }
        if is_folder(home) {
            self.folders.push(home.clone());
        }
        Ok(())
    }

    fn own(&mut self, path: PathBuf) {
        // A link is a file here: it goes, and what it points to stays.
        if is_folder(&path) { self.trees.push(path) } else { self.files.push(path) }
    }

    fn stored(&mut self, instance: &Known, path: PathBuf, cluster: Option<&ClusterName>) -> Result<(), RemoveError> {
        let launch = &instance.launch;
        let mark = launch.directory.join("store-owner.json");
        let kept = if !is_folder(&path) {
            let target = fs::read_link(&path).map(|to| format!(" to {}", to.display())).unwrap_or_default();
            Some(format!("it is a link{target}, and links are not followed"))
        } else if path.ends_with("store") {
            foreign_owner(&mark, launch.store.as_ref().map(|store| store.broker.as_str()), cluster)
        } else {
            None
        };
        let bytes = if is_folder(&path) { size(&path)? } else { 0 };
        // An empty store is as good as none.
        if bytes == 0 && is_folder(&path) && !stores::holds_files(&path).unwrap_or(true) {
            self.trees.push(path);
            self.files.extend(fs::symlink_metadata(&mark).is_ok().then_some(mark));
            return Ok(());
        }
        self.data.push(Data { instance: launch.instance.clone(), path, bytes, mark, kept });
        Ok(())
    }

    fn base(&mut self, base: &Path, known: &[Known]) -> Result<(), RemoveError> {
        let homes: Vec<&Path> = known.iter().map(|it| it.launch.directory.as_path()).collect();
        for entry in entries(base)? {
            let path = base.join(&entry);
            match entry.as_str() {
                "agent.lock" => self.files.push(path),
                "dist" if is_folder(&path) => self.distributions(path)?,
                _ if homes.contains(&path.as_path()) => {}
                _ => self.foreign.push(path),
            }
        }
        if is_folder(base) {
            self.folders.push(base.to_owned());
        }
        Ok(())
    }

    fn distributions(&mut self, dist: PathBuf) -> Result<(), RemoveError> {
        for entry in entries(&dist)? {
            let path = dist.join(&entry);
            let halfway = [".partial-", ".old-", ".download"].iter().any(|mark| entry.contains(mark));
            if entry == ".lock"
                || (entry.starts_with('.') && halfway)
                || distribution::installed(&dist, &entry).is_some()
                || removal::is_jar(&entry)
            {
                self.own(path);
            } else {
                self.foreign.push(path);
            }
        }
        self.folders.push(dist);
        Ok(())
    }

    /// The state folder goes last: while it is there, a `remove` that was broken off finds everything again.
    fn state(&mut self, state: &Path) -> Result<(), RemoveError> {
        let run = state.join("run");
        for entry in entries(&run)? {
            let own = entry == "agent.lock" || entry.ends_with(".json") || entry.starts_with(".tmp");
            if own { self.own(run.join(entry)) } else { self.foreign.push(run.join(entry)) }
        }
        if is_folder(&run) {
            self.folders.push(run);
        }
        for entry in entries(state)? {
            match entry.as_str() {
                "run" => {}
                "applied.json" | "rollout.json" | "audit.log" | "audit.log.1" => self.files.push(state.join(entry)),
                half if half.starts_with(".rocketmq-agent-") => self.files.push(state.join(entry)),
                _ => self.foreign.push(state.join(entry)),
            }
        }
        if is_folder(state) {
            self.folders.push(state.to_owned());
        }
        Ok(())
    }
}

/// Why the store is not this cluster's; `None` where it is.
fn foreign_owner(mark: &Path, broker: Option<&str>, cluster: Option<&ClusterName>) -> Option<String> {
    let text = match untrusted::read(mark, LONGEST_NOTE) {
        Ok(text) => text,
        Err(error) => return Some(format!("nothing says whose it is ({}: {error})", mark.display())),
    };
    match serde_json::from_slice::<StoreMark>(&text) {
        Ok(found)
            if Some(found.broker.as_str()) == broker
                && Some(found.cluster.as_str()) == cluster.map(ClusterName::as_str) =>
        {
            None
        }
        Ok(found) => Some(format!("it belongs to {} of cluster {}", found.broker, found.cluster)),
        Err(error) => Some(format!("nothing says whose it is ({}: {error})", mark.display())),
    }
}

/// A folder, and no link to one.
pub(super) fn is_folder(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok_and(|found| found.is_dir())
}

/// The names in a folder, sorted; none where it is not there or is a link.
fn entries(folder: &Path) -> Result<Vec<String>, RemoveError> {
    if !is_folder(folder) {
        return Ok(Vec::new());
    }
    let listed = untrusted::if_there(untrusted::folder(folder).and_then(untrusted::names));
    let mut names = listed.map_err(failed("list", folder))?.unwrap_or_default();
    names.sort();
    Ok(names)
}

/// What a tree takes on the disk. Message files are as long as they may become from the first byte on, so lengths would
/// say too much.
fn size(folder: &Path) -> Result<u64, RemoveError> {
    const BLOCK: u64 = 512;
    let mut bytes = 0;
    let walked = untrusted::folder(folder).and_then(|open| {
        untrusted::walk(open, Budget::of(LOOK), |entry| {
            if entry.kind() != FileType::Directory {
                bytes += u64::try_from(entry.stat.st_blocks).unwrap_or_default() * BLOCK;
            }
            Ok(())
        })
    });
    walked.map_err(failed("look at", folder))?;
    Ok(bytes)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
