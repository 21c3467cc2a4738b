//! From this host to [`Observed`]: looks, and changes nothing.

use super::install::Installer;
use crate::{accounts::Account, files, host, stores, supervise::Supervisor};
use rocketmq_agent_domain::{
    desired::{Desired, Owner},
    launch::ProcessState,
    names::InstanceName,
    observed::{Fact, Observed},
};
use std::collections::BTreeMap;

/// Looks at everything that the plan depends on.
pub async fn observe(
    desired: &Desired,
    supervisor: &impl Supervisor,
    installer: &Installer,
    account: Option<Account>,
) -> Observed {
    let processes = processes(desired, supervisor).await;
    let directories = desired
        .directories
        .iter()
        .map(|directory| {
            let owner = if directory.owner == Owner::RocketMq { account } else { None };
            (directory.path.clone(), Fact::from(files::observe_directory(&directory.path, owner)))
        })
        .collect();
    let rendered = desired.files.iter();
    let files = rendered.map(|f| (f.path.clone(), Fact::from(files::observe_file(&f.path, &f.text, f.mode)))).collect();
    Observed {
        addresses: Fact::from(host::addresses()),
        distribution: Fact::Known(installer.observe(desired)),
        directories,
        files,
        stores: stores(desired, &processes),
        processes,
    }
}

async fn processes(desired: &Desired, supervisor: &impl Supervisor) -> BTreeMap<InstanceName, Fact<ProcessState>> {
    let wanted = desired.instances.iter().map(|instance| instance.launch.instance.clone());
    let mut processes = BTreeMap::new();
    for name in wanted.chain(supervisor.supervised()) {
        let state = Fact::from(supervisor.observe(&name).await);
        processes.insert(name, state);
    }
    processes
}

/// Only the stores on which a broker may be started next: a running one owns its store.
fn stores(
    desired: &Desired,
    processes: &BTreeMap<InstanceName, Fact<ProcessState>>,
) -> BTreeMap<InstanceName, Fact<rocketmq_agent_domain::observed::StoreState>> {
    desired
        .instances
        .iter()
        .map(|instance| &instance.launch)
        .filter(|launch| matches!(processes.get(&launch.instance), Some(Fact::Known(ProcessState::Stopped { .. }))))
        .filter_map(|launch| {
            let identity = launch.store.as_ref()?;
            Some((launch.instance.clone(), Fact::from(stores::observe(launch, identity))))
        })
        .collect()
}
