//! Places what elects its own leader: the members of a group in the modes `controller` and `dledger`, and the
//! controllers. In: as for the whole placement. Out: seats. A member's number stays its own for as long as it is on its
//! host, and is given to no other one after it: in DLedger it stands for what a member has promised and stored.
//!
//! A new member goes to a host without one of its group, if it can be helped to the zone with the fewest of them, then
//! to the host with the fewest brokers, then to the next one along the ring.

use super::{ControllerSeat, Earlier, Placement, PlacementError, Seats};
use crate::{
    names::{BrokerName, HostName},
    topology::{Host, Mode, Topology},
};
use std::collections::BTreeMap;

/// The members of all groups.
pub(super) fn seats(
    topology: &Topology,
    earlier: &Earlier<'_>,
    groups: &[BrokerName],
    hosts: &[&Host],
) -> Result<Seats, PlacementError> {
    let mut seats = Seats { hosts: BTreeMap::new(), load: vec![(0, 0); hosts.len()] };
    let mut open = Vec::new();
    for (group, name) in groups.iter().enumerate() {
        let pinned = topology.named_groups.iter().find(|named| named.name == *name).and_then(|it| it.hosts.as_ref());
        let wanted = pinned.map_or(topology.members, Vec::len);
        let index = |host: &HostName| hosts.iter().position(|it| it.name == *host);
        let stays = |host: &HostName| pinned.is_none_or(|pinned| pinned.contains(host));
        let kept = earlier.members(name).iter().filter(|seat| stays(&seat.host));
        let mut kept: Vec<(u64, usize)> = kept.filter_map(|it| Some((it.broker_id, index(&it.host)?))).collect();
        kept.truncate(wanted);
        let had = earlier.members(name);
        let outvoted = match topology.mode {
            // The controllers know who has everything, and elect nobody else.
            Mode::Controller => kept.is_empty(),
            _ => kept.len() * 2 <= wanted,
        };
        if outvoted && had.iter().any(|seat| seat.elected) {
            let what = format!("group {name}");
            return Err(PlacementError::TooManyMoved { what, kept: kept.len(), members: wanted });
        }
        let next = had.iter().map(|seat| seat.broker_id + 1).max().unwrap_or(0);
        let mut added: Vec<usize> = pinned.into_iter().flatten().filter_map(index).collect();
        added.retain(|host| kept.iter().all(|(_, taken)| taken != host));
        let added = (next..).zip(added);
        kept.iter().copied().chain(added).for_each(|(id, host)| seats.take(group, id, host));
        let taken = seats.hosts.range((group, 0)..=(group, u64::MAX)).count();
        let fresh = next + (taken - kept.len()) as u64;
        open.extend((fresh..).take(wanted.saturating_sub(taken)).map(|id| (group, id, wanted)));
    }
    // When all that is fixed has its place, or the load of the hosts would not be known.
    for (group, id, wanted) in open {
        let host = choose(hosts, &seats, group).ok_or_else(|| PlacementError::TooFewHosts {
            group: groups[group].clone(),
            wanted,
            found: hosts.len(),
        })?;
        seats.take(group, id, host);
    }
    Ok(seats)
}

fn choose(hosts: &[&Host], seats: &Seats, group: usize) -> Option<usize> {
    let own: Vec<usize> = seats.hosts.range((group, 0)..=(group, u64::MAX)).map(|(_, host)| *host).collect();
    let first = own.last().map_or(group, |last| last + 1);
    let along_the_ring = (0..hosts.len()).map(|step| (first + step) % hosts.len());
    along_the_ring.filter(|host| !own.contains(host)).min_by_key(|host| {
        let zone = hosts[*host].zone.as_ref();
        let crowd = own.iter().filter(|other| zone.is_some() && hosts[**other].zone.as_ref() == zone).count();
        let (masters, slaves) = seats.load[*host];
        (crowd, masters + slaves)
    })
}

/// The controllers, on the hosts that the topology says.
pub(super) fn controllers(
    topology: &Topology,
    previous: Option<&Placement>,
) -> Result<Vec<ControllerSeat>, PlacementError> {
    let had = previous.map_or(&[][..], |placement| &placement.controllers);
    let mut next = had.iter().map(|seat| seat.id + 1).max().unwrap_or(0);
    let mut kept = 0;
    let mut seats = Vec::new();
    for (it, port) in topology.hosts.iter().filter_map(|host| Some((host, host.controller_port?))) {
        let (host, in_namesrv) = (&it.name, it.in_namesrv);
        let id = match had.iter().find(|seat| seat.host == *host) {
            Some(seat) => {
                kept += 1;
                seat.id
            }
            None => {
                next += 1;
                next - 1
            }
        };
        seats.push(ControllerSeat { host: host.clone(), port, id, in_namesrv });
    }
    if !had.is_empty() && !seats.is_empty() && kept * 2 <= seats.len() {
        return Err(PlacementError::TooManyMoved { what: "the controllers".to_owned(), kept, members: seats.len() });
    }
    Ok(seats)
}
