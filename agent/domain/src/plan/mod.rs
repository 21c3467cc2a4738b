//! From what should be and what is to the steps between them. Pure: the same inputs give the same plan, and a host
//! that is as it should be gets an empty one. What was not observed is not acted on.

use crate::{
    adoption::KEPT_AS,
    desired::{Desired, Instance},
    finding,
    launch::{Cause, Launch, ProcessState, Role},
    names::InstanceName,
    observed::{DirectoryState, DistributionState, Fact, FileState, Observed},
    store,
};
use serde::{Deserialize, Serialize};
use std::{
    fmt::Display,
    path::{Path, PathBuf},
};

/// One thing to do on the host.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case", tag = "step")]
pub enum Step {
    /// Make a folder.
    MakeDirectory {
        /// Which.
        path: PathBuf,
    },
    /// Make a folder, and what the agent keeps in it, root's.
    TakeOver {
        /// Which.
        path: PathBuf,
    },
    /// Keep a copy of a file that a person wrote, beside it.
    KeepFile {
        /// Which.
        path: PathBuf,
        /// What it sets and the rendered one does not.
        lost: Vec<String>,
    },
    /// Write a file as rendered.
    WriteFile {
        /// Which.
        path: PathBuf,
    },
    /// Fetch and unpack the release.
    InstallDistribution {
        /// Which.
        version: String,
    },
    /// Fetch a jar that is no part of the release.
    InstallJar {
        /// Of which instance.
        instance: InstanceName,
    },
    /// Note whose data a store holds.
    MarkStore {
        /// Of which broker.
        instance: InstanceName,
    },
    /// Start an instance.
    Start {
        /// Which.
        instance: InstanceName,
    },
}

impl Step {
    /// Whether another step cannot be done where this one failed: what one instance lacks keeps itself alone from being
    /// started, and what all have in common keeps all.
    pub fn is_needed_for(&self, later: &Step, desired: &Desired) -> bool {
        match self.instance(desired) {
            Some(instance) => later.instance(desired) == Some(instance),
            None => true,
        }
    }

    /// Whose it is; none where it is the host's.
    fn instance<'s>(&'s self, desired: &'s Desired) -> Option<&'s InstanceName> {
        match self {
            Step::MakeDirectory { path }
            | Step::TakeOver { path }
            | Step::KeepFile { path, .. }
            | Step::WriteFile { path } => {
                desired.instances.iter().find(|it| holds(it, path)).map(|it| &it.launch.instance)
            }
            Step::InstallDistribution { .. } => None,
            Step::InstallJar { instance } | Step::MarkStore { instance } | Step::Start { instance } => Some(instance),
        }
    }
}

/// Whether a path lies in the folders of an instance.
fn holds(instance: &Instance, path: &Path) -> bool {
    let store = instance.launch.store.as_ref();
    path.starts_with(&instance.launch.directory) || store.is_some_and(|store| path.starts_with(&store.root))
}

impl std::fmt::Display for Step {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Step::MakeDirectory { path } => write!(f, "make folder {}", path.display()),
            Step::TakeOver { path } => write!(f, "take over folder {}", path.display()),
            Step::KeepFile { path, lost } => {
                write!(f, "keep {} as it is in a copy that ends in {KEPT_AS}", path.display())?;
                match lost.is_empty() {
                    true => Ok(()),
                    false => write!(f, "; it sets what cluster.toml does not: {}", lost.join(", ")),
                }
            }
            Step::WriteFile { path } => write!(f, "write {}", path.display()),
            Step::InstallDistribution { version } => write!(f, "install RocketMQ {version}"),
            Step::InstallJar { instance } => write!(f, "fetch the jar of {instance}"),
            Step::MarkStore { instance } => write!(f, "mark the store of {instance} as its own"),
            Step::Start { instance } => write!(f, "start {instance}"),
        }
    }
}

/// Something that keeps the host, or one instance, from being as it should be, and that no step can change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blocked {
    /// The instance it holds up; `None` for all of the host.
    pub instance: Option<InstanceName>,
    /// What and why.
    pub cause: Cause,
}

/// What to do next.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// In this order.
    pub steps: Vec<Step>,
    /// What stands in the way of more.
    pub blocked: Vec<Blocked>,
    /// Instances that run with an older configuration than the one rendered.
    pub restart_pending: Vec<InstanceName>,
    /// Instances that run and are not in the cluster file; they are left alone.
    pub not_in_file: Vec<InstanceName>,
}

impl Plan {
    /// Nothing to do, nothing in the way.
    pub fn is_empty(&self) -> bool {
        *self == Plan::default()
    }

    fn block(&mut self, instance: Option<&InstanceName>, cause: Cause) {
        self.blocked.push(Blocked { instance: instance.cloned(), cause });
    }
}

/// Plans one pass.
pub fn plan(desired: &Desired, observed: &Observed) -> Plan {
    let mut plan = Plan::default();
    let mut may_start = plan_directories(desired, observed, &mut plan);
    if may_start {
        // Without the folders each of these would fail, and its words hide the one thing that a person must do.
        plan_files(desired, observed, &mut plan);
        may_start = plan_distribution(desired, observed, &mut plan);
    }
    may_start &= check_address(desired, observed, &mut plan);
    for instance in &desired.instances {
        let may_start = plan_jar(instance, observed, &mut plan) && may_start && !lacks_key(instance, observed);
        plan_instance(instance, observed, may_start, &mut plan);
    }
    let leftover = observed.processes.iter().filter(|(name, _)| desired.instance(name).is_none());
    let running = leftover.filter(|(_, process)| matches!(process, Fact::Known(ProcessState::Running { .. })));
    plan.not_in_file = running.map(|(name, _)| name.clone()).collect();
    plan
}

fn plan_directories(desired: &Desired, observed: &Observed, plan: &mut Plan) -> bool {
    let mut ready = true;
    let mut read_only: Option<&Path> = None;
    for directory in &desired.directories {
        let path = directory.path.display();
        match observed.directories.get(&directory.path) {
            Some(Fact::Known(DirectoryState::Fine)) => {}
            Some(Fact::Known(DirectoryState::Missing)) => {
                plan.steps.push(Step::MakeDirectory { path: directory.path.clone() });
            }
            // What lies there is another broker's, and stays as it is.
            Some(Fact::Known(DirectoryState::Foreign(_)))
                if desired.instances.iter().any(|it| holds(it, &directory.path) && is_foreign(it, observed)) => {}
            Some(Fact::Known(DirectoryState::Foreign(_))) => {
                plan.steps.push(Step::TakeOver { path: directory.path.clone() });
            }
            Some(Fact::Known(DirectoryState::ReadOnly)) => {
                ready = false;
                // Those below it are so for the same reason.
                if !read_only.is_some_and(|above| directory.path.starts_with(above)) {
                    read_only = Some(&directory.path);
                    plan.block(None, finding::DISK_READ_ONLY.of(&[("path", &path)]));
                }
            }
            Some(Fact::Known(DirectoryState::Unusable(why))) => {
                ready = false;
                plan.block(None, finding::FOLDER_NOT_USABLE.of(&[("path", &path), ("why", why)]));
            }
            Some(Fact::Unknown(why)) => {
                ready = false;
                plan.block(None, finding::FOLDER_UNKNOWN.of(&[("path", &path), ("why", why)]));
            }
            None => ready = false,
        }
    }
    ready
}

fn plan_files(desired: &Desired, observed: &Observed, plan: &mut Plan) {
    for file in &desired.files {
        if desired.instances.iter().any(|it| holds(it, &file.path) && is_foreign(it, observed)) {
            // What lies there is another broker's, and its configuration with it.
            continue;
        }
        match observed.files.get(&file.path) {
            Some(Fact::Known(FileState::ByHand(found))) => {
                plan.steps.push(Step::KeepFile { path: file.path.clone(), lost: found.lost.clone() });
                plan.steps.push(Step::WriteFile { path: file.path.clone() });
            }
            Some(Fact::Known(FileState::NoKey(why))) => {
                let instance = desired.instances.iter().find(|it| holds(it, &file.path));
                plan.block(instance.map(|it| &it.launch.instance), finding::ACL_KEY.of(&[("why", why)]));
            }
            Some(Fact::Known(FileState::Differs)) => plan.steps.push(Step::WriteFile { path: file.path.clone() }),
            Some(Fact::Unknown(why)) => {
                let values: [(&str, &dyn Display); 2] = [("path", &file.path.display()), ("why", why)];
                plan.block(None, finding::FILE_UNKNOWN.of(&values));
            }
            Some(Fact::Known(FileState::Same)) | None => {}
        }
    }
}

/// Whether the folder of an instance holds another broker.
fn is_foreign(instance: &Instance, observed: &Observed) -> bool {
    let state = observed.stores.get(&instance.launch.instance).and_then(Fact::known);
    let refused = |(identity, state)| matches!(store::judge(identity, state), store::Verdict::Refused(_));
    foreign_file(instance, observed).is_some() || instance.launch.store.as_ref().zip(state).is_some_and(refused)
}

/// Whether a file of an instance cannot be written for want of the secret key.
fn lacks_key(instance: &Instance, observed: &Observed) -> bool {
    let own = observed.files.iter().filter(|(path, _)| path.starts_with(&instance.launch.directory));
    own.map(|(_, state)| state).any(|state| matches!(state, Fact::Known(FileState::NoKey(_))))
}

/// The file in an instance's folder that a person wrote for another broker, and how that is seen.
fn foreign_file<'o>(instance: &Instance, observed: &'o Observed) -> Option<(&'o PathBuf, &'o str)> {
    let own = observed.files.iter().filter(|(path, _)| path.starts_with(&instance.launch.directory));
    own.filter_map(|(path, state)| match state {
        Fact::Known(FileState::ByHand(found)) => Some((path, found.foreign.as_deref()?)),
        _ => None,
    })
    .next()
}

fn plan_distribution(desired: &Desired, observed: &Observed, plan: &mut Plan) -> bool {
    if desired.instances.is_empty() {
        return true;
    }
    match &observed.distribution {
        Fact::Known(DistributionState::Installed) => return true,
        Fact::Known(DistributionState::Missing) if desired.source.is_none() => {
            plan.block(None, finding::NO_SOURCE.of(&[("version", &desired.version)]));
        }
        Fact::Known(DistributionState::Missing) => {
            plan.steps.push(Step::InstallDistribution { version: desired.version.to_string() });
        }
        Fact::Known(DistributionState::Installing(progress)) => {
            let values: [(&str, &dyn Display); 2] = [("version", &desired.version), ("progress", progress)];
            plan.block(None, finding::INSTALLING.of(&values));
        }
        Fact::Known(DistributionState::Failed(cause)) => {
            plan.blocked.push(Blocked { instance: None, cause: cause.clone() })
        }
        Fact::Unknown(why) => {
            let values: [(&str, &dyn Display); 2] = [("path", &desired.distributions.display()), ("why", why)];
            plan.block(None, finding::DISTRIBUTION_UNKNOWN.of(&values));
        }
    }
    false
}

/// Whether an instance that is a jar of its own has what it is started with; one that is none has.
fn plan_jar(instance: &Instance, observed: &Observed, plan: &mut Plan) -> bool {
    let name = &instance.launch.instance;
    let (Some(_), Some(state)) = (&instance.jar, observed.jars.get(name)) else { return instance.jar.is_none() };
    match &state.jar {
        DistributionState::Installed => {}
        DistributionState::Missing => plan.steps.push(Step::InstallJar { instance: name.clone() }),
        DistributionState::Installing(progress) => {
            plan.block(Some(name), finding::FETCHING_JAR.of(&[("progress", progress)]));
        }
        DistributionState::Failed(cause) => {
            plan.blocked.push(Blocked { instance: Some(name.clone()), cause: cause.clone() });
        }
    }
    if let Some(path) = &state.missing_users {
        // It would take the users in its jar, whose passwords everybody knows (AbstractFileStore of 2.1.0).
        plan.block(Some(name), finding::USERS_MISSING.of(&[("path", &path.display())]));
    }
    state.jar == DistributionState::Installed && state.missing_users.is_none()
}

fn check_address(desired: &Desired, observed: &Observed, plan: &mut Plan) -> bool {
    let (Some(address), Fact::Known(addresses)) = (desired.local_address, &observed.addresses) else { return true };
    // All of 127.0.0.0/8 answers on `lo`, whichever of it the card carries.
    let here = address.is_loopback() || addresses.contains(&address);
    if !here {
        let found =
            addresses.iter().filter(|a| !a.is_loopback()).map(ToString::to_string).collect::<Vec<_>>().join(", ");
        plan.block(None, finding::ADDRESS_ON_NO_CARD.of(&[("address", &address), ("found", &found)]));
    }
    here
}

fn plan_instance(instance: &Instance, observed: &Observed, may_start: bool, plan: &mut Plan) {
    let launch = &instance.launch;
    match observed.processes.get(&launch.instance) {
        Some(Fact::Known(ProcessState::Running { fingerprint, .. })) => {
            // A jar that is not there yet is no reason to stop the old one.
            let is_there = observed.jars.get(&launch.instance).is_none_or(|it| it.jar == DistributionState::Installed);
            if *fingerprint != launch.fingerprint && is_there {
                plan.restart_pending.push(launch.instance.clone());
            }
        }
        Some(Fact::Known(ProcessState::Stopped { .. })) if let Some((path, how)) = foreign_file(instance, observed) => {
            let found = finding::FOREIGN_CONF.of(&[("path", &path.display()), ("how", &how)]);
            plan.block(Some(&launch.instance), found);
        }
        // It would end at once (`ClusterServiceManager` of 5.5.0), again and again.
        Some(Fact::Known(ProcessState::Stopped { .. }))
            if launch.role == Role::Proxy && observed.has_master != Fact::Known(true) =>
        {
            let why = match &observed.has_master {
                Fact::Known(_) => "no master is registered with a NameServer",
                Fact::Unknown(why) => why,
            };
            plan.block(Some(&launch.instance), finding::WAITS_FOR_MASTER.of(&[("why", &why)]));
        }
        Some(Fact::Known(ProcessState::Stopped { backing_off: false, .. })) => {
            if let Some(is_own) = store_is_ready(launch, observed, plan)
                && may_start
            {
                // Only now: a mark says that a broker was started there.
                if !is_own {
                    plan.steps.push(Step::MarkStore { instance: launch.instance.clone() });
                }
                plan.steps.push(Step::Start { instance: launch.instance.clone() });
            }
        }
        Some(Fact::Known(ProcessState::Stopping { .. } | ProcessState::Stopped { .. })) | None => {}
        Some(Fact::Unknown(why)) => {
            plan.block(Some(&launch.instance), finding::PROCESS_UNKNOWN.of(&[("why", why)]));
        }
    }
}

/// Whether the store may be started on, and then whether it is marked as its own already.
fn store_is_ready(launch: &Launch, observed: &Observed, plan: &mut Plan) -> Option<bool> {
    let Some(identity) = &launch.store else { return Some(true) };
    match observed.stores.get(&launch.instance) {
        Some(Fact::Known(state)) => match store::judge(identity, state) {
            store::Verdict::Own => Some(true),
            store::Verdict::Claim => Some(false),
            store::Verdict::Refused(cause) => {
                plan.blocked.push(Blocked { instance: Some(launch.instance.clone()), cause });
                None
            }
        },
        Some(Fact::Unknown(why)) => {
            plan.block(Some(&launch.instance), finding::STORE_UNKNOWN.of(&[("why", why)]));
            None
        }
        None => None,
    }
}

#[cfg(test)]
mod tests;
