//! What is found, as sentences with holes: the English ones are what is reported, logged and searched for; the Chinese ones
//! are filled with the same values for whoever reads Chinese. What such a thing means in general is in [`crate::meaning`].
//!
//! A finding is made where it is found, by its name here and its values. A [`Cause`] that was made without one, by an older
//! agent or in other words than these, is shown in English: that is never wrong, and more of them can come here one by one.

mod ends;
mod serving;
mod turns;

pub(crate) use ends::*;
pub(crate) use serving::*;
pub(crate) use turns::*;

use crate::{health::report::ClusterReport, launch::Cause, meaning::Language};
use std::{collections::BTreeMap, fmt::Display};

/// What begins the words of a warning about the process before this one.
pub const BEFORE: &str = "before this start: ";
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
    ($($name:ident: $id:literal, $what:literal, $fix:literal => $chinese:literal, $chinese_fix:literal;)*) => {
        $(pub(crate) const $name: $crate::finding::Finding = $crate::finding::Finding {
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
    [ends::ALL, serving::ALL, turns::ALL].into_iter().flatten()
}

impl Finding {
    /// One in a case at hand.
    pub(crate) fn of(&self, values: &[(&str, &dyn Display)]) -> Cause {
        self.with(values.iter().map(|(name, value)| ((*name).to_owned(), value.to_string())).collect())
    }

    /// The same where not all values are known.
    pub(crate) fn of_known(&self, values: &[(&str, Option<&dyn Display>)]) -> Cause {
        let known = values.iter().filter_map(|(name, value)| Some(((*name).to_owned(), value.as_ref()?.to_string())));
        self.with(known.collect())
    }

    fn with(&self, values: BTreeMap<String, String>) -> Cause {
        // Where a value were forgotten, the hole would be seen.
        let [what, fix] = self.english.map(|text| fill(text, &values).unwrap_or_else(|| text.to_owned()));
        Cause { id: self.id.to_owned(), what, fix, values }
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

fn in_chinese(cause: &Cause) -> Option<Cause> {
    let within = |what: &str| in_chinese(&Cause { what: what.to_owned(), ..cause.clone() });
    if let Some(what) = cause.what.strip_prefix(BEFORE) {
        let told = within(what)?;
        return Some(Cause { what: format!("这次启动之前：{}", told.what), ..told });
    }
    if let Some((phase, what)) = cause.what.strip_prefix(RESTART).and_then(|rest| rest.split_once(": ")) {
        let told = within(what)?;
        return Some(Cause { what: format!("因配置改变而重启（{phase}）：{}", told.what), ..told });
    }
    let says = |text: &str, words: &str| fill(text, &cause.values).is_some_and(|english| english == words);
    let finding = all().find(|it| it.id == cause.id && says(it.english[0], &cause.what))?;
    let fix = fill(finding.chinese[1], &cause.values).filter(|_| says(finding.english[1], &cause.fix));
    let what = fill(finding.chinese[0], &cause.values)?;
    Some(Cause { what, fix: fix.unwrap_or_else(|| cause.fix.clone()), ..cause.clone() })
}

/// All of a report, but for what is said of the whole cluster.
pub fn report_in_language(language: Language, mut report: ClusterReport) -> ClusterReport {
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

/// The text with its values; `None` where one is missing outside of such a part.
fn fill(text: &str, values: &BTreeMap<String, String>) -> Option<String> {
    let mut filled = String::new();
    let mut rest = text;
    while let Some((before, opened)) = rest.split_once(['‹', '{']) {
        filled += before;
        if rest[before.len()..].starts_with('{') {
            let (name, after) = opened.split_once('}')?;
            filled += values.get(name)?;
            rest = after;
        } else {
            let (part, after) = opened.split_once('›')?;
            filled += &fill(part, values).unwrap_or_default();
            rest = after;
        }
    }
    Some(filled + rest)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests;
