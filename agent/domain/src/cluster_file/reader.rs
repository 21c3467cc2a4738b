//! Reads one table of the file key by key, against its list of keys: wrong kinds, unknown keys and values that do not
//! parse become problems with their place, and reading goes on, so that one run reports every mistake. `agent.toml` is
//! read by the same code.

use super::shape::{Key, Kind, every_key};
use crate::problem::{Problems, did_you_mean};
use std::{cell::RefCell, collections::BTreeMap, fmt::Display, str::FromStr};
use toml::{
    Spanned,
    de::{DeTable, DeValue},
};

/// A value and where in the file it stands (byte offset).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct At<T> {
    /// The value.
    pub value: T,
    /// The byte offset of its first character.
    pub at: usize,
}

impl<T> At<T> {
    /// The value made into another, at the same place.
    pub fn map<U>(self, make: impl FnOnce(T) -> U) -> At<U> {
        At { value: make(self.value), at: self.at }
    }
}

/// `key = value` lines that go into a RocketMQ properties file, in the order of their keys.
pub type Properties = BTreeMap<String, At<String>>;

/// The tables of a text. What is no TOML becomes problems, and the rest is read all the same.
pub fn document<'a>(text: &'a str, problems: &RefCell<Problems<'a>>) -> Spanned<DeTable<'a>> {
    let (document, errors) = DeTable::parse_recoverable(text);
    for error in errors {
        let at = error.span().map_or(0, |span| span.start);
        let rule = if error.message().contains("duplicate key") { "duplicate-key" } else { "syntax" };
        problems.borrow_mut().add(at, rule, "", error.message().trim(), "");
    }
    document
}

/// One table being read.
pub struct Section<'r, 'a> {
    path: String,
    /// Where the table starts, for what is missing from it.
    pub at: usize,
    table: &'r DeTable<'a>,
    keys: &'static [Key],
    /// Those at the top of the file.
    top: &'static [Key],
    problems: &'r RefCell<Problems<'a>>,
}

impl<'r, 'a> Section<'r, 'a> {
    /// Starts on a whole file; unknown keys are reported at once, here and in the tables inside.
    pub fn top(table: &'r DeTable<'a>, keys: &'static [Key], problems: &'r RefCell<Problems<'a>>) -> Self {
        Self { path: String::new(), at: 0, table, keys, top: keys, problems }.checked()
    }

    fn inside(&self, path: String, at: usize, table: &'r DeTable<'a>, keys: &'static [Key]) -> Self {
        Self { path, at, table, keys, top: self.top, problems: self.problems }.checked()
    }

    fn checked(self) -> Self {
        let Self { table, keys, .. } = self;
        for (name, _) in table.iter() {
            let typed: &str = name.get_ref();
            if !keys.iter().any(|key| key.name == typed) {
                let known = || keys.iter().map(|key| key.name);
                let fix = match did_you_mean(typed, known()) {
                    guess if guess.is_empty() => self
                        .place_of(typed)
                        .unwrap_or_else(|| format!("known here: {}", known().collect::<Vec<_>>().join(", "))),
                    guess => guess,
                };
                self.problem(name.span().start, "unknown-key", typed, "there is no such key", fix);
            }
        }
        self
    }

    /// Where a key would be right; none where that is nowhere, or in so many tables that it helps nobody.
    fn place_of(&self, typed: &str) -> Option<String> {
        let is_meant = |key: &Key| key.name == typed && !matches!(key.kind, Kind::Section(_) | Kind::Sections(_));
        let found = every_key(self.top).into_iter().filter(|(_, key)| is_meant(key));
        let tables = found.map(|(path, _)| path.rsplit_once('.').map(|(table, _)| table.to_owned()));
        let Some(tables) = tables.collect::<Option<Vec<String>>>() else {
            return Some("its place is the top of the file, above every table".to_owned());
        };
        let in_brackets = |table: &String| match table.strip_suffix("[]") {
            Some(array) => format!("[[{array}]]"),
            None => format!("[{}]", table.replace("[]", "")),
        };
        let named: Vec<String> = tables.iter().map(in_brackets).collect();
        (1..=3).contains(&named.len()).then(|| format!("its place is {}", named.join(", ")))
    }

    /// The full name of a key of this table.
    pub fn path_of(&self, key: &str) -> String {
        if self.path.is_empty() { key.to_owned() } else { format!("{}.{key}", self.path) }
    }

    /// The full name of this table.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// Whether the key is there, whatever its value.
    pub fn has(&self, key: &str) -> bool {
        self.table.contains_key(key)
    }

    /// Reports a mistake in this table.
    pub fn problem(&self, at: usize, rule: &'static str, key: &str, what: impl Into<String>, fix: impl Into<String>) {
        self.problems.borrow_mut().add(at, rule, self.path_of(key), what, fix);
    }

    /// Reports a key that must be there and is not.
    pub fn missing(&self, key: &'static str, fix: &str) {
        self.problem(self.at, "missing-key", key, "is missing", fix);
    }

    fn get<T>(
        &self,
        key: &'static str,
        wanted: &str,
        take: impl FnOnce(&'r DeValue<'a>) -> Option<T>,
    ) -> Option<At<T>> {
        debug_assert!(self.keys.iter().any(|k| k.name == key), "{key} is read but not listed in shape.rs");
        let value = self.table.get(key)?;
        let at = value.span().start;
        match take(value.get_ref()) {
            Some(value) => Some(At { value, at }),
            None => {
                let is = value.get_ref().type_str();
                self.problem(at, "wrong-type", key, format!("must be {wanted}, and is of type {is}"), "");
                None
            }
        }
    }

    /// A string.
    pub fn text(&self, key: &'static str) -> Option<At<String>> {
        self.get(key, "a string", |value| value.as_str().map(str::to_owned))
    }

    /// A string that parses into a typed value.
    pub fn parsed<T: FromStr<Err: Display>>(&self, key: &'static str, rule: &'static str) -> Option<At<T>> {
        let text = self.text(key)?;
        self.parse(key, rule, text)
    }

    fn parse<T: FromStr<Err: Display>>(&self, key: &str, rule: &'static str, text: At<String>) -> Option<At<T>> {
        match text.value.parse() {
            Ok(value) => Some(At { value, at: text.at }),
            Err(error) => {
                self.problem(text.at, rule, key, format!("{error}"), format!("this is \"{}\"", text.value));
                None
            }
        }
    }

    /// A whole number within bounds.
    pub fn integer(&self, key: &'static str, lowest: i64, highest: i64) -> Option<At<i64>> {
        let number = self.get(key, "a whole number", integer_of)?;
        if (lowest..=highest).contains(&number.value) {
            return Some(number);
        }
        let rule = format!("must be between {lowest} and {highest}");
        self.problem(number.at, "out-of-range", key, rule, format!("this is {}", number.value));
        None
    }

    /// A TCP port.
    pub fn port(&self, key: &'static str) -> Option<At<u16>> {
        self.integer(key, 1, 65535).map(|number| number.map(|n| n as u16))
    }

    /// `true` or `false`.
    pub fn flag(&self, key: &'static str) -> Option<At<bool>> {
        self.get(key, "true or false", DeValue::as_bool)
    }

    /// An array of strings, each parsed.
    pub fn list<T: FromStr<Err: Display>>(&self, key: &'static str, rule: &'static str) -> Option<At<Vec<At<T>>>> {
        let array = self.get(key, "an array of strings", DeValue::as_array)?;
        let mut items = Vec::new();
        for item in array.value.iter() {
            let at = item.span().start;
            match item.get_ref().as_str() {
                Some(text) => items.extend(self.parse(key, rule, At { value: text.to_owned(), at })),
                None => self.problem(at, "wrong-type", key, "must be an array of strings", ""),
            }
        }
        Some(At { value: items, at: array.at })
    }

    /// A table inside this one.
    pub fn section(&self, key: &'static str) -> Option<Section<'r, 'a>> {
        let table = self.get(key, "a table", DeValue::as_table)?;
        let Some(Kind::Section(keys)) = self.keys.iter().find(|k| k.name == key).map(|k| k.kind) else { return None };
        Some(self.inside(self.path_of(key), table.at, table.value, keys))
    }

    /// An array of tables inside this one.
    pub fn sections(&self, key: &'static str) -> Vec<Section<'r, 'a>> {
        let Some(array) = self.get(key, "an array of tables", DeValue::as_array) else { return Vec::new() };
        let Some(Kind::Sections(keys)) = self.keys.iter().find(|k| k.name == key).map(|k| k.kind) else {
            return Vec::new();
        };
        let mut sections = Vec::new();
        for (index, item) in array.value.iter().enumerate() {
            let path = format!("{}[{index}]", self.path_of(key));
            match item.get_ref().as_table() {
                Some(table) => sections.push(self.inside(path, item.span().start, table, keys)),
                None => self.problem(item.span().start, "wrong-type", key, "must be an array of tables", ""),
            }
        }
        sections
    }

    /// A table of free keys whose values go into a properties file.
    pub fn properties(&self, key: &'static str) -> Properties {
        let Some(table) = self.get(key, "a table", DeValue::as_table) else { return Properties::new() };
        let mut properties = Properties::new();
        for (name, value) in table.value.iter() {
            let path = format!("{key}.{}", name.get_ref());
            let at = value.span().start;
            let text = match value.get_ref() {
                DeValue::String(text) => text.to_string(),
                DeValue::Boolean(flag) => flag.to_string(),
                number @ DeValue::Integer(_) => match integer_of(number) {
                    Some(number) => number.to_string(),
                    None => {
                        self.problem(at, "out-of-range", &path, "the number is too large", "");
                        continue;
                    }
                },
                other => {
                    let what =
                        format!("must be a string, a whole number or true/false, and is of type {}", other.type_str());
                    self.problem(at, "wrong-type", &path, what, "write it as a string");
                    continue;
                }
            };
            properties.insert(name.get_ref().to_string(), At { value: text, at });
        }
        properties
    }
}

fn integer_of(value: &DeValue<'_>) -> Option<i64> {
    let number = value.as_integer()?;
    i64::from_str_radix(number.as_str(), number.radix()).ok()
}
