//! What the agent made, or would make, on this host, worked out from the cluster file alone: for the commands that must
//! work where no agent runs and even no Java is installed. In: the settings. Out: an [`Inventory`]. Writes nothing.

use crate::{
    cluster::{Applied, Cluster},
    host,
    settings::Settings,
};
use rocketmq_agent_domain::{
    desired::{Desired, HostFacts, Java, desired},
    size::Size,
};
use std::net::SocketAddr;

/// A port that nothing has by default.
const FREE: u16 = 9880;

/// A cluster and this host's part of it. Folders, files, ports and partners are as they are on the host; heaps and the
/// path of Java need not be.
#[derive(Debug)]
pub struct Inventory {
    /// The cluster.
    pub cluster: Cluster,
    /// This host's part.
    pub desired: Desired,
}

impl Inventory {
    /// Of what was applied last; where nothing was, of the cluster file, if it is one of this host. `None`: neither.
    ///
    /// # Errors
    /// The note of what was applied is damaged, or cannot be used.
    pub fn applied(settings: &Settings) -> anyhow::Result<Option<Self>> {
        match Applied::read(&settings.state_dir)? {
            Some(it) => {
                let cluster = Cluster::of(&settings.cluster_file, it.cluster_file, Some(&it.placement))?;
                Self::of(settings, cluster).map(Some)
            }
            None => {
                let lying_there = Cluster::read(&settings.cluster_file, None).ok();
                Ok(lying_there.and_then(|cluster| Self::of(settings, cluster).ok()))
            }
        }
    }

    /// Of the cluster file as it lies there, with brokers where the last one that was applied put them.
    ///
    /// # Errors
    /// It cannot be read or used, or is not of this host.
    pub fn of_file(settings: &Settings) -> anyhow::Result<Self> {
        let applied = Applied::read(&settings.state_dir)?;
        let cluster = Cluster::read(&settings.cluster_file, applied.as_ref().map(|applied| &applied.placement))?;
        Self::of(settings, cluster)
    }

    /// Of a cluster that was read.
    ///
    /// # Errors
    /// It is not of this host, or cannot be used there.
    pub fn of(settings: &Settings, cluster: Cluster) -> anyhow::Result<Self> {
        let name = host::identify(&cluster.topology, settings.host.as_ref())?;
        // No heap is too large for it, and no Java missing: neither decides where anything lies.
        let facts = HostFacts { memory: Size(1 << 50), java: Java { program: "/usr/bin/java".into(), release: 17 } };
        let desired = desired(&cluster.topology, &cluster.placement, &name, &facts)?;
        Ok(Self { cluster, desired })
    }

    /// Why HAProxy's agent-checks cannot be answered where the settings say; `None` where nothing of this host has that port.
    pub fn agent_check_clash(&self, settings: &Settings) -> Option<String> {
        let port = settings.agent_check?.port();
        let host = self.cluster.topology.host(&self.desired.host)?;
        let listens = |address: Option<SocketAddr>, otherwise| address.map_or(otherwise, |address| address.port());
        let agent = [
            ("the agent", listens(settings.listen, host.agent_port)),
            ("config sync", listens(settings.sync_listen, host.sync_port)),
        ];
        let agent = agent.into_iter().map(|(what, taken)| (what.to_owned(), taken));
        let instances = self.desired.instances.iter().map(|instance| &instance.launch);
        let theirs = instances.flat_map(|it| it.ports.iter().map(|taken| (it.instance.to_string(), *taken)));
        let (what, _) = agent.chain(theirs).find(|(_, taken)| *taken == port)?;
        Some(format!("port {port} of agent_check in agent.toml is that of {what}: take another one, such as {FREE}"))
    }
}
