//! `schema`: prints the JSON Schema of the cluster file, for editors.

use crate::exit_code;
use rocketmq_agent_domain::schema;
use std::{
    io::{self, Write},
    process::ExitCode,
};

pub(super) fn run() -> anyhow::Result<ExitCode> {
    io::stdout().write_all(schema::text().as_bytes())?;
    Ok(exit_code::code(exit_code::OK))
}
