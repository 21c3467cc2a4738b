//! The rules for `[[host]]`, `namesrv.hosts` and `broker.hosts`: who is there, where, and on which ports.

use super::{Host, Mode, judge_host_list, services};
use crate::{
    cluster_file::{At, ClusterFile, HostFile},
    launch::Role,
    limits::Limits,
    names::HostName,
    problem::Problems,
};
use std::{collections::BTreeMap, net::IpAddr};

const BASE_DIR: &str = "/var/lib/rocketmq";
const NAMESRV_PORT: u16 = 9876;
const MASTER_PORT: u16 = 10911;
const SLAVE_PORT: u16 = 11911;
/// The port of an agent's HTTP where the file does not say.
pub const AGENT_PORT: u16 = 9877;
const SYNC_PORT: u16 = 9878;
const CONTROLLER_PORT: u16 = 9879;
/// NameServers where the file does not say: more add no safety, and every broker registers with each.
const NAMESRVS: usize = 3;
/// Controllers where the file does not say: the fewest of which one may be lost.
const CONTROLLERS: usize = 3;

/// The hosts that could be read; what is wrong with the others has been reported.
pub(super) fn judge(file: &ClusterFile, mode: Option<Mode>, problems: &mut Problems<'_>) -> Vec<Host> {
    if file.hosts.is_empty() && !file.has_bad_hosts {
        problems.add(
            0,
            "no-hosts",
            "host",
            "the file names no host",
            "add a [[host]] with name and address for each VM",
        );
    }
    judge_names(file, problems);
    judge_addresses(file, problems);
    let mut without_witnesses = 0..;
    let (in_namesrv, mut with_namesrv) = (is_in_namesrv(file), 0..);
    let mut hosts: Vec<Host> = file
        .hosts
        .iter()
        // Where the file does not say who runs NameServers and controllers, witnesses are not counted.
        .map(|host| (if is_witness(host) { None } else { without_witnesses.next() }, host))
        .filter_map(|(index, host)| Some((index, host, host.name.as_ref()?, host.address.as_ref()?)))
        .map(|(index, host, name, address)| {
            let namesrv = index.filter(|_| runs(&file.namesrv_hosts, NAMESRVS, index, host));
            let controller = if in_namesrv { namesrv.and_then(|_| with_namesrv.next()) } else { index };
            (host, name, address, namesrv.is_some(), controller)
        })
        .map(|(host, name, address, namesrv, controller)| Host {
            name: name.value.clone(),
            address: address.value,
            public_address: host.public_address.as_ref().map_or(address.value, |public| public.value),
            nat: host.nat.as_ref().is_some_and(|nat| nat.value),
            witness: is_witness(host),
            zone: host.zone.as_ref().map(|zone| zone.value.clone()),
            memory: host.memory.as_ref().map(|memory| memory.value),
            limits: Limits {
                memory: host.limits.memory.as_ref().or(file.limits.memory.as_ref()).map(|memory| memory.value),
                cpu: host.limits.cpu.as_ref().or(file.limits.cpu.as_ref()).map(|cpu| cpu.value),
            },
            java_home: host.java_home.as_ref().or(file.java_home.as_ref()).map(|home| home.value.clone().into()),
            base_dir: host
                .base_dir
                .as_ref()
                .or(file.base_dir.as_ref())
                .map_or(BASE_DIR, |dir| dir.value.trim_end_matches('/'))
                .into(),
            agent_port: value_or(&[&host.agent_port, &file.agent_port], AGENT_PORT),
            sync_port: value_or(&[&host.sync_port, &file.sync_port], SYNC_PORT),
            namesrv_port: namesrv.then(|| value_or(&[&host.namesrv.port, &file.namesrv.port], NAMESRV_PORT)),
            controller_port: (mode == Some(Mode::Controller)
                && runs(&file.controller_hosts, CONTROLLERS, controller, host))
            .then(|| value_or(&[&host.controller.port, &file.controller.port], CONTROLLER_PORT)),
            in_namesrv,
            brokers: !is_witness(host)
                && file.broker_hosts.as_ref().is_none_or(|list| list.value.iter().any(|n| n.value == name.value)),
            master_port: value_or(&[&host.broker.port, &file.broker.port], MASTER_PORT),
            slave_port: value_or(&[&host.broker.slave_port, &file.broker.slave_port], SLAVE_PORT),
            services: Vec::new(),
        })
        .collect();
    let places = services::place(file, &mut hosts, problems);
    for (list, key) in [
        (&file.namesrv_hosts, "namesrv.hosts"),
        (&file.controller_hosts, "controller.hosts"),
        (&file.broker_hosts, "broker.hosts"),
        (&file.sync_hosts, "sync.hosts"),
    ] {
        if let Some(list) = list {
            judge_host_list(&list.value, key, &hosts, problems);
            if list.value.is_empty() {
                problems.add(list.at, "empty-list", key, "names no host", "leave it out to have the default");
            }
        }
    }
    judge_ports(file, mode, &hosts, &places, problems);
    hosts
}

fn value_or(layers: &[&Option<At<u16>>], default: u16) -> u16 {
    layers.iter().find_map(|layer| layer.as_ref().map(|port| port.value)).unwrap_or(default)
}

/// Whether controllers are to run inside NameServers.
pub(super) fn is_in_namesrv(file: &ClusterFile) -> bool {
    file.in_namesrv.as_ref().is_some_and(|in_namesrv| in_namesrv.value)
}

fn is_witness(host: &HostFile) -> bool {
    host.witness.as_ref().is_some_and(|witness| witness.value)
}

/// Whether a host is in a list, or where there is none among the first. A witness has no `index` and runs nothing.
fn runs(list: &Option<At<Vec<At<HostName>>>>, first: usize, index: Option<usize>, host: &HostFile) -> bool {
    match (list, index) {
        (_, None) => false,
        (None, Some(index)) => index < first,
        (Some(list), _) => list.value.iter().any(|name| Some(&name.value) == host.name.as_ref().map(|n| &n.value)),
    }
}

fn judge_names(file: &ClusterFile, problems: &mut Problems<'_>) {
    let mut seen = BTreeMap::new();
    for (index, name) in file.hosts.iter().enumerate().filter_map(|(i, host)| Some((i, host.name.as_ref()?))) {
        if let Some(first) = seen.insert(&name.value, index) {
            let what = format!("\"{}\" is already the name of host[{first}]", name.value);
            problems.add(name.at, "name-twice", format!("host[{index}].name"), what, "");
        }
    }
}

fn judge_addresses(file: &ClusterFile, problems: &mut Problems<'_>) {
    let mut seen: BTreeMap<IpAddr, usize> = BTreeMap::new();
    let all = || file.hosts.iter().filter_map(|host| host.address.as_ref());
    let some_loopback = all().any(|address| address.value.is_loopback());
    let all_loopback = all().all(|address| address.value.is_loopback());
    for (index, host) in file.hosts.iter().enumerate() {
        let addresses = [(&host.address, "address"), (&host.public_address, "public_address")];
        for (address, key) in addresses.into_iter().filter_map(|(address, key)| Some((address.as_ref()?, key))) {
            let path = format!("host[{index}].{key}");
            let ip = address.value;
            if ip.is_unspecified() || ip.is_multicast() {
                let what = format!("{ip} is not the address of a host");
                problems.add(
                    address.at,
                    "unusable-address",
                    path.clone(),
                    what,
                    "give the address that others reach it by",
                );
            }
            if key == "address" && some_loopback && !all_loopback && ip.is_loopback() {
                let what = format!("the other hosts cannot reach {ip}");
                problems.add(
                    address.at,
                    "loopback-address",
                    path.clone(),
                    what,
                    "give the address of its network card",
                );
            }
            if let Some(first) = seen.insert(ip, index).filter(|first| *first != index) {
                let what = format!("{ip} is already the address of host[{first}]");
                problems.add(address.at, "address-twice", path, what, "every host needs an address of its own");
            }
        }
    }
}

/// The ports of one host that do not depend on the placement must leave each other room. Those that do are checked
/// when they are given out.
fn judge_ports(
    file: &ClusterFile,
    mode: Option<Mode>,
    hosts: &[Host],
    places: &services::Places,
    problems: &mut Problems<'_>,
) {
    for (host, written) in hosts.iter().filter_map(|h| Some((h, file.hosts.iter().find(|w| named(w, h))?))) {
        let mut taken: Vec<(u16, &str)> = vec![(host.agent_port, "the agent")];
        let name = &host.name;
        let at = |layers: [&Option<At<u16>>; 2]| layers.into_iter().flatten().next().map_or(written.at, |port| port.at);
        let sync_at = at([&written.sync_port, &file.sync_port]);
        claim(&mut taken, &[host.sync_port], "config sync", sync_at, name.as_str(), problems);
        if let Some(port) = host.namesrv_port {
            claim(
                &mut taken,
                &[port],
                "the NameServer",
                at([&written.namesrv.port, &file.namesrv.port]),
                name.as_str(),
                problems,
            );
        }
        if let Some(port) = host.controller_port {
            let at = at([&written.controller.port, &file.controller.port]);
            claim(&mut taken, &[port], "the controller", at, name.as_str(), problems);
        }
        if host.brokers {
            let master_at = at([&written.broker.port, &file.broker.port]);
            let slave_at = at([&written.broker.slave_port, &file.broker.slave_port]);
            for (port, what, at) in
                [(host.master_port, "the master", master_at), (host.slave_port, "the slave", slave_at)]
            {
                if mode.is_some_and(Mode::is_elected) && what == "the slave" {
                    continue;
                }
                if !(3..=65524).contains(&port) {
                    let text =
                        format!("listenPort {port} leaves no room for listenPort-2 and listenPort+1 (host \"{name}\")");
                    problems.add(at, "out-of-range", "broker.port", text, "use a port from 3 to 65524");
                    continue;
                }
                claim(&mut taken, &[port - 2, port, port + 1], what, at, name.as_str(), problems);
            }
        }
        for service in &host.services {
            let what = match service.role {
                Role::Proxy => "the proxy",
                Role::Dashboard => "the dashboard",
                _ => "the exporter",
            };
            let at = places.get(&(name.clone(), service.role)).copied().unwrap_or(written.at);
            // One by one, as its own two may be the same.
            for port in service.claimed() {
                claim(&mut taken, &[port], what, at, name.as_str(), problems);
            }
        }
    }
}

fn named(written: &HostFile, host: &Host) -> bool {
    written.name.as_ref().is_some_and(|name| name.value == host.name)
}

fn claim<'w>(
    taken: &mut Vec<(u16, &'w str)>,
    ports: &[u16],
    what: &'w str,
    at: usize,
    host: &str,
    problems: &mut Problems<'_>,
) {
    if let Some((port, owner)) = taken.iter().find(|(port, _)| ports.contains(port)) {
        let text = format!("port {port} of host \"{host}\" is wanted by {owner} and by {what}");
        let fix = match what {
            "the exporter" => "an exporter takes its port and the one 2 above it",
            _ => "a broker takes listenPort-2, listenPort and listenPort+1",
        };
        problems.add(at, "port-clash", "", text, fix);
    }
    taken.extend(ports.iter().map(|port| (*port, what)));
}
