//! Secrets in texts that a person will see or send away: which keys hold one, and a text without their values.
//! In: cluster files, properties, units, JSON, logs. Out: the same with `…` where a secret was. Rather too much is
//! blanked than too little.

/// What stands for a secret.
const BLANK: &str = "…";
/// A key with one of these in its name, in any case, holds a secret.
const NAMES: [&str; 7] = ["secret", "password", "passwd", "token", "accesskey", "credential", "privatekey"];

/// Whether a key's value belongs into no log and no archive.
pub fn is_secret(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    NAMES.iter().any(|name| key.contains(name))
}

/// The text without the values of secret keys (`key = value`, `"key": value`, `-Dkey=value`), without what stands before
/// the `@` of a URL, and without private keys.
pub fn blanked(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(['=', ':', '-']) {
        let (before, from) = rest.split_at(at);
        out += before;
        let secret = match from.strip_prefix("://") {
            Some(address) => user_of(address).map(|user| ("://", user)),
            None if from.starts_with("-----BEGIN ") => private_key(from).map(|key| ("", key)),
            None if from.starts_with('-') => None,
            None => {
                let found = is_secret(key_before(&out)).then(|| value(&from[1..])).flatten();
                found.map(|(blanks, value)| (&from[..1 + blanks], value))
            }
        };
        match secret {
            Some((kept, gone)) => {
                out += kept;
                out += BLANK;
                rest = &from[kept.len() + gone..];
            }
            None => {
                out += &from[..1];
                rest = &from[1..];
            }
        }
    }
    out + rest
}

/// The key that ends where the text does.
fn key_before(text: &str) -> &str {
    let text = text.trim_end_matches([' ', '\t', '"', '\'', '\\']);
    let is_part = |c: char| c.is_alphanumeric() || "_.-".contains(c);
    &text[text.rfind(|c| !is_part(c)).map_or(0, |at| at + text[at..].chars().next().map_or(1, char::len_utf8))..]
}

/// How many blanks come first, and how long the value behind them is; `None` where there is none.
fn value(text: &str) -> Option<(usize, usize)> {
    let blanks = text.len() - text.trim_start_matches([' ', '\t']).len();
    let value = &text[blanks..];
    let quoted = |quote: &str| value.strip_prefix(quote).map(|inside| quote.len() + end_of(inside, quote));
    let blank = value.starts_with(BLANK).then_some(BLANK.len());
    let length =
        blank.or_else(|| quoted("\"\"\"")).or_else(|| quoted("'''")).or_else(|| quoted("\"")).or_else(|| quoted("'"));
    let length = length.unwrap_or_else(|| match value.starts_with(['[', '{']) {
        true => brackets(value),
        false => value.find('\n').unwrap_or(value.len()),
    });
    (length > 0).then_some((blanks, length))
}

/// Where a quoted string is over, its quotes included.
fn end_of(inside: &str, quote: &str) -> usize {
    let mut at = 0;
    while let Some(found) = inside[at..].find(quote) {
        let end = at + found;
        let escapes = inside[..end].bytes().rev().take_while(|byte| *byte == b'\\').count();
        at = end + quote.len();
        if escapes % 2 == 0 || quote.starts_with('\'') {
            return at;
        }
    }
    inside.len()
}

/// Where a list or table is over. Brackets in strings are counted too, which blanks rather too much.
fn brackets(text: &str) -> usize {
    let mut depth = 0_usize;
    for (at, c) in text.char_indices() {
        match c {
            '[' | '{' => depth += 1,
            ']' | '}' if depth == 1 => return at + 1,
            ']' | '}' => depth -= 1,
            _ => {}
        }
    }
    text.len()
}

/// How long the user and password of an address are.
fn user_of(address: &str) -> Option<usize> {
    let authority = address.split(['/', '"', '\'', ' ', '\n', '?', '#']).next()?;
    authority.rfind('@')
}

/// How long a private key is, its frame included.
fn private_key(text: &str) -> Option<usize> {
    let frame = text.lines().next()?;
    if !frame.contains("PRIVATE KEY") {
        return None;
    }
    let end = text.find("-----END ").map_or(text.len(), |at| at + text[at..].find('\n').unwrap_or(text.len() - at));
    Some(end)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn values_of_secret_keys_are_blanked_in_every_kind_of_file() {
        for (text, shown) in [
            ("sslPassword = \"x\" # mine\n", "sslPassword = … # mine\n"),
            ("config = { sslPassword = 'x', listenPort = 1 }", "config = { sslPassword = …, listenPort = 1 }"),
            ("tls.client.keyPassword=a b\nnext=1", "tls.client.keyPassword=…\nnext=1"),
            (
                "initAuthenticationUser={\"username\":\"u\",\"password\":\"x\"}",
                "initAuthenticationUser={\"username\":\"u\",\"password\":…}",
            ),
            (
                "innerClientAuthenticationCredentials={\"a\":\n\"x\"}\nb=1",
                "innerClientAuthenticationCredentials=…\nb=1",
            ),
            (
                "{\"innerClientAuthenticationCredentials\": \"{\\\"secretKey\\\":\\\"x\\\"}\",\n\"b\": true}",
                "{\"innerClientAuthenticationCredentials\": …,\n\"b\": true}",
            ),
            (
                "ExecStart=/bin/java -Dtrust.password=x Main\nType=exec",
                "ExecStart=/bin/java -Dtrust.password=…\nType=exec",
            ),
            ("accessKey: x\nsecretKey: y\nadmin: true", "accessKey: …\nsecretKey: …\nadmin: true"),
            ("tokens = [\n \"x\",\n]\na = 1", "tokens = …\na = 1"),
            ("password = \"\"\"a\n\"b\"\nc\"\"\"\nd = 1", "password = …\nd = 1"),
            ("password = \"a\\\"b\" c", "password = … c"),
            ("url = \"https://ann:pa@ss@dist.example/r.zip\" # a@b", "url = \"https://…@dist.example/r.zip\" # a@b"),
            ("k\n-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\nafter", "k\n…\nafter"),
        ] {
            assert_eq!(blanked(text), shown);
            assert_eq!(blanked(shown), shown, "blanked twice");
        }
    }

    #[test]
    fn what_is_no_secret_stays() {
        for text in [
            "source = \"https://dist.example/a@b.zip\"",
            "brokerIP1=10.0.0.1\npassword=\n",
            "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
            "2026-01-01 10:00:00 INFO key = value: a-b --c",
            "→ ä: ö = ü",
        ] {
            assert_eq!(blanked(text), text);
        }
    }

    proptest! {
        /// Whatever surrounds it.
        #[test]
        fn no_secret_comes_through(before in "\\PC{0,20}", key in "[a-z.]{0,5}(Secret|passWord|accessKey)[a-zA-Z.]{0,5}",
            blank in "[ \t]{0,2}", separator in "[=:]", quote in "[\"']", after in "\\PC{0,20}") {
            let text = format!("{before}\n{key}{blank}{separator}{blank}{quote}hidden{quote}{after}\n");
            prop_assert!(!blanked(&text).contains("hidden"), "{}", blanked(&text));
            let text = format!("{before}\n{key}{separator}{blank}hidden\n{after}");
            prop_assert!(!blanked(&text).contains("hidden"), "{}", blanked(&text));
        }
    }
}
