//! Who takes TLS only is reached by nobody who does not speak it. In: what is said of each kind of instance. Out: who would be
//! shut out by whom. Dashboard and exporter have settings of their own for it, and are left out.

use super::{JvmSettings, Topology};
use crate::{
    cluster_file::{ClusterFile, JvmFile},
    launch::Role,
    problem::Problems,
    tls::{enforces, speaks},
};

/// Who asks whom, with brokers as masters: `BrokerOuterAPI`, the proxies' clients, the raft of controllers, and what these
/// tell brokers (`ControllerManager.notifyBrokerRoleChanged`), of 5.5.0.
const ASKED: [(Role, &[Role]); 3] = [
    (Role::Namesrv, &[Role::Master, Role::Proxy]),
    (Role::Controller, &[Role::Master, Role::Controller]),
    (Role::Master, &[Role::Master, Role::Controller, Role::Proxy]),
];

/// The sections whose instances take TLS only in the one, and of the other those whose instances ask them and do not speak
/// it.
pub fn shut_out(asked: &Topology, asking: &Topology) -> Vec<(&'static str, &'static str)> {
    let (asked, asking) = (kinds(asked), kinds(asking));
    let mut found = Vec::new();
    for (role, others) in ASKED {
        for (_, section, _) in asked.iter().filter(|(kind, _, options)| *kind == role && enforces(options)) {
            let silent = asking.iter().filter(|(kind, _, options)| others.contains(kind) && !speaks(options));
            found.extend(silent.map(|(_, silent, _)| (*section, *silent)));
        }
    }
    found.sort_unstable();
    found.dedup();
    found
}

/// The options of every instance that there may be, with its kind and the section that they are from.
fn kinds(topology: &Topology) -> Vec<(Role, &'static str, Vec<String>)> {
    let layers = &topology.layers;
    let mut kinds = Vec::new();
    let mut add = |role, section, settings: JvmSettings| kinds.push((role, section, settings.java_options));
    for host in &topology.hosts {
        if host.namesrv_port.is_some() {
            add(Role::Namesrv, "namesrv", layers.namesrv(&host.name));
        }
        match host.controller_port {
            Some(_) if host.in_namesrv => add(Role::Controller, "namesrv", layers.namesrv(&host.name)),
            Some(_) => add(Role::Controller, "controller", layers.controller(&host.name)),
            None => {}
        }
        let roles: &[Role] = match (topology.mode.is_elected(), topology.mode.has_slaves()) {
            (true, _) => &[Role::Member],
            (_, true) => &[Role::Master, Role::Slave],
            _ => &[Role::Master],
        };
        for role in roles.iter().filter(|_| host.brokers) {
            for settings in layers.brokers(&host.name, *role) {
                add(Role::Master, "broker", settings);
            }
        }
        if host.services.iter().any(|service| service.role == Role::Proxy) {
            add(Role::Proxy, "proxy", layers.service(&host.name, Role::Proxy));
        }
    }
    kinds
}

pub(super) fn judge(file: &ClusterFile, topology: &Topology, problems: &mut Problems<'_>) {
    for (section, silent) in shut_out(topology, topology) {
        let said = layers(file, section).into_iter().find_map(|layer| {
            let option = layer.java_options.iter().find(|option| option.value.0 == "-Dtls.server.mode=enforcing")?;
            Some((option.at, format!("{}.java_options", layer.path)))
        });
        let (at, key) = said.unwrap_or_default();
        let what = format!("nobody is taken in plain text, and [{silent}] speaks nothing else");
        let fix = format!("add \"-Dtls.enable=true\" to {silent}.java_options, and have that rolled out first");
        problems.add(at, "tls-not-spoken", key, what, fix);
    }
}

fn layers<'f>(file: &'f ClusterFile, section: &str) -> Vec<&'f JvmFile> {
    match section {
        "namesrv" => file.namesrvs().map(|it| &it.jvm).collect(),
        "controller" => file.controllers().map(|it| &it.jvm).collect(),
        _ => file.brokers().flat_map(|it| [&it.jvm, &it.master, &it.slave]).collect(),
    }
}
