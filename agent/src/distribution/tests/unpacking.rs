//! Archives: what is taken, what is refused, and that a refused one leaves nothing behind.

use super::archives::{Kind, gzip, renamed, tar, tar_gz, zip};
use super::*;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;

/// Asserts that both formats of these entries are refused for `name` and leave nothing.
async fn assert_refused(entries: &[Entry], name: &str, why: Refusal) {
    for bytes in [tar_gz(entries), zip(entries)] {
        assert_bytes_refused(&bytes, name, &why).await;
    }
}

async fn assert_bytes_refused(bytes: &[u8], name: &str, why: &Refusal) {
    let ground = Ground::new();
    match ground.unpack(bytes).await {
        Err(DistributionError::Refused { entry, why: found, .. }) => {
            assert_eq!((entry.as_str(), &found), (name, why));
        }
        other => panic!("{name}: {other:?}"),
    }
    ground.assert_untouched();
}

#[tokio::test]
async fn the_top_folder_is_stripped_whatever_its_name_and_format() {
    let plain = {
        let ground = Ground::new();
        let folder = ground.unpack(&zip(&distribution(""))).await.unwrap();
        assert_eq!(folder, ground.dist().join(VERSION));
        contents(&folder)
    };
    assert_eq!(plain["lib/netty.jar"], (Some(b"netty".to_vec()), 0o644));
    assert_eq!(plain["bin"], (None, 0o755));
    for top in ["rocketmq-all-5.5.0-bin-release/", "./", "./x/", "rmq/"] {
        let entries = distribution(top);
        for bytes in [zip(&entries), tar_gz(&entries)] {
            let ground = Ground::new();
            let folder = ground.unpack(&bytes).await.unwrap();
            assert_eq!(contents(&folder), plain, "{top}");
            assert_eq!(ground.left(), [VERSION]);
        }
    }
}

#[tokio::test]
async fn what_lies_beside_the_top_folder_is_left_out() {
    let entries = with(
        distribution("rmq/"),
        [Entry::file("README", b"x"), Entry::new("__MACOSX/", Kind::Folder, b""), Entry::file("__MACOSX/._a", b"x")],
    );
    let ground = Ground::new();
    let folder = ground.unpack(&zip(&entries)).await.unwrap();
    assert!(!folder.join("README").exists() && folder.join("LICENSE").exists());
    assert_eq!(ground.left(), [VERSION]);
}

#[tokio::test]
async fn names_that_lead_out_are_refused_by_name() {
    for (name, why) in [
        ("rmq/../../x", Refusal::Parent),
        ("/tmp/x", Refusal::Absolute),
        ("C:/x", Refusal::Absolute),
        ("rmq\\lib\\x", Refusal::Unprintable),
    ] {
        let entries = with(distribution("rmq/"), [Entry::file(name, b"x")]);
        let shown = name.escape_debug().to_string();
        assert_bytes_refused(&tar_gz(&entries), &shown, &why).await;
        // The writer of zips would tidy the name.
        let harmless = "h".repeat(name.len());
        let entries = with(distribution("rmq/"), [Entry::file(&harmless, b"x")]);
        let bytes = renamed(&zip(&entries), &harmless, name.as_bytes());
        assert_bytes_refused(&bytes, &shown, &why).await;
    }
}

#[test]
fn no_name_writes_outside_of_the_tree() {
    let piece = prop_oneof![
        Just("..".to_owned()),
        Just("/".to_owned()),
        Just("/".to_owned()),
        Just("\\".to_owned()),
        Just(".".to_owned()),
        Just("rmq".to_owned()),
        Just("lib".to_owned()),
        "[a-z]{1,2}",
    ];
    let names = prop::collection::vec(piece, 1..7).prop_map(|pieces| pieces.concat());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let config = ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() };
    let run = TestRunner::new(config).run(&(names, any::<bool>()), |(name, link)| {
        let ground = Ground::new();
        let nasty = if link { Entry::symlink("rmq/a", &name) } else { Entry::file(&name, b"x") };
        let through = Entry::file("rmq/a/x", b"x");
        let result = runtime.block_on(ground.unpack(&tar_gz(&with(distribution("rmq/"), [nasty, through]))));
        let left: Vec<String> = result.iter().map(|_| VERSION.to_owned()).collect();
        prop_assert_eq!(ground.left(), left);
        prop_assert_eq!(fs::read_dir(ground.root.path()).unwrap().count(), 2);
        Ok(())
    });
    run.unwrap();
}

#[tokio::test]
async fn a_link_within_the_tree_becomes_a_copy_of_its_file() {
    let links = [Entry::symlink("rmq/conf/b", "a"), Entry::symlink("rmq/conf/a", "../lib/netty.jar")];
    for bytes in [
        zip(&with(distribution("rmq/"), links.clone())),
        tar_gz(&with(links.to_vec(), distribution("rmq/"))),
        tar_gz(&with(
            distribution("rmq/"),
            [
                Entry::new("rmq/conf/a", Kind::HardLink, b"rmq/lib/netty.jar"),
                Entry::new("rmq/conf/b", Kind::HardLink, b"rmq/lib/netty.jar"),
            ],
        )),
    ] {
        let ground = Ground::new();
        let files = contents(&ground.unpack(&bytes).await.unwrap());
        assert_eq!(files["conf/a"], (Some(b"netty".to_vec()), 0o644));
        assert_eq!(files["conf/b"], (Some(b"netty".to_vec()), 0o644));
    }
}

#[tokio::test]
async fn links_that_leave_the_tree_are_refused_by_name() {
    for target in ["/etc/passwd", "../../etc/passwd", "../../../../../../etc/passwd"] {
        let entries = with(distribution("rmq/"), [Entry::symlink("rmq/bad", target)]);
        assert_refused(&entries, "rmq/bad", Refusal::LinkOutside(target.into())).await;
    }
    let hard = Entry::new("rmq/bad", Kind::HardLink, b"../../etc/passwd");
    let bytes = tar_gz(&with(distribution("rmq/"), [hard]));
    let why = Refusal::LinkOutside("../../etc/passwd".into());
    assert_bytes_refused(&bytes, "rmq/bad", &why).await;
}

#[tokio::test]
async fn links_to_folders_to_nothing_and_to_themselves_are_refused() {
    for target in ["lib", "nothing", "bad", "other"] {
        let links = [Entry::symlink("rmq/bad", target), Entry::symlink("rmq/other", "bad")];
        let entries = with(distribution("rmq/"), links);
        assert_refused(&entries, "rmq/bad", Refusal::LinkToNoFile(target.into())).await;
    }
}

#[tokio::test]
async fn nothing_is_written_through_a_link() {
    let through = [Entry::symlink("rmq/conf2", "conf"), Entry::file("rmq/conf2/x", b"x")];
    let entries = with(distribution("rmq/"), through);
    // The link comes last, whatever the order in the archive, and then finds a folder of its name.
    assert_refused(&entries, "rmq/conf2", Refusal::LinkToNoFile("conf".into())).await;
}

#[tokio::test]
async fn devices_are_refused_by_name() {
    let device = Entry::new("rmq/null", Kind::Device, b"");
    let bytes = tar_gz(&with(distribution("rmq/"), [device.clone()]));
    assert_bytes_refused(&bytes, "rmq/null", &Refusal::Special).await;
    // A zip says it in the mode: a regular file's 0o100777 becomes a character device's 0o020777.
    let bytes = zip(&with(distribution("rmq/"), [device]));
    let mode = |kind: u32| ((kind | 0o777) << 16).to_le_bytes();
    let mut device = bytes.clone();
    let at = bytes.windows(4).rposition(|w| w == mode(0o100_000)).unwrap();
    device[at..at + 4].copy_from_slice(&mode(0o020_000));
    assert_bytes_refused(&device, "rmq/null", &Refusal::Special).await;
}

#[tokio::test]
async fn duplicate_entries_are_refused_by_name() {
    let twice = with(distribution("rmq/"), [Entry::file("rmq/LICENSE", b"other")]);
    assert_bytes_refused(&tar_gz(&twice), "rmq/LICENSE", &Refusal::Duplicate).await;
    let other = with(distribution("rmq/"), [Entry::file("rmq/LICENCE", b"other")]);
    let bytes = renamed(&zip(&other), "rmq/LICENCE", b"rmq/LICENSE");
    assert_bytes_refused(&bytes, "rmq/LICENSE", &Refusal::Duplicate).await;
    // The same file under another spelling, and a file where a folder is.
    for name in ["rmq/./LICENSE", "rmq//LICENSE", "rmq/lib", "rmq/LICENSE/x"] {
        let entries = with(distribution("rmq/"), [Entry::file(name, b"x")]);
        assert_bytes_refused(&tar_gz(&entries), name, &Refusal::Duplicate).await;
    }
}

#[tokio::test]
async fn bombs_are_stopped_by_what_is_really_written() {
    let small = Limits { bytes: 1 << 20, ..Limits::default() };
    let few = Limits { entries: 4, ..Limits::default() };
    for (limits, zeros, limit) in [
        (Limits::default(), 17 << 20, "100 times its own size"),
        (small, 2 << 20, "1048576 bytes unpacked"),
        (few, 1, "4 entries"),
    ] {
        let zeros = Entry::file("rmq/zeros", &vec![0; zeros]);
        let entries = with(distribution("rmq/"), [zeros]);
        for bytes in [zip(&entries), tar_gz(&entries)] {
            let ground = Ground::new();
            let error = ground.unpack_within(&bytes, limits.clone()).await.unwrap_err();
            assert!(matches!(&error, DistributionError::TooBig { limit: l, .. } if l == limit), "{error:?}");
            ground.assert_untouched();
        }
    }
}

#[tokio::test]
async fn a_size_in_a_header_is_not_believed() {
    // The zip claims 16 bytes for what is 2 MiB.
    let zeros = Entry::file("rmq/zeros", &vec![0; 2 << 20]);
    let mut bytes = zip(&with(distribution("rmq/"), [zeros]));
    let size = (2_u32 << 20).to_le_bytes();
    let at = bytes.windows(4).rposition(|w| w == size).unwrap();
    bytes[at..at + 4].copy_from_slice(&16_u32.to_le_bytes());
    let limits = Limits { bytes: 1 << 20, ..Limits::default() };
    let ground = Ground::new();
    let error = ground.unpack_within(&bytes, limits).await.unwrap_err();
    assert!(matches!(error, DistributionError::TooBig { .. } | DistributionError::Corrupt { .. }), "{error:?}");
    ground.assert_untouched();
}

#[tokio::test]
async fn padding_behind_the_last_entry_counts_too() {
    let mut bytes = tar(&distribution("rmq/"));
    bytes.resize(bytes.len() + (8 << 20), 0);
    let ground = Ground::new();
    let limits = Limits { bytes: 1 << 20, entries: 100, ratio: 100 };
    let error = ground.unpack_within(&gzip(&bytes), limits).await.unwrap_err();
    assert!(matches!(error, DistributionError::TooBig { .. }), "{error:?}");
    ground.assert_untouched();
}

#[tokio::test]
async fn an_archive_cut_or_changed_anywhere_is_corrupt_and_leaves_nothing() {
    let entries = distribution("rmq/");
    for (name, bytes) in [("zip", zip(&entries)), ("tar.gz", tar_gz(&entries))] {
        for part in [5, bytes.len() / 3, bytes.len() / 2, bytes.len() - 5] {
            let ground = Ground::new();
            let error = ground.unpack(&bytes[..part]).await.unwrap_err();
            assert!(matches!(error, DistributionError::Corrupt { .. }), "{name} {part}: {error:?}");
            ground.assert_untouched();
        }
    }
    // One bit in the data of a stored file, which only the checksum shows.
    let mut bytes = zip(&[Entry::file("lib/x", b"xxxxxxxx"), Entry::file("lib/y", &[7; 600])]);
    bytes[40] ^= 1;
    let ground = Ground::new();
    let error = ground.unpack(&bytes).await.unwrap_err();
    assert!(matches!(error, DistributionError::Corrupt { .. }), "{error:?}");
    ground.assert_untouched();
}

#[tokio::test]
async fn what_is_no_archive_is_named_by_how_it_begins() {
    let ground = Ground::new();
    let error = ground.unpack(b"<html>404</html>").await.unwrap_err();
    assert!(matches!(&error, DistributionError::Unrecognised { begins, .. } if begins == "`<htm`"));
    let error = ground.unpack(b"").await.unwrap_err();
    assert!(matches!(error, DistributionError::Unrecognised { .. }));
    ground.assert_untouched();
}
