//! Which ports of a host must be reached by whom, and how its firewall lets them in. In: a topology, its placement and a
//! host. Out: [`Opening`]s and lines to type. Nothing is opened here or anywhere else in this project.

use crate::{
    launch::Role,
    names::HostName,
    placement::Placement,
    topology::{Host, Topology},
};
use std::{collections::BTreeMap, net::IpAddr};

/// Who needs a port.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// Clients, wherever they are, and the other hosts too.
    Everybody,
    /// These hosts of the cluster.
    Hosts(Vec<(HostName, IpAddr)>),
}

/// One port of a host that others must reach.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opening {
    /// The port, TCP.
    pub port: u16,
    /// What listens there.
    pub what: String,
    /// From where.
    pub from: Source,
    /// For what, in a few words.
    pub why: &'static str,
}

fn others(topology: &Topology, host: &Host, wanted: &dyn Fn(&Host) -> bool) -> Source {
    let all = topology.hosts.iter().filter(|other| other.name != host.name && wanted(other));
    Source::Hosts(all.map(|other| (other.name.clone(), other.address)).collect())
}

/// What config sync needs where the hosts keep the file together: every host may ask, and vote on, what another one holds.
pub fn config_sync(topology: &Topology, host: &Host) -> Option<Opening> {
    Some(Opening {
        port: host.sync_port,
        what: "config sync".to_owned(),
        from: others(topology, host, &|_| true),
        why: "the hosts keep one cluster file together; who has not the secret is turned away",
    })
    .filter(|opening| opening.from != Source::Hosts(Vec::new()))
}

/// The openings of one host, in the order agent, NameServer, controller, brokers, proxy, dashboard, exporter.
pub fn openings(topology: &Topology, placement: &Placement, host: &Host) -> Vec<Opening> {
    let others = |wanted: &dyn Fn(&Host) -> bool| others(topology, host, wanted);
    let mut found = vec![Opening {
        port: host.agent_port,
        what: "agent".to_owned(),
        from: others(&|_| true),
        why: "the agents ask each other; monitoring and load balancers too, where you have them",
    }];
    if let Some(seat) = placement.namesrvs.iter().find(|seat| seat.host == host.name) {
        found.push(Opening {
            port: seat.port,
            what: "namesrv".to_owned(),
            from: Source::Everybody,
            why: "clients ask it for routes, and every broker registers with it",
        });
    }
    if let Some(seat) = placement.controllers.iter().find(|seat| seat.host == host.name) {
        found.push(Opening {
            port: seat.port,
            what: "controller".to_owned(),
            from: others(&|_| true),
            why: "the controllers elect their leader there, and brokers and agents ask it",
        });
    }
    for seat in placement.brokers_on(&host.name) {
        let what = |part: &str| format!("{} {}{part}", seat.group, seat.role());
        found.push(Opening {
            port: seat.port,
            what: what(""),
            from: Source::Everybody,
            why: "clients send and receive; the other member of its group and the agents ask it",
        });
        found.push(Opening {
            port: seat.fast_port(),
            what: what(" (VIP channel)"),
            from: Source::Everybody,
            why: "clients with vipChannelEnabled, and consumers' offsets",
        });
        if seat.elected {
            let members: Vec<&HostName> = placement.members(&seat.group).map(|it| &it.host).collect();
            found.push(Opening {
                port: seat.ha_port(),
                what: what(" (replication)"),
                from: others(&|other| members.contains(&&other.name)),
                why: "the other members of its group replicate there",
            });
        } else if seat.role() == Role::Master && topology.mode.has_slaves() {
            let slaves: Vec<&HostName> =
                placement.members(&seat.group).filter(|it| it.role() == Role::Slave).map(|it| &it.host).collect();
            found.push(Opening {
                port: seat.ha_port(),
                what: what(" (HA)"),
                from: others(&|other| slaves.contains(&&other.name)),
                why: "its slave replicates from there",
            });
        }
    }
    for seat in placement.services_on(&host.name) {
        let what = |index: usize| if index == 0 { seat.role.to_string() } else { format!("{} (remoting)", seat.role) };
        found.extend(seat.ports.iter().enumerate().map(|(index, port)| Opening {
            port: *port,
            what: what(index),
            from: Source::Everybody,
            why: match (seat.role, index) {
                (Role::Proxy, 0) => "gRPC clients send and receive",
                (Role::Proxy, _) => "the same for clients of the remoting protocol",
                (Role::Dashboard, _) => "the people who look at it; it can change the cluster, so let in only them",
                _ => "monitoring reads its figures",
            },
        }));
    }
    found.retain(|opening| opening.from != Source::Hosts(Vec::new()));
    found
}

/// The commands for nftables and for firewalld that let them in; to be typed by a person.
pub fn firewall_lines(openings: &[Opening]) -> Vec<String> {
    let mut by_source: BTreeMap<Option<IpAddr>, Vec<u16>> = BTreeMap::new();
    for opening in openings {
        match &opening.from {
            Source::Everybody => by_source.entry(None).or_default().push(opening.port),
            Source::Hosts(hosts) => {
                hosts.iter().for_each(|(_, ip)| by_source.entry(Some(*ip)).or_default().push(opening.port));
            }
        }
    }
    let mut lines = Vec::new();
    for (source, ports) in &by_source {
        let list = ports.iter().map(u16::to_string).collect::<Vec<_>>().join(", ");
        let from = source.map(|ip| format!("{} saddr {ip} ", if ip.is_ipv4() { "ip" } else { "ip6" }));
        lines.push(format!("nft add rule inet filter input {}tcp dport {{ {list} }} accept", from.unwrap_or_default()));
    }
    for (source, ports) in &by_source {
        for port in ports {
            lines.push(match source {
                None => format!("firewall-cmd --permanent --add-port={port}/tcp"),
                Some(ip) => format!(
                    "firewall-cmd --permanent --add-rich-rule='rule family=\"{}\" source address=\"{ip}\" port \
                     port=\"{port}\" protocol=\"tcp\" accept'",
                    if ip.is_ipv4() { "ipv4" } else { "ipv6" }
                ),
            });
        }
    }
    lines.push("firewall-cmd --reload".to_owned());
    lines
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::{placement::place, topology::read};

    const FILE: &str = "[cluster]\nmode = \"2m-2s-sync\"\n[rocketmq]\nversion = \"5.5.0\"\n\
        [[host]]\nname = \"vm1\"\naddress = \"10.0.0.1\"\n[[host]]\nname = \"vm2\"\naddress = \"10.0.0.2\"\n";

    fn of_vm1(file: &str) -> Vec<Opening> {
        let topology = read(file).unwrap();
        openings(&topology, &place(&topology, None).unwrap(), &topology.hosts[0])
    }

    #[test]
    fn replication_is_for_the_slaves_host_and_the_rest_for_clients() {
        let ports: Vec<(u16, bool)> = of_vm1(FILE).iter().map(|it| (it.port, it.from == Source::Everybody)).collect();
        assert_eq!(
            ports,
            [(9877, false), (9876, true), (10911, true), (10909, true), (10912, false), (11911, true), (11909, true)]
        );
    }

    #[test]
    fn the_lines_name_every_port_once_for_each_firewall() {
        let lines = firewall_lines(&of_vm1(FILE));
        assert_eq!(
            lines[..2],
            [
                "nft add rule inet filter input tcp dport { 9876, 10911, 10909, 11911, 11909 } accept",
                "nft add rule inet filter input ip saddr 10.0.0.2 tcp dport { 9877, 10912 } accept"
            ]
        );
        assert!(lines.contains(&"firewall-cmd --permanent --add-port=10909/tcp".to_owned()), "{lines:#?}");
        assert_eq!(lines.len(), 2 + 7 + 1);
    }

    #[test]
    fn a_host_that_is_alone_has_nothing_for_other_hosts() {
        let alone = "[cluster]\nmode = \"single\"\n[rocketmq]\nversion = \"5.5.0\"\n[[host]]\nname = \"vm1\"\naddress = \"10.0.0.1\"\n";
        assert!(of_vm1(alone).iter().all(|opening| opening.from == Source::Everybody));
        let of_sync = |file: &str| read(file).map(|topology| config_sync(&topology, &topology.hosts[0])).unwrap();
        assert_eq!(of_sync(alone), None);
        let vm2 = ("vm2".parse().unwrap(), "10.0.0.2".parse().unwrap());
        assert_eq!(of_sync(FILE).map(|it| (it.port, it.from)), Some((9878, Source::Hosts(vec![vm2]))));
    }
}
