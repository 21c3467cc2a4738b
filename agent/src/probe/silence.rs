//! For how long an instance that serves has not answered. In: of each round, whether it answered. Out: a [`Silence`],
//! none while it answers, or has neither answered since its process started nor taken a connection. Only time in which it
//! was asked counts: after a pause of the agent or of the whole host nothing is called a hang.

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
    /// When it was last asked, and for how long it was silent by then; `None` while there is nothing that it could be
    /// silent since.
    asked: Option<(Instant, Duration)>,
    /// It has answered.
    answered: bool,
    /// It took a connection during this silence. Later its queue of connections may be full.
    accepted: bool,
}

impl Track {
    pub(super) fn new(pid: u32) -> Self {
        Self { pid, asked: None, answered: false, accepted: false }
    }

    /// Takes in what came of a question; for how long it has been silent.
    fn see(&mut self, now: Instant, answered: bool) -> Option<Duration> {
        if answered {
            *self = Self { asked: Some((now, Duration::ZERO)), answered, ..Self::new(self.pid) };
            return None;
        }
        let (before, quiet_for) = self.asked?;
        let quiet_for = quiet_for + now.saturating_duration_since(before).min(LONGEST_STEP);
        self.asked = Some((now, quiet_for));
        Some(quiet_for)
    }

    /// Takes in that it takes connections: from then on one that has not answered yet is silent too. It may be that the
    /// agent is younger than the hang.
    fn accepts(&mut self, now: Instant) {
        self.accepted = true;
        self.asked.get_or_insert((now, Duration::ZERO));
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
        let quiet_for = self.see(Instant::now(), answered);
        if !answered
            && !self.accepted
            && let Ok(Ok(_)) = timeout(CONNECT, TcpStream::connect(address)).await
        {
            self.accepts(Instant::now());
        }
        let quiet_for = quiet_for?;
        // It may have closed its port since, as one that stops does.
        let listens = Sockets::read().is_ok_and(|sockets| !sockets.listening(address.port()).is_empty());
        let (accepts, has_answered) = (self.accepted && listens, self.answered);
        let activity = Fact::from(process::activity(pid));
        Some(Silence { quiet_for, has_answered, accepts, activity, others: others() })
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
    fn a_process_that_has_not_answered_yet_is_silent_only_once_it_takes_connections() {
        let now = Instant::now();
        let mut track = Track::new(7);
        assert_eq!(track.see(now, false), None);
        assert_eq!(track.see(now + seconds(9000), false), None);
        track.accepts(now + seconds(9000));
        assert_eq!(track.see(now + seconds(9005), false), Some(seconds(5)));
        assert!(!track.answered);
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
        // Another process has answered nothing yet, and takes no connection.
        assert_eq!(track.look(own + 1, address, false, || Others::Nobody).await, None);
    }
}
