//! Config sync: thin I/O around the register (`rocketmq_agent_domain::register`), which decides everything. In: the
//! secret, this host's name, its own cluster file. Out: a [`View`] that changes with what is committed, and a [`Handle`]
//! to change it. Nothing here starts, stops or renders anything. Where the document lies elsewhere, [`source`] takes the
//! place of the register.
//!
//! ```text
//! other hosts ─mTLS→ server ─┐                          ┌→ ledger (fsync)
//!                            ├→ driver: the register ───┼→ links ─mTLS→ other hosts
//! pullers, control socket ───┘                          └→ View
//! ```
//!
//! By the same door the hosts of a group read each other's commit logs ([`Logs`], [`RemoteLog`]), and all hosts each other's
//! reports ([`RemoteReports`]).

mod address_book;
mod client;
mod driver;
mod handle;
mod logs;
pub mod proposal;
mod puller;
mod refusals;
mod reports;
mod server;
pub mod source;
mod state;

pub use address_book::AddressBook;
pub use client::LinkError;
pub use driver::start;
pub use handle::{Ended, Handle};
pub use logs::{Cuts, Logs, PairError, RemoteLog};
pub use proposal::Voters;
pub use reports::{OwnReport, RemoteReports};
pub use server::{Shown, SyncError, listen};
pub use source::SourceView;
pub use state::{HostState, View};

use rustix::net::sockopt;
use std::time::Duration;
use tokio::net::TcpStream;

/// A request or an answer: two documents in JSON, where each byte may have to be escaped.
const LONGEST_MESSAGE: usize = 5 * 1024 * 1024;
/// For a connection to be made, TLS and all.
const CONNECT: Duration = Duration::from_secs(5);
/// For an answer that needs nothing but a disk.
const ANSWER: Duration = Duration::from_secs(10);
/// How long a question for something newer is left open. That the other end is gone shows sooner, see [`keep_alive`].
const LONG_POLL: Duration = Duration::from_secs(240);
/// Whoever decided on a document tells all who ask; those who learned of it do so after this.
const HEAD_START: Duration = Duration::from_millis(500);
/// Between two attempts that fail; spread by chance, and growing to `LONGEST_PAUSE`.
const PAUSE: Duration = Duration::from_millis(300);
const LONGEST_PAUSE: Duration = Duration::from_secs(8);

/// A pause before attempt number `failures` + 1, between half of it and all of it.
fn pause(failures: u32) -> Duration {
    let longest = PAUSE.saturating_mul(1 << failures.min(5)).min(LONGEST_PAUSE);
    let spread = random() % (longest.as_millis() as u64 / 2 + 1);
    longest / 2 + Duration::from_millis(spread)
}

/// Lets the kernel find out within a minute that the other end of a connection lost its power.
fn keep_alive(stream: &TcpStream) {
    // Without it the long poll runs out, later.
    let _ = sockopt::set_socket_keepalive(stream, true)
        .and_then(|()| sockopt::set_tcp_keepidle(stream, Duration::from_secs(30)))
        .and_then(|()| sockopt::set_tcp_keepintvl(stream, Duration::from_secs(10)))
        .and_then(|()| sockopt::set_tcp_keepcnt(stream, 3));
}

/// Any number. Where there is no randomness all hosts are in step, which is slow and not wrong.
fn random() -> u64 {
    let mut bytes = [0; 8];
    let _ = ring::rand::SecureRandom::fill(&ring::rand::SystemRandom::new(), &mut bytes);
    u64::from_le_bytes(bytes)
}

#[cfg(test)]
mod tests;
