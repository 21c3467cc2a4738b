//! For tests only: a peer on a port of its own on 127.0.0.1 that speaks frames, or bytes that are none.
#![allow(clippy::unwrap_used)]

use std::sync::{Arc, Mutex};

use bytes::BytesMut;
use futures_util::StreamExt;
use tokio::{
    io::{AsyncRead, AsyncWrite, AsyncWriteExt, split},
    net::{TcpListener, TcpStream},
    task::JoinHandle,
};
use tokio_util::codec::{Encoder, FramedRead};

use super::{FrameCodec, RemotingCommand};
use crate::tls::tests::stranger;

/// A listener that plays a script on each connection; it ends with the value.
pub(crate) struct ScriptedPeer {
    pub(crate) address: String,
    task: JoinHandle<()>,
}

/// The peer's side of one connection.
pub(crate) struct PeerConnection {
    frames: FramedRead<Box<dyn AsyncRead + Send + Unpin>, FrameCodec>,
    writer: Box<dyn AsyncWrite + Send + Unpin>,
}

/// What a connection may begin with (`NettyRemotingServer.TlsModeHandler` of 4.7.0-5.5.0).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TlsMode {
    /// Anything but a handshake.
    Disabled,
    /// A handshake.
    Enforcing,
}

/// The first byte of a TLS handshake.
pub(super) const HANDSHAKE: u8 = 0x16;

impl ScriptedPeer {
    /// Runs `script` on each connection, all at once; a connection closes when its script returns.
    pub(crate) async fn start<S, F>(script: S) -> Self
    where
        S: Fn(PeerConnection) -> F + Send + Sync + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        Self::taking(&Arc::new(Mutex::new(TlsMode::Disabled)), script).await
    }

    /// The same in a mode that may change from one connection to the next; what does not fit it is closed.
    pub(super) async fn taking<S, F>(mode: &Arc<Mutex<TlsMode>>, script: S) -> Self
    where
        S: Fn(PeerConnection) -> F + Send + Sync + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (mode, script) = (Arc::clone(mode), Arc::new(script));
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (mode, script) = (*mode.lock().unwrap(), Arc::clone(&script));
                tokio::spawn(async move {
                    if let Some(connection) = taken(stream, mode).await {
                        script(connection).await;
                    }
                });
            }
        });
        Self { address, task }
    }

    /// Answers each request as `answer` says, for ever; `None` is silence.
    pub(crate) async fn answering<A>(answer: A) -> Self
    where
        A: Fn(&RemotingCommand) -> Option<RemotingCommand> + Send + Sync + 'static,
    {
        let answer = Arc::new(answer);
        Self::start(move |mut peer| {
            let answer = Arc::clone(&answer);
            async move {
                while let Some(request) = peer.request().await {
                    if let Some(answer) = answer(&request) {
                        peer.send(&answer).await;
                    }
                }
            }
        })
        .await
    }
}

async fn taken(stream: TcpStream, mode: TlsMode) -> Option<PeerConnection> {
    let mut first = [0];
    stream.peek(&mut first).await.ok()?;
    let (reader, writer): (Box<dyn AsyncRead + Send + Unpin>, Box<dyn AsyncWrite + Send + Unpin>) =
        match (mode, first == [HANDSHAKE]) {
            (TlsMode::Disabled, false) => {
                let (reader, writer) = stream.into_split();
                (Box::new(reader), Box::new(writer))
            }
            (TlsMode::Enforcing, true) => {
                let (reader, writer) = split(stranger().accept(stream).await.ok()?);
                (Box::new(reader), Box::new(writer))
            }
            _ => return None,
        };
    Some(PeerConnection { frames: FramedRead::new(reader, FrameCodec::default()), writer })
}

impl Drop for ScriptedPeer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl PeerConnection {
    /// The next request, or `None` when the client has gone.
    pub(crate) async fn request(&mut self) -> Option<RemotingCommand> {
        self.frames.next().await?.ok()
    }

    pub(crate) async fn send(&mut self, command: &RemotingCommand) {
        let mut bytes = BytesMut::new();
        FrameCodec::default().encode(command, &mut bytes).unwrap();
        self.send_bytes(&bytes).await;
    }

    pub(crate) async fn send_bytes(&mut self, bytes: &[u8]) {
        // The client may have gone; then the script ends at its next request.
        let _ = self.writer.write_all(bytes).await;
    }
}

/// A success without a body.
pub(crate) fn answer_to(request: &RemotingCommand) -> RemotingCommand {
    RemotingCommand { opaque: request.opaque, flag: 1, version: 513, ..RemotingCommand::default() }
}
