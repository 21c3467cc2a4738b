//! Many hosts that follow one config host, in one process: each with a certificate and a connection of its own (mutual TLS
//! 1.3), and a question for something newer left open. What they are given is read to its end and not looked into.
//! In: `ADDRESS CONFIG-HOST SECRET-FILE CLUSTER FIRST COUNT`; the hosts are called `fN`. Out: `ready`, then for each document
//! that all have got, nanoseconds since 1970: the median, the 99th percentile and the last.

use bytes::Bytes;
use http_body_util::{BodyExt, Empty};
use hyper::{Request, StatusCode, client::conn::http1::SendRequest};
use hyper_util::rt::TokioIo;
use rocketmq_agent::trust::{Identity, Keys, Secrets};
use std::{
    env,
    error::Error,
    path::Path,
    sync::Arc,
    time::{Duration, SystemTime, UNIX_EPOCH},
};
use tokio::{
    net::TcpStream,
    sync::{Semaphore, mpsc},
    time::sleep,
};
use tokio_rustls::TlsConnector;

type Failed = Box<dyn Error + Send + Sync>;
type Link = SendRequest<Empty<Bytes>>;

/// Connections that are made at a time.
const AT_ONCE: usize = 32;

/// What all pullers share.
struct Cluster {
    address: String,
    config_host: String,
    name: String,
    keys: Keys,
    doors: Semaphore,
}

fn main() -> Result<(), Failed> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [address, config_host, secret, name, first, count] = arguments.as_slice() else {
        return Err("ADDRESS CONFIG-HOST SECRET-FILE CLUSTER FIRST COUNT".into());
    };
    let secrets = Secrets::find(Path::new(secret))?.ok_or("there is no secret")?;
    let cluster = Arc::new(Cluster {
        address: address.clone(),
        config_host: config_host.clone(),
        name: name.clone(),
        keys: Keys::Secret { secrets, file: secret.into() },
        doors: Semaphore::new(AT_ONCE),
    });
    let (first, count): (usize, usize) = (first.parse()?, count.parse()?);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let (got, took) = mpsc::unbounded_channel();
        for number in first..first + count {
            tokio::spawn(pull(Arc::clone(&cluster), format!("f{number}"), got.clone()));
        }
        tell(took, count).await
    })
}

/// The first answer of each is what is held already.
async fn tell(mut took: mpsc::UnboundedReceiver<u128>, count: usize) -> Result<(), Failed> {
    let mut times = Vec::new();
    let mut is_first = true;
    while let Some(time) = took.recv().await {
        times.push(time);
        if times.len() == count {
            times.sort_unstable();
            match is_first {
                true => println!("ready"),
                false => println!("{} {} {}", times[count / 2], times[count * 99 / 100], times[count - 1]),
            }
            is_first = false;
            times.clear();
        }
    }
    Ok(())
}

async fn pull(cluster: Arc<Cluster>, host: String, got: mpsc::UnboundedSender<u128>) {
    let mut held = (0, String::new());
    loop {
        let opened = match cluster.doors.acquire().await {
            Ok(_door) => open(&cluster, &host).await,
            Err(_) => return,
        };
        match opened {
            Ok(mut link) => while ask(&mut link, &mut held, &got).await.is_ok() {},
            Err(error) => {
                eprintln!("{host}: {error}");
                sleep(Duration::from_secs(1)).await;
            }
        }
    }
}

async fn open(cluster: &Cluster, host: &str) -> Result<Link, Failed> {
    let identity = |host: &str| Ok::<_, Failed>(Identity { host: host.parse()?, cluster: cluster.name.parse()? });
    let ends = cluster.keys.ends(&identity(host)?, SystemTime::now())?.ends;
    let name = cluster.keys.server_name(&identity(&cluster.config_host)?).ok_or("no DNS name")?;
    let stream = TcpStream::connect(&cluster.address).await?;
    stream.set_nodelay(true)?;
    let stream = TlsConnector::from(ends.client).connect(name, stream).await?;
    let (link, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    tokio::spawn(connection);
    Ok(link)
}

/// Begins before generation 2, and misses none: the next one is committed when all have got this one.
async fn ask(link: &mut Link, held: &mut (u64, String), got: &mpsc::UnboundedSender<u128>) -> Result<(), Failed> {
    let (generation, hash) = &held;
    let uri = match generation {
        0 => "/document".to_owned(),
        _ => format!("/document?epoch=1&generation={generation}&hash={hash}"),
    };
    let answer = link.send_request(Request::builder().uri(uri).header("host", "config").body(Empty::new())?).await?;
    if answer.status() != StatusCode::OK {
        return if answer.status() == StatusCode::NO_CONTENT {
            Ok(())
        } else {
            Err(answer.status().to_string().into())
        };
    }
    let hash = answer.headers().get("etag").ok_or("no ETag")?.to_str()?.trim_matches('"').to_owned();
    let mut body = answer.into_body();
    while let Some(frame) = body.frame().await {
        frame?;
    }
    *held = (held.0 + 1, hash);
    got.send(SystemTime::now().duration_since(UNIX_EPOCH)?.as_nanos())?;
    Ok(())
}
