//! Work on folders that RocketMQ's account can change. In: the account and a piece of work. Out: what the work returns.
//!
//! The work runs in a thread of its own that has given up root before it begins: a link or a path in such a folder leads
//! it nowhere that the account itself could not go. Linux keeps ids and capabilities for each thread (credentials(7)).

use crate::accounts::Account;
use rustix::{
    process::{Gid, Uid},
    thread::{set_thread_groups, set_thread_res_gid, set_thread_res_uid},
};
use std::{io, thread, time::Duration};
use tokio::{
    sync::{Semaphore, oneshot},
    time,
};

/// So many pieces of work at most wait for files that do not answer; further ones are refused.
static AT_ONCE: Semaphore = Semaphore::const_new(8);

/// Runs `work` as `account` and waits for it; where there is none to drop to, in this thread.
///
/// # Errors
/// No thread can be made, or it cannot give up its rights: then nothing was done.
pub fn run<T: Send>(account: Option<Account>, work: impl FnOnce() -> T + Send) -> io::Result<T> {
    let Some(account) = account else { return Ok(work()) };
    let lowered = || {
        give_up_rights(account)?;
        Ok(work())
    };
    thread::scope(|scope| {
        let worker = thread::Builder::new().name("as rocketmq".to_owned()).spawn_scoped(scope, lowered)?;
        worker.join().unwrap_or_else(|_| Err(io::Error::other("the work as RocketMQ's account panicked")))
    })
}

/// The same beside the caller's own work, which goes on after `deadline` whatever became of this.
///
/// # Errors
/// As for [`run`]; or it took longer. It may end later, and what it returns then is dropped.
pub async fn beside<T: Send + 'static>(
    account: Option<Account>,
    deadline: Duration,
    work: impl FnOnce() -> T + Send + 'static,
) -> io::Result<T> {
    let late = |_| io::Error::new(io::ErrorKind::TimedOut, format!("it took longer than {} s", deadline.as_secs()));
    let begun = async {
        let permit = AT_ONCE.acquire().await.map_err(io::Error::other)?;
        let (done, ended) = oneshot::channel();
        // Of its own, not one of the runtime's: at its end the agent waits for nobody's file either.
        thread::Builder::new().name("as rocketmq".to_owned()).spawn(move || {
            let result = account.map_or(Ok(()), give_up_rights).map(|()| work());
            drop(permit);
            // Whoever asked may have gone on.
            drop(done.send(result));
        })?;
        ended.await.map_err(|_| io::Error::other("the work as RocketMQ's account panicked"))?
    };
    time::timeout(deadline, begun).await.map_err(late)?
}

/// For this thread alone, and for good: with no user id of root left, the kernel clears its capabilities too.
fn give_up_rights(account: Account) -> io::Result<()> {
    let (uid, gid) = (Uid::from_raw(account.uid), Gid::from_raw(account.gid));
    set_thread_groups(&[])?;
    set_thread_res_gid(gid, gid, gid)?;
    set_thread_res_uid(uid, uid, uid)?;
    Ok(())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::accounts;
    use std::{
        fs,
        os::unix::fs::{MetadataExt, PermissionsExt},
    };

    #[tokio::test]
    async fn work_that_does_not_end_keeps_nobody_waiting_for_longer_than_the_deadline() {
        let (release, held) = std::sync::mpsc::channel::<()>();
        let stuck = beside(None, Duration::from_millis(50), move || held.recv().is_ok()).await;
        assert_eq!(stuck.unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert_eq!(beside(None, Duration::from_secs(60), || 7).await.unwrap(), 7);
        drop(release);
    }

    #[test]
    fn a_worker_has_no_rights_of_root_and_the_caller_keeps_them() {
        if !accounts::is_root() {
            return;
        }
        let folder = tempfile::tempdir().unwrap();
        let secret = folder.path().join("secret");
        fs::write(&secret, "root's").unwrap();
        fs::set_permissions(&secret, fs::Permissions::from_mode(0o600)).unwrap();
        let account = Account { uid: accounts::ID, gid: accounts::ID };
        let status = run(Some(account), || fs::read_to_string("/proc/thread-self/status").unwrap()).unwrap();
        let line = |name: &str| status.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim().to_owned();
        assert_eq!(line("Uid:"), "3000\t3000\t3000\t3000");
        assert_eq!(line("Gid:"), "3000\t3000\t3000\t3000");
        assert_eq!(
            (line("Groups:"), line("CapEff:"), line("CapPrm:")),
            (String::new(), "0".repeat(16), "0".repeat(16))
        );
        let denied = run(Some(account), || fs::read(&secret)).unwrap();
        assert_eq!(denied.unwrap_err().kind(), io::ErrorKind::PermissionDenied);
        assert_eq!(fs::metadata(&secret).unwrap().uid(), 0);
        assert!(fs::read(&secret).is_ok());
    }
}
