//! `secret`: makes the one secret that all hosts of a cluster share.

use super::language::say;
use crate::{exit_code, settings::Settings, trust};
use clap::Subcommand;
use rocketmq_agent_domain::meaning::Language;
use std::process::ExitCode;

#[derive(Debug, clap::Args)]
pub(super) struct Secret {
    #[command(subcommand)]
    command: SecretCommand,
}

#[derive(Debug, Subcommand)]
enum SecretCommand {
    /// Make a new secret; copy it to every other host by a way that you trust
    New {
        /// Replace the one that is there
        #[arg(long)]
        force: bool,
    },
}

impl Secret {
    pub(super) fn run(self, settings: Settings, language: Language) -> anyhow::Result<ExitCode> {
        let SecretCommand::New { force } = self.command;
        let path = &settings.secret_file;
        trust::make(path, force)?;
        let written = format!(
            "{} is written, for its owner alone. Copy it to every other host of the cluster, by scp for example.",
            path.display()
        );
        say(language, &written)?;
        Ok(exit_code::code(exit_code::OK))
    }
}
