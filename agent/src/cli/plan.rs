//! `plan`: what the agent would do on this host now; touches nothing. Exit status 3 where something would change.

use crate::{
    accounts,
    daemon::goal,
    exit_code,
    reconcile::{Installer, observe},
    settings::Settings,
    supervise::embedded,
};
use rocketmq_agent_domain::{health::report::in_words, plan::plan};
use std::{
    io::{self, Write},
    path::PathBuf,
    process::ExitCode,
};

#[derive(Debug, clap::Args)]
pub(super) struct PlanCommand {
    /// The cluster file [default: the one of the settings]
    file: Option<PathBuf>,
    /// Print the plan as JSON
    #[arg(long)]
    json: bool,
}

impl PlanCommand {
    pub(super) async fn run(self, settings: Settings) -> anyhow::Result<ExitCode> {
        let file = self.file.as_deref().unwrap_or(&settings.cluster_file);
        let desired = goal::of_file(&settings, file)?.desired;
        let name = &desired.host;
        let account = accounts::run_as(settings.embedded.run_as)?;
        let wanted = desired.instances.iter().map(|instance| &instance.launch.instance);
        let processes = embedded::look(&settings.state_dir, wanted);
        let observed = observe(&desired, processes, &Installer::default(), account);
        let plan = plan(&desired, &observed);
        let mut out = io::stdout().lock();
        if self.json {
            writeln!(out, "{}", serde_json::to_string_pretty(&plan)?)?;
        } else {
            for step in &plan.steps {
                writeln!(out, "{name}: {step}")?;
            }
            for blocked in &plan.blocked {
                let scope = blocked.instance.as_ref().map(|instance| format!(" {instance}")).unwrap_or_default();
                writeln!(out, "{name}{scope}: blocked: {}", in_words(&blocked.cause))?;
            }
            for instance in &plan.restart_pending {
                writeln!(out, "{name}: {instance} runs with an older configuration; a restart is pending")?;
            }
            for instance in &plan.not_in_file {
                writeln!(out, "{name}: {instance} runs and is not in the file; it is left alone")?;
            }
            if plan.is_empty() {
                writeln!(out, "{name}: everything is as it should be")?;
            }
        }
        Ok(exit_code::code(if plan.is_empty() { exit_code::OK } else { exit_code::CHANGES_PENDING }))
    }
}
