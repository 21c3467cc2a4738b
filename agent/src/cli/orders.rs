//! `restart`, `stop`, `start`, `pause`, `resume` and `confirm`: what a person orders of the agent of this host.

use super::apply::author;
use crate::{
    control::{Applied, Client, Decide, Decision, Ordered, Progress, Wanted},
    exit_code,
    rollout::ByHand,
    settings::Settings,
};
use anyhow::Context;
use rocketmq_agent_domain::{health::report::in_words, names::InstanceName};
use std::{
    io::{self, Write},
    process::ExitCode,
};

#[derive(Debug, clap::Args)]
pub(super) struct Restart {
    #[command(flatten)]
    order: Order,
}

#[derive(Debug, clap::Args)]
pub(super) struct Stop {
    #[command(flatten)]
    order: Order,
}

#[derive(Debug, clap::Args)]
struct Order {
    /// Names as `status` shows them, such as broker-a or namesrv
    #[arg(required = true, value_name = "INSTANCE")]
    instances: Vec<InstanceName>,
    /// At once, without regard for the rest of the cluster: no drain, no gate
    #[arg(long)]
    now: bool,
    /// Wait until the rest of the cluster bears it, rather than be refused
    #[arg(long, conflicts_with = "now")]
    wait: bool,
    /// Why, for those who read `history --audit`
    #[arg(short, long, default_value = "")]
    message: String,
}

#[derive(Debug, clap::Args)]
pub(super) struct Start {
    /// Names as `status` shows them, such as broker-a or namesrv
    #[arg(required = true, value_name = "INSTANCE")]
    instances: Vec<InstanceName>,
}

#[derive(Debug, clap::Args)]
pub(super) struct Pause {
    /// Why, for those who wonder why nothing moves
    #[arg(short, long)]
    message: String,
}

#[derive(Debug, clap::Args)]
pub(super) struct Confirm {
    /// Why, for those who read the history
    #[arg(short, long, default_value = "confirmed")]
    message: String,
}

#[derive(Debug, clap::Args)]
pub(super) struct Resume {
    /// Why, for those who read the history
    #[arg(short, long, default_value = "resumed")]
    message: String,
}

impl Restart {
    pub(super) async fn run(self, settings: Settings) -> anyhow::Result<ExitCode> {
        self.order.run(ByHand::Restart, settings).await
    }
}

impl Stop {
    pub(super) async fn run(self, settings: Settings) -> anyhow::Result<ExitCode> {
        self.order.run(ByHand::Stop, settings).await
    }
}

impl Start {
    pub(super) async fn run(self, settings: Settings) -> anyhow::Result<ExitCode> {
        let order = Order { instances: self.instances, now: false, wait: false, message: String::new() };
        order.run(ByHand::Start, settings).await
    }
}

impl Order {
    async fn run(self, verb: ByHand, settings: Settings) -> anyhow::Result<ExitCode> {
        let client = Client::new(settings.control_socket);
        for (index, instance) in self.instances.into_iter().enumerate() {
            // The one before is ready again, and those beside it may take a moment longer.
            let wait = self.wait || (index > 0 && !self.now);
            let wanted = Wanted { instance, verb, now: self.now, wait };
            let order = Ordered { wanted, author: author(), message: self.message.clone() };
            let ended = tokio::select! {
                ended = client.order(&order, |words| drop(writeln!(io::stdout(), "{words}"))) => ended?,
                _ = tokio::signal::ctrl_c() => {
                    eprintln!("rocketmq-agent: what has begun goes on, and `rocketmq-agent status` shows it");
                    return Ok(exit_code::code(exit_code::FAILED));
                }
            };
            let name = &order.wanted.instance;
            match ended.context("the agent has ended meanwhile; `rocketmq-agent status` shows what became of it")? {
                Progress::Says(words) | Progress::Done(words) => writeln!(io::stdout(), "{words}")?,
                Progress::Refused(cause) => {
                    let word = verb.word();
                    let gate = !self.now && !["no-such-instance", "not-running"].contains(&cause.id.as_str());
                    let now = format!("\n`rocketmq-agent {word} {name} --now` does it all the same");
                    let now = if gate { now } else { String::new() };
                    anyhow::bail!("{name} is left as it is: {}{now}", in_words(&cause));
                }
            }
        }
        Ok(exit_code::code(exit_code::OK))
    }
}

impl Pause {
    pub(super) async fn run(self, settings: Settings) -> anyhow::Result<ExitCode> {
        decide(settings, Decision::Pause, self.message).await
    }
}

impl Resume {
    pub(super) async fn run(self, settings: Settings) -> anyhow::Result<ExitCode> {
        decide(settings, Decision::Resume, self.message).await
    }
}

impl Confirm {
    pub(super) async fn run(self, settings: Settings) -> anyhow::Result<ExitCode> {
        decide(settings, Decision::Confirm, self.message).await
    }
}

async fn decide(settings: Settings, decision: Decision, message: String) -> anyhow::Result<ExitCode> {
    let client = Client::new(settings.control_socket);
    match client.decide(&Decide { decision, author: author(), message }).await? {
        Applied::Committed { generation, .. } => {
            let words = match decision {
                Decision::Pause => "nothing is restarted or stopped from now on",
                Decision::Resume => "it goes on",
                Decision::Confirm => "it stays",
            };
            writeln!(io::stdout(), "{words} (generation {generation})")?;
            Ok(exit_code::code(exit_code::OK))
        }
        Applied::Refused { why } => anyhow::bail!("nothing was changed: {why}"),
        Applied::Unknown { why } => anyhow::bail!("{why}"),
    }
}
