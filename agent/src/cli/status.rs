//! `status`: asks this host's agent for the whole cluster and shows it.

use super::{language::say, table};
use crate::{
    cluster::{Applied, Cluster},
    exit_code, host,
    settings::Settings,
    web,
};
use anyhow::Context;
use rocketmq_agent_domain::{finding, health::report::ClusterReport, line, meaning::Language, topology::AGENT_PORT};
use std::{
    io::{self, IsTerminal, Write},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    process::ExitCode,
    time::Duration,
};

#[derive(Debug, clap::Args)]
pub(super) struct Status {
    /// Show it again every two seconds, until Ctrl-C
    #[arg(long)]
    watch: bool,
    /// Print the report as JSON
    #[arg(long)]
    json: bool,
    /// Say by the exit status how the cluster is: 0 ok, 1 degraded or not known, 2 down
    #[arg(long, conflicts_with = "watch")]
    exit_code: bool,
    /// Ask this agent instead of this host's, such as 10.0.0.2:9877
    #[arg(long, value_name = "ADDRESS")]
    agent: Option<SocketAddr>,
}

/// The agent itself waits up to 2 s for the others.
const TIMEOUT: Duration = Duration::from_secs(5);
const WATCH_EVERY: Duration = Duration::from_secs(2);

impl Status {
    pub(super) async fn run(self, settings: Settings, language: Language) -> anyhow::Result<ExitCode> {
        let address = self.agent.unwrap_or_else(|| own_agent(&settings));
        let client = web::to_agents(TIMEOUT).context("cannot make an HTTP client")?;
        let mut out = io::stdout();
        loop {
            let asked = ask(&client, address).await;
            if self.watch && out.is_terminal() {
                write!(out, "\x1b[2J\x1b[H")?;
            }
            let mut code = exit_code::OK;
            match asked {
                Ok((text, report)) => {
                    if self.exit_code {
                        code = exit_code::of_verdict(report.verdict);
                    }
                    match self.json {
                        true => writeln!(out, "{}", line::safe_json(&text))?,
                        false => {
                            let report = finding::report_in_language(language, report);
                            write!(out, "{}", table::cluster(language, &report, out.is_terminal()))?;
                        }
                    }
                }
                Err(error) if self.watch => say(language, &format!("{error:#}"))?,
                Err(error) => return Err(error),
            }
            if !self.watch {
                return Ok(exit_code::code(code));
            }
            out.flush()?;
            tokio::time::sleep(WATCH_EVERY).await;
        }
    }
}

/// What the agent on that address says of the cluster.
///
/// # Errors
/// It cannot be asked, or does not know anything yet.
pub(super) async fn of_agent(address: SocketAddr) -> anyhow::Result<ClusterReport> {
    let client = web::to_agents(TIMEOUT).context("cannot make an HTTP client")?;
    Ok(ask(&client, address).await?.1)
}

/// The report as it came, and read.
async fn ask(client: &reqwest::Client, address: SocketAddr) -> anyhow::Result<(String, ClusterReport)> {
    let url = format!("http://{address}/v1/cluster");
    let answer = client.get(&url).send().await;
    let answer = answer.with_context(|| format!("no agent answers on {address}; is rocketmq-agent running?"))?;
    let answer =
        answer.error_for_status().with_context(|| format!("the agent on {address} has nothing to show yet"))?;
    let text = answer.text().await.with_context(|| format!("the answer of {address} broke off"))?;
    let report = serde_json::from_str(&text).context("the agent's answer is not a report")?;
    Ok((text, report))
}

/// Where this host's agent serves. A cluster file that somebody is editing must not hide the cluster: where it has a
/// mistake or lacks this host, the one that was applied last says it, and else it is the usual port.
pub(super) fn own_agent(settings: &Settings) -> SocketAddr {
    let address = settings.listen.unwrap_or_else(|| {
        let port_of = |cluster: Cluster| port_of(&cluster, settings);
        let lying_there = Cluster::read(&settings.cluster_file, None).ok().and_then(port_of);
        let applied = || {
            let applied = Applied::read(&settings.state_dir).ok().flatten()?;
            Cluster::of(&settings.cluster_file, applied.cluster_file, Some(&applied.placement)).ok().and_then(port_of)
        };
        let usual = SocketAddr::new(Ipv4Addr::LOCALHOST.into(), AGENT_PORT);
        lying_there.or_else(applied).unwrap_or(usual)
    });
    match address.ip() {
        IpAddr::V4(v4) if v4.is_unspecified() => SocketAddr::new(Ipv4Addr::LOCALHOST.into(), address.port()),
        IpAddr::V6(v6) if v6.is_unspecified() => SocketAddr::new(Ipv6Addr::LOCALHOST.into(), address.port()),
        _ => address,
    }
}

fn port_of(cluster: &Cluster, settings: &Settings) -> Option<SocketAddr> {
    let name = host::identify(&cluster.topology, settings.host.as_ref()).ok()?;
    let host = cluster.topology.host(&name)?;
    let loopback: IpAddr = if host.address.is_ipv4() { Ipv4Addr::LOCALHOST.into() } else { Ipv6Addr::LOCALHOST.into() };
    Some(SocketAddr::new(loopback, host.agent_port))
}
