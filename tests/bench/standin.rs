//! Stands in for a JVM that runs a NameServer: says when it began, listens where namesrv.conf tells it to, and answers
//! every request with an empty cluster, which is all that makes a NameServer ready.
//! In: the command line of a NameServer (`-c FILE`). Out: `PID NANOSECONDS-SINCE-1970` on stdout. It never ends by itself.

use std::{
    env, fs,
    io::{self, Read, Write},
    net::{TcpListener, TcpStream},
    process,
    time::{SystemTime, UNIX_EPOCH},
};

const CLUSTER: &[u8] = br#"{"brokerAddrTable":{},"clusterAddrTable":{}}"#;

fn main() -> io::Result<()> {
    let began = SystemTime::now().duration_since(UNIX_EPOCH).map_err(io::Error::other)?.as_nanos();
    println!("{} {began}", process::id());
    let mut arguments = env::args().skip_while(|argument| argument != "-c");
    let conf = fs::read_to_string(arguments.nth(1).ok_or(io::ErrorKind::InvalidInput)?)?;
    let port = conf.lines().find_map(|line| line.strip_prefix("listenPort=")).and_then(|port| port.trim().parse().ok());
    let listener = TcpListener::bind(("0.0.0.0", port.ok_or(io::ErrorKind::InvalidData)?))?;
    for stream in listener.incoming() {
        // The one who asks keeps one connection; where it breaks, the next one is as good.
        let _ = answer(stream?);
    }
    Ok(())
}

/// Frames of RocketMQ's remoting protocol: length, header length, JSON header, body; all lengths big-endian.
fn answer(mut stream: TcpStream) -> io::Result<()> {
    let mut length = [0; 4];
    loop {
        stream.read_exact(&mut length)?;
        let mut frame = vec![0; u32::from_be_bytes(length) as usize];
        stream.read_exact(&mut frame)?;
        let text = String::from_utf8_lossy(&frame);
        let opaque = text.split("\"opaque\":").nth(1).and_then(|rest| rest.split([',', '}']).next()).unwrap_or("0");
        let header = format!(
            r#"{{"code":0,"flag":1,"language":"JAVA","opaque":{opaque},"serializeTypeCurrentRPC":"JSON","version":0}}"#
        );
        let length = |bytes: usize| u32::try_from(bytes).unwrap_or(0).to_be_bytes();
        stream.write_all(&length(4 + header.len() + CLUSTER.len()))?;
        stream.write_all(&length(header.len()))?;
        stream.write_all(header.as_bytes())?;
        stream.write_all(CLUSTER)?;
    }
}
