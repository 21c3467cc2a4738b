//! What is said of a cluster file, in Chinese. In: a sentence as it was made. Out: the same in Chinese, where it is one of
//! `chinese.tsv`: English and Chinese with a tab between, the first line that fits counts. `{name}` is a value that stays
//! as it is, `{~name}` one that is a sentence or a word of the file itself.
//!
//! What fits in more than one way is left in English: a value is never cut in the wrong place.

use super::Problem;
use crate::{finding::fill, meaning::Language};
use std::collections::BTreeMap;

const SENTENCES: &str = include_str!("chinese.tsv");

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

/// A sentence about a cluster file in another language; one that has no words there stays English.
pub fn in_language(language: Language, text: &str) -> String {
    let told = if language == Language::Chinese { in_chinese(text) } else { None };
    told.unwrap_or_else(|| text.to_owned())
}

fn in_chinese(text: &str) -> Option<String> {
    let rows = SENTENCES.lines().filter_map(|line| line.split_once('\t'));
    rows.filter_map(|(english, chinese)| {
        let mut values = BTreeMap::new();
        for (name, value) in values_of(english, text)? {
            let value = if name.starts_with('~') { in_chinese(value)? } else { value.to_owned() };
            values.insert(name.to_owned(), value);
        }
        fill(chinese, &values)
    })
    .next()
}

/// The values with which the sentence says that; none where it does not, or could with others too.
fn values_of<'t>(english: &'t str, text: &'t str) -> Option<Vec<(&'t str, &'t str)>> {
    let mut parts = english.split('{');
    let mut rest = text.strip_prefix(parts.next()?)?;
    let (names, words): (Vec<&str>, Vec<&str>) = parts.filter_map(|part| part.split_once('}')).unzip();
    let Some((last, between)) = words.split_last() else { return rest.is_empty().then(Vec::new) };
    rest = rest.strip_suffix(last)?;
    let mut end = rest;
    let mut last_ones = Vec::new();
    for words in between.iter().rev() {
        let (before, value) = end.rsplit_once(words)?;
        last_ones.push(value);
        end = before;
    }
    last_ones.push(end);
    let mut first_ones = Vec::new();
    for words in between {
        let (value, after) = rest.split_once(words)?;
        first_ones.push(value);
        rest = after;
    }
    first_ones.push(rest);
    last_ones.reverse();
    // Where the end is to be a sentence too, it is cut where that is one (`in_chinese`).
    let ends_in_one = last.is_empty() && names.last().is_some_and(|name| name.starts_with('~'));
    (first_ones == last_ones || ends_in_one).then(|| names.into_iter().zip(first_ones).collect())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::{catalogue, topology};
    use std::collections::BTreeSet;

    #[test]
    fn a_value_stays_as_it_is_and_a_sentence_within_another_is_said_too() {
        let said = |text| in_language(Language::Chinese, text);
        assert_eq!(said("there is no host \"is missing\""), "没有主机 \"is missing\"");
        let either = "\"brokerIP1\" cannot be set by hand either: it is the host's address";
        assert_eq!(said(either), "\"brokerIP1\" 也不能手工设置：它是主机的 address");
        let acl = "RocketMQ 5.3.0 to 5.5.0: aclEnable does nothing from 5.3.3 on: go to authenticationEnabled before, or \
                   the brokers are open";
        assert!(said(acl).starts_with("RocketMQ 5.3.0 到 5.5.0：从 5.3.3 起 aclEnable"), "{}", said(acl));
        let port = "port 10912 of host \"vm1\" is wanted by the master and by the slave";
        assert_eq!(said(port), "主机 \"vm1\" 的端口 10912 有两个要用：主节点和从节点");
    }

    #[test]
    fn what_is_no_such_sentence_or_could_be_one_in_two_ways_stays_english() {
        for text in [
            "is missing here",
            "must be tall, and is \"x\"",
            "64 MiB does not fit in a heap of a does not fit in a heap of b",
        ] {
            assert_eq!(in_language(Language::Chinese, text), text);
        }
        assert_eq!(in_language(Language::English, "is missing"), "is missing");
    }

    #[test]
    fn both_languages_of_a_sentence_have_the_same_values_and_no_sentence_is_there_twice() {
        let mut seen = BTreeSet::new();
        for line in SENTENCES.lines() {
            let (english, chinese) = line.split_once('\t').unwrap();
            let holes = |text: &str| -> BTreeSet<String> {
                text.split('{').skip(1).map(|part| part.split_once('}').unwrap().0.to_owned()).collect()
            };
            assert_eq!(holes(english), holes(chinese), "{english}");
            assert!(seen.insert(english), "{english}");
        }
    }

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
