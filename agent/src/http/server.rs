//! The listening side: accepts connections and keeps any one client from taking more than its share.
//! In: a bound listener and what is published. Out: nothing; it runs until told to end.

use super::{Limits, Published, routes};
use crate::connections::Connections;
use axum::Router;
use hyper::server::conn::http1;
use hyper_util::{
    rt::{TokioIo, TokioTimer},
    service::TowerToHyperService,
};
use std::{future::Future, io, net::SocketAddr, pin::pin, time::Duration};
use tokio::{
    net::{TcpListener, TcpStream},
    sync::watch,
};

/// Request line and headers together; a scraper's or a browser's are below 2 KiB.
const LONGEST_HEADER: usize = 16 * 1024;
/// Between two tries to accept where the process has run out of file descriptors.
const PAUSE: Duration = Duration::from_millis(200);

/// What can go wrong before anything is served; afterwards nothing ends the service.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// The address cannot be listened on.
    #[error("cannot listen on {address} for health, metrics and the status page")]
    Listen {
        /// Which address.
        address: SocketAddr,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// Listens on an address, so that a taken port is found out before anything else is started.
pub async fn bind(address: SocketAddr) -> Result<TcpListener, HttpError> {
    TcpListener::bind(address).await.map_err(|source| HttpError::Listen { address, source })
}

/// Serves until `shutdown` is over, then lets answers under way end, for as long as `limits.farewell`.
pub async fn serve(listener: TcpListener, published: Published, limits: Limits, shutdown: impl Future<Output = ()>) {
    let router = routes::router(published, limits);
    let (end, ending) = watch::channel(());
    let mut connections = Connections::default();
    let mut shutdown = pin!(shutdown);
    loop {
        let accepted = tokio::select! {
            () = &mut shutdown => break,
            accepted = listener.accept() => accepted,
        };
        let (stream, client) = match accepted {
            Ok(accepted) => accepted,
            Err(error) => {
                tracing::warn!(%error, "cannot accept an HTTP connection");
                tokio::time::sleep(PAUSE).await;
                continue;
            }
        };
        let serve = |_| converse(stream, router.clone(), limits, ending.clone());
        connections.add(client.ip(), limits.room(), serve);
    }
    drop(end);
    connections.all_ended().await;
}

/// One connection, from its first request to its last. What goes wrong here is the client's affair.
async fn converse(stream: TcpStream, router: Router, limits: Limits, mut ending: watch::Receiver<()>) {
    let _ = stream.set_nodelay(true);
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header)
        .max_buf_size(LONGEST_HEADER)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    let mut connection = pin!(connection);
    tokio::select! {
        _ = &mut connection => return,
        () = tokio::time::sleep(limits.connection) => {}
        _ = ending.changed() => {}
    }
    connection.as_mut().graceful_shutdown();
    let _ = tokio::time::timeout(limits.farewell, connection).await;
}
