//! What is wrong with a cluster file, or with `agent.toml`: every mistake with its place, the key, the rule it breaks and the way out.
//! In: byte offsets and rules. Out: lines that a person can act on.

mod chinese;

use serde::Serialize;
use std::{fmt, path::Path};

/// Every rule that a cluster file can break.
pub const RULES: &[&str] = &[
    "acl-with-proxy",
    "address-twice",
    "bad-access-key",
    "bad-address",
    "bad-choice",
    "bad-duration",
    "bad-java-option",
    "bad-key",
    "bad-name",
    "bad-path",
    "bad-quota",
    "bad-sha256",
    "bad-sha512",
    "bad-size",
    "bad-source",
    "bad-version",
    "blank-at-the-end",
    "control-character",
    "dead-key",
    "derived-key",
    "duplicate-key",
    "empty-list",
    "empty-value",
    "heap-too-small",
    "host-twice",
    "http-without-sha512",
    "loopback-address",
    "missing-key",
    "mode-needs-release",
    "name-twice",
    "no-broker-host",
    "no-hosts",
    "no-namesrv-there",
    "no-such-service",
    "no-sync-master",
    "not-in-this-mode",
    "option-has-a-key",
    "out-of-range",
    "port-clash",
    "reserved-name",
    "syntax",
    "tls-not-spoken",
    "too-few-hosts",
    "too-many-groups",
    "too-many-hosts",
    "unknown-host",
    "unknown-key",
    "unknown-layout",
    "unknown-mode",
    "unknown-version",
    "unusable-address",
    "witness-runs-nothing",
    "wrong-count",
    "wrong-type",
    "young-too-large",
];

/// Every rule of which a cluster file is warned, and taken all the same.
pub const WARNINGS: &[&str] =
    &["even-number", "https-without-sha512", "key-of-a-neighbour", "known-vulnerability", "witness-without-vote"];

/// One mistake in a cluster file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// 1-based line in the file.
    pub line: usize,
    /// 1-based column, in characters.
    pub column: usize,
    /// Stable id of the rule that is broken, such as `unknown-key`.
    pub rule: &'static str,
    /// The key that is meant, such as `host[1].address`; empty for a mistake of syntax.
    pub key: String,
    /// What is wrong.
    pub what: String,
    /// How to put it right; may be empty where `what` says it all.
    pub fix: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: ", self.line, self.column)?;
        if !self.key.is_empty() {
            write!(f, "{}: ", self.key)?;
        }
        f.write_str(&self.what)?;
        if !self.fix.is_empty() {
            write!(f, "; {}", self.fix)?;
        }
        write!(f, " [{}]", self.rule)
    }
}

/// Mistakes of the file at a path, a line each that begins as editors want it: `cluster.toml:2:1: `.
#[derive(Debug)]
pub struct Listing<'e>(pub &'e Path, pub &'e [Problem]);

impl fmt::Display for Listing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.0.file_name().unwrap_or(self.0.as_os_str()).to_string_lossy();
        for (index, problem) in self.1.iter().enumerate() {
            write!(f, "{}{name}:{problem}", if index == 0 { "" } else { "\n" })?;
        }
        Ok(())
    }
}

/// The mistakes of one file, gathered while it is read, in the order of the file.
#[derive(Debug)]
pub struct Problems<'a> {
    text: &'a str,
    /// Where each line but the first begins.
    lines: Vec<usize>,
    found: Vec<(usize, Problem)>,
    warned: Vec<Problem>,
}

impl<'a> Problems<'a> {
    /// None yet, of the file with this text.
    pub fn new(text: &'a str) -> Self {
        let lines = text.match_indices('\n').map(|(at, _)| at + 1).collect();
        Self { text, lines, found: Vec::new(), warned: Vec::new() }
    }

    /// Adds a mistake at a byte offset of the text.
    pub fn add(
        &mut self,
        at: usize,
        rule: &'static str,
        key: impl Into<String>,
        what: impl Into<String>,
        fix: impl Into<String>,
    ) {
        debug_assert!(RULES.contains(&rule), "{rule} is not listed in RULES");
        self.found.push((at, self.problem(at, rule, key.into(), what.into(), fix.into())));
    }

    /// Adds a warning at a byte offset of the text.
    pub fn warn(
        &mut self,
        at: usize,
        rule: &'static str,
        key: impl Into<String>,
        what: impl Into<String>,
        fix: impl Into<String>,
    ) {
        debug_assert!(WARNINGS.contains(&rule), "{rule} is not listed in WARNINGS");
        self.warned.push(self.problem(at, rule, key.into(), what.into(), fix.into()));
    }

    fn problem(&self, at: usize, rule: &'static str, key: String, what: String, fix: String) -> Problem {
        let (line, column) = self.line_and_column(at);
        Problem { line, column, rule, key, what, fix }
    }

    fn line_and_column(&self, at: usize) -> (usize, usize) {
        let at = at.min(self.text.len());
        let line = self.lines.partition_point(|begins| *begins <= at);
        let begins = line.checked_sub(1).map_or(0, |before| self.lines[before]);
        let before = self.text.get(begins..at).unwrap_or_default();
        (line + 1, before.chars().count() + 1)
    }

    /// What was warned of, in the order of the file.
    pub fn warnings(&self) -> Vec<Problem> {
        let mut warnings = self.warned.clone();
        warnings.sort_by_key(|warning| (warning.line, warning.column));
        warnings
    }

    /// Whether nothing was found.
    pub fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// Whether that rule was broken.
    pub fn has(&self, rule: &str) -> bool {
        self.found.iter().any(|(_, problem)| problem.rule == rule)
    }

    /// All of them, first line first.
    pub fn into_vec(mut self) -> Vec<Problem> {
        self.found.sort_by_key(|(at, _)| *at);
        self.found.into_iter().map(|(_, problem)| problem).collect()
    }
}

/// The candidate that was most likely meant by `typed`, if any is near enough to be worth naming.
pub fn nearest<'c>(typed: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    let typed = typed.to_lowercase();
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(&typed, &candidate.to_lowercase()), candidate))
        .filter(|(distance, candidate)| *distance <= 1 + candidate.len() / 4)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// `did you mean "…"?`, or nothing.
pub fn did_you_mean<'c>(typed: &str, candidates: impl IntoIterator<Item = &'c str>) -> String {
    nearest(typed, candidates).map(|near| format!("did you mean \"{near}\"?")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_count_characters_not_bytes() {
        assert_eq!(Problems::new("名字 = 1\nab").line_and_column(7), (1, 4));
        assert_eq!(Problems::new("a\nbc").line_and_column(3), (2, 2));
        assert_eq!(Problems::new("a").line_and_column(99), (1, 2));
    }

    #[test]
    fn a_far_fetched_guess_is_not_offered() {
        assert_eq!(nearest("adress", ["name", "address"]), Some("address"));
        assert_eq!(nearest("colour", ["name", "address"]), None);
    }
}
