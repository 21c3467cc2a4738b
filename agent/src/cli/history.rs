//! `history`, `diff` and `config`: what was committed, and who holds what.

use super::{changes, language::safe};
use crate::{
    audit::Line,
    control::{Client, ClusterConfig},
    exit_code,
    settings::Settings,
};
use anyhow::Context;
use clap::Subcommand;
use comfy_table::{Table, presets};
use rocketmq_agent_domain::{line, meaning::Language, register::Entry, sentences::in_language};
use std::{
    io::{self, Write},
    process::ExitCode,
    time::{Duration, SystemTime},
};

#[derive(Debug, clap::Args)]
pub(super) struct History {
    /// Print it as JSON
    #[arg(long)]
    json: bool,
    /// Show who ordered what on this host instead, and what became of it
    #[arg(long)]
    audit: bool,
}

#[derive(Debug, clap::Args)]
pub(super) struct Diff {
    /// A generation
    a: u64,
    /// Another one [default: the one that holds]
    b: Option<u64>,
}

#[derive(Debug, clap::Args)]
pub(super) struct Config {
    #[command(subcommand)]
    command: ConfigCommand,
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Show which host holds and works from which generation, and why not
    Status {
        /// Print it as JSON
        #[arg(long)]
        json: bool,
    },
    /// Print a committed cluster file
    Show {
        /// Its generation [default: the one that holds]
        generation: Option<u64>,
        /// With all that goes with it: the document, as it lies in a source
        #[arg(long)]
        document: bool,
    },
}

/// A committed document by its number.
pub(super) fn find(documents: &[Entry], generation: u64) -> anyhow::Result<&Entry> {
    // The newest, where an override made a number twice.
    let found = documents.iter().rev().find(|entry| entry.mark().generation == generation);
    found.with_context(|| match documents.first() {
        Some(oldest) => format!("there is no generation {generation}; the oldest kept is {}", oldest.mark().generation),
        None => "nothing is committed yet".to_owned(),
    })
}

impl History {
    pub(super) async fn run(self, settings: Settings, language: Language) -> anyhow::Result<ExitCode> {
        let client = Client::new(settings.control_socket);
        let mut out = io::stdout();
        if self.audit {
            write!(out, "{}", audit(language, &client.audit().await?, self.json)?)?;
            return Ok(exit_code::code(exit_code::OK));
        }
        let documents = client.documents().await?;
        if self.json {
            let rows: Vec<_> = documents
                .iter()
                .map(|entry| {
                    let document = entry.document();
                    serde_json::json!({
                        "generation": document.generation(), "epoch": document.epoch(), "hash": document.hash(),
                        "change": document.change(), "without": document.without(),
                    })
                })
                .collect();
            writeln!(out, "{}", line::safe_json(&serde_json::to_string_pretty(&rows)?))?;
            return Ok(exit_code::code(exit_code::OK));
        }
        let mut table = Table::new();
        table.load_style(presets::NOTHING);
        let heads = ["GENERATION", "HASH", "AGO", "BY", "ON", "WHY"];
        table.set_header(heads.map(|head| in_language(language, head)));
        for entry in documents.iter().rev() {
            let document = entry.document();
            let (ago, by, on, why) = match document.change() {
                Some(change) => {
                    let [by, why] = [&change.author, &change.message].map(|said| line::Line::from(said).into());
                    (ago(change.time), by, change.host.to_string(), why)
                }
                None => {
                    let why = in_language(language, "the files that the hosts began with");
                    (String::new(), String::new(), String::new(), why)
                }
            };
            let number = document.generation().to_string();
            table.add_row([number, format!("{:.12}", document.hash()), ago, by, on, why]);
        }
        for line in table.lines() {
            writeln!(out, "{}", line.trim_end())?;
        }
        Ok(exit_code::code(exit_code::OK))
    }
}

/// How long it is since that many milliseconds after 1970.
fn ago(at: u64) -> String {
    let then = SystemTime::UNIX_EPOCH + Duration::from_millis(at);
    super::table::duration(then.elapsed().unwrap_or_default())
}

fn audit(language: Language, lines: &[Line], json: bool) -> anyhow::Result<String> {
    if json {
        return Ok(serde_json::to_string_pretty(lines)? + "\n");
    }
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(["AGO", "BY", "VERB", "WHAT", "WHY", "OUTCOME"].map(|head| in_language(language, head)));
    for line in lines.iter().rev() {
        let user = line.who.user.clone().unwrap_or_else(|| line.who.uid.to_string());
        let author = line::Line::from(&line.author);
        let by = if author == user { user } else { format!("{author} ({user})") };
        let (verb, what, why) =
            (line.verb.clone(), in_language(language, &line.what), line::Line::from(&line.message).into());
        table.add_row([ago(line.at), by, verb, what, why, in_language(language, &line.outcome)]);
    }
    Ok(table.lines().map(|line| format!("{}\n", line.trim_end())).collect())
}

impl Diff {
    pub(super) async fn run(self, settings: Settings) -> anyhow::Result<ExitCode> {
        let documents = Client::new(settings.control_socket).documents().await?;
        let a = find(&documents, self.a)?;
        let b = match self.b {
            Some(b) => find(&documents, b)?,
            None => documents.last().context("nothing is committed yet")?,
        };
        write!(io::stdout(), "{}", safe(&changes::lines(a.document().text(), b.document().text())))?;
        Ok(exit_code::code(exit_code::OK))
    }
}

impl Config {
    pub(super) async fn run(self, settings: Settings, language: Language) -> anyhow::Result<ExitCode> {
        let client = Client::new(settings.control_socket);
        let mut out = io::stdout();
        match self.command {
            ConfigCommand::Status { json: true } => {
                writeln!(out, "{}", serde_json::to_string_pretty(&client.status().await?)?)?;
            }
            ConfigCommand::Status { json: false } => write!(out, "{}", table(language, &client.status().await?))?,
            ConfigCommand::Show { generation, document } => {
                let documents = client.documents().await?;
                let entry = match generation {
                    Some(generation) => find(&documents, generation)?,
                    None => documents.last().context("nothing is committed yet")?,
                };
                match document {
                    true => write!(out, "{}", entry.document())?,
                    false => write!(out, "{}", entry.document().text())?,
                }
            }
        }
        Ok(exit_code::code(exit_code::OK))
    }
}

fn table(language: Language, config: &ClusterConfig) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(["HOST", "HOLDS", "WORKS FROM", "HASH", "CONFIG SYNC"].map(|head| in_language(language, head)));
    let mut remarks = Vec::new();
    for host in &config.hosts {
        let name = host.host.to_string();
        let Some(state) = &host.state else {
            let why = in_language(language, host.error.as_deref().unwrap_or_default());
            table.add_row([name, "?".to_owned(), "?".to_owned(), String::new(), why]);
            continue;
        };
        let number = |generation: Option<u64>| generation.map_or("-".to_owned(), |generation| generation.to_string());
        let hash = state.held.map_or(String::new(), |held| format!("{:.12}", held.hash));
        let held = number(state.held.map(|held| held.generation));
        table.add_row([name, held, number(state.runs), hash, in_language(language, &state.standing)]);
        let said = |remark: &line::Line| format!("! {}: {}\n", host.host, in_language(language, remark));
        remarks.extend(state.remarks.iter().map(said));
    }
    let rows: String = table.lines().map(|line| format!("{}\n", line.trim_end())).collect();
    format!("{rows}{}{}", if remarks.is_empty() { "" } else { "\n" }, remarks.concat())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::{audit::Who, control::HostConfig, sync::HostState};

    #[test]
    fn tables_are_shown_in_chinese_and_json_is_not() {
        let who = Who { uid: 0, user: Some("root".to_owned()) };
        let line = Line::asked(who, "ann", "apply", "to 0123456789ab".to_owned(), "more heap");
        let lines = [Line { outcome: "committed as generation 7".to_owned(), ..line }];
        let shown = audit(Language::Chinese, &lines, false).unwrap();
        for words in ["结果", "ann (root)", "基于 0123456789ab", "more heap", "已提交为第 7 代"] {
            assert!(shown.contains(words), "no {words} in\n{shown}");
        }
        assert!(audit(Language::Chinese, &lines, true).unwrap().contains("committed as generation 7"));
        let (vm1, vm2) = ("vm1".parse().unwrap(), "vm2".parse().unwrap());
        let waits = "the first document waits for the cluster file of vm2".into();
        let state = HostState { host: vm1, held: None, runs: None, standing: "votes".into(), remarks: vec![waits] };
        let own = HostConfig { host: state.host.clone(), state: Some(state), error: None };
        let silent = HostConfig { host: vm2, state: None, error: Some("no answer within 2s".to_owned()) };
        let config = ClusterConfig { seen_from: own.host.clone(), hosts: vec![own, silent] };
        let shown = table(Language::Chinese, &config);
        for words in ["正在使用", "参与投票", "2s 内没有回答", "! vm1: 第一份文档在等待 vm2 的集群文件"]
        {
            assert!(shown.contains(words), "no {words} in\n{shown}");
        }
        assert!(table(Language::English, &config).contains("no answer within 2s"));
    }
}
