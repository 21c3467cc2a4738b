//! What this host works towards. In: the cluster file as it lies there, the note of what was applied last, and what is
//! measured on this host. Out: a [`Goal`], or why the file cannot be one. Writes nothing.

use crate::{
    cluster::{Applied, Cluster},
    host::{self, HostError},
    java::{self, JavaError},
    reconcile::Goal,
    settings::Settings,
    stores,
};
use rocketmq_agent_domain::{
    desired::{HostFacts, Java, desired, folders::Folders, javas},
    document::Document,
    finding,
    health::report::ConfigReport,
    launch::{Cause, Role},
    names::{HostName, InstanceName},
};
use std::path::{Path, PathBuf};
use tracing::error;

/// No Java of this host can run the release.
#[derive(Debug, thiserror::Error)]
#[error("RocketMQ {version} needs {range}")]
pub struct UnfitJava {
    version: String,
    range: String,
    #[source]
    source: JavaError,
}

/// The file says that this host's data is elsewhere than it is.
#[derive(Debug, thiserror::Error)]
pub enum StrandedData {
    /// A broker's.
    #[error(
        "{key} is another one now, and {store} holds data: set it back, or stop the agent here and move the data first"
    )]
    OfBroker {
        /// What changed.
        key: &'static str,
        /// Where the data is.
        store: PathBuf,
    },
    /// That of a controller, which goes to another instance.
    #[error(
        "controller.in_namesrv is another one now, and {store} holds data: set it back, or stop the agent here and what \
         it runs, and move that folder to {to}"
    )]
    OfController {
        /// Where the data is.
        store: PathBuf,
        /// And where it will be looked for.
        to: PathBuf,
    },
}

/// The goal of a file, on a host where brokers are where the last one that was applied put them.
pub fn of_file(settings: &Settings, file: &Path) -> anyhow::Result<Goal> {
    of_file_after(settings, file, Applied::read(&settings.state_dir)?.as_ref())
}

/// The same with the settings' file; where that cannot be used, what was applied last, so that a typo does not keep
/// brokers down after a reboot.
pub(super) fn first(settings: &Settings) -> anyhow::Result<Goal> {
    let applied = Applied::read(&settings.state_dir)?;
    match of_file_after(settings, &settings.cluster_file, applied.as_ref()) {
        Ok(goal) => Ok(goal),
        Err(problem) => of_applied(settings, applied, problem),
    }
}

/// What was applied last, because something newer cannot be used.
fn of_applied(settings: &Settings, applied: Option<Applied>, problem: anyhow::Error) -> anyhow::Result<Goal> {
    let earlier = applied.map(|it| Cluster::of(&settings.cluster_file, it.cluster_file, Some(&it.placement)));
    // Where that one cannot be used any more either, the file that lies there is the one to put right.
    let Some(Ok(goal)) = earlier.and_then(Result::ok).map(|cluster| of_cluster(settings, cluster)) else {
        return Err(problem);
    };
    error!("cluster.toml cannot be used, and what was applied last is kept to: {problem:#}");
    Ok(Goal { file_problem: Some(file_problem(&problem)), ..goal })
}

/// The goal of a committed document, or of what was applied last where the document cannot be used here.
pub(super) fn first_of_document(settings: &Settings, document: &Document) -> anyhow::Result<Goal> {
    let applied = Applied::read(&settings.state_dir)?;
    let goal = cluster_of(settings, document).and_then(|cluster| of_cluster(settings, cluster));
    match goal.and_then(|goal| after(settings, applied.as_ref(), goal)) {
        Ok(goal) => Ok(goal),
        Err(problem) => of_applied(settings, applied, problem),
    }
}

/// What was applied last; none where nothing was, or where this host cannot use it any more.
pub(super) fn of_last(settings: &Settings) -> anyhow::Result<Option<Goal>> {
    let Some(applied) = Applied::read(&settings.state_dir)? else { return Ok(None) };
    let cluster = Cluster::of(&settings.cluster_file, applied.cluster_file, Some(&applied.placement));
    Ok(cluster.ok().and_then(|cluster| of_cluster(settings, cluster).ok()))
}

/// The goal of a committed document after another goal.
pub(super) fn next_of_document(settings: &Settings, document: &Document, goal: &Goal) -> anyhow::Result<Goal> {
    let next = of_host(cluster_of(settings, document)?, &goal.desired.host)?;
    keeps_data(&goal.cluster, &next)?;
    Ok(next)
}

/// A document's cluster, with the placement that was committed with it.
fn cluster_of(settings: &Settings, document: &Document) -> anyhow::Result<Cluster> {
    let cluster = Cluster::of(&settings.cluster_file, document.text().to_owned(), Some(document.placement()))?;
    Ok(Cluster { placement: document.placement().clone(), ..cluster })
}

/// The goal of the settings' file as it is now, after another one.
pub(super) fn next(settings: &Settings, goal: &Goal) -> anyhow::Result<Goal> {
    let cluster = Cluster::read(&settings.cluster_file, Some(&goal.cluster.placement))?;
    let next = of_host(cluster, &goal.desired.host)?;
    keeps_data(&goal.cluster, &next)?;
    Ok(next)
}

/// What is reported while an earlier file is kept to.
pub(super) fn file_problem(problem: &anyhow::Error) -> Cause {
    finding::CLUSTER_FILE_NOT_TAKEN.of(&[("why", &format!("{problem:#}"))])
}

fn of_file_after(settings: &Settings, file: &Path, applied: Option<&Applied>) -> anyhow::Result<Goal> {
    let goal = of_cluster(settings, Cluster::read(file, applied.map(|applied| &applied.placement))?)?;
    after(settings, applied, goal)
}

/// The goal, if it leaves the data of what was applied last where it is.
fn after(settings: &Settings, applied: Option<&Applied>, goal: Goal) -> anyhow::Result<Goal> {
    if let Some(applied) = applied
        // A file that this version of the agent would not take says nothing about where data is.
        && let Ok(earlier) = Cluster::of(&settings.cluster_file, applied.cluster_file.clone(), Some(&applied.placement))
    {
        keeps_data(&earlier, &goal)?;
    }
    Ok(goal)
}

fn of_cluster(settings: &Settings, cluster: Cluster) -> anyhow::Result<Goal> {
    let name = host::identify(&cluster.topology, settings.host.as_ref())?;
    of_host(cluster, &name)
}

fn of_host(cluster: Cluster, name: &HostName) -> anyhow::Result<Goal> {
    let topology = &cluster.topology;
    if topology.host(name).is_none() {
        return Err(HostError::unknown(topology, name).into());
    }
    let desired = desired(topology, &cluster.placement, name, &facts(&cluster, name)?)?;
    Ok(Goal {
        cluster,
        desired,
        file_problem: None,
        waits: None,
        account_problem: None,
        port_problems: Vec::new(),
        config: ConfigReport::default(),
    })
}

/// What is measured on this host.
fn facts(cluster: &Cluster, name: &HostName) -> anyhow::Result<HostFacts> {
    let topology = &cluster.topology;
    if !cluster.placement.uses(name) {
        // Then it needs no Java, such as a witness.
        return Ok(HostFacts { memory: host::memory()?, java: Java { program: "/usr/bin/java".into(), release: 17 } });
    }
    let home = topology.host(name).and_then(|host| host.java_home.clone());
    let found = java::find(home.as_deref(), javas::accepts);
    let java =
        found.map_err(|source| UnfitJava { version: topology.version.to_string(), range: javas::range(), source })?;
    Ok(HostFacts { memory: host::memory()?, java: Java { program: java.program, release: java.version } })
}

/// Refuses a file after which the brokers of this host would begin anew in empty folders. A host without data may be
/// laid out anew: that is how a wrong `base_dir` is put right.
fn keeps_data(earlier: &Cluster, next: &Goal) -> Result<(), StrandedData> {
    let name = &next.desired.host;
    let (before, after) = (&earlier.topology, &next.cluster.topology);
    let (Some(old), Some(new)) = (before.host(name), after.host(name)) else { return Ok(()) };
    let changes = [
        ("cluster.name", before.name != after.name),
        ("base_dir", old.base_dir != new.base_dir),
        ("cluster.layout", before.layout != after.layout),
        ("cluster.mode", !before.mode.reads_stores_of(after.mode)),
    ];
    let store = |instance: &InstanceName, role| Folders::of(&old.base_dir, before.layout, instance, role).store();
    if before.mode == after.mode && old.in_namesrv != new.in_namesrv {
        // An empty one has never heard of the brokers, whatever those know of themselves.
        let inside = store(&InstanceName::namesrv(), Role::Namesrv);
        let alone = store(&InstanceName::controller(), Role::Controller);
        let (store, to) = if old.in_namesrv { (inside, alone) } else { (alone, inside) };
        if stores::holds_files(&store).unwrap_or(true) {
            return Err(StrandedData::OfController { store, to });
        }
    }
    let Some((key, _)) = changes.into_iter().find(|(_, changes)| *changes) else { return Ok(()) };
    let mut stores = earlier.placement.brokers_on(name).map(|seat| store(&seat.instance(), seat.role()));
    // What cannot be looked into may hold data.
    match stores.find(|store| stores::holds_files(store).unwrap_or(true)) {
        Some(store) => Err(StrandedData::OfBroker { key, store }),
        None => Ok(()),
    }
}
