//! Why systemd, or the flock that it runs, came to an end before there was a JVM: the process has written nothing then, and
//! what systemd says is in the journal. In: an exit status. Out: a [`Cause`] that names the command that shows the rest.
//!
//! systemd.exec(5), "Process Exit Codes"; util-linux `flock.c` for 66, 69 and 73. RocketMQ itself ends with 0, 1 and 253
//! to 255.

use super::found::{folder_unusable, program_unusable};
use crate::{
    finding::{self, SYSTEMD_SAYS},
    launch::{Cause, Launch},
    line::Line,
};
use std::{fmt::Display, path::Path};

/// The cause of a status that no JVM ends with; `None` for all others. `missing` is a folder of the instance that is not
/// there, `flock` and `lock` are what its unit says.
pub fn unmade(launch: &Launch, status: i32, missing: Option<&Path>, flock: &Path, lock: &Path) -> Option<Cause> {
    let unit = format!("rocketmq-{}", launch.instance);
    let other = |name: &str, what: &dyn Display| finding::PROCESS_NOT_MADE.of(&[(name, what), ("unit", &unit)]);
    Some(match (status, missing) {
        (66 | 73, _) => folder_unusable(lock, "flock cannot open it"),
        (69, _) => program_unusable(&launch.program, "flock cannot execute it"),
        (200 | 209 | 226, Some(missing)) => {
            finding::FOLDER_MISSING.of(&[("folder", &missing.display()), ("unit", &unit)])
        }
        (203, _) => finding::FLOCK_UNUSABLE.of(&[("flock", &flock.display()), ("unit", &unit)]),
        (216 | 217, _) => finding::ACCOUNT_UNKNOWN.of(&[]),
        (200, None) => other("folder", &launch.directory.display()),
        (209, None) => other("file", &launch.console.display()),
        (205, _) => other("why", &"its limits cannot be set"),
        (208, _) => other("why", &"its input cannot be opened"),
        (218, _) => other("why", &"its capabilities cannot be dropped"),
        (226, None) => other("why", &"its view of the file system cannot be set up"),
        (228, _) => other("why", &"its system calls cannot be filtered"),
        (201..=243, _) => other("status", &status),
        _ => return None,
    })
}

/// The same cause with systemd's own words, where its lines about the unit since the start hold some. The first failure is
/// the one that names what is wrong; those after it say that the start failed for it.
pub fn in_systemds_words(cause: Cause, unit: &str, lines: &[String]) -> Cause {
    let own = |line: &String| line.strip_prefix(unit).and_then(|rest| rest.strip_prefix(": ")).map(Line::excerpt);
    let tells = |line: &Line| line.starts_with("Failed ") && !line.starts_with("Failed with result");
    match lines.iter().filter_map(own).find(tells) {
        Some(line) => Cause { what: format!("{}{SYSTEMD_SAYS}{line}", cause.what).into(), ..cause },
        None => cause,
    }
}
