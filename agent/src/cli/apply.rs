//! `apply` and `rollback`: show what a change does to every host, ask, commit it, and follow it to the hosts.

use super::{
    changes, history,
    language::{complain, safe, say},
    question::says_yes,
    unread,
};
use crate::{
    cluster::Cluster,
    control::{Applied, Apply, Client, ClusterConfig},
    exit_code,
    settings::Settings,
    sync::{Voters, proposal},
};
use anyhow::Context;
use rocketmq_agent_domain::{duration::Span, meaning::Language, names::HostName, sentences::in_language};
use std::{
    collections::BTreeSet,
    env, fs,
    io::{self, IsTerminal, Write},
    path::{Path, PathBuf},
    process::ExitCode,
    time::{Duration, Instant},
};

/// A host that does not hold the change after so long is named, and takes it when it is back.
const FOLLOWED: Duration = Duration::from_secs(30);
/// The same where every such host cannot even be asked.
const UNREACHED: Duration = Duration::from_secs(5);
const BETWEEN: Duration = Duration::from_millis(500);

#[derive(Debug, clap::Args)]
pub(super) struct ApplyCommand {
    /// The cluster file [default: the one of the settings]
    file: Option<PathBuf>,
    #[command(flatten)]
    how: How,
    /// Commit without this host, which is gone for good: its vote is not waited for, now or later
    #[arg(long, value_name = "HOST")]
    without: Vec<HostName>,
    /// Take it back after this time, such as 5m, unless somebody says `confirm`
    #[arg(long, value_name = "TIME")]
    confirm_within: Option<Span>,
    /// Let this host vote again that was left out before
    #[arg(long, value_name = "HOST")]
    with: Vec<HostName>,
}

#[derive(Debug, clap::Args)]
pub(super) struct Rollback {
    /// The generation to go back to; it becomes the next one
    generation: u64,
    #[command(flatten)]
    how: How,
}

#[derive(Debug, clap::Args)]
struct How {
    /// Why, for those who read the history
    #[arg(short, long)]
    message: Option<String>,
    /// Do not ask
    #[arg(long)]
    yes: bool,
    /// With --yes: also where messages on a group that leaves the file are not read yet
    #[arg(long, requires = "yes")]
    leave_unread: bool,
}

impl ApplyCommand {
    pub(super) async fn run(self, settings: Settings, language: Language) -> anyhow::Result<ExitCode> {
        let path = self.file.unwrap_or_else(|| settings.cluster_file.clone());
        let text = fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        let voters = Voters { without: self.without.into_iter().collect(), with: self.with.into_iter().collect() };
        let Some(message) = self.how.message.clone() else {
            complain(language, "say why with -m MESSAGE: others read it in the history");
            return Ok(exit_code::code(exit_code::USAGE));
        };
        let within = self.confirm_within.map(|Span(within)| u64::try_from(within.as_millis()).unwrap_or(u64::MAX));
        let change = Change { path: &path, text, message, voters, confirm_within: within };
        commit(&settings, language, change, &self.how).await
    }
}

impl Rollback {
    pub(super) async fn run(self, settings: Settings, language: Language) -> anyhow::Result<ExitCode> {
        let documents = Client::new(settings.control_socket.clone()).documents().await?;
        let entry = history::find(&documents, self.generation)?;
        let message = self.how.message.clone().unwrap_or_else(|| format!("back to generation {}", self.generation));
        let text = entry.document().text().to_owned();
        let path = Path::new("cluster.toml");
        let change = Change { path, text, message, voters: Voters::default(), confirm_within: None };
        commit(&settings, language, change, &self.how).await
    }
}

/// What is to be committed.
struct Change<'p> {
    /// Where mistakes are said to be.
    path: &'p Path,
    text: String,
    message: String,
    voters: Voters,
    /// Milliseconds.
    confirm_within: Option<u64>,
}

async fn commit(settings: &Settings, language: Language, change: Change<'_>, how: &How) -> anyhow::Result<ExitCode> {
    let Change { path, text, message, voters, confirm_within } = change;
    let client = Client::new(settings.control_socket.clone());
    let source = client.source().await?;
    if let Some(instead) = source.as_ref().and_then(|source| source.instead.as_ref()) {
        anyhow::bail!("nothing was changed: {instead}");
    }
    let empty = source.filter(|source| source.is_empty);
    let documents = client.documents().await?;
    let held = documents.last();
    let is_held = held.is_some_and(|held| held.document().text() == text && voters == Voters::default());
    let generation = held.map_or(0, |held| held.mark().generation) + u64::from(!is_held);
    let mut leaving = unread::Leaving::default();
    let shown = match (held, &empty) {
        (None, None) => anyhow::bail!("the hosts have not agreed on a first document yet"),
        (None, Some(source)) => {
            let hosts = Cluster::of(path, text.clone(), None)?.topology.hosts.len();
            format!("this becomes the first document in {}, for {hosts} hosts\n", source.name)
        }
        (Some(_), Some(source)) if is_held => {
            format!("this is what this host holds, and goes as it is into {}, where nothing lies\n", source.name)
        }
        (Some(_), None) if is_held => {
            say(language, &format!("generation {generation} is this file already"))?;
            return Ok(exit_code::code(exit_code::OK));
        }
        (Some(held), _) => {
            let next = proposal::cluster(held, path, text.clone()).map_err(unwrapped)?;
            leaving = unread::of_leaving(held.document(), &next).await;
            changes::between(held.document(), &next)?
        }
    };
    write!(io::stdout(), "{}", safe(&changes::in_language(language, &shown)))?;
    for line in leaving.unread.iter().chain(&leaving.unknown) {
        say(language, &format!("warning: {line}"))?;
    }
    if how.yes && !how.leave_unread && !leaving.unread.is_empty() {
        anyhow::bail!("nothing was changed: {}; --leave-unread says that this is meant", leaving.unread.join("; "));
    }
    if !how.yes {
        if !io::stdin().is_terminal() {
            complain(language, "there is no terminal to ask on; --yes commits without asking");
            return Ok(exit_code::code(exit_code::USAGE));
        }
        if !agrees(language, generation, &voters)? {
            complain(language, "nothing was changed");
            return Ok(exit_code::code(exit_code::FAILED));
        }
    }
    // Bound to what was shown: where somebody else was quicker, the agent refuses.
    let apply =
        Apply { base: held.map(|held| held.mark().hash), text, author: author(), message, voters, confirm_within };
    match client.apply(&apply).await? {
        Applied::Committed { generation, hash } => {
            say(language, &format!("generation {generation} ({hash:.12}) is committed"))?;
            follow(language, &client, generation, &apply.voters.without).await?;
            if confirm_within.is_some() {
                let words = "it is taken back by itself unless somebody says `rocketmq-agent confirm` in time";
                say(language, words)?;
            }
            Ok(exit_code::code(exit_code::OK))
        }
        Applied::Refused { why } => anyhow::bail!("nothing was changed: {why}"),
        Applied::Unknown { why } => anyhow::bail!("{why}"),
    }
}

/// A mistake in the file is shown as `check` shows it.
pub(super) fn unwrapped(error: proposal::ProposalError) -> anyhow::Error {
    match error {
        proposal::ProposalError::Cluster(error) => error.into(),
        other => other.into(),
    }
}

fn agrees(language: Language, generation: u64, voters: &Voters) -> io::Result<bool> {
    for host in &voters.without {
        let words =
            format!("{host} is left out: if it is alive and only out of reach, what it committed since is set aside.");
        eprintln!("{}", in_language(language, &words));
    }
    says_yes(language, &format!("commit this as generation {generation}"))
}

/// Who types, also behind sudo.
pub(super) fn author() -> String {
    let name = ["SUDO_USER", "USER", "LOGNAME"].into_iter().find_map(|name| env::var(name).ok());
    name.unwrap_or_else(|| format!("uid {}", rustix::process::getuid().as_raw()))
}

/// Shows the change arriving on the hosts, a line each.
async fn follow(
    language: Language,
    client: &Client,
    generation: u64,
    without: &BTreeSet<HostName>,
) -> anyhow::Result<()> {
    let began = Instant::now();
    let mut arrived = BTreeSet::new();
    loop {
        let ClusterConfig { hosts, .. } = client.status().await?;
        let mut missing = Vec::new();
        let mut patience = UNREACHED;
        for host in hosts.into_iter().filter(|host| !without.contains(&host.host)) {
            let state = host.state.as_ref();
            if state.and_then(|state| state.runs).is_some_and(|runs| runs >= generation) {
                if arrived.insert(host.host.clone()) {
                    say(language, &format!("{}: works from it", host.host))?;
                }
            } else {
                if host.error.is_none() {
                    patience = FOLLOWED;
                }
                let holds = state.and_then(|state| state.held).is_some_and(|held| held.generation >= generation);
                let why = match holds {
                    true => "holds it and does not work from it: see `rocketmq-agent status`".to_owned(),
                    false => host.error.unwrap_or_else(|| "does not hold it yet".to_owned()),
                };
                missing.push((host.host, why));
            }
        }
        if missing.is_empty() {
            return Ok(());
        }
        if began.elapsed() >= patience {
            for (host, why) in missing {
                say(language, &format!("{host}: not yet ({why}); it takes it when it can"))?;
            }
            return Ok(());
        }
        tokio::time::sleep(BETWEEN).await;
    }
}
