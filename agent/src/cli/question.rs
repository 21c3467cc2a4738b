//! Asking the person at the terminal before something is changed.

use std::io::{self, IsTerminal};

/// Whether a person says yes; nobody does where there is no terminal, and then that is said.
pub(super) fn asked(what: &str) -> io::Result<bool> {
    if !io::stdin().is_terminal() {
        eprintln!("rocketmq-agent: there is no terminal to ask on; --yes does it without asking");
        return Ok(false);
    }
    says_yes(what)
}

/// Whether the answer is yes, whoever gives it.
pub(super) fn says_yes(what: &str) -> io::Result<bool> {
    eprint!("{what}? [y/N] ");
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    Ok(matches!(answer.trim(), "y" | "yes"))
}
