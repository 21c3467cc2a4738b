//! `restart`, `stop`, `start`, `pause`, `resume` and `confirm`: what a person orders of the agent of this host.

use super::{
    apply::author,
    language::{complain, say},
    question::asked,
};
use crate::{
    admission::Admission,
    audit::{Audit, Line, Who},
    control::{Applied, Client, Decide, Decision, Ordered, Progress, Wanted},
    exit_code,
    rollout::ByHand,
    settings::Settings,
};
use anyhow::Context;
use rocketmq_agent_domain::{
    finding::{self, turn_in_language},
    health::report::in_words,
    launch::Cause,
    meaning::Language,
    names::InstanceName,
    sentences::in_language,
};
use std::process::ExitCode;

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
    /// Start a master without what only its slave has: these messages are lost
    #[arg(long)]
    accept_loss: bool,
    /// Do not ask
    #[arg(long, requires = "accept_loss")]
    yes: bool,
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
    pub(super) async fn run(self, settings: Settings, language: Language) -> anyhow::Result<ExitCode> {
        self.order.run(ByHand::Restart, settings, language).await
    }
}

impl Stop {
    pub(super) async fn run(self, settings: Settings, language: Language) -> anyhow::Result<ExitCode> {
        self.order.run(ByHand::Stop, settings, language).await
    }
}

impl Start {
    pub(super) async fn run(self, settings: Settings, language: Language) -> anyhow::Result<ExitCode> {
        if self.accept_loss && !self.give_up(&settings, language)? {
            return Ok(exit_code::code(exit_code::FAILED));
        }
        let order = Order { instances: self.instances, now: false, wait: false, message: String::new() };
        order.run(ByHand::Start, settings, language).await
    }
}

impl Start {
    /// Says what would be lost, and lets the instances start without it; whether somebody said yes.
    fn give_up(&self, settings: &Settings, language: Language) -> anyhow::Result<bool> {
        let admission = Admission::of_this_host(settings);
        for name in &self.instances {
            let Some(pending) = admission.pending(name) else {
                say(language, &format!("{name} does not wait for its slave"))?;
                continue;
            };
            println!("{name}: {}", finding::in_language(language, &pending.cause).what);
            if !self.yes && !asked(language, &format!("start {name} without it, and lose what only its slave has"))? {
                return Ok(false);
            }
            admission.accept_loss(name)?;
            let who = Who::of(rustix::process::getuid().as_raw());
            let mut line = Line::asked(who, &author(), "accept-loss", name.to_string(), &pending.cause.what);
            line.outcome = "permitted".to_owned();
            Audit::new(&settings.state_dir).append(&line)?;
        }
        Ok(true)
    }
}

impl Order {
    async fn run(self, verb: ByHand, settings: Settings, language: Language) -> anyhow::Result<ExitCode> {
        let client = Client::new(settings.control_socket);
        for (index, instance) in self.instances.into_iter().enumerate() {
            // The one before is ready again, and those beside it may take a moment longer.
            let wait = self.wait || (index > 0 && !self.now);
            let wanted = Wanted { instance, verb, now: self.now, wait };
            let order = Ordered { wanted, author: author(), message: self.message.clone() };
            let ended = tokio::select! {
                ended = client.order(&order, |progress| drop(say(language, &so_far(language, progress)))) => ended?,
                _ = tokio::signal::ctrl_c() => {
                    complain(language, "what has begun goes on, and `rocketmq-agent status` shows it");
                    return Ok(exit_code::code(exit_code::FAILED));
                }
            };
            let name = &order.wanted.instance;
            match ended.context("the agent has ended meanwhile; `rocketmq-agent status` shows what became of it")? {
                Progress::Refused(cause) => {
                    let word = verb.word();
                    let mut why = format!("{name} is left as it is: {}", refusal(language, &cause));
                    if !self.now && !["no-such-instance", "not-running"].contains(&cause.id.as_str()) {
                        why += &format!("\n`rocketmq-agent {word} {name} --now` does it all the same");
                    }
                    anyhow::bail!(why);
                }
                progress => say(language, &so_far(language, &progress))?,
            }
        }
        Ok(exit_code::code(exit_code::OK))
    }
}

/// How far an order is, such as `broker-a is being stopped: clients still send to it`.
fn so_far(language: Language, progress: &Progress) -> String {
    let (words, why) = match progress {
        Progress::Says(words) | Progress::Done(words) => (words, None),
        Progress::Waits(words, cause) => (words, Some(cause)),
        Progress::Refused(cause) => return refusal(language, cause),
    };
    let said = in_language(language, words);
    let said = match words.split_once(' ') {
        Some((name, turn)) if said == *words => format!("{name} {}", turn_in_language(language, turn.to_owned())),
        _ => said,
    };
    match (language, why.map(|cause| finding::in_language(language, cause).what)) {
        (_, None) => said,
        (Language::English, Some(what)) => format!("{said}: {what}"),
        (Language::Chinese, Some(what)) => format!("{said}：{what}"),
    }
}

/// Why an order is refused, and what to do: as it was found, or in words of the agent's own.
fn refusal(language: Language, cause: &Cause) -> String {
    let Cause { id, what, fix, values } = finding::in_language(language, cause);
    in_words(&Cause { id, what: in_language(language, &what).into(), fix: in_language(language, &fix).into(), values })
}

impl Pause {
    pub(super) async fn run(self, settings: Settings, language: Language) -> anyhow::Result<ExitCode> {
        decide(settings, language, Decision::Pause, self.message).await
    }
}

impl Resume {
    pub(super) async fn run(self, settings: Settings, language: Language) -> anyhow::Result<ExitCode> {
        decide(settings, language, Decision::Resume, self.message).await
    }
}

impl Confirm {
    pub(super) async fn run(self, settings: Settings, language: Language) -> anyhow::Result<ExitCode> {
        decide(settings, language, Decision::Confirm, self.message).await
    }
}

async fn decide(
    settings: Settings,
    language: Language,
    decision: Decision,
    message: String,
) -> anyhow::Result<ExitCode> {
    let client = Client::new(settings.control_socket);
    match client.decide(&Decide { decision, author: author(), message }).await? {
        Applied::Committed { generation, .. } => {
            let words = match decision {
                Decision::Pause => format!("nothing is restarted or stopped from now on (generation {generation})"),
                Decision::Resume => format!("it goes on (generation {generation})"),
                Decision::Confirm => format!("it stays (generation {generation})"),
            };
            say(language, &words)?;
            Ok(exit_code::code(exit_code::OK))
        }
        Applied::Refused { why } => anyhow::bail!("nothing was changed: {why}"),
        Applied::Unknown { why } => anyhow::bail!("{why}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rocketmq_agent_domain::launch::cause;

    #[test]
    fn how_far_an_order_is_and_why_it_is_refused_is_said_in_both_languages() {
        let says = |words: &str| Progress::Says(words.to_owned());
        let waits =
            |words: &str, id, what: &str| Progress::Waits(words.to_owned(), cause(id, what.to_owned(), String::new()));
        let refused = |id, what: &str, fix: &str| Progress::Refused(cause(id, what.to_owned(), fix.to_owned()));
        for (progress, english, chinese) in [
            (says("broker-a is being stopped"), "broker-a is being stopped", "broker-a 正在停止"),
            (says("broker-a is starting"), "broker-a is starting", "broker-a 启动中"),
            (Progress::Done("broker-a is restarted".to_owned()), "broker-a is restarted", "broker-a 已重启"),
            (
                waits("broker-a gives up its writers", "draining", "clients still send to it"),
                "broker-a gives up its writers: clients still send to it",
                "broker-a 正在停止接收写入：仍有客户端向它发送",
            ),
            (
                refused("not-running", "broker-a does not run", "`rocketmq-agent start broker-a` starts it"),
                "broker-a does not run; `rocketmq-agent start broker-a` starts it",
                "broker-a 没有运行; `rocketmq-agent start broker-a` 启动它",
            ),
            (
                refused("only-proxy", "it is the only proxy: without it gRPC clients can do nothing", ""),
                "it is the only proxy: without it gRPC clients can do nothing",
                "它是唯一的 proxy：没有它，gRPC 客户端什么也做不了",
            ),
            // An agent of another release.
            (
                says("broker-a does what nobody knows: here"),
                "broker-a does what nobody knows: here",
                "broker-a does what nobody knows: here",
            ),
        ] {
            assert_eq!(so_far(Language::English, &progress), english);
            assert_eq!(so_far(Language::Chinese, &progress), chinese);
        }
    }
}
