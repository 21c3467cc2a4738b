//! The lock of a dist folder: one agent at a time changes what is in it.
//!
//! The kernel lets go of it with the process, so nothing has to be cleaned up after a crash.

use super::error::{DistributionError, write_error};
use super::{Progress, Report};
use std::fs::{self, File, OpenOptions, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt};
use std::path::Path;
use std::time::Duration;

/// Between two looks at a lock that another agent holds.
const PAUSE: Duration = Duration::from_millis(200);

/// Makes the folder if it is missing and waits for its lock, which is held until the file is dropped.
///
/// Asks again and again instead of blocking, so that dropping the future ends the wait.
pub(super) async fn take(into: &Path, report: &Report) -> Result<File, DistributionError> {
    let path = into.join(".lock");
    let failed = |source| DistributionError::Lock { path: path.clone(), source };
    make(into).map_err(|e| write_error(into, e))?;
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(false)
        .mode(0o600)
        .custom_flags(no_follow())
        .open(&path)
        .map_err(failed)?;
    let mut waits = false;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::Error(e)) => return Err(failed(e)),
            Err(TryLockError::WouldBlock) if !waits => {
                waits = true;
                report(Progress::Waiting);
            }
            Err(TryLockError::WouldBlock) => {}
        }
        tokio::time::sleep(PAUSE).await;
    }
}

// The folder for releases is root's, in the base folder that was claimed.
#[expect(clippy::disallowed_methods)]
fn make(into: &Path) -> io::Result<()> {
    if into.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(into)?;
    // The brokers run as another user; the agent's umask must not keep them out.
    fs::set_permissions(into, Permissions::from_mode(0o755))
}

/// Open flags for files of known name in the dist folder: a link that somebody put there must not be written through.
pub(super) fn no_follow() -> i32 {
    rustix::fs::OFlags::NOFOLLOW.bits() as i32
}
