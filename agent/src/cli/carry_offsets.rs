//! `carry-offsets`: what a master's unit runs before its start (ExecStartPre), under the instance's lock. In: addresses and
//! folders, as arguments: it needs no file.

use crate::{admission::Admission, exit_code, log, offsets, settings::Settings};
use rocketmq_agent_domain::names::InstanceName;
use std::{net::SocketAddr, path::PathBuf, process::ExitCode};

#[derive(Debug, clap::Args)]
pub(super) struct CarryOffsets {
    /// Where the slave listens
    #[arg(long)]
    slave: SocketAddr,
    /// The master's storePathRootDir
    #[arg(long)]
    store: PathBuf,
    /// The instance's folder
    #[arg(long)]
    folder: PathBuf,
    /// The instance, to know on what grounds it may start
    #[arg(long)]
    instance: Option<InstanceName>,
    /// Of these addresses, those that take nobody in plain text
    #[arg(long, value_delimiter = ',')]
    tls: Vec<SocketAddr>,
}

impl CarryOffsets {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        log::init();
        let over_tls = self.tls.into_iter().collect();
        let permit = self.instance.and_then(|name| Admission::of_host(&Settings::default()).permit(&name));
        let has_all = permit.is_some_and(|permit| permit.has_all_of_slave());
        offsets::carry(&self.store, &self.folder, self.slave, over_tls, None, has_all).await;
        Ok(exit_code::code(exit_code::OK))
    }
}
