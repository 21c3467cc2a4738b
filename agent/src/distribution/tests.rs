//! Good archives, bad archives, and a server that breaks off.
#![allow(clippy::unwrap_used, clippy::panic)]

use super::*;
use std::{
    io::Write,
    sync::{
        Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

const RELEASE: [(&str, &str); 3] = [
    ("top/lib/rocketmq-broker-5.5.0.jar", "broker"),
    ("top/lib/rocketmq-namesrv-5.5.0.jar", "namesrv"),
    ("top/conf/broker.conf", "x=1"),
];

fn zip_of(entries: &[(&str, &str)]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(io::Cursor::new(Vec::new()));
    for (name, text) in entries {
        zip.start_file(*name, zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(text.as_bytes()).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

fn tar_of(entries: &[(&str, &str)]) -> Vec<u8> {
    let mut tar = tar::Builder::new(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast()));
    for (name, text) in entries {
        let mut header = tar::Header::new_ustar();
        header.as_mut_bytes()[..name.len()].copy_from_slice(name.as_bytes());
        header.set_size(text.len() as u64);
        header.set_cksum();
        tar.append(&header, text.as_bytes()).unwrap();
    }
    tar.into_inner().unwrap().finish().unwrap()
}

fn run<T>(future: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(future)
}

struct Place(tempfile::TempDir);

impl Place {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn archive(&self, bytes: &[u8]) -> PathBuf {
        let path = self.0.path().join("archive");
        fs::write(&path, bytes).unwrap();
        path
    }

    fn install(&self, source: Source, sha512: Option<&str>) -> Result<PathBuf, String> {
        let into = self.0.path().join("dist");
        let wanted = Wanted { version: "5.5.0".to_owned(), source, sha512: sha512.map(str::to_owned), into };
        run(ensure(&wanted, |_| {})).map_err(|error| format!("{:#}", anyhow::Error::from(error)))
    }

    /// What a failed installation leaves behind, but for its lock.
    fn left(&self) -> Vec<String> {
        let entries = fs::read_dir(self.0.path().join("dist")).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names.filter(|name| name != ".lock").collect()
    }

    fn refusal(&self, bytes: &[u8]) -> String {
        let error = self.install(Source::Archive(self.archive(bytes)), None).unwrap_err();
        assert_eq!(self.left(), Vec::<String>::new(), "{error}");
        error
    }
}

#[test]
fn a_zip_a_tar_gz_and_a_folder_come_out_the_same() {
    for bytes in [zip_of(&RELEASE), tar_of(&RELEASE)] {
        let place = Place::new();
        let folder = place.install(Source::Archive(place.archive(&bytes)), None).unwrap();
        assert_eq!(fs::read_to_string(folder.join("conf/broker.conf")).unwrap(), "x=1");
        assert_eq!(fs::metadata(folder.join("lib")).unwrap().permissions().mode() & 0o777, 0o755);
        let copied = Place::new();
        let again = copied.install(Source::parse(folder.to_str().unwrap()), None).unwrap();
        assert_eq!(fs::read_to_string(again.join("conf/broker.conf")).unwrap(), "x=1");
        assert_eq!(installed(&copied.0.path().join("dist"), "5.5.0"), Some(again));
    }
}

#[test]
fn what_a_killed_agent_left_half_unpacked_is_removed() {
    let place = Place::new();
    let left = place.0.path().join("dist/.5.5.0.partial-abc");
    fs::create_dir_all(left.join("lib")).unwrap();
    place.install(Source::Archive(place.archive(&zip_of(&RELEASE))), None).unwrap();
    assert_eq!(place.left(), ["5.5.0"]);
}

#[test]
fn a_wrong_checksum_is_refused_with_both_and_nothing_is_left() {
    let place = Place::new();
    let archive = place.archive(&zip_of(&RELEASE));
    let error = place.install(Source::Archive(archive.clone()), Some(&"0".repeat(128))).unwrap_err();
    assert!(error.contains("has sha512 ") && error.contains(&"0".repeat(128)), "{error}");
    assert_eq!(place.left(), Vec::<String>::new());
    let sum = error.split("sha512 ").nth(1).unwrap().split(',').next().unwrap().to_owned();
    place.install(Source::Archive(archive), Some(&sum)).unwrap();
}

#[test]
fn another_release_is_refused_by_its_own_name() {
    let other = RELEASE.map(|(name, text)| (name.replace("5.5.0", "5.4.0"), text));
    let other: Vec<(&str, &str)> = other.iter().map(|(name, text)| (name.as_str(), *text)).collect();
    assert!(Place::new().refusal(&zip_of(&other)).ends_with("holds RocketMQ 5.4.0, not RocketMQ 5.5.0"));
    assert!(Place::new().refusal(&zip_of(&[("readme", "x")])).contains("holds no lib/rocketmq-broker"));
}

#[test]
fn an_entry_that_leads_elsewhere_is_refused_by_name() {
    for name in ["../evil", "top/../../evil", "/etc/evil", "top\\..\\evil"] {
        for bytes in [zip_of(&[(name, "x")]), tar_of(&[(name, "x")])] {
            let place = Place::new();
            let error = place.refusal(&bytes);
            assert!(error.contains("leads elsewhere"), "{name}: {error}");
            assert!(!place.0.path().join("evil").exists());
        }
    }
}

#[test]
fn links_and_double_entries_are_refused() {
    let mut tar = tar::Builder::new(flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast()));
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::Symlink);
    header.set_size(0);
    tar.append_link(&mut header, "top/lib", "/etc").unwrap();
    assert!(Place::new().refusal(&tar.into_inner().unwrap().finish().unwrap()).contains("a link or a special file"));
    assert!(Place::new().refusal(&tar_of(&[("a", "x"), ("a", "y")])).contains("comes twice"));
}

#[test]
fn damaged_archives_and_other_files_are_told_apart() {
    let mut zip = zip_of(&RELEASE);
    let data = 30 + RELEASE[0].0.len(); // behind the first local header
    zip[data..data + 6].fill(0xff);
    assert!(Place::new().refusal(&zip).contains("is damaged"));
    let tar = tar_of(&RELEASE);
    assert!(Place::new().refusal(&tar[..tar.len() / 2]).contains("is damaged"));
    assert!(Place::new().refusal(b"#!/bin/sh").contains("neither a zip nor a tar.gz"));
    let error = Place::new().install(Source::Archive("/nonexistent.zip".into()), None).unwrap_err();
    assert!(error.starts_with("cannot read /nonexistent.zip"), "{error}");
}

/// Serves one file; the first answer breaks off in the middle.
async fn server(content: Vec<u8>, status: &'static str) -> (String, Arc<AtomicUsize>, Arc<Mutex<Vec<String>>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let (count, seen) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(Vec::new())));
    let (counted, noted) = (Arc::clone(&count), Arc::clone(&seen));
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut head = Vec::new();
            while !head.ends_with(b"\r\n\r\n") {
                head.push(stream.read_u8().await.unwrap());
            }
            let head = String::from_utf8(head).unwrap().to_lowercase();
            let from =
                head.lines().find_map(|line| line.strip_prefix("range: bytes=")?.strip_suffix('-')?.parse().ok());
            noted.lock().unwrap().push(head);
            let start: usize = from.unwrap_or(0);
            let status = if from.is_some() { "206 Partial Content" } else { status };
            let rest = &content[start..];
            let answer = format!(
                "HTTP/1.1 {status}\r\netag: \"v1\"\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
                rest.len()
            );
            stream.write_all(answer.as_bytes()).await.unwrap();
            let sent = if counted.fetch_add(1, Ordering::SeqCst) == 0 { rest.len() / 2 } else { rest.len() };
            stream.write_all(&rest[..sent]).await.unwrap();
        }
    });
    (format!("http://{address}/rocketmq.zip"), count, seen)
}

#[test]
fn a_transfer_that_breaks_off_is_resumed_where_it_stopped() {
    run(async {
        let content = zip_of(&RELEASE);
        let (url, count, seen) = server(content.clone(), "200 OK").await;
        let place = Place::new();
        let target = place.0.path().join("x.download");
        fetch::fetch(&url, &target, &|_| {}).await.unwrap();
        assert_eq!(fs::read(&target).unwrap(), content);
        assert_eq!(count.load(Ordering::SeqCst), 2);
        let second = seen.lock().unwrap()[1].clone();
        assert!(
            second.contains(&format!("range: bytes={}-", content.len() / 2)) && second.contains("if-range: \"v1\""),
            "{second}"
        );
    });
}

#[test]
fn a_server_that_refuses_is_named_at_once() {
    run(async {
        let (url, count, _) = server(Vec::new(), "404 Not Found").await;
        let error = fetch::fetch(&url, Path::new("/nonexistent/x"), &|_| {}).await.unwrap_err().to_string();
        assert!(error.contains(&url) && error.contains("404"), "{error}");
        assert_eq!(count.load(Ordering::SeqCst), 1);
    });
}
