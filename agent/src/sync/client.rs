//! A connection to another host's config sync: opened when there is something to say, kept, opened anew once when it
//! turns out to be closed. In: a request. Out: the answer's body, or why there is none.

use super::{ANSWER, AddressBook, CONNECT, HostState, LONG_POLL, LONGEST_MESSAGE, keep_alive};
use bytes::Bytes;
use http_body_util::{BodyExt, Full, Limited};
use hyper::{Method, Request, StatusCode, client::conn::http1::SendRequest, header};
use hyper_util::rt::TokioIo;
use rocketmq_agent_domain::{document::Mark, line::Line, names::HostName, register::Message};
use std::{error::Error, io, sync::Arc, time::Duration};
use tokio::{net::TcpStream, time::timeout};
use tokio_rustls::TlsConnector;

/// Why another host did not answer.
#[derive(Debug, thiserror::Error)]
pub enum LinkError {
    /// No address.
    #[error("it is in no cluster file that is known here")]
    NoAddress,
    /// Its name cannot be in a certificate.
    #[error("its name is no DNS name")]
    BadName,
    /// Nothing came in time.
    #[error("no answer within {0:?}")]
    Silent(Duration),
    /// It cannot be reached.
    #[error("cannot be reached")]
    Connect(#[source] io::Error),
    /// It is not who it should be, or does not take this host.
    #[error("no trust")]
    Tls(#[source] io::Error),
    /// The connection broke.
    #[error("the connection broke")]
    Broken(#[source] hyper::Error),
    /// The answer could not be read to its end.
    #[error("its answer could not be read: {0}")]
    Body(String),
    /// It does not know the question.
    #[error("its agent is older and does not answer this")]
    Older,
    /// It said no.
    #[error("it refuses: {0}")]
    Refused(Line),
    /// It answered something else.
    #[error("its answer is not of this agent's kind")]
    Nonsense(#[source] serde_json::Error),
}

impl LinkError {
    /// With its innermost cause.
    pub fn in_words(&self) -> String {
        let mut innermost: Option<&dyn Error> = self.source();
        while let Some(cause) = innermost.and_then(Error::source) {
            innermost = Some(cause);
        }
        innermost.map_or_else(|| self.to_string(), |cause| format!("{self}: {cause}"))
    }
}

pub(super) struct Link {
    host: HostName,
    book: Arc<AddressBook>,
    kept: Option<SendRequest<Full<Bytes>>>,
}

impl Link {
    pub fn new(host: HostName, book: Arc<AddressBook>) -> Self {
        Self { host, book, kept: None }
    }

    /// Says something, and hears what comes back at once.
    pub async fn tell(&mut self, message: &Message) -> Result<Vec<Message>, LinkError> {
        let body = serde_json::to_vec(message).map_err(LinkError::Nonsense)?;
        let body = self.ask(Method::POST, "/register", body.into(), ANSWER).await?;
        serde_json::from_slice(&body).map_err(LinkError::Nonsense)
    }

    /// Waits for something else than what is held.
    pub async fn poll(&mut self, held: Option<Mark>) -> Result<Option<Message>, LinkError> {
        let path = match held {
            Some(Mark { epoch, generation, hash }) => {
                format!("/document?epoch={epoch}&generation={generation}&hash={hash}")
            }
            None => "/document".to_owned(),
        };
        let body = self.ask(Method::GET, &path, Bytes::new(), LONG_POLL + ANSWER).await?;
        if body.is_empty() { Ok(None) } else { serde_json::from_slice(&body).map_err(LinkError::Nonsense) }
    }

    /// Where it stands.
    pub async fn state(&mut self) -> Result<HostState, LinkError> {
        let body = self.ask(Method::GET, "/state", Bytes::new(), CONNECT).await?;
        serde_json::from_slice(&body).map_err(LinkError::Nonsense)
    }

    pub(super) async fn ask(
        &mut self,
        method: Method,
        path: &str,
        body: Bytes,
        patience: Duration,
    ) -> Result<Bytes, LinkError> {
        let answer = match timeout(patience, self.converse(method, path, body)).await {
            Ok(answer) => answer,
            Err(_) => Err(LinkError::Silent(patience)),
        };
        let reached = match &answer {
            // Who does not know the question was reached, and may know the next one.
            Ok(_) | Err(LinkError::Older) => Ok(()),
            Err(error) => Err(error),
        };
        if reached.is_err() {
            self.kept = None;
        }
        self.book.reached(&self.host, reached);
        answer
    }

    async fn converse(&mut self, method: Method, path: &str, body: Bytes) -> Result<Bytes, LinkError> {
        let host = self.book.dns_name(&self.host).ok_or(LinkError::NoAddress)?;
        let request = || {
            let request = Request::builder().method(method.clone()).uri(path);
            request.header(header::HOST, &host).body(Full::new(body.clone()))
        };
        let nonsense = |error: hyper::http::Error| LinkError::Body(error.to_string());
        let kept = self.kept.take().filter(|kept| kept.is_ready());
        let answered = match kept {
            // The other end may have closed it just now: then once more, on a new one.
            Some(mut kept) => kept.send_request(request().map_err(nonsense)?).await.ok().map(|answer| (kept, answer)),
            None => None,
        };
        let (kept, answer) = match answered {
            Some(answered) => answered,
            None => {
                let mut opened = self.open().await?;
                let answer = opened.send_request(request().map_err(nonsense)?).await.map_err(LinkError::Broken)?;
                (opened, answer)
            }
        };
        let status = answer.status();
        let body = Limited::new(answer.into_body(), LONGEST_MESSAGE).collect().await;
        let body = body.map_err(|error| LinkError::Body(error.to_string()))?.to_bytes();
        self.kept = Some(kept);
        match status {
            StatusCode::OK | StatusCode::NO_CONTENT => Ok(body),
            StatusCode::NOT_FOUND => Err(LinkError::Older),
            _ => Err(LinkError::Refused(Line::excerpt_of(&body))),
        }
    }

    async fn open(&self) -> Result<SendRequest<Full<Bytes>>, LinkError> {
        let address = self.book.address(&self.host).ok_or(LinkError::NoAddress)?;
        let name = self.book.server_name(&self.host).ok_or(LinkError::BadName)?;
        let connector = TlsConnector::from(self.book.ends().ok_or(LinkError::NoAddress)?.client);
        let opened = async {
            let stream = TcpStream::connect(address).await.map_err(LinkError::Connect)?;
            let _ = stream.set_nodelay(true);
            keep_alive(&stream);
            connector.connect(name, stream).await.map_err(LinkError::Tls)
        };
        let stream = timeout(CONNECT, opened).await.map_err(|_| LinkError::Silent(CONNECT))??;
        let made = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await;
        let (sender, connection) = made.map_err(LinkError::Broken)?;
        // It ends with the sender, or when the other end closes it.
        tokio::spawn(connection);
        Ok(sender)
    }
}
