//! The HTTP client for etcd and for an address. In: what the settings say of certificates and passwords, read anew for
//! each client, so that what is replaced on disk is taken after the next failure. Out: answers, not longer than they may be.

use super::{super::LONGEST_MESSAGE, SourceError};
use crate::{settings, web};
use reqwest::{Certificate, Client, Identity, RequestBuilder, Response, Url, redirect};
use rocketmq_agent_domain::line::Line;
use std::{
    fs::{self, File},
    io::Read,
    os::unix::fs::MetadataExt,
    path::Path,
    time::Duration,
};

const CONNECT: Duration = Duration::from_secs(3);
/// For an answer, from connecting to its last byte. Watches are not bound by it.
pub(super) const ANSWER: Duration = Duration::from_secs(5);
const REDIRECTS: usize = 5;

/// A client that is made when it is needed, and made anew when something failed.
pub(super) struct Web {
    settings: settings::Source,
    /// It stays on this host: without TLS, and so without a proxy too.
    is_plain: bool,
    client: Option<Client>,
}

impl Web {
    pub fn new(settings: settings::Source, addresses: &[Url]) -> Self {
        let is_plain = addresses.iter().all(|address| address.scheme() == "http");
        Self { settings, is_plain, client: None }
    }

    pub fn client(&mut self) -> Result<Client, SourceError> {
        if let Some(client) = &self.client {
            return Ok(client.clone());
        }
        let mut builder = web::builder().connect_timeout(CONNECT).redirect(redirect::Policy::custom(|next| match next
            .url()
            .scheme()
        {
            "https" if next.previous().len() <= REDIRECTS => next.follow(),
            _ => next.stop(),
        }));
        if self.is_plain {
            builder = builder.no_proxy().tls_certs_only([]);
        }
        if let Some(ca) = &self.settings.ca {
            builder = builder.tls_certs_only(Certificate::from_pem_bundle(&read(ca)?).map_err(SourceError::Tls)?);
        }
        if let Some((certificate, key)) = &self.settings.certificate {
            let pem = [read(certificate)?, b"\n".to_vec(), read(key)?].concat();
            builder = builder.identity(Identity::from_pem(&pem).map_err(SourceError::Tls)?);
        }
        let client = builder.build().map_err(SourceError::Tls)?;
        Ok(self.client.insert(client).clone())
    }

    /// The next client reads the files again.
    pub fn failed(&mut self) {
        self.client = None;
    }

    /// Who this host is there; none where it need not say so.
    pub fn login(&self) -> Result<Option<(String, String)>, SourceError> {
        let Some(login) = &self.settings.login else { return Ok(None) };
        let path = &login.password_file;
        let failed = |source| SourceError::File { path: path.clone(), source };
        let mut file = File::open(path).map_err(failed)?;
        let mode = file.metadata().map_err(failed)?.mode() & 0o777;
        if mode & 0o077 != 0 {
            return Err(SourceError::Open { path: path.clone(), mode });
        }
        let mut text = String::new();
        file.read_to_string(&mut text).map_err(failed)?;
        Ok(Some((login.user.clone(), text.trim_end_matches(['\r', '\n']).to_owned())))
    }
}

fn read(path: &Path) -> Result<Vec<u8>, SourceError> {
    fs::read(path).map_err(|source| SourceError::File { path: path.to_owned(), source })
}

/// An address as it may be shown: a token may stand in what is asked for.
pub(super) fn shown(url: &Url) -> String {
    let mut url = url.clone();
    url.set_query(None);
    url.set_fragment(None);
    url.to_string().trim_end_matches('/').to_owned()
}

/// Sends, and waits for the head of the answer.
pub(super) async fn send(request: RequestBuilder, address: &str, patience: Duration) -> Result<Response, SourceError> {
    request.send().await.map_err(|error| why(error, address, patience))
}

/// The whole answer.
pub(super) async fn body(mut answer: Response, address: &str, patience: Duration) -> Result<Vec<u8>, SourceError> {
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(|error| why(error, address, patience))? {
        if body.len() + chunk.len() > LONGEST_MESSAGE {
            return Err(SourceError::TooLong(address.to_owned()));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

/// What a server says of a failure, in one short line.
pub(super) fn words(body: &[u8]) -> Line {
    Line::excerpt_of(body)
}

fn why(error: reqwest::Error, address: &str, patience: Duration) -> SourceError {
    let address = address.to_owned();
    match error.without_url() {
        source if source.is_connect() => SourceError::Connect { address, source },
        source if source.is_timeout() => SourceError::Silent { address, patience },
        source => SourceError::Broken { address, source },
    }
}
