//! For how long an instance that serves has not answered. In: of each round, whether it answered. Out: a [`Silence`],
//! none while it answers, or has neither answered since its process started nor taken a connection. Only time in which it
//! was asked counts: after a pause of the agent or of the whole host nothing is called a hang.

use crate::supervise::{
    process::{self, Identity},
    sockets::Sockets,
};
use rocketmq_agent_domain::{
    hang::{Others, Silence},
    health::namesrv::COMPLETE_AFTER,
    observed::Fact,
};
use std::{
    net::SocketAddr,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
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
    /// When its last silence ended.
    back: Option<Instant>,
}

impl Track {
    pub(super) fn new(pid: u32) -> Self {
        Self { pid, asked: None, answered: false, accepted: false, back: None }
    }

    /// Takes in what came of a question; for how long it has been silent.
    fn see(&mut self, now: Instant, answered: bool) -> Option<Duration> {
        if answered {
            let back = if self.is_silent() { Some(now) } else { self.back };
            *self = Self { asked: Some((now, Duration::ZERO)), answered, back, ..Self::new(self.pid) };
            return None;
        }
        let (before, quiet_for) = self.asked?;
        let quiet_for = quiet_for + now.saturating_duration_since(before).min(LONGEST_STEP);
        self.asked = Some((now, quiet_for));
        Some(quiet_for)
    }

    fn is_silent(&self) -> bool {
        self.asked.is_some_and(|(_, quiet_for)| !quiet_for.is_zero())
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

/// Whether what registers with a process may not have done so yet: it was started, or hung, too short a time ago. An agent
/// that was started later makes no process new.
pub(super) fn is_new(track: Option<&Track>, pid: u32, now: Instant) -> bool {
    match track.filter(|track| track.pid == pid) {
        Some(track) if track.is_silent() => true,
        Some(Track { back: Some(back), .. }) => now.saturating_duration_since(*back) < COMPLETE_AFTER,
        _ => age(pid).is_none_or(|age| age < COMPLETE_AFTER),
    }
}

fn age(pid: u32) -> Option<Duration> {
    let started_at = Identity::of(pid).ok()??.started_at().ok()?;
    SystemTime::now().duration_since(UNIX_EPOCH + Duration::from_millis(started_at)).ok()
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
    fn a_process_is_new_for_two_minutes_after_its_start_or_the_end_of_a_silence_and_not_because_the_agent_is() {
        let now = Instant::now();
        assert!(is_new(None, std::process::id(), now));
        let mut track = Track::new(std::process::id());
        let is_new = |track: &Track, at: u64| is_new(Some(track), track.pid, now + seconds(at));
        track.see(now, true);
        track.see(now + seconds(10), false);
        assert!(is_new(&track, 900), "it is silent now");
        track.see(now + seconds(1000), true);
        track.see(now + seconds(1005), true);
        assert!(is_new(&track, 1119));
        assert!(!is_new(&track, 1121), "however long it has run");
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
