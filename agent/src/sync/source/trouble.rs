//! Why a source gives nothing, in words that say what to look at.

use super::super::LONGEST_MESSAGE;
use rocketmq_agent_domain::{document::DocumentError, line::Line};
use std::{error::Error, io, path::PathBuf, time::Duration};

/// Why a source gives nothing.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// A file of this host that is needed to reach it.
    #[error("cannot read {path}")]
    File {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// A password that others on this machine may read.
    #[error("{path} may be read by others than its owner (mode {mode:o}): chmod 600 it")]
    Open {
        /// Which file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// Certificates that cannot be used.
    #[error("the certificates for it cannot be used")]
    Tls(#[source] reqwest::Error),
    /// Nothing was sent.
    #[error("{address} cannot be reached")]
    Connect {
        /// Of whom.
        address: String,
        /// Why.
        #[source]
        source: reqwest::Error,
    },
    /// It broke off.
    #[error("{address} broke off")]
    Broken {
        /// Of whom.
        address: String,
        /// Why.
        #[source]
        source: reqwest::Error,
    },
    /// Nothing came in time.
    #[error("{address} does not answer within {patience:?}")]
    Silent {
        /// Of whom.
        address: String,
        /// For so long.
        patience: Duration,
    },
    /// It said no.
    #[error("{address} answers {status}: {words}")]
    Refused {
        /// Of whom.
        address: String,
        /// The HTTP status.
        status: u16,
        /// What it says.
        words: Line,
    },
    /// It said more than a document can be.
    #[error("{0} answers with more than {LONGEST_MESSAGE} bytes")]
    TooLong(String),
    /// It is another program, or another release of it.
    #[error("{0} answers what cannot be understood")]
    Nonsense(String, #[source] serde_json::Error),
    /// A repository that cannot be read.
    #[error("{0}")]
    Repository(String),
    /// What lies there was damaged, or is something else.
    #[error("what lies there is no document")]
    Document(#[from] DocumentError),
    /// It is not text.
    #[error("what lies there is no document: it is not text")]
    NotText,
    /// It cannot be written.
    #[error("nothing can be put there")]
    ReadOnly,
}

impl SourceError {
    /// With its innermost cause: what lies between names the client's layers, which help nobody.
    pub fn in_words(&self) -> String {
        let mut innermost: Option<&dyn Error> = self.source();
        while let Some(cause) = innermost.and_then(Error::source) {
            innermost = Some(cause);
        }
        innermost.map_or_else(|| self.to_string(), |cause| format!("{self}: {cause}"))
    }

    /// Whether what was asked for cannot have happened.
    pub(super) fn is_before_it_happened(&self) -> bool {
        match self {
            // 5xx: the member may have handed it on to the others before it gave up.
            Self::Refused { status, .. } => *status < 500,
            Self::Broken { .. } | Self::Silent { .. } | Self::TooLong(_) | Self::Nonsense(..) => false,
            _ => true,
        }
    }
}
