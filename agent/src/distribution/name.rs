//! Names of entries: bytes from an archive in, a path that stays within the tree out, or the reason why not.
//!
//! Pure: nothing here looks at a disk.

use super::error::Refusal;
use std::path::{Path, PathBuf};

/// The entry's path relative to the tree's root, made of plain components only.
///
/// Empty for the root itself (`./` in a tar made of `.`). Backslashes are refused rather than taken for separators: an
/// archive with them would unpack differently here and where it was made.
pub(super) fn relative(name: &[u8]) -> Result<PathBuf, Refusal> {
    let name = std::str::from_utf8(name).map_err(|_| Refusal::Unprintable)?;
    if name.is_empty() {
        return Err(Refusal::NoName);
    }
    if name.chars().any(|c| c.is_control() || c == '\\') {
        return Err(Refusal::Unprintable);
    }
    if name.starts_with('/') || has_drive_letter(name) {
        return Err(Refusal::Absolute);
    }
    let mut path = PathBuf::new();
    for part in name.split('/') {
        match part {
            "" | "." => {}
            ".." => return Err(Refusal::Parent),
            part => path.push(part),
        }
    }
    Ok(path)
}

/// Where a symbolic link at `link` (as [`relative`] gave it) leads, relative to the tree's root.
///
/// By its text alone, which is enough because links are never written: they become copies of the file they lead to.
pub(super) fn symlink_target(link: &Path, target: &[u8]) -> Result<PathBuf, Refusal> {
    let outside = || Refusal::LinkOutside(shown(target));
    let text = std::str::from_utf8(target).map_err(|_| outside())?;
    if text.starts_with('/') || text.contains('\\') || has_drive_letter(text) {
        return Err(outside());
    }
    let mut path = link.parent().map(Path::to_owned).unwrap_or_default();
    for part in text.split('/') {
        match part {
            "" | "." => {}
            ".." if path.pop() => {}
            ".." => return Err(outside()),
            part => path.push(part),
        }
    }
    Ok(path)
}

/// Where a hard link leads: tar names its target from the root of the archive.
pub(super) fn hard_link_target(target: &[u8]) -> Result<PathBuf, Refusal> {
    relative(target).map_err(|_| Refusal::LinkOutside(shown(target)))
}

/// The name for a message: control characters escaped, so that an archive cannot write to a terminal.
pub(super) fn shown(name: &[u8]) -> String {
    String::from_utf8_lossy(name).escape_debug().to_string()
}

/// Whether a version can be the name of a folder and part of the names of jars.
pub(super) fn is_version(version: &str) -> bool {
    !version.is_empty()
        && version.len() <= 64
        && !version.starts_with('.')
        && version.bytes().all(|b| b.is_ascii_alphanumeric() || b".-_+".contains(&b))
}

fn has_drive_letter(name: &str) -> bool {
    let mut bytes = name.bytes();
    bytes.next().is_some_and(|b| b.is_ascii_alphabetic()) && bytes.next() == Some(b':')
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::path::Component;

    #[test]
    fn plain_names_are_taken_and_tidied() {
        for (name, path) in [
            ("rocketmq/lib/a.jar", "rocketmq/lib/a.jar"),
            ("./lib//a.jar", "lib/a.jar"),
            ("lib/", "lib"),
            ("./", ""),
            ("a..b/..c", "a..b/..c"),
        ] {
            assert_eq!(relative(name.as_bytes()).unwrap(), Path::new(path), "{name}");
        }
    }

    #[test]
    fn names_that_lead_elsewhere_are_refused_with_the_reason() {
        for (name, why) in [
            (&b""[..], Refusal::NoName),
            (b"/etc/passwd", Refusal::Absolute),
            (b"//etc/passwd", Refusal::Absolute),
            (b"C:/windows", Refusal::Absolute),
            (b"../x", Refusal::Parent),
            (b"lib/../../x", Refusal::Parent),
            (b"lib/..", Refusal::Parent),
            (b"..\\x", Refusal::Unprintable),
            (b"lib\\a.jar", Refusal::Unprintable),
            (b"a\0b", Refusal::Unprintable),
            (b"a\nb", Refusal::Unprintable),
            (b"a\x1b[2J", Refusal::Unprintable),
            (b"\xff\xfe", Refusal::Unprintable),
        ] {
            assert_eq!(relative(name), Err(why), "{}", shown(name));
        }
    }

    #[test]
    fn a_link_may_go_up_within_the_tree_but_not_out_of_it() {
        let link = Path::new("top/bin/mq");
        assert_eq!(symlink_target(link, b"../lib/a.jar").unwrap(), Path::new("top/lib/a.jar"));
        assert_eq!(symlink_target(link, b"../../x").unwrap(), Path::new("x"));
        for target in ["../../../x", "/etc/passwd", "..\\..\\x", "C:/x", "a/../../../../x"] {
            assert_eq!(symlink_target(link, target.as_bytes()), Err(Refusal::LinkOutside(shown(target.as_bytes()))),);
        }
    }

    #[test]
    fn a_version_is_a_plain_folder_name() {
        for good in ["4.7.0", "5.5.0", "5.4.0-SNAPSHOT", "5.1.4+acme_2"] {
            assert!(is_version(good), "{good}");
        }
        for bad in ["", ".", "..", ".5", "5/0", "5 0", "5.0\n", "é", &"9".repeat(65)] {
            assert!(!is_version(bad), "{bad}");
        }
    }

    /// Names out of the pieces that traversal is made of, so that most of the cases are nasty ones.
    fn nasty() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            Just("..".to_owned()),
            Just(".".to_owned()),
            Just("/".to_owned()),
            Just("\\".to_owned()),
            Just("C:".to_owned()),
            Just("\0".to_owned()),
            Just("lib".to_owned()),
            Just("...".to_owned()),
            Just("%2e%2e".to_owned()),
            "[a-z.]{1,3}",
            Just("\u{202e}".to_owned()),
        ];
        prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn what_is_accepted_has_plain_components_only(name in nasty()) {
            if let Ok(path) = relative(name.as_bytes()) {
                prop_assert!(path.components().all(|c| matches!(c, Component::Normal(_))));
                prop_assert!(Path::new("/root").join(&path).starts_with("/root"));
            }
        }

        #[test]
        fn what_goes_up_is_never_accepted(before in nasty(), after in nasty()) {
            let (name, link) = (format!("{before}/../{after}"), Path::new("a"));
            prop_assert!(relative(name.as_bytes()).is_err());
            if let Ok(path) = symlink_target(link, name.as_bytes()) {
                prop_assert!(path.components().all(|c| matches!(c, Component::Normal(_))));
            }
        }

        #[test]
        fn any_bytes_are_either_refused_or_stay_inside(name in prop::collection::vec(any::<u8>(), 0..40)) {
            if let Ok(path) = relative(&name) {
                prop_assert!(path.components().all(|c| matches!(c, Component::Normal(_))));
            }
        }
    }
}
