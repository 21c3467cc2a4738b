//! The text in which a broker answers code 26: one `key=value` a line, UTF-8, in any order. It looks like a Java
//! .properties file but nothing in it is escaped (`MixAll.properties2String`, 4.7.0 to 5.5.0; a backslash was seen to
//! come as it is), so escapes must not be undone here.

use std::collections::BTreeMap;

/// The keys and values of the text. Lines without `=` and comments are left out; of a key that comes twice the last
/// value counts.
pub(super) fn parse(text: &[u8]) -> BTreeMap<String, String> {
    String::from_utf8_lossy(text)
        .lines()
        .filter(|line| !line.starts_with('#'))
        .filter_map(|line| line.split_once('='))
        .map(|(key, value)| (key.trim().to_owned(), value.to_owned()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_taken_as_they_are() {
        let text = "brokerName=broker-a\nnamesrvAddr=\nfilter=a=b\npath=C:\\dir 中\r\n# no=key\nodd line\n";
        let expected = [("brokerName", "broker-a"), ("filter", "a=b"), ("namesrvAddr", ""), ("path", "C:\\dir 中")];
        let map = parse(text.as_bytes());
        assert!(map.iter().map(|(k, v)| (k.as_str(), v.as_str())).eq(expected));
    }

    #[test]
    fn bytes_that_are_no_text_lose_nothing_else() {
        assert_eq!(parse(b"\xff=1\na=2")["a"], "2");
    }
}
