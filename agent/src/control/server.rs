//! The agent's end of the control socket.

use super::{Applied, Apply, ClusterConfig, Held, HostConfig};
use crate::{
    clock,
    files::{self, FileError},
    sync::{Ended, Handle, proposal},
};
use axum::{
    Json, Router,
    extract::{DefaultBodyLimit, State},
    http::StatusCode,
    routing::{get, post},
};
use futures_util::future::join_all;
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use rocketmq_agent_domain::{
    document::{Change, Document, LONGEST},
    names::HostName,
    register::{Entry, NotProposed, Outcome},
};
use std::{
    collections::BTreeSet,
    fs::{self, Permissions},
    io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    time::Duration,
};
use tokio::net::{UnixListener, UnixStream};
use tracing::warn;

/// Between two tries to accept where the process has run out of file descriptors.
const PAUSE: Duration = Duration::from_millis(200);

/// Why commands cannot reach this agent.
#[derive(Debug, thiserror::Error)]
pub enum SocketError {
    /// Its folder cannot be made.
    #[error(transparent)]
    Folder(#[from] FileError),
    /// It cannot be listened on.
    #[error("cannot listen on {path}")]
    Listen {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// Listens; a socket that an agent before this one left is taken away.
///
/// # Errors
/// Another agent has it, or it cannot be made.
pub async fn bind(path: &Path) -> Result<UnixListener, SocketError> {
    let failed = |source| SocketError::Listen { path: path.to_owned(), source };
    if let Some(folder) = path.parent()
        && !folder.exists()
    {
        files::make_directory(folder, 0o755, None)?;
    }
    if UnixStream::connect(path).await.is_ok() {
        return Err(failed(io::Error::new(io::ErrorKind::AddrInUse, "another agent listens on it")));
    }
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(failed(error)),
        _ => {}
    }
    let listener = UnixListener::bind(path).map_err(failed)?;
    fs::set_permissions(path, Permissions::from_mode(0o600)).map_err(failed)?;
    Ok(listener)
}

/// Serves until it is dropped.
pub async fn serve(listener: UnixListener, handle: Handle) {
    let router = Router::new()
        .route("/status", get(status))
        .route("/documents", get(documents))
        .route("/apply", post(apply))
        .layer(DefaultBodyLimit::max(3 * LONGEST))
        .with_state(handle);
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                warn!(%error, "cannot accept a command");
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        // The mode keeps others out as well; this holds also between bind and chmod.
        let own = rustix::process::geteuid().as_raw();
        if !stream.peer_cred().is_ok_and(|peer| peer.uid() == 0 || peer.uid() == own) {
            continue;
        }
        let service = TowerToHyperService::new(router.clone());
        // What goes wrong here is the command's affair.
        tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

async fn status(State(handle): State<Handle>) -> Json<ClusterConfig> {
    let me = handle.book.me().clone();
    let hosts = handle.book.members().into_iter().map(|host| {
        let (handle, is_me) = (&handle, host == me);
        async move {
            let state = match is_me {
                true => Ok(handle.state()),
                false => handle.ask_state(&host).await.map_err(|error| error.in_words()),
            };
            let (state, error) = match state {
                Ok(state) => (Some(state), None),
                Err(error) => (None, Some(error)),
            };
            HostConfig { host, state, error }
        }
    });
    let hosts = join_all(hosts).await;
    Json(ClusterConfig { seen_from: me, hosts })
}

async fn documents(State(handle): State<Handle>) -> Result<Json<Vec<Held>>, (StatusCode, String)> {
    let failed = |error| (StatusCode::INTERNAL_SERVER_ERROR, format!("{:#}", anyhow::Error::from(error)));
    handle.history().map(Json).map_err(failed)
}

async fn apply(State(handle): State<Handle>, Json(apply): Json<Apply>) -> Json<Applied> {
    Json(match document(&handle, apply) {
        Ok(document) => in_words(handle.propose(document.clone()).await, &document),
        Err(why) => Applied::Refused { why },
    })
}

fn document(handle: &Handle, apply: Apply) -> Result<Document, String> {
    let words = |error: proposal::ProposalError| format!("{:#}", anyhow::Error::from(error));
    let held = handle.view.borrow().held.clone().ok_or("this host holds no document yet")?;
    if held.mark().hash != apply.base {
        return Err(overtaken(&held));
    }
    let cluster = proposal::cluster(&held, Path::new("cluster.toml"), apply.text).map_err(words)?;
    let time = clock::now();
    let change = Change { author: apply.author, host: handle.book.me().clone(), time, message: apply.message };
    proposal::document(&held, cluster, &apply.voters, change).map_err(words)
}

fn overtaken(newer: &Entry) -> String {
    let by = newer
        .document()
        .change()
        .map_or(String::new(), |change| format!(" by {} on {} ({})", change.author, change.host, change.message));
    format!("generation {} was committed in the meantime{by}: look at it and apply again", newer.mark().generation)
}

fn in_words(ended: Ended, document: &Document) -> Applied {
    let names = |hosts: BTreeSet<HostName>| hosts.iter().map(HostName::as_str).collect::<Vec<_>>().join(", ");
    match ended {
        Ended::Decided(Outcome::Committed { .. }) => {
            Applied::Committed { generation: document.generation(), hash: document.hash() }
        }
        Ended::Decided(Outcome::Refused { newer, .. }) | Ended::NotBegun(NotProposed::Stale(newer)) => {
            Applied::Refused { why: overtaken(&newer) }
        }
        Ended::Decided(Outcome::NoMajority { silent, pending, .. }) => {
            let others = pending.filter(|pending| pending.document().hash() != document.hash());
            let pending = others.map_or("", |_| ", and an earlier change has to be brought to its end first");
            let silent = names(silent);
            let why = format!(
                "too few config hosts answer to change anything: not {silent}{pending}. What runs is not affected"
            );
            Applied::Refused { why }
        }
        Ended::Decided(Outcome::Unknown { silent, .. }) => Applied::Unknown {
            why: format!(
                "the change was offered, and then too few config hosts answered (not {}): it may be committed now or \
                 later; `rocketmq-agent config status` tells",
                names(silent)
            ),
        },
        Ended::Decided(Outcome::Confirmed { .. } | Outcome::Unconfirmed { .. }) => {
            Applied::Unknown { why: "something else was decided than what was asked for".to_owned() }
        }
        Ended::NotBegun(why) => Applied::Refused { why: why.to_string() },
        Ended::Disk(why) => {
            Applied::Unknown { why: format!("the change may be committed or not, as this host's disk failed: {why}") }
        }
    }
}
