//! Where the instances of a cluster are reached, and where over TLS alone. In: a topology and its placement. Out:
//! addresses.

use crate::{
    launch::Role,
    placement::Placement,
    tls,
    topology::{Host, Topology},
};
use std::{
    collections::BTreeSet,
    net::{IpAddr, Ipv4Addr, SocketAddr},
};

/// The NameServers, by their hosts' addresses of one kind.
pub fn namesrv_addresses(
    topology: &Topology,
    placement: &Placement,
    address: impl Fn(&Host) -> IpAddr,
) -> Vec<SocketAddr> {
    let seats = placement.namesrvs.iter();
    seats.filter_map(|seat| Some(SocketAddr::new(address(topology.host(&seat.host)?), seat.port))).collect()
}

/// The controllers, in the order of the placement.
pub fn controller_addresses(topology: &Topology, placement: &Placement) -> Vec<SocketAddr> {
    let seats = placement.controllers.iter();
    seats.filter_map(|seat| Some(SocketAddr::new(topology.host(&seat.host)?.address, seat.port))).collect()
}

/// Where a host reaches what runs on itself.
pub(super) fn near(host: &Host) -> IpAddr {
    if host.nat { IpAddr::V4(Ipv4Addr::LOCALHOST) } else { host.address }
}

/// Where nobody is taken in plain text by how the instances are to be started, as hosts and as clients reach it.
pub fn tls_addresses(topology: &Topology, placement: &Placement) -> BTreeSet<SocketAddr> {
    let layers = &topology.layers;
    let namesrvs = placement.namesrvs.iter().map(|it| (&it.host, it.port, layers.namesrv(&it.host)));
    let controllers = placement.controllers.iter().map(|it| {
        let settings = if it.in_namesrv { layers.namesrv(&it.host) } else { layers.controller(&it.host) };
        (&it.host, it.port, settings)
    });
    let brokers = placement.brokers.iter().map(|it| (&it.host, it.port, layers.broker(&it.host, &it.group, it.role())));
    let proxies = placement
        .services
        .iter()
        .filter(|it| it.role == Role::Proxy)
        .flat_map(|it| it.ports.iter().map(|port| (&it.host, *port, layers.service(&it.host, it.role))));
    let all = namesrvs.chain(controllers).chain(brokers).chain(proxies);
    let enforcing = all.filter(|(.., settings)| tls::enforces(&settings.java_options));
    let reached = enforcing.filter_map(|(host, port, _)| Some((topology.host(host)?, port)));
    reached.flat_map(|(host, port)| [host.address, host.public_address].map(|ip| SocketAddr::new(ip, port))).collect()
}

/// The same with those at which a host reaches what runs on itself.
pub(super) fn tls_addresses_from(host: &Host, topology: &Topology, placement: &Placement) -> BTreeSet<SocketAddr> {
    let mut addresses = tls_addresses(topology, placement);
    let own = addresses.iter().filter(|it| it.ip() == host.address).map(|it| SocketAddr::new(near(host), it.port()));
    let own: Vec<SocketAddr> = own.collect();
    addresses.extend(own);
    addresses
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::{placement::place, topology};

    const ENFORCING: &str = "java_options = [\"-Dtls.enable=true\", \"-Dtls.server.mode=enforcing\"]\n";

    fn read(text: &str) -> (Topology, Placement) {
        let topology = topology::read(text).unwrap();
        let placement = place(&topology, None).unwrap();
        (topology, placement)
    }

    fn words(addresses: &BTreeSet<SocketAddr>) -> Vec<String> {
        addresses.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn tls_is_where_the_options_of_an_instance_say_so_by_every_address_of_its_host() {
        let (topology, placement) = read(&format!(
            "[cluster]\nmode = \"2m-2s-sync\"\n[rocketmq]\nversion = \"5.5.0\"\n\
             [namesrv]\njava_options = [\"-Dtls.enable=true\"]\n[broker]\n{ENFORCING}\
             [broker.slave]\njava_options = [\"-Dtls.server.mode=permissive\"]\n\
             [[host]]\nname = \"vm1\"\naddress = \"10.0.0.1\"\npublic_address = \"203.0.113.1\"\nnat = true\n\
             namesrv = {{ java_options = [\"-Dtls.server.mode=enforcing\"] }}\n\
             [[host]]\nname = \"vm2\"\naddress = \"10.0.0.2\"\n"
        ));
        let all = tls_addresses(&topology, &placement);
        let (vm1, vm2) = (["10.0.0.1:9876", "10.0.0.1:10911"], "10.0.0.2:10911");
        assert_eq!(words(&all), [vm1[0], vm1[1], vm2, "203.0.113.1:9876", "203.0.113.1:10911"]);
        let near = |host: usize| tls_addresses_from(&topology.hosts[host], &topology, &placement);
        assert_eq!(words(&(&near(0) - &all)), ["127.0.0.1:9876", "127.0.0.1:10911"], "its own, as it reaches them");
        assert_eq!(near(1), all);
    }

    #[test]
    fn a_controller_inside_a_namesrv_goes_by_the_options_of_that_one() {
        let text = |in_namesrv: bool, of_namesrv: &str, of_controller: &str| {
            let hosts: String =
                (1..4).map(|at| format!("[[host]]\nname = \"vm{at}\"\naddress = \"10.0.0.{at}\"\n")).collect();
            format!(
                "[cluster]\nmode = \"controller\"\n[rocketmq]\nversion = \"5.5.0\"\n[broker]\n\
                 java_options = [\"-Dtls.enable=true\"]\n[namesrv]\n{of_namesrv}[controller]\n{of_controller}\
                 in_namesrv = {in_namesrv}\n{hosts}"
            )
        };
        let ports = |text: &str| {
            let (topology, placement) = read(text);
            tls_addresses(&topology, &placement).iter().map(SocketAddr::port).collect::<BTreeSet<_>>()
        };
        assert_eq!(ports(&text(true, ENFORCING, "")), BTreeSet::from([9876, 9879]));
        assert_eq!(ports(&text(false, "", ENFORCING)), BTreeSet::from([9879]));
        assert_eq!(ports(&text(false, "", "")), BTreeSet::new());
    }
}
