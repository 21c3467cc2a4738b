//! What a host says about config sync: to its own daemon and commands, and to the other hosts.

use super::SourceView;
use rocketmq_agent_domain::{
    document::{
        Document, Mark,
        lines::{Difference, differences},
    },
    line::Line,
    names::HostName,
    register::{Entry, Fork, Register, Standing},
    secret,
};
use serde::{Deserialize, Serialize};
use std::time::Instant;

/// More differing lines than this help nobody.
const SHOWN: usize = 20;

/// What this host knows, as of the last effect that was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct View {
    /// The committed document that it may run.
    pub held: Option<Entry>,
    /// Where it stands.
    pub standing: Standing,
    /// Other hosts that hold what contradicts it.
    pub conflicts: Vec<(HostName, Fork, Mark)>,
    /// Why it cannot take part just now, such as a disk that is full.
    pub broken: Option<String>,
    /// What it would tell a person about all this; empty where all is well.
    pub remarks: Vec<String>,
    /// Where the document comes from; none where the hosts decide on it themselves.
    pub source: Option<SourceView>,
    /// When another host told of what is held; none where it was decided here, or held when the agent began.
    pub(super) learned: Option<Instant>,
}

/// A [`View`] as another host, or a command, is told of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostState {
    /// Which host.
    pub host: HostName,
    /// What it holds.
    pub held: Option<Mark>,
    /// The generation that its agent works towards; none before there is one.
    pub runs: Option<u64>,
    /// Where it stands, in words.
    pub standing: Line,
    /// What is wrong, a line each.
    pub remarks: Vec<Line>,
}

impl View {
    pub(super) fn of(register: &Register, me: &HostName, broken: Option<String>) -> Self {
        let conflicts: Vec<_> = register
            .conflicts()
            .iter()
            .map(|(host, conflict)| (host.clone(), conflict.fork, conflict.theirs.mark()))
            .collect();
        let standing = register.standing();
        let mut remarks: Vec<String> = broken.iter().cloned().collect();
        remarks.extend(first_start(me, &standing));
        for (host, fork, theirs) in &conflicts {
            let ours = register.conflicts()[host].ours;
            remarks.push(format!("{host} holds {theirs} and this host {ours}: {}", in_words(*fork)));
        }
        Self { held: register.held().cloned(), standing, conflicts, broken, remarks, source: None, learned: None }
    }

    /// For others.
    pub(super) fn state(&self, host: &HostName, runs: Option<u64>) -> HostState {
        let standing = match &self.standing {
            Standing::Waits => "waits for the config hosts",
            Standing::FirstStart { .. } => "waits for the other config hosts' files",
            Standing::FilesDiffer { .. } => "the config hosts' files differ",
            Standing::Behind => "behind what it has held before; catches up first",
            Standing::Votes => "votes",
            Standing::WithoutSeat => "votes again after the next change",
            Standing::Follows => "follows",
        };
        let standing =
            self.source.as_ref().map_or(standing.to_owned(), |source| format!("takes what lies in {}", source.name));
        HostState {
            host: host.clone(),
            held: self.held.as_ref().map(Entry::mark),
            runs,
            standing: standing.into(),
            remarks: self.remarks.iter().map(Line::from).collect(),
        }
    }
}

fn in_words(fork: Fork) -> &'static str {
    match fork {
        Fork::FirstDocument => "they were set up from different files as two clusters",
        Fork::Overrides => "overrides were made on both sides of a partition",
        Fork::Content => "one generation with two contents, as when a disk was put back from a copy",
        Fork::Seats => "all config hosts lost their state and began again",
    }
}

/// Why there is no generation 1 yet.
fn first_start(me: &HostName, standing: &Standing) -> Vec<String> {
    match standing {
        Standing::FirstStart { silent } if !silent.is_empty() => {
            let silent: Vec<&str> = silent.iter().map(HostName::as_str).collect();
            vec![format!("the first document waits for the cluster file of {}", silent.join(", "))]
        }
        Standing::Waits => vec!["the first document waits for the config hosts, or this host is not in it yet".into()],
        Standing::FilesDiffer { files } => {
            let own = files.get(me).and_then(Option::as_ref);
            let others = files.iter().filter(|(host, _)| *host != me);
            others.flat_map(|(host, file)| differing(me, own, host, file.as_ref())).collect()
        }
        _ => Vec::new(),
    }
}

fn differing(me: &HostName, own: Option<&Document>, host: &HostName, file: Option<&Document>) -> Vec<String> {
    let (Some(own), Some(file)) = (own, file) else {
        return vec![format!("{host} has no cluster file that can be used")];
    };
    if own == file {
        return Vec::new();
    }
    let found = differences(own.text(), file.text());
    if found.is_empty() {
        return vec![format!("{me} and {host} ran the brokers of this cluster file in different places before")];
    }
    let mut lines = vec![format!("the cluster files of {me} and {host} differ; make them the same")];
    lines.extend(found.iter().take(SHOWN).map(|difference| match difference {
        Difference::Left { line, text } => format!("  {me}:{line}: {}", secret::blanked(text)),
        Difference::Right { line, text } => format!("  {host}:{line}: {}", secret::blanked(text)),
    }));
    if found.len() > SHOWN {
        lines.push(format!("  … and {} lines more", found.len() - SHOWN));
    }
    lines
}
