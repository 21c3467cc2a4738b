//! `admit` and `await-permit`: what a boot runs before a member of a group starts. The one, as root, compares its commit log with
//! the other member's and writes the permit; the other, in the member's own unit, waits for that.

use crate::{admission::Admission, exit_code, log, settings::Settings};
use rocketmq_agent_domain::names::InstanceName;
use std::{process::ExitCode, time::Duration};
use tokio::time::sleep;

/// Between two looks at a small file.
const PAUSE: Duration = Duration::from_millis(100);

#[derive(Debug, clap::Args)]
pub(super) struct Admit {
    /// The instance, such as broker-a
    instance: InstanceName,
}

#[derive(Debug, clap::Args)]
pub(super) struct AwaitPermit {
    /// The instance, such as broker-a
    instance: InstanceName,
}

impl Admit {
    pub(super) async fn run(self, settings: Settings) -> anyhow::Result<ExitCode> {
        log::init();
        Admission::of_host(&settings).seek_permit(&self.instance).await;
        Ok(exit_code::code(exit_code::OK))
    }
}

impl AwaitPermit {
    pub(super) async fn run(self) -> anyhow::Result<ExitCode> {
        let admission = Admission::of_host(&Settings::default());
        let mut told = String::new();
        while admission.permit(&self.instance).is_none() {
            let pending = admission.pending(&self.instance);
            let text = pending.map_or("it waits for its permit".to_owned(), |pending| pending.cause.what.to_string());
            if text != told {
                // There is nobody to tell where it was not systemd that started this.
                let _ = sd_notify::notify(&[sd_notify::NotifyState::Status(&text)]);
                told = text;
            }
            sleep(PAUSE).await;
        }
        Ok(exit_code::code(exit_code::OK))
    }
}
