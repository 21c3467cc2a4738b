//! `explain`: what is not well and what to do next, in sentences; or what an id means, which needs no agent.

use super::{
    status,
    table::{duration, so_long},
};
use crate::{
    clock,
    doctor::{self, CHECKS},
    exit_code,
    settings::Settings,
};
use anyhow::bail;
use rocketmq_agent_domain::{
    explain::{self, Point, Portrait, Weight},
    finding,
    health::{
        report::{ClusterReport, State},
        verdict::Verdict,
    },
    meaning::{self, Language, Meaning},
    problem::did_you_mean,
    sentences::in_language,
};
use serde_json::json;
use std::{
    collections::BTreeSet,
    io::{self, Write},
    net::SocketAddr,
    process::ExitCode,
    time::Duration,
};

#[derive(Debug, clap::Args)]
pub(super) struct Explain {
    /// An instance, or the id of a reason, a rule or a check of doctor [default: everything that is not well]
    #[arg(value_name = "INSTANCE|ID")]
    about: Option<String>,
    /// Print it as JSON
    #[arg(long)]
    json: bool,
    /// Say by the exit status how the cluster is: 0 ok, 1 degraded or not known, 2 down
    #[arg(long, conflicts_with = "about")]
    exit_code: bool,
    /// Ask this agent instead of this host's, such as 10.0.0.2:9877
    #[arg(long, value_name = "ADDRESS")]
    agent: Option<SocketAddr>,
}

impl Explain {
    pub(super) async fn run(self, settings: Settings, language: Language) -> anyhow::Result<ExitCode> {
        let mut out = io::stdout().lock();
        if let Some(found) = self.about.as_deref().and_then(|id| meaning_of(language, id)) {
            match self.json {
                true => writeln!(out, "{}", serde_json::to_string_pretty(&as_json(&found))?)?,
                false => write!(out, "{}", in_general(language, &found))?,
            }
            return Ok(exit_code::code(exit_code::OK));
        }
        let report = status::of_agent(self.agent.unwrap_or_else(|| status::own_agent(&settings))).await?;
        let Some(name) = self.about else {
            let points = explain::cluster(&report);
            match self.json {
                true => writeln!(out, "{}", serde_json::to_string_pretty(&of_all(&report, &points))?)?,
                false => write!(out, "{}", everything(language, &report, &points))?,
            }
            let code = if self.exit_code { exit_code::of_verdict(report.verdict) } else { exit_code::OK };
            return Ok(exit_code::code(code));
        };
        let portraits = explain::instance(&report, &name);
        if portraits.is_empty() {
            bail!("{}", nothing_of(&report, &name));
        }
        match self.json {
            true => writeln!(out, "{}", serde_json::to_string_pretty(&portraits)?)?,
            false => portraits.iter().try_for_each(|it| write!(out, "{}", of_one(language, it)))?,
        }
        Ok(exit_code::code(exit_code::OK))
    }
}

/// What an id means; a check of doctor has no advice of its own before it has found something.
fn meaning_of(language: Language, id: &str) -> Option<Meaning> {
    let check = || {
        let check = CHECKS.iter().find(|check| check.id == id)?;
        let chinese = doctor::in_chinese(check.id).filter(|_| language == Language::Chinese);
        let (means, matters) = chinese.unwrap_or((check.what, check.why));
        let act = match language {
            Language::English => "`rocketmq-agent doctor` with this name looks, and says what to do.",
            Language::Chinese => "`rocketmq-agent doctor` 加上这个名字会去查看，并说明怎么办。",
        };
        Some(Meaning { id: check.id, means, matters, act })
    };
    meaning::of_in(language, id).copied().or_else(check)
}

/// What stands before the sentences: why it matters, what to do in the case at hand, and in general.
fn labels(language: Language) -> [&'static str; 3] {
    match language {
        Language::English => ["Why it matters: ", "Next: ", "In general: "],
        Language::Chinese => ["为什么要紧：", "怎么办：", "一般做法："],
    }
}

fn in_general(language: Language, meaning: &Meaning) -> String {
    let [why, next, _] = labels(language);
    format!("{}: {}\n  {why}{}\n  {next}{}\n", meaning.id, meaning.means, meaning.matters, meaning.act)
}

fn as_json(meaning: &Meaning) -> serde_json::Value {
    json!({"id": meaning.id, "means": meaning.means, "matters": meaning.matters, "next": meaning.act})
}

fn of_all(report: &ClusterReport, points: &[Point]) -> serde_json::Value {
    json!({"cluster": report.cluster, "verdict": report.verdict, "seen_from": report.seen_from, "points": points})
}

fn everything(language: Language, report: &ClusterReport, points: &[Point]) -> String {
    let verdict = match (language, report.verdict) {
        (Language::English, Verdict::Ok) => "is well",
        (Language::English, Verdict::Degraded) => "is degraded",
        (Language::English, Verdict::Down) => "is down",
        (Language::Chinese, Verdict::Ok) => "正常",
        (Language::Chinese, Verdict::Degraded) => "降级",
        (Language::Chinese, Verdict::Down) => "不可用",
    };
    let (cluster, from) = (&report.cluster, &report.seen_from);
    let mut text = match (language, points.len()) {
        (Language::English, 0) => format!("{cluster} {verdict}; there is nothing to say of it.    Seen from {from}.\n"),
        (Language::English, 1) => format!("{cluster} {verdict}; one thing is to be said of it.    Seen from {from}.\n"),
        (Language::English, count) => format!(
            "{cluster} {verdict}; {count} things are to be said of it, the weightiest first.    Seen from {from}.\n"
        ),
        (Language::Chinese, 0) => format!("{cluster} {verdict}，没有什么要说的。    从 {from} 看到。\n"),
        (Language::Chinese, count) => {
            format!("{cluster} {verdict}，有 {count} 件事，重要的在前。    从 {from} 看到。\n")
        }
    };
    for (index, point) in points.iter().enumerate() {
        text += &format!("\n{}. {}", index + 1, told(language, point));
    }
    text
}

fn of_one(language: Language, portrait: &Portrait) -> String {
    let Portrait { host, instance, role, address, state, since, pid, failures, next_start_at, points } = portrait;
    let said = |text: &str| in_language(language, text);
    let stop = if language == Language::Chinese { "。" } else { "." };
    let pid = pid.map(|pid| said(&format!(", pid {pid}"))).unwrap_or_default();
    let is = said(&format!("{host} {instance} ({role}, {address}) is {state}"));
    let long = since.map(|at| so_long(language, at)).unwrap_or_default();
    let mut text = format!("{is}{long}{pid}{stop}\n");
    if *failures > 0 {
        let ended = said(&format!("It ended or failed to start {failures} times in a row"));
        let next = next_start_at.map(|at| {
            let wait = Duration::from_millis(at.saturating_sub(clock::now()));
            said(&format!("; it is tried again in {}", duration(wait)))
        });
        text += &format!("  {ended}{}{stop}\n", next.unwrap_or_default());
    }
    if points.is_empty() && *state == State::Ready {
        text += &format!("  {}{stop}\n", said("Nothing is wrong with it"));
    }
    points.iter().for_each(|point| text += &format!("\n- {}", told(language, point)));
    text.push('\n');
    text
}

/// What was found, and below it what that means in general.
fn told(language: Language, point: &Point) -> String {
    let about = [point.host.as_ref().map(ToString::to_string), point.instance.as_ref().map(ToString::to_string)];
    let about = about.into_iter().flatten().collect::<Vec<_>>().join(" ");
    let colon = match language {
        _ if about.is_empty() => "",
        Language::Chinese => "：",
        Language::English => ": ",
    };
    let how = match point.weight {
        Weight::Down => in_language(language, "DOWN") + " ",
        Weight::Waits => in_language(language, "waits") + " ",
        Weight::Notice => in_language(language, "notice") + " ",
        Weight::Wrong | Weight::Unknown => String::new(),
    };
    let since = point.since.map(|at| so_long(language, at)).unwrap_or_default();
    let found = finding::in_language(language, &point.cause);
    let mut text = format!("{how}{about}{colon}{} [{}]{since}\n", found.what, point.id);
    let [why, next, general] = labels(language);
    match meaning::of_in(language, &point.id).filter(|_| language != Language::English) {
        Some(meaning) => text += &format!("   {}\n   {why}{}\n", meaning.means, meaning.matters),
        None if !point.why.is_empty() => text += &format!("   {why}{}\n", point.why),
        None => {}
    }
    let in_english = meaning::of(&point.id).map(|meaning| meaning.act);
    for (index, step) in point.next.iter().enumerate() {
        let meaning = meaning::of_in(language, &point.id).filter(|_| in_english == Some(step));
        let step = match meaning {
            Some(meaning) => meaning.act,
            None if *step == point.cause.fix => found.fix.as_str(),
            None => step.as_str(),
        };
        text += &format!("   {}{step}\n", if index == 0 { next } else { general });
    }
    text
}

fn nothing_of(report: &ClusterReport, name: &str) -> String {
    let hosts = report.hosts.iter().filter_map(|view| view.report.as_ref());
    let instances: BTreeSet<&str> = hosts.flat_map(|host| &host.instances).map(|it| it.instance.as_str()).collect();
    let ids = meaning::all().map(|meaning| meaning.id).chain(CHECKS.iter().map(|check| check.id));
    let near = did_you_mean(name, instances.iter().copied().chain(ids));
    let near = if near.is_empty() { ".".to_owned() } else { format!("; {near}") };
    let instances = instances.into_iter().collect::<Vec<_>>().join(", ");
    format!("there is no instance and no id \"{name}\"{near} Instances are {instances}; ids are in docs/reasons.md")
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn report() -> ClusterReport {
        serde_json::from_str(include_str!("../../../tests/fixtures/status/cluster.json")).unwrap()
    }

    #[test]
    fn what_is_not_well_is_told_with_why_and_the_next_step() {
        let report = report();
        let text = everything(Language::English, &report, &explain::cluster(&report));
        assert!(text.starts_with("DefaultCluster is degraded; 4 things"), "{text}");
        let first =
            "1. vm1 broker-a: no slave is connected to its HA port [no-replication]\n   Why it matters: New messages";
        assert!(
            text.contains(first) && text.contains("   Next: look at vm2\n   In general: Open listenPort+1"),
            "{text}"
        );
    }

    #[test]
    fn one_instance_is_told_with_how_it_is() {
        let text: String =
            explain::instance(&report(), "namesrv").iter().map(|it| of_one(Language::English, it)).collect();
        assert!(
            text.starts_with("vm1 namesrv (namesrv, 10.0.0.1:9876) is ready, pid 1.\n  Nothing is wrong"),
            "{text}"
        );
    }

    #[test]
    fn one_instance_is_told_in_chinese_too() {
        let portraits = explain::instance(&report(), "namesrv");
        let mut portrait = portraits.first().unwrap().clone();
        portrait.failures = 3;
        (portrait.since, portrait.next_start_at) = (Some(clock::now()), Some(clock::now()));
        let text = of_one(Language::Chinese, &portrait);
        let wanted = "vm1 namesrv（namesrv，10.0.0.1:9876）：就绪，已有 0s，pid 1。\n  它连续 3 次结束或没能启动；0s 后再试。\n  它没有什么不对。";
        assert!(text.starts_with(wanted), "{text}");
        let waits = Point { weight: Weight::Waits, since: Some(clock::now()), ..explain::cluster(&report()).remove(0) };
        assert!(told(Language::Chinese, &waits).starts_with("等待 vm1 broker-a：没有从节点"));
        assert!(told(Language::Chinese, &waits).contains("[no-replication]，已有 0s"));
    }

    #[test]
    fn an_id_of_every_kind_has_a_meaning() {
        for id in ["no-replication", "port-clash", "reach", "store-locked", "not-its-turn"] {
            let text = in_general(Language::English, &meaning_of(Language::English, id).unwrap());
            assert!(text.starts_with(id) && text.contains("Why it matters: ") && text.contains("Next: "), "{text}");
        }
        assert_eq!(meaning_of(Language::English, "broker-a"), None);
        assert!(nothing_of(&report(), "brokr-a").contains("did you mean \"broker-a\"?"));
    }

    #[test]
    fn what_is_not_well_is_explained_in_chinese_where_that_is_asked_for() {
        let report = report();
        let text = everything(Language::Chinese, &report, &explain::cluster(&report));
        assert!(text.starts_with("DefaultCluster 降级，有 4 件事"), "{text}");
        let first = "1. vm1 broker-a：没有从节点连到它的 HA 端口 [no-replication]\n   组里的两个成员之间没有复制连接。\n   为什么要紧：";
        assert!(text.contains(first) && text.contains("   怎么办：look at vm2\n   一般做法：在主机之间开放"), "{text}");
    }
}
