#![allow(clippy::unwrap_used)]

use super::*;
use proptest::prelude::*;

fn hosts(names: &[&str]) -> BTreeSet<HostName> {
    names.iter().map(|name| name.parse().unwrap()).collect()
}

fn content(text: &str) -> Content {
    Content {
        text: text.to_owned(),
        placement: Placement::default(),
        config_hosts: hosts(&["vm1", "vm2"]),
        paused: None,
        trial: None,
    }
}

fn change(message: &str) -> Change {
    Change { author: "ann".to_owned(), host: "vm1".parse().unwrap(), time: 1, message: message.to_owned() }
}

#[test]
fn the_file_of_a_document_is_kept_byte_by_byte_over_versions() {
    let first = Document::first(content("# a comment\n[cluster]\n")).unwrap();
    let body = "{\n  \"generation\": 1,\n  \"epoch\": 1,\n  \"parent\": null,\n  \"openings\": [],\n  \"without\": [],\n  \
        \"config_hosts\": [\n    \"vm1\",\n    \"vm2\"\n  ],\n  \"paused\": false,\n  \"change\": null,\n  \
        \"placement\": {\n    \"namesrvs\": [],\n    \"brokers\": []\n  }\n}\n\n# a comment\n[cluster]\n";
    let hash = DocumentHash::of(body.as_bytes());
    assert_eq!(first.to_string(), format!("rocketmq-agent document 1 {hash}\n{body}"));
    assert_eq!(first.hash(), hash);
}

#[test]
fn equal_files_make_one_first_document_and_a_comment_makes_another() {
    let [a, b, c] = ["x = 1\n", "x = 1\n", "x = 1 # same?\n"].map(|text| Document::first(content(text)).unwrap());
    assert_eq!(a, b);
    assert_ne!(a, c);
}

#[test]
fn a_child_follows_its_parent_and_nothing_else() {
    let first = Document::first(content("1")).unwrap();
    let second = first.next(content("2"), change("two")).unwrap();
    let third = second.next(content("3"), change("three")).unwrap();
    assert!(first.follows(None) && second.follows(Some(&first)) && third.follows(Some(&second)));
    assert!(!third.follows(Some(&first)) && !second.follows(None) && !second.follows(Some(&second)));
    assert_eq!((third.generation(), third.epoch()), (3, 1));
}

#[test]
fn an_override_begins_an_epoch_and_those_after_it_remember() {
    let first = Document::first(content("1")).unwrap();
    let alone = Content { config_hosts: hosts(&["vm1"]), ..content("2") };
    let second = first.next_without(hosts(&["vm2"]), None, alone.clone(), change("vm2 burnt")).unwrap();
    let third = second.next(alone.clone(), change("go on")).unwrap();
    assert_eq!((second.epoch(), third.epoch()), (2, 2));
    assert_eq!(third.line().iter().map(|it| it.hash).collect::<Vec<_>>(), [first.hash(), second.hash()]);
    assert!(second.follows(Some(&first)) && third.follows(Some(&second)));
    assert_eq!(first.next_without(hosts(&["vm2"]), Some(4), alone, change("again")).unwrap().epoch(), 5);
    assert!(first.next_without(hosts(&["vm2"]), None, content("2"), change("it still votes")).is_err());
    assert!(first.next_without(BTreeSet::new(), None, content("2"), change("nobody")).is_err());
}

#[test]
fn a_document_that_is_too_long_is_refused_made_or_read() {
    let long = "#".repeat(LONGEST + 1);
    assert!(matches!(Document::first(content(&long)), Err(DocumentError::TooLong(_))));
    assert!(matches!(Document::read(&long), Err(DocumentError::TooLong(_))));
    assert!(Document::first(content(&"#".repeat(LONGEST - 1000))).is_ok());
}

/// A file with a hash that is right for it.
fn sealed(body: &str) -> String {
    format!("rocketmq-agent document 1 {}\n{body}", DocumentHash::of(body.as_bytes()))
}

#[test]
fn a_file_that_is_sealed_well_and_does_not_add_up_is_refused() {
    let first = Document::first(content("x\n")).unwrap().to_string();
    let body = first.split_once('\n').unwrap().1;
    assert!(Document::read(&sealed(body)).is_ok());
    let compact = body.replace("\n  ", "");
    let cases = [
        ("\"generation\": 1", "\"generation\": 0"),
        ("\"generation\": 1", "\"generation\": 2"),
        ("\"generation\": 1", "\"generation\": -1"),
        ("\"epoch\": 1", "\"epoch\": 2"),
        ("\"epoch\": 1,", "\"epoch\": 1,\n  \"more\": 1,"),
        ("\"without\": []", "\"without\": [\n    \"vm1\"\n  ]"),
        ("    \"vm1\",\n    \"vm2\"\n", ""),
        ("\"vm1\"", "\"no host\""),
        ("\"brokers\": []", "\"brokers\": [], \"x\": 1"),
        (body, compact.as_str()),
        ("\n\n", "\n"),
    ];
    for (from, to) in cases {
        let edited = body.replacen(from, to, 1);
        assert_ne!(edited, body, "{from}");
        assert!(Document::read(&sealed(&edited)).is_err(), "{to} was taken");
    }
}

proptest! {
    #[test]
    fn every_document_is_read_back_as_it_was(text in "\\PC*(\n\n?[a-z{}\"#=]*)*", message in ".*", paused: bool) {
        let first = Document::first(Content { paused: paused.then(|| change("no")), ..content(&text) }).unwrap();
        let second = first.next(content(&text), change(&message)).unwrap();
        for document in [first, second] {
            let read = Document::read(&document.to_string()).unwrap();
            prop_assert_eq!(read.to_string(), document.to_string());
            prop_assert_eq!(read.text(), text.as_str());
        }
    }

    #[test]
    fn a_flipped_bit_or_a_cut_is_always_found(at: prop::sample::Index, bit in 0..7_u8, cut: bool) {
        let file = Document::first(content("[cluster]\nname = \"x\"\n")).unwrap().to_string();
        let mut bytes = file.into_bytes();
        let at = at.index(bytes.len());
        if cut { bytes.truncate(at) } else { bytes[at] ^= 1 << bit }
        prop_assert!(Document::read(std::str::from_utf8(&bytes).unwrap()).is_err());
    }
}

#[test]
fn a_document_says_who_paused_it_and_until_when_it_is_tried_and_the_first_one_is_not_tried() {
    let first = Document::first(content("a")).unwrap();
    let trial = Some(Trial { until: 7, back_to: first.hash() });
    let next = Content { trial, paused: Some(change("wait")), ..content("b") };
    let next = Document::read(&first.next(next, change("try")).unwrap().to_string()).unwrap();
    assert_eq!((next.trial(), next.paused()), (trial, Some(&change("wait"))));
    assert!(!first.to_string().contains("trial"), "older agents read what has none");
    assert!(Document::first(Content { trial, ..content("b") }).is_err());
}
