//! What systemd is told about the agent itself (sd_notify(3)): that it is up, how this host is, that it is alive, that it
//! ends. In: calls of the loop. Out: datagrams to `NOTIFY_SOCKET`; nothing where systemd did not start the agent.

use sd_notify::NotifyState;
use std::{
    sync::{Mutex, PoisonError},
    time::{Duration, Instant},
};

/// At the end each sign of life buys this much more time, whatever `TimeoutStopSec` says: a broker flushes its store for
/// as long as it takes.
const MORE_TIME: Duration = Duration::from_secs(60);

/// systemd, as far as it listens.
#[derive(Debug)]
pub struct Notify {
    /// How long the agent may be silent before systemd ends it; `None` where it does not watch.
    watchdog: Option<Duration>,
    fed: Mutex<Option<Instant>>,
    status: Mutex<String>,
}

impl Notify {
    /// As the environment says.
    pub fn new() -> Self {
        Self { watchdog: sd_notify::watchdog_enabled(), fed: Mutex::default(), status: Mutex::default() }
    }

    /// A pass was published: `status` is shown, and from the first one on the agent is up.
    pub fn published(&self, status: &str) {
        let mut shown = self.status.lock().unwrap_or_else(PoisonError::into_inner);
        match (shown.is_empty(), *shown == status) {
            (true, _) => tell(&[NotifyState::Ready, NotifyState::Status(status)]),
            (false, false) => tell(&[NotifyState::Status(status)]),
            (false, true) => {}
        }
        status.clone_into(&mut shown);
    }

    /// The loop has got on. A few times within the watchdog's time are enough.
    pub fn alive(&self) {
        let Some(limit) = self.watchdog else { return };
        let mut fed = self.fed.lock().unwrap_or_else(PoisonError::into_inner);
        if fed.is_none_or(|at| at.elapsed() >= limit / 10) {
            tell(&[NotifyState::Watchdog]);
            *fed = Some(Instant::now());
        }
    }

    /// The agent ends, or is still about it. To be called again and again while that lasts.
    pub fn stopping(&self, status: &str) {
        let more = NotifyState::ExtendTimeoutUsec(MORE_TIME.as_micros() as u32);
        tell(&[NotifyState::Stopping, NotifyState::Status(status), more]);
    }
}

impl Default for Notify {
    fn default() -> Self {
        Self::new()
    }
}

fn tell(state: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(state) {
        tracing::debug!(%error, "systemd cannot be told");
    }
}
