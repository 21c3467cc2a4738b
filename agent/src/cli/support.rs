//! `support`: one archive of everything that tells how this host is, for whoever helps.

use super::{language::say, status::own_agent};
use crate::{
    clock, doctor, exit_code, host,
    settings::Settings,
    support::{self, Archive},
    web,
};
use anyhow::Context;
use rocketmq_agent_domain::meaning::Language;
use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

/// What the agent says over HTTP, and the file it becomes.
const ASKED: [(&str, &str); 5] = [
    ("/v1/host", "agent/host.json"),
    ("/v1/cluster", "agent/cluster.json"),
    ("/v1/config", "agent/config.json"),
    ("/readyz?verbose", "agent/readyz.txt"),
    ("/metrics", "agent/metrics.txt"),
];

const TIMEOUT: Duration = Duration::from_secs(5);

#[derive(Debug, clap::Args)]
pub(super) struct Support {
    /// Where to write it [default: rocketmq-agent-support-HOST-TIME.tar.gz in this folder]
    #[arg(long, value_name = "FILE")]
    output: Option<PathBuf>,
}

impl Support {
    pub(super) async fn run(self, settings: Settings, config: &Path, language: Language) -> anyhow::Result<ExitCode> {
        let name = format!("rocketmq-agent-support-{}-{}", host::machine_name(), clock::now() / 1000);
        let path = self.output.unwrap_or_else(|| PathBuf::from(format!("{name}.tar.gz")));
        let cannot = || format!("cannot write {}", path.display());
        let mut archive = Archive::create(&path, &name).with_context(cannot)?;
        ask_agent(&mut archive, own_agent(&settings)).await.with_context(cannot)?;
        support::gather(&mut archive, &settings, config).with_context(cannot)?;
        let look = doctor::Host::look(settings).await;
        let reports: Vec<_> = doctor::CHECKS.iter().map(|check| check.run(&look)).collect();
        archive.add("doctor.json", &serde_json::to_string_pretty(&reports)?).with_context(cannot)?;
        let lacks = archive.finish().with_context(cannot)?;
        say(language, &format!("{} is written.", path.display()))?;
        for line in lacks {
            say(language, &format!("  it lacks {line}"))?;
        }
        say(
            language,
            "Passwords, keys and tokens are blanked; addresses, names of topics and logs are in it. Look it through \
             before you send it.",
        )?;
        Ok(exit_code::code(exit_code::OK))
    }
}

async fn ask_agent(archive: &mut Archive, agent: SocketAddr) -> anyhow::Result<()> {
    let client = web::to_agents(TIMEOUT).context("cannot make an HTTP client")?;
    for (path, name) in ASKED {
        let answer = client.get(format!("http://{agent}{path}")).send().await;
        let text = match answer {
            // A 503 of /readyz says why.
            Ok(answer) => answer.text().await,
            Err(error) => {
                let error = anyhow::Error::from(error.without_url());
                archive.lacks("agent", format!("no agent answers on {agent}: {error:#}"));
                break;
            }
        };
        match text {
            Ok(text) => archive.add(name, &text)?,
            Err(error) => archive.lacks(name, format!("{:#}", anyhow::Error::from(error))),
        }
    }
    Ok(())
}
