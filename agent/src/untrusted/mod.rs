//! What root itself does in folders that RocketMQ's account can change. In: paths. Out: open folders and files, and
//! changes of them by descriptor. Reading what lies in stores and logs is the worker's (`unprivileged`), not root's.
//!
//! Two rules hold for every function here:
//! - No link is followed that the account could have made or moved. Links of the operator, in folders that the account
//!   cannot change, are followed: that is how a store is put on a disk of its own.
//! - One descriptor is looked at and then changed, so that nothing can take its place in between. Nothing here waits for a
//!   FIFO or a device.
//!
//! For an agent that is not root the kernel keeps the boundary, and links are followed as usual.

mod resolve;
mod take;
mod tree;

pub use resolve::{
    at_once, file, folder, folder_in, if_there, is_open_to_account, names, open_or_make, read, read_some,
};
pub use take::{is_sealed, owned_by_root, seal, seal_tree, take_home};
pub use tree::{Budget, Entry, delete, delete_below, walk};

use crate::accounts;
use rustix::fs::{FileType, Stat};

/// Whether links have to be judged at all: the kernel lets anybody but root go only where they could go anyway.
fn is_root() -> bool {
    accounts::is_root()
}

fn kind(stat: &Stat) -> FileType {
    FileType::from_raw_mode(stat.st_mode)
}

/// Whether RocketMQ's account can put something else in the place of what lies in this folder.
fn is_open(folder: &Stat) -> bool {
    const STICKY: u32 = 0o1000;
    let by_group = folder.st_gid == accounts::ID && folder.st_mode & 0o020 != 0;
    let by_all = folder.st_mode & 0o002 != 0;
    folder.st_uid == accounts::ID || ((by_group || by_all) && folder.st_mode & STICKY == 0)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
