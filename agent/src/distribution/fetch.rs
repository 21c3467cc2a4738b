//! Fetches an archive, and goes on where an earlier try broke off.

use super::{DistributionError, Progress, failed};
use crate::web;
use futures_util::StreamExt;
use reqwest::{
    Client, StatusCode,
    header::{ETAG, HeaderMap, IF_RANGE, LAST_MODIFIED, RANGE},
};
use std::{
    fs,
    path::{Path, PathBuf},
    time::Duration,
};
use tokio::{fs::File, io::AsyncWriteExt, time};

const CONNECT: Duration = Duration::from_secs(15);
/// Without a byte for so long, the connection is given up and the transfer resumed.
const IDLE: Duration = Duration::from_secs(30);
const TRIES: u32 = 5;
const MOST_BYTES: u64 = 2 << 30;

/// Fetches `url` into `target`; what is there already is resumed if the server still has the same file.
pub async fn fetch(
    url: &str,
    target: &Path,
    progress: &(dyn Fn(Progress) + Send + Sync),
) -> Result<(), DistributionError> {
    let client = web::to_the_world(CONNECT, IDLE).map_err(|error| Failure::from(error).of(url))?;
    let mut pause = Duration::from_millis(500);
    for attempt in 1.. {
        match transfer(&client, url, target, progress).await {
            Ok(()) => return Ok(()),
            Err(failure) if attempt < TRIES && failure.transient => {
                tracing::warn!(url, attempt, "fetching broke off and goes on: {}", failure.what);
                time::sleep(pause).await;
                pause *= 2;
            }
            Err(failure) => return Err(failure.of(url)),
        }
    }
    unreachable!("the loop returns")
}

/// Why one try failed, and whether another may do better.
struct Failure {
    what: String,
    transient: bool,
}

impl Failure {
    fn of(self, url: &str) -> DistributionError {
        DistributionError::Fetch { url: url.to_owned(), what: self.what }
    }
}

impl From<reqwest::Error> for Failure {
    fn from(error: reqwest::Error) -> Self {
        Self { what: format!("{:#}", anyhow::Error::from(error.without_url())), transient: true }
    }
}

impl From<DistributionError> for Failure {
    fn from(error: DistributionError) -> Self {
        Self { what: format!("{:#}", anyhow::Error::from(error)), transient: false }
    }
}

/// What tells one version of the file from the next is kept beside the part that is there.
fn tag_path(target: &Path) -> PathBuf {
    target.with_extension("tag")
}

async fn transfer(
    client: &Client,
    url: &str,
    target: &Path,
    progress: &(dyn Fn(Progress) + Send + Sync),
) -> Result<(), Failure> {
    let have = fs::metadata(target).map_or(0, |found| found.len());
    let tag = fs::read_to_string(tag_path(target)).unwrap_or_default();
    let mut request = client.get(url);
    if have > 0 && !tag.is_empty() {
        request = request.header(RANGE, format!("bytes={have}-")).header(IF_RANGE, &tag);
    }
    let answer = request.send().await?;
    let resumed = answer.status() == StatusCode::PARTIAL_CONTENT;
    if !answer.status().is_success() {
        let transient = answer.status().is_server_error();
        return Err(Failure { what: format!("the server answers {}", answer.status()), transient });
    }
    let mut done = if resumed { have } else { 0 };
    let total = answer.content_length().map(|rest| rest + done);
    fs::write(tag_path(target), validator(answer.headers())).map_err(failed("write", target))?;
    let mut file = File::options()
        .create(true)
        .append(resumed)
        .write(true)
        .truncate(!resumed)
        .open(target)
        .await
        .map_err(failed("write", target))?;
    let mut body = answer.bytes_stream();
    while let Some(chunk) = body.next().await {
        let chunk = chunk?;
        done += chunk.len() as u64;
        if done > MOST_BYTES {
            return Err(Failure { what: "it has more than 2 GiB".to_owned(), transient: false });
        }
        file.write_all(&chunk).await.map_err(failed("write", target))?;
        progress(Progress::Fetched(done, total));
    }
    file.sync_all().await.map_err(failed("flush", target))?;
    if total.is_some_and(|total| total != done) {
        return Err(Failure { what: format!("{done} of {} bytes came", total.unwrap_or_default()), transient: true });
    }
    fs::remove_file(tag_path(target)).map_err(failed("remove", target))?;
    Ok(())
}

/// A strong ETag, or the date; a weak ETag does not promise equal bytes.
fn validator(headers: &HeaderMap) -> String {
    let text = |name| headers.get(name).and_then(|value: &reqwest::header::HeaderValue| value.to_str().ok());
    text(ETAG).filter(|tag| !tag.starts_with("W/")).or_else(|| text(LAST_MODIFIED)).unwrap_or_default().to_owned()
}
