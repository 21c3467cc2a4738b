//! HAProxy's agent-check: a line in, a line out. In: `namesrv`, a brokerName, `broker-a/master` or `broker-a/slave`, or
//! nothing for the whole host (`agent-send "namesrv\n"`). Out: `ready up`, `drain` while it stops, `maint` where a person
//! stopped it, or `ready down #why`. The word `ready` takes back an earlier `drain` or `maint` (HAProxy 2.6,
//! configuration.txt, "agent-check").

use super::{
    Limits, Published,
    snapshot::{Asked, Newest, Snapshot},
};
use crate::connections::Connections;
use axum::http::StatusCode;
use rocketmq_agent_domain::health::report::State;
use std::{future::Future, pin::pin, sync::Arc, time::Duration};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    time::timeout,
};

/// A name with its role is shorter.
const LONGEST_LINE: u64 = 256;
/// HAProxy logs the reason on one line.
const LONGEST_REASON: usize = 200;
/// For the question to come; who asks nothing asks for the whole host.
const PATIENCE: Duration = Duration::from_secs(1);
/// Pause where the process has run out of file descriptors.
const PAUSE: Duration = Duration::from_millis(200);
/// The id of the reason of an instance that a person stopped (`systemctl stop`).
const ON_PURPOSE: &str = "stopped-by-hand";

/// Answers until `shutdown` is over.
pub async fn answer(listener: TcpListener, published: Published, limits: Limits, shutdown: impl Future<Output = ()>) {
    let newest = Arc::new(Newest::new(published.report.clone()));
    let mut connections = Connections::default();
    let mut shutdown = pin!(shutdown);
    loop {
        let accepted = tokio::select! {
            () = &mut shutdown => return,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, client)) => {
                let is_stalled = published.heartbeat.age() >= limits.stalled;
                let snapshot = newest.get().filter(|_| !is_stalled);
                connections.add(client.ip(), limits.room(), |_| async move {
                    // What goes wrong here is the client's affair.
                    let _ = timeout(2 * PATIENCE, converse(stream, snapshot)).await;
                });
            }
            Err(error) => {
                tracing::warn!(%error, "cannot accept an agent-check");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
}

async fn converse(stream: TcpStream, snapshot: Option<Arc<Snapshot>>) -> std::io::Result<()> {
    let mut stream = BufReader::new(stream);
    let mut asked = String::new();
    // Cancel-safe: what was read by then is kept in `asked` or lost with the question.
    let _ = timeout(PATIENCE, (&mut stream).take(LONGEST_LINE).read_line(&mut asked)).await;
    let line = match snapshot {
        Some(snapshot) => line(&snapshot, asked.trim()),
        None => down("the agent has nothing new to say of this host"),
    };
    stream.get_mut().write_all(line.as_bytes()).await?;
    stream.get_mut().shutdown().await
}

/// The answer to a question.
fn line(snapshot: &Snapshot, asked: &str) -> String {
    let (name, role) = asked.split_once('/').unwrap_or((asked, ""));
    let answer = match (name, role) {
        ("", "") => snapshot.readyz(),
        (_, "") => snapshot.instance(name, Asked::Any),
        (_, "master") => snapshot.instance(name, Asked::Master),
        (_, "slave") => snapshot.instance(name, Asked::Slave),
        _ => return down("ask for an instance, instance/master or instance/slave"),
    };
    if answer.status == StatusCode::OK {
        return "ready up\n".to_owned();
    }
    let instance = snapshot.report.instances.iter().find(|it| it.instance.as_str() == name);
    match instance {
        Some(it) if it.state == State::Stopping => "drain\n".to_owned(),
        Some(it) if it.reasons.iter().any(|cause| cause.id == ON_PURPOSE) => "maint\n".to_owned(),
        _ => down(&String::from_utf8_lossy(&answer.body)),
    }
}

fn down(why: &str) -> String {
    let why: String =
        why.trim_end().chars().map(|c| if c.is_control() { ' ' } else { c }).take(LONGEST_REASON).collect();
    format!("ready down #{why}\n")
}
