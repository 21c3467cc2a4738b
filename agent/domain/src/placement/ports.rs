//! Gives each broker its block of ports. A broker listens on listenPort-2, listenPort and listenPort+1, so two
//! brokers of one host must be at least 4 apart; blocks of 10 keep the numbers readable.

use super::{BrokerSeat, Earlier, MASTER_ID, PlacementError, Seats};
use crate::{names::BrokerName, topology::Host};
use std::collections::BTreeMap;

const BLOCK: u16 = 10;
const LEAST_GAP: u16 = 4;

/// All brokers with their ports, group by group, the master first. Who has a port keeps it.
pub(super) fn assign(
    elected: bool,
    hosts: &[&Host],
    earlier: &Earlier<'_>,
    groups: &[BrokerName],
    seats: &Seats,
) -> Result<Vec<BrokerSeat>, PlacementError> {
    let mut brokers: BTreeMap<(usize, u64), BrokerSeat> = BTreeMap::new();
    let mut taken: Vec<Vec<u16>> = vec![Vec::new(); hosts.len()];
    for ((group, broker_id), at) in &seats.hosts {
        let members = earlier.members(&groups[*group]);
        if let Some(seat) = members.iter().find(|seat| seat.broker_id == *broker_id && seat.host == hosts[*at].name) {
            taken[*at].push(seat.port);
            brokers.insert((*group, *broker_id), BrokerSeat { elected, ..BrokerSeat::clone(seat) });
        }
    }
    for ((group, broker_id), at) in &seats.hosts {
        if brokers.contains_key(&(*group, *broker_id)) {
            continue;
        }
        let (host, name) = (hosts[*at], &groups[*group]);
        let first = if elected || *broker_id == MASTER_ID { host.master_port } else { host.slave_port };
        let port = (first..=u16::MAX - BLOCK)
            .step_by(usize::from(BLOCK))
            .find(|port| is_free(*port, host, &taken[*at]))
            .ok_or_else(|| PlacementError::NoPorts { group: name.clone(), host: host.name.clone(), first })?;
        taken[*at].push(port);
        let seat = BrokerSeat { group: name.clone(), broker_id: *broker_id, host: host.name.clone(), port, elected };
        brokers.insert((*group, *broker_id), seat);
    }
    Ok(brokers.into_values().collect())
}

fn is_free(port: u16, host: &Host, brokers: &[u16]) -> bool {
    let own = [port - 2, port, port + 1];
    let single = [Some(host.agent_port), Some(host.sync_port), host.namesrv_port, host.controller_port];
    let services = host.services.iter().flat_map(|service| service.ports.iter().copied());
    !single.into_iter().flatten().chain(services).any(|taken| own.contains(&taken))
        && brokers.iter().all(|broker| broker.abs_diff(port) >= LEAST_GAP)
}
