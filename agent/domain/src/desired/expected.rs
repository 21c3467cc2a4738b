//! What a broker must look like from outside, and whom it has to do with. In: the topology, its placement and a seat. Out:
//! [`ExpectedBroker`].

use super::conf;
use crate::{
    acl,
    launch::Role,
    names::{BrokerName, HostName},
    online::{Live, live},
    placement::{BrokerSeat, MASTER_ID, Placement},
    size::Size,
    sync_policy::SyncPolicy,
    topology::{Host, Mode, Topology},
};
use std::{collections::BTreeMap, net::SocketAddr};

/// A broker as others see it, such as another member of a broker's group.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partner {
    /// Where it runs.
    pub host: HostName,
    /// Its listenPort, as the hosts reach it.
    pub address: SocketAddr,
    /// Its HA port, as the hosts reach it.
    pub ha_address: SocketAddr,
    /// What it is registered as in every NameServer.
    pub client_address: SocketAddr,
}

/// Of a group that elects its master.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Elections {
    /// The other members.
    pub others: Vec<Partner>,
    /// So many members must be in sync, or there is no majority, for the group to take messages.
    pub least: usize,
    /// Controllers elect the master; else the group itself does.
    pub by_controllers: bool,
}

/// What a broker must look like from outside.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExpectedBroker {
    /// brokerClusterName.
    pub cluster: String,
    /// brokerName.
    pub group: BrokerName,
    /// 0 for the master; a member's number where the group elects its master.
    pub broker_id: u64,
    /// What it must be registered as in every NameServer.
    pub client_address: SocketAddr,
    /// The other member, in modes with slaves.
    pub partner: Option<Partner>,
    /// How the group comes by its master, where that is not placed.
    pub elections: Option<Elections>,
    /// A slave this far behind still counts as in sync.
    pub max_lag: Size,
    /// Sends wait for the slave.
    pub sync: bool,
    /// What becomes of them without it, of a master that can be told while it runs for how many members to wait.
    pub replicas: Option<SyncPolicy>,
    /// What it is to run with, of all keys that it takes without a restart.
    pub live: Live,
    /// The properties that were rendered, to be compared with what the broker says it runs with.
    pub config: BTreeMap<String, String>,
}

impl ExpectedBroker {
    /// The other members of its group.
    pub fn others(&self) -> Vec<&Partner> {
        let elected = self.elections.iter().flat_map(|elections| &elections.others);
        self.partner.iter().chain(elected).collect()
    }

    /// Where the slave of a placed master is.
    pub(super) fn slave(&self) -> Option<SocketAddr> {
        self.partner.as_ref().filter(|_| self.broker_id == MASTER_ID).map(|slave| slave.address)
    }
}

/// All members of a broker's group, itself too, with their brokerIds in the placement.
pub(super) fn members<'p>(
    topology: &'p Topology,
    placement: &'p Placement,
    seat: &'p BrokerSeat,
) -> impl Iterator<Item = (u64, Partner)> + 'p {
    placement.members(&seat.group).filter_map(|other| Some((other.broker_id, partner(topology, other)?)))
}

/// Every broker of the cluster with its brokerName.
pub(super) fn brokers(topology: &Topology, placement: &Placement) -> Vec<(BrokerName, Partner)> {
    placement.brokers.iter().filter_map(|seat| Some((seat.group.clone(), partner(topology, seat)?))).collect()
}

fn partner(topology: &Topology, seat: &BrokerSeat) -> Option<Partner> {
    let host = topology.host(&seat.host)?;
    Some(Partner {
        host: seat.host.clone(),
        address: SocketAddr::new(host.address, seat.port),
        ha_address: SocketAddr::new(host.address, seat.ha_port()),
        client_address: SocketAddr::new(host.public_address, seat.port),
    })
}

pub(super) fn broker(
    topology: &Topology,
    placement: &Placement,
    seat: &BrokerSeat,
    host: &Host,
    lines: &conf::Lines,
) -> ExpectedBroker {
    let mut others: Vec<Partner> = members(topology, placement, seat)
        .filter(|(id, _)| *id != seat.broker_id)
        .map(|(_, partner)| partner)
        .collect();
    let (partner, elections) = match seat.elected {
        true => {
            let by_controllers = topology.mode == Mode::Controller;
            let all = others.len() + 1;
            let least = if by_controllers { conf::least_in_sync(all) } else { all / 2 + 1 };
            (None, Some(Elections { others, least, by_controllers }))
        }
        false => (others.pop(), None),
    };
    let sync = topology.mode == Mode::SyncSlaves;
    let is_told = sync && seat.role() == Role::Master && topology.version.is_5();
    // What a secret key is in is known by what follows from it: whether the broker takes it.
    let config = lines.iter().filter(|(_, value)| !acl::has_secret(value)).cloned().collect();
    ExpectedBroker {
        cluster: topology.name.to_string(),
        group: seat.group.clone(),
        broker_id: seat.broker_id,
        client_address: SocketAddr::new(host.public_address, seat.port),
        partner,
        elections,
        max_lag: topology.max_lag,
        sync,
        replicas: is_told.then_some(topology.sync),
        live: live(topology.version, &config),
        config,
    }
}
