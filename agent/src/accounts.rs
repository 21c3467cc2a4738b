//! The account that RocketMQ runs as: uid and gid 3000, as RocketMQ's own container images have it, so that their
//! data can be taken over.

use crate::settings::RunAs;
use nix::unistd::{Gid, Group, Uid, User, geteuid};

/// The name of user and group.
pub const NAME: &str = "rocketmq";
/// Their ids.
pub const ID: u32 = 3000;

/// A user and group that processes run as and files belong to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Account {
    /// User id.
    pub uid: u32,
    /// Group id.
    pub gid: u32,
}

/// Why the account cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum AccountError {
    /// The account database does not answer.
    #[error("cannot look up {what}")]
    LookUp {
        /// What was asked for.
        what: String,
        /// Why not.
        #[source]
        source: nix::Error,
    },
    /// The name has other ids.
    #[error(
        "{kind} \"{NAME}\" has id {found}, and {ID} is needed: change it, or set embedded.run_as = \"self\" in agent.toml"
    )]
    OtherId {
        /// `user` or `group`.
        kind: &'static str,
        /// The id it has.
        found: u32,
    },
    /// The id has another name.
    #[error("{kind} id {ID} belongs to \"{found}\": change that, or set embedded.run_as = \"self\" in agent.toml")]
    OtherName {
        /// `user` or `group`.
        kind: &'static str,
        /// Whose it is.
        found: String,
    },
    /// Nobody has the name.
    #[error(
        "systemd starts nothing as a {kind} without a name: make {kind} \"{NAME}\" with id {ID} (systemd-sysusers, or \
         `groupadd -g {ID} {NAME}; useradd -r -u {ID} -g {ID} -M -d / -s /usr/sbin/nologin {NAME}`)"
    )]
    NoName {
        /// `user` or `group`.
        kind: &'static str,
    },
}

/// The account to drop to, whether it can be used or not: `None` where the agent is not root or is told to keep its own.
pub fn intended(wanted: RunAs) -> Option<Account> {
    (wanted != RunAs::Agent && is_root()).then_some(Account { uid: ID, gid: ID })
}

/// The account to drop to, which can be used: `None` as above.
pub fn run_as(wanted: RunAs) -> Result<Option<Account>, AccountError> {
    let Some(account) = intended(wanted) else { return Ok(None) };
    let failed = |what: String| move |source| AccountError::LookUp { what, source };
    let user = User::from_name(NAME).map_err(failed(format!("user {NAME}")))?;
    let group = Group::from_name(NAME).map_err(failed(format!("group {NAME}")))?;
    let owner = User::from_uid(Uid::from_raw(ID)).map_err(failed(format!("user id {ID}")))?;
    let owning_group = Group::from_gid(Gid::from_raw(ID)).map_err(failed(format!("group id {ID}")))?;
    agrees("user", user.map(|u| u.uid.as_raw()), owner.map(|u| u.name))?;
    agrees("group", group.map(|g| g.gid.as_raw()), owning_group.map(|g| g.name))?;
    Ok(Some(account))
}

/// Whether this process is root.
pub fn is_root() -> bool {
    geteuid().is_root()
}

/// Refuses a host that knows the account by number only.
pub fn is_named() -> Result<(), AccountError> {
    let failed = |what: String| move |source| AccountError::LookUp { what, source };
    if User::from_name(NAME).map_err(failed(format!("user {NAME}")))?.is_none() {
        return Err(AccountError::NoName { kind: "user" });
    }
    match Group::from_name(NAME).map_err(failed(format!("group {NAME}")))? {
        Some(_) => Ok(()),
        None => Err(AccountError::NoName { kind: "group" }),
    }
}

/// A name and an id that nobody has are fine: processes run by number.
fn agrees(kind: &'static str, id_of_name: Option<u32>, name_of_id: Option<String>) -> Result<(), AccountError> {
    match (id_of_name, name_of_id) {
        (Some(found), _) if found != ID => Err(AccountError::OtherId { kind, found }),
        (_, Some(found)) if found != NAME => Err(AccountError::OtherName { kind, found }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_or_an_id_that_is_taken_otherwise_is_refused() {
        assert!(agrees("user", None, None).is_ok());
        assert!(agrees("user", Some(ID), Some(NAME.to_owned())).is_ok());
        assert!(matches!(agrees("user", Some(1000), None), Err(AccountError::OtherId { found: 1000, .. })));
        assert!(matches!(agrees("group", None, Some("games".to_owned())), Err(AccountError::OtherName { .. })));
    }
}
