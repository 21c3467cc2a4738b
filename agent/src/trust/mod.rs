//! Who may talk to whom about the cluster file. In: one secret, the same on every host, and this host's name. Out: the
//! two ends of mutual TLS 1.3, each of which takes nobody but a host of the same cluster that has the secret.
//!
//! ```text
//! cluster.secret ─HKDF→ Ed25519 key of the cluster's CA, the same on every host ─→ this host's own certificate
//! ```
//!
//! A site with an authority of its own gives both from files instead.

mod authority;
mod identity;
mod keys;
mod own;
mod secret;

pub use identity::{Identity, Stranger};
pub use keys::{Keys, Made};
pub use own::{Validity, is_of_another, validity};
#[cfg(test)]
pub(crate) use secret::test_secret;
pub use secret::{FROM_ENVIRONMENT, Secrets, make};

use authority::Authority;
use rustls::{
    ClientConfig, RootCertStore, ServerConfig,
    client::Resumption,
    crypto::{CryptoProvider, ring},
    pki_types::{CertificateDer, PrivateKeyDer},
    server::{NoServerSessionStorage, WebPkiClientVerifier},
    version::TLS13,
};
use std::{
    io,
    path::PathBuf,
    sync::Arc,
    time::{Duration, SystemTime},
};

/// A host's own certificate is made anew after so long. It holds four times as long.
pub const RENEWED: Duration = Duration::from_secs(12 * 3600);
const VALID: Duration = Duration::from_secs(48 * 3600);
/// A certificate holds from so long before it was made: clocks of hosts differ.
const BACKDATED: Duration = Duration::from_secs(24 * 3600);

/// Why there is no trust to be had.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// The secret cannot be read or written.
    #[error("cannot {doing} {path}")]
    File {
        /// Read or write.
        doing: &'static str,
        /// Which file.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// Others on this machine may read it.
    #[error("{path} may be read by others than its owner (mode {mode:o}): chmod 600 it, and think about a new one")]
    Open {
        /// Which file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// It belongs to somebody who is neither root nor this process's account.
    #[error(
        "{path} belongs to user id {owner}, who can read and change it: chown it to root, and think about a new one"
    )]
    Foreign {
        /// Which file.
        path: PathBuf,
        /// Whose it is.
        owner: u32,
    },
    /// One is there already.
    #[error("{0} is there already; --force replaces it, and the other hosts must get the new one")]
    Exists(PathBuf),
    /// It is not what `secret new` makes. What it is, is not said.
    #[error("{from} holds no secret: one line of 64 hexadecimal digits, and perhaps a second one that is taken too")]
    NoSecret {
        /// A path or a variable.
        from: String,
    },
    /// It is one that can be guessed. What it is, is not said.
    #[error(
        "{from} holds a secret that can be guessed: {why}. Make one with `rocketmq-agent secret new`, and put it on all hosts"
    )]
    Weak {
        /// A path or a variable.
        from: String,
        /// What makes it weak.
        why: String,
    },
    /// A file of the site's own certificates is no good, or not this host's.
    #[error("{path} cannot be used: {why}")]
    Unusable {
        /// Which file.
        path: PathBuf,
        /// Why.
        why: String,
    },
    /// The certificates cannot be made.
    #[error("cannot make this host's certificate: {0}")]
    Certificate(String),
}

/// The two ends of a connection, for as long as this host's certificate is to be used.
#[derive(Debug, Clone)]
pub struct Ends {
    /// For connections that others open.
    pub server: Arc<ServerConfig>,
    /// For those that this host opens.
    pub client: Arc<ClientConfig>,
}

/// Whom this host takes, and what it shows.
struct Material {
    roots: Arc<RootCertStore>,
    chain: Vec<CertificateDer<'static>>,
    key: PrivateKeyDer<'static>,
}

/// Makes this host's certificate, and the ends that go with it.
///
/// # Errors
/// The certificate cannot be made; the secret is good whenever it was read.
pub fn ends(secrets: &Secrets, identity: &Identity, now: SystemTime) -> Result<Ends, TrustError> {
    let failed = |error: &dyn std::fmt::Display| TrustError::Certificate(error.to_string());
    let mut roots = RootCertStore::empty();
    for secret in secrets.all() {
        roots.add(Authority::of(secret)?.certificate()?).map_err(|error| failed(&error))?;
    }
    let (from, until) = (now - BACKDATED, now + VALID);
    let (certificate, key) = Authority::of(secrets.own())?.issue(identity, from, until)?;
    Material { roots: Arc::new(roots), chain: vec![certificate], key: PrivateKeyDer::Pkcs8(key.into()) }.ends()
}

impl Material {
    fn ends(self) -> Result<Ends, TrustError> {
        let failed = |error: &dyn std::fmt::Display| TrustError::Certificate(error.to_string());
        let Self { roots, chain, key } = self;
        let provider: Arc<CryptoProvider> = Arc::new(ring::default_provider());

        let verifier = WebPkiClientVerifier::builder_with_provider(Arc::clone(&roots), Arc::clone(&provider))
            .build()
            .map_err(|error| failed(&error))?;
        let mut server = ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_protocol_versions(&[&TLS13])
            .map_err(|error| failed(&error))?
            .with_client_cert_verifier(verifier)
            .with_single_cert(chain.clone(), key.clone_key())
            .map_err(|error| failed(&error))?;
        // A resumed session would outlive the secret that it was begun with.
        server.session_storage = Arc::new(NoServerSessionStorage {});
        server.send_tls13_tickets = 0;
        let mut client = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&TLS13])
            .map_err(|error| failed(&error))?
            .with_root_certificates(roots)
            .with_client_auth_cert(chain, key)
            .map_err(|error| failed(&error))?;
        client.resumption = Resumption::disabled();
        Ok(Ends { server: Arc::new(server), client: Arc::new(client) })
    }
}

#[cfg(test)]
mod tests;
