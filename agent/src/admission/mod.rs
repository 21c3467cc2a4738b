//! Admission: before a member of a group starts, its commit log is compared with the other member's, and a master takes back
//! what only its slave has. In: an instance. Out: a permit, or a note of what it waits for. Both lie in a folder of root that
//! every boot clears.
//!
//! Under systemd a oneshot beside the agent does it (`rocketmq-admission@.service`), so that a boot needs no agent that runs;
//! the embedded supervisor asks through [`Gate`]. `docs/decisions/0052-admission-and-tail-repair.md`.

mod channel;
mod repair;
mod seek;

use crate::{
    accounts::{self, Account},
    clock,
    files::{self, FileError},
    inventory::Inventory,
    settings::{Settings, SupervisorKind},
    supervise::{self, Gate},
};
use rocketmq_agent_domain::{
    admission::{Grounds, Pending, Permit},
    launch::{Cause, Launch},
    names::{HostName, InstanceName},
};
use serde::{Serialize, de::DeserializeOwned};
use std::{
    collections::BTreeSet,
    fs, io,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

/// Where permits lie under systemd: cleared by each boot, and written by root alone.
pub const FOLDER: &str = "/run/rocketmq-agent/admission";

/// Who admits the members on this host.
#[derive(Debug)]
pub struct Admission {
    folder: PathBuf,
    settings: Settings,
    account: Option<Account>,
    /// Tells a permit of this boot from an earlier one's, where the folder outlives a boot.
    boot: Option<String>,
    seeking: Mutex<BTreeSet<InstanceName>>,
    /// Whose permit was taken away while they run, so that they are compared at their next start.
    revoked: Mutex<BTreeSet<InstanceName>>,
}

/// A permit as it is written down.
#[derive(Debug, serde::Serialize, serde::Deserialize)]
struct Written {
    #[serde(flatten)]
    permit: Permit,
    #[serde(default)]
    boot: Option<String>,
}

impl Admission {
    /// Under systemd.
    pub fn of_host(settings: &Settings) -> Self {
        Self::new(PathBuf::from(FOLDER), settings, None)
    }

    /// Of this host's agent, whichever way it runs its instances.
    pub fn of_this_host(settings: &Settings) -> Self {
        let systemd = match settings.supervisor {
            SupervisorKind::Auto => supervise::systemd::is_booted() && accounts::is_root(),
            chosen => chosen == SupervisorKind::Systemd,
        };
        if systemd {
            Self::of_host(settings)
        } else {
            Self::new(settings.state_dir.join("admission"), settings, supervise::process::boot_id().ok())
        }
    }

    /// Of an agent that is the parent of its JVMs: the folder is its own, and outlives a boot.
    pub fn embedded(settings: &Settings) -> Self {
        let folder = settings.state_dir.join("admission");
        let admission = Self::new(folder, settings, supervise::process::boot_id().ok());
        admission.forget_pending();
        admission
    }

    fn new(folder: PathBuf, settings: &Settings, boot: Option<String>) -> Self {
        let account = accounts::intended(settings.embedded.run_as);
        Self { folder, settings: settings.clone(), account, boot, seeking: Mutex::default(), revoked: Mutex::default() }
    }

    /// What an earlier agent was waiting for, nobody waits for now.
    fn forget_pending(&self) {
        for name in files::entries(&self.folder).unwrap_or_default() {
            if name.ends_with(PENDING) {
                // What stays is only shown for a while.
                let _ = fs::remove_file(self.folder.join(name));
            }
        }
    }

    fn path(&self, instance: &InstanceName, kind: &str) -> PathBuf {
        self.folder.join(format!("{instance}{kind}"))
    }

    /// The permit of an instance, where it has one of this boot.
    pub fn permit(&self, instance: &InstanceName) -> Option<Permit> {
        let written: Written = read(&self.path(instance, PERMIT))?;
        (written.boot == self.boot).then_some(written.permit)
    }

    /// What an instance waits for; none where it has its permit.
    pub fn pending(&self, instance: &InstanceName) -> Option<Pending> {
        if self.permit(instance).is_some() { None } else { read(&self.path(instance, PENDING)) }
    }

    /// Gives an instance its permit.
    ///
    /// # Errors
    /// It cannot be written down.
    pub fn grant(&self, instance: &InstanceName, partner: &HostName, grounds: Grounds) -> Result<(), FileError> {
        let permit = Permit { at: clock::now(), partner: partner.clone(), grounds };
        self.write(&self.path(instance, PERMIT), &Written { permit, boot: self.boot.clone() })?;
        let _ = fs::remove_file(self.path(instance, PENDING));
        Ok(())
    }

    /// Lets an instance start without what only the other member has.
    ///
    /// # Errors
    /// It is no member of a group of this host, or that cannot be written down.
    pub fn accept_loss(&self, instance: &InstanceName) -> anyhow::Result<()> {
        let inventory = self.inventory()?;
        let partner = inventory.desired.instance(instance).and_then(|it| it.launch.partner.clone());
        let partner = partner.ok_or_else(|| anyhow::anyhow!("{instance} has no other member to lose anything to"))?;
        Ok(self.grant(instance, &partner, Grounds::LossAccepted)?)
    }

    /// Takes an instance's permit away: its next start is compared first.
    ///
    /// # Errors
    /// It is there still.
    pub fn revoke(&self, instance: &InstanceName) -> Result<(), FileError> {
        self.revoked.lock().unwrap_or_else(PoisonError::into_inner).insert(instance.clone());
        let path = self.path(instance, PERMIT);
        match fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(files::failed("remove", &path)(error)),
            _ => Ok(()),
        }
    }

    /// Has the log of a slave cut there before its next start.
    ///
    /// # Errors
    /// It cannot be written down.
    pub fn cut(&self, instance: &InstanceName, at: u64) -> Result<(), FileError> {
        self.write(&self.path(instance, CUT), &at)
    }

    /// Where a log is to be cut before its next start.
    fn cut_of(&self, instance: &InstanceName) -> Option<u64> {
        read(&self.path(instance, CUT))
    }

    fn cut_is_done(&self, instance: &InstanceName) {
        // What is asked for once more does no harm: there is nothing there any more.
        let _ = fs::remove_file(self.path(instance, CUT));
    }

    /// Takes an instance's permit away for a cause that silence of the other host does not end.
    ///
    /// # Errors
    /// It cannot be written down, or the permit is there still.
    pub fn hold(&self, instance: &InstanceName, cause: &Cause, end: Option<u64>) -> Result<(), FileError> {
        self.wait(instance, &Pending { cause: cause.clone(), end, lacks: true })?;
        self.revoke(instance)
    }

    /// Says what an instance waits for.
    fn wait(&self, instance: &InstanceName, pending: &Pending) -> Result<(), FileError> {
        self.write(&self.path(instance, PENDING), pending)
    }

    fn write(&self, path: &Path, what: &impl Serialize) -> Result<(), FileError> {
        if !self.folder.is_dir() {
            files::make_directory(&self.folder, 0o755, None)?;
        }
        let text = serde_json::to_vec(what).map_err(|error| files::failed("write", path)(error.into()))?;
        files::write_file(path, &text, 0o644, None)
    }

    /// An instance that runs may be started again in this boot.
    pub fn runs(&self, launch: &Launch) {
        let Some(partner) = &launch.partner else { return };
        let mut revoked = self.revoked.lock().unwrap_or_else(PoisonError::into_inner);
        if self.permit(&launch.instance).is_some() {
            revoked.remove(&launch.instance);
        } else if !revoked.contains(&launch.instance)
            && let Err(error) = self.grant(&launch.instance, partner, Grounds::Runs)
        {
            tracing::warn!(instance = %launch.instance, "{}: {:#}", launch.instance, anyhow::Error::from(error));
        }
    }

    /// How an instance is run, by what was applied last.
    fn inventory(&self) -> anyhow::Result<Inventory> {
        let found = Inventory::applied(&self.settings)?;
        found.ok_or_else(|| anyhow::anyhow!("no cluster file was applied on this host yet"))
    }

    fn is_seeking(&self, instance: &InstanceName) -> bool {
        self.seeking.lock().unwrap_or_else(PoisonError::into_inner).contains(instance)
    }
}

/// A permit's name after the instance's, and that of what it waits for.
const PERMIT: &str = ".permit";
const PENDING: &str = ".pending";
const CUT: &str = ".cut";

fn read<T: DeserializeOwned>(path: &Path) -> Option<T> {
    // What cannot be read is no permit.
    serde_json::from_slice(&fs::read(path).ok()?).ok()
}

impl Gate for Admission {
    fn admits(&self, launch: &Launch) -> bool {
        launch.partner.is_none() || self.permit(&launch.instance).is_some()
    }

    fn is_seeking(&self, instance: &InstanceName) -> bool {
        Admission::is_seeking(self, instance)
    }

    fn seek(self: Arc<Self>, launch: &Launch, tell: Box<dyn FnOnce() + Send>) {
        let name = launch.instance.clone();
        if !self.seeking.lock().unwrap_or_else(PoisonError::into_inner).insert(name.clone()) {
            return;
        }
        tokio::spawn(async move {
            self.seek_permit(&name).await;
            self.seeking.lock().unwrap_or_else(PoisonError::into_inner).remove(&name);
            tell();
        });
    }

    fn has_all_of_slave(&self, instance: &InstanceName) -> bool {
        self.permit(instance).is_some_and(|permit| permit.has_all_of_slave())
    }

    fn runs(&self, launch: &Launch) {
        Admission::runs(self, launch);
    }
}
