//! In which language a command speaks to a person. What scripts read (`--json`) is English always.

use rocketmq_agent_domain::{line::Line, meaning::Language, sentences::in_language};
use std::{
    env,
    io::{self, Write},
};

#[derive(Debug, clap::Args)]
pub(super) struct Lang {
    /// In which language to say it [default: that of LC_ALL, LC_MESSAGES or LANG, else en]
    #[arg(long, global = true, value_name = "en|zh", value_parser = language)]
    lang: Option<Language>,
}

impl Lang {
    pub(super) fn chosen(&self) -> Language {
        self.lang.unwrap_or_else(|| of_environment(|name| env::var(name).ok()))
    }
}

/// Says a line.
pub(super) fn say(language: Language, line: &str) -> io::Result<()> {
    writeln!(io::stdout(), "{}", safe(&in_language(language, line)))
}

/// Says why something is not done.
pub(super) fn complain(language: Language, why: &str) {
    eprintln!("rocketmq-agent: {}", safe(&in_language(language, why)));
}

/// The same lines for a terminal: they may quote what a program of this host, a cluster file of another one or a library says.
pub(super) fn safe(text: &str) -> String {
    text.split('\n').map(Line::from).map(String::from).collect::<Vec<_>>().join("\n")
}

fn language(name: &str) -> Result<Language, String> {
    match name {
        "en" => Ok(Language::English),
        "zh" => Ok(Language::Chinese),
        _ => Err("there are en and zh".to_owned()),
    }
}

/// Whether the first that is set of what says the language of messages (POSIX, 8.2) says Chinese.
fn of_environment(value: impl Fn(&str) -> Option<String>) -> Language {
    let set = ["LC_ALL", "LC_MESSAGES", "LANG"].into_iter().filter_map(value).find(|value| !value.is_empty());
    if set.is_some_and(|locale| locale.starts_with("zh")) { Language::Chinese } else { Language::English }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_that_is_set_says_the_language() {
        let says = |set: &[(&str, &str)]| {
            of_environment(|name| set.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned()))
        };
        assert_eq!(says(&[("LANG", "zh_CN.UTF-8"), ("LC_ALL", "")]), Language::Chinese);
        assert_eq!(says(&[("LANG", "zh_CN.UTF-8"), ("LC_ALL", "C")]), Language::English);
        assert_eq!(says(&[]), Language::English);
    }
}
