//! Downloads from a small server that breaks off, changes its mind or answers with something else.

use super::archives::zip_as;
use super::server::{Act, Server, Shared, arrived, start};
use super::*;
use std::sync::mpsc;

/// A ground, a server for one file, and what to ask of it.
struct Site {
    ground: Ground,
    server: Shared,
    url: String,
    wanted: Wanted,
    idle: Duration,
}

impl Site {
    async fn new(file: Vec<u8>, acts: impl IntoIterator<Item = Act>) -> Self {
        let ground = Ground::new();
        let sum = checksum_of(&file);
        let server = Shared::new(Mutex::new(Server {
            file,
            download: download::file(&ground.dist(), VERSION),
            acts: acts.into_iter().collect(),
            etag: 0,
            asked: Vec::new(),
        }));
        let address = start(server.clone()).await;
        let url = format!("http://user:geheim@{address}/a.zip?token=geheim");
        let wanted = Wanted { sha512: Some(sum), ..ground.wanted(Source::Url(url.clone())) };
        Self { ground, server, url, wanted, idle: Duration::from_secs(20) }
    }

    async fn ensure(&self, attempts: usize) -> Result<Vec<Progress>, DistributionError> {
        self.ensure_up_to(attempts, Limits::default()).await
    }

    async fn ensure_up_to(&self, attempts: usize, limits: Limits) -> Result<Vec<Progress>, DistributionError> {
        let (told, reports) = mpsc::channel();
        let patience = download::Patience {
            connect: Duration::from_secs(5),
            idle: self.idle,
            pauses: vec![Duration::ZERO; attempts - 1],
        };
        ensure_within(&self.wanted, move |p| told.send(p).unwrap(), limits, patience).await?;
        assert_eq!(self.ground.left(), [VERSION], "the download is not kept");
        Ok(reports.iter().collect())
    }

    fn asked(&self) -> Vec<Option<String>> {
        self.server.lock().unwrap().asked.clone()
    }
}

/// An archive of 2 MiB; stored, since packing is what takes the time.
fn archive() -> Vec<u8> {
    let big = Entry::file("rmq/lib/big.jar", &vec![7; 2 << 20]);
    let entries = with(distribution("rmq/"), [big]);
    zip_as(zip::CompressionMethod::Stored, &entries)
}

fn range(from: usize) -> Option<String> {
    Some(format!("bytes={from}-"))
}

#[tokio::test]
async fn a_download_that_breaks_off_is_continued_where_it_was() {
    let file = archive();
    let size = file.len() as u64;
    let site = Site::new(file, [Act::BreakAfter(1_500_000), Act::BreakAfter(100_000)]).await;
    let reports = site.ensure(3).await.unwrap();
    assert_eq!(site.asked(), [None, range(1_500_000), range(1_600_000)]);
    for done in [1_600_000, size] {
        let total = Some(size);
        let report = Progress::Downloading { done, total };
        assert!(reports.contains(&report), "{done}: {reports:?}");
    }
    let verified = Progress::Verifying { done: size, total: size };
    assert!(reports.contains(&verified));
    assert_eq!(reports.iter().filter(|p| matches!(p, Progress::Retrying { .. })).count(), 2);
}

#[tokio::test]
async fn a_later_call_continues_what_an_earlier_one_got() {
    let acts = [Act::BreakAfter(1_000_000), Act::Stall(500_000)];
    let site = Site::new(archive(), acts).await;
    let error = site.ensure(1).await.unwrap_err();
    assert!(matches!(error, DistributionError::Download { attempts: 1, .. }), "{error:?}");
    // The second is dropped while it waits, as when the agent is stopped.
    let download = download::file(&site.ground.dist(), VERSION);
    tokio::select! {
        result = site.ensure(1) => panic!("{result:?}"),
        _ = arrived(download, 1_500_000) => {}
    }
    site.ensure(1).await.unwrap();
    assert_eq!(site.asked(), [None, range(1_000_000), range(1_500_000)]);
}

#[tokio::test]
async fn a_server_that_says_nothing_more_is_given_up() {
    let mut site = Site::new(archive(), [Act::Stall(100), Act::Stall(100)]).await;
    site.idle = Duration::from_millis(100);
    let error = site.ensure(2).await.unwrap_err();
    let DistributionError::Download { attempts, source, .. } = &error else { panic!("{error:?}") };
    assert_eq!(*attempts, 2);
    assert!(source.downcast_ref::<reqwest::Error>().is_some_and(|e| e.is_timeout() || e.is_body()), "{error:?}");
}

#[tokio::test]
async fn a_complete_download_is_not_fetched_again() {
    let file = archive();
    let site = Site::new(file.clone(), [Act::BreakAfter(1_000_000)]).await;
    site.ensure(1).await.unwrap_err();
    fs::write(site.ground.dist().join(".5.5.0.download"), &file).unwrap();
    site.ensure(1).await.unwrap();
    assert_eq!(site.asked(), [None, range(file.len())]);
}

#[tokio::test]
async fn a_file_that_changed_meanwhile_is_taken_from_its_beginning() {
    let file = archive();
    let site = Site::new(vec![1; 3 << 20], [Act::BreakAfter(1_000_000), Act::Replace(file.clone())]).await;
    let wanted = Wanted { sha512: Some(checksum_of(&file)), ..site.wanted.clone() };
    Site { wanted, ..site }.ensure(2).await.unwrap();
}

#[tokio::test]
async fn a_server_without_etag_range_or_size_is_good_enough() {
    let site = Site::new(archive(), [Act::Bare]).await;
    let reports = site.ensure(1).await.unwrap();
    assert!(reports.contains(&Progress::Downloading { done: 0, total: None }));
}

#[tokio::test]
async fn what_came_from_another_address_is_not_continued() {
    let mut site = Site::new(archive(), [Act::BreakAfter(1_000_000)]).await;
    site.ensure(1).await.unwrap_err();
    site.wanted.source = Source::Url(site.url.replace("a.zip", "b.zip"));
    site.ensure(1).await.unwrap();
    assert_eq!(site.asked(), [None, None]);
}

#[tokio::test]
async fn a_download_with_the_wrong_checksum_is_forgotten() {
    let mut site = Site::new(archive(), []).await;
    site.wanted.sha512 = Some("0".repeat(128));
    let error = site.ensure(1).await.unwrap_err();
    assert!(matches!(error, DistributionError::WrongChecksum { .. }), "{error:?}");
    site.ground.assert_untouched();
}

#[tokio::test]
async fn busy_servers_are_asked_again_and_a_plain_no_is_not() {
    let site = Site::new(archive(), [503, 429, 500].map(Act::Status)).await;
    site.ensure(4).await.unwrap();
    let site = Site::new(archive(), [404, 503].map(Act::Status)).await;
    let error = site.ensure(4).await.unwrap_err();
    let shown = site.url.replace("user:geheim@", "").replace("?token=geheim", "");
    assert_eq!(error.to_string(), format!("{shown} answered 404 Not Found"));
    assert_eq!(site.asked().len(), 1);
    let error = site.ensure(1).await.unwrap_err();
    assert!(error.to_string().ends_with("503 Service Unavailable"), "{error}");
}

#[tokio::test]
async fn no_message_shows_user_password_or_query() {
    let site = Site::new(archive(), [Act::BreakAfter(10), Act::Redirect("ftp://geheim/".into())]).await;
    for _ in 0..2 {
        let error = site.ensure(1).await.unwrap_err();
        let text = format!("{error} {error:?}");
        assert!(!text.contains("geheim") && !text.contains("user"), "{text}");
    }
}

#[tokio::test]
async fn too_big_is_told_by_the_header_and_by_what_comes() {
    for act in [Act::Serve, Act::Bare] {
        let site = Site::new(archive(), [act]).await;
        let limits = Limits { bytes: 1 << 20, ..Limits::default() };
        let error = site.ensure_up_to(3, limits).await.unwrap_err();
        assert!(matches!(error, DistributionError::TooBig { .. }), "{error:?}");
        assert_eq!(site.asked().len(), 1);
        site.ground.assert_untouched();
    }
}

#[tokio::test]
async fn plain_http_needs_a_checksum_and_nothing_is_sent_without() {
    let mut site = Site::new(archive(), []).await;
    site.wanted.sha512 = None;
    let error = site.ensure(3).await.unwrap_err();
    assert!(matches!(error, DistributionError::Insecure { .. }), "{error:?}");
    assert_eq!(site.asked().len(), 0);
}

#[tokio::test]
async fn a_redirect_is_followed_but_not_for_ever() {
    let site = Site::new(archive(), [Act::Redirect("/other/b.zip".into())]).await;
    site.ensure(1).await.unwrap();
    let site = Site::new(archive(), vec![Act::Redirect("/again".into()); 50]).await;
    let error = site.ensure(3).await.unwrap_err();
    assert!(matches!(error, DistributionError::Unusable { .. }), "{error:?}");
    assert!(site.asked().len() < 20);
}

#[tokio::test]
async fn nobody_listening_is_an_error_after_the_last_attempt() {
    let mut site = Site::new(archive(), []).await;
    let free = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap();
    site.wanted.source = Source::Url(format!("http://{free}/a.zip"));
    let error = site.ensure(3).await.unwrap_err();
    assert_eq!(error.to_string(), format!("the download from http://{free}/a.zip failed after 3 attempts"));
}

#[tokio::test]
async fn what_is_no_address_is_an_error() {
    let mut site = Site::new(archive(), []).await;
    site.wanted.source = Source::Url("http://".into());
    let error = site.ensure(3).await.unwrap_err();
    assert!(matches!(error, DistributionError::Unusable { .. }), "{error:?}");
}
