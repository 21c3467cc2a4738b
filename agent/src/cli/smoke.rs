//! `smoke`: sends messages through every master and reads them back, without a client of RocketMQ's. It uses the topic
//! that every broker keeps under its own name, so it makes none.

use super::{
    language::{safe, say},
    running,
};
use crate::{
    acl,
    cluster::Cluster,
    exit_code,
    remoting::{Broker, Client, NameServer, OutgoingMessage, PullStatus, SendStatus, TOOLS_CONSUMER_GROUP},
    settings::Settings,
};
use anyhow::{Context, bail};
use rocketmq_agent_domain::{
    desired::namesrv_addresses, meaning::Language, placement::BrokerSeat, sentences::in_language, topology::Topology,
};
use std::{
    collections::BTreeSet,
    io::{self, Write},
    net::SocketAddr,
    path::PathBuf,
    process::ExitCode,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

#[derive(Debug, clap::Args)]
pub(super) struct Smoke {
    /// The cluster file [default: the one of the settings]
    file: Option<PathBuf>,
    /// How many messages through each master
    #[arg(long, short = 'n', default_value_t = 10)]
    count: u32,
}

const TIMEOUT: Duration = Duration::from_secs(10);
const PULL_AT_ONCE: u32 = 32;
/// What was just acknowledged can be pulled once it is dispatched to its queue, which takes milliseconds.
const PATIENCE: Duration = Duration::from_secs(10);

impl Smoke {
    pub(super) async fn run(self, settings: Settings, language: Language) -> anyhow::Result<ExitCode> {
        let cluster = running::cluster(self.file.as_deref(), &settings)?;
        let client = acl::client(&cluster.topology, &cluster.placement, TIMEOUT)?;
        let mut failed = false;
        let mut groups = BTreeSet::new();
        for seat in cluster.placement.brokers.iter().filter(|seat| groups.insert(&seat.group)) {
            let address = match seat.elected {
                true => elected(&client, &cluster, seat).await,
                false => address(&cluster.topology, seat),
            };
            let Some(address) = address else {
                failed = true;
                say(language, &format!("{}: no NameServer knows a master of it", seat.group))?;
                continue;
            };
            let broker = Broker::new(&client, address.to_string(), TIMEOUT);
            match self.through(&broker, seat).await {
                Ok(()) => {
                    let sent = format!("{} ({address}): {} sent, all SEND_OK, all read back", seat.group, self.count);
                    say(language, &sent)?;
                }
                Err(error) => {
                    failed = true;
                    let why = safe(&in_language(language, &format!("{error:#}")));
                    writeln!(io::stdout(), "{} ({address}): {why}", seat.group)?;
                }
            }
        }
        Ok(exit_code::code(if failed { exit_code::FAILED } else { exit_code::OK }))
    }

    async fn through(&self, broker: &Broker, seat: &BrokerSeat) -> anyhow::Result<()> {
        let topic = seat.group.as_str();
        let run = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
        let mut bodies = BTreeSet::new();
        let mut first = None;
        for number in 0..self.count {
            let body = format!("smoke-{run}-{number}");
            let sent = broker.send(OutgoingMessage::new(topic, 0, body.clone())).await;
            let sent = sent.with_context(|| format!("message {number} was refused"))?;
            if sent.status != SendStatus::SendOk {
                bail!("message {number} is stored here alone: {:?}", sent.status);
            }
            first.get_or_insert(sent.queue_offset);
            bodies.insert(body.into_bytes());
        }
        let Some(mut offset) = first else { return Ok(()) };
        let deadline = tokio::time::Instant::now() + PATIENCE;
        while !bodies.is_empty() {
            let pulled =
                broker.pull(TOOLS_CONSUMER_GROUP, topic, 0, offset, PULL_AT_ONCE).await.context("cannot read back")?;
            for message in &pulled.messages {
                bodies.remove(message.body.as_ref());
            }
            offset = pulled.next_offset;
            if pulled.status != PullStatus::Found {
                if tokio::time::Instant::now() > deadline {
                    bail!("{} of {} messages cannot be read back", bodies.len(), self.count);
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
        Ok(())
    }
}

/// The master of a group that elects it, as the first NameServer says that has one.
async fn elected(client: &Client, cluster: &Cluster, seat: &BrokerSeat) -> Option<SocketAddr> {
    for namesrv in namesrv_addresses(&cluster.topology, &cluster.placement, |host| host.address) {
        let said = NameServer::new(client, namesrv.to_string(), TIMEOUT).cluster_info().await;
        let Ok(info) = said else { continue };
        let master = info.address(seat.group.as_str(), 0).and_then(|address| address.parse::<SocketAddr>().ok());
        let members = || cluster.placement.members(&seat.group);
        let public = |it: &BrokerSeat| Some(SocketAddr::new(cluster.topology.host(&it.host)?.public_address, it.port));
        let found = members().find(|it| public(it) == master);
        if let Some(found) = found {
            return address(&cluster.topology, found);
        }
    }
    None
}

fn address(topology: &Topology, seat: &BrokerSeat) -> Option<SocketAddr> {
    Some(SocketAddr::new(topology.host(&seat.host)?.address, seat.port))
}
