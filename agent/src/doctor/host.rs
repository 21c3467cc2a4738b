//! One look at the host, for all checks: what has to be asked of others is asked here, everything at the same time and
//! with a deadline.

use crate::{
    accounts::{self, Account},
    inventory::Inventory,
    mtu::{self, Way},
    reach::{self, Reached},
    settings::Settings,
    supervise::{SupervisorError, occupant_of, systemd},
    web,
};
use futures_util::future::join_all;
use reqwest::header::DATE;
use rocketmq_agent_domain::{cause::Occupant, desired::Instance, observed::Fact, topology};
use std::{
    net::SocketAddr,
    time::{Duration, SystemTime},
};
use tokio::join;

/// A host in the same network answers within milliseconds.
const CONNECT: Duration = Duration::from_secs(2);
/// An agent that dials others waits for those that do not answer.
const DIALS: Duration = Duration::from_secs(5);

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
    /// The ports of this host that the others need, as they see them.
    pub from_there: Vec<FromThere>,
    /// The ports that clients use, of all hosts that have another address for them.
    pub public: Vec<Reached>,
    /// What gets through to the other hosts.
    pub ways: Vec<WayTo>,
}

/// The clock of another host.
pub struct Clock {
    /// Whose.
    pub host: String,
    /// By how many seconds it is ahead of this host's; less than 0 where it is behind.
    pub ahead: Fact<i64>,
}

/// The way to another host and back.
pub struct WayTo {
    /// Which host.
    pub host: String,
    /// What gets through.
    pub way: Fact<Way>,
}

/// What another host's agent says of the ports of this one.
pub struct FromThere {
    /// Which host.
    pub host: String,
    /// What it reaches here.
    pub reached: Fact<Vec<Reached>>,
}

impl Host {
    /// Looks.
    pub async fn look(settings: Settings) -> Self {
        let inventory = Inventory::of_file(&settings);
        let account = accounts::run_as(settings.embedded.run_as);
        let cluster = inventory.as_ref().map(|it| (&it.cluster.topology, &it.cluster.placement, &it.desired.host)).ok();
        let asked =
            cluster.map(|(topology, placement, own)| reach::targets(topology, placement, own)).unwrap_or_default();
        let public = cluster.map(|(topology, placement, _)| reach::public(topology, placement)).unwrap_or_default();
        let others = inventory.as_ref().map(agents).unwrap_or_default();
        let own = inventory.as_ref().map(|it| it.desired.host.to_string()).unwrap_or_default();
        let clocks = join_all(others.iter().map(|(host, address)| ask_clock(host.clone(), *address)));
        let from_there = join_all(others.iter().map(|(host, address)| ask_back(&own, host.clone(), *address)));
        let clock = systemd::clock_is_synchronised();
        let ways = join_all(others.iter().map(|(host, address)| ask_way(host.clone(), *address)));
        let (clock, clocks, reached, public, from_there, ways) =
            join!(clock, clocks, reach::dial(&asked), reach::dial(&public), from_there, ways);
        Self { settings, inventory, account, clock: Fact::from(clock), clocks, reached, from_there, public, ways }
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

async fn ask_way(host: String, address: SocketAddr) -> WayTo {
    let way = mtu::look(address).await.map_err(|error| format!("its agent, on {address}: {error}"));
    WayTo { host, way: way.map_or_else(Fact::Unknown, Fact::Known) }
}

/// What the agent of another host reaches of this one.
async fn ask_back(own: &str, host: String, address: SocketAddr) -> FromThere {
    let ask = async {
        let client = web::to_agents(DIALS).map_err(|error| error.to_string())?;
        let answer = client.get(format!("http://{address}/v1/reach")).send().await;
        let answer = answer.map_err(|_| format!("its agent does not answer on {address}"))?;
        let answer = answer.error_for_status().map_err(|_| "its agent is of a release that cannot be asked")?;
        let all: Vec<Reached> = answer.json().await.map_err(|_| "its agent's answer cannot be read")?;
        Ok::<_, String>(all.into_iter().filter(|it| it.host == own).collect())
    };
    FromThere { host, reached: ask.await.map_or_else(Fact::Unknown, Fact::Known) }
}

fn rounded(length: Duration) -> i64 {
    length.as_secs_f64().round() as i64
}
