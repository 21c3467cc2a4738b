//! `document`: what is to be published where `[sync.source]` is a url or git. In: a cluster file, and the document that
//! it comes after. Out: the next document, on stdout.

use super::apply::{author, unwrapped};
use crate::{
    clock,
    control::Client,
    exit_code, host,
    settings::Settings,
    sync::{Voters, proposal},
};
use anyhow::Context;
use rocketmq_agent_domain::{
    document::{Change, Document},
    register::Entry,
};
use std::{
    fs,
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
};

#[derive(Debug, clap::Args)]
pub(super) struct DocumentCommand {
    /// The cluster file
    file: PathBuf,
    /// Why, for those who read the history
    #[arg(short, long, required_unless_present = "first")]
    message: Option<String>,
    /// The document before it, as it is published now [default: what this host's agent holds]
    #[arg(long, value_name = "DOCUMENT")]
    after: Option<PathBuf>,
    /// There is none before it
    #[arg(long, conflicts_with = "after")]
    first: bool,
}

impl DocumentCommand {
    pub(super) async fn run(self, settings: Settings) -> anyhow::Result<ExitCode> {
        let read = |path: &PathBuf| fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()));
        let text = read(&self.file)?;
        let document = if self.first {
            proposal::first(&settings.state_dir, &self.file, text).map_err(unwrapped)?
        } else {
            let held = match &self.after {
                Some(path) => {
                    let document = Document::read(&read(path)?).with_context(|| path.display().to_string())?;
                    Entry::seatless(document)
                }
                None => {
                    let documents = Client::new(settings.control_socket.clone()).documents().await?;
                    documents.last().cloned().context("nothing is held yet: --first makes the first document")?
                }
            };
            let cluster = proposal::cluster(&held, &self.file, text).map_err(unwrapped)?;
            let change = Change {
                author: author(),
                host: host::machine_name().parse().context("this machine's name")?,
                time: clock::now(),
                message: self.message.unwrap_or_default(),
            };
            proposal::document(&held, cluster, &Voters::default(), None, change).map_err(unwrapped)?
        };
        write!(io::stdout(), "{document}")?;
        Ok(exit_code::code(exit_code::OK))
    }
}
