//! For tests only: a peer on a port of its own on 127.0.0.1 that speaks frames, or bytes that are none.
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use bytes::BytesMut;
use futures_util::StreamExt;
use tokio::{
    io::AsyncWriteExt,
    net::{
        TcpListener,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
    task::JoinHandle,
};
use tokio_util::codec::{Encoder, FramedRead};

use super::{FrameCodec, RemotingCommand};

/// A listener that plays a script on each connection; it ends with the value.
pub(super) struct ScriptedPeer {
    pub(super) address: String,
    task: JoinHandle<()>,
}

/// The peer's side of one connection.
pub(super) struct PeerConnection {
    frames: FramedRead<OwnedReadHalf, FrameCodec>,
    writer: OwnedWriteHalf,
}

impl ScriptedPeer {
    /// Runs `script` on each connection, all at once; a connection closes when its script returns.
    pub(super) async fn start<S, F>(script: S) -> Self
    where
        S: Fn(PeerConnection) -> F + Send + 'static,
        F: Future<Output = ()> + Send + 'static,
    {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (reader, writer) = stream.into_split();
                let frames = FramedRead::new(reader, FrameCodec::default());
                tokio::spawn(script(PeerConnection { frames, writer }));
            }
        });
        Self { address, task }
    }

    /// Answers each request as `answer` says, for ever; `None` is silence.
    pub(super) async fn answering<A>(answer: A) -> Self
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

impl Drop for ScriptedPeer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

impl PeerConnection {
    /// The next request, or `None` when the client has gone.
    pub(super) async fn request(&mut self) -> Option<RemotingCommand> {
        self.frames.next().await?.ok()
    }

    pub(super) async fn send(&mut self, command: &RemotingCommand) {
        let mut bytes = BytesMut::new();
        FrameCodec::default().encode(command, &mut bytes).unwrap();
        self.send_bytes(&bytes).await;
    }

    pub(super) async fn send_bytes(&mut self, bytes: &[u8]) {
        // The client may have gone; then the script ends at its next request.
        let _ = self.writer.write_all(bytes).await;
    }
}

/// A success without a body.
pub(super) fn answer_to(request: &RemotingCommand) -> RemotingCommand {
    RemotingCommand { opaque: request.opaque, flag: 1, version: 513, ..RemotingCommand::default() }
}
