//! What the supervisor writes down about an instance, so that the next agent on this host knows the processes of this
//! one. In and out: one JSON file an instance, replaced as a whole. It holds the launch's environment: mode 0600.

use super::{
    SupervisorError, locks,
    process::{Identity, boot_id},
};
use rocketmq_agent_domain::{
    backoff::Backoff,
    finding,
    launch::{Cause, Exit, Launch},
    names::InstanceName,
};
use serde::{Deserialize, Serialize};
use std::{
    fs,
    io::{self, Write},
    path::{Path, PathBuf},
};

/// The instance as it was last started or tried.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Record {
    /// What was run.
    pub launch: Launch,
    /// The run that goes on, as far as this record knows.
    pub run: Option<Run>,
    /// How the last one ended.
    #[serde(default)]
    pub last_exit: Option<Exit>,
    /// Why, or why it may not start.
    #[serde(default)]
    pub cause: Option<Cause>,
    /// The process that was ended because it hung, and the words for it.
    #[serde(default)]
    pub hung: Option<(u32, Cause)>,
    /// What its failures cost it.
    #[serde(default)]
    pub backoff: Backoff,
    /// The boot in which its unit was stopped, and not by the agent: until the next one it is a person's to start again.
    #[serde(default)]
    pub stopped_by_another: Option<String>,
    /// The boot in which a person stopped it through the agent: the same holds.
    #[serde(default)]
    pub held: Option<String>,
    /// When its unit was last looked at, a job was stopping it.
    #[serde(skip)]
    pub is_being_stopped: bool,
    /// It is to run, with this very launch.
    #[serde(skip)]
    pub is_wanted: bool,
    /// When it was last observed, its process was not its unit's.
    #[serde(skip)]
    pub is_outside: bool,
}

/// One run of an instance.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Run {
    /// The process; `None` from just before it is started until its pid is known.
    pub process: Option<Identity>,
    /// When it was started, milliseconds since 1970.
    pub started_at: u64,
    /// It was told to stop.
    #[serde(default)]
    pub stopping: bool,
    /// Where its output begins.
    #[serde(default)]
    pub marks: Marks,
}

/// How much was there before the start: what is after it belongs to this run.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Marks {
    /// Bytes in the console.
    pub console: u64,
    /// Bytes in each of the launch's logs.
    pub logs: Vec<u64>,
    /// The kernel's count of out-of-memory kills.
    pub oom_kills: Option<u64>,
}

impl Record {
    /// An instance that never ran.
    pub fn new(launch: &Launch) -> Self {
        Self {
            launch: launch.clone(),
            run: None,
            last_exit: None,
            cause: None,
            hung: None,
            backoff: Backoff::default(),
            stopped_by_another: None,
            held: None,
            is_being_stopped: false,
            is_wanted: false,
            is_outside: false,
        }
    }

    /// Why it was ended, where it was because it hung.
    pub fn hung(&self, pid: u32) -> Option<Cause> {
        self.hung.as_ref().filter(|(hung, _)| *hung == pid).map(|(_, cause)| cause.clone())
    }

    /// Its unit was stopped since this host was booted, and not by the agent. What cannot be told is no reason to leave
    /// it stopped.
    pub fn is_stopped_by_another(&self) -> bool {
        self.stopped_by_another.is_some() && self.stopped_by_another == boot_id().ok()
    }

    /// Why it is not to be started before the next boot, where a person stopped it.
    pub fn stopped_by_hand(&self) -> Option<Cause> {
        let name = &self.launch.instance;
        if self.held.is_some() && self.held == boot_id().ok() {
            return Some(finding::HELD_BY_HAND.of(&[("instance", name)]));
        }
        self.is_stopped_by_another().then(|| {
            let service = format!("rocketmq-{name}");
            finding::UNIT_STOPPED_BY_HAND.of(&[("unit", &format!("{service}.service")), ("service", &service)])
        })
    }

    /// It stays stopped, once it is, until it is released or the host is booted.
    pub fn hold(&mut self) -> Result<(), SupervisorError> {
        let look = |source| SupervisorError::Look { what: "which boot this is".to_owned(), source };
        self.held = Some(boot_id().map_err(look)?);
        Ok(())
    }

    /// It may start, and at once; whether that is new.
    pub fn release(&mut self) -> bool {
        let differs = self.held.is_some() || self.stopped_by_another.is_some() || self.backoff.failures() > 0;
        (self.held, self.stopped_by_another) = (None, None);
        self.backoff.settled();
        differs
    }

    /// Reads one; `None` where there is none.
    ///
    /// # Errors
    /// It is there and cannot be read or understood: what ran may still run.
    pub fn read(folder: &Path, instance: &InstanceName) -> Result<Option<Self>, SupervisorError> {
        let path = path(folder, instance);
        let text = match fs::read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(SupervisorError::Record { path, source }),
        };
        let record = serde_json::from_slice(&text).map_err(|error| error.into());
        record.map(Some).map_err(|source| SupervisorError::Record { path, source })
    }

    /// Replaces the file as a whole, or leaves the old one.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn write(&self, folder: &Path) -> io::Result<()> {
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        // At once: straight into the file, serde_json would write it in hundreds of pieces.
        file.write_all(&serde_json::to_vec(self)?)?;
        file.as_file().sync_all()?;
        file.persist(path(folder, &self.launch.instance)).map_err(|error| error.error)?;
        fs::File::open(folder)?.sync_all()
    }
}

/// Makes the folder of the records this process's own, for as long as the file that comes back is open.
///
/// # Errors
/// It cannot be used, or another agent uses it.
pub(super) fn open(folder: &Path) -> Result<fs::File, SupervisorError> {
    let unusable = |source| SupervisorError::StateFolder { path: folder.to_owned(), source };
    fs::create_dir_all(folder).map_err(unusable)?;
    let path = folder.join("agent.lock");
    let lock = fs::File::create(&path).map_err(unusable)?;
    match locks::lock(&lock).map_err(unusable)? {
        true => Ok(lock),
        false => Err(SupervisorError::AnotherAgent { path }),
    }
}

fn path(folder: &Path, instance: &InstanceName) -> PathBuf {
    folder.join(format!("{instance}.json"))
}

/// The instances that have a record, readable or not.
///
/// # Errors
/// The folder cannot be listed.
pub(super) fn names(folder: &Path) -> io::Result<Vec<InstanceName>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(folder)? {
        let name = entry?.file_name();
        names.extend(name.to_str().and_then(|name| name.strip_suffix(".json")?.parse().ok()));
    }
    names.sort();
    Ok(names)
}
