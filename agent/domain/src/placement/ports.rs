//! Gives each broker its block of ports. A broker listens on listenPort-2, listenPort and listenPort+1, so two
//! brokers of one host must be at least 4 apart; blocks of 10 keep the numbers readable.

use super::{BrokerSeat, Placement, PlacementError, Seats};
use crate::{
    names::BrokerName,
    topology::{Host, Topology},
};

const BLOCK: u16 = 10;
const LEAST_GAP: u16 = 4;

/// All brokers with their ports, group by group, the master first. Who has a port keeps it.
pub(super) fn assign(
    topology: &Topology,
    previous: Option<&Placement>,
    groups: &[BrokerName],
    seats: &Seats,
) -> Result<Vec<BrokerSeat>, PlacementError> {
    let mut brokers: Vec<BrokerSeat> = Vec::new();
    let mut without_port: Vec<(BrokerName, u64, &Host)> = Vec::new();
    for ((group, id), name) in seats {
        let Some(host) = topology.host(name) else { continue };
        let earlier = previous.into_iter().flat_map(|placement| placement.members(group));
        match earlier.into_iter().find(|seat| seat.broker_id == *id && seat.host == *name) {
            Some(seat) => brokers.push(seat.clone()),
            None => without_port.push((group.clone(), *id, host)),
        }
    }
    without_port.sort_by_key(|(group, id, _)| (groups.iter().position(|g| g == group), *id));
    for (group, broker_id, host) in without_port {
        let first = if broker_id == 0 { host.master_port } else { host.slave_port };
        let port = (first..=u16::MAX - BLOCK)
            .step_by(usize::from(BLOCK))
            .find(|port| is_free(*port, host, &brokers))
            .ok_or_else(|| PlacementError::NoPorts { group: group.clone(), host: host.name.clone(), first })?;
        brokers.push(BrokerSeat { group, broker_id, host: host.name.clone(), port });
    }
    brokers.sort_by_key(|seat| (groups.iter().position(|g| *g == seat.group), seat.broker_id));
    Ok(brokers)
}

fn is_free(port: u16, host: &Host, brokers: &[BrokerSeat]) -> bool {
    let own = [port - 2, port, port + 1];
    let single = [Some(host.agent_port), host.namesrv_port];
    !single.into_iter().flatten().any(|taken| own.contains(&taken))
        && brokers.iter().filter(|seat| seat.host == host.name).all(|seat| seat.port.abs_diff(port) >= LEAST_GAP)
}
