//! A server for one file, which does with each request what it was told.

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, Response};
use axum::routing::get;
use futures_util::{StreamExt, stream};
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// Starts it on a free port of the loopback address.
pub(super) async fn start(server: Shared) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = axum::Router::new().route("/{*path}", get(answer)).with_state(server);
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

/// What the server does with the next request.
#[derive(Clone)]
pub(super) enum Act {
    /// Answers a Range that fits the ETag with a part, everything else with the whole.
    Serve,
    /// As [`Act::Serve`], but closes the connection after so many bytes.
    BreakAfter(usize),
    /// Puts another file with another ETag there, and serves it.
    Replace(Vec<u8>),
    /// Sends the whole without saying its size or an ETag, and ignores Range.
    Bare,
    /// Answers so many bytes and then nothing more, on an open connection.
    Stall(usize),
    Status(u16),
    Redirect(String),
}

pub(super) struct Server {
    pub(super) file: Vec<u8>,
    /// Where the client writes, so that a break can wait until all before it has arrived.
    pub(super) download: PathBuf,
    pub(super) etag: u32,
    pub(super) acts: VecDeque<Act>,
    /// The Range of each request.
    pub(super) asked: Vec<Option<String>>,
}

pub(super) type Shared = Arc<Mutex<Server>>;

async fn answer(State(server): State<Shared>, headers: HeaderMap) -> Response<Body> {
    let mut server = server.lock().unwrap();
    let text = |name: &str| headers.get(name).map(|v| v.to_str().unwrap().to_owned());
    server.asked.push(text("range"));
    let act = server.acts.pop_front().unwrap_or(Act::Serve);
    if let Act::Replace(file) = &act {
        server.file = file.clone();
        server.etag += 1;
    }
    let (etag, size) = (format!("\"{}\"", server.etag), server.file.len());
    let fits = text("if-range").is_none_or(|e| e == etag) && !matches!(act, Act::Bare);
    let from = text("range")
        .filter(|_| fits)
        .map(|range| range.strip_prefix("bytes=").unwrap().strip_suffix('-').unwrap().parse::<usize>().unwrap());
    let rest = server.file.get(from.unwrap_or(0)..).unwrap_or_default().to_vec();
    let response = Response::builder().header("etag", &etag);
    let response = match from {
        Some(from) if from >= size => {
            let range = format!("bytes */{size}");
            return response.status(416).header("content-range", range).body(Body::empty()).unwrap();
        }
        Some(from) => response.status(206).header("content-range", format!("bytes {from}-{}/{size}", size - 1)),
        None => response,
    };
    let sized = response.header("content-length", rest.len());
    let part = |bytes: usize| Ok::<_, std::io::Error>(Bytes::from(rest[..bytes].to_vec()));
    match act {
        Act::Serve | Act::Replace(_) => sized.body(Body::from(rest)),
        Act::BreakAfter(bytes) => {
            let wanted = from.unwrap_or(0) + bytes;
            let broken = stream::once(arrived(server.download.clone(), wanted));
            sized.body(Body::from_stream(stream::iter([part(bytes)]).chain(broken)))
        }
        Act::Stall(bytes) => {
            let stalled = stream::iter([part(bytes)]).chain(stream::pending());
            sized.body(Body::from_stream(stalled))
        }
        Act::Bare => Response::builder().body(Body::from_stream(stream::iter([part(rest.len())]))),
        Act::Status(code) => Response::builder().status(code).body(Body::from("no")),
        Act::Redirect(to) => Response::builder().status(302).header("location", to).body(Body::empty()),
    }
    .unwrap()
}

/// The break: an error once the client has so many bytes, or when it takes for ever.
pub(super) async fn arrived(download: PathBuf, bytes: usize) -> Result<Bytes, std::io::Error> {
    for _ in 0..2000 {
        let size = std::fs::metadata(&download).map_or(0, |file| file.len());
        if size >= bytes as u64 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Err(std::io::Error::other("broken off"))
}
