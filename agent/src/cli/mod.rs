//! The command line: what can be typed, and the way from there to an exit status.

mod check;
mod render;

use crate::{
    cluster::ClusterError,
    exit_code,
    host::HostError,
    settings::{self, Settings, SettingsError},
};
use clap::{Parser, Subcommand};
use std::{path::PathBuf, process::ExitCode};

/// Keeps an Apache RocketMQ cluster as one file says, from an agent on each host.
#[derive(Debug, Parser)]
#[command(name = "rocketmq-agent", version, max_term_width = 100)]
pub struct Arguments {
    /// This host's settings
    #[arg(long, global = true, value_name = "FILE", default_value = settings::DEFAULT_PATH, env = "ROCKETMQ_AGENT_CONFIG")]
    config: PathBuf,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Validate a cluster file offline: every mistake at once
    Check(check::Check),
    /// Print every file that a host would get; touches nothing
    Render(render::Render),
}

/// Runs the command that was typed.
pub fn run(arguments: Arguments) -> ExitCode {
    match dispatch(arguments) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("rocketmq-agent: {error:#}");
            exit_code::code(if is_bad_configuration(&error) { exit_code::BAD_CONFIGURATION } else { exit_code::FAILED })
        }
    }
}

fn dispatch(arguments: Arguments) -> anyhow::Result<ExitCode> {
    let settings = || Settings::read(&arguments.config);
    match arguments.command {
        Command::Check(check) => check.run(settings()?),
        Command::Render(render) => render.run(settings()?),
    }
}

/// Errors that starting again will not cure.
fn is_bad_configuration(error: &anyhow::Error) -> bool {
    let cluster = error.downcast_ref::<ClusterError>().is_some();
    let settings = error.downcast_ref::<SettingsError>().is_some();
    let host = matches!(
        error.downcast_ref::<HostError>(),
        Some(HostError::NotInFile { .. } | HostError::Ambiguous { .. } | HostError::Unknown(_))
    );
    cluster || settings || host
}
