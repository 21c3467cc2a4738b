//! `check`: validates a cluster file offline and says what would run where.

use crate::{cluster::Cluster, exit_code, inventory::Inventory, settings::Settings};
use rocketmq_agent_domain::{
    document::config_hosts,
    hazards,
    meaning::Language,
    placement::{BrokerSeat, ControllerSeat},
    sentences::in_language,
    sync_policy::SyncPolicy,
    topology::{Mode, Topology},
};
use std::{
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
};

#[derive(Debug, clap::Args)]
pub(super) struct Check {
    /// The cluster file [default: the one of the settings]
    file: Option<PathBuf>,
    /// Also say what to know before FILE takes the place of this one
    #[arg(long, value_name = "OLD")]
    against: Option<PathBuf>,
}

impl Check {
    pub(super) fn run(self, settings: Settings, language: Language) -> anyhow::Result<ExitCode> {
        let path = self.file.unwrap_or_else(|| settings.cluster_file.clone());
        let cluster = Cluster::read(&path, None)?;
        let said = |line: &str| in_language(language, line);
        // Where the file is not of this host, its settings have nothing to do with it.
        let inventory = Inventory::of(&settings, cluster.clone()).ok();
        if let Some(clash) = inventory.and_then(|inventory| inventory.agent_check_clash(&settings)) {
            eprintln!("{}", said(&clash));
            return Ok(exit_code::code(exit_code::BAD_CONFIGURATION));
        }
        let warning = said("warning: ");
        let topology = &cluster.topology;
        let mut out = io::stdout().lock();
        let fine = format!(
            "fine. {} is {} on {} host{} with RocketMQ {}:",
            topology.name,
            topology.mode,
            topology.hosts.len(),
            if topology.hosts.len() == 1 { "" } else { "s" },
            topology.version
        );
        writeln!(out, "{}: {}", path.display(), said(&fine))?;
        for host in &topology.hosts {
            let namesrv = cluster.placement.namesrvs.iter().find(|seat| seat.host == host.name);
            let namesrv = namesrv.map(|seat| format!("namesrv:{}", seat.port));
            let controller = cluster.placement.controllers.iter().find(|seat| seat.host == host.name);
            let inside = |seat: &ControllerSeat| said(if seat.in_namesrv { " (in the NameServer)" } else { "" });
            let controller = controller.map(|seat| format!("controller:{}{}", seat.port, inside(seat)));
            let brokers = cluster.placement.brokers_on(&host.name);
            let brokers = brokers.map(|seat| format!("{} {}:{}", seat.group, seat.role(), seat.port));
            let services = cluster.placement.services_on(&host.name).map(|seat| {
                let ports = seat.ports.iter().map(u16::to_string).collect::<Vec<_>>();
                format!("{}:{}", seat.role, ports.join("+"))
            });
            let witness = host.witness.then(|| said("witness, runs nothing"));
            let all: Vec<String> =
                namesrv.into_iter().chain(controller).chain(brokers).chain(services).chain(witness).collect();
            writeln!(out, "  {} ({}): {}", host.name, host.address, all.join(", "))?;
        }
        if topology.sync_hosts.is_some() || topology.hosts.iter().any(|host| host.witness) {
            let voters = config_hosts(topology).into_iter().map(|host| host.to_string()).collect::<Vec<_>>();
            let line = format!("changes of this file are voted on by {}", voters.join(", "));
            writeln!(out, "  {}", said(&line))?;
        }
        if topology.mode == Mode::SyncSlaves {
            writeln!(out, "  {}", said(&sync_in_words(topology)))?;
            let flushes = |seat: &BrokerSeat| {
                let settings = topology.layers.broker(&seat.host, &seat.group, seat.role());
                settings.config.get("flushDiskType").is_some_and(|how| how == "SYNC_FLUSH")
            };
            if !cluster.placement.brokers.iter().all(flushes) {
                writeln!(out, "  {}", said(FLUSHES_LATER))?;
            }
        }
        for problem in &topology.warnings {
            writeln!(out, "{warning}{}:{}", path.display(), problem.clone().in_language(language))?;
        }
        if let Some(old) = self.against {
            let old = Cluster::read(&old, None)?;
            for line in hazards::between((&old.topology, &old.placement), (topology, &cluster.placement)) {
                writeln!(out, "{warning}{}", said(&line))?;
            }
        }
        Ok(exit_code::code(exit_code::OK))
    }
}

const FLUSHES_LATER: &str = "a message is acknowledged before it is on a disk (ASYNC_FLUSH): what both members of a group lose of \
                             it at once is gone; docs/power-loss.md";

/// What becomes of sends to a master whose slave is gone.
fn sync_in_words(topology: &Topology) -> String {
    let said = match (topology.version.is_5(), topology.sync) {
        (true, SyncPolicy::Available) => {
            "goes on alone after 10 s without slave and agent (broker.sync = \"available\")"
        }
        (true, SyncPolicy::Strict) => {
            "acknowledges nothing with SEND_OK until its slave is back (broker.sync = \"strict\")"
        }
        (false, _) => {
            "stores what is sent and answers SLAVE_NOT_AVAILABLE: on RocketMQ 4.x nothing can be lowered, whatever \
             broker.sync says"
        }
    };
    format!("a master whose slave is gone {said}")
}
