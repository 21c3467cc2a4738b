//! The listening side: mutual TLS, and behind it the paths for the other hosts.
//!
//! | path | takes, answers |
//! |---|---|
//! | `POST /register` | a message of the register; the messages that answer it, when the disk has what they rest on |
//! | `GET /document?epoch=…&generation=…&hash=…` | what is held, once it is something else than that; 204: ask again |
//! | `GET /state` | what this host holds and where it stands |
//! | `GET /report` | what this host's agent reports: [`super::reports`] |
//! | `/log/…` | a commit log of this host: [`super::logs`] |

use super::{
    ANSWER, CONNECT, HEAD_START, Handle, LONG_POLL, LONGEST_MESSAGE, keep_alive,
    logs::{Asked, Cut, Logs},
    reports::OwnReport,
};
use crate::{
    connections::{Connections, Proof, Room},
    ledger::LedgerError,
};
use axum::{
    Json, Router,
    body::{Body, Bytes, to_bytes},
    extract::{Path, Query, State, rejection::QueryRejection},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::{get, post},
};
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use rocketmq_agent_domain::{
    document::{DocumentHash, Mark},
    names::HostName,
    register::{Entry, Message},
};
use rustls::pki_types::CertificateDer;
use serde::Deserialize;
use std::{
    io,
    net::SocketAddr,
    pin::pin,
    sync::Arc,
    time::{Duration, Instant},
};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    time::{sleep, timeout},
};
use tokio_rustls::TlsAcceptor;
use tracing::warn;

/// Connections at once: two from each host, and to spare.
const CONNECTIONS: usize = 1024;
const CONNECTIONS_OF_HOST: usize = 4;
/// Connections of one address that are still to show a certificate of the cluster. All hosts may come from one address,
/// as behind a container's proxy, and each has one such connection at a time.
const UNPROVED_OF_ADDRESS: usize = 64;
/// Between two tries to accept where the process has run out of file descriptors.
const PAUSE: Duration = Duration::from_millis(200);

/// What can go wrong before anything is served.
#[derive(Debug, thiserror::Error)]
pub enum SyncError {
    /// The address cannot be listened on.
    #[error("cannot listen on {address} for config sync")]
    Listen {
        /// Which address.
        address: SocketAddr,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// There is no thread to be had.
    #[error("cannot begin a thread for config sync")]
    Thread(#[source] io::Error),
    /// What was committed cannot be read.
    #[error(transparent)]
    Ledger(#[from] LedgerError),
}

/// What the other hosts are shown of this one, besides the register.
#[derive(Clone, Default)]
pub struct Shown {
    /// Its commit logs.
    pub logs: Option<Logs>,
    /// What its agent reports.
    pub report: Option<OwnReport>,
}

/// Listens on an address, and serves there in config sync's thread.
///
/// # Errors
/// It cannot be listened on.
pub async fn listen(address: SocketAddr, handle: Handle, shown: Shown) -> Result<(), SyncError> {
    let runtime = handle.runtime.clone();
    let begun = runtime.spawn(async move {
        tokio::spawn(serve(bind(address).await?, handle, shown));
        Ok(())
    });
    begun.await.unwrap_or_else(|gone| Err(SyncError::Thread(gone.into())))
}

/// Listens on an address.
///
/// # Errors
/// It cannot be listened on.
pub(super) async fn bind(address: SocketAddr) -> Result<TcpListener, SyncError> {
    TcpListener::bind(address).await.map_err(|source| SyncError::Listen { address, source })
}

/// Serves until it is dropped.
pub(super) async fn serve(listener: TcpListener, handle: Handle, shown: Shown) {
    let mut connections = Connections::default();
    loop {
        let (stream, address) = match listener.accept().await {
            Ok(accepted) => accepted,
            Err(error) => {
                warn!(%error, "cannot accept a connection for config sync");
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        let all = CONNECTIONS.max(CONNECTIONS_OF_HOST * handle.book.size());
        let room = Room { all, of_address: UNPROVED_OF_ADDRESS };
        let ended = connections
            .add(address.ip(), room, |proof| converse(stream, address, handle.clone(), shown.clone(), proof));
        (0..ended).for_each(|_| handle.book.refuse("too-many"));
    }
}

async fn converse(stream: TcpStream, address: SocketAddr, handle: Handle, shown: Shown, proof: Proof) {
    let _ = stream.set_nodelay(true);
    keep_alive(&stream);
    let mut replaced = handle.book.replaced();
    let (Some(ends), Some(life)) = (handle.book.ends(), handle.book.life()) else { return };
    let acceptor = TlsAcceptor::from(ends.server);
    let stream = match timeout(CONNECT, acceptor.accept(stream)).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => {
            handle.book.refuse("tls");
            return handle.say(&format!("{} has no trust: {error}", address.ip()));
        }
        Err(_) => return handle.book.refuse("tls"),
    };
    proof.is_given();
    let certificate = stream.get_ref().1.peer_certificates().and_then(|chain| chain.first()).cloned();
    let peer = Peer { handle, shown, certificate: certificate.map(Arc::new), address };
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router(peer)));
    let conversation = async {
        let mut connection = pin!(connection);
        if timeout(life, &mut connection).await.is_err() {
            connection.as_mut().graceful_shutdown();
            let _ = timeout(LONG_POLL + ANSWER, connection).await;
        }
    };
    // Whoever has the new secret comes again.
    tokio::select! {
        () = conversation => {}
        _ = replaced.changed() => {}
    }
}

/// The other end of one connection.
#[derive(Clone)]
struct Peer {
    handle: Handle,
    shown: Shown,
    certificate: Option<Arc<CertificateDer<'static>>>,
    address: SocketAddr,
}

type Refused = (StatusCode, String);

impl Peer {
    /// Who it is, by what is known at this moment.
    fn host(&self, reads: bool) -> Result<HostName, Refused> {
        self.handle.book.peer(self.certificate.as_deref(), reads).map_err(|stranger| {
            self.handle.book.refuse("stranger");
            self.handle.say(&format!("{} is refused: {stranger}", self.address.ip()));
            (StatusCode::FORBIDDEN, stranger.to_string())
        })
    }
}

impl Peer {
    /// The logs, and whose host asks about them.
    fn logs(&self) -> Result<(&Logs, HostName), Refused> {
        let from = self.host(false)?;
        self.shown.logs.as_ref().map(|logs| (logs, from)).ok_or((StatusCode::NOT_FOUND, String::new()))
    }
}

fn router(peer: Peer) -> Router {
    Router::new()
        .route("/register", post(register))
        .route("/document", get(document))
        .route("/state", get(state))
        .route("/report", get(report))
        .route("/log/{group}", get(extent))
        .route("/log/{group}/hashes", get(hashes))
        .route("/log/{group}/bytes", get(bytes))
        .route("/log/{group}/cut", post(cut))
        .with_state(peer)
}

async fn register(State(peer): State<Peer>, body: Body) -> Result<Json<Vec<Message>>, Refused> {
    let from = peer.host(false)?;
    let body: Bytes = match timeout(ANSWER, to_bytes(body, LONGEST_MESSAGE)).await {
        Ok(Ok(body)) => body,
        Ok(Err(_)) => {
            peer.handle.book.refuse("too-long");
            return Err((StatusCode::PAYLOAD_TOO_LARGE, format!("a message has at most {LONGEST_MESSAGE} bytes")));
        }
        Err(_) => return Err((StatusCode::REQUEST_TIMEOUT, "the message did not come in time".to_owned())),
    };
    let message = serde_json::from_slice(&body).map_err(|error| {
        peer.handle.book.refuse("malformed");
        (StatusCode::BAD_REQUEST, format!("no message of this agent's kind: {error}"))
    })?;
    let answers = timeout(ANSWER, peer.handle.receive(from, message)).await;
    let gone = || (StatusCode::SERVICE_UNAVAILABLE, "config sync does not answer".to_owned());
    answers.ok().flatten().map(Json).ok_or_else(gone)
}

#[derive(Deserialize)]
struct After {
    epoch: u64,
    generation: u64,
    hash: DocumentHash,
}

async fn document(State(peer): State<Peer>, after: Result<Query<After>, QueryRejection>) -> Result<Response, Refused> {
    peer.host(true)?;
    let after = after.ok().map(|Query(After { epoch, generation, hash })| Mark { epoch, generation, hash });
    let mut view = peer.handle.view.clone();
    let nothing = Ok(StatusCode::NO_CONTENT.into_response());
    let Ok(Some((entry, learned))) = timeout(LONG_POLL, news(&mut view, after)).await else { return nothing };
    // Nearly all have it by then from whoever decided on it, and need not get it twice.
    let left = learned.filter(|_| after.is_some()).and_then(|learned| HEAD_START.checked_sub(learned.elapsed()));
    if let Some(left) = left {
        sleep(left).await;
        return nothing;
    }
    let tag = format!("\"{}\"", entry.mark().hash);
    let failed = |error: serde_json::Error| (StatusCode::INTERNAL_SERVER_ERROR, error.to_string());
    let body = peer.handle.written(entry).map_err(failed)?;
    Ok(([(header::ETAG, tag), (header::CONTENT_TYPE, "application/json".to_owned())], body).into_response())
}

/// What is held, once it is not that, and when another host told of it.
async fn news(view: &mut watch::Receiver<Arc<super::View>>, after: Option<Mark>) -> Option<(Entry, Option<Instant>)> {
    let differs = |view: &Arc<super::View>| view.held.as_ref().is_some_and(|held| Some(held.mark()) != after);
    let seen = view.wait_for(differs).await.ok()?;
    Some((seen.held.clone()?, seen.learned))
}

async fn state(State(peer): State<Peer>) -> Result<Json<super::HostState>, Refused> {
    peer.host(true)?;
    Ok(Json(peer.handle.state()))
}

async fn report(State(peer): State<Peer>) -> Result<Response, Refused> {
    peer.host(false)?;
    let report = peer.shown.report.as_ref().ok_or((StatusCode::NOT_FOUND, String::new()))?;
    let none = || (StatusCode::SERVICE_UNAVAILABLE, "it has just started, or its loop stands still".to_owned());
    Ok(Json(&*report().ok_or_else(none)?).into_response())
}

async fn extent(State(peer): State<Peer>, Path(group): Path<String>) -> Result<Response, Refused> {
    let (logs, from) = peer.logs()?;
    Ok(Json(logs.extent(&group, &from).await?).into_response())
}

async fn hashes(
    State(peer): State<Peer>,
    Path(group): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Bytes, Refused> {
    let (logs, from) = peer.logs()?;
    logs.hashes(&group, &from, asked).await
}

async fn bytes(
    State(peer): State<Peer>,
    Path(group): Path<String>,
    Query(asked): Query<Asked>,
) -> Result<Bytes, Refused> {
    let (logs, from) = peer.logs()?;
    logs.bytes(&group, &from, asked).await
}

async fn cut(
    State(peer): State<Peer>,
    Path(group): Path<String>,
    Query(Cut { at }): Query<Cut>,
) -> Result<(), Refused> {
    let (logs, from) = peer.logs()?;
    logs.cut(&group, &from, at).await
}
