//! Java properties files: written so that `java.util.Properties.load(InputStream)` (ISO-8859-1) reads what was meant,
//! and read as it reads them. RocketMQ loads broker.conf and answers GET_BROKER_CONFIG this way.

use std::collections::BTreeMap;

/// One `key=value` line, escaped.
pub fn line(key: &str, value: &str) -> String {
    let mut out = String::with_capacity(key.len() + value.len() + 2);
    escape(key, true, &mut out);
    out.push('=');
    escape(value, false, &mut out);
    out.push('\n');
    out
}

fn escape(text: &str, is_key: bool, out: &mut String) {
    for (index, c) in text.chars().enumerate() {
        match c {
            ' ' if is_key || index == 0 => out.push_str("\\ "),
            '\t' => out.push_str("\\t"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\x0c' => out.push_str("\\f"),
            '\\' => out.push_str("\\\\"),
            '=' | ':' | '#' | '!' if is_key => {
                out.push('\\');
                out.push(c);
            }
            ' '..='~' => out.push(c),
            other => {
                for unit in other.encode_utf16(&mut [0; 2]) {
                    out.push_str(&format!("\\u{unit:04X}"));
                }
            }
        }
    }
}

/// The keys and values of a properties text, the last of equal keys. Half of a surrogate pair becomes U+FFFD; a `\u`
/// that Java would refuse the file for loses its backslash: what is read here was written by RocketMQ, and one odd value
/// must not hide the others.
pub fn parse(bytes: &[u8]) -> BTreeMap<String, String> {
    let text: String = bytes.iter().map(|byte| char::from(*byte)).collect();
    logical_lines(&text).iter().map(|line| split(line)).collect()
}

fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\x0c')
}

/// Lines without comments, those that end in an odd number of backslashes joined with the next. A line of which nothing
/// has come yet but such a backslash may still be blank or turn out to be a comment (OpenJDK 9 and later,
/// `Properties.LineReader`).
fn logical_lines(text: &str) -> Vec<String> {
    let mut lines = Vec::new();
    let mut joined: Option<String> = None;
    for natural in text.replace("\r\n", "\n").split(['\n', '\r']) {
        let body = natural.trim_start_matches(is_blank);
        let mut line = joined.take().unwrap_or_default();
        if line.is_empty() && (body.is_empty() || body.starts_with(['#', '!'])) {
            continue;
        }
        let backslashes = body.len() - body.trim_end_matches('\\').len();
        if backslashes % 2 == 1 {
            line.push_str(&body[..body.len() - 1]);
            joined = Some(line);
        } else {
            line.push_str(body);
            lines.push(line);
        }
    }
    lines.extend(joined);
    lines
}

fn split(line: &str) -> (String, String) {
    let mut escaped = false;
    let end = line
        .char_indices()
        .find(|(_, c)| {
            let separates = !escaped && (is_blank(*c) || matches!(c, '=' | ':'));
            escaped = !escaped && *c == '\\';
            separates
        })
        .map_or(line.len(), |(index, _)| index);
    let value = line[end..].trim_start_matches(is_blank);
    let value = value.strip_prefix(['=', ':']).unwrap_or(value).trim_start_matches(is_blank);
    (unescape(&line[..end]), unescape(value))
}

fn unescape(text: &str) -> String {
    let mut units: Vec<u16> = Vec::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        let plain = match c {
            '\\' => match rest.next() {
                Some('t') => '\t',
                Some('n') => '\n',
                Some('r') => '\r',
                Some('f') => '\x0c',
                Some('u') => {
                    let digits: String = rest.clone().take(4).collect();
                    match u16::from_str_radix(&digits, 16) {
                        Ok(unit) if digits.len() == 4 && digits.bytes().all(|digit| digit.is_ascii_hexdigit()) => {
                            units.push(unit);
                            rest.nth(3);
                            continue;
                        }
                        _ => 'u',
                    }
                }
                Some(other) => other,
                None => continue,
            },
            other => other,
        };
        units.extend_from_slice(plain.encode_utf16(&mut [0; 2]));
    }
    String::from_utf16_lossy(&units)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_backslash_and_a_leading_blank_survive() {
        assert_eq!(line("a b", " c\\d e"), "a\\ b=\\ c\\\\d e\n");
        assert_eq!(line("path", "C:=#"), "path=C:=#\n");
        assert_eq!(line("名", "\u{1F600}"), "\\u540D=\\uD83D\\uDE00\n");
    }

    #[test]
    fn the_forms_that_java_takes_are_taken() {
        let text = b"# comment\n! too\n a = 1\r\nb:2\nc 3\nd=x\\\n   y\ne\n f=\\u4e2d \\q\na=4\n";
        let read = parse(text);
        let expected = [("a", "4"), ("b", "2"), ("c", "3"), ("d", "xy"), ("e", ""), ("f", "中 q")];
        assert_eq!(read, expected.map(own).into());
    }

    #[test]
    fn a_value_goes_on_after_a_windows_line_end_and_an_empty_continuation_is_no_entry() {
        assert_eq!(parse(b"a=x\\\r\n  y\r\nb=1\r\n"), [("a", "xy"), ("b", "1")].map(own).into());
        assert_eq!(parse(b"\\\r\n\n\\\n# no key\na=1\n"), [("a", "1")].map(own).into());
    }

    #[test]
    fn a_sign_is_no_hexadecimal_digit() {
        assert_eq!(parse(b"a=\\u+12F"), [("a", "u+12F")].map(own).into());
    }

    fn own((key, value): (&str, &str)) -> (String, String) {
        (key.to_owned(), value.to_owned())
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(key in "[^\u{0}]{1,12}", value in "\\PC{0,20}|[ \t\\\\=:#!\n\r\u{0c}a]{0,12}") {
            let read = parse(line(&key, &value).as_bytes());
            prop_assert_eq!(read, BTreeMap::from([(key, value)]));
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            parse(&bytes);
        }
    }
}
