//! Taking units away, and stopping the agent's own, when a host is given up. In: nothing but what systemd and its folder
//! say. Out: what was stopped or removed. A unit that somebody else made is never touched.

use super::{
    SupervisorError, Systemd, UNITS,
    bus::{ManagerProxy, Snapshot},
    is_booted, manager, units,
};
use rocketmq_agent_domain::{
    names::InstanceName,
    unit::{self, FIRST_LINE},
};
use std::{
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};
use tokio::time::sleep;
use zbus::Connection;

/// The agent's own unit, as the packages install it.
pub const AGENT: &str = "rocketmq-agent.service";
const SLICE: &str = "rocketmq.slice";
const LOOK_EVERY: Duration = Duration::from_millis(200);

/// The unit files on this host that this agent made, and the drop-ins beside them, which it did not.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct UnitFiles {
    /// The instances that have one.
    pub instances: Vec<InstanceName>,
    /// The files.
    pub own: Vec<PathBuf>,
    /// `systemctl edit` made them.
    pub foreign: Vec<PathBuf>,
}

/// Looks for them.
///
/// # Errors
/// The folder cannot be listed.
pub fn unit_files() -> Result<UnitFiles, SupervisorError> {
    unit_files_in(Path::new(UNITS))
}

fn unit_files_in(folder: &Path) -> Result<UnitFiles, SupervisorError> {
    let look = |source| SupervisorError::Look { what: folder.display().to_string(), source };
    let mut found = UnitFiles { instances: units::instances(folder).map_err(look)?, ..UnitFiles::default() };
    found.instances.sort();
    let names = found.instances.iter().filter_map(|instance| unit::name(instance).ok());
    for name in names.chain([SLICE.to_owned()]) {
        let file = folder.join(&name);
        if fs::read_to_string(&file).is_ok_and(|text| text.starts_with(FIRST_LINE)) {
            found.own.push(file);
        }
        let drop_ins = folder.join(format!("{name}.d"));
        found.foreign.extend(drop_ins.exists().then_some(drop_ins));
    }
    Ok(found)
}

/// Whether the agent's unit runs.
///
/// # Errors
/// systemd does not answer.
pub async fn agent_runs() -> Result<bool, SupervisorError> {
    if !is_booted() {
        return Ok(false);
    }
    let asked = |source| SupervisorError::bus(format!("ask systemd about {AGENT}"), source);
    let connection = Connection::system().await.map_err(asked)?;
    let state = Snapshot::take(&connection, AGENT).await.map_err(asked)?.active;
    Ok(!matches!(state.as_str(), "inactive" | "failed"))
}

/// Stops the agent's unit, waits until it is gone, and disables it: it must not come back at the next boot.
///
/// # Errors
/// systemd does not do it.
pub async fn stop_agent() -> Result<(), SupervisorError> {
    let asked = |source| SupervisorError::bus(format!("stop {AGENT}"), source);
    let connection = Connection::system().await.map_err(asked)?;
    let manager = manager(&connection).await?;
    manager.stop_unit(AGENT, "replace").await.map_err(asked)?;
    // With on_exit = "stop" it stops the JVMs first: as long as that takes.
    while !matches!(Snapshot::take(&connection, AGENT).await.map_err(asked)?.active.as_str(), "inactive" | "failed") {
        sleep(LOOK_EVERY).await;
    }
    disable(&manager, &[AGENT]).await
}

async fn disable(manager: &ManagerProxy<'static>, names: &[&str]) -> Result<(), SupervisorError> {
    let failed = |source| SupervisorError::bus(format!("disable {}", names.join(", ")), source);
    manager.disable_unit_files(names, false).await.map_err(failed)?;
    manager.reload().await.map_err(|source| SupervisorError::bus("reload systemd".to_owned(), source))
}

impl Systemd {
    /// Disables and removes the units of these instances and the slice, where this agent made them; gives the files that
    /// are gone.
    ///
    /// # Errors
    /// systemd does not do it, or a file cannot be removed.
    pub async fn remove_units(&self, files: &UnitFiles) -> Result<Vec<PathBuf>, SupervisorError> {
        if files.own.is_empty() {
            return Ok(Vec::new());
        }
        let connection = self.shared.connection().await?;
        let manager = manager(&connection).await?;
        let names: Vec<String> =
            files.own.iter().filter_map(|file| Some(file.file_name()?.to_str()?.to_owned())).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        disable(&manager, &names).await?;
        for file in &files.own {
            match fs::remove_file(file) {
                Ok(()) => {}
                // The slice is no file that can be enabled; disabling a linked unit takes its file away.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(source) => {
                    return Err(SupervisorError::Look { what: format!("{} to remove it", file.display()), source });
                }
            }
        }
        manager.reload().await.map_err(|source| SupervisorError::bus("reload systemd".to_owned(), source))?;
        for name in names {
            // Only those that failed are remembered by now; the others are unknown, which is as good.
            let _ = manager.reset_failed_unit(name).await;
        }
        Ok(files.own.clone())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn only_units_with_the_agents_first_line_are_its_own_and_drop_ins_are_foreign() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        write("rocketmq-broker-a.service", &format!("{FIRST_LINE}\n[Unit]\n"));
        write("rocketmq-exporter.service", "[Unit]\n");
        write("rocketmq.slice", &format!("{FIRST_LINE}\n[Slice]\n"));
        fs::create_dir(folder.path().join("rocketmq-broker-a.service.d")).unwrap();
        let found = unit_files_in(folder.path()).unwrap();
        let names = |paths: &[PathBuf]| -> Vec<String> {
            paths.iter().map(|path| path.file_name().unwrap().to_string_lossy().into_owned()).collect()
        };
        assert_eq!(names(&found.own), ["rocketmq-broker-a.service", "rocketmq.slice"]);
        assert_eq!(names(&found.foreign), ["rocketmq-broker-a.service.d"]);
    }
}
