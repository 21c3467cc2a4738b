//! How long a connection for replication has stood. One that this agent saw being made settles first; one that was there
//! before the agent has settled long ago.

use rocketmq_agent_domain::{health::facts::HaConnection, observed::Fact};
use std::time::{Duration, Instant};

/// A slave reports itself 5 s after it connected (`haSendHeartbeatInterval`), and its master counts it from then on.
const SETTLES: Duration = Duration::from_secs(6);

/// What was seen of one connection so far.
#[derive(Debug, Default, Clone, Copy)]
pub(super) enum Track {
    #[default]
    NeverSeen,
    Missing,
    MadeAt(Instant),
    Standing,
}

impl Track {
    /// Takes in what is seen now.
    pub(super) fn see(&mut self, connected: Fact<bool>) -> Fact<HaConnection> {
        let connected = match connected {
            Fact::Known(connected) => connected,
            Fact::Unknown(why) => return Fact::Unknown(why),
        };
        *self = match *self {
            _ if !connected => Track::Missing,
            Track::Missing => Track::MadeAt(Instant::now()),
            Track::MadeAt(at) if at.elapsed() < SETTLES => Track::MadeAt(at),
            _ => Track::Standing,
        };
        Fact::Known(match self {
            Track::Missing | Track::NeverSeen => HaConnection::Missing,
            Track::MadeAt(_) => HaConnection::Settling,
            Track::Standing => HaConnection::Standing,
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn seen(track: &mut Track, connected: bool) -> HaConnection {
        *track.see(Fact::Known(connected)).known().unwrap()
    }

    #[test]
    fn a_connection_that_was_there_before_the_agent_stands() {
        assert_eq!(seen(&mut Track::default(), true), HaConnection::Standing);
    }

    #[test]
    fn a_connection_that_was_seen_being_made_settles_first() {
        let mut track = Track::default();
        assert_eq!(seen(&mut track, false), HaConnection::Missing);
        assert_eq!(seen(&mut track, true), HaConnection::Settling);
        assert_eq!(seen(&mut track, true), HaConnection::Settling);
        track = Track::MadeAt(Instant::now().checked_sub(SETTLES).unwrap());
        assert_eq!(seen(&mut track, true), HaConnection::Standing);
        assert_eq!(seen(&mut track, false), HaConnection::Missing);
    }

    #[test]
    fn what_cannot_be_seen_changes_nothing() {
        let mut track = Track::Standing;
        assert!(track.see(Fact::Unknown("no rights".to_owned())).known().is_none());
        assert_eq!(seen(&mut track, true), HaConnection::Standing);
    }
}
