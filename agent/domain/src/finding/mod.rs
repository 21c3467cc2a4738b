//! What is found, as sentences with holes: the English ones are what is reported, logged and searched for; the Chinese ones
//! are filled with the same values for whoever reads Chinese. What such a thing means in general is in [`crate::meaning`].
//!
//! A finding is made where it is found, by its name here and its values. A [`Cause`] that was made without one, by an older
//! agent or in other words than these, is shown in English: that is never wrong.

mod admission;
mod ends;
mod group;
mod host;
mod serving;
mod stores;
mod turns;
mod units;
mod words;

pub use admission::*;
pub(crate) use ends::*;
pub(crate) use group::*;
pub use host::*;
pub(crate) use serving::*;
pub(crate) use stores::*;
pub(crate) use turns::*;
pub use units::*;

use crate::{
    health::report::{ClusterReport, DOWN, in_words, problem_in_words},
    launch::Cause,
    line::Line,
    meaning::Language,
};
use std::{collections::BTreeMap, fmt::Display};

/// What begins the words of a warning about the process before this one.
pub const BEFORE: &str = "before this start: ";
/// What stands between a cause and what systemd says of it.
pub(crate) const SYSTEMD_SAYS: &str = "; systemd says: ";
/// What begins the words of what a restart waits for.
pub(crate) const RESTART: &str = "its restart for a changed configuration ";

/// What is so and what to do about it. `{name}` is a value; what is between `‹` and `›` is left out where a value in it
/// is not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Finding {
    /// Of what kind it is; several may be of one.
    pub id: &'static str,
    english: [&'static str; 2],
    chinese: [&'static str; 2],
}

/// Names each finding, and lists them all.
macro_rules! findings {
    ($($name:ident: $id:literal, $what:literal, $fix:expr => $chinese:literal, $chinese_fix:expr;)*) => {
        $(#[doc = concat!("`", $id, "`: ", $what)]
        pub const $name: $crate::finding::Finding = $crate::finding::Finding {
            id: $id,
            english: [$what, $fix],
            chinese: [$chinese, $chinese_fix],
        };)*
        pub(super) const ALL: &[$crate::finding::Finding] = &[$($name),*];
    };
}
use findings;

/// Every one that is there.
pub fn all() -> impl Iterator<Item = &'static Finding> {
    [admission::ALL, ends::ALL, group::ALL, host::ALL, serving::ALL, stores::ALL, turns::ALL, units::ALL]
        .into_iter()
        .flatten()
}

impl Finding {
    /// One in a case at hand.
    pub fn of(&self, values: &[(&str, &dyn Display)]) -> Cause {
        self.with(values.iter().map(|(name, value)| ((*name).to_owned(), value.to_string().into())).collect())
    }

    /// The same where not all values are known.
    pub(crate) fn of_known(&self, values: &[(&str, Option<&dyn Display>)]) -> Cause {
        let known =
            values.iter().filter_map(|(name, value)| Some(((*name).to_owned(), value.as_ref()?.to_string().into())));
        self.with(known.collect())
    }

    /// The same that tells another cause in it, in the holes `of.what` and `of.fix`.
    pub(crate) fn telling(&self, cause: Option<&Cause>, values: &[(&str, Option<&dyn Display>)]) -> Cause {
        let told = cause.into_iter().flat_map(|cause| {
            let own = [("id", &cause.id), ("what", &cause.what), ("fix", &cause.fix)];
            let own = own.into_iter().filter(|(_, text)| !text.is_empty());
            own.chain(cause.values.iter().map(|(name, value)| (name.as_str(), value)))
        });
        let told = told.map(|(name, value)| (format!("{WITHIN}{name}"), value.clone()));
        self.with(self.of_known(values).values.into_iter().chain(told).collect())
    }

    fn with(&self, values: BTreeMap<String, Line>) -> Cause {
        // Where a value were forgotten, the hole would be seen.
        let [what, fix] = self.english.map(|text| fill(text, &values).unwrap_or_else(|| text.to_owned()));
        Cause { id: self.id.into(), what: what.into(), fix: fix.into(), values }
    }
}

/// The same in another language, where what was found has words there: what is so and, where it is what usually is to be done,
/// that. The rest stays as it was.
pub fn in_language(language: Language, cause: &Cause) -> Cause {
    match language {
        Language::English => None,
        Language::Chinese => in_chinese(cause),
    }
    .unwrap_or_else(|| cause.clone())
}

/// How far a restart or a stop is (`Turn::in_words`), in a language.
pub fn turn_in_language(language: Language, turn: String) -> String {
    let chinese = words::phase(&turn).filter(|_| language == Language::Chinese);
    chinese.unwrap_or(turn)
}

/// What begins the names of the values of a cause that is told within another.
const WITHIN: &str = "of.";

/// The values as they are said in Chinese.
fn values_in_chinese(values: &BTreeMap<String, Line>) -> BTreeMap<String, Line> {
    let mut said: BTreeMap<String, Line> =
        values.iter().map(|(name, value)| (name.clone(), words::in_chinese(name, value).into())).collect();
    let within = values.iter().filter_map(|(name, value)| Some((name.strip_prefix(WITHIN)?.to_owned(), value.clone())));
    let mut within: BTreeMap<String, Line> = within.collect();
    let mut text = |name: &str| within.remove(name).unwrap_or_default();
    let (id, what, fix) = (text("id"), text("what"), text("fix"));
    if let Some(told) = in_chinese(&Cause { id, what, fix, values: within }) {
        said.insert(format!("{WITHIN}what"), told.what);
        said.extend(Some(told.fix).filter(|fix| !fix.is_empty()).map(|fix| (format!("{WITHIN}fix"), fix)));
    }
    said
}

fn in_chinese(cause: &Cause) -> Option<Cause> {
    let within = |what: &str| in_chinese(&Cause { what: what.into(), ..cause.clone() });
    if let Some(what) = cause.what.strip_prefix(BEFORE) {
        let told = within(what)?;
        return Some(Cause { what: format!("这次启动之前：{}", told.what).into(), ..told });
    }
    if let Some((what, line)) = cause.what.split_once(SYSTEMD_SAYS) {
        let told = within(what)?;
        return Some(Cause { what: format!("{}；systemd 说：{line}", told.what).into(), ..told });
    }
    let restart = cause.what.strip_prefix(RESTART).map(|rest| (["因配置改变而重启（", "）"], rest));
    let by_hand = || Some((["它", ""], cause.what.strip_prefix("it ")?));
    if let Some(([begins, ends], rest)) = restart.or_else(by_hand)
        && let (phase, what) = rest.split_once(": ").unwrap_or((rest, ""))
        && let Some(phase) = words::phase(phase)
    {
        let told = if what.is_empty() { None } else { Some(within(what)?) };
        let what = told.as_ref().map(|told| format!("：{}", told.what)).unwrap_or_default();
        return Some(Cause {
            what: format!("{begins}{phase}{ends}{what}").into(),
            ..told.unwrap_or_else(|| cause.clone())
        });
    }
    let says = |text: &str, words: &str| fill(text, &cause.values).is_some_and(|english| english == words);
    let finding = all().find(|it| it.id == cause.id && says(it.english[0], &cause.what))?;
    let values = values_in_chinese(&cause.values);
    let fix = fill(finding.chinese[1], &values).filter(|_| says(finding.english[1], &cause.fix));
    let what = fill(finding.chinese[0], &values)?.into();
    Some(Cause { what, fix: fix.map(Line::from).unwrap_or_else(|| cause.fix.clone()), ..cause.clone() })
}

/// All of a report.
pub fn report_in_language(language: Language, mut report: ClusterReport) -> ClusterReport {
    for cause in report.found() {
        let (said, told) = (problem_in_words(&cause), in_language(language, &cause));
        if let Some(problem) = report.problems.iter_mut().find(|it| **it == said).filter(|_| told != cause) {
            let down = if cause.id == DOWN { "不可用：" } else { "" };
            *problem = format!("{down}{}", in_words(&told)).into();
        }
    }
    let told = |cause: &mut Cause| *cause = in_language(language, cause);
    for host in report.hosts.iter_mut().filter_map(|view| view.report.as_mut()) {
        host.blocked.iter_mut().for_each(|blocked| told(&mut blocked.cause));
        for it in &mut host.instances {
            let waits = it.rollout.iter_mut().filter_map(|turn| turn.waits.as_mut());
            it.reasons.iter_mut().chain(&mut it.warnings).chain(waits).for_each(told);
        }
    }
    report
}

/// The text with its values; `None` where one is missing outside of such a part. Parts may lie in parts.
pub(crate) fn fill(text: &str, values: &BTreeMap<String, impl AsRef<str>>) -> Option<String> {
    let mut filled = String::new();
    let mut rest = text;
    while let Some((before, opened)) = rest.split_once(['‹', '{']) {
        filled += before;
        if rest[before.len()..].starts_with('{') {
            let (name, after) = opened.split_once('}')?;
            filled += values.get(name)?.as_ref();
            rest = after;
        } else {
            let (part, after) = opened.split_at(end_of_part(opened)?);
            filled += &fill(part, values).unwrap_or_default();
            rest = after.strip_prefix('›')?;
        }
    }
    Some(filled + rest)
}

/// Where the part ends that has begun.
fn end_of_part(text: &str) -> Option<usize> {
    let mut deep = 0_usize;
    text.char_indices().find_map(|(at, char)| match char {
        '‹' => {
            deep += 1;
            None
        }
        '›' if deep == 0 => Some(at),
        '›' => {
            deep -= 1;
            None
        }
        _ => None,
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests;
