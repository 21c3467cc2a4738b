//! A bare long poll, which config sync is measured beside: plain HTTP, no majority, no trust, one value that one process
//! holds and others take. Both ends put it on disk as the agent does: temp file, fsync, rename, fsync of the folder.
//! In: `serve ADDRESS FOLDER`, whose value is replaced with `PUT /`; or `follow ADDRESS FOLDER`. Out: `FOLDER/N.entry`.

use axum::{
    Router,
    body::Bytes,
    extract::{Path, State},
    http::StatusCode,
    routing::{get, put},
};
use http_body_util::{BodyExt, Empty};
use hyper::{
    Request,
    client::conn::http1::{SendRequest, handshake},
};
use hyper_util::rt::TokioIo;
use rocketmq_agent::files;
use std::{env, error::Error, path::PathBuf, sync::Arc, time::Duration};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
    time::{sleep, timeout},
};

type Failed = Box<dyn Error + Send + Sync>;
/// Which one it is, and the value.
type Held = Arc<(u64, Bytes)>;

/// For how long a question for something newer is left open.
const LONG_POLL: Duration = Duration::from_secs(25);

fn main() -> Result<(), Failed> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [verb, address, folder] = arguments.as_slice() else { return Err("serve|follow ADDRESS FOLDER".into()) };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    match verb.as_str() {
        "serve" => runtime.block_on(serve(address, folder.into())),
        _ => runtime.block_on(follow(address, folder.into())),
    }
}

fn keep(folder: &std::path::Path, number: u64, value: &[u8]) -> Result<(), Failed> {
    Ok(files::write_file(&folder.join(format!("{number}.entry")), value, 0o600, None)?)
}

async fn serve(address: &str, folder: PathBuf) -> Result<(), Failed> {
    let (held, _) = watch::channel(Held::default());
    let router =
        Router::new().route("/", put(replace)).route("/{after}", get(newer)).with_state((Arc::new(held), folder));
    let listener = TcpListener::bind(address).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let service = hyper_util::service::TowerToHyperService::new(router.clone());
        tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service));
    }
}

type Shared = State<(Arc<watch::Sender<Held>>, PathBuf)>;

async fn replace(State((held, folder)): Shared, value: Bytes) -> Result<StatusCode, (StatusCode, String)> {
    let number = held.borrow().0 + 1;
    keep(&folder, number, &value).map_err(|error| (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()))?;
    held.send_replace(Arc::new((number, value)));
    Ok(StatusCode::NO_CONTENT)
}

async fn newer(State((held, _)): Shared, Path(after): Path<u64>) -> (StatusCode, Bytes) {
    let mut seen = held.subscribe();
    match timeout(LONG_POLL, seen.wait_for(|held| held.0 > after)).await {
        Ok(Ok(held)) => (StatusCode::OK, held.1.clone()),
        _ => (StatusCode::NO_CONTENT, Bytes::new()),
    }
}

async fn follow(address: &str, folder: PathBuf) -> Result<(), Failed> {
    let mut number = 0;
    loop {
        match open(address).await {
            Ok(mut link) => while take(&mut link, address, &folder, &mut number).await.is_ok() {},
            Err(_) => sleep(Duration::from_millis(100)).await,
        }
    }
}

async fn open(address: &str) -> Result<SendRequest<Empty<Bytes>>, Failed> {
    let stream = TcpStream::connect(address).await?;
    stream.set_nodelay(true)?;
    let (link, connection) = handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    Ok(link)
}

async fn take(
    link: &mut SendRequest<Empty<Bytes>>,
    address: &str,
    folder: &std::path::Path,
    number: &mut u64,
) -> Result<(), Failed> {
    let request = Request::builder().uri(format!("/{number}")).header("host", address).body(Empty::new())?;
    let answer = link.send_request(request).await?;
    if answer.status() == StatusCode::OK {
        let value = answer.into_body().collect().await?.to_bytes();
        *number += 1;
        keep(folder, *number, &value)?;
    }
    Ok(())
}
