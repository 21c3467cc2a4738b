//! The agent's end of the control socket.

use super::{Applied, Apply, ClusterConfig, Decide, Decision, Held, Ordered, Progress, SourceView, hosts};
use crate::{
    audit::{Audit, Line, Who},
    clock,
    files::{self, FileError},
    peers::Peers,
    rollout::Order,
    sync::{Ended, Handle, Voters, proposal},
};
use axum::{
    Extension, Json, Router,
    body::Body,
    extract::{DefaultBodyLimit, State},
    http::StatusCode,
    response::{IntoResponse, Response},
    routing::{get, post},
};
use futures_util::stream;
use hyper_util::{rt::TokioIo, service::TowerToHyperService};
use rocketmq_agent_domain::{
    document::{Change, Document, LONGEST},
    names::HostName,
    register::{Entry, NotProposed, Outcome},
};
use std::{
    collections::BTreeSet,
    convert::Infallible,
    fs::{self, Permissions},
    io,
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};
use tokio::{
    net::{UnixListener, UnixStream},
    sync::mpsc,
};
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
// The socket lies in a folder of root's, in /run.
#[expect(clippy::disallowed_methods)]
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

/// What commands reach.
#[derive(Clone, Debug)]
pub struct Doors {
    /// Config sync, where there is a secret or a source.
    pub sync: Option<Handle>,
    /// The agents of the other hosts.
    pub peers: Arc<Peers>,
    /// The agent's own state.
    pub state_dir: PathBuf,
    /// Where orders for instances go.
    pub orders: mpsc::Sender<Order>,
    /// Where it is noted who did what.
    pub audit: Audit,
}

/// Serves until it is dropped.
pub async fn serve(listener: UnixListener, doors: Doors) {
    let router = Router::new()
        .route("/status", get(status))
        .route("/source", get(source))
        .route("/documents", get(documents))
        .route("/apply", post(apply))
        .route("/decide", post(decide))
        .route("/order", post(order))
        .route("/audit", get(audit))
        .layer(DefaultBodyLimit::max(3 * LONGEST))
        .with_state(doors);
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
        let uid = stream.peer_cred().map(|peer| peer.uid()).ok().filter(|uid| *uid == 0 || *uid == own);
        let Some(uid) = uid else { continue };
        let service = TowerToHyperService::new(router.clone().layer(Extension(Who::of(uid))));
        // What goes wrong here is the command's affair.
        tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

type Failed = (StatusCode, String);

impl Doors {
    fn sync(&self) -> Result<&Handle, Failed> {
        let why =
            "there is neither a cluster.secret nor a [sync.source], and so every host works from its own cluster.toml";
        self.sync.as_ref().ok_or_else(|| (StatusCode::CONFLICT, why.to_owned()))
    }
}

async fn status(State(doors): State<Doors>) -> Result<Json<ClusterConfig>, Failed> {
    let handle = doors.sync()?;
    let by_source = handle.view.borrow().source.is_some();
    Ok(Json(match by_source {
        true => hosts::read_reports(handle, &doors.peers).await,
        false => hosts::ask(handle).await,
    }))
}

async fn source(State(doors): State<Doors>) -> Result<Json<Option<SourceView>>, Failed> {
    Ok(Json(doors.sync()?.view.borrow().source.clone()))
}

async fn documents(State(doors): State<Doors>) -> Result<Json<Vec<Held>>, Failed> {
    let failed = |error| (StatusCode::INTERNAL_SERVER_ERROR, format!("{:#}", anyhow::Error::from(error)));
    doors.sync()?.history().map(Json).map_err(failed)
}

async fn audit(State(doors): State<Doors>) -> Result<Json<Vec<Line>>, Failed> {
    doors.audit.lines().map(Json).map_err(|error| (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))
}

async fn apply(
    State(doors): State<Doors>,
    Extension(who): Extension<Who>,
    Json(apply): Json<Apply>,
) -> Result<Json<Applied>, Failed> {
    let handle = doors.sync()?;
    let line = Line::asked(
        who,
        &apply.author,
        "apply",
        apply.base.map_or("the first".to_owned(), |base| format!("to {base:.12}")),
        &apply.message,
    );
    Ok(Json(propose(&doors, handle, line, document(&doors, handle, apply)).await))
}

async fn decide(
    State(doors): State<Doors>,
    Extension(who): Extension<Who>,
    Json(decide): Json<Decide>,
) -> Result<Json<Applied>, Failed> {
    let handle = doors.sync()?;
    let verb = match decide.decision {
        Decision::Pause => "pause",
        Decision::Resume => "resume",
        Decision::Confirm => "confirm",
    };
    let line = Line::asked(who, &decide.author, verb, String::new(), &decide.message);
    Ok(Json(propose(&doors, handle, line, decided(handle, decide)).await))
}

async fn propose(doors: &Doors, handle: &Handle, line: Line, document: Result<Document, String>) -> Applied {
    doors.audit.note(line.clone());
    let applied = match document {
        Ok(document) => in_words(handle.propose(document.clone()).await, &document),
        Err(why) => Applied::Refused { why },
    };
    let outcome = match &applied {
        Applied::Committed { generation, .. } => format!("committed as generation {generation}"),
        Applied::Refused { why } | Applied::Unknown { why } => why.clone(),
    };
    doors.audit.note(Line { outcome, ..line });
    applied
}

async fn order(
    State(doors): State<Doors>,
    Extension(who): Extension<Who>,
    Json(Ordered { wanted, author, message }): Json<Ordered>,
) -> Response {
    let verb = if wanted.now { format!("{} --now", wanted.verb.word()) } else { wanted.verb.word().to_owned() };
    let line = Line::asked(who, &author, &verb, wanted.instance.to_string(), &message);
    doors.audit.note(line.clone());
    let (told, progress) = mpsc::unbounded_channel();
    if doors.orders.send(Order { wanted, told }).await.is_err() {
        return (StatusCode::SERVICE_UNAVAILABLE, "the agent is about to end").into_response();
    }
    // Dropped with the connection, and so is the order where it has not begun.
    let lines = stream::unfold((progress, doors.audit, line), |(mut progress, audit, line)| async {
        let said = progress.recv().await?;
        match &said {
            Progress::Says(_) | Progress::Waits(..) => {}
            Progress::Done(words) => audit.note(Line { outcome: words.clone(), ..line.clone() }),
            Progress::Refused(cause) => audit.note(Line { outcome: cause.what.to_string(), ..line.clone() }),
        }
        let text = serde_json::to_string(&said).ok()? + "\n";
        Some((Ok::<_, Infallible>(text), (progress, audit, line)))
    });
    Body::from_stream(lines).into_response()
}

fn decided(handle: &Handle, Decide { decision, author, message }: Decide) -> Result<Document, String> {
    let held = handle.view.borrow().held.clone().ok_or("this host holds no document yet")?;
    let document = held.document();
    match (decision, document.paused()) {
        (Decision::Pause, Some(by)) => return Err(format!("{} has paused it already ({})", by.author, by.message)),
        (Decision::Resume, None) => return Err("nothing is paused".to_owned()),
        (Decision::Confirm, _) if document.trial().is_none() => {
            return Err(format!("generation {} holds, and needs no confirmation", document.generation()));
        }
        _ => {}
    }
    let change = Change { author, host: handle.book.me().clone(), time: clock::now(), message };
    let next = match decision {
        Decision::Pause | Decision::Resume => proposal::pausing(&held, decision == Decision::Pause, change),
        Decision::Confirm => proposal::confirming(&held, change),
    };
    next.map_err(|error| format!("{:#}", anyhow::Error::from(error)))
}

fn document(doors: &Doors, handle: &Handle, apply: Apply) -> Result<Document, String> {
    let words = |error: proposal::ProposalError| format!("{:#}", anyhow::Error::from(error));
    let view = Arc::clone(&handle.view.borrow());
    let is_empty = view.source.as_ref().is_some_and(|source| source.is_empty);
    let held = match &view.held {
        Some(held) => held.clone(),
        None if is_empty && apply.base.is_none() => {
            return proposal::first(&doors.state_dir, Path::new("cluster.toml"), apply.text).map_err(words);
        }
        None => return Err("this host holds no document yet".to_owned()),
    };
    if Some(held.mark().hash) != apply.base {
        return Err(overtaken(&held));
    }
    if view.source.is_some() && apply.voters != Voters::default() {
        return Err("--without and --with are for hosts that decide on the file themselves".to_owned());
    }
    if is_empty && held.document().text() == apply.text {
        return Ok(held.document().clone());
    }
    if let Some(trial) = held.document().trial() {
        let history = handle.history().map_err(|error| format!("{:#}", anyhow::Error::from(error)))?;
        let before = history.iter().find(|entry| entry.mark().hash == trial.back_to);
        if before.is_none_or(|before| before.document().text() != apply.text) {
            let (now, before) = (held.mark().generation, before.map_or(0, |before| before.mark().generation));
            return Err(format!(
                "generation {now} is not confirmed yet: `rocketmq-agent confirm` or `rocketmq-agent rollback {before}` \
                 first"
            ));
        }
    }
    let cluster = proposal::cluster(&held, Path::new("cluster.toml"), apply.text).map_err(words)?;
    let time = clock::now();
    let change = Change { author: apply.author, host: handle.book.me().clone(), time, message: apply.message };
    let until = apply.confirm_within.map(|within| time.saturating_add(within));
    proposal::document(&held, cluster, &apply.voters, until, change).map_err(words)
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
        Ended::Refused(why) => Applied::Refused { why },
        Ended::Unknown(why) => Applied::Unknown {
            why: format!("{why}; the change may be committed or not: `rocketmq-agent config status` tells"),
        },
        Ended::Disk(why) => {
            Applied::Unknown { why: format!("the change may be committed or not, as this host's disk failed: {why}") }
        }
    }
}
