//! For how long an instance that has answered has not done so any more. In: of each round, whether it answered. Out: a
//! [`Silence`], none while it answers or has not answered since its process started. Only time in which it was asked
//! counts: after a pause of the agent or of the whole host nothing is called a hang.

use crate::supervise::{process, sockets::Sockets};
use rocketmq_agent_domain::{
    hang::{Others, Silence},
    observed::Fact,
};
use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};
use tokio::{net::TcpStream, time::timeout};

/// Two questions further apart than this had something else between them.
const LONGEST_STEP: Duration = Duration::from_secs(10);
/// On the host itself a connection is made at once, or not at all.
const CONNECT: Duration = Duration::from_secs(1);

/// What was heard of one process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Track {
    pid: u32,
    /// When it was last asked, and for how long it was silent by then; `None` while it has not answered yet.
    heard: Option<(Instant, Duration)>,
    /// It took a connection during this silence. Later its queue of connections may be full.
    accepted: bool,
}

impl Track {
    pub(super) fn new(pid: u32) -> Self {
        Self { pid, heard: None, accepted: false }
    }

    /// Takes in what came of a question; for how long it has been silent.
    fn see(&mut self, now: Instant, answered: bool) -> Option<Duration> {
        if answered {
            *self = Self { heard: Some((now, Duration::ZERO)), ..Self::new(self.pid) };
            return None;
        }
        let (before, quiet_for) = self.heard?;
        let quiet_for = quiet_for + now.saturating_duration_since(before).min(LONGEST_STEP);
        self.heard = Some((now, quiet_for));
        Some(quiet_for)
    }

    /// The same, of `pid` at `address`, with what else there is to know about a silence.
    pub(super) async fn look(
        &mut self,
        pid: u32,
        address: SocketAddr,
        answered: bool,
        others: impl FnOnce() -> Others,
    ) -> Option<Silence> {
        if self.pid != pid {
            *self = Self::new(pid);
        }
        let quiet_for = self.see(Instant::now(), answered)?;
        if !self.accepted {
            self.accepted = matches!(timeout(CONNECT, TcpStream::connect(address)).await, Ok(Ok(_)));
        }
        // It may have closed its port since, as one that stops does.
        let listens = Sockets::read().is_ok_and(|sockets| !sockets.listening(address.port()).is_empty());
        let accepts = self.accepted && listens;
        Some(Silence { quiet_for, accepts, activity: Fact::from(process::activity(pid)), others: others() })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    fn seconds(count: u64) -> Duration {
        Duration::from_secs(count)
    }

    #[test]
    fn a_process_that_has_not_answered_yet_is_not_silent() {
        let now = Instant::now();
        let mut track = Track::new(7);
        assert_eq!(track.see(now, false), None);
        assert_eq!(track.see(now + seconds(9000), false), None);
    }

    #[test]
    fn a_silence_begins_with_the_last_answer_and_ends_with_the_next() {
        let now = Instant::now();
        let mut track = Track::new(7);
        assert_eq!(track.see(now, true), None);
        assert_eq!(track.see(now + seconds(5), false), Some(seconds(5)));
        assert_eq!(track.see(now + seconds(9), false), Some(seconds(9)));
        assert_eq!(track.see(now + seconds(10), true), None);
        assert_eq!(track.see(now + seconds(11), false), Some(seconds(1)));
    }

    #[test]
    fn time_in_which_nobody_asked_does_not_count() {
        let now = Instant::now();
        let mut track = Track::new(7);
        track.see(now, true);
        assert_eq!(track.see(now + seconds(3600), false), Some(LONGEST_STEP));
    }

    #[tokio::test]
    async fn what_takes_connections_and_what_closed_its_port_are_told_apart() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let own = std::process::id();
        let mut track = Track::new(own);
        assert_eq!(track.look(own, address, true, || Others::Nobody).await, None);
        assert!(track.look(own, address, false, || Others::Nobody).await.unwrap().accepts);
        drop(listener);
        assert!(!track.look(own, address, false, || Others::Nobody).await.unwrap().accepts);
        // Another process has answered nothing yet.
        assert_eq!(track.look(own + 1, address, false, || Others::Nobody).await, None);
    }
}
