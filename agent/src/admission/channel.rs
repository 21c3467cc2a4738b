//! The way to the other member's host. In: the cluster file and what trust rests on. Out: its commit log over mutual TLS, or
//! what its agent reports to everybody.

use super::Admission;
use crate::{
    peers::{Patience, Peers},
    sync::{AddressBook, RemoteLog},
};
use rocketmq_agent_domain::{
    desired::Desired,
    health::report::InstanceReport,
    names::{BrokerName, HostName, InstanceName},
    observed::Fact,
    topology::Topology,
};
use std::{net::SocketAddr, time::Duration};

/// For a report.
const PATIENCE: Patience = Patience { timeout: Duration::from_secs(3), fresh: Duration::ZERO };

/// The other member's host.
pub(super) struct Channel {
    /// Its commit log; none where there is neither a secret nor certificates.
    pub log: Option<RemoteLog>,
    peers: Peers,
    partner: HostName,
}

impl Channel {
    pub fn open(
        admission: &Admission,
        topology: &Topology,
        desired: &Desired,
        partner: &HostName,
        group: &BrokerName,
    ) -> anyhow::Result<Self> {
        let book = AddressBook::find(desired.host.clone(), topology, &admission.settings)?;
        let log = book.map(|book| RemoteLog::new(partner.clone(), book, group.clone()));
        let host = topology.hosts.iter().find(|host| host.name == *partner);
        let address = host.map(|host| (host.name.clone(), SocketAddr::new(host.address, host.agent_port)));
        let own = (desired.host.clone(), SocketAddr::from(([0, 0, 0, 0], 0)));
        let peers = Peers::new(desired.host.clone(), [own].into_iter().chain(address).collect());
        Ok(Self { log, peers: peers.with_patience(PATIENCE), partner: partner.clone() })
    }

    /// What the other host's agent reports of the group's member there, or why it does not say.
    pub async fn report(&self, instance: &InstanceName) -> Result<Option<InstanceReport>, String> {
        let said = self.peers.others().await;
        match said.get(&self.partner) {
            Some(Fact::Known(report)) => {
                // Both members of a group have the group's name.
                Ok(report.instances.iter().find(|it| it.instance == *instance).cloned())
            }
            Some(Fact::Unknown(why)) => Err(why.clone()),
            None => Err("it is in no cluster file that is known here".to_owned()),
        }
    }
}
