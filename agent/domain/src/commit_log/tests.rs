use super::*;
use proptest::prelude::*;

/// A message as a master writes it.
pub fn message(offset: u64, topic: &str, body: &[u8], properties: &[u8]) -> Vec<u8> {
    let mut rest = Vec::new();
    rest.extend(if topic.len() > 127 { 0xdaa3_20ab_u32 } else { 0xdaa3_20a7 }.to_be_bytes());
    rest.extend((crc32fast::hash(body) & 0x7fff_ffff).to_be_bytes());
    rest.extend([0; 8]);
    rest.extend(7_u64.to_be_bytes());
    rest.extend(offset.to_be_bytes());
    rest.extend([0; 4]);
    rest.extend(1_700_000_000_000_u64.to_be_bytes());
    rest.extend([127, 0, 0, 1, 0, 0, 0x2a, 0x9f]);
    rest.extend((1_700_000_000_000 + offset).to_be_bytes());
    rest.extend([127, 0, 0, 1, 0, 0, 0x2a, 0x9f]);
    rest.extend([0; 12]);
    rest.extend((body.len() as u32).to_be_bytes());
    rest.extend(body);
    match topic.len() {
        length @ 128.. => rest.extend((length as u16).to_be_bytes()),
        length => rest.push(length as u8),
    }
    rest.extend(topic.as_bytes());
    rest.extend((properties.len() as u16).to_be_bytes());
    rest.extend(properties);
    let size = rest.len() as u32 + 4;
    size.to_be_bytes().into_iter().chain(rest).collect()
}

#[test]
fn a_message_is_whole_only_with_all_of_its_bytes_at_its_own_offset() {
    for topic in ["Orders", &"t".repeat(200)] {
        let bytes = message(4096, topic, b"hello", b"KEYS\x01k\x02");
        let size = bytes.len() as u64;
        assert_eq!(frame(&bytes, 4096), Frame::Message { size, stored_at: 1_700_000_004_096 });
        let longer = [bytes.clone(), vec![0xff; 50]].concat();
        assert_eq!(frame(&longer, 4096).size(), Some(size));
        assert_eq!(frame(&bytes, 8192), Frame::Broken, "it lies elsewhere");
        for length in 0..bytes.len() {
            assert_eq!(frame(&bytes[..length], 4096), Frame::Broken, "{length}");
        }
    }
}

/// The bodies of pulls, recorded from real brokers: each message lies there as it does in the log.
#[test]
fn real_messages_of_every_release_are_whole() {
    for bytes in [
        &include_bytes!("../../../../tests/fixtures/frames/4.7.0-master-11-pull-found.bin")[..],
        include_bytes!("../../../../tests/fixtures/frames/4.9.4-master-11-pull-found.bin"),
        include_bytes!("../../../../tests/fixtures/frames/5.5.0-master-11-pull-found.bin"),
    ] {
        let magic = 0xdaa3_20a7_u32.to_be_bytes();
        let at = (0..bytes.len()).find(|at| bytes[*at..].get(4..8) == Some(&magic)).unwrap();
        let offset = u64::from_be_bytes(bytes[at + 28..at + 36].try_into().unwrap());
        assert!(matches!(frame(&bytes[at..], offset), Frame::Message { .. }));
    }
}

#[test]
fn a_filler_is_known_by_its_head_alone() {
    let head = [512_u32.to_be_bytes(), 0xcbd4_3194_u32.to_be_bytes()].concat();
    assert_eq!(frame(&head, 0), Frame::Blank { size: 512 });
    assert_eq!(frame_size(&head, 512), Some(512));
    assert_eq!(frame_size(&head, 511), None, "it would reach into the next file");
    assert_eq!(frame(&[0; 64], 0), Frame::Broken);
}

#[test]
fn what_both_members_have_at_a_boundary_says_what_is_to_be_done() {
    let [whole, other] = [b"one", b"two"].map(|body| message(300, "T", body, b"K\x01v"));
    let verdict = |master: &[u8], slave: &[u8]| judge(300, master, slave);
    let end = 300 + whole.len() as u64;
    assert_eq!(verdict(&[], &whole), Verdict::MasterLacks { from: 300 });
    assert_eq!(verdict(&whole, &[]), Verdict::SlaveEnds { at: 300 });
    assert_eq!(verdict(&[0; 40], &whole[..40]), Verdict::SlaveEnds { at: 300 });
    assert_eq!(verdict(&whole, &whole), Verdict::Same { end });
    let stored_at = 1_700_000_000_300;
    assert_eq!(verdict(&whole, &other), Verdict::Diverged { at: 300, master: stored_at, slave: stored_at });
    let filler = |rest: u8| [&40_u32.to_be_bytes()[..], &0xcbd4_3194_u32.to_be_bytes(), &[rest; 32]].concat();
    assert_eq!(verdict(&filler(0), &filler(7)), Verdict::Same { end: 340 });
    assert_eq!(verdict(&filler(0), &whole), Verdict::Diverged { at: 300, master: 0, slave: stored_at });
}

#[test]
fn a_blank_page_under_the_properties_is_no_divergence_on_either_side() {
    let whole = message(300, "T", b"one", b"UNIQ_KEY\x01AC1F\x02");
    let torn = [&whole[..whole.len() - 6], &[0; 6]].concat();
    assert!(matches!(frame(&torn, 300), Frame::Message { .. }), "RocketMQ takes it for whole");
    assert_eq!(judge(300, &torn, &whole), Verdict::MasterLacks { from: 300 });
    assert_eq!(judge(300, &whole, &torn), Verdict::SlaveTorn { at: 300 });
}

/// What a search finds of two logs, of which these chunks differ.
fn found(range: std::ops::Range<u64>, enough: u64, differs: &[u64]) -> (Option<std::ops::Range<u64>>, usize) {
    let mut search = Search::new(range, enough);
    let mut windows = 0;
    while let Some(window) = search.window() {
        let ours: Vec<u64> = chunks(window.clone()).map(|chunk| chunk.start / CHUNK).collect();
        let theirs = ours.iter().map(|it| if differs.contains(it) { u64::MAX } else { *it }).collect::<Vec<_>>();
        search.take(&ours, &theirs);
        windows += 1;
        assert!(windows < 1000, "it ends");
    }
    (search.difference(), windows)
}

#[test]
fn the_lowest_difference_is_found_below_a_stretch_that_is_equal_again() {
    let end = 100 * CHUNK + 7;
    assert_eq!(found(0..end, 8 << 20, &[]).0, None);
    assert_eq!(found(0..end, 8 << 20, &[100]).0, Some(100 * CHUNK..end));
    assert_eq!(found(0..end, 8 << 20, &[80, 100]).0, Some(80 * CHUNK..81 * CHUNK));
    assert_eq!(found(0..end, 1 << 30, &[0, 100]).0, Some(0..CHUNK));
    assert_eq!(found(5..5, 1, &[]), (None, 0));
    let far = found(0..1 << 40, 64 << 20, &[(1 << 40) / CHUNK - 1]);
    assert!(far.1 <= 10, "a long log is not read to its beginning");
}

proptest! {
    #[test]
    fn chunks_cover_a_range_once(start in 0_u64..3 << 20, length in 0_u64..3 << 20) {
        let all: Vec<_> = chunks(start..start + length).collect();
        prop_assert_eq!(all.iter().map(|chunk| chunk.end - chunk.start).sum::<u64>(), length);
        prop_assert!(all.windows(2).all(|pair| pair[0].end == pair[1].start && pair[0].end % CHUNK == 0));
        prop_assert!(all.first().is_none_or(|first| first.start == start));
    }

    #[test]
    fn no_bytes_make_a_frame_reach_past_its_room(bytes in proptest::collection::vec(any::<u8>(), 0..200), offset: u64) {
        if let Frame::Message { size, .. } = frame(&bytes, offset) {
            prop_assert!(size <= bytes.len() as u64);
        }
    }
}
