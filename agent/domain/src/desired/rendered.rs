//! Folders and files as they must be on a host.

use crate::acl;
use std::path::PathBuf;

/// Whose a folder or file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// The agent's: RocketMQ reads what is rendered there and cannot change it.
    Agent,
    /// The account's that RocketMQ runs as.
    RocketMq,
}

/// A folder that must be there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Directory {
    /// Absolute.
    pub path: PathBuf,
    /// Whose it is.
    pub owner: Owner,
    /// Permission bits.
    pub mode: u32,
}

/// A file that must have exactly this text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RenderedFile {
    /// Absolute.
    pub path: PathBuf,
    /// Its whole text; a secret key in it is [`acl::SECRET_KEY`].
    pub text: String,
    /// Whose it is.
    pub owner: Owner,
    /// Permission bits.
    pub mode: u32,
}

impl RenderedFile {
    /// A file that everybody may read; where it is to have the secret key, nobody but root and RocketMQ's account. Of
    /// such a file the account is the group, so that a broker reads it and cannot change it.
    pub fn new(path: PathBuf, text: String) -> Self {
        let (owner, mode) = if acl::has_secret(&text) { (Owner::RocketMq, 0o640) } else { (Owner::Agent, 0o644) };
        Self { path, text, owner, mode }
    }

    /// Whether the secret key belongs into it.
    pub fn has_secret(&self) -> bool {
        acl::has_secret(&self.text)
    }
}
