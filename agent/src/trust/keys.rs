//! What a host's trust rests on: the secret, or a site's own certificates. In: where they lie. Out: both ends of TLS, who
//! a certificate speaks for, and what a host is called in one.

use super::{Ends, Identity, RENEWED, Secrets, Stranger, TrustError, identity, own, own::Validity};
use crate::settings::Certificates;
use rocketmq_agent_domain::names::HostName;
use rustls::pki_types::{CertificateDer, ServerName};
use std::{
    path::PathBuf,
    time::{Duration, SystemTime},
};
use tracing::info;

/// Files of a site's own are looked at again after so long: whoever renews them need not tell the agent.
const LOOKED_AT: Duration = Duration::from_secs(60);

/// A connection ends after so long where nothing tells when what it rests on was replaced; else later.
const LIFE_OF_OWN: Duration = Duration::from_secs(600);
const LIFE: Duration = Duration::from_secs(3600);

/// What trust rests on.
#[derive(Debug)]
pub enum Keys {
    /// One secret on all hosts.
    Secret {
        /// As it was read.
        secrets: Secrets,
        /// From where it is read again.
        file: PathBuf,
    },
    /// Certificates of the site's own.
    Own(Certificates),
}

/// Both ends, and how long they are good.
#[derive(Debug, Clone)]
pub struct Made {
    /// Both ends.
    pub ends: Ends,
    /// When the site's own certificate holds; one that follows from the secret is made anew in time.
    pub validity: Option<Validity>,
}

impl Keys {
    /// What the settings name; none where this host has neither. The site's own win.
    ///
    /// # Errors
    /// The secret cannot be read, others may read it, or it is no secret.
    pub fn find(own: Option<Certificates>, secret_file: &std::path::Path) -> Result<Option<Self>, TrustError> {
        if let Some(own) = own {
            return Ok(Some(Self::Own(own)));
        }
        let secrets = Secrets::find(secret_file)?;
        Ok(secrets.map(|secrets| Self::Secret { secrets, file: secret_file.to_owned() }))
    }

    /// Makes both ends.
    ///
    /// # Errors
    /// What the trust rests on is no good.
    pub fn ends(&self, me: &Identity, now: SystemTime) -> Result<Made, TrustError> {
        match self {
            Self::Secret { secrets, .. } => Ok(Made { ends: super::ends(secrets, me, now)?, validity: None }),
            Self::Own(files) => {
                let (material, validity) = own::read(files, &me.host)?;
                Ok(Made { ends: material.ends()?, validity: Some(validity) })
            }
        }
    }

    /// After how long they are to be made anew.
    pub fn renewed(&self) -> Duration {
        match self {
            Self::Secret { .. } => RENEWED,
            Self::Own(_) => LOOKED_AT,
        }
    }

    /// After how long a connection is to be made anew.
    pub fn life(&self) -> Duration {
        match self {
            Self::Secret { .. } => LIFE,
            Self::Own(_) => LIFE_OF_OWN,
        }
    }

    /// Looks at the secret again; whether there is another one.
    ///
    /// # Errors
    /// It cannot be used.
    pub fn reread(&mut self) -> Result<bool, TrustError> {
        let Self::Secret { secrets, file } = self else { return Ok(false) };
        match Secrets::find(file)? {
            Some(found) if found != *secrets => {
                *secrets = found;
                info!("the secret was replaced");
                Ok(true)
            }
            _ => Ok(false),
        }
    }

    /// What a host is called in its certificate.
    pub fn dns_name(&self, host: &Identity) -> String {
        match self {
            Self::Secret { .. } => host.dns_name(),
            Self::Own(_) => host.host.to_string(),
        }
    }

    /// The same for TLS. None where it is no DNS name, such as `a..b`.
    pub fn server_name(&self, host: &Identity) -> Option<ServerName<'static>> {
        ServerName::try_from(self.dns_name(host)).ok()
    }

    /// Which of these hosts a verified certificate speaks for.
    ///
    /// # Errors
    /// It is for somebody else.
    pub fn of_peer<'h>(
        &self,
        certificate: Option<&CertificateDer<'_>>,
        me: &Identity,
        hosts: impl Iterator<Item = &'h HostName>,
    ) -> Result<HostName, Stranger> {
        match self {
            Self::Secret { .. } => identity::of_peer(certificate, &me.cluster, hosts),
            Self::Own(_) => own::of_peer(certificate, hosts),
        }
    }
}
