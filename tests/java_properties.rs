//! Our properties files against Java's own parser: what is written is read there as it was meant, and what Java reads of
//! a text, odd as it may be, is read the same here. One start of a JVM for all files.
//!
//! Three differences are allowed. Java keeps half a surrogate pair, which no Rust string can hold: here it is U+FFFD.
//! Java refuses a whole file for one malformed `\u`; here the rest of it is read, since it was RocketMQ that sent it. A
//! last line of nothing but a backslash and one line end is an entry of two empty texts to Java, and nothing here.
#![allow(clippy::disallowed_methods, clippy::unwrap_used, clippy::panic, missing_docs)]

use proptest::{
    collection::{btree_map, vec},
    prelude::*,
    sample::select,
    strategy::{Union, ValueTree},
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use rocketmq_agent_domain::desired::properties::{line, parse};
use std::{collections::BTreeMap, fs, path::Path, process::Command, sync::LazyLock};

type Entries = BTreeMap<String, String>;

const FILES: usize = 400;

/// The same examples in every run.
fn examples<T>(strategy: impl Strategy<Value = T>) -> Vec<T> {
    let mut runner = TestRunner::new_with_rng(Config::default(), TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    (0..FILES).map(|_| strategy.new_tree(&mut runner).unwrap().current()).collect()
}

/// What Java reads of each text; `None` where it refuses the file.
fn java(texts: &[Vec<u8>]) -> Vec<Option<Entries>> {
    let folder = tempfile::tempdir().unwrap();
    for (index, text) in texts.iter().enumerate() {
        fs::write(folder.path().join(format!("{index:06}")), text).unwrap();
    }
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/java/PropertiesEcho.java");
    let echo = Command::new("java")
        .args(["-Xmx128m", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"])
        .arg(program)
        .arg(folder.path())
        .output()
        .expect("a JDK is on the PATH: make setup");
    assert!(echo.status.success(), "{}", String::from_utf8_lossy(&echo.stderr));
    let said = String::from_utf8(echo.stdout).unwrap();
    let files: Vec<Option<Entries>> = said.split("= ").skip(1).map(entries).collect();
    assert_eq!(files.len(), texts.len());
    files
}

fn entries(file: &str) -> Option<Entries> {
    let (name, lines) = file.split_once('\n').unwrap();
    let text = |hex: &str| {
        let units = hex.as_bytes().chunks_exact(4).map(|unit| std::str::from_utf8(unit).unwrap());
        let units: Vec<u16> = units.map(|unit| u16::from_str_radix(unit, 16).unwrap()).collect();
        String::from_utf16_lossy(&units)
    };
    let entry = |line: &str| line.split_once(' ').map(|(key, value)| (text(key), text(value))).unwrap();
    (!name.ends_with(" refused")).then(|| lines.lines().map(entry).collect())
}

/// What Java reads of the files below: of those that are written first, then of the odd ones.
static READ: LazyLock<Vec<Option<Entries>>> = LazyLock::new(|| java(&[written_files(), odd_texts()].concat()));

fn written() -> Vec<Entries> {
    let text = || {
        prop_oneof![
            3 => "[ -~]{0,12}",
            1 => "\\PC{0,8}",
            1 => "[ \t\\\\=:#!\n\r\u{c}\u{0}\u{85}u0-9a]{0,12}",
            1 => any::<String>(),
        ]
    };
    examples(btree_map(text(), text(), 0..8))
}

fn written_files() -> Vec<Vec<u8>> {
    let file = |entries: Entries| entries.iter().map(|(key, value)| line(key, value)).collect::<String>();
    written().into_iter().map(|entries| file(entries).into_bytes()).collect()
}

/// Pieces that mean something to the parser, and how often each comes.
const PIECES: [(u32, &[&[u8]]); 5] = [
    (8, &[b"a", b"b", b"key", b"value", b"u0041", b"\xe9", b"\x85", b"\x00", b"\x1c"]),
    (8, &[b"=", b":", b" ", b"\t", b"\x0c", b"#", b"!"]),
    (8, &[b"\n", b"\r", b"\r\n", b"\\\n", b"\\\r", b"\\\r\n", b"\\"]),
    (4, &[b"\\u0041", b"\\u4E2d", b"\\uD83D\\uDE00", b"\\t", b"\\n", b"\\f", b"\\q", b"\\\\", b"\\u003d", b"\\u000A"]),
    (1, &[b"\\uD83D", b"\\uDE00", b"\\u12", b"\\uzzzz", b"\\u+12F", b"\\u"]),
];

fn odd_texts() -> Vec<Vec<u8>> {
    let pieces = PIECES.iter().map(|(weight, pieces)| (*weight, select(*pieces).boxed())).collect();
    examples(vec(Union::new_weighted(pieces), 0..16)).into_iter().map(|pieces| pieces.concat()).collect()
}

fn shown(text: &[u8]) -> String {
    text.escape_ascii().to_string()
}

#[test]
fn java_reads_what_was_meant() {
    for ((meant, file), read) in written().iter().zip(written_files()).zip(&READ[..FILES]) {
        assert_eq!(read.as_ref(), Some(meant), "{}", shown(&file));
        assert_eq!(parse(&file), *meant, "{}", shown(&file));
        assert!(file.is_ascii(), "whatever the encoding of its reader");
    }
}

#[test]
fn what_java_reads_of_an_odd_text_is_read_the_same_here() {
    let mut wrong = Vec::new();
    let mut refused = 0;
    for (text, mut read) in odd_texts().iter().zip(READ[FILES..].iter().cloned()) {
        let mut ours = parse(text);
        if text.ends_with(b"\\\n") || text.ends_with(b"\\\r") {
            ours.remove("");
            read.as_mut().map(|read| read.remove(""));
        }
        match read {
            Some(read) if read != ours => wrong.push(format!("{}\n  java {read:?}\n  ours {ours:?}", shown(text))),
            Some(_) => {}
            None => {
                refused += 1;
                assert!(!parse(text).is_empty(), "one bad escape hides all of {}", shown(text));
            }
        }
    }
    assert!(wrong.is_empty(), "{} of {FILES}\n{}", wrong.len(), wrong.join("\n"));
    assert!((1..FILES / 2).contains(&refused), "{refused} texts show nothing");
}
