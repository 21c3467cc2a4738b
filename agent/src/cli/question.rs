//! Asking the person at the terminal before something is changed.

use super::language::complain;
use rocketmq_agent_domain::{meaning::Language, sentences::in_language};
use std::io::{self, IsTerminal};

/// Whether a person says yes; nobody does where there is no terminal, and then that is said.
pub(super) fn asked(language: Language, what: &str) -> io::Result<bool> {
    if !io::stdin().is_terminal() {
        complain(language, "there is no terminal to ask on; --yes does it without asking");
        return Ok(false);
    }
    says_yes(language, what)
}

/// Whether the answer is yes, whoever gives it.
pub(super) fn says_yes(language: Language, what: &str) -> io::Result<bool> {
    eprint!("{} [y/N] ", in_language(language, &format!("{what}?")));
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "yes"))
}
