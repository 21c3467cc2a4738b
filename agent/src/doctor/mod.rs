//! Looks a host over, whether an agent runs or not: one check a file. In: the settings, and what one look at the host
//! gave ([`Host`]). Out: findings in plain words, each with what to do. Checks change nothing; a few know how to put right
//! what they found, when a person says so.
//!
//! To add one: a file with a `CHECK`, a line in [`CHECKS`] and one in `chinese`; `tests/documents.rs` puts it on the page.
//! What it says has its Chinese in the domain's `sentences/doctor.tsv`; `tests/chinese` holds that.

mod account;
mod address;
mod certificate;
mod chinese;
mod clock;
mod cluster_file;
mod directories;
mod disk;
mod firewall;
mod host;
mod java;
mod limits;
mod memory;
mod mtu;
mod names;
mod owners;
mod ports;
mod public_address;
mod reach;
mod release;
mod secrets;
mod swap;
mod sysctl;
mod tls;

pub use chinese::in_chinese;
pub use host::Host;

use rocketmq_agent_domain::{meaning::Language, sentences::in_language};
use serde::Serialize;

/// How a check came out; the later, the worse.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// It is as it should be.
    Ok,
    /// It could not be told, or does not matter here.
    Skipped,
    /// It works, and may not for long or not well.
    Warn,
    /// Something will not work.
    Fail,
}

impl std::fmt::Display for Verdict {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(match self {
            Verdict::Ok => "ok",
            Verdict::Skipped => "skipped",
            Verdict::Warn => "warn",
            Verdict::Fail => "FAIL",
        })
    }
}

/// One thing that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How bad it is.
    pub verdict: Verdict,
    /// What is so.
    pub what: String,
    /// What to do; empty where nothing is to be done.
    pub fix: String,
    /// What is so in Chinese, where that is more than sentences to be looked up.
    #[serde(skip)]
    chinese: Option<String>,
}

impl Finding {
    fn new(verdict: Verdict, what: impl Into<String>, fix: impl Into<String>) -> Self {
        Self { verdict, what: what.into(), fix: fix.into(), chinese: None }
    }

    /// What is so and what to do, in a language.
    pub fn in_words(&self, language: Language) -> [String; 2] {
        let chinese = self.chinese.clone().filter(|_| language == Language::Chinese);
        [chinese.unwrap_or_else(|| in_language(language, &self.what)), in_language(language, &self.fix)]
    }

    fn ok(what: impl Into<String>) -> Self {
        Self::new(Verdict::Ok, what, "")
    }

    fn skipped(why: impl Into<String>) -> Self {
        Self::new(Verdict::Skipped, why, "")
    }

    fn warn(what: impl Into<String>, fix: impl Into<String>) -> Self {
        Self::new(Verdict::Warn, what, fix)
    }

    fn fail(what: impl Into<String>, fix: impl Into<String>) -> Self {
        Self::new(Verdict::Fail, what, fix)
    }
}

/// Puts something right, and says what it did, a sentence each.
type Repair = fn(&Host) -> anyhow::Result<Vec<String>>;

/// One check.
pub struct Check {
    /// Its name, for scripts; never changes.
    pub id: &'static str,
    /// What is looked at.
    pub what: &'static str,
    /// What goes wrong otherwise.
    pub why: &'static str,
    run: fn(&Host) -> Vec<Finding>,
    /// Puts right what was found; says what it did.
    repair: Option<Repair>,
}

impl Check {
    /// Whether `--fix` does something about it.
    pub fn can_repair(&self) -> bool {
        self.repair.is_some()
    }

    /// Puts right what it can, and says what it did.
    ///
    /// # Errors
    /// It cannot.
    pub fn repair(&self, host: &Host) -> anyhow::Result<Vec<String>> {
        self.repair.map_or(Ok(Vec::new()), |repair| repair(host))
    }

    /// Looks.
    pub fn run(&self, host: &Host) -> Report {
        let mut findings = (self.run)(host);
        // One that found nothing to say found nothing wrong.
        let verdict = findings.iter().map(|finding| finding.verdict).max().unwrap_or(Verdict::Ok);
        findings.sort_by_key(|finding| std::cmp::Reverse(finding.verdict));
        Report { id: self.id, verdict, findings }
    }
}

/// What came of one check.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Of which.
    pub id: &'static str,
    /// The worst of its findings.
    pub verdict: Verdict,
    /// The worst first.
    pub findings: Vec<Finding>,
}

/// All checks, in the order in which a host comes to work.
pub static CHECKS: [&Check; 22] = [
    &cluster_file::CHECK,
    &release::CHECK,
    &account::CHECK,
    &directories::CHECK,
    &owners::CHECK,
    &disk::CHECK,
    &java::CHECK,
    &memory::CHECK,
    &swap::CHECK,
    &sysctl::CHECK,
    &limits::CHECK,
    &clock::CHECK,
    &address::CHECK,
    &names::CHECK,
    &ports::CHECK,
    &reach::CHECK,
    &public_address::CHECK,
    &mtu::CHECK,
    &firewall::CHECK,
    &secrets::CHECK,
    &certificate::CHECK,
    &tls::CHECK,
];
