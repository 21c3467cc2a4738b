//! One line of text that is safe to print, log and send, whoever wrote it. A broker, a NameServer, another host, a log or
//! a journal may say anything, and terminals obey what they are sent. In: any text or bytes. Out: a [`Line`].
//!
//! Everything that is reported is made of lines ([`crate::launch::Cause`], [`crate::health::report`]), and a line is made
//! safe where it is made: from a text, from bytes, or out of another host's JSON.

use serde::{Deserialize, Deserializer, Serialize};
use std::{borrow::Cow, fmt, ops::Deref};

/// One line of text without control characters, escape sequences, line breaks, direction overrides and invisible
/// characters: each of them is shown as Rust writes it, such as `\n` and `\u{1b}`. It has at most [`Line::LONGEST`]
/// characters.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(transparent)]
pub struct Line(String);

impl Line {
    /// The most characters of a line; what is longer ends in `…`.
    pub const LONGEST: usize = 2000;
    /// The most characters of what somebody else said, quoted within a sentence of the agent's own.
    pub const EXCERPT: usize = 300;

    /// What somebody else said, for a sentence of the agent's own: the first line that holds something, shortened to
    /// [`Line::EXCERPT`] characters.
    pub fn excerpt(said: &str) -> Self {
        let first = said.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or_default();
        Self(shortened(first, Self::EXCERPT))
    }

    /// The same of bytes that may be no text.
    pub fn excerpt_of(said: &[u8]) -> Self {
        // A line of 2,000 characters has at most 8,000 bytes.
        Self::excerpt(&String::from_utf8_lossy(&said[..said.len().min(4 * Self::LONGEST)]))
    }

    /// The line as it is written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// At most so many characters of the text, each of them safe.
fn shortened(text: &str, longest: usize) -> String {
    let mut safe = String::with_capacity(text.len().min(4 * longest));
    for (count, shown) in text.chars().flat_map(Shown::of).enumerate() {
        if count == longest {
            // The last one makes room for the sign that something is missing.
            safe.pop();
            safe.push('…');
            break;
        }
        safe.push(shown);
    }
    safe
}

/// What is shown for a character.
enum Shown {
    Itself(char),
    Escaped(std::char::EscapeDebug),
}

impl Shown {
    fn of(c: char) -> Self {
        match c {
            // RocketMQ's logs are full of tabs.
            '\t' | '\u{a0}' => Self::Itself(' '),
            // `escape_debug` would escape these for what they mean in a program, and the space of Chinese texts.
            '"' | '\'' | '\\' | '\u{3000}' => Self::Itself(c),
            _ => Self::Escaped(c.escape_debug()),
        }
    }
}

impl Iterator for Shown {
    type Item = char;
    fn next(&mut self) -> Option<char> {
        match self {
            Self::Escaped(rest) => rest.next(),
            Self::Itself('\0') => None,
            Self::Itself(c) => Some(std::mem::take(c)),
        }
    }
}

/// Whether nothing is to be done: nearly always.
fn is_plain(text: &str) -> bool {
    text.len() <= Line::LONGEST && text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
}

/// The same JSON with what a terminal could obey written as `\uXXXX`: in valid JSON such characters are only in strings.
pub fn safe_json(json: &str) -> String {
    let mut safe = String::with_capacity(json.len());
    for c in json.chars() {
        let is_layout = matches!(c, '\n' | '\r' | '\t');
        if is_layout || c.is_ascii_graphic() || Shown::of(c).eq([c]) {
            safe.push(c);
        } else {
            let mut units = [0; 2];
            safe.extend(c.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04x}")));
        }
    }
    safe
}

impl From<String> for Line {
    fn from(text: String) -> Self {
        if is_plain(&text) { Self(text) } else { Self(shortened(&text, Self::LONGEST)) }
    }
}

impl From<&str> for Line {
    fn from(text: &str) -> Self {
        Self(shortened(text, Self::LONGEST))
    }
}

impl From<&String> for Line {
    fn from(text: &String) -> Self {
        text.as_str().into()
    }
}

impl From<Line> for String {
    fn from(line: Line) -> Self {
        line.0
    }
}

impl Deref for Line {
    type Target = str;
    fn deref(&self) -> &str {
        &self.0
    }
}

impl AsRef<str> for Line {
    fn as_ref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl PartialEq<str> for Line {
    fn eq(&self, other: &str) -> bool {
        self.0 == other
    }
}

impl PartialEq<&str> for Line {
    fn eq(&self, other: &&str) -> bool {
        self.0 == *other
    }
}

impl PartialEq<String> for Line {
    fn eq(&self, other: &String) -> bool {
        self.0 == *other
    }
}

impl PartialEq<Line> for String {
    fn eq(&self, other: &Line) -> bool {
        *self == other.0
    }
}

impl PartialEq<Line> for &str {
    fn eq(&self, other: &Line) -> bool {
        *self == other.0
    }
}

impl<'de> Deserialize<'de> for Line {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Cow::<str>::deserialize(deserializer)?.into_owned().into())
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_terminal_obeys_nothing_of_a_line() {
        for (said, shown) in [
            ("\x1b[2J\x1b]0;owned\x07", "\\u{1b}[2J\\u{1b}]0;owned\\u{7}"),
            ("\u{9b}31m", "\\u{9b}31m"),
            ("one\r\ntwo\u{2028}three", "one\\r\\ntwo\\u{2028}three"),
            ("ready \u{202e}ton\u{2066}", "ready \\u{202e}ton\\u{2066}"),
            ("bro\u{200b}ker\u{feff}\u{e0041}", "bro\\u{200b}ker\\u{feff}\\u{e0041}"),
            ("a\tb\u{a0}c", "a b c"),
        ] {
            assert_eq!(Line::from(said), shown);
            assert_eq!(Line::from(said.to_owned()), shown);
        }
    }

    #[test]
    fn ordinary_words_stay_as_they_are() {
        for text in ["it's \"C:\\x\" at 100 %", "主节点　未就绪（10.0.0.1）", "Größe — naïve …", ""] {
            assert_eq!(Line::from(text), text);
        }
    }

    #[test]
    fn long_lines_are_cut_and_show_it() {
        let line = Line::from("x".repeat(5000));
        assert_eq!((line.chars().count(), line.chars().last()), (Line::LONGEST, Some('…')));
        assert_eq!(Line::from("x".repeat(Line::LONGEST)), "x".repeat(Line::LONGEST));
        assert_eq!(Line::excerpt(&"y".repeat(301)).chars().count(), Line::EXCERPT);
    }

    #[test]
    fn an_excerpt_is_the_first_line_that_holds_something() {
        assert_eq!(Line::excerpt("\n  no way\n at org.apache"), "no way");
        assert_eq!(Line::excerpt_of(b"\xff\x1b[m"), "\u{fffd}\\u{1b}[m");
        assert_eq!(Line::excerpt(""), "");
    }

    #[test]
    fn json_of_another_host_makes_safe_lines_and_is_printed_safely() {
        let line: Line = serde_json::from_str(r#""a\u001b[2Jb\u202e""#).unwrap();
        assert_eq!(line, "a\\u{1b}[2Jb\\u{202e}");
        let said = "{\n  \"what\": \"\u{9b}2J \u{e0041} 主\"\n}\n";
        let safe = safe_json(said);
        assert_eq!(safe, "{\n  \"what\": \"\\u009b2J \\udb40\\udc41 主\"\n}\n");
        let [said, safe]: [serde_json::Value; 2] = [said, &safe].map(|json| serde_json::from_str(json).unwrap());
        assert_eq!(said, safe);
    }

    proptest! {
        #[test]
        fn whatever_is_said_a_line_is_safe_and_stays_the_same(said in any::<String>(), times in 1..400_usize) {
            let line = Line::from(said.repeat(times));
            prop_assert!(line.chars().count() <= Line::LONGEST);
            prop_assert!(line.chars().all(|c| Shown::of(c).eq([c])), "{line}");
            prop_assert_eq!(&Line::from(line.as_str()), &line);
        }
    }
}
