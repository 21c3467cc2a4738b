//! What is said of a cluster file, in Chinese.

use super::{Listing, Problem};
use crate::{meaning::Language, sentences::in_language};

impl Problem {
    /// The same in another language; what has no words there stays English.
    pub fn in_language(self, language: Language) -> Self {
        let what = match self.rule {
            // The reader of TOML has words of its own.
            "syntax" if language == Language::Chinese => format!("不是 TOML：{}", self.what),
            _ => in_language(language, &self.what),
        };
        Self { what, fix: in_language(language, &self.fix), ..self }
    }
}

impl Listing<'_> {
    /// As it is printed, with what is wrong said in another language.
    pub fn in_language(&self, language: Language) -> String {
        let problems: Vec<Problem> = self.1.iter().map(|it| it.clone().in_language(language)).collect();
        Listing(self.0, &problems).to_string()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::{catalogue, topology};
    use std::collections::BTreeSet;

    /// Every key of every release with a value that none of them takes.
    #[test]
    fn whatever_is_said_of_any_key_of_rocketmq_is_said_in_chinese() {
        let keys: BTreeSet<&str> = catalogue::every_key().map(|key| key.name).collect();
        for (version, value) in [("4.9.4", "-1"), ("5.6.0", "x")] {
            let lines: String = keys.iter().map(|key| format!("\"{key}\" = \"{value}\"\n")).collect();
            let text = format!(
                "[cluster]\nmode = \"single\"\n[rocketmq]\nversion = \"{version}\"\n[[host]]\nname = \"vm1\"\n\
                 address = \"10.0.0.1\"\n[namesrv.config]\n{lines}[broker.config]\n{lines}"
            );
            for problem in topology::read(&text).unwrap_err() {
                let told = problem.clone().in_language(Language::Chinese);
                assert_ne!(told.what, problem.what, "{problem}");
                assert!(problem.fix.is_empty() || told.fix != problem.fix, "{problem}");
            }
        }
    }
}
