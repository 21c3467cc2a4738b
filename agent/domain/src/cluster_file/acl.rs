//! `[acl]` as it is written.

use super::{At, reader::Section};
use crate::acl::AccessKey;

/// `[acl]`.
#[derive(Debug)]
pub struct AclFile {
    /// Where the table starts.
    pub at: usize,
    /// The administrator.
    pub access_key: Option<At<AccessKey>>,
    /// Where its secret key lies.
    pub key_file: Option<At<String>>,
}

pub(super) fn read(section: &Section<'_, '_>) -> AclFile {
    if !section.has("access_key") {
        section.missing("access_key", "say for example access_key = \"rocketmq-admin\"");
    }
    AclFile {
        at: section.at,
        access_key: section.parsed("access_key", "bad-access-key"),
        key_file: section.text("key_file"),
    }
}
