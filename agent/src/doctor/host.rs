//! One look at the host, for all checks: what has to be asked of others is asked here, everything at the same time and
//! with a deadline.

use crate::{
    accounts::{self, Account},
    inventory::Inventory,
    settings::Settings,
    supervise::{SupervisorError, occupant_of, systemd},
    web,
};
use futures_util::future::{join, join_all};
use reqwest::header::DATE;
use rocketmq_agent_domain::{
    cause::Occupant,
    desired::Instance,
    observed::Fact,
    openings::{Opening, Source, openings},
    topology,
};
use std::{
    io,
    net::SocketAddr,
    time::{Duration, SystemTime},
};
use tokio::{net::TcpStream, time::timeout};

/// A host in the same network answers within milliseconds.
const CONNECT: Duration = Duration::from_secs(2);

/// What the checks look at.
pub struct Host {
    /// This host's settings.
    pub settings: Settings,
    /// The cluster file's part for this host, or why there is none.
    pub inventory: anyhow::Result<Inventory>,
    /// The account that the instances run as.
    pub account: Result<Option<Account>, accounts::AccountError>,
    /// Whether the clock follows a time server.
    pub clock: Fact<bool>,
    /// How the clocks of the other hosts go.
    pub clocks: Vec<Clock>,
    /// The other hosts' ports that this host needs.
    pub reached: Vec<Reached>,
}

/// The clock of another host.
pub struct Clock {
    /// Whose.
    pub host: String,
    /// By how many seconds it is ahead of this host's; less than 0 where it is behind.
    pub ahead: Fact<i64>,
}

/// One port of another host.
pub struct Reached {
    /// Whose.
    pub host: String,
    /// Where.
    pub address: SocketAddr,
    /// What should listen there.
    pub opening: Opening,
    /// What came of connecting.
    pub outcome: Outcome,
}

/// What came of connecting.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// Something listens.
    Open,
    /// The host answers, and nothing listens there.
    Refused,
    /// No answer at all.
    Silent,
    /// Something else.
    Failed(String),
}

impl Host {
    /// Looks.
    pub async fn look(settings: Settings) -> Self {
        let inventory = Inventory::of_file(&settings);
        let account = accounts::run_as(settings.embedded.run_as);
        let asked = inventory.as_ref().map(needed).unwrap_or_default();
        let others = inventory.as_ref().map(agents).unwrap_or_default();
        let clocks = join_all(others.into_iter().map(|(host, address)| ask_clock(host, address)));
        let reached = join_all(asked.into_iter().map(connect));
        let (clock, (clocks, reached)) = join(systemd::clock_is_synchronised(), join(clocks, reached)).await;
        Self { settings, inventory, account, clock: Fact::from(clock), clocks, reached }
    }

    /// The instances of this host.
    pub fn instances(&self) -> &[Instance] {
        self.inventory.as_ref().map_or(&[], |it| &it.desired.instances)
    }

    /// This host in the cluster file.
    pub fn in_file(&self) -> Option<&topology::Host> {
        self.inventory.as_ref().ok().and_then(|it| it.cluster.topology.host(&it.desired.host))
    }

    /// Who works in an instance's folders now.
    ///
    /// # Errors
    /// It cannot be told.
    pub fn occupant(instance: &Instance) -> Result<Option<Occupant>, SupervisorError> {
        occupant_of(&instance.launch)
    }
}

/// The ports of other hosts that this one connects to.
fn needed(inventory: &Inventory) -> Vec<(String, SocketAddr, Opening)> {
    let (topology, own) = (&inventory.cluster.topology, &inventory.desired.host);
    let mut needed = Vec::new();
    for host in topology.hosts.iter().filter(|host| host.name != *own) {
        for opening in openings(topology, &inventory.cluster.placement, host) {
            let for_us = match &opening.from {
                Source::Everybody => true,
                Source::Hosts(hosts) => hosts.iter().any(|(name, _)| name == own),
            };
            if for_us {
                needed.push((host.name.to_string(), SocketAddr::new(host.address, opening.port), opening));
            }
        }
    }
    needed
}

/// The agents of the other hosts.
fn agents(inventory: &Inventory) -> Vec<(String, SocketAddr)> {
    let (topology, own) = (&inventory.cluster.topology, &inventory.desired.host);
    let others = topology.hosts.iter().filter(|host| host.name != *own);
    others.map(|host| (host.name.to_string(), SocketAddr::new(host.address, host.agent_port))).collect()
}

/// What time an agent says it is: RFC 9110 has every answer dated, in whole seconds.
pub(super) async fn ask_clock(host: String, address: SocketAddr) -> Clock {
    let ask = async {
        let client = web::to_agents(CONNECT).map_err(|error| error.to_string())?;
        let asked_at = SystemTime::now();
        let answer = client.get(format!("http://{address}/livez")).send().await;
        let answer = answer.map_err(|_| format!("its agent does not answer on {address}"))?;
        // Half of the way lay behind the answer, and half of a second before it on average.
        let took = asked_at.elapsed().unwrap_or_default();
        let date = answer.headers().get(DATE).and_then(|date| date.to_str().ok());
        let said =
            date.and_then(|date| httpdate::parse_http_date(date).ok()).ok_or("its agent does not say the time")?;
        let (said, here) = (said + Duration::from_millis(500), asked_at + took / 2);
        Ok::<_, String>(match said.duration_since(here) {
            Ok(ahead) => rounded(ahead),
            Err(behind) => -rounded(behind.duration()),
        })
    };
    Clock { host, ahead: ask.await.map_or_else(Fact::Unknown, Fact::Known) }
}

fn rounded(length: Duration) -> i64 {
    length.as_secs_f64().round() as i64
}

async fn connect((host, address, opening): (String, SocketAddr, Opening)) -> Reached {
    let outcome = match timeout(CONNECT, TcpStream::connect(address)).await {
        Ok(Ok(_)) => Outcome::Open,
        Ok(Err(error)) if error.kind() == io::ErrorKind::ConnectionRefused => Outcome::Refused,
        // A host of the same network that is down: nobody answers for its address.
        Ok(Err(error)) if matches!(error.kind(), io::ErrorKind::TimedOut | io::ErrorKind::HostUnreachable) => {
            Outcome::Silent
        }
        Ok(Err(error)) => Outcome::Failed(error.to_string()),
        Err(_) => Outcome::Silent,
    };
    Reached { host, address, opening, outcome }
}
