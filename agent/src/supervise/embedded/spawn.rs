//! Turning a launch into a process. In: a launch, an account and the instance's lock. Out: a pid. Nothing is checked
//! here; that it may start was checked before.

use crate::{accounts::Account, untrusted};
use rocketmq_agent_domain::{
    cause,
    launch::{Cause, Launch},
};
use rustix::{
    fs::{OFlags, fcntl_setfl},
    process::{Resource, Rlimit, getrlimit, setrlimit},
};
use std::{
    fs::File,
    io,
    os::unix::{fs::MetadataExt, process::CommandExt},
    path::Path,
    process::{Command, Stdio},
};

/// What RocketMQ's own os.sh asks for (4.5-5.5).
const OPEN_FILES: u64 = 655_350;

/// Starts it. Its output goes straight into the console file, so that it outlives the agent; the lock is its stdin, so
/// that it is held until it ends.
///
/// # Errors
/// The cause, where the operating system would not.
pub(super) fn spawn(launch: &Launch, run_as: Option<Account>, lock: File) -> Result<u32, Cause> {
    let unusable = |error: io::Error| cause::folder_unusable(&launch.console, &error.to_string());
    let console = open_console(&launch.console).map_err(unusable)?;
    let second = console.try_clone().map_err(unusable)?;
    let mut command = Command::new(&launch.program);
    command.args(&launch.arguments).env_clear().envs(&launch.environment).current_dir(&launch.directory);
    command.stdin(Stdio::from(lock)).stdout(console).stderr(second);
    // Ctrl-C in the agent's terminal is for the agent, which then stops the instances in order.
    command.process_group(0);
    if let Some(account) = run_as {
        command.uid(account.uid).gid(account.gid);
    }
    let child = command.spawn().map_err(|error| cause::program_unusable(&launch.program, &error.to_string()))?;
    Ok(child.id())
}

/// It stays the agent's: the JVM has it open, and needs no right to open it.
fn open_console(path: &Path) -> io::Result<File> {
    let file = untrusted::open_or_make(path, OFlags::WRONLY | OFlags::APPEND, 0o640)?;
    let found = file.metadata()?;
    if !found.is_file() || found.nlink() != 1 {
        return Err(io::Error::other("it is not a regular file of its own"));
    }
    fcntl_setfl(&file, OFlags::APPEND)?;
    Ok(file)
}

/// Raises this process's limit of open files as far as it may; the JVMs inherit it. A broker has one open file for each
/// mapped one.
pub(super) fn raise_open_files() {
    let now = getrlimit(Resource::Nofile);
    let enough = now.maximum.is_none_or(|maximum| maximum >= OPEN_FILES);
    let wanted = Rlimit { current: Some(OPEN_FILES), maximum: Some(OPEN_FILES) };
    // Only root may raise the hard limit.
    if enough || setrlimit(Resource::Nofile, wanted).is_err() {
        let limit = Rlimit { current: now.maximum, maximum: now.maximum };
        if let Err(error) = setrlimit(Resource::Nofile, limit) {
            tracing::warn!(%error, "cannot raise the limit of open files");
        }
        if !enough {
            tracing::warn!(
                limit = now.maximum,
                wanted = OPEN_FILES,
                "the hard limit of open files is low for a broker"
            );
        }
    }
}
