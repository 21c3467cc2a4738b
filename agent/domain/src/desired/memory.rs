//! Shares a host's memory out over all its JVMs. RocketMQ's scripts ask for 8 GB a broker and 4 GB a NameServer
//! whatever the host has, and pre-touch it; here at most 60 % goes to heaps and direct memory, so that the page cache,
//! which is what serves messages, keeps the rest.

use crate::{
    launch::Role,
    names::HostName,
    placement::{BrokerSeat, Placement},
    size::Size,
    topology::{Host, JvmSettings, Topology},
};

/// What one JVM gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    /// Xms and Xmx.
    pub heap: Size,
    /// MaxDirectMemorySize.
    pub direct: Size,
}

/// The JVMs of a host ask for more than it has.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the JVMs of this host would take {wanted} of its {memory}")]
pub struct TooLittleMemory {
    /// Heaps and direct memory of all of them.
    pub wanted: Size,
    /// What the host has.
    pub memory: Size,
}

/// The JVMs of a host ask for more than its limit leaves them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "limits.memory of host \"{host}\" is {limit}, of which JVMs may take nine tenths, and their heaps and direct memory \
     come to {wanted}"
)]
pub struct LimitTooLow {
    /// Which host.
    pub host: HostName,
    /// Its limit.
    pub limit: Size,
    /// Heaps and direct memory of all of them.
    pub wanted: Size,
}

/// Whether the JVMs of every host fit into its limit, as far as that can be told without the hosts: what is set by hand,
/// and the least that each of the others gets.
pub fn fits_limits(topology: &Topology, placement: &Placement) -> Result<(), LimitTooLow> {
    for host in &topology.hosts {
        if let Some(limit) = host.limits.memory {
            share(limit, &jvms(topology, placement, host), pops(placement)).map_err(|error| LimitTooLow {
                host: host.name.clone(),
                limit,
                wanted: error.wanted,
            })?;
        }
    }
    Ok(())
}

/// The JVMs of a host with what was said for each, in the order they start.
pub(super) fn jvms(topology: &Topology, placement: &Placement, host: &Host) -> Vec<(Role, JvmSettings)> {
    let mut seats: Vec<&BrokerSeat> = placement.brokers_on(&host.name).collect();
    seats.sort_by_key(|seat| seat.broker_id);
    let namesrv = placement.namesrvs.iter().filter(|seat| seat.host == host.name);
    let controller = placement.controllers.iter().find(|seat| seat.host == host.name);
    let namesrv = namesrv.map(|_| {
        let mut settings = topology.layers.namesrv(&host.name);
        if controller.is_some_and(|seat| seat.in_namesrv) {
            settings.config.extend(topology.layers.controller(&host.name).config);
        }
        (Role::Namesrv, settings)
    });
    let controller = controller.filter(|seat| !seat.in_namesrv);
    let controller = controller.map(|_| (Role::Controller, topology.layers.controller(&host.name)));
    let brokers = seats.iter().map(|seat| (seat.role(), topology.layers.broker(&host.name, &seat.group, seat.role())));
    let services = placement.services_on(&host.name);
    let services = services.map(|seat| (seat.role, topology.layers.service(&host.name, seat.role)));
    namesrv.chain(controller).chain(brokers).chain(services).collect()
}

/// Whether brokers are asked for messages as proxies ask (POP). Each thread that answers or acknowledges keeps a buffer of
/// more than 4 MiB for the rest of its life (5.5.0 `PopMessageProcessor`, `AckMessageProcessor`): seen to be too much for
/// 128 MiB with two CPUs, and clients get INTERNAL_SERVER_ERROR from then on.
pub(super) fn pops(placement: &Placement) -> bool {
    placement.services.iter().any(|seat| seat.role == Role::Proxy)
}

const FOR_JVMS_PERCENT: u64 = 60;
/// Above this the kernel would kill a JVM sooner or later: code, threads and page tables come on top.
const LIMIT_PERCENT: u64 = 90;

/// Lowest and highest computed values.
fn bounds(role: Role, pops: bool) -> (Size, Size, Size, Size) {
    match role {
        Role::Namesrv | Role::Controller => (Size::mib(128), Size::mib(2048), Size::mib(64), Size::mib(512)),
        Role::Master | Role::Slave | Role::Member => {
            (Size::mib(256), Size::mib(8192), Size::mib(if pops { 384 } else { 128 }), Size::mib(4096))
        }
        Role::Proxy => (Size::mib(256), Size::mib(4096), Size::mib(128), Size::mib(2048)),
        Role::Dashboard | Role::Exporter => (Size::mib(192), Size::mib(512), Size::mib(64), Size::mib(128)),
    }
}

fn weight(role: Role) -> u64 {
    match role {
        Role::Proxy => 2,
        role if role.is_broker() => 4,
        _ => 1,
    }
}

/// A share for each JVM, in the order given; `pops` where proxies ask the brokers. What is set by hand is taken as it is, and leaves the others the rest.
pub fn share(memory: Size, jvms: &[(Role, JvmSettings)], pops: bool) -> Result<Vec<Share>, TooLittleMemory> {
    let taken = |s: &JvmSettings| Some(s.heap?.plus(s.direct_memory.unwrap_or(half(s.heap?))));
    let set = jvms.iter().filter_map(|(_, settings)| taken(settings)).fold(Size(0), Size::plus).0;
    let free = (memory.0 / 100 * FOR_JVMS_PERCENT).saturating_sub(set);
    let weights: u64 = jvms.iter().filter(|(_, s)| s.heap.is_none()).map(|(role, _)| weight(*role)).sum();
    let shares: Vec<Share> = jvms
        .iter()
        .map(|(role, settings)| {
            let (least, most, least_direct, most_direct) = bounds(*role, pops);
            let computed = u128::from(free) * u128::from(weight(*role)) / u128::from(weights.max(1)) * 2 / 3;
            let computed = Size(u64::try_from(computed).unwrap_or(u64::MAX)).clamp(least, most);
            let heap = settings.heap.unwrap_or(Size(computed.0 >> 24 << 24));
            let direct = settings.direct_memory.unwrap_or(half(heap).clamp(least_direct, most_direct));
            Share { heap, direct }
        })
        .collect();
    let wanted = shares.iter().fold(Size(0), |sum, share| sum.plus(share.heap).plus(share.direct));
    if wanted.0 > memory.0 / 100 * LIMIT_PERCENT {
        return Err(TooLittleMemory { wanted, memory });
    }
    Ok(shares)
}

fn half(size: Size) -> Size {
    Size(size.0 / 2)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const ROLES: [Role; 3] = [Role::Namesrv, Role::Master, Role::Slave];

    fn shared(memory: Size, settings: &JvmSettings) -> Result<Vec<Share>, TooLittleMemory> {
        share(memory, &ROLES.map(|role| (role, settings.clone())), false)
    }

    #[test]
    fn the_page_cache_keeps_two_fifths_of_the_host() {
        for gib in [4, 8, 16, 32, 256] {
            let memory = Size::mib(gib << 10);
            let shares = shared(memory, &JvmSettings::default()).unwrap();
            let sum: u64 = shares.iter().map(|s| s.heap.0 + s.direct.0).sum();
            assert!(sum <= memory.0 / 100 * 61, "{gib} GiB: {shares:?}");
            assert!(shares[1].heap >= shares[0].heap);
        }
    }

    #[test]
    fn a_heap_that_is_set_is_taken_as_it_is() {
        let settings = JvmSettings { heap: Some(Size::mib(512)), ..JvmSettings::default() };
        let shares = shared(Size::mib(8192), &settings).unwrap();
        assert_eq!(shares[1], Share { heap: Size::mib(512), direct: Size::mib(256) });
    }

    #[test]
    fn brokers_behind_proxies_get_more_direct_memory_than_a_small_heap_would_bring() {
        let settings = JvmSettings { heap: Some(Size::mib(256)), ..JvmSettings::default() };
        let jvms = ROLES.map(|role| (role, settings.clone()));
        let direct = |pops| share(Size::mib(8192), &jvms, pops).unwrap()[1].direct;
        assert_eq!((direct(false), direct(true)), (Size::mib(128), Size::mib(384)));
    }

    #[test]
    fn a_host_that_is_too_small_is_refused_with_both_numbers() {
        let error = shared(Size::mib(512), &JvmSettings::default()).unwrap_err();
        assert_eq!(error.to_string(), "the JVMs of this host would take 960 MiB of its 512 MiB");
    }
}
