//! One question to a proxy, as a gRPC client asks it: which way the messages of a topic go. gRPC is HTTP/2 with protobuf
//! messages in it; of these only the few fields that are needed are written and read here. In: an address, a topic. Out:
//! the status of the answer.

use crate::{remoting::Credential, tls};
use http_body_util::{BodyExt, Full, Limited};
use hyper::{Method, Request, Version, body::Bytes, client::conn::http2, header};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rocketmq_agent_domain::{health::facts::GrpcAnswer, line::Line};
use std::{
    error::Error,
    io,
    net::SocketAddr,
    time::{Duration, SystemTime},
};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    net::TcpStream,
    task::JoinHandle,
    time::timeout,
};

/// service.proto of rocketmq-apis 2.0.
const QUERY_ROUTE: &str = "/apache.rocketmq.v2.MessagingService/QueryRoute";
/// The most bytes of an answer.
const LARGEST: usize = 4 << 20;

/// Why there is no answer.
#[derive(Debug, thiserror::Error)]
pub enum GrpcError {
    /// There is no connection.
    #[error("no connection to {0}")]
    Connect(SocketAddr, #[source] io::Error),
    /// It did not answer in time.
    #[error("{0} has not answered for {1:?}")]
    Timeout(SocketAddr, Duration),
    /// It does not speak HTTP/2, or breaks off.
    #[error("{0} does not speak HTTP/2")]
    Http(SocketAddr, #[source] Box<dyn Error + Send + Sync>),
    /// It speaks HTTP/2, and no gRPC, or not this service's.
    #[error("{0} answers with {1}")]
    Status(SocketAddr, String),
    /// The message of its answer cannot be read.
    #[error("{0} answers what is no QueryRouteResponse")]
    Malformed(SocketAddr),
}

/// Whom to ask, and how.
#[derive(Debug, Clone, Copy)]
pub struct Proxy<'s> {
    /// Where it takes gRPC clients.
    pub address: SocketAddr,
    /// Whether it takes none in plain text.
    pub over_tls: bool,
    /// Who asks; nobody where it needs not know.
    pub signer: Option<&'s Credential>,
}

/// Asks a proxy for the route of a topic.
///
/// # Errors
/// There was no answer by the protocol. One that refuses is an answer.
pub async fn query_route(proxy: Proxy<'_>, topic: &str, limit: Duration) -> Result<GrpcAnswer, GrpcError> {
    timeout(limit, ask(proxy, topic)).await.unwrap_or(Err(GrpcError::Timeout(proxy.address, limit)))
}

async fn ask(proxy: Proxy<'_>, topic: &str) -> Result<GrpcAnswer, GrpcError> {
    let Proxy { address, over_tls, signer } = proxy;
    let connect = |error| GrpcError::Connect(address, error);
    let http = |error: hyper::Error| GrpcError::Http(address, error.into());
    let stream = TcpStream::connect(address).await.map_err(connect)?;
    let (scheme, (mut sender, driver)) = match over_tls {
        true => ("https", shake_hands(tls::to_anyone(stream, &[b"h2"]).await.map_err(connect)?).await.map_err(http)?),
        false => ("http", shake_hands(stream).await.map_err(http)?),
    };
    let mut request = Request::builder()
        .method(Method::POST)
        .version(Version::HTTP_2)
        .uri(format!("{scheme}://{address}{QUERY_ROUTE}"))
        .header(header::CONTENT_TYPE, "application/grpc")
        .header(header::TE, "trailers")
        // Without it a proxy refuses (5.5.0 `GrpcMessagingApplication.validateContext`).
        .header("x-mq-client-id", "rocketmq-agent")
        .header("x-mq-language", "RUST")
        .header("x-mq-protocol", "v2");
    if let Some(signer) = signer {
        // Any text will do, of any age.
        let now = httpdate::fmt_http_date(SystemTime::now());
        request = request.header(header::AUTHORIZATION, signer.authorization(&now)).header("x-mq-date-time", now);
    }
    let request = request.body(Full::from(framed(&route_request(address, topic))));
    let request = request.map_err(|error| GrpcError::Http(address, error.into()))?;
    let response = sender.send_request(request).await.map_err(http)?;
    let (head, body) = response.into_parts();
    let body = Limited::new(body, LARGEST).collect().await.map_err(|error| GrpcError::Http(address, error))?;
    driver.abort();
    let said = body.trailers().unwrap_or(&head.headers).get("grpc-status").and_then(|status| status.to_str().ok());
    match (head.status.as_u16(), said) {
        (200, Some("0")) => status(&body.to_bytes()).ok_or(GrpcError::Malformed(address)),
        (200, said) => Err(GrpcError::Status(address, format!("gRPC status {}", said.unwrap_or("none")))),
        (code, _) => Err(GrpcError::Status(address, format!("HTTP status {code}"))),
    }
}

/// HTTP/2 on a connection: what sends requests, and the task that is to be ended after them.
async fn shake_hands(
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
) -> hyper::Result<(http2::SendRequest<Full<Bytes>>, JoinHandle<hyper::Result<()>>)> {
    let (sender, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(stream)).await?;
    Ok((sender, tokio::spawn(connection)))
}

/// QueryRouteRequest: topic = 1 (Resource: name = 2), endpoints = 2 (Endpoints: scheme = 1, addresses = 2 (Address: host =
/// 1, port = 2)). The endpoints are where the answer sends clients to.
fn route_request(address: SocketAddr, topic: &str) -> Vec<u8> {
    let host = field(1, address.ip().to_string().as_bytes());
    let at = [host, [vec![2 << 3], varint(u64::from(address.port()))].concat()].concat();
    let scheme = if address.is_ipv4() { 1 } else { 2 };
    let endpoints = [vec![1 << 3, scheme], field(2, &at)].concat();
    [field(1, &field(2, topic.as_bytes())), field(2, &endpoints)].concat()
}

/// A field of bytes: its number, its length, the bytes.
fn field(number: u8, bytes: &[u8]) -> Vec<u8> {
    [vec![number << 3 | 2], varint(bytes.len() as u64), bytes.to_vec()].concat()
}

fn varint(mut value: u64) -> Vec<u8> {
    let mut out = Vec::new();
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
    out
}

/// A message as it goes over the wire: not compressed, its length, itself.
fn framed(message: &[u8]) -> Vec<u8> {
    [&[0], &(message.len() as u32).to_be_bytes()[..], message].concat()
}

/// Of the first message: status = 1 (Status: code = 1, message = 2).
fn status(body: &[u8]) -> Option<GrpcAnswer> {
    let [0, lengths @ ..] = body else { return None };
    let (length, rest) = lengths.split_first_chunk::<4>()?;
    let message = rest.get(..u32::from_be_bytes(*length) as usize)?;
    let Value::Bytes(status) = fields(message)?.into_iter().find(|(number, _)| *number == 1)?.1 else { return None };
    let mut answer = GrpcAnswer::default();
    for (number, value) in fields(status)? {
        match (number, value) {
            (1, Value::Number(code)) => answer.code = code,
            (2, Value::Bytes(text)) => answer.message = Line::excerpt_of(text),
            _ => {}
        }
    }
    Some(answer)
}

enum Value<'m> {
    Number(u64),
    Bytes(&'m [u8]),
}

/// The fields of a message with their numbers; `None` where it is none.
fn fields(mut message: &[u8]) -> Option<Vec<(u64, Value<'_>)>> {
    let mut found = Vec::new();
    while !message.is_empty() {
        let key = read_varint(&mut message)?;
        let value = match key & 7 {
            0 => Value::Number(read_varint(&mut message)?),
            2 => {
                let length = usize::try_from(read_varint(&mut message)?).ok()?;
                Value::Bytes(take(&mut message, length)?)
            }
            1 => Value::Bytes(take(&mut message, 8)?),
            5 => Value::Bytes(take(&mut message, 4)?),
            _ => return None,
        };
        found.push((key >> 3, value));
    }
    Some(found)
}

fn take<'m>(message: &mut &'m [u8], length: usize) -> Option<&'m [u8]> {
    let (taken, rest) = message.split_at_checked(length)?;
    *message = rest;
    Some(taken)
}

fn read_varint(message: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let byte = *take(message, 1)?.first()?;
        value |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use tokio::{io::AsyncWriteExt, net::TcpListener};

    fn plainly(address: SocketAddr) -> Proxy<'static> {
        Proxy { address, over_tls: false, signer: None }
    }

    #[test]
    fn the_status_of_an_answer_is_read_and_what_is_none_is_not() {
        let said = [field(1, &[vec![1 << 3], varint(40_402), field(2, b"no such topic")].concat()), field(2, b"queue")];
        let answer = status(&framed(&said.concat())).unwrap();
        assert_eq!(answer, GrpcAnswer { code: 40_402, message: "no such topic".into() });
        let good = framed(&said.concat());
        for end in 0..good.len() - 1 {
            assert_eq!(status(&good[..end]), None, "{end}");
        }
        assert_eq!(status(&framed(&[0xff; 12])), None);
    }

    #[test]
    fn a_long_name_has_a_length_of_two_bytes() {
        let address = "10.0.0.1:8081".parse().unwrap();
        let request = route_request(address, &"x".repeat(200));
        assert_eq!(request[..6], [10, 203, 1, 18, 200, 1]);
        assert_eq!(fields(&request).unwrap().len(), 2);
    }

    #[tokio::test]
    async fn what_listens_and_speaks_something_else_is_told_from_what_is_silent() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let ask = tokio::spawn(query_route(plainly(address), "DefaultCluster", Duration::from_secs(30)));
        let (mut stream, _) = listener.accept().await.unwrap();
        stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n").await.unwrap();
        drop(stream);
        assert!(matches!(ask.await.unwrap(), Err(GrpcError::Http(..))));
        let silent = query_route(plainly(address), "DefaultCluster", Duration::from_millis(200)).await;
        assert!(matches!(silent, Err(GrpcError::Timeout(..))), "{silent:?}");
        drop(listener);
        let refused = query_route(plainly(address), "DefaultCluster", Duration::from_secs(30)).await;
        assert!(matches!(refused, Err(GrpcError::Connect(..))), "{refused:?}");
    }
}
