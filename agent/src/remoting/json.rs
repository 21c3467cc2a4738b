//! A reader for the JSON that RocketMQ writes, in front of serde_json. fastjson writes maps with number keys as
//! `{0:"addr"}`, which no JSON reader takes; all versions to 5.5.0 do so for codes 105 and 106. Bytes in, values out.

use std::{
    borrow::Cow,
    collections::{BTreeMap, VecDeque},
    fmt,
    io::{self, BufRead, Read},
};

use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, Visitor},
};

/// Reads a body or header: as standard JSON if it is, else with its bare integer keys quoted.
///
/// # Errors
/// What serde_json says of the text after the quoting.
pub fn from_slice<T: DeserializeOwned>(text: &[u8]) -> serde_json::Result<T> {
    match serde_json::from_slice(text) {
        Ok(value) => Ok(value),
        Err(error) => match quote_integer_keys(text) {
            Cow::Owned(quoted) => serde_json::from_slice(&quoted),
            Cow::Borrowed(_) => Err(error),
        },
    }
}

/// Puts quotes around integers that stand where a key does: after `{` or `,` and before `:`. Text inside of strings
/// stays as it is, and so does standard JSON, where an integer never stands before a colon.
pub fn quote_integer_keys(text: &[u8]) -> Cow<'_, [u8]> {
    let mut quoted: Option<Vec<u8>> = None;
    let mut copied = 0;
    let mut at = 0;
    let mut key_may_follow = false;
    while let Some(&byte) = text.get(at) {
        match byte {
            b'"' => {
                at = end_of_string(text, at);
                key_may_follow = false;
            }
            b'0'..=b'9' | b'-' if key_may_follow => {
                let end = skip(text, at + 1, |b| b.is_ascii_digit());
                let colon = skip(text, end, |b| b.is_ascii_whitespace());
                if text.get(colon) == Some(&b':') {
                    let out = quoted.get_or_insert_with(|| Vec::with_capacity(text.len() + 16));
                    out.extend_from_slice(&text[copied..at]);
                    out.push(b'"');
                    out.extend_from_slice(&text[at..end]);
                    out.push(b'"');
                    copied = end;
                }
                at = end;
                key_may_follow = false;
            }
            _ => {
                key_may_follow = byte == b'{' || byte == b',' || (key_may_follow && byte.is_ascii_whitespace());
                at += 1;
            }
        }
    }
    match quoted {
        Some(mut out) => {
            out.extend_from_slice(&text[copied..]);
            Cow::Owned(out)
        }
        None => Cow::Borrowed(text),
    }
}

/// The same of a text that is too long to be held: integers before a colon get quotes as the text passes through.
pub struct Quoting<R> {
    from: R,
    state: State,
    /// An integer that may turn out to be a key, with the blanks behind it.
    held: Vec<u8>,
    /// How much of `held` is the integer.
    digits: usize,
    ready: VecDeque<u8>,
}

/// No integer and no blanks behind it are longer where RocketMQ writes a key.
const LONGEST_KEY: usize = 64;

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Text { key_may_follow: bool },
    String { escaped: bool },
    Number,
    Blanks,
}

impl<R: BufRead> Quoting<R> {
    /// Reads on from there.
    pub fn new(from: R) -> Self {
        Self { from, state: State::Text { key_may_follow: false }, held: Vec::new(), digits: 0, ready: VecDeque::new() }
    }

    fn take(&mut self, byte: u8) {
        self.state = match self.state {
            State::Text { key_may_follow: true } if byte.is_ascii_digit() || byte == b'-' => {
                self.held.push(byte);
                self.digits = 1;
                State::Number
            }
            State::Text { key_may_follow } => {
                self.ready.push_back(byte);
                text_after(byte, key_may_follow)
            }
            State::String { escaped } => {
                self.ready.push_back(byte);
                match byte {
                    b'"' if !escaped => State::Text { key_may_follow: false },
                    _ => State::String { escaped: byte == b'\\' && !escaped },
                }
            }
            State::Number if byte.is_ascii_digit() && self.held.len() < LONGEST_KEY => {
                self.held.push(byte);
                self.digits += 1;
                State::Number
            }
            State::Number | State::Blanks if byte.is_ascii_whitespace() && self.held.len() < LONGEST_KEY => {
                self.held.push(byte);
                State::Blanks
            }
            State::Number | State::Blanks => {
                let quote = (byte == b':').then_some(b'"');
                let (digits, blanks) = self.held.split_at(self.digits);
                self.ready.extend(quote.iter().chain(digits).chain(&quote).chain(blanks));
                self.ready.push_back(byte);
                self.held.clear();
                text_after(byte, false)
            }
        };
    }
}

fn text_after(byte: u8, key_may_follow: bool) -> State {
    match byte {
        b'"' => State::String { escaped: false },
        b'{' | b',' => State::Text { key_may_follow: true },
        _ => State::Text { key_may_follow: key_may_follow && byte.is_ascii_whitespace() },
    }
}

impl<R: BufRead> Read for Quoting<R> {
    fn read(&mut self, into: &mut [u8]) -> io::Result<usize> {
        while self.ready.is_empty() {
            let bytes = self.from.fill_buf()?.to_vec();
            if bytes.is_empty() {
                // A text that ends in an integer.
                self.ready.extend(self.held.drain(..));
                break;
            }
            bytes.iter().for_each(|byte| self.take(*byte));
            self.from.consume(bytes.len());
        }
        self.ready.read(into)
    }
}

/// The position behind the string that opens at `start`, or the end of the text.
fn end_of_string(text: &[u8], start: usize) -> usize {
    let mut at = start + 1;
    while let Some(&byte) = text.get(at) {
        match byte {
            b'"' => return at + 1,
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
    text.len()
}

fn skip(text: &[u8], start: usize, take: impl Fn(&u8) -> bool) -> usize {
    start + text[start..].iter().take_while(|b| take(b)).count()
}

/// For `#[serde(deserialize_with)]`: JSON null is the default, as fastjson may write either for an empty thing.
pub fn or_default<'de, D, T>(deserializer: D) -> Result<T, D::Error>
where
    D: Deserializer<'de>,
    T: Default + Deserialize<'de>,
{
    Ok(Option::deserialize(deserializer)?.unwrap_or_default())
}

/// For `#[serde(deserialize_with)]`: a map of texts, where a number or a flag is taken as its text and null is
/// left out. RocketMQ's own maps hold strings only; other senders are not so strict.
pub fn texts<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, String>, D::Error> {
    let map: Option<BTreeMap<String, Text>> = Option::deserialize(deserializer)?;
    Ok(map.unwrap_or_default().into_iter().filter_map(|(key, text)| Some((key, text.0?))).collect())
}

/// The same for a single text.
pub fn text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<String>, D::Error> {
    Ok(Text::deserialize(deserializer)?.0)
}

/// One scalar as text. Not `serde_json::Value`, so that a hostile peer cannot make a small text a large tree.
struct Text(Option<String>);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Scalar;
        impl Visitor<'_> for Scalar {
            type Value = Text;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string, a number, a flag or null")
            }
            fn visit_str<E>(self, text: &str) -> Result<Text, E> {
                Ok(Text(Some(text.to_owned())))
            }
            fn visit_bool<E>(self, flag: bool) -> Result<Text, E> {
                Ok(Text(Some(flag.to_string())))
            }
            fn visit_i64<E>(self, number: i64) -> Result<Text, E> {
                Ok(Text(Some(number.to_string())))
            }
            fn visit_u64<E>(self, number: u64) -> Result<Text, E> {
                Ok(Text(Some(number.to_string())))
            }
            fn visit_f64<E>(self, number: f64) -> Result<Text, E> {
                Ok(Text(Some(number.to_string())))
            }
            fn visit_unit<E>(self) -> Result<Text, E> {
                Ok(Text(None))
            }
        }
        deserializer.deserialize_any(Scalar)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};

    fn quoted(text: &str) -> String {
        let quoted = String::from_utf8(quote_integer_keys(text.as_bytes()).into_owned()).unwrap();
        for buffer in [1, 3, 8192] {
            let mut streamed = String::new();
            let from = std::io::BufReader::with_capacity(buffer, text.as_bytes());
            Quoting::new(from).read_to_string(&mut streamed).unwrap();
            assert_eq!(streamed, quoted, "with a buffer of {buffer}");
        }
        quoted
    }

    #[test]
    fn bare_integer_keys_get_quotes() {
        assert_eq!(quoted(r#"{0:"a:1","t":{ -1 : 2,33:[4,5]}}"#), r#"{"0":"a:1","t":{ "-1" : 2,"33":[4,5]}}"#);
    }

    #[test]
    fn text_inside_of_strings_stays() {
        let text = r#"{"a":"{0:1,\"{1:2","b,3:":[1,2]}"#;
        assert_eq!(quoted(text), text);
    }

    #[test]
    fn an_integer_without_a_colon_is_a_value() {
        let text = "[{\"a\":[1,2, 3]},4,-5 ,6]";
        assert_eq!(quoted(text), text);
    }

    #[test]
    fn what_is_broken_besides_its_keys_is_an_error() {
        assert!(from_slice::<Value>(b"{0:\"a\"").is_err());
        assert!(from_slice::<Value>(b"{\"a\"").is_err());
        assert!(from_slice::<Value>(b"").is_err());
    }

    #[test]
    fn scalars_become_texts_and_null_is_left_out() {
        #[derive(Deserialize)]
        struct Table {
            #[serde(default, deserialize_with = "texts")]
            table: BTreeMap<String, String>,
        }
        let read = |text: &str| from_slice::<Table>(text.as_bytes()).map(|t| t.table);
        let table = read(r#"{"table":{"a":"x","b":7,"c":true,"d":null,"e":-1.5,5:"f"}}"#).unwrap();
        let expected = [("5", "f"), ("a", "x"), ("b", "7"), ("c", "true"), ("e", "-1.5")];
        assert!(table.iter().map(|(k, v)| (k.as_str(), v.as_str())).eq(expected));
        assert!(read(r#"{"table":null}"#).unwrap().is_empty());
        assert!(read("{}").unwrap().is_empty());
        assert!(read(r#"{"table":{"a":[1]}}"#).is_err());
    }

    /// JSON text as fastjson writes it (integer keys bare) and what it means.
    fn fastjson(depth: u32) -> impl Strategy<Value = (String, Value)> {
        let leaf = prop_oneof![
            any::<i64>().prop_map(|n| (n.to_string(), json!(n))),
            "[ -~]{0,12}".prop_map(|s| (json!(s).to_string(), json!(s))),
        ];
        leaf.prop_recursive(depth, 24, 4, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..4).prop_map(|items| {
                    let texts: Vec<_> = items.iter().map(|i| i.0.as_str()).collect();
                    let value = items.iter().map(|i| i.1.clone()).collect();
                    (format!("[{}]", texts.join(",")), value)
                }),
                proptest::collection::btree_map(any::<i64>(), inner, 0..4).prop_map(|map| {
                    let texts: Vec<_> = map.iter().map(|(k, v)| format!("{k}:{}", v.0)).collect();
                    let value = map.iter().map(|(k, v)| (k.to_string(), v.1.clone())).collect();
                    (format!("{{{}}}", texts.join(",")), value)
                }),
            ]
        })
    }

    proptest! {
        #[test]
        fn nested_maps_with_number_keys_read_as_meant((text, value) in fastjson(4)) {
            prop_assert_eq!(from_slice::<Value>(text.as_bytes()).unwrap(), value);
        }

        #[test]
        fn standard_json_is_never_changed((_, value) in fastjson(4)) {
            let text = value.to_string();
            prop_assert!(matches!(quote_integer_keys(text.as_bytes()), Cow::Borrowed(_)));
        }

        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>) {
            let _ = quote_integer_keys(&bytes);
        }

        #[test]
        fn no_json_like_text_makes_it_panic(text in "[{}\\[\\],:\"\\\\0-9a -]{0,40}") {
            let _ = from_slice::<Value>(text.as_bytes());
        }
    }
}
