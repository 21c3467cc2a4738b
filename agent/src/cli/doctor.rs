//! `doctor`: looks this host over and says what is wrong and what to do. Exit status 1 where something fails.

use super::language::safe;
use crate::{
    doctor::{self, CHECKS, Check, Finding, Host, Report, Verdict},
    exit_code,
    settings::Settings,
};
use anyhow::bail;
use rocketmq_agent_domain::{line::safe_json, meaning::Language, sentences::in_language};
use std::{
    io::{self, Write},
    process::ExitCode,
};

#[derive(Debug, clap::Args)]
pub(super) struct Doctor {
    /// Only these checks [default: all]
    #[arg(value_name = "CHECK")]
    checks: Vec<String>,
    /// Put right what is safe to: give the instances' files to their account, while they do not run
    #[arg(long)]
    fix: bool,
    /// Print the findings as JSON
    #[arg(long)]
    json: bool,
}

impl Doctor {
    pub(super) async fn run(self, settings: Settings, language: Language) -> anyhow::Result<ExitCode> {
        let wanted = |check: &&Check| self.checks.is_empty() || self.checks.iter().any(|id| id == check.id);
        if let Some(unknown) = self.checks.iter().find(|id| CHECKS.iter().all(|check| check.id != **id)) {
            let ids = CHECKS.map(|check| check.id).join(", ");
            bail!("there is no check \"{unknown}\"; there are {ids}");
        }
        let host = Host::look(settings).await;
        let checks: Vec<&Check> = CHECKS.into_iter().filter(wanted).collect();
        if self.fix {
            for check in &checks {
                for done in check.repair(&host)? {
                    eprintln!("{}: {}", check.id, in_language(language, &done));
                }
            }
        }
        let reports: Vec<Report> = checks.iter().map(|check| check.run(&host)).collect();
        let mut out = io::stdout().lock();
        match self.json {
            true => writeln!(out, "{}", safe_json(&serde_json::to_string_pretty(&reports)?))?,
            false => {
                for report in &reports {
                    write!(out, "{}", safe(&shown(language, report)))?;
                }
                let count = |verdict| reports.iter().filter(|report| report.verdict == verdict).count();
                let (warn, fail) = (count(Verdict::Warn), count(Verdict::Fail));
                let sum = format!("{} checks: {fail} failed, {warn} with warnings", reports.len());
                writeln!(out, "{}", in_language(language, &sum))?;
            }
        }
        let failed = reports.iter().any(|report| report.verdict == Verdict::Fail);
        Ok(exit_code::code(if failed { exit_code::FAILED } else { exit_code::OK }))
    }
}

/// One line a finding; what is fine is not listed beside what is not. In Chinese what is not fine is followed by what the check
/// looks at, and why.
fn shown(language: Language, report: &Report) -> String {
    let worth = |finding: &&Finding| report.verdict == Verdict::Ok || finding.verdict > Verdict::Ok;
    let mut text = String::new();
    for (index, finding) in report.findings.iter().filter(worth).enumerate() {
        let id = if index == 0 { report.id } else { "" };
        let [what, fix] = finding.in_words(language);
        let what = what.replace('\n', &format!("\n{:24}", ""));
        text += &format!("{}{id:14}  {what}\n", verdict(language, finding.verdict));
        if !fix.is_empty() {
            text += &format!("{:24}→ {fix}\n", "");
        }
    }
    let chinese = doctor::in_chinese(report.id).filter(|_| language == Language::Chinese);
    if let Some((what, why)) = chinese.filter(|_| report.verdict > Verdict::Ok) {
        text += &format!("{:24}应有：{what}\n{:24}为什么要紧：{why}\n", "", "");
    }
    if text.is_empty() {
        text = format!("{}{}\n", verdict(language, report.verdict), report.id);
    }
    text
}

/// Eight columns; a Chinese character takes two.
fn verdict(language: Language, verdict: Verdict) -> String {
    match (language, verdict) {
        (Language::English, _) => format!("{:8}", verdict.to_string()),
        (Language::Chinese, Verdict::Ok) => "正常    ".to_owned(),
        (Language::Chinese, Verdict::Skipped) => "跳过    ".to_owned(),
        (Language::Chinese, Verdict::Warn) => "警告    ".to_owned(),
        (Language::Chinese, Verdict::Fail) => "失败    ".to_owned(),
    }
}
