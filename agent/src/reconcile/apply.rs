//! One step of a plan, done.

use super::{install::Installer, observe::file_owner};
use crate::{
    accounts::Account,
    acl::{self, KeyError},
    files::{self, FileError},
    stores::{self, StoreError},
    supervise::{Supervisor, SupervisorError},
    untrusted,
};
use rocketmq_agent_domain::{
    desired::{Desired, Owner},
    launch::ProcessState,
    names::InstanceName,
    plan::Step,
};
use std::path::Path;
use tracing::{info, warn};

/// Why a step failed.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// A folder or file.
    #[error(transparent)]
    File(#[from] FileError),
    /// A store's note.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The secret key that belongs into a file.
    #[error(transparent)]
    Key(#[from] KeyError),
    /// A process.
    #[error(transparent)]
    Supervisor(#[from] SupervisorError),
}

/// Does one step. A step about something that is no longer desired does nothing: the next plan will not have it.
pub async fn apply(
    step: &Step,
    desired: &Desired,
    supervisor: &impl Supervisor,
    installer: &Installer,
    account: Option<Account>,
) -> Result<(), ApplyError> {
    let launch_of = |name: &InstanceName| desired.instance(name).map(|instance| &instance.launch);
    match step {
        Step::MakeDirectory { path } => {
            if let Some(directory) = desired.directories.iter().find(|directory| directory.path == *path) {
                let owner = if directory.owner == Owner::RocketMq { account } else { None };
                files::make_directory(path, directory.mode, owner)?;
                info!(folder = %path.display(), "made folder {}", path.display());
            }
        }
        Step::TakeOver { path } => {
            if let Some(directory) = desired.directories.iter().find(|directory| directory.path == *path) {
                take_over(path, directory.mode, desired, supervisor).await?;
            }
        }
        Step::KeepFile { path, .. } => {
            files::keep_copy(path)?;
            // The step's own words say what is to be moved to the cluster file.
            warn!(file = %path.display(), "taking over: {step}");
        }
        Step::WriteFile { path } => {
            if let Some(file) = desired.files.iter().find(|file| file.path == *path) {
                let text = match desired.acl.as_ref().filter(|_| file.has_secret()) {
                    Some(acl) => acl::filled(&file.text, &acl::credential(acl)?),
                    None => file.text.clone(),
                };
                let owner = file_owner(file, account);
                files::write_file(path, text.as_bytes(), file.mode, owner)?;
                info!(file = %path.display(), "wrote {}", path.display());
            }
        }
        Step::InstallDistribution { .. } => installer.begin(desired),
        Step::InstallJar { instance } => {
            if let Some(jar) = desired.instance(instance).and_then(|instance| instance.jar.as_ref()) {
                installer.begin_jar(jar);
            }
        }
        Step::MarkStore { instance } => {
            if let Some((launch, identity)) = launch_of(instance).and_then(|l| Some((l, l.store.as_ref()?))) {
                stores::mark(launch, identity)?;
                info!(%instance, store = %identity.root.display(), "{instance}: the store is marked as its own");
            }
        }
        Step::Start { instance } => {
            if let Some(launch) = launch_of(instance) {
                // What came of it is observed in the next pass, and logged by the supervisor.
                supervisor.start(launch).await?;
            }
        }
    }
    Ok(())
}

/// Makes a folder root's in place; what runs in it goes on. The folder itself comes first: from then on nobody can put
/// anything where a new unit has systemd open a file. Then the unit, and then what the agent keeps in the folder.
async fn take_over(path: &Path, mode: u32, desired: &Desired, supervisor: &impl Supervisor) -> Result<(), ApplyError> {
    let failed = files::failed("take over", path);
    let folder = untrusted::seal(path, mode).map_err(&failed)?;
    if let Some(instance) = desired.instances.iter().find(|it| it.launch.directory == path) {
        let name = &instance.launch.instance;
        if matches!(supervisor.observe(name).await?, ProcessState::Running { .. }) {
            supervisor.keep(&instance.launch).await?;
        }
        untrusted::take_home(&folder).map_err(failed)?;
    } else if desired.instances.iter().any(|it| path.starts_with(&it.launch.directory)) {
        untrusted::seal_tree(&folder).map_err(failed)?;
    }
    warn!(folder = %path.display(), "took over {}: RocketMQ's account could change it", path.display());
    Ok(())
}
