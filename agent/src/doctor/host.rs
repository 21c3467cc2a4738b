//! One look at the host, for all checks: what has to be asked of others is asked here, everything at the same time and
//! with a deadline.

use crate::{
    accounts::{self, Account},
    inventory::Inventory,
    settings::Settings,
    supervise::{SupervisorError, occupant_of, systemd},
};
use futures_util::future::{join, join_all};
use rocketmq_agent_domain::{
    cause::Occupant,
    desired::Instance,
    observed::Fact,
    openings::{Opening, Source, openings},
    topology,
};
use std::{io, net::SocketAddr, time::Duration};
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
    /// The other hosts' ports that this host needs.
    pub reached: Vec<Reached>,
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
        let (clock, reached) = join(systemd::clock_is_synchronised(), join_all(asked.into_iter().map(connect))).await;
        Self { settings, inventory, account, clock: Fact::from(clock), reached }
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
