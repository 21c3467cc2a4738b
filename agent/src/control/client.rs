//! The commands' end of the control socket.

use super::{Applied, Apply, ClusterConfig, Decide, Held, Ordered, Progress, SourceView};
use crate::audit::Line;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{Method, Request, StatusCode, body::Incoming};
use hyper_util::rt::TokioIo;
use serde::de::DeserializeOwned;
use std::{io, path::PathBuf};
use tokio::net::UnixStream;

/// Why the agent of this host did not answer.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// No agent.
    #[error("no agent answers on {path}: is rocketmq-agent running on this host?")]
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
    #[error("the agent does not do it: {0}")]
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

    /// Where the document comes from; none where the hosts decide on it themselves.
    pub async fn source(&self) -> Result<Option<SourceView>, ControlError> {
        self.ask(Method::GET, "/source", Vec::new()).await
    }

    /// Committed documents, the oldest first; the last one holds.
    pub async fn documents(&self) -> Result<Vec<Held>, ControlError> {
        self.ask(Method::GET, "/documents", Vec::new()).await
    }

    /// Asks for a change, and waits until it is decided.
    pub async fn apply(&self, apply: &Apply) -> Result<Applied, ControlError> {
        self.ask(Method::POST, "/apply", serde_json::to_vec(apply)?).await
    }

    /// Asks for a decision that leaves the cluster file as it is, and waits until it is made.
    pub async fn decide(&self, decide: &Decide) -> Result<Applied, ControlError> {
        self.ask(Method::POST, "/decide", serde_json::to_vec(decide)?).await
    }

    /// Who changed what on this host, the oldest first.
    pub async fn audit(&self) -> Result<Vec<Line>, ControlError> {
        self.ask(Method::GET, "/audit", Vec::new()).await
    }

    /// Orders something of an instance, and tells how far it is until it is over; how it ended, where that is known.
    pub async fn order(
        &self,
        order: &Ordered,
        mut tell: impl FnMut(&Progress),
    ) -> Result<Option<Progress>, ControlError> {
        let mut answer = self.send(Method::POST, "/order", serde_json::to_vec(order)?).await?;
        let mut text = Vec::new();
        while let Some(frame) = answer.frame().await {
            text.extend_from_slice(frame?.data_ref().map_or(&[][..], |data| data));
            while let Some(end) = text.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = text.drain(..=end).collect();
                match serde_json::from_slice(&line)? {
                    said @ (Progress::Says(_) | Progress::Waits(..)) => tell(&said),
                    ended => return Ok(Some(ended)),
                }
            }
        }
        Ok(None)
    }

    async fn ask<T: DeserializeOwned>(&self, method: Method, path: &str, body: Vec<u8>) -> Result<T, ControlError> {
        let answer = self.send(method, path, body).await?;
        Ok(serde_json::from_slice(&answer.collect().await?.to_bytes())?)
    }

    async fn send(&self, method: Method, path: &str, body: Vec<u8>) -> Result<Incoming, ControlError> {
        let connected = UnixStream::connect(&self.0).await;
        let stream = connected.map_err(|source| ControlError::Connect { path: self.0.clone(), source })?;
        let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
        tokio::spawn(connection);
        let request = Request::builder().method(method).uri(path).header("host", "agent");
        let request = request.header("content-type", "application/json").body(Full::new(Bytes::from(body)))?;
        let answer = sender.send_request(request).await?;
        let status = answer.status();
        if status == StatusCode::OK {
            return Ok(answer.into_body());
        }
        let body = answer.into_body().collect().await?.to_bytes();
        Err(ControlError::Failed(String::from_utf8_lossy(&body).into_owned()))
    }
}
