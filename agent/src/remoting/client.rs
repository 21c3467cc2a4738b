//! Calls to any number of addresses over one kept connection each. A connection is made at the first call to its
//! address and again at the first call after it broke. Every call has a deadline, connecting included. What the bodies
//! mean is not known here.
//!
//! TLS is spoken where it is said to be ([`Client::speak_tls_to`]). A server may still run otherwise than it is to be
//! started: after a connection that came to nothing for that, the next one to the address is tried the other way. No
//! request is sent twice.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    io,
    net::SocketAddr,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use bytes::Bytes;
use rocketmq_agent_domain::line::Line;
use tokio::{
    net::TcpStream,
    time::{Instant, timeout_at},
};

use super::{
    Credential, DEFAULT_FRAME_LIMIT, FrameCodec, Malformation, RemotingCommand, RemotingError, RequestCode,
    ResponseCode,
    connection::{CallError, Connection},
    kept::Kept,
};

/// What is asked, before it gets an opaque and an address.
#[derive(Debug, Clone)]
pub struct Request {
    pub(super) code: RequestCode,
    fields: BTreeMap<String, String>,
    body: Bytes,
}

impl Request {
    /// A request without fields and body.
    pub fn new(code: RequestCode) -> Self {
        Self { code, fields: BTreeMap::new(), body: Bytes::new() }
    }

    /// Adds one of `extFields`, whose values are all strings on the wire.
    #[must_use]
    pub fn field(mut self, name: &str, value: impl ToString) -> Self {
        self.fields.insert(name.to_owned(), value.to_string());
        self
    }

    /// Sets the body.
    #[must_use]
    pub fn body(mut self, body: impl Into<Bytes>) -> Self {
        self.body = body.into();
        self
    }
}

/// Connections to NameServers and brokers, one an address. Clones share them.
#[derive(Debug, Clone)]
pub struct Client {
    slots: Arc<Mutex<HashMap<String, Slot>>>,
    connect_timeout: Duration,
    signer: Arc<Mutex<Option<Credential>>>,
    over_tls: Arc<Mutex<BTreeSet<SocketAddr>>>,
    codec: FrameCodec,
}

/// What is kept of one address. Locked while connecting, so that calls made meanwhile share the new connection.
type Slot = Arc<tokio::sync::Mutex<Kept>>;

impl Client {
    /// A client without connections that waits `connect_timeout` for a new one, and no longer than the call's own
    /// timeout.
    pub fn new(connect_timeout: Duration) -> Self {
        Self::with_frame_limit(connect_timeout, DEFAULT_FRAME_LIMIT)
    }

    /// As [`Client::new`], taking answers of up to `limit` bytes, at most [`super::LARGEST_FRAME_LIMIT`].
    pub fn with_frame_limit(connect_timeout: Duration, limit: usize) -> Self {
        let codec = FrameCodec::with_limit(limit);
        Self { slots: Arc::default(), connect_timeout, signer: Arc::default(), over_tls: Arc::default(), codec }
    }

    /// Speaks TLS on every new connection to these, of clones too, and plain text to all others.
    pub fn speak_tls_to(&self, addresses: BTreeSet<SocketAddr>) {
        *self.over_tls.lock().unwrap_or_else(PoisonError::into_inner) = addresses;
    }

    /// Signs every further request, of clones too, or none.
    pub fn sign_as(&self, credential: Option<Credential>) {
        *self.signer.lock().unwrap_or_else(PoisonError::into_inner) = credential;
    }

    /// Whom requests are signed as.
    pub fn signer(&self) -> Option<Credential> {
        self.signer.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Asks `address` (`host:port`) and gives its answer if that is a success.
    ///
    /// # Errors
    /// [`RemotingError::Refused`] where the code of the answer is not 0, and all that [`Client::call_any`] gives.
    pub async fn call(
        &self,
        address: &str,
        request: Request,
        timeout: Duration,
    ) -> Result<RemotingCommand, RemotingError> {
        let code = request.code;
        let answer = self.call_any(address, request, timeout).await?;
        match ResponseCode(answer.code) {
            ResponseCode::SUCCESS => Ok(answer),
            _ => Err(refused(address, code, answer)),
        }
    }

    /// Asks `address` and gives its answer whatever its code.
    ///
    /// # Errors
    /// [`RemotingError::Connect`], [`RemotingError::Timeout`], [`RemotingError::Closed`],
    /// [`RemotingError::Malformed`] and [`RemotingError::Unsendable`].
    pub async fn call_any(
        &self,
        address: &str,
        request: Request,
        timeout: Duration,
    ) -> Result<RemotingCommand, RemotingError> {
        let deadline = Instant::now() + timeout;
        let code = request.code;
        let slot = self.slot(address);
        let connection = timeout_at(deadline, self.connection(address, &slot))
            .await
            .unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()))
            .map_err(|source| RemotingError::Connect { address: address.to_owned(), source })?;
        let mut fields = request.fields;
        if let Some(credential) = self.signer() {
            credential.sign(&mut fields, &request.body);
        }
        let command = RemotingCommand {
            code: code.number(),
            ext_fields: fields,
            body: request.body,
            ..RemotingCommand::default()
        };
        let result = timeout_at(deadline, connection.call(command)).await;
        // Who takes TLS only closes at the first byte that is none.
        let is_shut_out = matches!(result, Ok(Err(CallError::Closed(_)))) && !connection.has_heard();
        // A locked slot is being replaced already.
        if (result.is_err() || is_shut_out)
            && let Ok(mut kept) = slot.try_lock()
            && kept.connection.as_ref().is_some_and(|kept| kept.is(&connection))
        {
            // Where the peer's host vanished, TCP takes minutes to notice. The next call starts on a new
            // connection; calls under way on this one keep it.
            kept.connection = None;
            if is_shut_out {
                kept.shut_out(connection.over_tls == self.expects_tls(address));
            }
        }
        match result {
            Ok(result) => result.map_err(|error| call_error(address, code, error)),
            Err(_) => Err(RemotingError::Timeout { address: address.to_owned(), request: code, timeout }),
        }
    }

    /// Closes the connection to `address`, if there is one, and keeps nothing of it. For addresses that left the
    /// cluster; calls under way end as they would.
    pub fn forget(&self, address: &str) {
        self.lock().remove(address);
    }

    fn slot(&self, address: &str) -> Slot {
        let mut slots = self.lock();
        match slots.get(address) {
            Some(slot) => Arc::clone(slot),
            None => Arc::clone(slots.entry(address.to_owned()).or_default()),
        }
    }

    /// The lock is held for look-ups only, never across an await, hence std's.
    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<String, Slot>> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn expects_tls(&self, address: &str) -> bool {
        let over_tls = self.over_tls.lock().unwrap_or_else(PoisonError::into_inner);
        address.parse().is_ok_and(|address| over_tls.contains(&address))
    }

    async fn connection(&self, address: &str, slot: &Slot) -> io::Result<Connection> {
        let mut kept = slot.lock().await;
        if let Some(open) = kept.connection.as_ref().filter(|open| !open.is_closed()) {
            return Ok(open.clone());
        }
        kept.connection = None;
        let expected = self.expects_tls(address);
        let over_tls = expected != kept.take_turn();
        let open = async {
            let stream = TcpStream::connect(address).await?;
            let open = Connection::over(stream, over_tls, self.codec.clone()).await;
            open.inspect_err(|_| kept.shut_out(over_tls == expected))
        };
        let open = tokio::time::timeout(self.connect_timeout, open).await??;
        Ok(kept.connection.insert(open).clone())
    }
}

pub(super) fn refused(address: &str, request: RequestCode, answer: RemotingCommand) -> RemotingError {
    RemotingError::Refused {
        address: address.to_owned(),
        request,
        code: ResponseCode(answer.code),
        remark: Line::excerpt(&answer.remark.unwrap_or_default()),
    }
}

fn call_error(address: &str, request: RequestCode, error: CallError) -> RemotingError {
    let address = address.to_owned();
    match error {
        CallError::Closed(source) => RemotingError::Closed { address, request, source },
        CallError::Malformed(source) => {
            RemotingError::Malformed { address, request, source: Malformation::Frame(source) }
        }
        CallError::Unsendable(source) => RemotingError::Unsendable { address, request, source },
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;
    use crate::remoting::scripted_peer::{HANDSHAKE, ScriptedPeer, TlsMode, answer_to};
    use std::sync::atomic::{AtomicUsize, Ordering};
    use tokio::net::TcpListener;

    const LONG: Duration = Duration::from_secs(20);
    const SHORT: Duration = Duration::from_millis(50);

    fn request() -> Request {
        Request::new(RequestCode::GetBrokerRuntimeInfo)
    }

    /// A peer that answers with the number of the connection, unless told to keep silent or to hang up.
    async fn counting_peer() -> ScriptedPeer {
        peer_in(&Arc::new(Mutex::new(TlsMode::Disabled))).await
    }

    /// One that takes TLS, plain text or both.
    async fn peer_in(mode: &Arc<Mutex<TlsMode>>) -> ScriptedPeer {
        let connections = Arc::new(AtomicUsize::new(0));
        ScriptedPeer::taking(mode, move |mut peer| {
            let number = connections.fetch_add(1, Ordering::SeqCst) + 1;
            async move {
                while let Some(request) = peer.request().await {
                    match request.ext_fields.get("do").map(String::as_str) {
                        Some("silence") => {}
                        Some("close") => return,
                        _ => {
                            let mut answer = answer_to(&request);
                            answer.ext_fields.insert("n".into(), number.to_string());
                            peer.send(&answer).await;
                        }
                    }
                }
            }
        })
        .await
    }

    async fn connection_number(client: &Client, peer: &ScriptedPeer) -> String {
        let answer = client.call(&peer.address, request(), LONG).await.unwrap();
        answer.ext_fields["n"].clone()
    }

    #[tokio::test]
    async fn calls_at_once_and_calls_later_share_one_connection() {
        let (client, peer) = (Client::new(LONG), counting_peer().await);
        let (one, two) = tokio::join!(connection_number(&client, &peer), connection_number(&client, &peer));
        let three = connection_number(&client.clone(), &peer).await;
        assert_eq!([one, two, three], ["1", "1", "1"]);
    }

    #[tokio::test]
    async fn a_peer_that_hangs_up_is_connected_to_again() {
        let (client, peer) = (Client::new(LONG), counting_peer().await);
        connection_number(&client, &peer).await;
        let close = request().field("do", "close");
        let result = client.call(&peer.address, close, LONG).await;
        assert!(matches!(result, Err(RemotingError::Closed { .. })), "{result:?}");
        assert_eq!(connection_number(&client, &peer).await, "2");
    }

    #[tokio::test]
    async fn tls_is_spoken_where_it_is_said_to_be_and_its_connection_is_kept() {
        let [tls, plain] = [TlsMode::Enforcing, TlsMode::Disabled].map(|mode| Arc::new(Mutex::new(mode)));
        let (client, tls, plain) = (Client::new(LONG), peer_in(&tls).await, peer_in(&plain).await);
        client.clone().speak_tls_to([tls.address.parse().unwrap()].into());
        for peer in [&tls, &plain, &tls, &plain] {
            assert_eq!(connection_number(&client, peer).await, "1");
        }
    }

    #[tokio::test]
    async fn a_server_that_runs_otherwise_than_it_is_to_is_asked_the_other_way_until_it_does() {
        for (runs, is_to) in [(TlsMode::Enforcing, TlsMode::Disabled), (TlsMode::Disabled, TlsMode::Enforcing)] {
            let mode = Arc::new(Mutex::new(runs));
            let (client, peer) = (Client::new(LONG), peer_in(&mode).await);
            if is_to == TlsMode::Enforcing {
                client.speak_tls_to([peer.address.parse().unwrap()].into());
            }
            client.call(&peer.address, request(), LONG).await.unwrap_err();
            assert_eq!(connection_number(&client, &peer).await, "1");
            *mode.lock().unwrap() = is_to;
            client.call(&peer.address, request().field("do", "close"), LONG).await.unwrap_err();
            assert_eq!(connection_number(&client, &peer).await, "2");
        }
    }

    #[tokio::test]
    async fn who_takes_neither_tls_nor_plain_text_is_mostly_asked_as_expected() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (client, address) = (Client::new(LONG), listener.local_addr().unwrap().to_string());
        let mut spoken = Vec::new();
        for _ in 0..4 {
            let shut_out = async {
                let (stream, mut first) = (listener.accept().await.unwrap().0, [0]);
                stream.peek(&mut first).await.unwrap();
                first == [HANDSHAKE]
            };
            let (asked, is_tls) = tokio::join!(client.call(&address, request(), LONG), shut_out);
            asked.unwrap_err();
            spoken.push(is_tls);
        }
        assert_eq!(spoken, [false, true, false, false]);
    }

    #[tokio::test]
    async fn a_silent_peer_times_out_and_gets_a_new_connection() {
        let (client, peer) = (Client::new(LONG), counting_peer().await);
        let silence = request().field("do", "silence");
        let result = client.call(&peer.address, silence, SHORT).await;
        assert!(matches!(result, Err(RemotingError::Timeout { .. })), "{result:?}");
        assert_eq!(connection_number(&client, &peer).await, "2");
    }

    #[tokio::test]
    async fn a_forgotten_address_is_connected_to_again() {
        let (client, peer) = (Client::new(LONG), counting_peer().await);
        connection_number(&client, &peer).await;
        client.forget(&peer.address);
        assert_eq!(connection_number(&client, &peer).await, "2");
    }

    #[tokio::test]
    async fn a_port_without_a_listener_is_a_connect_error() {
        let address = {
            let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
            listener.local_addr().unwrap().to_string()
        };
        let result = Client::new(LONG).call(&address, request(), LONG).await;
        match result {
            Err(RemotingError::Connect { source, .. }) => {
                assert_eq!(source.kind(), io::ErrorKind::ConnectionRefused);
            }
            other => panic!("{other:?}"),
        }
    }

    #[tokio::test]
    async fn an_address_that_is_none_is_a_connect_error() {
        let result = Client::new(LONG).call("10911", request(), LONG).await;
        assert!(matches!(result, Err(RemotingError::Connect { .. })), "{result:?}");
    }

    #[tokio::test]
    async fn a_code_that_is_not_success_is_a_refusal_with_its_remark() {
        let peer = ScriptedPeer::answering(|request| {
            let mut answer = answer_to(request);
            answer.code = 16;
            answer.remark = Some("no way".into());
            Some(answer)
        })
        .await;
        let result = Client::new(LONG).call(&peer.address, request(), LONG).await;
        match result {
            Err(RemotingError::Refused { code, remark, .. }) => {
                assert_eq!((code, remark.as_str()), (ResponseCode::NO_PERMISSION, "no way"));
            }
            other => panic!("{other:?}"),
        }
    }
}
