//! The rules for `[proxy]`, `[dashboard]` and `[exporter]`: which hosts run one, on which ports, and of what kind the two
//! jars are that are no part of RocketMQ's release.

use super::{Host, judge_host_list, source::judge_location};
use crate::{
    cluster_file::{At, ClusterFile, JarFile},
    launch::Role,
    names::{HostName, Version},
    problem::Problems,
};
use std::collections::BTreeMap;

const GRPC_PORT: u16 = 8081;
const REMOTING_PORT: u16 = 8080;
/// The oldest release whose proxy brings its logging along.
const PROXY_SINCE: Version = Version::new(5, 1, 0);

/// From the port of an exporter's metrics to that which clients send theirs to, as in its own defaults.
pub const EXPORTER_GRPC: u16 = 2;

/// What a host runs beside NameServer, controller and brokers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServicePorts {
    /// What it is; a host runs one of a kind at most.
    pub role: Role,
    /// The ports that it listens on, first the one that it is known by. Of a proxy: gRPC, then remoting.
    pub ports: Vec<u16>,
}

impl ServicePorts {
    /// Those and what goes with them.
    pub(super) fn claimed(&self) -> impl Iterator<Item = u16> {
        let grpc = self.ports.first().filter(|_| self.role == Role::Exporter).map(|port| port + EXPORTER_GRPC);
        self.ports.iter().copied().chain(grpc)
    }
}

/// Where in the file the ports of a host's service stand (byte offset).
pub(super) type Places = BTreeMap<(HostName, Role), usize>;

/// A program in one jar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Jar {
    /// Which.
    pub role: Role,
    /// A file or an http(s) URL.
    pub location: String,
    /// Its checksum, in lower case.
    pub sha256: String,
    /// Whether a dashboard asks who you are.
    pub login: bool,
}

fn jars(file: &ClusterFile) -> impl Iterator<Item = (Role, u16, &JarFile)> {
    let dashboard = file.dashboard.iter().map(|jar| (Role::Dashboard, 8082, jar));
    dashboard.chain(file.exporter.iter().map(|jar| (Role::Exporter, 5557, jar)))
}

/// Gives each host its services, when NameServers and brokers have theirs; says where in the file the ports of each stand.
pub(super) fn place(file: &ClusterFile, hosts: &mut [Host], problems: &mut Problems<'_>) -> Places {
    let mut places = Places::new();
    if let Some(list) = &file.proxy_hosts {
        judge_host_list(&list.value, "proxy.hosts", hosts, problems);
        if list.value.is_empty() {
            problems.add(list.at, "empty-list", "proxy.hosts", "names no host", "leave [proxy] out to have none");
        }
    }
    for (host, written) in file.hosts.iter().filter_map(|written| Some((written.name.as_ref()?, written))) {
        let Some(host) = hosts.iter_mut().find(|it| it.name == host.value) else { continue };
        let runs = match &file.proxy_hosts {
            None => host.brokers,
            Some(list) => list.value.iter().any(|name| name.value == host.name),
        };
        let layers = [written.proxy.as_ref(), file.proxy.as_ref()];
        match file.proxy.as_ref().filter(|_| runs) {
            Some(proxy) => {
                let port = layers.iter().flatten().find_map(|layer| layer.port.as_ref());
                let remoting = layers.iter().flatten().find_map(|layer| layer.remoting_port.as_ref());
                let value = |port: Option<&At<u16>>, default| port.map_or(default, |port| port.value);
                let ports = vec![value(port, GRPC_PORT), value(remoting, REMOTING_PORT)];
                let at = port.or(remoting).map_or(proxy.at, |port| port.at);
                host.services.push(ServicePorts { role: Role::Proxy, ports });
                places.insert((host.name.clone(), Role::Proxy), at);
            }
            None => {
                // Of a witness that is said elsewhere.
                if let Some(leftover) = written.proxy.as_ref().filter(|_| !host.witness) {
                    let what = "is without effect: this host runs no proxy";
                    let fix = "leave it out, or name the host in proxy.hosts";
                    problems.add(leftover.at, "no-such-service", leftover.jvm.path.clone(), what, fix);
                }
            }
        }
    }
    for (role, default, jar) in jars(file) {
        let first = hosts.iter().find(|host| host.namesrv_port.is_some()).map(|host| host.name.clone());
        let name: Option<HostName> = jar.host.as_ref().map(|host| host.value.clone()).or(first);
        if let Some(named) = &jar.host {
            judge_host_list(std::slice::from_ref(named), &format!("{role}.host"), hosts, problems);
        }
        if let Some(host) = hosts.iter_mut().find(|host| Some(&host.name) == name.as_ref()) {
            let (port, at) = jar.port.as_ref().map_or((default, jar.at), |port| (port.value, port.at));
            if role == Role::Exporter && port > u16::MAX - EXPORTER_GRPC {
                let what = format!("leaves no room for the port {EXPORTER_GRPC} above it");
                problems.add(at, "out-of-range", "exporter.port", what, "use a port up to 65533");
                continue;
            }
            host.services.push(ServicePorts { role, ports: vec![port] });
            places.insert((host.name.clone(), role), at);
        }
    }
    places
}

/// The jars; what is wrong has been reported. Whether the release has a proxy at all is judged too.
pub(super) fn judge(file: &ClusterFile, version: Option<Version>, problems: &mut Problems<'_>) -> Vec<Jar> {
    if let (Some(proxy), Some(version)) = (&file.proxy, version.filter(|version| *version < PROXY_SINCE)) {
        let what = format!("RocketMQ {version} has no proxy that this agent can run");
        let fix =
            format!("leave [proxy] out, or use {PROXY_SINCE} or newer: gRPC clients of 5.x need one, others none");
        problems.add(proxy.at, "mode-needs-release", "proxy", what, fix);
    }
    let mut found = Vec::new();
    for (role, _, jar) in jars(file) {
        if let Some(source) = &jar.source {
            judge_location(source, &format!("{role}.source"), problems);
        }
        if let Some(sum) = jar
            .sha256
            .as_ref()
            .filter(|sum| sum.value.len() != 64 || !sum.value.bytes().all(|byte| byte.is_ascii_hexdigit()))
        {
            let what = "must be 64 hexadecimal digits";
            problems.add(sum.at, "bad-sha256", format!("{role}.sha256"), what, "`sha256sum FILE` prints it");
        }
        if let (Some(source), Some(sum)) = (&jar.source, &jar.sha256) {
            found.push(Jar {
                role,
                location: source.value.clone(),
                sha256: sum.value.to_ascii_lowercase(),
                login: jar.login.as_ref().is_some_and(|login| login.value),
            });
        }
    }
    found
}
