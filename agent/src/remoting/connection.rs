//! One TCP connection to a NameServer or broker: any number of calls at once, each matched to its answer by opaque.
//! Calls go in over a channel, answers come out of a one-shot each; one task owns the socket and everything else, so
//! nothing is locked. An idle connection costs that task, its socket and an 8 KiB buffer. No timeouts here: who calls,
//! stops waiting. Requests that a broker sends by itself are read and dropped.

use std::{
    collections::HashMap,
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use bytes::BytesMut;
use futures_util::StreamExt;
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt, split},
    net::TcpStream,
    sync::{mpsc, oneshot},
};
use tokio_util::codec::{Encoder, FramedRead};

use super::{FrameCodec, FrameError, RemotingCommand};
use crate::tls;

/// Calls that may wait for the task; more wait in the callers.
const QUEUED_CALLS: usize = 16;

/// A handle; the connection closes when the last one is dropped.
#[derive(Debug, Clone)]
pub(super) struct Connection {
    calls: mpsc::Sender<Call>,
    /// Whether it speaks TLS.
    pub(super) over_tls: bool,
    has_heard: Arc<AtomicBool>,
}

struct Call {
    command: RemotingCommand,
    answer: Answer,
}

type Answer = oneshot::Sender<Result<RemotingCommand, CallError>>;

/// Why a call has no answer. Cheap to copy: one broken frame fails every call under way.
#[derive(Debug, Clone)]
pub(super) enum CallError {
    /// The connection is gone.
    Closed(Option<Arc<FrameError>>),
    /// The peer sent what is no frame, after which nothing on the connection can be trusted.
    Malformed(Arc<FrameError>),
    /// This call could not be written; others are not concerned.
    Unsendable(Arc<FrameError>),
}

impl From<FrameError> for CallError {
    fn from(error: FrameError) -> Self {
        match error {
            FrameError::Io(_) => Self::Closed(Some(Arc::new(error))),
            _ => Self::Malformed(Arc::new(error)),
        }
    }
}

impl Connection {
    /// Starts the task that serves a connection, over TLS or not.
    ///
    /// # Errors
    /// The other end does not shake hands.
    pub(super) async fn over(stream: TcpStream, over_tls: bool, codec: FrameCodec) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        let (calls, queue) = mpsc::channel(QUEUED_CALLS);
        let has_heard = Arc::new(AtomicBool::new(false));
        if over_tls {
            let (reader, writer) = split(tls::to_anyone(stream, &[]).await?);
            tokio::spawn(serve(reader, writer, queue, codec, Arc::clone(&has_heard)));
        } else {
            let (reader, writer) = stream.into_split();
            tokio::spawn(serve(reader, writer, queue, codec, Arc::clone(&has_heard)));
        }
        Ok(Self { calls, over_tls, has_heard })
    }

    /// Whether anything was ever understood of what came.
    pub(super) fn has_heard(&self) -> bool {
        self.has_heard.load(Ordering::Relaxed)
    }

    /// Whether every further call would fail.
    pub(super) fn is_closed(&self) -> bool {
        self.calls.is_closed()
    }

    /// Whether both are handles of one connection.
    pub(super) fn is(&self, other: &Self) -> bool {
        self.calls.same_channel(&other.calls)
    }

    /// Sends the command under an opaque of its own and waits for the answer. To stop waiting, drop the future.
    pub(super) async fn call(&self, command: RemotingCommand) -> Result<RemotingCommand, CallError> {
        let (answer, answered) = oneshot::channel();
        let call = Call { command, answer };
        self.calls.send(call).await.map_err(|_| CallError::Closed(None))?;
        answered.await.unwrap_or(Err(CallError::Closed(None)))
    }
}

/// Runs a connection until the peer closes it or sends nonsense, or until no handle is left.
async fn serve(
    reader: impl AsyncRead + Unpin,
    mut writer: impl AsyncWrite + Unpin,
    mut calls: mpsc::Receiver<Call>,
    mut codec: FrameCodec,
    has_heard: Arc<AtomicBool>,
) {
    let mut frames = FramedRead::new(reader, codec.clone());
    let mut outgoing = BytesMut::new();
    let mut pending: HashMap<i32, Answer> = HashMap::new();
    let mut opaque = 0_i32;
    let end = loop {
        tokio::select! {
            // Cancel-safe: a frame read in part stays in the buffer of FramedRead.
            frame = frames.next() => match frame {
                Some(Ok(answer)) if answer.is_response() => {
                    has_heard.store(true, Ordering::Relaxed);
                    if let Some(waiting) = pending.remove(&answer.opaque) {
                        // An error means that the caller gave up meanwhile.
                        let _ = waiting.send(Ok(answer));
                    }
                }
                Some(Ok(_)) => {}
                Some(Err(error)) => break error.into(),
                None => break CallError::Closed(None),
            },
            // Cancel-safe: recv takes a call out only when it returns it. Served while writing too, else a peer that
            // does not read would keep this task for ever: the end of all handles is seen here.
            call = calls.recv() => {
                let Some(Call { mut command, answer }) = call else { return };
                pending.retain(|_, waiting| !waiting.is_closed());
                opaque = opaque.wrapping_add(1);
                command.opaque = opaque;
                match codec.encode(&command, &mut outgoing) {
                    Ok(()) => {
                        pending.insert(opaque, answer);
                    }
                    Err(error) => {
                        let _ = answer.send(Err(CallError::Unsendable(Arc::new(error))));
                    }
                }
            },
            // Cancel-safe: write_buf takes off the buffer exactly what it wrote.
            written = writer.write_buf(&mut outgoing), if !outgoing.is_empty() => {
                if let Err(error) = written {
                    break FrameError::Io(error).into();
                }
            }
        }
    };
    calls.close();
    for (_, waiting) in pending {
        let _ = waiting.send(Err(end.clone()));
    }
    while let Some(call) = calls.recv().await {
        let _ = call.answer.send(Err(end.clone()));
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;
    use crate::remoting::scripted_peer::{ScriptedPeer, answer_to};
    use tokio::io::AsyncReadExt;

    const LONG: std::time::Duration = std::time::Duration::from_secs(20);

    fn command(code: i32) -> RemotingCommand {
        RemotingCommand { code, ..RemotingCommand::default() }
    }

    async fn open(address: &str) -> Connection {
        open_with(address, FrameCodec::default()).await
    }

    async fn open_with(address: &str, codec: FrameCodec) -> Connection {
        Connection::over(TcpStream::connect(address).await.unwrap(), false, codec).await.unwrap()
    }

    #[tokio::test]
    async fn answers_in_reverse_order_reach_their_callers() {
        let peer = ScriptedPeer::start(|mut peer| async move {
            let first = peer.request().await.unwrap();
            let second = peer.request().await.unwrap();
            for request in [second, first] {
                let mut answer = answer_to(&request);
                answer.body = request.code.to_string().into();
                peer.send(&answer).await;
            }
            peer.request().await;
        })
        .await;
        let connection = open(&peer.address).await;
        let (one, two) = tokio::join!(connection.call(command(1)), connection.call(command(2)));
        assert_eq!(one.unwrap().body.as_ref(), b"1");
        assert_eq!(two.unwrap().body.as_ref(), b"2");
    }

    #[tokio::test]
    async fn a_close_fails_every_call_under_way_at_once_and_later_ones_too() {
        let peer = ScriptedPeer::start(|mut peer| async move {
            peer.request().await;
            peer.request().await;
        })
        .await;
        let connection = open(&peer.address).await;
        let (one, two) = tokio::join!(connection.call(command(1)), connection.call(command(2)));
        assert!(matches!(one, Err(CallError::Closed(_))), "{one:?}");
        assert!(matches!(two, Err(CallError::Closed(_))), "{two:?}");
        assert!(connection.is_closed());
        let later = connection.call(command(3)).await;
        assert!(matches!(later, Err(CallError::Closed(_))), "{later:?}");
    }

    #[tokio::test]
    async fn requests_of_the_broker_and_answers_nobody_waits_for_are_dropped() {
        let peer = ScriptedPeer::start(|mut peer| async move {
            let request = peer.request().await.unwrap();
            // NOTIFY_CONSUMER_IDS_CHANGED, with the opaque of a call under way.
            let mut unasked = command(40);
            unasked.opaque = request.opaque;
            peer.send(&unasked).await;
            let mut stale = answer_to(&request);
            stale.opaque = request.opaque + 100;
            peer.send(&stale).await;
            peer.send(&answer_to(&request)).await;
            peer.request().await;
        })
        .await;
        let answer = open(&peer.address).await.call(command(1)).await.unwrap();
        assert_eq!(answer.code, 0);
    }

    #[tokio::test]
    async fn a_frame_that_is_none_fails_the_calls_as_malformed() {
        let peer = ScriptedPeer::start(|mut peer| async move {
            peer.request().await;
            peer.send_bytes(b"HTTP/1.1 400 Bad Request\r\n\r\n").await;
            peer.request().await;
        })
        .await;
        let result = open(&peer.address).await.call(command(1)).await;
        assert!(matches!(result, Err(CallError::Malformed(_))), "{result:?}");
    }

    #[tokio::test]
    async fn a_command_too_long_fails_alone() {
        let peer = ScriptedPeer::answering(|request| Some(answer_to(request))).await;
        let connection = open_with(&peer.address, FrameCodec::with_limit(1000)).await;
        let mut long = command(1);
        long.body = vec![0; 1000].into();
        let result = connection.call(long).await;
        assert!(matches!(result, Err(CallError::Unsendable(_))), "{result:?}");
        connection.call(command(2)).await.unwrap();
    }

    #[tokio::test]
    async fn dropping_the_last_handle_closes_the_socket_even_of_a_peer_that_does_not_read() {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let connection = open(&address).await;
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut large = command(1);
        large.body = vec![0; 15 << 20].into();
        let call = tokio::spawn(async move { connection.call(large).await });
        // The first byte is here, so the task is in the middle of a write that nobody takes.
        stream.read_u8().await.unwrap();
        call.abort();
        let mut rest = vec![];
        // An error (reset) is as good as an end: what counts is that reading ends.
        let _ = tokio::time::timeout(LONG, stream.read_to_end(&mut rest)).await.expect("the end of the stream");
        assert!(rest.len() < 15 << 20);
    }
}
