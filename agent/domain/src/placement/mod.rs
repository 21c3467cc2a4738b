//! Which host runs which NameServer, master and slave, on which ports.
//! In: a [`Topology`] and the placement that holds so far. Out: the next [`Placement`]. What is placed stays where it
//! is as long as its host is there and the file does not pin it elsewhere: moving a broker means leaving its store.
//!
//! Choices and ties, so that every host comes to the same answer from the same file: groups in the order of the file,
//! then `broker-a`, `broker-b` …; a master goes to the host with the fewest masters, then the fewest brokers, then the
//! first in the file; a slave never to its master's host, if it can be helped to another zone, then to the host with
//! the fewest slaves, then the next one along the ring. Groups that elect their master: see `elected`.

mod elected;
mod ports;

use crate::{
    launch::Role,
    names::{BrokerName, HostName, InstanceName},
    topology::{Host, Layout, Mode, ServicePorts, Topology},
};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// The brokerId of a group's master (4.7.0-5.5.0 `MixAll.MASTER_ID`).
pub(crate) const MASTER_ID: u64 = 0;
/// The brokerId of a group's slave; one slave a group.
const SLAVE_ID: u64 = 1;

/// A NameServer's place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NamesrvSeat {
    /// Where it runs.
    pub host: HostName,
    /// listenPort.
    pub port: u16,
}

/// A broker's place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BrokerSeat {
    /// brokerName.
    pub group: BrokerName,
    /// 0 for the master.
    pub broker_id: u64,
    /// Where it runs.
    pub host: HostName,
    /// listenPort; listenPort-2 and listenPort+1 are its own too.
    pub port: u16,
    /// Its group elects the master; the brokerId is then the member's number in its group, and RocketMQ gives it
    /// another one while it runs.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub elected: bool,
}

impl BrokerSeat {
    /// Master or slave, or what its group makes of it.
    pub fn role(&self) -> Role {
        if self.elected {
            return Role::Member;
        }
        if self.broker_id == MASTER_ID { Role::Master } else { Role::Slave }
    }

    /// The name of the instance on its host.
    pub fn instance(&self) -> InstanceName {
        InstanceName::from(&self.group)
    }

    /// The port that slaves replicate from (`haListenPort`): always listenPort+1, which is all that releases before
    /// 5.1.1 can do. A DLedger broker has no such port, and meets its peers there.
    pub fn ha_port(&self) -> u16 {
        self.port + 1
    }

    /// The port for requests that must not wait behind sends (`fastListenPort`).
    pub fn fast_port(&self) -> u16 {
        self.port - 2
    }
}

/// A controller's place.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ControllerSeat {
    /// Where it runs.
    pub host: HostName,
    /// The port for its peers, brokers and everybody else.
    pub port: u16,
    /// Its number among the controllers, which chooses the folder of its log: it keeps it, and no other one gets it.
    pub id: u64,
    /// It runs inside the NameServer of its host.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub in_namesrv: bool,
}

impl ControllerSeat {
    /// `n0`, as DLedger wants its peers named.
    pub fn self_id(&self) -> String {
        format!("n{}", self.id)
    }
}

/// The place of a proxy, dashboard or exporter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceSeat {
    /// Where it runs.
    pub host: HostName,
    /// Which of them.
    pub role: Role,
    /// Its ports, first the one that it is known by. Of a proxy: gRPC, then remoting.
    pub ports: Vec<u16>,
}

/// Where everything runs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Placement {
    /// NameServers, in the order of the file.
    pub namesrvs: Vec<NamesrvSeat>,
    /// Brokers, group by group, the master first.
    pub brokers: Vec<BrokerSeat>,
    /// Controllers, in the order of the file; none but in mode `controller`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub controllers: Vec<ControllerSeat>,
    /// Proxies in the order of the file, then the dashboard and the exporter.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub services: Vec<ServiceSeat>,
}

impl Placement {
    /// Whether anything of RocketMQ runs on a host.
    pub fn uses(&self, host: &HostName) -> bool {
        self.brokers_on(host).next().is_some()
            || self.namesrvs.iter().any(|seat| seat.host == *host)
            || self.controllers.iter().any(|seat| seat.host == *host)
            || self.services_on(host).next().is_some()
    }

    /// The brokers of one host.
    pub fn brokers_on<'p>(&'p self, host: &'p HostName) -> impl Iterator<Item = &'p BrokerSeat> {
        self.brokers.iter().filter(move |seat| seat.host == *host)
    }

    /// The proxy, dashboard and exporter of one host.
    pub fn services_on<'p>(&'p self, host: &'p HostName) -> impl Iterator<Item = &'p ServiceSeat> {
        self.services.iter().filter(move |seat| seat.host == *host)
    }

    /// The members of one group.
    pub fn members<'p>(&'p self, group: &'p BrokerName) -> impl Iterator<Item = &'p BrokerSeat> {
        self.brokers.iter().filter(move |seat| seat.group == *group)
    }
}

/// Why no placement can be had.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlacementError {
    /// No host may run brokers.
    #[error("no host may run brokers")]
    NoBrokerHost,
    /// Every other host is missing or excluded.
    #[error("the slave of {group} finds no host besides its master's")]
    NoHostForSlave {
        /// Of which group.
        group: BrokerName,
    },
    /// A group has fewer hosts to live on than members.
    #[error("group {group} needs {wanted} hosts with brokers, and there are {found}")]
    TooFewHosts {
        /// Which group.
        group: BrokerName,
        /// Its members.
        wanted: usize,
        /// Hosts that it may live on.
        found: usize,
    },
    /// The new ones, which know nothing, would outvote those that know what was stored.
    #[error(
        "{what} would keep {kept} of {members} members; change one host at a time, and wait until all is in \
         sync again"
    )]
    TooManyMoved {
        /// A group, or the controllers.
        what: String,
        /// Members that stay.
        kept: usize,
        /// Members in all.
        members: usize,
    },
    /// `layout = "role"` has one folder a role.
    #[error("layout \"role\" has one folder for a {role}, and host {host} would run {count}; use layout \"instance\"")]
    LayoutTooSmall {
        /// Where.
        host: HostName,
        /// Of what.
        role: Role,
        /// How many.
        count: usize,
    },
    /// The port range is full.
    #[error("no free block of ports for {group} on host {host} from {first} on")]
    NoPorts {
        /// Of which group.
        group: BrokerName,
        /// Where.
        host: HostName,
        /// The first port tried.
        first: u16,
    },
}

/// Decides the placement.
pub fn place(topology: &Topology, previous: Option<&Placement>) -> Result<Placement, PlacementError> {
    let candidates: Vec<&Host> = topology.hosts.iter().filter(|host| host.brokers).collect();
    if candidates.is_empty() {
        return Err(PlacementError::NoBrokerHost);
    }
    let groups = group_names(topology, previous, candidates.len());
    let earlier = Earlier::of(previous);
    let controllers = elected::controllers(topology, previous)?;
    let mut seats = match topology.mode.is_elected() {
        true => elected::seats(topology, &earlier, &groups, &candidates)?,
        false => kept_seats(topology, &earlier, &groups, &candidates),
    };
    for group in 0..groups.len() {
        if !topology.mode.is_elected() && seats.host(group, MASTER_ID).is_none() {
            let host = choose_master_host(&seats, seats.host(group, SLAVE_ID));
            seats.take(group, MASTER_ID, host.ok_or(PlacementError::NoBrokerHost)?);
        }
    }
    if topology.mode.has_slaves() {
        for (group, name) in groups.iter().enumerate() {
            if seats.host(group, SLAVE_ID).is_none() {
                let host = choose_slave_host(&candidates, &seats, group);
                let host = host.ok_or_else(|| PlacementError::NoHostForSlave { group: name.clone() })?;
                seats.take(group, SLAVE_ID, host);
            }
        }
    }
    let brokers = ports::assign(topology.mode.is_elected(), &candidates, &earlier, &groups, &seats)?;
    check_layout(topology, &candidates, &seats)?;
    let namesrvs = topology
        .hosts
        .iter()
        .filter_map(|host| Some(NamesrvSeat { host: host.name.clone(), port: host.namesrv_port? }))
        .collect();
    let services = topology.hosts.iter().flat_map(|host| {
        let seat = |it: &ServicePorts| ServiceSeat { host: host.name.clone(), role: it.role, ports: it.ports.clone() };
        host.services.iter().map(seat)
    });
    let mut services: Vec<ServiceSeat> = services.collect();
    services.sort_by_key(|seat| seat.role);
    Ok(Placement { namesrvs, brokers, controllers, services })
}

/// Who sits where, in numbers: a group is its index among the groups, a host its index among those that may run
/// brokers. How full each host is, is counted along, or a thousand hosts would take minutes.
struct Seats {
    /// (group, brokerId) → host.
    hosts: BTreeMap<(usize, u64), usize>,
    /// Masters and slaves of each host.
    load: Vec<(usize, usize)>,
}

impl Seats {
    fn host(&self, group: usize, broker_id: u64) -> Option<usize> {
        self.hosts.get(&(group, broker_id)).copied()
    }

    fn take(&mut self, group: usize, broker_id: u64, host: usize) {
        self.hosts.insert((group, broker_id), host);
        let (masters, slaves) = &mut self.load[host];
        *(if broker_id == MASTER_ID { masters } else { slaves }) += 1;
    }
}

/// The brokers of the placement that holds so far, group by group.
struct Earlier<'p>(BTreeMap<&'p BrokerName, Vec<&'p BrokerSeat>>);

impl<'p> Earlier<'p> {
    fn of(previous: Option<&'p Placement>) -> Self {
        let mut groups: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for seat in previous.into_iter().flat_map(|placement| &placement.brokers) {
            groups.entry(&seat.group).or_default().push(seat);
        }
        Self(groups)
    }

    fn members(&self, group: &BrokerName) -> &[&'p BrokerSeat] {
        self.0.get(group).map_or(&[], Vec::as_slice)
    }
}

/// Named groups first, then those that exist, then as many new ones as are wanted. A group that exists goes only when
/// `cluster.groups` asks for fewer: a host that leaves must not take a brokerName, and its messages, with it.
fn group_names(topology: &Topology, previous: Option<&Placement>, hosts: usize) -> Vec<BrokerName> {
    let mut names: Vec<BrokerName> = topology.named_groups.iter().map(|group| group.name.clone()).collect();
    let mut known: BTreeSet<BrokerName> = names.iter().cloned().collect();
    let mut add = |name: &BrokerName, limit: usize| {
        if names.len() < limit && known.insert(name.clone()) {
            names.push(name.clone());
        }
    };
    let limit = topology.groups.unwrap_or(usize::MAX);
    for seat in previous.into_iter().flat_map(|placement| &placement.brokers) {
        add(&seat.group, limit);
    }
    let default = match topology.mode {
        Mode::Single => 1,
        // One broker a host: a member that is no master now may be one at any time.
        mode if mode.is_elected() => (hosts / topology.members).max(1),
        _ => hosts,
    };
    let wanted = topology.groups.unwrap_or(default);
    for index in 0.. {
        let Some(name) = automatic_name(index) else { break };
        if index > wanted + topology.named_groups.len() + previous.map_or(0, |p| p.brokers.len()) {
            break;
        }
        add(&name, wanted);
    }
    names
}

/// `broker-a` … `broker-z`, `broker-aa` …
fn automatic_name(index: usize) -> Option<BrokerName> {
    let mut letters = Vec::new();
    let mut rest = index + 1;
    while rest > 0 {
        letters.push(char::from(b'a' + ((rest - 1) % 26) as u8));
        rest = (rest - 1) / 26;
    }
    format!("broker-{}", letters.iter().rev().collect::<String>()).parse().ok()
}

fn kept_seats(topology: &Topology, earlier: &Earlier<'_>, groups: &[BrokerName], hosts: &[&Host]) -> Seats {
    let indices: BTreeMap<&HostName, usize> =
        hosts.iter().enumerate().map(|(index, host)| (&host.name, index)).collect();
    let pins = topology.named_groups.iter().filter_map(|named| Some((&named.name, named.hosts.as_ref()?)));
    let pins: BTreeMap<&BrokerName, &Vec<HostName>> = pins.collect();
    let mut seats = Seats { hosts: BTreeMap::new(), load: vec![(0, 0); hosts.len()] };
    for (group, name) in groups.iter().enumerate() {
        let wanted: Vec<(u64, &HostName)> = match pins.get(name) {
            Some(pinned) => (0..).zip(pinned.iter()).collect(),
            None => earlier.members(name).iter().map(|seat| (seat.broker_id, &seat.host)).collect(),
        };
        for (broker_id, host) in wanted {
            let fits_mode = broker_id == MASTER_ID || topology.mode.has_slaves();
            if let (true, Some(host)) = (fits_mode, indices.get(host)) {
                seats.take(group, broker_id, *host);
            }
        }
    }
    seats
}

fn choose_master_host(seats: &Seats, not: Option<usize>) -> Option<usize> {
    let allowed = (0..seats.load.len()).filter(|host| Some(*host) != not);
    allowed.min_by_key(|host| {
        let (masters, slaves) = seats.load[*host];
        (masters, masters + slaves)
    })
}

fn choose_slave_host(hosts: &[&Host], seats: &Seats, group: usize) -> Option<usize> {
    let master = seats.host(group, MASTER_ID)?;
    let zone = hosts[master].zone.as_ref();
    let along_the_ring = (1..hosts.len()).map(|step| (master + step) % hosts.len());
    along_the_ring.min_by_key(|host| (zone.is_some() && hosts[*host].zone.as_ref() == zone, seats.load[*host].1))
}

fn check_layout(topology: &Topology, hosts: &[&Host], seats: &Seats) -> Result<(), PlacementError> {
    if topology.layout != Layout::Role {
        return Ok(());
    }
    for (host, (masters, slaves)) in hosts.iter().zip(&seats.load) {
        for (role, count) in [(Role::Master, *masters), (Role::Slave, *slaves)] {
            if count > 1 {
                return Err(PlacementError::LayoutTooSmall { host: host.name.clone(), role, count });
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
