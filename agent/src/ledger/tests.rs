#![allow(clippy::unwrap_used)]

use super::*;
use proptest::prelude::*;
use rocketmq_agent_domain::{
    document::{Change, Content, Document},
    names::HostName,
    placement::Placement,
    register::{Accepted, Ballot, Seats},
};

fn host() -> HostName {
    "vm1".parse().unwrap()
}

fn entry(document: Document) -> Entry {
    Entry::new(document, Seats::from([(host(), Some(Life(7)))])).unwrap()
}

/// Generations 1 to `count`.
fn history(count: usize) -> Vec<Entry> {
    let content = |text: String| Content {
        text,
        placement: Placement::default(),
        config_hosts: [host()].into(),
        paused: None,
        trial: None,
    };
    let mut documents = vec![Document::first(content("# 1\n".to_owned())).unwrap()];
    while documents.len() < count {
        let number = documents.len() + 1;
        let change = Change { author: "ann".to_owned(), host: host(), time: 1, message: "more".to_owned() };
        documents.push(documents[number - 2].next(content(format!("# {number}\n")), change).unwrap());
    }
    documents.into_iter().map(entry).collect()
}

fn vote(entries: &[Entry]) -> Vote {
    let ballot = Ballot { round: 3, host: host(), life: Life(7) };
    let accepted = Some(Accepted { ballot: ballot.clone(), entry: entries[1].clone() });
    Vote { life: Life(7), base: Some(entries[0].mark()), promised: Some(ballot), accepted }
}

/// A ledger with two documents and a vote.
fn written(folder: &Path) -> Vec<Entry> {
    let entries = history(2);
    let (ledger, _) = Ledger::open(folder, GENERATIONS).unwrap();
    ledger.write(&Effect::Keep(vote(&entries))).unwrap();
    for entry in &entries {
        ledger.write(&Effect::Store(entry.clone())).unwrap();
    }
    entries
}

fn reopened(folder: &Path) -> Recovered {
    Ledger::open(folder, GENERATIONS).unwrap().1
}

#[test]
fn a_first_start_has_a_vote_and_holds_nothing_and_the_vote_stays() {
    let dir = tempfile::tempdir().unwrap();
    let first = reopened(dir.path());
    assert_eq!((first.held.clone(), first.lost, first.vote.base), (None, None, None));
    assert_eq!(reopened(dir.path()), first);
    let other = tempfile::tempdir().unwrap();
    assert_ne!(reopened(other.path()).vote.life, first.vote.life);
}

#[test]
fn what_was_written_is_read_back() {
    let dir = tempfile::tempdir().unwrap();
    let entries = written(dir.path());
    assert_eq!(reopened(dir.path()), Recovered { held: entries.last().cloned(), lost: None, vote: vote(&entries) });
    let (ledger, _) = Ledger::open(dir.path(), GENERATIONS).unwrap();
    ledger.write(&Effect::SetAside(entries[1].clone())).unwrap();
    assert_eq!(ledger.aside().unwrap(), [entries[1].clone()]);
}

#[test]
fn as_many_generations_are_kept_as_was_asked_for() {
    let dir = tempfile::tempdir().unwrap();
    let (ledger, _) = Ledger::open(dir.path(), 3).unwrap();
    for entry in history(12) {
        ledger.write(&Effect::Store(entry)).unwrap();
    }
    assert_eq!(ledger.places().unwrap(), [(1, 10), (1, 11), (1, 12)]);
    assert_eq!(reopened(dir.path()).held.unwrap().mark().generation, 12);
}

/// The steps of a write: the temporary file with 0, 1, … all of its bytes, and the file in its place.
#[test]
fn a_crash_at_any_step_of_a_write_leaves_the_old_file_or_the_new_one() {
    let dir = tempfile::tempdir().unwrap();
    let entries = written(dir.path());
    let third = history(3).remove(2);
    let bytes = seal::seal(&seal::write_entry(&third).unwrap()).into_bytes();
    let temporary = dir.path().join("ledger").join(format!("{}x", files::TEMPORARY));
    for length in 0..=bytes.len() {
        fs::write(&temporary, &bytes[..length]).unwrap();
        let found = reopened(dir.path());
        assert_eq!((found.held.as_ref(), found.lost), (entries.last(), None));
        assert!(!temporary.exists());
    }
    fs::write(dir.path().join("ledger/epoch-1-generation-3.entry"), &bytes).unwrap();
    assert_eq!(reopened(dir.path()).held, Some(third));
}

#[test]
fn the_document_before_a_damaged_one_is_held_and_known_not_to_be_the_newest() {
    let dir = tempfile::tempdir().unwrap();
    let entries = written(dir.path());
    let newest = dir.path().join("ledger/epoch-1-generation-2.entry");
    for damage in [&b""[..], b"\0\0\0\0\0\0\0\0", b"rocketmq-agent ledger 1 "] {
        fs::write(&newest, damage).unwrap();
        let found = reopened(dir.path());
        assert_eq!((found.held.as_ref(), found.lost), (entries.first(), Some((1, 2))));
    }
    // Taken again from another host, it is as if nothing had been.
    let (ledger, _) = Ledger::open(dir.path(), GENERATIONS).unwrap();
    ledger.write(&Effect::Store(entries[1].clone())).unwrap();
    let found = reopened(dir.path());
    assert_eq!((found.held.as_ref(), found.lost), (entries.last(), None));
}

#[test]
fn a_document_under_another_ones_name_is_not_taken() {
    let dir = tempfile::tempdir().unwrap();
    let entries = written(dir.path());
    let folder = dir.path().join("ledger");
    fs::copy(folder.join("epoch-1-generation-1.entry"), folder.join("epoch-1-generation-9.entry")).unwrap();
    let found = reopened(dir.path());
    assert_eq!((found.held.as_ref(), found.lost), (entries.last(), Some((1, 9))));
}

#[test]
fn a_disk_that_cannot_be_read_is_an_error_and_no_new_life() {
    let dir = tempfile::tempdir().unwrap();
    written(dir.path());
    let path = dir.path().join("ledger").join(VOTE);
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    assert!(matches!(Ledger::open(dir.path(), GENERATIONS), Err(LedgerError::File(_))));
}

#[test]
fn a_write_that_fails_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let (ledger, found) = Ledger::open(dir.path(), GENERATIONS).unwrap();
    fs::remove_dir_all(dir.path().join("ledger")).unwrap();
    assert!(ledger.write(&Effect::Keep(found.vote)).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    /// Whatever happens to one file: no content that was never written, no older vote under the same life.
    #[test]
    fn damage_is_never_taken_for_content(file in 0..3_usize, at: prop::sample::Index, bit in 0..8_u8, how in 0..4_u8) {
        let dir = tempfile::tempdir().unwrap();
        let entries = written(dir.path());
        let name = [VOTE, "epoch-1-generation-1.entry", "epoch-1-generation-2.entry"][file];
        let path = dir.path().join("ledger").join(name);
        let mut bytes = fs::read(&path).unwrap();
        let at = at.index(bytes.len());
        match how {
            0 => bytes[at] ^= 1 << bit,
            1 => bytes.truncate(at),
            2 => bytes[at..].fill(0),
            _ => bytes.insert(at, b' '),
        }
        fs::write(&path, &bytes).unwrap();
        let found = reopened(dir.path());
        match file {
            0 => {
                prop_assert!(found.vote.life != Life(7) && found.vote == Vote::new(found.vote.life));
                prop_assert!(dir.path().join("ledger/vote.damaged").exists());
                prop_assert_eq!(found.held.as_ref(), entries.last());
            }
            1 => prop_assert_eq!((found.held.as_ref(), found.lost, found.vote), (entries.last(), None, vote(&entries))),
            _ => prop_assert_eq!(
                (found.held.as_ref(), found.lost, found.vote),
                (entries.first(), Some((1, 2)), vote(&entries))
            ),
        }
    }
}
