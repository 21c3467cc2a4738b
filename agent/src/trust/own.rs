//! Certificates of a site's own authority, instead of what follows from the secret. In: three PEM files. Out: what both
//! ends of a connection show and take, and until when.
//!
//! A host's certificate carries its name in the cluster file as a DNS name, and nothing in it tells one cluster from
//! another: the authority must be this cluster's alone.

use super::{Material, Stranger, TrustError};
use crate::settings::Certificates;
use rocketmq_agent_domain::names::HostName;
use rustls::{
    CertificateError, Error, InconsistentKeys, RootCertStore,
    crypto::ring,
    pki_types::{CertificateDer, PrivateKeyDer, UnixTime, pem::PemObject},
    server::WebPkiClientVerifier,
    sign::CertifiedKey,
};
use std::{
    fs,
    os::unix::fs::MetadataExt,
    path::Path,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// From when on a person is told that a certificate runs out; earlier of its life where that is short.
const SOON: Duration = Duration::from_secs(30 * 24 * 3600);
/// Of its life.
const LAST: u32 = 3;

/// From when until when a certificate holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Validity {
    from: Duration,
    until: Duration,
}

/// Reads the files, and makes sure that they belong together and to this host. A certificate that has run out is no
/// error: the agent has brokers to look after all the same.
pub(super) fn read(files: &Certificates, host: &HostName) -> Result<(Material, Validity), TrustError> {
    let mode = fs::metadata(&files.key).map_err(|source| failed("read", &files.key, source))?.mode() & 0o777;
    if mode & 0o077 != 0 {
        return Err(TrustError::Open { path: files.key.clone(), mode });
    }
    let mut roots = RootCertStore::empty();
    for root in certificates(&files.ca)? {
        roots.add(root).map_err(|error| unusable(&files.ca, error))?;
    }
    let chain = certificates(&files.certificate)?;
    let key = PrivateKeyDer::from_pem_file(&files.key).map_err(|error| unusable(&files.key, error))?;
    let roots = Arc::new(roots);
    let validity = judge(&chain, &roots).map_err(|error| {
        unusable(&files.certificate, format!("{} does not vouch for it: {error}", files.ca.display()))
    })?;
    if of_peer(chain.first(), std::iter::once(host)).is_err() {
        return Err(unusable(&files.certificate, format!("it must have the DNS name {host}, as in the cluster file")));
    }
    Ok((Material { roots, chain, key }, validity))
}

/// When the first certificate of a file holds, whoever vouches for it.
///
/// # Errors
/// There is none, or it is damaged.
pub fn validity(path: &Path) -> Result<Validity, TrustError> {
    let chain = certificates(path)?;
    let mut roots = RootCertStore::empty();
    // Its dates are looked at before it is asked who vouches for it.
    for certificate in &chain {
        roots.add(certificate.clone()).map_err(|error| unusable(path, error))?;
    }
    verified(&chain, &roots.into()).and_then(|at| dates(&at)).map_err(|error| unusable(path, error))
}

/// Whether the key in a file is known to be that of another certificate.
pub fn is_of_another(certificate: &Path, key: &Path) -> bool {
    let (Ok(chain), Ok(key)) = (certificates(certificate), PrivateKeyDer::from_pem_file(key)) else { return false };
    let both = CertifiedKey::from_der(chain, key, &ring::default_provider());
    matches!(both, Err(Error::InconsistentKeys(InconsistentKeys::KeyMismatch)))
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TrustError> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_file_iter(path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
    match found {
        Ok(found) if found.is_empty() => Err(unusable(path, "there is no certificate in it")),
        Ok(found) => Ok(found),
        Err(error) => Err(unusable(path, error)),
    }
}

fn failed(doing: &'static str, path: &Path, source: std::io::Error) -> TrustError {
    TrustError::File { doing, path: path.to_owned(), source }
}

fn unusable(path: &Path, why: impl std::fmt::Display) -> TrustError {
    TrustError::Unusable { path: path.to_owned(), why: why.to_string() }
}

/// When the certificate holds, as TLS itself judges it; an error where it would be taken at no time.
fn judge(chain: &[CertificateDer<'static>], roots: &Arc<RootCertStore>) -> Result<Validity, Error> {
    let at = verified(chain, roots)?;
    let validity = dates(&at)?;
    match at(validity.until) {
        // Of the authority's own.
        Err(Error::InvalidCertificate(CertificateError::ExpiredContext { not_after, .. })) => {
            Ok(Validity { until: since_1970(not_after), ..validity })
        }
        other => other.map(|()| validity),
    }
}

/// Whether TLS takes the certificate at a time, since 1970.
fn verified(
    chain: &[CertificateDer<'static>],
    roots: &Arc<RootCertStore>,
) -> Result<impl Fn(Duration) -> Result<(), Error>, Error> {
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::clone(roots), Arc::new(ring::default_provider()));
    let verifier = builder.build().map_err(|error| Error::General(error.to_string()))?;
    let (own, between) = chain.split_first().ok_or(Error::NoCertificatesPresented)?;
    Ok(move |time| verifier.verify_client_cert(own, between, UnixTime::since_unix_epoch(time)).map(|_| ()))
}

/// What TLS says of a certificate's own dates.
fn dates(at: &impl Fn(Duration) -> Result<(), Error>) -> Result<Validity, Error> {
    let long = Duration::from_secs(u64::from(u32::MAX) * 100);
    let until = match at(long) {
        Err(Error::InvalidCertificate(CertificateError::ExpiredContext { not_after, .. })) => since_1970(not_after),
        other => return other.map(|()| Validity { from: Duration::ZERO, until: long }),
    };
    let from = match at(Duration::ZERO) {
        Err(Error::InvalidCertificate(CertificateError::NotValidYetContext { not_before, .. })) => {
            since_1970(not_before)
        }
        _ => Duration::ZERO,
    };
    Ok(Validity { from, until })
}

fn since_1970(time: UnixTime) -> Duration {
    Duration::from_secs(time.as_secs())
}

/// Which of these hosts a verified certificate speaks for.
pub(super) fn of_peer<'h>(
    certificate: Option<&CertificateDer<'_>>,
    hosts: impl Iterator<Item = &'h HostName>,
) -> Result<HostName, Stranger> {
    let certificate = certificate.and_then(|it| webpki::EndEntityCert::try_from(it).ok()).ok_or(Stranger::NoHost)?;
    let names: Vec<&str> = certificate.valid_dns_names().collect();
    let mut found = hosts.filter(|host| names.iter().any(|name| name.eq_ignore_ascii_case(host.as_str())));
    match (found.next(), found.next()) {
        (Some(host), None) => Ok(host.clone()),
        (Some(_), Some(_)) => Err(Stranger::SeveralHosts),
        (None, _) => Err(names.first().map_or(Stranger::NoHost, |name| Stranger::NotAHost((*name).to_owned()))),
    }
}

impl Validity {
    /// What a person should know of it now; none where there is nothing to do.
    pub fn remark(&self, now: SystemTime) -> Option<String> {
        let now = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        if now < self.from {
            return Some("this host's certificate is not valid yet by its clock, and other hosts refuse it".to_owned());
        }
        let Some(left) = self.until.checked_sub(now).filter(|left| !left.is_zero()) else {
            let ago = in_words(now - self.until);
            return Some(format!(
                "this host's certificate ran out {ago} ago: other hosts refuse it; put a new one there"
            ));
        };
        let soon = SOON.min((self.until - self.from) / LAST);
        (left <= soon).then(|| format!("this host's certificate runs out in {}; put a new one there", in_words(left)))
    }

    /// Whether it holds.
    pub fn holds(&self, now: SystemTime) -> bool {
        let now = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        (self.from..self.until).contains(&now)
    }

    /// For how long it still holds, in words.
    pub fn left(&self, now: SystemTime) -> String {
        let now = now.duration_since(UNIX_EPOCH).unwrap_or_default();
        in_words(self.until.saturating_sub(now))
    }
}

fn in_words(time: Duration) -> String {
    match time.as_secs() / 3600 {
        0 => format!("{} minutes", time.as_secs() / 60),
        hours @ 1..48 => format!("{hours} hours"),
        hours => format!("{} days", hours / 24),
    }
}
