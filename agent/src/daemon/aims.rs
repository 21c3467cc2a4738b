//! What each task beside the loop is told when there is another goal. In: the goal. Out: its part of it.

use crate::{
    cluster::Cluster,
    http::ConfigView,
    online,
    reach::{self, Target},
    reconcile::Goal,
    rollout::Aim,
    settings::Settings,
};
use rocketmq_agent_domain::{
    desired::namesrv_addresses,
    document::Change,
    finding,
    launch::Cause,
    names::HostName,
    rollout::{borrowers, order, told},
    topology::{Mode, Topology},
};
use std::{net::SocketAddr, sync::Arc};

pub(super) fn agents(topology: &Topology) -> Vec<(HostName, SocketAddr)> {
    topology.hosts.iter().map(|host| (host.name.clone(), SocketAddr::new(host.address, host.agent_port))).collect()
}

pub(super) fn aim(goal: &Goal) -> Aim {
    let (cluster, desired) = (&goal.cluster, &goal.desired);
    // A witness that is down keeps no broker from its restart.
    let agents = agents(&cluster.topology).into_iter().filter(|(host, _)| !cluster.topology.is_witness(host));
    let (agents, order): (Vec<_>, _) = (agents.collect(), order(&cluster.placement));
    let sync = cluster.topology.mode == Mode::SyncSlaves;
    let borrowers: Vec<&HostName> = borrowers(&order, &desired.host).filter(|_| sync).collect();
    let borrowers = agents.iter().filter(|(host, _)| borrowers.contains(&host)).cloned().collect();
    Aim {
        host: desired.host.clone(),
        restart: cluster.topology.restart,
        paused: goal.config.paused.as_ref().map(paused),
        order,
        told: told(desired),
        borrowers,
        agents,
        cluster: cluster.topology.name.to_string(),
        sync,
        controllers: desired.controllers.clone(),
        acl: desired.acl.clone(),
        over_tls: desired.over_tls.clone(),
        cluster_file: cluster.file_digest(),
        placement: cluster.placement_digest(),
    }
}

pub(super) fn online_aim(goal: &Goal) -> online::Aim {
    let agents = agents(&goal.cluster.topology);
    online::Aim { desired: goal.desired.clone(), agents, waits: goal.waits.is_some() }
}

fn paused(by: &Change) -> Cause {
    finding::PAUSED.of(&[("author", &by.author), ("host", &by.host), ("message", &by.message)])
}

/// What this host connects to.
pub(super) fn targets_of(goal: &Goal) -> Arc<[Target]> {
    reach::targets(&goal.cluster.topology, &goal.cluster.placement, &goal.desired.host).into()
}

/// The list for clients: the addresses that they reach.
pub(super) fn public_namesrvs(cluster: &Cluster) -> Arc<str> {
    let addresses = namesrv_addresses(&cluster.topology, &cluster.placement, |host| host.public_address);
    rocketmq_agent_domain::desired::conf::address_list(&addresses).into()
}

pub(super) fn config_view(settings: &Settings, goal: &Goal) -> ConfigView {
    ConfigView {
        host: goal.desired.host.clone(),
        agent: env!("CARGO_PKG_VERSION").to_owned(),
        path: settings.cluster_file.clone(),
        cluster_file: goal.cluster.file_digest(),
        placement: goal.cluster.placement_digest(),
    }
}
