//! Writing text so that systemd reads it back unchanged. In: any text. Out: a word, an argument or a bare path of a unit
//! file. The rules are those of systemd 247-257 `extract-word.c`, `load-fragment.c` and `env-util.c`: double quotes with
//! C escapes, `%` for specifiers everywhere, `$` for variables in commands.

use super::UnitError;
use std::path::Path;

/// One word of a list of words.
pub(super) fn word(text: &str) -> String {
    let mut word = String::from("\"");
    for c in text.chars() {
        match c {
            '%' => word.push_str("%%"),
            '"' => word.push_str("\\\""),
            '\\' => word.push_str("\\\\"),
            '\n' => word.push_str("\\n"),
            '\t' => word.push_str("\\t"),
            // What else is below 0x80 and not printable; beyond that the file is UTF-8.
            c if c.is_ascii_control() => word.push_str(&format!("\\x{:02x}", u32::from(c))),
            c => word.push(c),
        }
    }
    word.push('"');
    word
}

/// One argument of a command: a word in which `$` stands for itself too.
pub(super) fn argument(text: &str) -> String {
    if is_plain(text) { text.to_owned() } else { word(text).replace('$', "$$") }
}

/// A path in a list of paths: control characters have no escape there before systemd 254.
pub(super) fn word_path(path: &Path) -> Result<String, UnitError> {
    let text = printable(path)?;
    Ok(if is_plain(text) { text.to_owned() } else { word(text) })
}

/// Nothing in it means anything, so it can stand bare, for the sake of those who read the file.
fn is_plain(text: &str) -> bool {
    !text.is_empty() && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_./:=,+@*".contains(c))
}

/// A path that is the rest of its line.
pub(super) fn raw_path(path: &Path) -> Result<String, UnitError> {
    let text = printable(path)?;
    if text.trim() != text || text.ends_with('\\') {
        return Err(UnitError::Path { path: path.to_owned() });
    }
    Ok(text.replace('%', "%%"))
}

fn printable(path: &Path) -> Result<&str, UnitError> {
    let text = path.to_str().filter(|text| !text.chars().any(char::is_control));
    text.ok_or_else(|| UnitError::Path { path: path.to_owned() })
}
