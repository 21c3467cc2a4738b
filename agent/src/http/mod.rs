//! Health, metrics and the status page over HTTP: read-only, no secrets in it. What is served is the snapshot that
//! the loop published last; a request never waits for a JVM. All answers take GET, HEAD and OPTIONS.
//!
//! | path | answers |
//! |---|---|
//! | `/livez` | 200 while the agent's loop turns, else 503 |
//! | `/readyz`, `/readyz?verbose` | 200 when everything this host should run is ready, else 503 with a reason a line |
//! | `/health/{instance}` | 200 when `namesrv` or that brokerName is ready here, else 503; 404 where it does not run |
//! | `/health/{instance}/master` | as above, and 503 where this host runs it as a slave |
//! | `/health/{instance}/slave?max_lag=1MB` | as above the other way round; `max_lag` stands in for `broker.max_lag` |
//! | `/v1/host`, `/v1/cluster`, `/v1/config` | JSON: this host, all hosts, what this agent works from |
//! | `/v1/reach` | JSON: what came of connecting to each port of the other hosts that this one needs |
//! | `/rocketmq/nsaddr`, `/rocketmq/nsaddr-{unit}` | the NameServers, in RocketMQ's address-server protocol |
//! | `/metrics` | OpenMetrics |
//! | `/` | a status page for a person |
//! | `/openapi.json` | the above, described |
//!
//! Where the loop has stood still too long, its snapshot is out of date and every path that shows it answers 503:
//! what cannot be known is not called ready.

mod agent_check;
mod answer;
mod health;
mod metrics;
mod page;
mod routes;
mod server;
mod snapshot;

use crate::{connections::Room, peers::Peers, reach::Reach};
pub use agent_check::answer as answer_agent_checks;
use rocketmq_agent_domain::{health::report::HostReport, names::HostName};
use serde::Serialize;
pub use server::{HttpError, bind, serve};
use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::{Duration, Instant},
};
use tokio::sync::watch;

/// Everything that is served. The loop holds the other ends.
#[derive(Debug, Clone)]
pub struct Published {
    /// What the last pass found; `None` until the first one is through.
    pub report: watch::Receiver<Option<Arc<HostReport>>>,
    /// Beaten by the loop at every turn.
    pub heartbeat: Arc<Heartbeat>,
    /// The other hosts' agents.
    pub peers: Arc<Peers>,
    /// Every NameServer of the cluster: `ip:port;ip:port`.
    pub nsaddr: watch::Receiver<Arc<str>>,
    /// What this agent works from.
    pub config: watch::Receiver<Arc<ConfigView>>,
    /// What this host reaches of the others.
    pub reach: Arc<Reach>,
}

/// What an agent works from: the JSON of `/v1/config`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ConfigView {
    /// Which host it takes itself for.
    pub host: HostName,
    /// Its own version.
    pub agent: String,
    /// The file it read.
    pub path: PathBuf,
    /// A digest of that file, as in `/v1/host`.
    pub cluster_file: String,
    /// A digest of the placement, as in `/v1/host`.
    pub placement: String,
}

/// Tells whether the loop turns. Counted on the monotonic clock: setting the time of day neither hides a loop that
/// stands still nor makes one up.
#[derive(Debug)]
pub struct Heartbeat {
    made: Instant,
    /// Milliseconds from `made` to the last beat.
    last: AtomicU64,
}

impl Heartbeat {
    /// A heartbeat whose first beat is now.
    pub fn new() -> Self {
        Self { made: Instant::now(), last: AtomicU64::new(0) }
    }

    /// The loop has turned.
    pub fn beat(&self) {
        self.last.store(self.made.elapsed().as_millis() as u64, Ordering::Relaxed);
    }

    /// How long ago the loop turned last.
    pub fn age(&self) -> Duration {
        self.made.elapsed().saturating_sub(Duration::from_millis(self.last.load(Ordering::Relaxed)))
    }
}

impl Default for Heartbeat {
    fn default() -> Self {
        Self::new()
    }
}

/// What a client may take, and how long the loop may stand still.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// A loop that has not turned for so long stands still.
    pub stalled: Duration,
    /// For all headers of a request to come in, and for an idle connection to stay.
    pub header: Duration,
    /// For a connection in all; a client that does not read its answer holds it no longer.
    pub connection: Duration,
    /// For answers under way when a connection has had its time, or the agent ends.
    pub farewell: Duration,
    /// Connections at once; for one more, the oldest is closed.
    pub connections: usize,
    /// Of these, connections of one address; for one more, the oldest of that address is closed.
    pub connections_of_address: usize,
}

impl Limits {
    fn room(&self) -> Room {
        Room { all: self.connections, of_address: self.connections_of_address }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            stalled: Duration::from_secs(60),
            // Longer than the usual scrape interval of 15 s, so that a scraper keeps its connection.
            header: Duration::from_secs(20),
            connection: Duration::from_secs(120),
            farewell: Duration::from_secs(2),
            connections: 256,
            connections_of_address: 128,
        }
    }
}
