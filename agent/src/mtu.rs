//! Whether packets of full size get from this host to another one and back. In: where its agent listens. Out: what came of
//! a short question, a long one and a long answer. A path that takes less than the network card sends, and says nothing of
//! what it drops, lets every short one through.

use nix::{
    ifaddrs::getifaddrs,
    sys::socket::{GetSockOpt, sockopt::IpMtu},
};
use std::{
    fs, io,
    net::{IpAddr, SocketAddr},
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

/// For each exchange: some seconds of sending again, and what a busy agent takes.
const EXCHANGE: Duration = Duration::from_secs(4);
/// Longer than a packet of any network card (9000), shorter than what an agent reads.
const PADDING: usize = 10 << 10;
/// The longest answer that is read.
const LONGEST: u64 = 4 << 20;

/// What is known of the way to another host and back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Way {
    /// What the network card on it sends at once, IP header included; `None` where that cannot be told.
    pub card: Option<u32>,
    /// What the kernel knows that the way takes, likewise.
    pub path: Option<u32>,
    /// What came of it.
    pub passed: Passed,
}

/// What got through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Passed {
    /// Long and short, both ways.
    All,
    /// A long question came to its end; its answer was too short to say anything.
    Out,
    /// No long question.
    NotOut,
    /// No long answer.
    NotBack,
}

/// Asks the agent there.
///
/// # Errors
/// Not even a short question is answered: then nothing is known of long ones.
pub async fn look(agent: SocketAddr) -> io::Result<Way> {
    let (short, _) = exchange(agent, "/livez", 0).await?;
    let known = path(&short);
    // Where sysfs is another network namespace's, as in some containers, the way begins at the card's own.
    let card = card(short.local_addr()?.ip()).or(known);
    let way = |path, passed| Way { card, path, passed };
    let Ok((long, _)) = exchange(agent, "/livez", PADDING).await else { return Ok(way(known, Passed::NotOut)) };
    let known = path(&long).or(known);
    Ok(match exchange(agent, "/v1/host", 0).await {
        Ok((_, length)) if card.is_some_and(|card| length > card as usize) => way(known, Passed::All),
        Ok(_) => way(known, Passed::Out),
        Err(_) => way(known, Passed::NotBack),
    })
}

/// One request on a connection of its own; how long the answer was.
async fn exchange(agent: SocketAddr, asked: &str, padding: usize) -> io::Result<(TcpStream, usize)> {
    let pad = "-".repeat(padding);
    let request = format!("GET {asked} HTTP/1.1\r\nHost: {agent}\r\nConnection: close\r\nX-Padding: {pad}\r\n\r\n");
    let exchange = async {
        let mut stream = TcpStream::connect(agent).await?;
        stream.write_all(request.as_bytes()).await?;
        let mut answer = Vec::new();
        (&mut stream).take(LONGEST).read_to_end(&mut answer).await?;
        if !answer.starts_with(b"HTTP/1.1 ") {
            return Err(io::Error::other("its answer is not one of an agent"));
        }
        Ok((stream, answer.len()))
    };
    timeout(EXCHANGE, exchange).await?
}

/// ip(7), IP_MTU: begins at the card's, and becomes less when a router on the way says so.
fn path(stream: &TcpStream) -> Option<u32> {
    IpMtu.get(stream).ok().and_then(|mtu| u32::try_from(mtu).ok())
}

/// Of the network card that has this address.
fn card(address: IpAddr) -> Option<u32> {
    let has = |card: &nix::ifaddrs::InterfaceAddress| {
        let found = card.address.as_ref()?;
        let v4 = found.as_sockaddr_in().map(|v4| IpAddr::V4(v4.ip()));
        v4.or_else(|| found.as_sockaddr_in6().map(|v6| IpAddr::V6(v6.ip())))
    };
    let name = getifaddrs().ok()?.find(|card| has(card) == Some(address))?.interface_name;
    let mtu: u32 = fs::read_to_string(format!("/sys/class/net/{name}/mtu")).ok()?.trim().parse().ok()?;
    // The loopback card says one more than an IP packet can have.
    Some(mtu.min(u32::from(u16::MAX)))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    /// An agent that reads questions to their end if they are shorter than `longest`, and answers with so many bytes.
    async fn agent(longest: usize, answer: usize) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut read = Vec::new();
                while !read.ends_with(b"\r\n\r\n")
                    && read.len() < longest
                    && stream.read_buf(&mut read).await.unwrap() > 0
                {}
                if read.len() < longest {
                    let body = if read.starts_with(b"GET /v1/host") { answer } else { 0 };
                    let _ = stream.write_all(format!("HTTP/1.1 200 OK\r\n\r\n{}", "x".repeat(body)).as_bytes()).await;
                }
            }
        });
        address
    }

    #[tokio::test]
    async fn a_long_question_that_is_not_answered_is_told_from_a_host_that_does_not_answer() {
        let mtu = card(IpAddr::from([127, 0, 0, 1])).unwrap();
        let passed = look(agent(usize::MAX, mtu as usize + 1).await).await.unwrap();
        assert_eq!((passed.passed, passed.card, passed.path), (Passed::All, Some(mtu), Some(mtu)));
        assert_eq!(look(agent(usize::MAX, 10).await).await.unwrap().passed, Passed::Out);
        assert_eq!(look(agent(PADDING, 10).await).await.unwrap().passed, Passed::NotOut);
        assert!(look(agent(0, 0).await).await.is_err());
    }
}
