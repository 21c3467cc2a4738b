//! Who a certificate speaks for: one host of one cluster, as a DNS name that TLS itself compares. In: names, or a
//! certificate that was verified. Out: the DNS name, or the host's.

use rocketmq_agent_domain::names::{ClusterName, HostName};
use rustls::pki_types::{CertificateDer, ServerName};
use sha2::{Digest, Sha256};

/// One host of one cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// The host.
    pub host: HostName,
    /// Its cluster.
    pub cluster: ClusterName,
}

/// The certificate has the right secret behind it and is not for a host of this cluster.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Stranger {
    /// Same secret, other `cluster.name`.
    #[error("it belongs to a cluster of another name")]
    OtherCluster,
    /// The certificate names nobody, or not in this agent's way.
    #[error("its certificate names no host")]
    NoHost,
    /// One certificate for several hosts of the file.
    #[error("its certificate names more than one host of this cluster")]
    SeveralHosts,
    /// No such host.
    #[error("{0} is none of this cluster's hosts")]
    NotAHost(String),
}

/// RFC 6762, appendix G lists `internal` among the names that private networks use.
const SUFFIX: &str = ".rocketmq-agent.internal";

impl Identity {
    /// `HOST.DIGEST-OF-THE-CLUSTER'S-NAME.rocketmq-agent.internal`: a cluster's name need not be good for a DNS name.
    pub fn dns_name(&self) -> String {
        format!("{}{}", self.host, after_host(&self.cluster))
    }

    /// The name that a client asks TLS to see. None where the host's name is no DNS name, such as `a..b`.
    pub fn server_name(&self) -> Option<ServerName<'static>> {
        ServerName::try_from(self.dns_name()).ok()
    }
}

fn after_host(cluster: &ClusterName) -> String {
    let digest: String = Sha256::digest(cluster.as_str()).iter().take(8).map(|byte| format!("{byte:02x}")).collect();
    format!(".{digest}{SUFFIX}")
}

/// Which of these hosts a verified certificate speaks for.
///
/// # Errors
/// It is for somebody else.
pub fn of_peer<'h>(
    certificate: Option<&CertificateDer<'_>>,
    cluster: &ClusterName,
    mut hosts: impl Iterator<Item = &'h HostName>,
) -> Result<HostName, Stranger> {
    let certificate = certificate.and_then(|it| webpki::EndEntityCert::try_from(it).ok()).ok_or(Stranger::NoHost)?;
    let name = certificate.valid_dns_names().next().ok_or(Stranger::NoHost)?.to_ascii_lowercase();
    let Some(host) = name.strip_suffix(&after_host(cluster)) else {
        return Err(if name.ends_with(SUFFIX) { Stranger::OtherCluster } else { Stranger::NoHost });
    };
    let found = hosts.find(|known| known.as_str().eq_ignore_ascii_case(host));
    found.cloned().ok_or_else(|| Stranger::NotAHost(host.to_owned()))
}
