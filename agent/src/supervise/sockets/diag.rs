//! Whether one connection still stands, asked of the kernel by its ends (sock_diag(7)): it looks into the one place where
//! such a socket lies, while a list of all takes milliseconds however few there are. Every account may ask.

use super::{ESTABLISHED, Socket};
use nix::{
    errno::Errno,
    sys::socket::{AddressFamily, MsgFlags, NetlinkAddr, SockFlag, SockProtocol, SockType, recv, sendto, socket},
};
use std::{io, net::IpAddr, os::fd::AsRawFd};

/// `struct nlmsghdr`, `struct inet_diag_req_v2` and `struct inet_diag_msg` of Linux (`uapi/linux/netlink.h`,
/// `uapi/linux/inet_diag.h`): numbers in the machine's byte order, ports and addresses in the network's.
const HEADER: usize = 16;
const REQUEST: usize = 56;
const STATE_AT: usize = HEADER + 1;
const INODE_AT: usize = HEADER + 68;
const NLM_F_REQUEST: u16 = 1;
const NLMSG_ERROR: u16 = 2;
const SOCK_DIAG_BY_FAMILY: u16 = 20;
const IPPROTO_TCP: u8 = 6;
/// Any socket of those ends: `INET_DIAG_NOCOOKIE`, twice.
const NO_COOKIE: [u8; 8] = [0xff; 8];

/// Whether the socket is there and is connected.
///
/// # Errors
/// The kernel cannot be asked, such as one without the module for it.
pub(super) fn stands(wanted: &Socket) -> io::Result<bool> {
    let diag =
        socket(AddressFamily::Netlink, SockType::Datagram, SockFlag::SOCK_CLOEXEC, SockProtocol::NetlinkSockDiag)?;
    sendto(diag.as_raw_fd(), &question(wanted), &NetlinkAddr::new(0, 0), MsgFlags::empty())?;
    // The kernel has answered by now: such a message is worked on while it is sent.
    let mut answer = [0; 512];
    let length = recv(diag.as_raw_fd(), &mut answer, MsgFlags::MSG_DONTWAIT)?;
    read(&answer[..length], wanted.inode)
}

fn question(wanted: &Socket) -> Vec<u8> {
    let (local, remote) = (wanted.local, wanted.remote);
    let family = if local.is_ipv4() { AddressFamily::Inet } else { AddressFamily::Inet6 };
    let mut text = Vec::with_capacity(HEADER + REQUEST);
    text.extend(((HEADER + REQUEST) as u32).to_ne_bytes());
    text.extend(SOCK_DIAG_BY_FAMILY.to_ne_bytes());
    text.extend(NLM_F_REQUEST.to_ne_bytes());
    // Which message it is and whose: there is only this one.
    text.extend([0; 8]);
    text.extend([family as u8, IPPROTO_TCP, 0, 0]);
    text.extend(u32::MAX.to_ne_bytes());
    text.extend(local.port().to_be_bytes());
    text.extend(remote.port().to_be_bytes());
    text.extend(address(local.ip()));
    text.extend(address(remote.ip()));
    // Whatever the network card.
    text.extend(0_u32.to_ne_bytes());
    text.extend(NO_COOKIE);
    text
}

fn address(ip: IpAddr) -> [u8; 16] {
    match ip {
        IpAddr::V6(ip) => ip.octets(),
        IpAddr::V4(ip) => {
            let mut address = [0; 16];
            address[..4].copy_from_slice(&ip.octets());
            address
        }
    }
}

fn read(answer: &[u8], inode: u64) -> io::Result<bool> {
    let number = |at: usize| Some(u32::from_ne_bytes(answer.get(at..at + 4)?.try_into().ok()?));
    let kind = answer.get(4..6).and_then(|kind| Some(u16::from_ne_bytes(kind.try_into().ok()?)));
    match (kind, number(HEADER)) {
        (Some(NLMSG_ERROR), Some(error)) => match Errno::from_raw(error.wrapping_neg().cast_signed()) {
            Errno::ENOENT => Ok(false),
            error => Err(error.into()),
        },
        (Some(SOCK_DIAG_BY_FAMILY), Some(_)) => {
            // Where nothing is connected, the kernel tells of who listens there.
            Ok(answer.get(STATE_AT) == Some(&ESTABLISHED) && number(INODE_AT).map(u64::from) == Some(inode))
        }
        _ => Err(io::Error::other("the kernel's answer about a socket is not as it should be")),
    }
}
