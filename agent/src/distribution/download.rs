//! The download: an http(s) address in, a whole file in the dist folder out.
//!
//! What has come is kept in `<into>/.<version>.download`, and the ETag it belongs to beside it, so that a transfer which
//! breaks off, or an agent which is restarted, goes on where it was (RFC 9110: Range 14.2, If-Range 13.1.5). Nothing here
//! judges the content; whoever finds it wrong calls [`discard`].

use super::error::{DistributionError, write_error};
use super::{Progress, Report, checksum, lock};
use crate::web;
use reqwest::header::{CONTENT_RANGE, ETAG, HeaderMap, IF_RANGE, RANGE};
use reqwest::{Client, ClientBuilder, Response, StatusCode, Url, redirect};
use std::error::Error;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::fs::{File, OpenOptions};
use tokio::io::AsyncWriteExt;

/// Bytes between two reports of progress.
const REPORT: u64 = 1 << 20;
const REDIRECTS: usize = 10;

/// How long to wait for a server, and how often.
#[derive(Debug, Clone)]
pub(super) struct Patience {
    pub(super) connect: Duration,
    /// Without a single byte.
    pub(super) idle: Duration,
    /// Before each attempt but the first.
    pub(super) pauses: Vec<Duration>,
}

impl Default for Patience {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(10),
            idle: Duration::from_secs(30),
            pauses: [1, 2, 4, 8].map(Duration::from_secs).into(),
        }
    }
}

pub(super) struct Download<'a> {
    pub(super) url: &'a str,
    pub(super) file: PathBuf,
    /// Whether the content will be checked, so that it does not matter who sent it.
    pub(super) has_checksum: bool,
    /// The most bytes to take.
    pub(super) limit: u64,
}

/// A failed attempt.
struct Fault {
    error: DistributionError,
    /// Whether trying again may help.
    passing: bool,
}

#[derive(Debug, thiserror::Error)]
#[error("it leads to an address without encryption")]
struct Unencrypted;

#[derive(Debug, thiserror::Error)]
#[error("it came to {done} of {total} bytes")]
struct Short {
    done: u64,
    total: u64,
}

#[derive(Debug, thiserror::Error)]
#[error("the server sent another part of the file than was asked for")]
struct OtherPart;

/// Where the download of a version is kept.
pub(super) fn file(into: &Path, version: &str) -> PathBuf {
    into.join(format!(".{version}.download"))
}

/// Forgets a download, so that the next one starts from the beginning.
pub(super) fn discard(file: &Path) {
    // The ETag first: data without one is never continued. What cannot be removed will be overwritten.
    let _ = std::fs::remove_file(etag_file(file));
    let _ = std::fs::remove_file(file);
}

/// The address without what may be secret: user, password, query.
pub(super) fn shown(url: &str) -> String {
    match Url::parse(url) {
        Ok(mut url) => {
            // Only addresses that cannot have a user refuse to lose it.
            let _ = url.set_username("");
            let _ = url.set_password(None);
            url.set_query(None);
            url.set_fragment(None);
            url.into()
        }
        Err(_) => "an address that cannot be read".to_owned(),
    }
}

fn etag_file(file: &Path) -> PathBuf {
    file.with_added_extension("etag")
}

impl Download<'_> {
    /// Downloads what is missing and returns the file.
    pub(super) async fn fetch(self, patience: &Patience, report: &Report) -> Result<PathBuf, DistributionError> {
        let plain = Url::parse(self.url).map_err(|e| self.unusable(e))?.scheme() == "http";
        if plain && !self.has_checksum {
            return Err(DistributionError::Insecure { url: shown(self.url) });
        }
        let client = self.client(patience, plain)?;
        let mut pauses = patience.pauses.iter();
        let mut number = 1;
        loop {
            let Err(fault) = self.attempt(&client, number, report).await else {
                return Ok(self.file);
            };
            let Some(pause) = pauses.next().filter(|_| fault.passing) else {
                return Err(fault.error);
            };
            report(Progress::Retrying {
                attempt: number,
                // The cause alone: where from and how often is known to whoever shows this.
                why: match fault.error.source() {
                    Some(cause) => chain(cause),
                    None => fault.error.to_string(),
                },
            });
            tokio::time::sleep(*pause).await;
            number += 1;
        }
    }

    fn client(&self, patience: &Patience, plain: bool) -> Result<Client, DistributionError> {
        let build = || -> ClientBuilder {
            let has_checksum = self.has_checksum;
            web::builder().connect_timeout(patience.connect).read_timeout(patience.idle).redirect(
                redirect::Policy::custom(move |next| {
                    if next.url().scheme() != "https" && !has_checksum {
                        next.error(Unencrypted)
                    } else if next.previous().len() > REDIRECTS {
                        next.error("too many redirects")
                    } else {
                        next.follow()
                    }
                }),
            )
        };
        match build().build() {
            // A host without CA certificates can still download what is checked by its checksum.
            Err(_) if plain => build().tls_certs_only([]).build(),
            other => other,
        }
        .map_err(|e| self.unusable(e))
    }

    async fn attempt(&self, client: &Client, number: usize, report: &Report) -> Result<(), Fault> {
        let kept = self.kept().await;
        let mut request = client.get(self.url);
        if let Some((have, etag)) = &kept {
            request = request.header(RANGE, format!("bytes={have}-")).header(IF_RANGE, etag);
        }
        let response = request.send().await.map_err(|e| self.broken(e, number))?;
        let have = kept.map_or(0, |(have, _)| have);
        let part = content_range(response.headers());
        match response.status() {
            StatusCode::OK => {
                let file = self.start_over(response.headers()).await;
                let file = file.map_err(|e| self.unwritten(e))?;
                self.receive(response, file, 0, number, report).await
            }
            StatusCode::PARTIAL_CONTENT if part.is_some_and(|p| p.start == Some(have)) => {
                let file = self.open(false).await.map_err(|e| self.unwritten(e))?;
                self.receive(response, file, have, number, report).await
            }
            // All of it had come before: nothing is left to ask for.
            StatusCode::RANGE_NOT_SATISFIABLE if part.is_some_and(|p| p.total == Some(have)) => Ok(()),
            StatusCode::PARTIAL_CONTENT | StatusCode::RANGE_NOT_SATISFIABLE if have > 0 => {
                discard(&self.file);
                Err(self.failed(OtherPart, number))
            }
            status => Err(Fault {
                error: DistributionError::HttpStatus { url: shown(self.url), status: status.to_string() },
                passing: status.is_server_error()
                    || status == StatusCode::REQUEST_TIMEOUT
                    || status == StatusCode::TOO_MANY_REQUESTS,
            }),
        }
    }

    async fn receive(
        &self,
        mut response: Response,
        mut file: File,
        have: u64,
        number: usize,
        report: &Report,
    ) -> Result<(), Fault> {
        let total = response.content_length().map(|rest| have + rest);
        self.check_size(total.unwrap_or(have))?;
        let mut done = have;
        report(Progress::Downloading { done, total });
        let result = loop {
            match response.chunk().await {
                Ok(Some(chunk)) => {
                    let before = done;
                    done += chunk.len() as u64;
                    self.check_size(done)?;
                    if let Err(e) = file.write_all(&chunk).await {
                        break Err(self.unwritten(e));
                    }
                    if before / REPORT != done / REPORT {
                        report(Progress::Downloading { done, total });
                    }
                }
                Ok(None) => break Ok(()),
                Err(e) => break Err(self.broken(e, number)),
            }
        };
        // In any case: what has come is the start of the next attempt.
        file.flush().await.map_err(|e| self.unwritten(e))?;
        result?;
        report(Progress::Downloading { done, total });
        match total {
            Some(total) if done < total => Err(self.failed(Short { done, total }, number)),
            _ => Ok(()),
        }
    }

    /// How much is here and the ETag it belongs to, if the server can be asked to go on.
    async fn kept(&self) -> Option<(u64, String)> {
        let note = tokio::fs::read_to_string(etag_file(&self.file)).await.ok()?;
        let (url, etag) = note.split_once('\n')?;
        let have = tokio::fs::metadata(&self.file).await.ok()?.len();
        (have > 0 && url == checksum::of(self.url)).then(|| (have, etag.to_owned()))
    }

    async fn start_over(&self, headers: &HeaderMap) -> std::io::Result<File> {
        discard(&self.file);
        let file = self.open(true).await?;
        // A weak ETag does not say that the bytes are the same (RFC 9110, 8.8.1).
        let etag = headers.get(ETAG).and_then(|e| e.to_str().ok());
        if let Some(etag) = etag.filter(|e| e.starts_with('"')) {
            // The address by its checksum, since it may hold a password.
            let note = format!("{}\n{etag}", checksum::of(self.url));
            tokio::fs::write(etag_file(&self.file), note).await?;
        }
        Ok(file)
    }

    async fn open(&self, fresh: bool) -> std::io::Result<File> {
        OpenOptions::new()
            .append(true)
            .create(fresh)
            .create_new(fresh)
            .mode(0o600)
            .custom_flags(lock::no_follow())
            .open(&self.file)
            .await
    }

    fn check_size(&self, size: u64) -> Result<(), Fault> {
        if size <= self.limit {
            return Ok(());
        }
        discard(&self.file);
        Err(Fault {
            error: DistributionError::TooBig { origin: shown(self.url), limit: format!("{} bytes", self.limit) },
            passing: false,
        })
    }

    fn unusable(&self, source: impl Error + Send + Sync + 'static) -> DistributionError {
        DistributionError::Unusable { url: shown(self.url), source: source.into() }
    }

    fn unwritten(&self, source: std::io::Error) -> Fault {
        Fault { error: write_error(&self.file, source), passing: false }
    }

    fn broken(&self, error: reqwest::Error, number: usize) -> Fault {
        // Its own text would show the whole address.
        let error = error.without_url();
        if error.source().is_some_and(|e| e.is::<Unencrypted>()) {
            let url = format!("{} redirects to an address that", shown(self.url));
            return Fault { error: DistributionError::Insecure { url }, passing: false };
        }
        if error.is_builder() || error.is_redirect() {
            return Fault { error: self.unusable(error), passing: false };
        }
        self.failed(error, number)
    }

    fn failed(&self, source: impl Error + Send + Sync + 'static, attempts: usize) -> Fault {
        Fault {
            error: DistributionError::Download { url: shown(self.url), attempts, source: source.into() },
            passing: true,
        }
    }
}

#[derive(Clone, Copy)]
struct ContentRange {
    start: Option<u64>,
    total: Option<u64>,
}

/// `bytes 100-199/200`, `bytes 100-199/*` or `bytes */200` (RFC 9110, 14.4).
fn content_range(headers: &HeaderMap) -> Option<ContentRange> {
    let text = headers.get(CONTENT_RANGE)?.to_str().ok()?;
    let (range, total) = text.strip_prefix("bytes ")?.split_once('/')?;
    Some(ContentRange {
        start: range.split_once('-').and_then(|(start, _)| start.parse().ok()),
        total: total.parse().ok(),
    })
}

/// The error and its causes on one line.
fn chain(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
