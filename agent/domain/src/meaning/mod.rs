//! What each stable id means: reasons and warnings of instances and hosts, what a roll-out waits for, and the rules of the
//! cluster file. One text for `explain`, for the page `docs/reasons.md` and for whoever reads an id in a metric. Data only.
//! What was found in a case at hand, with its names and numbers, is said where it is found.

mod chinese;
mod host;
mod rules;
mod serving;
mod starts;

/// One id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Meaning {
    /// Never changes.
    pub id: &'static str,
    /// What is so.
    pub means: &'static str,
    /// What comes of it.
    pub matters: &'static str,
    /// What to do about it.
    pub act: &'static str,
}

const fn of_id(id: &'static str, means: &'static str, matters: &'static str, act: &'static str) -> Meaning {
    Meaning { id, means, matters, act }
}

/// Ids that belong together.
#[derive(Debug, Clone, Copy)]
pub struct Chapter {
    /// What they are about.
    pub title: &'static str,
    /// By name.
    pub meanings: &'static [Meaning],
}

/// A language that all of it is there in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Language {
    /// English.
    English,
    /// Simplified Chinese.
    Chinese,
}

/// All of them in one language.
pub fn chapters(language: Language) -> [Chapter; 4] {
    match language {
        Language::English => CHAPTERS,
        Language::Chinese => chinese::CHAPTERS,
    }
}

/// All of them in English.
const CHAPTERS: [Chapter; 4] = [
    Chapter { title: "An instance runs and is not as it should be", meanings: serving::MEANINGS },
    Chapter { title: "An instance ended, or may not start", meanings: starts::MEANINGS },
    Chapter { title: "A host does not go on, or a restart waits", meanings: host::MEANINGS },
    Chapter { title: "Rules of the cluster file", meanings: rules::MEANINGS },
];

/// What an id means, where there is one.
pub fn of(id: &str) -> Option<&'static Meaning> {
    of_in(Language::English, id)
}

/// The same in that language.
pub fn of_in(language: Language, id: &str) -> Option<&'static Meaning> {
    chapters(language).into_iter().flat_map(|chapter| chapter.meanings).find(|meaning| meaning.id == id)
}

/// Every id.
pub fn all() -> impl Iterator<Item = &'static Meaning> {
    CHAPTERS.into_iter().flat_map(|chapter| chapter.meanings)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::{RULES, WARNINGS};
    use std::collections::BTreeSet;

    #[test]
    fn every_id_is_explained_once_and_in_its_place() {
        for chapter in CHAPTERS {
            assert!(chapter.meanings.is_sorted_by_key(|meaning| meaning.id), "{} is not in order", chapter.title);
        }
        let ids: BTreeSet<&str> = all().map(|meaning| meaning.id).collect();
        assert_eq!(ids.len(), all().count(), "one is there twice");
    }

    #[test]
    fn every_rule_of_the_cluster_file_is_explained() {
        let explained: Vec<&str> = rules::MEANINGS.iter().map(|meaning| meaning.id).collect();
        let mut wanted: Vec<&str> = RULES.iter().chain(WARNINGS).copied().collect();
        wanted.sort_unstable();
        assert_eq!(explained, wanted);
    }

    #[test]
    fn the_same_ids_are_there_in_chinese() {
        for (english, chinese) in CHAPTERS.into_iter().zip(chinese::CHAPTERS) {
            let ids = |chapter: Chapter| chapter.meanings.iter().map(|it| it.id).collect::<Vec<_>>();
            assert_eq!(ids(chinese), ids(english));
            for (there, here) in chinese.meanings.iter().zip(english.meanings) {
                for (text, original) in
                    [(there.means, here.means), (there.matters, here.matters), (there.act, here.act)]
                {
                    assert!(text.ends_with('。') && text != original, "{}: {text:?}", there.id);
                }
            }
        }
    }

    #[test]
    fn sentences_are_whole() {
        for Meaning { id, means, matters, act } in all() {
            for text in [means, matters, act] {
                assert!(text.ends_with('.') && !text.contains("  "), "{id}: {text:?}");
            }
        }
    }
}
