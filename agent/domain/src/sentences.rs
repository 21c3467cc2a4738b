//! What the commands say to a person, in Chinese. In: a sentence as it was made. Out: the same in Chinese, where it is one of
//! the tables: English and Chinese with a tab between. Of the lines that fit, the one counts that leaves least as it is.
//! `{name}` is a value that stays as it is, `{~name}` one that is a sentence or a word of the tables itself, and `{?name}`
//! either: what an error says, which may be the agent's own or the kernel's.
//!
//! What fits in more than one way is left in English: a value is never cut in the wrong place.

use crate::{finding::fill, meaning::Language};
use std::collections::BTreeMap;

const TABLES: [&str; 7] = [
    include_str!("sentences/changes.tsv"),
    include_str!("sentences/cluster_file.tsv"),
    include_str!("sentences/commands.tsv"),
    include_str!("sentences/doctor.tsv"),
    include_str!("sentences/errors.tsv"),
    include_str!("sentences/orders.tsv"),
    include_str!("sentences/status.tsv"),
];

/// Every sentence, in English and Chinese, with its holes.
pub fn all() -> impl Iterator<Item = (&'static str, &'static str)> {
    TABLES.into_iter().flat_map(str::lines).filter_map(|line| line.split_once('\t'))
}

/// A text in another language, line by line; a line that has no words there stays English.
pub fn in_language(language: Language, text: &str) -> String {
    let line = |line: &str| in_chinese(line).unwrap_or_else(|| line.to_owned());
    match language {
        Language::English => text.to_owned(),
        Language::Chinese => text.split('\n').map(line).collect::<Vec<_>>().join("\n"),
    }
}

fn in_chinese(text: &str) -> Option<String> {
    Some(told(text)?.1)
}

/// The same in Chinese, and how much of it stayed as it was.
fn told(text: &str) -> Option<(usize, String)> {
    let fitting = all().filter_map(|(english, chinese)| {
        let mut values = BTreeMap::new();
        let mut left = 0;
        for (name, value) in values_of(english, text)? {
            let as_it_is = || Some((value.len(), value.to_owned()));
            let (own, value) = match name.as_bytes().first() {
                Some(b'~') => told(value),
                Some(b'?') => told(value).or_else(as_it_is),
                _ => as_it_is(),
            }?;
            left += own;
            values.insert(name.to_owned(), value);
        }
        Some((left, fill(chinese, &values)?))
    });
    fitting.min_by_key(|(left, _)| *left)
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
    let ends_in_one = last.is_empty() && names.last().is_some_and(|name| name.starts_with(['~', '?']));
    (first_ones == last_ones || ends_in_one).then(|| names.into_iter().zip(first_ones).collect())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
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

    /// With a value in each hole that nobody else says, and a sentence where one is to be.
    #[test]
    fn no_sentence_is_taken_for_another() {
        for (english, chinese) in all() {
            let of = |told: &str| -> BTreeMap<String, String> {
                let names = english.split('{').skip(1).enumerate();
                let value = |at: usize, name: &str| match name.starts_with(['~', '?']) {
                    true => told.to_owned(),
                    false => format!("<{at}>"),
                };
                names
                    .filter_map(|(at, it)| it.split_once('}').map(|(name, _)| (name.to_owned(), value(at, name))))
                    .collect()
            };
            let text = fill(english, &of("is missing")).unwrap();
            assert_eq!(in_chinese(&text), fill(chinese, &of("缺少这个键")), "{english}");
        }
    }

    #[test]
    fn both_languages_of_a_sentence_have_the_same_values_and_no_sentence_is_there_twice() {
        let mut seen = BTreeSet::new();
        assert_eq!(all().count(), TABLES.iter().map(|table| table.lines().count()).sum::<usize>());
        for (english, chinese) in all() {
            let holes = |text: &str| -> BTreeSet<String> {
                text.split('{').skip(1).map(|part| part.split_once('}').unwrap().0.to_owned()).collect()
            };
            assert_eq!(holes(english), holes(chinese), "{english}");
            assert!(seen.insert(english), "{english}");
        }
    }
}
