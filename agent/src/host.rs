//! What is measured on this host: its memory, its addresses, and which host of the cluster file it is.

use rocketmq_agent_domain::{names::HostName, size::Size, topology::Topology};
use std::{io, net::IpAddr};
use sysinfo::System;

/// What could not be measured.
#[derive(Debug, thiserror::Error)]
pub enum HostError {
    /// Network cards.
    #[error("cannot list the network cards of this host")]
    Addresses(#[source] io::Error),
    /// Memory.
    #[error("cannot tell how much memory this host has")]
    Memory(#[source] Option<sysinfo::Error>),
    /// None of the hosts in the file is this one.
    #[error("none of the hosts in the cluster file ({known}) is this one ({own}): set host = \"…\" in agent.toml")]
    NotInFile {
        /// Names in the file.
        known: String,
        /// This machine's name and addresses.
        own: String,
    },
    /// Several of them are.
    #[error("several hosts of the cluster file are this one ({found}): set host = \"…\" in agent.toml")]
    Ambiguous {
        /// Which.
        found: String,
    },
    /// The name that agent.toml gives is not in the file.
    #[error("host = \"{name}\" in agent.toml is none of the hosts in the cluster file ({known})")]
    Set {
        /// The name.
        name: HostName,
        /// Names in the file.
        known: String,
    },
    /// A name is not in the file.
    #[error("the cluster file has no host \"{name}\", it has {known}")]
    Unknown {
        /// The name.
        name: HostName,
        /// Names in the file.
        known: String,
    },
}

impl HostError {
    /// That name is not in the file.
    pub fn unknown(topology: &Topology, name: &HostName) -> Self {
        Self::Unknown { name: name.clone(), known: names(topology) }
    }
}

/// Physical memory.
pub fn memory() -> Result<Size, HostError> {
    let mut system = System::new().map_err(|error| HostError::Memory(Some(error)))?;
    system.refresh_memory();
    match system.total_memory() {
        0 => Err(HostError::Memory(None)),
        total => Ok(Size(total)),
    }
}

/// The addresses of all network cards.
pub fn addresses() -> Result<Vec<IpAddr>, HostError> {
    let cards = nix::ifaddrs::getifaddrs().map_err(|error| HostError::Addresses(error.into()))?;
    let sockets = cards.filter_map(|card| card.address);
    Ok(sockets
        .filter_map(|address| {
            let v4 = address.as_sockaddr_in().map(|v4| IpAddr::V4(v4.ip()));
            v4.or_else(|| address.as_sockaddr_in6().map(|v6| IpAddr::V6(v6.ip())))
        })
        .collect())
}

/// Which host of the file this machine is: the one that was set, else the one of its host name, else the one whose
/// address it has.
pub fn identify(topology: &Topology, set: Option<&HostName>) -> Result<HostName, HostError> {
    if let Some(name) = set {
        let known = topology.host(name).map(|host| host.name.clone());
        return known.ok_or_else(|| HostError::Set { name: name.clone(), known: names(topology) });
    }
    let addresses = addresses()?;
    choose(topology, &machine_name(), &addresses)
}

/// The machine's own host name; empty where it has none.
pub fn machine_name() -> String {
    nix::unistd::gethostname().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default()
}

fn choose(topology: &Topology, own_name: &str, addresses: &[IpAddr]) -> Result<HostName, HostError> {
    let short = own_name.split('.').next().unwrap_or_default();
    let by_name = |name: &str| topology.hosts.iter().find(|host| host.name.as_str() == name);
    if let Some(host) = by_name(own_name).or_else(|| by_name(short)) {
        return Ok(host.name.clone());
    }
    let found: Vec<&HostName> =
        topology.hosts.iter().filter(|host| addresses.contains(&host.address)).map(|host| &host.name).collect();
    match found[..] {
        [one] => Ok(one.clone()),
        [] => {
            let addresses: Vec<String> = addresses.iter().map(ToString::to_string).collect();
            let own = join(std::iter::once(own_name).chain(addresses.iter().map(String::as_str)));
            Err(HostError::NotInFile { known: names(topology), own })
        }
        _ => Err(HostError::Ambiguous { found: join(found.into_iter().map(HostName::as_str)) }),
    }
}

fn names(topology: &Topology) -> String {
    join(topology.hosts.iter().map(|host| host.name.as_str()))
}

fn join<'t>(texts: impl Iterator<Item = &'t str>) -> String {
    texts.collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use rocketmq_agent_domain::topology::read;

    const FILE: &str = "[cluster]\nmode = \"2m-2s-sync\"\n[rocketmq]\nversion = \"5.5.0\"\n\
        [[host]]\nname = \"vm1\"\naddress = \"10.0.0.1\"\n[[host]]\nname = \"vm2\"\naddress = \"10.0.0.2\"\n";

    fn chosen(name: &str, addresses: &[&str]) -> Result<String, String> {
        let addresses: Vec<IpAddr> = addresses.iter().map(|a| a.parse().unwrap()).collect();
        choose(&read(FILE).unwrap(), name, &addresses).map(|h| h.to_string()).map_err(|e| e.to_string())
    }

    #[test]
    fn a_host_finds_itself_by_name_and_else_by_address() {
        assert_eq!(chosen("vm2.example.org", &["10.0.0.1"]), Ok("vm2".to_owned()));
        assert_eq!(chosen("db7", &["127.0.0.1", "10.0.0.1"]), Ok("vm1".to_owned()));
    }

    #[test]
    fn a_host_that_is_not_in_the_file_says_what_it_compared() {
        let error = chosen("db7", &["10.9.9.9"]).unwrap_err();
        assert!(error.contains("vm1, vm2") && error.contains("db7, 10.9.9.9"), "{error}");
        assert!(chosen("db7", &["10.0.0.1", "10.0.0.2"]).unwrap_err().contains("several"));
    }

    #[test]
    fn this_machine_has_memory_and_a_loopback_address() {
        assert!(memory().unwrap() > Size::mib(64));
        assert!(addresses().unwrap().iter().any(IpAddr::is_loopback));
    }
}
