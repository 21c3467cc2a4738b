//! Which host runs which NameServer, master and slave, on which ports.
//! In: a [`Topology`] and the placement that holds so far. Out: the next [`Placement`]. What is placed stays where it
//! is as long as its host is there and the file does not pin it elsewhere: moving a broker means leaving its store.
//!
//! Choices and ties, so that every host comes to the same answer from the same file: groups in the order of the file,
//! then `broker-a`, `broker-b` …; a master goes to the host with the fewest masters, then the fewest brokers, then the
//! first in the file; a slave never to its master's host, if it can be helped to another zone, then to the host with
//! the fewest slaves, then the next one along the ring.

mod ports;

use crate::{
    launch::Role,
    names::{BrokerName, HostName, InstanceName},
    topology::{Host, Layout, Topology},
};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

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
}

impl BrokerSeat {
    /// Master or slave.
    pub fn role(&self) -> Role {
        if self.broker_id == 0 { Role::Master } else { Role::Slave }
    }

    /// The name of the instance on its host.
    pub fn instance(&self) -> InstanceName {
        InstanceName::from(&self.group)
    }

    /// The port that slaves replicate from (`haListenPort`): always listenPort+1, which is all that releases before
    /// 5.1.1 can do.
    pub fn ha_port(&self) -> u16 {
        self.port + 1
    }

    /// The port for requests that must not wait behind sends (`fastListenPort`).
    pub fn fast_port(&self) -> u16 {
        self.port - 2
    }
}

/// Where everything runs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Placement {
    /// NameServers, in the order of the file.
    pub namesrvs: Vec<NamesrvSeat>,
    /// Brokers, group by group, the master first.
    pub brokers: Vec<BrokerSeat>,
}

impl Placement {
    /// The brokers of one host.
    pub fn brokers_on<'p>(&'p self, host: &'p HostName) -> impl Iterator<Item = &'p BrokerSeat> {
        self.brokers.iter().filter(move |seat| seat.host == *host)
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
    let mut seats = kept_seats(topology, previous, &groups, &candidates);
    for group in &groups {
        if !seats.contains_key(&(group.clone(), 0)) {
            let taken_by_slave = seats.get(&(group.clone(), SLAVE_ID)).cloned();
            let host = choose_master_host(&candidates, &seats, taken_by_slave.as_ref());
            seats.insert((group.clone(), 0), host.ok_or(PlacementError::NoBrokerHost)?);
        }
    }
    if topology.mode.has_slaves() {
        for group in &groups {
            if !seats.contains_key(&(group.clone(), SLAVE_ID)) {
                let host = choose_slave_host(&candidates, &seats, group);
                let host = host.ok_or_else(|| PlacementError::NoHostForSlave { group: group.clone() })?;
                seats.insert((group.clone(), SLAVE_ID), host);
            }
        }
    }
    let brokers = ports::assign(topology, previous, &groups, &seats)?;
    check_layout(topology, &brokers)?;
    let namesrvs = topology
        .hosts
        .iter()
        .filter_map(|host| Some(NamesrvSeat { host: host.name.clone(), port: host.namesrv_port? }))
        .collect();
    Ok(Placement { namesrvs, brokers })
}

/// Who sits where: (group, brokerId) → host.
type Seats = BTreeMap<(BrokerName, u64), HostName>;

/// Named groups first, then those that exist, then as many new ones as are wanted. A group that exists goes only when
/// `cluster.groups` asks for fewer: a host that leaves must not take a brokerName, and its messages, with it.
fn group_names(topology: &Topology, previous: Option<&Placement>, hosts: usize) -> Vec<BrokerName> {
    let mut names: Vec<BrokerName> = topology.named_groups.iter().map(|group| group.name.clone()).collect();
    let mut add = |name: &BrokerName, limit: usize| {
        if names.len() < limit && !names.contains(name) {
            names.push(name.clone());
        }
    };
    let limit = topology.groups.unwrap_or(usize::MAX);
    for seat in previous.into_iter().flat_map(|placement| &placement.brokers) {
        add(&seat.group, limit);
    }
    let default = if topology.mode == crate::topology::Mode::Single { 1 } else { hosts };
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

fn kept_seats(topology: &Topology, previous: Option<&Placement>, groups: &[BrokerName], hosts: &[&Host]) -> Seats {
    let mut seats = Seats::new();
    for group in groups {
        let pinned =
            topology.named_groups.iter().find(|named| named.name == *group).and_then(|named| named.hosts.as_ref());
        if let Some(pinned) = pinned {
            seats.extend(pinned.iter().enumerate().map(|(id, host)| ((group.clone(), id as u64), host.clone())));
            continue;
        }
        let earlier = previous.into_iter().flat_map(|placement| placement.members(group));
        for seat in earlier.filter(|seat| hosts.iter().any(|host| host.name == seat.host)) {
            if seat.broker_id == 0 || topology.mode.has_slaves() {
                seats.insert((group.clone(), seat.broker_id), seat.host.clone());
            }
        }
    }
    seats
}

fn choose_master_host(hosts: &[&Host], seats: &Seats, not: Option<&HostName>) -> Option<HostName> {
    let masters = |host: &Host| seats.iter().filter(|((_, id), at)| *id == 0 && **at == host.name).count();
    let brokers = |host: &Host| seats.values().filter(|at| **at == host.name).count();
    let allowed = hosts.iter().filter(|host| Some(&host.name) != not);
    allowed.min_by_key(|host| (masters(host), brokers(host))).map(|host| host.name.clone())
}

fn choose_slave_host(hosts: &[&Host], seats: &Seats, group: &BrokerName) -> Option<HostName> {
    let master = seats.get(&(group.clone(), 0))?;
    let at = hosts.iter().position(|host| host.name == *master)?;
    let zone = hosts[at].zone.as_ref();
    let slaves = |host: &Host| seats.iter().filter(|((_, id), at)| *id != 0 && **at == host.name).count();
    let along_the_ring = (1..hosts.len()).map(|step| hosts[(at + step) % hosts.len()]);
    along_the_ring
        .min_by_key(|host| (zone.is_some() && host.zone.as_ref() == zone, slaves(host)))
        .map(|host| host.name.clone())
}

fn check_layout(topology: &Topology, brokers: &[BrokerSeat]) -> Result<(), PlacementError> {
    if topology.layout != Layout::Role {
        return Ok(());
    }
    for host in &topology.hosts {
        for role in [Role::Master, Role::Slave] {
            let count = brokers.iter().filter(|seat| seat.host == host.name && seat.role() == role).count();
            if count > 1 {
                return Err(PlacementError::LayoutTooSmall { host: host.name.clone(), role, count });
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
