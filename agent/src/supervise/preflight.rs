//! May this instance be started now? In: a launch. Out: the instance's lock to start it with, its own JVM that runs
//! already, or the cause why not. A question that cannot be answered is an error, and nothing is started.
//!
//! The most important guard of the product: a second broker on a live store deletes files of the first before it
//! notices (RocketMQ 4.7.0, 4.9.4 and 5.5.0 take the lock only after load and recovery).

use super::{SupervisorError, locks, process, process::Identity, sockets::Sockets};
use crate::accounts::Account;
use rocketmq_agent_domain::{
    cause::{self, Occupant},
    launch::{Cause, Launch},
};
use std::{fs::File, io};

/// What stands in the way of a start, or does not.
#[derive(Debug)]
pub(super) enum Verdict {
    /// Nothing: start it with this lock as its stdin.
    Clear(File),
    /// It runs already, with these arguments, and nobody had written that down.
    Runs(Identity, Vec<String>),
    /// This.
    Refused(Cause),
}

/// Looks at everything that a start could clash with.
pub(super) fn check(launch: &Launch, account: Option<Account>) -> Result<Verdict, SupervisorError> {
    let lock = match locks::take(launch) {
        Ok(Some(lock)) => lock,
        Ok(None) => return held(launch),
        Err(error) => return Ok(Verdict::Refused(cause::folder_unusable(&locks::path(launch), &error.to_string()))),
    };
    if let Some(verdict) = check_store(launch, account)? {
        return Ok(verdict);
    }
    if let Some(refusal) = check_ports(launch)? {
        return Ok(Verdict::Refused(refusal));
    }
    Ok(Verdict::Clear(lock))
}

fn held(launch: &Launch) -> Result<Verdict, SupervisorError> {
    let path = locks::path(launch);
    let look = |source| SupervisorError::Look { what: format!("who holds {}", path.display()), source };
    let holders = locks::holders(launch).map_err(look)?;
    if let Some((identity, arguments)) = locks::ours(launch, &holders).map_err(look)? {
        return Ok(Verdict::Runs(identity, arguments));
    }
    let holder = holders.first().map(|pid| process::occupant(*pid)).unwrap_or_default();
    Ok(Verdict::Refused(cause::instance_locked(&path, &holder)))
}

fn check_store(launch: &Launch, account: Option<Account>) -> Result<Option<Verdict>, SupervisorError> {
    let Some(store) = &launch.store else { return Ok(None) };
    let look = |source| SupervisorError::Look { what: format!("who uses the store {}", store.root.display()), source };
    if let Some(holder) = locks::store_holder(store, account).map_err(look)? {
        return stranger_or_ours(launch, holder, |holder| cause::store_locked(&store.root, holder)).map_err(look);
    }
    // The lock says nothing of a broker that shares only the commit log, or that is still loading.
    let Some(writer) = locks::store_writer(store).map_err(look)? else { return Ok(None) };
    let holder = process::occupant(writer.pid);
    stranger_or_ours(launch, holder, |holder| cause::store_in_use(&writer.target, holder)).map_err(look)
}

fn stranger_or_ours(
    launch: &Launch,
    holder: Occupant,
    refusal: impl Fn(&Occupant) -> Cause,
) -> io::Result<Option<Verdict>> {
    let pids: Vec<u32> = holder.pid.into_iter().collect();
    let ours = locks::ours(launch, &pids)?;
    Ok(Some(match ours {
        Some((identity, arguments)) => Verdict::Runs(identity, arguments),
        None => Verdict::Refused(refusal(&holder)),
    }))
}

fn check_ports(launch: &Launch) -> Result<Option<Cause>, SupervisorError> {
    let look = |source| SupervisorError::Look { what: "the ports in use".to_owned(), source };
    let sockets = Sockets::read().map_err(look)?;
    for port in &launch.ports {
        let inodes = sockets.listening(*port);
        if !inodes.is_empty() {
            let owner = process::socket_owner(&inodes).map_err(look)?;
            return Ok(Some(cause::port_in_use(*port, &owner)));
        }
    }
    Ok(None)
}
