//! The systemd unit of an instance. In: its launch and the account it runs as. Out: the unit's name and text. Pure:
//! nothing is written or looked up.
//!
//! Only what systemd 247 (Debian 11) knows stands in it: an unknown key is a warning at every reload.

mod quoting;
mod slice;
mod stop;
#[cfg(test)]
mod tests;

pub use slice::{SLICE, slice};
pub use stop::most_dirty;

use crate::{
    desired::folders::Folders,
    launch::{Launch, Role},
    names::InstanceName,
    size::Size,
};
use quoting::{raw_path, word, word_path};
use std::path::{Path, PathBuf};

/// What is not in the launch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Options<'a> {
    /// The user and group that it runs as, by name; systemd 252 does not start a user that has only a number. `None`: as
    /// root.
    pub account: Option<(&'a str, &'a str)>,
    /// `flock` of util-linux, absolute.
    pub flock: &'a Path,
    /// The agent's own program, absolute: as `ready` it waits until the instance serves. `None`: active means started.
    pub agent: Option<&'a Path>,
    /// The file that [`Launch`]'s process keeps locked for as long as it lives.
    pub lock: &'a Path,
    /// The most that a stop may have to flush ([`most_dirty`]); `None` where there is nothing, or nothing is known.
    pub dirty: Option<Size>,
}

/// Why there is no unit for a launch.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UnitError {
    /// systemd has no way to write it down.
    #[error(
        "{path:?} cannot stand in a unit: it has line breaks, control characters, or blanks or a backslash at an end"
    )]
    Path {
        /// Which.
        path: PathBuf,
    },
    /// The unit would have the name of the agent's own.
    #[error("an instance \"agent\" would have the agent's own unit, rocketmq-agent.service")]
    Reserved,
}

/// The variable in the environment of each process that holds the fingerprint it was started with: what runs tells with
/// what, whatever became of the unit file since.
pub const FINGERPRINT: &str = "ROCKETMQ_AGENT_FINGERPRINT";

/// The unit, with the instance for its parameter, that writes permits: `systemd/rocketmq-admission@.service`.
pub const ADMISSION: &str = "rocketmq-admission";

/// The first line of every unit rendered here.
pub const FIRST_LINE: &str = "# Made by rocketmq-agent; changes are overwritten. Own settings: systemctl edit UNIT.";

/// The target with which every unit is started at boot.
pub const WANTED_BY: &str = "multi-user.target";

/// How long systemd waits before it starts a crashed instance itself. The agent, where it runs, has started it or held it
/// back long before.
pub const RESTART_SECONDS: u64 = 2;

/// What a unit ends with where another process kept the instance's lock (EX_TEMPFAIL).
pub const LOCKED_STATUS: i32 = 75;

/// systemd would hand these down from its own environment (`systemctl set-environment`), and a JVM obeys them.
const NOT_INHERITED: [&str; 4] = ["JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS", "CLASSPATH"];

/// The name of an instance's unit.
///
/// # Errors
/// [`UnitError::Reserved`].
pub fn name(instance: &InstanceName) -> Result<String, UnitError> {
    match instance.as_str() {
        "agent" => Err(UnitError::Reserved),
        name => Ok(format!("rocketmq-{name}.service")),
    }
}

/// The text of an instance's unit.
///
/// # Errors
/// A path that systemd cannot read back.
pub fn render(launch: &Launch, options: &Options<'_>) -> Result<String, UnitError> {
    let mut text = Lines(String::from(FIRST_LINE) + "\n");
    let directory = raw_path(&launch.directory)?;
    text.section("Unit");
    text.line("Description", &format!("RocketMQ {} ({})", launch.instance, launch.role));
    text.line("Wants", "network-online.target");
    text.line("After", "network-online.target");
    text.line("RequiresMountsFor", &word_path(&launch.directory)?);
    for folder in writable(launch) {
        text.line("RequiresMountsFor", &word_path(&folder)?);
    }
    let admission = admission(launch, options)?;
    if admission.is_some() {
        text.comment(
            "Writes the permit that a start waits for; beside the agent, so that it needs no agent that runs.",
        );
        text.line("Wants", &format!("{}@{}.service", ADMISSION, launch.instance));
    }
    text.comment("How often it may fail is the agent's to say; where there is no agent, it is tried again and again.");
    text.line("StartLimitIntervalSec", "0");

    text.section("Service");
    text.line("Type", "exec");
    if let Some(wait) = admission {
        text.comment(
            "Ends when there is a permit: no member starts on a commit log that lacks what the other one has.",
        );
        text.line("ExecStartPre", &wait);
    }
    if let Some(carry) = carry(launch, options)? {
        text.comment("Consumer offsets that the slave has newer. Its failure is none of the instance's.");
        text.line("ExecStartPre", &carry);
    }
    text.comment("flock becomes java: no second process, and no second JVM of this instance while this one lives.");
    text.line("ExecStart", &command(launch, options)?);
    if let Some(ready) = ready(launch, options)? {
        text.comment(
            "Active means ready. It waits for as long as the process lives; without it, active means started.",
        );
        text.line("ExecStartPost", &ready);
        text.line("NotifyAccess", "exec");
    }
    text.line("WorkingDirectory", &directory);
    if let Some((user, group)) = options.account {
        text.line("User", user);
        text.line("Group", group);
    }
    for (key, value) in &launch.environment {
        text.line("Environment", &word(&format!("{key}={value}")));
    }
    text.line("Environment", &word(&format!("{FINGERPRINT}={}", launch.fingerprint)));
    let foreign: Vec<&str> = NOT_INHERITED.into_iter().filter(|name| !launch.environment.contains_key(*name)).collect();
    text.line("UnsetEnvironment", &foreign.join(" "));
    text.line("StandardInput", "null");
    text.comment("Opened as root: it lies in a folder that only root can change.");
    let console = raw_path(&launch.console)?;
    text.line("StandardOutput", &format!("append:{console}"));
    text.line("StandardError", &format!("append:{console}"));
    text.line("UMask", "0027");

    text.blank();
    text.comment("A JVM that was told to stop ends with 143.");
    text.line("SuccessExitStatus", "143");
    text.line("Restart", "always");
    text.line("RestartSec", &RESTART_SECONDS.to_string());
    text.comment("Checking a large store takes as long as it takes, and so does flushing one.");
    text.line("TimeoutStartSec", "infinity");
    text.line("TimeoutStopSec", &stop::seconds(launch, options.dirty).to_string());
    text.line("KillMode", "mixed");
    text.line("KillSignal", "SIGTERM");

    text.blank();
    text.line("Slice", SLICE);
    text.line("LimitNOFILE", "655350");
    text.line("LimitMEMLOCK", "infinity");
    text.line("OOMScoreAdjust", "-500");

    text.blank();
    sandbox(launch, &mut text)?;

    text.section("Install");
    text.line("WantedBy", WANTED_BY);
    Ok(text.0)
}

/// `flock`, holding the instance's lock for what follows. Without --no-fork it would stay as the parent. It waits a little
/// for an agent that is just looking.
fn locked(options: &Options<'_>) -> Result<Vec<String>, UnitError> {
    let mut words = vec![word_path(options.flock)?];
    words.extend(["--exclusive", "--no-fork", "--wait", "5", "--conflict-exit-code"].map(str::to_owned));
    words.push(LOCKED_STATUS.to_string());
    words.push(quoting::argument(&path_text(options.lock)?));
    Ok(words)
}

/// The command that waits for the permit. Without the agent's program nobody could write one, and it is not waited for (`-`).
fn admission(launch: &Launch, options: &Options<'_>) -> Result<Option<String>, UnitError> {
    let (Some(agent), Some(_)) = (options.agent, &launch.partner) else { return Ok(None) };
    let agent = quoting::argument(&path_text(agent)?);
    Ok(Some(format!("-{agent} await-permit {}", launch.instance)))
}

/// The command that takes over newer consumer offsets while nothing runs on the store.
fn carry(launch: &Launch, options: &Options<'_>) -> Result<Option<String>, UnitError> {
    let (Some(agent), Some(slave), Some(store)) = (options.agent, launch.offsets_of, &launch.store) else {
        return Ok(None);
    };
    let mut words = locked(options)?;
    words.push(quoting::argument(&path_text(agent)?));
    words.extend(["carry-offsets".to_owned(), "--slave".to_owned(), slave.to_string()]);
    words.extend(["--store".to_owned(), quoting::argument(&path_text(&store.root)?)]);
    words.extend(["--folder".to_owned(), quoting::argument(&path_text(&launch.directory)?)]);
    words.extend(["--instance".to_owned(), launch.instance.to_string()]);
    words.extend(tls(launch));
    Ok(Some(format!("-{}", words.join(" "))))
}

fn command(launch: &Launch, options: &Options<'_>) -> Result<String, UnitError> {
    let mut words = locked(options)?;
    words.push(quoting::argument(&path_text(&launch.program)?));
    words.extend(launch.arguments.iter().map(|argument| quoting::argument(argument)));
    Ok(words.join(" "))
}

/// The command that ends when the instance serves. Its failure, or that it is not there, is none of the instance's (`-`).
fn ready(launch: &Launch, options: &Options<'_>) -> Result<Option<String>, UnitError> {
    let (Some(agent), Some(service)) = (options.agent, &launch.service) else { return Ok(None) };
    let mut words = vec![format!("-{}", quoting::argument(&path_text(agent)?)), "ready".to_owned()];
    words.extend(["--address".to_owned(), service.address.to_string()]);
    match launch.role {
        Role::Controller => words.push("--controller".to_owned()),
        Role::Proxy => words.extend(["--proxy-of".to_owned(), quoting::argument(&service.cluster)]),
        role if role.is_jar() => words.push("--http".to_owned()),
        _ => {}
    }
    if let Some(controller) = launch.controller_inside() {
        words.extend(["--controller-inside".to_owned(), controller.to_string()]);
    }
    if let Some(registered) = &service.registered {
        let namesrvs: Vec<String> = service.namesrvs.iter().map(ToString::to_string).collect();
        words.extend(["--broker".to_owned(), registered.broker.to_string()]);
        words.extend(registered.id.into_iter().flat_map(|id| ["--id".to_owned(), id.to_string()]));
        words.extend(["--registered".to_owned(), registered.address.to_string()]);
        words.extend(["--namesrv".to_owned(), namesrvs.join(",")]);
    }
    words.extend(tls(launch));
    Ok(Some(words.join(" ")))
}

/// Where what the unit runs is to speak TLS.
fn tls(launch: &Launch) -> Option<String> {
    let over_tls = launch.service.iter().flat_map(|service| &service.over_tls);
    let addresses: Vec<String> = over_tls.map(ToString::to_string).collect();
    (!addresses.is_empty()).then(|| format!("--tls {}", addresses.join(",")))
}

fn path_text(path: &Path) -> Result<String, UnitError> {
    path.to_str().map(str::to_owned).ok_or_else(|| UnitError::Path { path: path.to_owned() })
}

/// What an instance writes to, a store that lies elsewhere included; all that its unit lets it.
pub fn writable(launch: &Launch) -> Vec<PathBuf> {
    let own = Folders { home: launch.directory.clone() };
    let mut folders = own.written(launch.role, launch.controller_inside().is_some());
    let store = launch.store.iter().flat_map(|store| [&store.root, &store.commit_log]);
    for folder in store {
        if !folders.iter().any(|above| folder.starts_with(above)) {
            folders.push(folder.to_owned());
        }
    }
    folders
}

/// Why the sandbox is no tighter.
const LEFT_OUT: [&str; 4] = [
    "Left out: MemoryDenyWriteExecute (a JVM compiles), ProcSubset (it reads /proc/meminfo and its cgroup),",
    "PrivateNetwork and IPAddressDeny (it serves clients anywhere), AF_UNIX and AF_NETLINK forbidden (jcmd; the JVM lists",
    "network cards), PrivateUsers (not every host lets namespaces of users be made), RootDirectory (Java and the release lie",
    "anywhere), a UMask of 0077 (the group reads the logs).",
];

/// What a broker never needs is taken from it.
fn sandbox(launch: &Launch, text: &mut Lines) -> Result<(), UnitError> {
    for line in LEFT_OUT {
        text.comment(line);
    }
    text.line("ProtectSystem", "strict");
    for folder in writable(launch) {
        text.line("ReadWritePaths", &word_path(&folder)?);
    }
    let uses = |place: &str| writable(launch).into_iter().chain([launch.program.clone()]).any(|p| p.starts_with(place));
    let at_home = ["/home", "/root", "/run/user"].into_iter().any(uses);
    text.line("ProtectHome", if at_home { "read-only" } else { "yes" });
    let in_tmp = ["/tmp", "/var/tmp"].into_iter().any(uses);
    text.line("PrivateTmp", if in_tmp { "no" } else { "yes" });
    for (key, value) in [
        ("NoNewPrivileges", "yes"),
        ("CapabilityBoundingSet", ""),
        ("AmbientCapabilities", ""),
        ("PrivateDevices", "yes"),
        ("ProtectClock", "yes"),
        ("ProtectControlGroups", "yes"),
        ("ProtectHostname", "yes"),
        ("ProtectKernelLogs", "yes"),
        ("ProtectKernelModules", "yes"),
        ("ProtectKernelTunables", "yes"),
        ("ProtectProc", "invisible"),
        ("RestrictAddressFamilies", "AF_INET AF_INET6 AF_UNIX AF_NETLINK"),
        ("RestrictNamespaces", "yes"),
        ("RestrictRealtime", "yes"),
        ("RestrictSUIDSGID", "yes"),
        ("LockPersonality", "yes"),
        ("RemoveIPC", "yes"),
        ("KeyringMode", "private"),
        ("SystemCallArchitectures", "native"),
        ("SystemCallFilter", "@system-service"),
        ("SystemCallFilter", "~@privileged @resources"),
        ("SystemCallErrorNumber", "EPERM"),
    ] {
        text.line(key, value);
    }
    Ok(())
}

/// A unit file as it grows.
struct Lines(String);

impl Lines {
    fn section(&mut self, name: &str) {
        self.0 += &format!("\n[{name}]\n");
    }

    fn line(&mut self, key: &str, value: &str) {
        self.0 += &format!("{key}={value}\n");
    }

    fn comment(&mut self, text: &str) {
        self.0 += &format!("# {text}\n");
    }

    fn blank(&mut self) {
        self.0.push('\n');
    }
}
