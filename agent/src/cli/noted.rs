//! What a command changes without the agent, in the same audit log as what is ordered of it. In: what is about to be done,
//! and how it ended.

use super::{apply::author, language::complain};
use crate::{
    audit::{Audit, Line, Who},
    settings::Settings,
};
use rocketmq_agent_domain::meaning::Language;

/// What is being done, and is in the log already.
#[derive(Debug)]
pub(super) struct Noted {
    audit: Audit,
    line: Line,
    language: Language,
}

impl Noted {
    /// To be called when a person has said yes, and before anything is changed.
    pub(super) fn begins(settings: &Settings, language: Language, verb: &str, what: String) -> Self {
        let who = Who::of(rustix::process::getuid().as_raw());
        let noted = Self {
            audit: Audit::new(&settings.state_dir),
            line: Line::asked(who, &author(), verb, what, ""),
            language,
        };
        noted.write(&noted.line);
        noted
    }

    /// How it ended: with those words, or not well.
    pub(super) fn ended(&self, words: &str, result: &anyhow::Result<()>) {
        let outcome = result.as_ref().map_or_else(|error| format!("{error:#}"), |()| words.to_owned());
        self.write(&Line { outcome, ..self.line.clone() });
    }

    /// A disk that is full must not keep a person from mending a broker.
    fn write(&self, line: &Line) {
        if let Err(error) = self.audit.append(line) {
            complain(self.language, &format!("it is not in the audit log: {error}"));
        }
    }
}
