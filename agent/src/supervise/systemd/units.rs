//! The unit files. In: launches. Out: a file in systemd's folder, read by systemd and enabled, so that the instance comes
//! up at boot whether or not there is an agent then. A unit that somebody else made is never touched.

use super::{Shared, bus::ManagerProxy, manager};
use crate::{
    accounts, files,
    supervise::{SupervisorError, evidence, locks},
    unprivileged,
    untrusted::Budget,
};
use rocketmq_agent_domain::{
    finding,
    launch::{Cause, Launch},
    limits::Limits,
    names::InstanceName,
    size::Size,
    unit::{self, FIRST_LINE, Options},
};
use std::{
    fs, io,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    sync::{Once, PoisonError},
    time::{Duration, Instant},
};
use zbus::Connection;

/// Stores grow slowly beside the steps in which their size counts, and one of terabytes is thousands of files.
const SIZES_EVERY: Duration = Duration::from_secs(3600);

/// Thousands of files are looked at within a moment.
const LOOK: Duration = Duration::from_millis(1500);

static FOREIGN_SLICE: Once = Once::new();

/// Why a launch has no unit, where that is for a person to change.
pub(super) type Refusal = Cause;

/// Makes the unit what it should be; whether anything was changed.
pub(super) async fn keep(
    shared: &Shared,
    manager: &ManagerProxy<'static>,
    launch: &Launch,
) -> Result<Result<bool, Refusal>, SupervisorError> {
    let rendered = unit::name(&launch.instance).and_then(|name| {
        let lock = locks::path(launch);
        let account = shared.account.map(|_| (accounts::NAME, accounts::NAME));
        let dirty = shared.most_dirty(launch);
        let options = Options { account, flock: &shared.flock, agent: shared.agent.as_deref(), lock: &lock, dirty };
        Ok((name, unit::render(launch, &options)?))
    });
    let (name, text) = match rendered {
        Ok(rendered) => rendered,
        Err(error) => return Ok(Err(finding::NO_UNIT.of(&[("why", &error)]))),
    };
    let path = shared.units.join(&name);
    let found = read(&path)?;
    if found.as_ref().is_some_and(|found| !found.starts_with(FIRST_LINE)) {
        return Ok(Err(finding::FOREIGN_UNIT.of(&[("path", &path.display())])));
    }
    let mut changed = found.as_ref() != Some(&text);
    if changed {
        let failed = |source| SupervisorError::UnitFile { source };
        files::write_file(&path, text.as_bytes(), 0o644, None).map_err(failed)?;
        tracing::info!(instance = %launch.instance, "{}: wrote {}", launch.instance, path.display());
    }
    let asked = |source| SupervisorError::bus(format!("enable {name}"), source);
    // A unit that systemd has not read yet has no state.
    let enabled =
        is_wanted_at_boot(&path) || matches!(manager.get_unit_file_state(&name).await.as_deref(), Ok("enabled"));
    if !enabled {
        manager.enable_unit_files(&[&name], false, true).await.map_err(asked)?;
        changed = true;
    }
    if changed {
        reload(manager).await?;
    }
    Ok(Ok(changed))
}

/// Whether the link is there by which `systemctl enable` has a unit started at boot. Where it is not, systemd knows
/// better: to tell the state of one unit it reads all of the host's folders.
fn is_wanted_at_boot(unit: &Path) -> bool {
    let (Some(folder), Some(name)) = (unit.parent(), unit.file_name()) else { return false };
    let link = folder.join(unit::WANTED_BY.to_owned() + ".wants").join(name);
    let same = |a: fs::Metadata, b: fs::Metadata| (a.dev(), a.ino()) == (b.dev(), b.ino());
    fs::metadata(link).ok().zip(fs::metadata(unit).ok()).is_some_and(|(a, b)| same(a, b))
}

impl Shared {
    /// The most that a stop of a broker may have to flush, looked up now and then.
    fn most_dirty(&self, launch: &Launch) -> Option<Size> {
        let store = launch.store.as_ref()?;
        let mut sizes = self.sizes.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = sizes.get(&launch.instance).filter(|(at, _)| at.elapsed() < SIZES_EVERY);
        let size = fresh.map_or_else(|| self.size_of(&store.commit_log), |(_, size)| *size);
        if fresh.is_none() {
            sizes.insert(launch.instance.clone(), (Instant::now(), size));
        }
        unit::most_dirty(size, evidence::memory().map(|memory| Size(memory.total)))
    }

    /// As the account, and not for long: the loop waits.
    fn size_of(&self, folder: &Path) -> Option<Size> {
        let size = || files::size_of_folder(folder, Budget::of(LOOK)).ok();
        unprivileged::run(self.account, size).ok()?.map(Size)
    }
}

/// Makes the slice what it should be. Running processes get the new limits when systemd reads it.
pub(super) async fn limit(shared: &Shared, connection: &Connection, limits: &Limits) -> Result<(), SupervisorError> {
    let (path, text) = (shared.units.join(unit::SLICE), unit::slice(limits));
    let found = read(&path)?;
    if found.as_ref() == Some(&text) {
        return Ok(());
    }
    if found.is_some_and(|found| !found.starts_with(FIRST_LINE)) {
        FOREIGN_SLICE.call_once(|| {
            let path = path.display();
            tracing::warn!("{path} was not made by this agent: it is left as it is, and [limits] of cluster.toml too");
        });
        return Ok(());
    }
    files::write_file(&path, text.as_bytes(), 0o644, None).map_err(|source| SupervisorError::UnitFile { source })?;
    tracing::info!("wrote {}", path.display());
    reload(&manager(connection).await?).await
}

/// Takes care that an instance is not started at boot. Its unit stays, and so does its store.
pub(super) async fn retire(
    shared: &Shared,
    connection: &Connection,
    instance: &InstanceName,
) -> Result<(), SupervisorError> {
    let Ok(name) = unit::name(instance) else { return Ok(()) };
    let path = shared.units.join(&name);
    if !read(&path)?.is_some_and(|text| text.starts_with(FIRST_LINE)) {
        return Ok(());
    }
    let manager = manager(connection).await?;
    if !matches!(manager.get_unit_file_state(&name).await.as_deref(), Ok("enabled")) {
        return Ok(());
    }
    let asked = |source| SupervisorError::bus(format!("disable {name}"), source);
    manager.disable_unit_files(&[&name], false).await.map_err(asked)?;
    tracing::info!(%instance, "{instance} is not in cluster.toml any more: it is left as it is, and not started at boot");
    reload(&manager).await
}

async fn reload(manager: &ManagerProxy<'static>) -> Result<(), SupervisorError> {
    manager.reload().await.map_err(|source| SupervisorError::bus("reload systemd".to_owned(), source))
}

/// The instances that have a unit of ours.
pub(super) fn instances(folder: &Path) -> io::Result<Vec<InstanceName>> {
    let mut names = Vec::new();
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(names),
        Err(error) => return Err(error),
    };
    for entry in entries {
        let entry = entry?;
        let file = entry.file_name();
        let name = file.to_str().and_then(|name| name.strip_prefix("rocketmq-")?.strip_suffix(".service"));
        let ours = || fs::read_to_string(entry.path()).is_ok_and(|text| text.starts_with(FIRST_LINE));
        names.extend(name.and_then(|name| name.parse().ok()).filter(|_| ours()));
    }
    Ok(names)
}

fn read(path: &PathBuf) -> Result<Option<String>, SupervisorError> {
    match fs::read_to_string(path) {
        Ok(text) => Ok(Some(text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(source) => Err(SupervisorError::Look { what: path.display().to_string(), source }),
    }
}
