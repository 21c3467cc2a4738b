//! How long a connection for replication has stood. One that this agent saw being made settles first; one that was there
//! before the agent has settled long ago. In: the sockets of a round that needs them. Out: what is known of the
//! connection. A connection that was found is asked for by its ends, and looked for at the process that has it open: to
//! list all sockets, the kernel walks a table as large as its memory allows, 10 ms a time however few sockets there are.

use crate::supervise::sockets::Socket;
use rocketmq_agent_domain::{health::facts::HaConnection, observed::Fact};
use std::{
    fs,
    path::PathBuf,
    time::{Duration, Instant},
};

/// A slave reports itself 5 s after it connected (`haSendHeartbeatInterval`), and its master counts it from then on.
const SETTLES: Duration = Duration::from_secs(6);

/// Where the kernel does not tell of a single socket, the list is read at least this often: an open socket need not be a
/// connection that stands.
const LISTED_EVERY: Duration = Duration::from_secs(30);

/// New connections are counted over this time.
const COUNTED: Duration = Duration::from_secs(180);

/// The connection of one broker.
#[derive(Debug, Default)]
pub(super) struct Replication {
    track: Track,
    held: Option<Held>,
    /// When connections were seen being made.
    made: Vec<Instant>,
    of: u32,
}

impl Replication {
    /// Whether it is known to be where it was without a look at the list of sockets.
    pub(super) fn is_held(&self, pid: u32) -> bool {
        self.held.as_ref().is_some_and(|held| held.pid == pid && held.is_open() && held.stands())
    }

    /// It is where it was.
    pub(super) fn still(&mut self) -> Fact<HaConnection> {
        self.track.see(Fact::Known(true))
    }

    /// Takes in the connections that stand, of which `pid` has one.
    pub(super) fn see(&mut self, pid: u32, sockets: Fact<Vec<Socket>>) -> Fact<HaConnection> {
        if self.of != pid {
            // A process that is new connects, and that says nothing.
            self.made.clear();
            self.of = pid;
        }
        let sockets = match sockets {
            Fact::Known(sockets) => sockets,
            Fact::Unknown(why) => return self.track.see(Fact::Unknown(why)),
        };
        let is_there = !sockets.is_empty();
        match &mut self.held {
            Some(held) if held.pid == pid && sockets.contains(&held.socket) => held.at = Instant::now(),
            held => {
                if held.is_some() {
                    // Whether another one has taken its place or none has: that one is gone.
                    self.track.see(Fact::Known(false));
                }
                *held = sockets.into_iter().find_map(|socket| Held::find(pid, socket));
            }
        }
        if matches!(self.track, Track::Missing) && is_there {
            self.made.push(Instant::now());
        }
        self.track.see(Fact::Known(is_there))
    }

    /// How many connections were seen being made in the last three minutes.
    pub(super) fn reconnects(&mut self) -> usize {
        self.made.retain(|at| at.elapsed() < COUNTED);
        self.made.len()
    }
}

/// A socket among the open files of a process.
#[derive(Debug)]
struct Held {
    pid: u32,
    socket: Socket,
    file: PathBuf,
    at: Instant,
}

impl Held {
    /// Finds it; `None` where the process does not have it, or this account may not look.
    fn find(pid: u32, socket: Socket) -> Option<Self> {
        let files = fs::read_dir(format!("/proc/{pid}/fd")).ok()?;
        let held = |file: PathBuf| Self { pid, socket: socket.clone(), file, at: Instant::now() };
        files.flatten().map(|file| held(file.path())).find(Held::is_open)
    }

    fn is_open(&self) -> bool {
        let target = format!("socket:[{}]", self.socket.inode());
        fs::read_link(&self.file).is_ok_and(|found| found.as_os_str() == target.as_str())
    }

    fn stands(&self) -> bool {
        self.socket.stands().unwrap_or_else(|_| self.at.elapsed() < LISTED_EVERY)
    }
}

/// What was seen of one connection so far.
#[derive(Debug, Default, Clone, Copy)]
enum Track {
    #[default]
    NeverSeen,
    Missing,
    MadeAt(Instant),
    Standing,
}

impl Track {
    /// Takes in what is seen now.
    fn see(&mut self, connected: Fact<bool>) -> Fact<HaConnection> {
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
    use crate::supervise::sockets::Sockets;
    use std::net::{TcpListener, TcpStream};

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

    #[test]
    fn a_connection_is_held_until_its_process_closes_it_and_another_one_settles_first() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let own = std::process::id();
        let listed = || Fact::Known(Sockets::read().unwrap().established(address));
        let mut replication = Replication::default();
        assert_eq!(replication.see(own, listed()), Fact::Known(HaConnection::Missing));
        assert!(!replication.is_held(own));

        replication = Replication::default();
        let first = TcpStream::connect(address).unwrap();
        assert_eq!(replication.see(own, listed()), Fact::Known(HaConnection::Standing));
        assert!(replication.is_held(own) && !replication.is_held(own + 1));
        assert_eq!(replication.still(), Fact::Known(HaConnection::Standing));
        assert_eq!(replication.see(own, listed()), Fact::Known(HaConnection::Standing));

        // Made between two looks, and nobody saw the first one go.
        let _second = TcpStream::connect(address).unwrap();
        drop(first);
        assert!(!replication.is_held(own));
        assert_eq!(replication.see(own, listed()), Fact::Known(HaConnection::Settling));
        assert!(replication.is_held(own));
    }

    #[test]
    fn every_connection_that_takes_anothers_place_is_counted_and_the_first_one_is_not() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let own = std::process::id();
        let mut replication = Replication::default();
        for round in 0..6 {
            let _slave = TcpStream::connect(address).unwrap();
            let listed = Sockets::read().unwrap().established(address);
            replication.see(own, Fact::Known(listed));
            assert_eq!(replication.reconnects(), round);
            replication.see(own, Fact::Known(vec![]));
        }
        replication.made = vec![Instant::now().checked_sub(COUNTED).unwrap()];
        assert_eq!(replication.reconnects(), 0);
    }

    #[test]
    fn a_connection_that_cannot_be_found_at_its_process_is_looked_for_in_every_round() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let _slave = TcpStream::connect(address).unwrap();
        let listed = || Fact::Known(Sockets::read().unwrap().established(address));
        let mut replication = Replication::default();
        assert_eq!(replication.see(u32::MAX, listed()), Fact::Known(HaConnection::Standing));
        assert!(!replication.is_held(u32::MAX));
        assert_eq!(replication.see(u32::MAX, listed()), Fact::Known(HaConnection::Standing));
        assert_eq!(replication.see(u32::MAX, Fact::Known(vec![])), Fact::Known(HaConnection::Missing));
    }
}
