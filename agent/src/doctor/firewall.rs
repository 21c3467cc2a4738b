//! What this host's firewall has to let in. Nothing is opened, and the firewall is not asked: its rules may be anywhere,
//! and a cloud has its own in front of the host.

use super::{Check, Finding, Host};
use crate::{settings::Settings, trust::Keys};
use rocketmq_agent_domain::openings::{Source, config_sync, firewall_lines, openings};

pub(super) static CHECK: Check = Check {
    id: "firewall",
    what: "Says which ports clients, the other hosts and their agents need, with the lines for nftables and firewalld.",
    why: "The agent never opens a port. Whether the others get through is what their check `reach` says.",
    run,
    repair: None,
};

fn run(host: &Host) -> Vec<Finding> {
    let (Ok(it), Some(in_file)) = (&host.inventory, host.in_file()) else {
        return vec![Finding::skipped("no cluster file")];
    };
    let mut openings = openings(&it.cluster.topology, &it.cluster.placement, in_file);
    if shares_the_file(&host.settings) {
        openings.extend(config_sync(&it.cluster.topology, in_file));
    }
    let mut text = String::from("where this host has a firewall, it has to let in:");
    for opening in &openings {
        let from = match &opening.from {
            Source::Everybody => "everybody who uses the cluster".to_owned(),
            Source::Hosts(hosts) => {
                hosts.iter().map(|(name, ip)| format!("{name} ({ip})")).collect::<Vec<_>>().join(", ")
            }
        };
        text += &format!("\n{} {} from {from}: {}", opening.port, opening.what, opening.why);
    }
    text += "\nwith nftables or with firewalld:";
    for line in firewall_lines(&openings) {
        text += &format!("\n  {line}");
    }
    vec![Finding::ok(text)]
}

/// Whether the hosts keep the file together. A secret that cannot be used is one, too.
fn shares_the_file(settings: &Settings) -> bool {
    settings.sync.source.is_none() && !matches!(Keys::find(settings.certificates(), &settings.secret_file), Ok(None))
}
