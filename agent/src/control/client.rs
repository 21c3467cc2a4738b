//! The commands' end of the control socket.

use super::{Applied, Apply, ClusterConfig, Held};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use std::{io, path::PathBuf};
use tokio::net::UnixStream;

/// Why the agent of this host did not answer.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// No agent, or one without a secret.
    #[error(
        "no agent with a secret answers on {path}: is rocketmq-agent running, and is there a cluster.secret? Without \
         one every host works from its own cluster.toml"
    )]
    Connect {
        /// The socket.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It broke off.
    #[error("the agent's answer broke off")]
    Broken(#[from] hyper::Error),
    /// The request could not be made.
    #[error("the request could not be made")]
    Request(#[from] hyper::http::Error),
    /// It could not.
    #[error("the agent could not: {0}")]
    Failed(String),
    /// It is another release.
    #[error("the agent's answer is not of this program's kind")]
    Nonsense(#[from] serde_json::Error),
}

/// This host's agent.
#[derive(Debug)]
pub struct Client(PathBuf);

impl Client {
    /// Through this socket.
    pub fn new(socket: PathBuf) -> Self {
        Self(socket)
    }

    /// What each host holds.
    ///
    /// # Errors
    /// It did not answer; as for the others.
    pub async fn status(&self) -> Result<ClusterConfig, ControlError> {
        self.ask(Method::GET, "/status", Vec::new()).await
    }

    /// Committed documents, the oldest first; the last one holds.
    pub async fn documents(&self) -> Result<Vec<Held>, ControlError> {
        self.ask(Method::GET, "/documents", Vec::new()).await
    }

    /// Asks for a change, and waits until it is decided.
    pub async fn apply(&self, apply: &Apply) -> Result<Applied, ControlError> {
        self.ask(Method::POST, "/apply", serde_json::to_vec(apply)?).await
    }

    async fn ask<T: DeserializeOwned>(&self, method: Method, path: &str, body: Vec<u8>) -> Result<T, ControlError> {
        let connected = UnixStream::connect(&self.0).await;
        let stream = connected.map_err(|source| ControlError::Connect { path: self.0.clone(), source })?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        let request = Request::builder().method(method).uri(path).header("host", "agent");
        let request = request.header("content-type", "application/json").body(Full::new(Bytes::from(body)))?;
        let answer = sender.send_request(request).await?;
        let status = answer.status();
        let body = answer.into_body().collect().await?.to_bytes();
        match status {
            StatusCode::OK => Ok(serde_json::from_slice(&body)?),
            _ => Err(ControlError::Failed(String::from_utf8_lossy(&body).into_owned())),
        }
    }
}
