//! systemd's D-Bus interfaces, as much of them as is needed, and one look at a unit. In: a connection and a unit's name.
//! Out: what systemd says. Nothing is decided here.
//!
//! org.freedesktop.systemd1(5); every member is in systemd 247 and later.

use rocketmq_agent_domain::launch::Exit;
use zbus::{Connection, OwnedObjectPath, Variant, proxy, proxy::CacheProperties};

/// The manager.
#[proxy(
    interface = "org.freedesktop.systemd1.Manager",
    default_service = "org.freedesktop.systemd1",
    default_path = "/org/freedesktop/systemd1"
)]
pub(super) trait Manager {
    /// Without it systemd sends no signals.
    fn subscribe(&self) -> zbus::Result<()>;
    fn start_unit(&self, name: &str, mode: &str) -> zbus::Result<OwnedObjectPath>;
    fn restart_unit(&self, name: &str, mode: &str) -> zbus::Result<OwnedObjectPath>;
    fn stop_unit(&self, name: &str, mode: &str) -> zbus::Result<OwnedObjectPath>;
    /// Answers when everything was read again.
    fn reload(&self) -> zbus::Result<()>;
    #[zbus(name = "GetUnitByPID")]
    fn get_unit_by_pid(&self, pid: u32) -> zbus::Result<OwnedObjectPath>;
    /// With `runtime` they hold until the next boot.
    fn set_unit_properties(&self, name: &str, runtime: bool, properties: &[(&str, Variant<'_>)]) -> zbus::Result<()>;
    fn get_unit_file_state(&self, name: &str) -> zbus::Result<String>;
    fn enable_unit_files(
        &self,
        files: &[&str],
        runtime: bool,
        force: bool,
    ) -> zbus::Result<(bool, Vec<(String, String, String)>)>;
    fn disable_unit_files(&self, files: &[&str], runtime: bool) -> zbus::Result<Vec<(String, String, String)>>;
    fn reset_failed_unit(&self, name: &str) -> zbus::Result<()>;
    /// `stopping` while the host goes down.
    #[zbus(property(emits_changed_signal = "false"))]
    fn system_state(&self) -> zbus::Result<String>;
}

#[proxy(interface = "org.freedesktop.systemd1.Unit", default_service = "org.freedesktop.systemd1")]
trait Unit {
    #[zbus(property)]
    fn active_state(&self) -> zbus::Result<String>;
    #[zbus(property)]
    fn sub_state(&self) -> zbus::Result<String>;
    #[zbus(property)]
    fn job(&self) -> zbus::Result<(u32, OwnedObjectPath)>;
}

#[proxy(interface = "org.freedesktop.systemd1.Service", default_service = "org.freedesktop.systemd1")]
pub(super) trait Service {
    #[zbus(property, name = "MainPID")]
    fn main_pid(&self) -> zbus::Result<u32>;
    #[zbus(property)]
    fn result(&self) -> zbus::Result<String>;
    #[zbus(property, name = "ExecMainPID")]
    fn exec_main_pid(&self) -> zbus::Result<u32>;
    #[zbus(property)]
    fn exec_main_code(&self) -> zbus::Result<i32>;
    #[zbus(property)]
    fn exec_main_status(&self) -> zbus::Result<i32>;
    #[zbus(property)]
    fn memory_high(&self) -> zbus::Result<u64>;
    #[zbus(property)]
    fn memory_max(&self) -> zbus::Result<u64>;
}

/// What systemd says of one unit.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Snapshot {
    /// ActiveState.
    pub active: String,
    /// SubState.
    pub sub: String,
    /// A job waits or runs.
    pub has_job: bool,
    /// The process that runs, 0 for none.
    pub main_pid: u32,
    /// Result of the run before.
    pub result: String,
    /// The process that [`Snapshot::exit`] is of: the last one, whether it lives or not.
    pub exec_pid: u32,
    code: i32,
    status: i32,
}

/// `siginfo_t.si_code` of a process that returned, was killed, was killed and left a core.
const CLD_EXITED: i32 = 1;
const CLD_KILLED: i32 = 2;
const CLD_DUMPED: i32 = 3;

impl Snapshot {
    /// Looks. The properties come one by one, so a look that a restart fell into is done again.
    pub async fn take(connection: &Connection, unit: &str) -> zbus::Result<Self> {
        let path = path(unit);
        let object = UnitProxy::builder(connection).path(path.as_str()).cache_properties(CacheProperties::No);
        let object = object.build().await?;
        let service = ServiceProxy::builder(connection).path(path.as_str()).cache_properties(CacheProperties::No);
        let service = service.build().await?;
        let mut tries = 0;
        loop {
            let before = (service.exec_main_pid().await?, object.active_state().await?);
            let snapshot = Self {
                active: before.1.clone(),
                sub: object.sub_state().await?,
                has_job: object.job().await?.0 != 0,
                main_pid: service.main_pid().await?,
                result: service.result().await?,
                exec_pid: before.0,
                code: service.exec_main_code().await?,
                status: service.exec_main_status().await?,
            };
            tries += 1;
            if tries == 5 || before == (service.exec_main_pid().await?, object.active_state().await?) {
                return Ok(snapshot);
            }
        }
    }

    /// How the process of that pid ended, as far as systemd still knows.
    pub fn exit(&self, pid: u32) -> Exit {
        match (self.exec_pid == pid, self.code) {
            (true, CLD_EXITED) => Exit::Status(self.status),
            (true, CLD_KILLED | CLD_DUMPED) => Exit::Signal(self.status),
            _ => Exit::Unknown,
        }
    }

    /// Its process runs, and nobody has ordered anything else.
    pub fn goes_on(&self) -> bool {
        self.active == "active" && self.main_pid != 0 && !self.has_job
    }

    /// It is being stopped.
    pub fn is_stopping(&self) -> bool {
        self.active == "deactivating"
    }

    /// A job ended its process of that pid: after any other end systemd is about to start it again (`Restart=always`), and
    /// where a person has changed that (`systemctl edit`), a crash has another result.
    pub fn was_told_to_stop(&self, pid: u32) -> bool {
        let ended = ["inactive", "failed"].contains(&self.active.as_str()) && self.exec_pid == pid && pid != 0;
        ended && ["success", "timeout"].contains(&self.result.as_str())
    }

    /// systemd is about to start it again by itself (`auto-restart-queued` from 254 on).
    pub fn waits_for_restart(&self) -> bool {
        self.sub.starts_with("auto-restart")
    }
}

/// The object of a unit: letters and digits stand for themselves (systemd `bus_label_escape`).
pub(super) fn path(unit: &str) -> String {
    let mut path = String::from("/org/freedesktop/systemd1/unit/");
    for byte in unit.bytes() {
        match byte.is_ascii_alphanumeric() {
            true => path.push(char::from(byte)),
            false => path.push_str(&format!("_{byte:02x}")),
        }
    }
    path
}

/// The D-Bus name of an error that systemd answered with; `None` where it did not answer.
pub(super) fn error_name(error: &zbus::Error) -> Option<&str> {
    match error {
        zbus::Error::MethodError(name, _, _) => Some(name.as_str()),
        zbus::Error::FDO(_) => Some("org.freedesktop.DBus.Error"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_unit_has_the_path_that_systemd_gives_it() {
        // As `busctl tree org.freedesktop.systemd1` shows them.
        assert_eq!(
            super::path("rocketmq-broker_a1.service"),
            "/org/freedesktop/systemd1/unit/rocketmq_2dbroker_5fa1_2eservice"
        );
    }
}
