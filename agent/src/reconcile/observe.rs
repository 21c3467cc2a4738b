//! From this host to [`Observed`]: looks, and changes nothing.

use super::install::Installer;
use crate::{
    accounts::Account,
    acl,
    files::{self, FileError, Whose},
    host,
    remoting::Credential,
    stores,
    supervise::{Supervisor, SupervisorError, was_started},
};
use rocketmq_agent_domain::{
    adoption::{ByHand, compare},
    desired::{Desired, Directory, Instance, JarFile, Owner, RenderedFile, conf::FIRST_LINE},
    launch::ProcessState,
    names::InstanceName,
    observed::{DirectoryState, Fact, FileState, JarState, Observed, StoreState},
};
use std::collections::BTreeMap;

/// What is known of each process.
pub type Processes = BTreeMap<InstanceName, Fact<ProcessState>>;

/// Looks at everything that the plan depends on, the processes apart.
pub async fn observe(
    desired: &Desired,
    processes: Processes,
    has_master: Fact<bool>,
    installer: &Installer,
    account: Option<Account>,
) -> Observed {
    let directories = desired
        .directories
        .iter()
        .map(|directory| (directory.path.clone(), Fact::from(observe_directory(desired, directory, account))))
        .collect();
    // Read once, so that all files of a pass have the same.
    let key = desired.acl.as_ref().map(|acl| Fact::from(acl::credential(acl)));
    let files = desired.files.iter();
    let files =
        files.map(|file| (file.path.clone(), Fact::from(observe_file(desired, file, key.as_ref(), account)))).collect();
    Observed {
        addresses: Fact::from(host::addresses()),
        distribution: Fact::Known(installer.observe(desired)),
        jars: desired.instances.iter().filter_map(|it| Some(observe_jar(it, it.jar.as_ref()?, installer))).collect(),
        has_master,
        directories,
        files,
        stores: stores(desired, &processes, account).await,
        processes,
    }
}

/// The base folder, an instance's own, or one of those below.
fn observe_directory(
    desired: &Desired,
    directory: &Directory,
    account: Option<Account>,
) -> Result<DirectoryState, FileError> {
    let (path, whose) = (&directory.path, Whose::of(directory.owner, account));
    match whose {
        Whose::Root(account) if desired.instances.iter().any(|it| it.launch.directory == *path) => {
            files::observe_home(path, account)
        }
        Whose::Root(account)
            if !desired.directories.iter().any(|it| path.starts_with(&it.path) && it.path != *path) =>
        {
            files::observe_base(path, account)
        }
        whose => files::observe_directory(path, whose),
    }
}

fn observe_jar(instance: &Instance, jar: &JarFile, installer: &Installer) -> (InstanceName, JarState) {
    let missing_users = jar.users(instance).filter(|path| !path.is_file());
    (instance.launch.instance.clone(), JarState { jar: installer.observe_jar(jar), missing_users })
}

/// A file that differs was written by a person where no agent ever started that instance.
fn observe_file(
    desired: &Desired,
    file: &RenderedFile,
    key: Option<&Fact<Credential>>,
    account: Option<Account>,
) -> Result<FileState, FileError> {
    let wanted = match key.filter(|_| file.has_secret()) {
        Some(Fact::Unknown(why)) => return Ok(FileState::NoKey(why.clone())),
        Some(Fact::Known(credential)) => acl::filled(&file.text, credential),
        None => file.text.clone(),
    };
    let owner = file_owner(file, account);
    let found = files::observe_file(&file.path, &wanted, file.mode, owner)?;
    let of = desired.instances.iter().find(|it| file.path.starts_with(&it.launch.directory));
    if found == FileState::Differs
        && of.is_some_and(|it| !was_started(&it.launch))
        && let Some(text) = files::read_unkept(&file.path)?
        && text != wanted.as_bytes()
        && !text.starts_with(FIRST_LINE.as_bytes())
    {
        let is_conf = file.path.extension().is_some_and(|extension| extension == "conf");
        return Ok(FileState::ByHand(if is_conf { compare(&text, &file.text) } else { ByHand::default() }));
    }
    Ok(found)
}

/// A file that RocketMQ alone may read is root's all the same: its account reads it as its group.
pub fn file_owner(file: &RenderedFile, account: Option<Account>) -> Option<Account> {
    account.filter(|_| file.owner == Owner::RocketMq).map(|account| Account { uid: 0, ..account })
}

/// Looks at the processes of the desired instances, and of others that the supervisor still knows.
/// `looked` is called after each.
pub async fn processes(
    desired: &Desired,
    supervisor: &impl Supervisor,
    looked: impl Fn(),
) -> Result<Processes, SupervisorError> {
    let wanted = desired.instances.iter().map(|instance| instance.launch.instance.clone());
    let mut processes = Processes::new();
    for name in wanted.chain(supervisor.instances().await?) {
        let state = Fact::from(supervisor.observe(&name).await);
        processes.insert(name, state);
        looked();
    }
    Ok(processes)
}

/// Only the stores on which a broker may be started next: a running one owns its store.
async fn stores(
    desired: &Desired,
    processes: &Processes,
    account: Option<Account>,
) -> BTreeMap<InstanceName, Fact<StoreState>> {
    let mut found = BTreeMap::new();
    for launch in desired.instances.iter().map(|instance| &instance.launch) {
        if let Some(identity) = &launch.store
            && let Some(Fact::Known(ProcessState::Stopped { .. })) = processes.get(&launch.instance)
        {
            found.insert(launch.instance.clone(), Fact::from(stores::observe(launch, identity, account).await));
        }
    }
    found
}
