//! Directories as source, checksums, versions, and what is or was in the dist folder.

use super::archives::{tar_gz, zip};
use super::*;
use std::cell::Cell;
use std::os::unix::fs::symlink;
use std::sync::mpsc;

/// A distribution as a directory called `name`.
fn directory(ground: &Ground, name: &str) -> PathBuf {
    let root = ground.path(name);
    for entry in distribution("") {
        let path = root.join(String::from_utf8(entry.name).unwrap());
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, entry.content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    }
    root
}

#[tokio::test]
async fn a_directory_is_copied_with_links_turned_into_files() {
    let ground = Ground::new();
    let from = directory(&ground, "unpacked");
    symlink("netty.jar", from.join("lib/netty-link.jar")).unwrap();
    let folder = ensure(&ground.wanted(Source::Directory(from)), |_| {}).await.unwrap();
    let files = contents(&folder);
    assert_eq!(files["lib/netty-link.jar"], (Some(b"netty".to_vec()), 0o644));
    assert_eq!(files["lib"], (None, 0o755));
    assert_eq!(files.len(), 10);
}

#[tokio::test]
async fn links_of_a_directory_to_outside_or_to_folders_are_refused() {
    for (target, outside) in [("/etc/hostname", true), ("..", true), ("lib", false), ("nothing", false)] {
        let ground = Ground::new();
        let from = directory(&ground, "unpacked");
        symlink(target, from.join("bad")).unwrap();
        let error = ensure(&ground.wanted(Source::Directory(from)), |_| {}).await.unwrap_err();
        let DistributionError::Refused { entry, why, .. } = error else { panic!("{error:?}") };
        assert_eq!(entry, "bad");
        assert_eq!(matches!(why, Refusal::LinkOutside(_)), outside, "{target}: {why}");
        assert_eq!(ground.left(), Vec::<String>::new());
    }
}

#[tokio::test]
async fn a_directory_is_not_copied_into_itself() {
    let ground = Ground::new();
    let from = directory(&ground, "rmq");
    let wanted = Wanted { into: from.join("dist"), ..ground.wanted(Source::Directory(from)) };
    let error = ensure(&wanted, |_| {}).await.unwrap_err();
    assert!(matches!(error, DistributionError::IntoItself { .. }), "{error:?}");
}

#[tokio::test]
async fn the_right_checksum_passes_in_either_case_and_a_wrong_one_shows_both() {
    let ground = Ground::new();
    let bytes = zip(&distribution("rmq/"));
    let archive = ground.write("archive", &bytes);
    let right = checksum_of(&bytes);
    let wrong = "0123456789abcdef".repeat(8);
    let mut wanted = ground.wanted(Source::Archive(archive.clone()));
    wanted.sha512 = Some(wrong.clone());
    let error = ensure(&wanted, |_| {}).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("{} has the wrong sha512: expected {wrong}, found {right}", archive.display())
    );
    ground.assert_untouched();
    wanted.sha512 = Some(format!(" {}\n", right.to_uppercase()));
    ensure(&wanted, |_| {}).await.unwrap();
}

#[tokio::test]
async fn checksums_that_cannot_be_right_are_refused_before_anything_is_read() {
    let ground = Ground::new();
    let mut wanted = ground.wanted(Source::Archive(ground.path("missing")));
    for given in ["", "abc", &"g".repeat(128)] {
        wanted.sha512 = Some(given.to_owned());
        let error = ensure(&wanted, |_| {}).await.unwrap_err();
        assert!(matches!(error, DistributionError::ChecksumFormat { .. }), "{error:?}");
    }
    wanted.source = Source::Directory(ground.path("missing"));
    wanted.sha512 = Some("a".repeat(128));
    let error = ensure(&wanted, |_| {}).await.unwrap_err();
    assert!(matches!(error, DistributionError::ChecksumOfDirectory { .. }), "{error:?}");
}

#[tokio::test]
async fn another_version_is_named() {
    for (wanted, parts, message) in [
        ("4.9.4", vec!["broker-5.5.0", "namesrv-5.5.0"], "holds RocketMQ 5.5.0, not 4.9.4"),
        ("5.5.0", vec!["broker-5.5.0", "namesrv-5.4.0"], "holds RocketMQ 5.4.0, not 5.5.0"),
        ("5.5.0", vec!["broker-5.5.0"], "is not a RocketMQ distribution: lib/rocketmq-namesrv-5.5.0.jar is not in it"),
        ("5.5.0", vec!["client-5.5.0"], "is not a RocketMQ distribution: lib/rocketmq-broker-5.5.0.jar is not in it"),
        ("5.5.0", vec![], "is not a RocketMQ distribution: it has no folder `lib`, or several"),
    ] {
        let ground = Ground::new();
        let jars: Vec<Entry> = parts.iter().map(|p| Entry::file(&format!("x/lib/rocketmq-{p}.jar"), b"x")).collect();
        let archive = ground.write("archive", &tar_gz(&with(jars, [Entry::file("x/README", b"x")])));
        let mut wants = ground.wanted(Source::Archive(archive.clone()));
        wants.version = wanted.to_owned();
        let error = ensure(&wants, |_| {}).await.unwrap_err();
        assert_eq!(error.to_string(), format!("{} {message}", archive.display()));
        ground.assert_untouched();
    }
}

#[tokio::test]
async fn a_version_that_would_be_a_path_is_refused() {
    let ground = Ground::new();
    for version in ["", "..", "../x", "a/b", ".hidden"] {
        let mut wanted = ground.wanted(Source::Archive(ground.path("a")));
        wanted.version = version.to_owned();
        let error = ensure(&wanted, |_| {}).await.unwrap_err();
        assert!(matches!(error, DistributionError::Version { .. }), "{error:?}");
        assert_eq!(installed(&ground.dist(), version), None);
    }
}

#[tokio::test]
async fn what_is_missing_or_no_file_is_named() {
    let ground = Ground::new();
    let error = ensure(&ground.wanted(Source::Archive(ground.path("missing"))), |_| {}).await.unwrap_err();
    assert!(matches!(error, DistributionError::NotFound { .. }), "{error:?}");
    let error = ensure(&ground.wanted(Source::Directory(ground.path("missing"))), |_| {}).await.unwrap_err();
    assert!(matches!(error, DistributionError::NotFound { .. }), "{error:?}");
    let error = ensure(&ground.wanted(Source::Archive("/dev/zero".into())), |_| {}).await.unwrap_err();
    assert!(matches!(error, DistributionError::Unreadable { .. }), "{error:?}");
    ground.assert_untouched();
}

#[tokio::test]
async fn what_is_installed_is_not_touched_again() {
    let ground = Ground::new();
    assert_eq!(installed(&ground.dist(), VERSION), None);
    let folder = ground.unpack(&zip(&distribution(""))).await.unwrap();
    assert_eq!(installed(&ground.dist(), VERSION), Some(folder.clone()));
    fs::write(folder.join("mine"), "x").unwrap();
    // Neither the source nor the progress is asked.
    let missing = ground.wanted(Source::Archive(ground.path("missing")));
    let again = ensure(&missing, |p| panic!("{p:?}")).await.unwrap();
    assert!(again.join("mine").exists());
}

#[tokio::test]
async fn a_version_that_lost_a_jar_is_made_whole_and_stays_as_it_is_if_that_fails() {
    let ground = Ground::new();
    let bytes = zip(&distribution(""));
    let folder = ground.unpack(&bytes).await.unwrap();
    fs::remove_file(folder.join("lib/rocketmq-namesrv-5.5.0.jar")).unwrap();
    fs::write(folder.join("mine"), "x").unwrap();
    assert_eq!(installed(&ground.dist(), VERSION), None);
    ground.unpack(b"PK\x03\x04").await.unwrap_err();
    assert!(folder.join("mine").exists());
    ground.unpack(&bytes).await.unwrap();
    assert!(installed(&ground.dist(), VERSION).is_some() && !folder.join("mine").exists());
    assert_eq!(ground.left(), [VERSION]);
}

#[tokio::test]
async fn what_dead_agents_left_is_cleared_and_nothing_else() {
    let ground = Ground::new();
    for name in [".5.5.0.partial-4194305", ".4.9.4.old-12"] {
        fs::create_dir_all(ground.dist().join(name).join("lib")).unwrap();
    }
    for name in ["4.9.4.partial-1", ".5.5.0.partial-x", ".keep"] {
        fs::create_dir(ground.dist().join(name)).unwrap();
    }
    ground.unpack(&zip(&distribution(""))).await.unwrap();
    assert_eq!(ground.left(), [".5.5.0.partial-x", ".keep", "4.9.4.partial-1", VERSION]);
}

#[tokio::test]
async fn of_two_agents_one_unpacks_and_the_other_waits_for_it() {
    let ground = Ground::new();
    let wanted = ground.wanted(Source::Archive(ground.write("archive", &zip(&distribution("")))));
    let (told, reports) = mpsc::channel();
    let other = told.clone();
    // Both pass the first look before either has the lock, since looking does not yield.
    let (first, second) = tokio::join!(
        ensure(&wanted, move |p| told.send((1, p)).unwrap()),
        ensure(&wanted, move |p| other.send((2, p)).unwrap()),
    );
    assert_eq!(first.unwrap(), second.unwrap());
    let reports: Vec<_> = reports.iter().collect();
    assert!(reports.contains(&(2, Progress::Waiting)), "{reports:?}");
    assert!(!reports.iter().any(|(who, p)| *who == 2 && matches!(p, Progress::Unpacking { .. })));
    assert_eq!(ground.left(), [VERSION]);
}

#[tokio::test]
async fn a_caller_without_sync_state_can_watch_the_progress() {
    let ground = Ground::new();
    let wanted = ground.wanted(Source::Archive(ground.write("archive", &zip(&distribution("")))));
    let (told, reports) = mpsc::channel();
    let count = Cell::new(0);
    ensure(&wanted, move |p| {
        count.set(count.get() + 1);
        told.send((count.get(), p)).unwrap();
    })
    .await
    .unwrap();
    let bytes = distribution("").iter().map(|e| e.content.len() as u64).sum();
    assert_eq!(reports.iter().last(), Some((1, Progress::Unpacking { bytes })));
}

#[test]
fn a_source_is_told_by_its_text_and_by_what_is_there() {
    let ground = Ground::new();
    let text = ground.dist().to_str().unwrap().to_owned();
    assert_eq!(Source::parse(&text), Source::Directory(ground.dist()));
    assert_eq!(Source::parse("/a/b.zip"), Source::Archive("/a/b.zip".into()));
    for url in ["http://h/a.zip", "HTTPS://h/a.zip"] {
        assert_eq!(Source::parse(url), Source::Url(url.to_owned()));
    }
    assert_eq!(Source::parse("httpé"), Source::Archive("httpé".into()));
}
