//! The TCP sockets of this host's network namespace, as the kernel lists them in /proc/net. In: nothing. Out: who
//! listens where, and whether a connection stands. It listens and connects nowhere itself.

mod diag;

use std::{
    fs, io,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    path::Path,
};

/// Socket states as /proc/net/tcp writes them (Linux `include/net/tcp_states.h`).
const ESTABLISHED: u8 = 0x01;
const TIME_WAIT: u8 = 0x06;
const LISTEN: u8 = 0x0a;

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Socket {
    local: SocketAddr,
    remote: SocketAddr,
    state: u8,
    inode: u64,
}

impl Socket {
    /// Its number among all open files of the host.
    pub fn inode(&self) -> u64 {
        self.inode
    }

    /// Whether it is still there and connected.
    ///
    /// # Errors
    /// This kernel does not tell of a single one.
    pub fn stands(&self) -> io::Result<bool> {
        diag::stands(self)
    }
}

/// All TCP sockets at one moment.
#[derive(Debug, Clone, Default)]
pub struct Sockets(Vec<Socket>);

impl Sockets {
    /// Reads both tables.
    ///
    /// # Errors
    /// A table is there and cannot be read. A host without IPv6 has only the one.
    pub fn read() -> io::Result<Self> {
        let mut sockets = parse(&fs::read_to_string("/proc/net/tcp")?);
        if Path::new("/proc/net/tcp6").exists() {
            sockets.extend(parse(&fs::read_to_string("/proc/net/tcp6")?));
        }
        Ok(Self(sockets))
    }

    /// The inodes of the sockets that listen on this port, on whatever address.
    pub fn listening(&self, port: u16) -> Vec<u64> {
        self.inodes(port, |socket| socket.state == LISTEN)
    }

    /// The inodes of all sockets that a process has on this local port. A connection that happens to come from it keeps
    /// others from listening as much as a listener does.
    pub fn using(&self, port: u16) -> Vec<u64> {
        self.inodes(port, |socket| socket.state != TIME_WAIT && socket.inode != 0)
    }

    fn inodes(&self, port: u16, wanted: impl Fn(&Socket) -> bool) -> Vec<u64> {
        let found = self.0.iter().filter(|socket| socket.local.port() == port && wanted(socket));
        found.map(|socket| socket.inode).collect()
    }

    /// The connections that came in on this local port and stand.
    pub fn accepted(&self, port: u16) -> Vec<Socket> {
        self.connections(|socket| socket.local.port() == port)
    }

    /// The connections to this address that stand.
    pub fn established(&self, remote: SocketAddr) -> Vec<Socket> {
        let remote = SocketAddr::new(remote.ip().to_canonical(), remote.port());
        self.connections(|socket| socket.remote == remote)
    }

    fn connections(&self, wanted: impl Fn(&Socket) -> bool) -> Vec<Socket> {
        self.0.iter().filter(|socket| socket.state == ESTABLISHED && wanted(socket)).cloned().collect()
    }
}

/// Reads a table; lines that are not sockets are passed over, as the heading is.
fn parse(table: &str) -> Vec<Socket> {
    table.lines().filter_map(parse_line).collect()
}

fn parse_line(line: &str) -> Option<Socket> {
    // sl local_address rem_address st tx_queue:rx_queue tr:tm->when retrnsmt uid timeout inode …
    let mut fields = line.split_whitespace().skip(1);
    let local = parse_address(fields.next()?)?;
    let remote = parse_address(fields.next()?)?;
    let state = u8::from_str_radix(fields.next()?, 16).ok()?;
    let inode = fields.nth(5)?.parse().ok()?;
    Some(Socket { local, remote, state, inode })
}

/// `0100007F:1F90`: 32-bit words in the byte order of the machine, then the port.
fn parse_address(text: &str) -> Option<SocketAddr> {
    let (ip, port) = text.split_once(':')?;
    let port = u16::from_str_radix(port, 16).ok()?;
    let word = |index: usize| Some(u32::from_str_radix(ip.get(index * 8..index * 8 + 8)?, 16).ok()?.to_ne_bytes());
    let ip = match ip.len() {
        8 => IpAddr::V4(Ipv4Addr::from(word(0)?)),
        32 => {
            let mut bytes = [0; 16];
            for (index, part) in bytes.chunks_exact_mut(4).enumerate() {
                part.copy_from_slice(&word(index)?);
            }
            // A Java server has IPv6 sockets for IPv4 peers too.
            IpAddr::V6(Ipv6Addr::from(bytes)).to_canonical()
        }
        _ => return None,
    };
    Some(SocketAddr::new(ip, port))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic)]
mod tests {
    use super::*;
    use std::net::{TcpListener, TcpStream};

    #[test]
    fn a_listener_and_a_connection_are_found() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        assert!(Sockets::read().unwrap().established(address).is_empty());
        let client = TcpStream::connect(address).unwrap();
        let sockets = Sockets::read().unwrap();
        assert_eq!(sockets.listening(address.port()).len(), 1);
        assert_eq!(sockets.established(address).len(), 1);
        // The client's port has a connection and no listener.
        let port = client.local_addr().unwrap().port();
        assert_eq!((sockets.listening(port).len(), sockets.using(port).len()), (0, 1));
    }

    #[test]
    fn an_ipv6_socket_is_found_by_the_ipv4_address_of_its_peer() {
        let listener = TcpListener::bind("[::]:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let _client = TcpStream::connect((Ipv6Addr::from_bits(0xffff_7f00_0001), port)).unwrap();
        let sockets = Sockets::read().unwrap();
        assert_eq!(sockets.established(SocketAddr::from(([127, 0, 0, 1], port))).len(), 1);
        assert_eq!(sockets.established(SocketAddr::from((Ipv6Addr::from_bits(0xffff_7f00_0001), port))).len(), 1);
        assert_eq!(sockets.listening(port).len(), 1);
    }

    #[test]
    fn one_connection_is_asked_for_by_its_ends_until_it_is_closed() {
        for (ip, by) in [("127.0.0.1", "127.0.0.1"), ("[::1]", "[::1]"), ("[::]", "127.0.0.1")] {
            let listener = TcpListener::bind(format!("{ip}:0")).unwrap();
            let address = SocketAddr::new(
                format!("{by}:0").parse::<SocketAddr>().unwrap().ip(),
                listener.local_addr().unwrap().port(),
            );
            let client = TcpStream::connect(address).unwrap();
            let (server, _) = listener.accept().unwrap();
            let sockets = Sockets::read().unwrap();
            let (ours, theirs) = (sockets.established(address).remove(0), sockets.accepted(address.port()).remove(0));
            assert!(ours.stands().unwrap() && theirs.stands().unwrap(), "{address}");
            let another = Socket { inode: theirs.inode, ..ours.clone() };
            assert!(!another.stands().unwrap(), "the ends are those of another socket");
            drop(client);
            // The other end has heard of it, and its process has not closed it yet.
            assert!(!ours.stands().unwrap() && !theirs.stands().unwrap(), "{address}");
            drop(server);
            assert!(!theirs.stands().unwrap(), "only a listener is left");
        }
    }

    #[test]
    #[cfg(target_endian = "little")]
    fn a_line_of_the_kernel_is_read_field_by_field() {
        let line =
            "  11: 0100007F:2AA0 0200000A:9C40 01 00000000:00000000 02:000009B1 00000000  3000        0 4711 2 0 20";
        let expected = Socket {
            local: "127.0.0.1:10912".parse().unwrap(),
            remote: "10.0.0.2:40000".parse().unwrap(),
            state: ESTABLISHED,
            inode: 4711,
        };
        assert_eq!(parse(line), [expected]);
        assert_eq!(parse("  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid"), []);
        assert_eq!(parse("  11: 0100007F:2AA0 02"), []);
    }
}
