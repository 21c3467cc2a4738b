//! What an instance prints and logs, from before a start: where its output will begin, and its console put aside where it
//! has grown long. In: a launch. Nothing is read of what stands in the files.

use super::{evidence, record::Marks};
use crate::untrusted;
use rocketmq_agent_domain::launch::Launch;
use std::{
    fs, io,
    path::{Path, PathBuf},
};

/// A console that is longer than this is put aside before the next start.
const CONSOLE_LIMIT: u64 = 10 << 20;

/// Where the output of a run that starts now will begin.
pub(super) fn marks(launch: &Launch) -> Marks {
    Marks {
        console: length(&launch.console),
        logs: launch.logs.iter().map(|log| length(log)).collect(),
        oom_kills: evidence::oom_kills(),
    }
}

fn length(path: &Path) -> u64 {
    untrusted::file(path).and_then(|file| file.metadata()).map_or(0, |file| file.len())
}

/// Puts a long console aside, so that the marks are taken of the one that will be written.
pub(super) fn rotate_console(launch: &Launch) -> io::Result<()> {
    // What an earlier agent had opened in `logs` is not for root to rename.
    if launch.console.parent() == Some(&launch.directory) && length(&launch.console) > CONSOLE_LIMIT {
        fs::rename(&launch.console, old_console(&launch.console))?;
    }
    Ok(())
}

fn old_console(console: &Path) -> PathBuf {
    let mut name = console.as_os_str().to_owned();
    name.push(".1");
    name.into()
}

/// The last lines of the console, oldest first.
pub(super) fn last_lines(console: &Path, count: usize) -> Vec<String> {
    let text = evidence::tail(console, 0);
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(count)..].iter().map(|line| (*line).to_owned()).collect()
}
