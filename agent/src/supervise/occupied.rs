//! For whoever is about to touch an instance's folders: does anything run in them, and which instances were there at
//! all. It supervises nothing, takes no lock and changes nothing.

use super::{
    SupervisorError, locks, process,
    record::{self, Record},
};
use rocketmq_agent_domain::{cause::Occupant, launch::Launch};
use std::{fs::File, io, path::Path};

/// A process that works in an instance's folders: the one that holds its lock, whoever started it, or a stranger on its
/// store.
///
/// # Errors
/// It cannot be told: then somebody may.
pub fn occupant_of(launch: &Launch) -> Result<Option<Occupant>, SupervisorError> {
    let look = |source| SupervisorError::Look { what: format!("who works in {}", launch.directory.display()), source };
    if let Some(pid) = locks::holders(launch).map_err(look)?.first() {
        return Ok(Some(process::occupant(*pid)));
    }
    let Some(store) = &launch.store else { return Ok(None) };
    if let Some(holder) = locks::store_holder(store, None).map_err(look)? {
        return Ok(Some(holder));
    }
    Ok(locks::store_writer(store).map_err(look)?.map(|file| process::occupant(file.pid)))
}

/// The instance's own lock, which keeps everybody from starting it; `None` where somebody has it.
///
/// # Errors
/// It cannot be made.
pub fn lock(launch: &Launch) -> Result<Option<File>, SupervisorError> {
    let what = || locks::path(launch).display().to_string();
    locks::take(launch).map_err(|source| SupervisorError::Look { what: what(), source })
}

/// Whether an agent ever came as far as starting it: its lock is made just before that.
pub fn was_started(launch: &Launch) -> bool {
    // A link that was put there is no lock.
    std::fs::symlink_metadata(locks::path(launch)).is_ok()
}

/// What was last run of each instance that an agent with this state folder ever started.
///
/// # Errors
/// A record that is there and cannot be read: its process may run.
pub fn recorded(state: &Path) -> Result<Vec<Launch>, SupervisorError> {
    let folder = state.join("run");
    let names = match record::names(&folder) {
        Ok(names) => names,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(source) => return Err(SupervisorError::StateFolder { path: folder, source }),
    };
    let mut launches = Vec::new();
    for name in names {
        launches.extend(Record::read(&folder, &name)?.map(|record| record.launch));
    }
    Ok(launches)
}
