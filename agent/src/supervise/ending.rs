//! Ends a process that hangs, the quick way: SIGTERM, a short grace, SIGKILL. The store that a stopped or deadlocked JVM
//! leaves behind is that of a crash: what was written is in the page cache, and the next start checks it. In: a process.
//! Out: signals, to that process and no later one with its pid.

use super::process::{self, Identity};
use rocketmq_agent_domain::{hang::Activity, names::InstanceName};
use rustix::{
    io::Errno,
    process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal},
};
use std::{
    io,
    time::{Duration, Instant},
};
use tokio::time::sleep;

/// A JVM that comes to life by then closes its store itself.
const GRACE: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(200);

/// Ends it, and returns when it is gone or will be.
pub(super) async fn end(name: InstanceName, process: Identity) {
    let pid = process.pid;
    match quickly(&process).await {
        Ok(signal) => tracing::warn!(instance = %name, pid, "{name}: pid {pid} was ended by {signal}"),
        Err(error) => tracing::error!(instance = %name, pid, %error, "{name}: pid {pid} cannot be ended"),
    }
}

/// The signal that ended it.
async fn quickly(process: &Identity) -> io::Result<&'static str> {
    let lives = || Identity::of(process.pid).map(|found| found.as_ref() == Some(process));
    let pid = i32::try_from(process.pid).ok().and_then(Pid::from_raw).ok_or(Errno::SRCH)?;
    let pidfd = pidfd_open(pid, PidfdFlags::empty())?;
    // From here on the descriptor is that process's, if it still is that one.
    if !lives()? {
        return Err(Errno::SRCH.into());
    }
    pidfd_send_signal(&pidfd, Signal::TERM)?;
    // One that is stopped takes no SIGTERM before somebody lets it go on.
    if process::activity(process.pid)? != Activity::Stopped {
        let deadline = Instant::now() + GRACE;
        while Instant::now() < deadline {
            sleep(POLL).await;
            if !lives()? {
                return Ok("SIGTERM");
            }
        }
    }
    pidfd_send_signal(&pidfd, Signal::KILL)?;
    Ok("SIGKILL")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use rustix::process::kill_process;
    use std::process::{Child, Command};

    fn sleeper() -> (Child, Identity) {
        let child = Command::new("sleep").arg("600").spawn().unwrap();
        let identity = Identity::of(child.id()).unwrap().unwrap();
        (child, identity)
    }

    #[tokio::test]
    async fn a_process_that_takes_a_sigterm_gets_no_more() {
        let (mut child, process) = sleeper();
        assert_eq!(quickly(&process).await.unwrap(), "SIGTERM");
        child.wait().unwrap();
    }

    #[tokio::test]
    async fn a_stopped_process_is_ended_at_once() {
        let (mut child, process) = sleeper();
        kill_process(Pid::from_child(&child), Signal::STOP).unwrap();
        let deadline = Instant::now() + Duration::from_secs(60);
        while process::activity(process.pid).unwrap() != Activity::Stopped {
            assert!(Instant::now() < deadline, "it does not stop");
            std::thread::yield_now();
        }
        assert_eq!(quickly(&process).await.unwrap(), "SIGKILL");
        child.wait().unwrap();
    }

    #[tokio::test]
    async fn a_later_process_with_its_pid_is_not_touched() {
        let (mut child, process) = sleeper();
        let earlier = Identity { start_ticks: process.start_ticks - 1, ..process };
        assert!(quickly(&earlier).await.is_err());
        assert!(child.try_wait().unwrap().is_none());
        child.kill().unwrap();
        child.wait().unwrap();
    }
}
