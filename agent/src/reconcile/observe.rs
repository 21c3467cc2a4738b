//! From this host to [`Observed`]: looks, and changes nothing.

use super::install::Installer;
use crate::{
    accounts::Account,
    acl,
    files::{self, FileError},
    host,
    remoting::Credential,
    stores,
    supervise::{Supervisor, SupervisorError, was_started},
};
use rocketmq_agent_domain::{
    adoption::{ByHand, compare},
    desired::{Desired, Instance, JarFile, Owner, RenderedFile, conf::FIRST_LINE},
    launch::ProcessState,
    names::InstanceName,
    observed::{Fact, FileState, JarState, Observed},
};
use std::collections::BTreeMap;

/// What is known of each process.
pub type Processes = BTreeMap<InstanceName, Fact<ProcessState>>;

/// Looks at everything that the plan depends on, the processes apart.
pub fn observe(
    desired: &Desired,
    processes: Processes,
    has_master: Fact<bool>,
    installer: &Installer,
    account: Option<Account>,
) -> Observed {
    let directories = desired
        .directories
        .iter()
        .map(|directory| {
            let owner = if directory.owner == Owner::RocketMq { account } else { None };
            (directory.path.clone(), Fact::from(files::observe_directory(&directory.path, owner)))
        })
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
        stores: stores(desired, &processes, account),
        processes,
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
    let owner = account.filter(|_| file.owner == Owner::RocketMq);
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
fn stores(
    desired: &Desired,
    processes: &Processes,
    account: Option<Account>,
) -> BTreeMap<InstanceName, Fact<rocketmq_agent_domain::observed::StoreState>> {
    desired
        .instances
        .iter()
        .map(|instance| &instance.launch)
        .filter(|launch| matches!(processes.get(&launch.instance), Some(Fact::Known(ProcessState::Stopped { .. }))))
        .filter_map(|launch| {
            let identity = launch.store.as_ref()?;
            Some((launch.instance.clone(), Fact::from(stores::observe(launch, identity, account))))
        })
        .collect()
}
