//! Whether this host gets through to the ports of the others that it needs. In: what follows from the cluster file. Out: what
//! came of one connection to each. No caller says where to: whoever asks an agent over HTTP learns what it reaches, and cannot
//! make it dial anything else.

use futures_util::future::join_all;
use rocketmq_agent_domain::{
    names::HostName,
    openings::{Opening, Source, openings},
    placement::Placement,
    topology::{Host, Topology},
};
use serde::{Deserialize, Serialize};
use std::{
    io,
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{
    net::TcpStream,
    sync::{Mutex, watch},
    time::timeout,
};

/// A host in the same network answers within milliseconds.
const CONNECT: Duration = Duration::from_secs(2);
/// However many ask, the others are dialled no more often than this.
const AGAIN: Duration = Duration::from_secs(10);

/// One port of another host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// Whose.
    pub host: String,
    /// Where.
    pub address: SocketAddr,
    /// What should listen there.
    pub what: String,
}

/// The same, and what came of connecting: the JSON of `/v1/reach`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reached {
    /// Whose.
    pub host: String,
    /// Where.
    pub address: SocketAddr,
    /// What should listen there.
    pub what: String,
    /// What came of connecting.
    pub outcome: Outcome,
    /// The system's words, where it is none of the usual outcomes.
    pub error: Option<String>,
}

/// What came of connecting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// Something listens.
    Open,
    /// The host answers, and nothing listens there.
    Refused,
    /// No answer at all.
    Silent,
    /// Something else.
    Failed,
}

/// The ports of other hosts that this one connects to.
pub fn targets(topology: &Topology, placement: &Placement, own: &HostName) -> Vec<Target> {
    let mut needed = Vec::new();
    for host in topology.hosts.iter().filter(|host| host.name != *own) {
        for opening in openings(topology, placement, host) {
            let for_us = match &opening.from {
                Source::Everybody => true,
                Source::Hosts(hosts) => hosts.iter().any(|(name, _)| name == own),
            };
            if for_us {
                let address = SocketAddr::new(host.address, opening.port);
                needed.push(Target { host: host.name.to_string(), address, what: opening.what });
            }
        }
    }
    needed
}

/// The ports of every host, this one too, that clients reach by another address than the hosts do.
pub fn public(topology: &Topology, placement: &Placement) -> Vec<Target> {
    let hosts = topology.hosts.iter().filter(|host| host.public_address != host.address);
    let openings = hosts.flat_map(|host| openings(topology, placement, host).into_iter().map(move |it| (host, it)));
    let for_clients = openings.filter(|(_, opening)| opening.from == Source::Everybody);
    let target = |(host, opening): (&Host, Opening)| Target {
        host: host.name.to_string(),
        address: SocketAddr::new(host.public_address, opening.port),
        what: opening.what,
    };
    for_clients.map(target).collect()
}

/// Connects to each, all at once.
pub async fn dial(targets: &[Target]) -> Vec<Reached> {
    join_all(targets.iter().cloned().map(connect)).await
}

async fn connect(Target { host, address, what }: Target) -> Reached {
    let (outcome, error) = match timeout(CONNECT, TcpStream::connect(address)).await {
        Ok(Ok(_)) => (Outcome::Open, None),
        Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => (Outcome::Refused, None),
        // A host of the same network that is down: nobody answers for its address.
        Ok(Err(error)) if matches!(error.kind(), io::ErrorKind::TimedOut | io::ErrorKind::HostUnreachable) => {
            (Outcome::Silent, None)
        }
        Ok(Err(error)) => (Outcome::Failed, Some(error.to_string())),
        Err(_) => (Outcome::Silent, None),
    };
    Reached { host, address, what, outcome, error }
}

/// What this host reaches, for those who ask.
#[derive(Debug)]
pub struct Reach {
    targets: watch::Receiver<Arc<[Target]>>,
    last: Mutex<Option<(Instant, Arc<[Reached]>)>>,
}

impl Reach {
    /// Of the targets that come through this channel.
    pub fn new(targets: watch::Receiver<Arc<[Target]>>) -> Self {
        Self { targets, last: Mutex::default() }
    }

    /// Dials, or says what came of it a moment ago. Those who ask meanwhile wait for the same round.
    pub async fn look(&self) -> Arc<[Reached]> {
        let mut last = self.last.lock().await;
        if let Some((_, found)) = last.as_ref().filter(|(at, _)| at.elapsed() < AGAIN) {
            return Arc::clone(found);
        }
        let targets = self.targets.borrow().clone();
        let found: Arc<[Reached]> = dial(&targets).await.into();
        *last = Some((Instant::now(), Arc::clone(&found)));
        found
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    #[tokio::test]
    async fn what_listens_is_open_what_does_not_refuses_and_both_are_dialled_once_for_all_who_ask() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let closed = TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
        let target = |address| Target { host: "vm2".to_owned(), address, what: "broker-a master (HA)".to_owned() };
        let (_aim, targets) = watch::channel(Arc::from([target(listener.local_addr().unwrap()), target(closed)]));
        let reach = Reach::new(targets);
        let outcomes = |found: &[Reached]| found.iter().map(|it| it.outcome).collect::<Vec<_>>();
        assert_eq!(outcomes(&reach.look().await), [Outcome::Open, Outcome::Refused]);
        drop(listener);
        assert_eq!(outcomes(&reach.look().await), [Outcome::Open, Outcome::Refused], "asked again within seconds");
    }
}
