//! `plan`: what the agent would do on this host now; touches nothing. Exit status 3 where something would change.

use super::{changes, language::safe};
use crate::{
    accounts,
    daemon::goal,
    exit_code,
    reconcile::{Installer, observe},
    room::with_sends_held,
    settings::Settings,
    supervise::embedded,
};
use rocketmq_agent_domain::{
    desired::{Desired, properties},
    finding,
    health::report::in_words,
    meaning::Language,
    observed::Fact,
    online::live,
    plan::{Plan, Step, plan},
    sentences::in_language,
};
use std::{
    fs,
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
    pub(super) async fn run(self, settings: Settings, language: Language) -> anyhow::Result<ExitCode> {
        let file = self.file.as_deref().unwrap_or(&settings.cluster_file);
        let goal = goal::of_file(&settings, file)?;
        let desired = with_sends_held(&goal.desired);
        let name = &desired.host;
        let account = accounts::run_as(settings.embedded.run_as)?;
        let wanted = desired.instances.iter().map(|instance| &instance.launch.instance);
        let processes = embedded::look(&settings.state_dir, wanted);
        // Whom a proxy waits for is seen when it is to start.
        let observed = observe(&desired, processes, Fact::Known(true), &Installer::default(), account).await;
        let plan = plan(&desired, &observed);
        let live = taken_live(&desired, &plan);
        let mut out = io::stdout().lock();
        if self.json {
            writeln!(out, "{}", serde_json::to_string_pretty(&plan)?)?;
        } else {
            let mut say = |line: String| writeln!(out, "{}", safe(&in_language(language, &line)));
            for step in &plan.steps {
                say(format!("{name}: {step}"))?;
            }
            for line in live {
                say(format!("{name}: {line}"))?;
            }
            for blocked in &plan.blocked {
                let scope = blocked.instance.as_ref().map(|instance| format!(" {instance}")).unwrap_or_default();
                let cause = in_words(&finding::in_language(language, &blocked.cause));
                say(format!("{name}{scope}: blocked: {cause}"))?;
            }
            for instance in &plan.restart_pending {
                say(format!("{name}: {instance} runs with an older configuration; a restart is pending"))?;
            }
            for instance in &plan.not_in_file {
                say(format!("{name}: {instance} runs and is not in the file; it is left alone"))?;
            }
            if plan.is_empty() {
                let nothing = if desired.instances.is_empty() { "; nothing of RocketMQ is to run here" } else { "" };
                say(format!("{name}: everything is as it should be{nothing}"))?;
            }
        }
        Ok(exit_code::code(if plan.is_empty() { exit_code::OK } else { exit_code::CHANGES_PENDING }))
    }
}

/// What brokers take while they run of the files that will be written: those that lie there are what they have taken.
/// Whether a broker runs and has taken it is for its agent to see.
fn taken_live(desired: &Desired, plan: &Plan) -> Vec<String> {
    let written = plan.steps.iter().filter_map(|step| match step {
        Step::WriteFile { path } if path.extension().is_some_and(|extension| extension == "conf") => Some(path),
        _ => None,
    });
    let lines = written.filter_map(|path| {
        let instance = desired.instances.iter().find(|it| path.starts_with(&it.launch.directory))?;
        let before = live(desired.version, &properties::parse(&fs::read(path).ok()?));
        let changed = changes::taken_live(&before, &instance.broker.as_ref()?.live);
        Some(changed.into_iter().map(|key| format!("{} {key}", instance.launch.instance)).collect::<Vec<_>>())
    });
    lines.flatten().collect()
}
