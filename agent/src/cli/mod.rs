//! The command line: what can be typed, and the way from there to an exit status.

mod admit;
mod apply;
mod carry_offsets;
mod changes;
mod check;
mod copy_topics;
mod doctor;
mod document;
mod explain;
mod history;
mod language;
mod noted;
mod orders;
mod plan;
mod question;
mod ready;
mod remove;
mod render;
mod restore;
mod running;
mod schema;
mod secret;
mod smoke;
mod status;
mod support;
mod table;
mod unread;

use crate::{
    cluster::ClusterError,
    daemon::{
        self,
        goal::{StrandedData, UnfitJava},
    },
    exit_code,
    host::HostError,
    log,
    settings::{self, Settings, SettingsError},
    trust::TrustError,
};
use clap::{Parser, Subcommand};
use rocketmq_agent_domain::{desired::DesiredError, meaning::Language, problem::Listing};
use std::{io, path::PathBuf, process::ExitCode};

/// Keeps an Apache RocketMQ cluster as one file says, from an agent on each host.
#[derive(Debug, Parser)]
#[command(name = "rocketmq-agent", version, max_term_width = 100)]
pub struct Arguments {
    /// This host's settings
    #[arg(long, global = true, value_name = "FILE", default_value = settings::DEFAULT_PATH, env = "ROCKETMQ_AGENT_CONFIG")]
    config: PathBuf,
    #[command(flatten)]
    lang: language::Lang,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Run the agent, until SIGTERM or Ctrl-C (what the unit starts)
    Run,
    /// Validate a cluster file offline: every mistake at once
    Check(check::Check),
    /// Print every file that a host would get; touches nothing
    Render(render::Render),
    /// Print the JSON Schema of the cluster file, for editors
    Schema,
    /// Show what the agent would do on this host; exit status 3 if something would change
    Plan(plan::PlanCommand),
    /// Show the whole cluster, as this host's agent sees it
    Status(status::Status),
    /// Say what is not well, why it matters and what to do next; or what an id means
    Explain(explain::Explain),
    /// Send messages through every master and read them back
    Smoke(smoke::Smoke),
    /// Make topics and consumer groups on masters that lack them; shows them, and asks
    CopyTopics(copy_topics::CopyTopics),
    /// Say what consumers have not read of a broker group; exit status 3 if any is left
    Unread(unread::Unread),
    /// Put the newest good copy in the place of a broker's torn files; shows them, and asks
    Restore(restore::Restore),
    /// Wait until an instance serves (what its unit runs after its start)
    #[command(hide = true)]
    Ready(ready::Ready),
    /// Take over newer consumer offsets from a slave (what a master's unit runs before its start)
    #[command(hide = true)]
    CarryOffsets(carry_offsets::CarryOffsets),
    /// Tell the packages' scripts that the folders of instances are root's for this program
    #[command(hide = true)]
    OwnsHomes,
    /// Compare a broker's commit log with the other member's, and let it start (what its unit asks for at a boot)
    #[command(hide = true)]
    Admit(admit::Admit),
    /// Wait until a broker may start (what its unit runs before its start)
    #[command(hide = true)]
    AwaitPermit(admit::AwaitPermit),
    /// Look this host over: what is wrong and what to do; exit status 1 if something fails
    Doctor(doctor::Doctor),
    /// Give this host up: stop its instances, take away what the agent made; messages stay
    Remove(remove::Remove),
    /// Restart instances of this host in turn, where the rest of the cluster bears it
    Restart(orders::Restart),
    /// Stop instances of this host until they are started, or the host is booted
    Stop(orders::Stop),
    /// Start instances of this host that were stopped, or failed too often
    Start(orders::Start),
    /// Make a change stay that was applied with --confirm-within
    Confirm(orders::Confirm),
    /// Let nothing be restarted or stopped by the agents until `resume`
    Pause(orders::Pause),
    /// Let what was paused go on
    Resume(orders::Resume),
    /// Show what a cluster file changes, ask, and commit it for all hosts
    Apply(apply::ApplyCommand),
    /// Show the committed cluster files
    History(history::History),
    /// Show which lines of two committed cluster files differ
    Diff(history::Diff),
    /// Commit an earlier cluster file again
    Rollback(apply::Rollback),
    /// Show who holds which cluster file, or print one
    Config(history::Config),
    /// Print the next document, to be published where [sync.source] is a url or git
    Document(document::DocumentCommand),
    /// Make the secret that lets the hosts of a cluster share its file
    Secret(secret::Secret),
    /// Write one archive of everything that tells how this host is; secrets are blanked
    Support(support::Support),
}

/// Runs the command that was typed.
pub fn run(arguments: Arguments) -> ExitCode {
    // Read in the journal.
    let language = match arguments.command {
        Command::Run
        | Command::Ready(_)
        | Command::CarryOffsets(_)
        | Command::OwnsHomes
        | Command::Admit(_)
        | Command::AwaitPermit(_) => Language::English,
        _ => arguments.lang.chosen(),
    };
    match dispatch(arguments, language) {
        Ok(code) => code,
        // `plan | head` has shown what was asked for.
        Err(error) if is_closed_pipe(&error) => exit_code::code(exit_code::OK),
        Err(error) => {
            match (error.downcast_ref::<ClusterError>(), error.downcast_ref::<SettingsError>()) {
                (Some(error), _) if language != Language::English => eprintln!("{}", error.in_words(language)),
                // One mistake a line, each beginning with file:line:column, which is where editors jump to.
                (Some(ClusterError::Invalid { .. }), _) => eprintln!("{error:#}"),
                (_, Some(SettingsError::Invalid { path, problems })) => {
                    eprintln!("{}", Listing(path, problems).in_language(language));
                }
                _ => language::complain(language, &format!("{error:#}")),
            }
            exit_code::code(status_of(&error))
        }
    }
}

fn dispatch(arguments: Arguments, language: Language) -> anyhow::Result<ExitCode> {
    // One thread is enough for a program that mostly waits; disk work that takes long has its own.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let settings = match arguments.command {
        // A unit's start does not hang on a file that is being edited.
        Command::Ready(_)
        | Command::CarryOffsets(_)
        | Command::OwnsHomes
        | Command::AwaitPermit(_)
        | Command::Schema => Settings::default(),
        _ => Settings::read(&arguments.config)?,
    };
    match arguments.command {
        Command::Run => {
            log::init();
            runtime.block_on(daemon::run(settings)).map(|()| exit_code::code(exit_code::OK))
        }
        Command::Check(check) => check.run(settings, language),
        Command::Render(render) => render.run(settings),
        Command::Schema => schema::run(),
        Command::Plan(plan) => runtime.block_on(plan.run(settings, language)),
        Command::Status(status) => runtime.block_on(status.run(settings, language)),
        Command::Explain(explain) => runtime.block_on(explain.run(settings, language)),
        Command::Apply(apply) => runtime.block_on(apply.run(settings, language)),
        Command::Restart(restart) => runtime.block_on(restart.run(settings, language)),
        Command::Stop(stop) => runtime.block_on(stop.run(settings, language)),
        Command::Start(start) => runtime.block_on(start.run(settings, language)),
        Command::Confirm(confirm) => runtime.block_on(confirm.run(settings, language)),
        Command::Pause(pause) => runtime.block_on(pause.run(settings, language)),
        Command::Resume(resume) => runtime.block_on(resume.run(settings, language)),
        Command::History(history) => runtime.block_on(history.run(settings, language)),
        Command::Diff(diff) => runtime.block_on(diff.run(settings)),
        Command::Rollback(rollback) => runtime.block_on(rollback.run(settings, language)),
        Command::Config(config) => runtime.block_on(config.run(settings, language)),
        Command::Document(document) => runtime.block_on(document.run(settings)),
        Command::Secret(secret) => secret.run(settings, language),
        Command::Smoke(smoke) => runtime.block_on(smoke.run(settings, language)),
        Command::CopyTopics(copy) => runtime.block_on(copy.run(settings, language)),
        Command::Unread(unread) => runtime.block_on(unread.run(settings, language)),
        Command::Restore(restore) => restore.run(settings, language),
        Command::Support(support) => runtime.block_on(support.run(settings, &arguments.config, language)),
        Command::Ready(ready) => runtime.block_on(ready.run()),
        Command::CarryOffsets(carry) => runtime.block_on(carry.run()),
        Command::OwnsHomes => Ok(exit_code::code(exit_code::OK)),
        Command::Admit(admit) => runtime.block_on(admit.run(settings)),
        Command::AwaitPermit(wait) => runtime.block_on(wait.run()),
        Command::Doctor(doctor) => runtime.block_on(doctor.run(settings, language)),
        Command::Remove(remove) => runtime.block_on(remove.run(settings, language)),
    }
}

fn is_closed_pipe(error: &anyhow::Error) -> bool {
    error.downcast_ref::<io::Error>().is_some_and(|error| error.kind() == io::ErrorKind::BrokenPipe)
}

fn status_of(error: &anyhow::Error) -> u8 {
    match error.downcast_ref() {
        // A name that was typed: one that was found or set has an error of its own.
        Some(HostError::Unknown { .. }) => exit_code::USAGE,
        _ if is_bad_configuration(error) => exit_code::BAD_CONFIGURATION,
        _ => exit_code::FAILED,
    }
}

/// Errors that starting again will not cure.
fn is_bad_configuration(error: &anyhow::Error) -> bool {
    let host = matches!(
        error.downcast_ref(),
        Some(HostError::NotInFile { .. } | HostError::Ambiguous { .. } | HostError::Set { .. })
    );
    host || error.is::<ClusterError>()
        || error.is::<SettingsError>()
        || error.downcast_ref().is_some_and(|error| !matches!(error, TrustError::Exists(_)))
        || error.is::<UnfitJava>()
        || error.is::<StrandedData>()
        || error.is::<DesiredError>()
}
