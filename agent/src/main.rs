//! `rocketmq-agent`: reads what was typed and hands it on.

use clap::Parser;
use rocketmq_agent::cli;
use std::process::ExitCode;

fn main() -> ExitCode {
    cli::run(cli::Arguments::parse())
}
