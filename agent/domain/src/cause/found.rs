//! Causes that follow from what was found on the host rather than from what the process wrote. A supervisor backend
//! uses the same ones to refuse a start, so that a fault reads the same before and after it happened.

use super::{Disk, Evidence, Occupant};
use crate::launch::{Cause, cause};
use std::path::Path;

/// Another process listens on a port of the launch.
pub fn port_in_use(port: u16, occupant: &Occupant) -> Cause {
    cause(
        "port-in-use",
        format!("port {port} is taken by {occupant}"),
        "stop that process, or give the instance another port in cluster.toml (a broker takes port-2, port and port+1)",
    )
}

/// A process holds RocketMQ's own lock on the store. Starting a second broker on a live store deletes data of the
/// first (RocketMQ 4.7.0-5.5.0 takes the lock only after load and recovery), so nothing may be started.
pub fn store_locked(store: &Path, occupant: &Occupant) -> Cause {
    cause(
        "store-locked",
        format!("the store {} is in use by {occupant}", store.display()),
        "stop that broker and wait until it is gone; do not delete the lock file, it protects the data",
    )
}

/// A process has files of the store open, though it does not hold the store's lock: a broker with another
/// storePathRootDir and the same storePathCommitLog (the default up to 4.9.3) does, and nothing but this stops it.
pub fn store_in_use(file: &Path, occupant: &Occupant) -> Cause {
    cause(
        "store-in-use",
        format!("{occupant} has {} open", file.display()),
        "stop that process, or give the two brokers different stores: sharing one destroys both",
    )
}

/// Somebody who is not ours holds the instance's own lock.
pub fn instance_locked(lock: &Path, occupant: &Occupant) -> Cause {
    cause(
        "instance-locked",
        format!("{occupant} holds {}", lock.display()),
        "see what it is; another agent on this folder, or a JVM of this instance with other arguments, must end first",
    )
}

/// A folder or file of the instance cannot be used.
pub fn folder_unusable(path: &Path, why: &str) -> Cause {
    cause(
        "folder-unusable",
        format!("{} cannot be used: {why}", path.display()),
        "create it and give it to the account that RocketMQ runs as",
    )
}

/// The program cannot be executed.
pub fn program_unusable(program: &Path, why: &str) -> Cause {
    cause(
        "java-unusable",
        format!("{} cannot be executed: {why}", program.display()),
        "install a JDK, or set java_home in cluster.toml to one that this account may run",
    )
}

/// It listens on an address that the host does not have.
pub fn address_not_here(line: &str) -> Cause {
    cause(
        "address-not-here",
        format!("it cannot listen on its address: {line}"),
        "put host.address right in cluster.toml: it must be on a network card of this host",
    )
}

/// All processes of the host ended with it.
pub fn host_restarted() -> Cause {
    cause("host-restarted", "the host was restarted while it ran", "")
}

/// The supervisor itself had to end it: it had been told to stop, and its store was silent.
pub fn killed_after_stop(silent_seconds: u64) -> Cause {
    cause(
        "killed-after-stop",
        format!("it was told to stop, wrote nothing more for {silent_seconds} s and did not end, so it was killed"),
        "the next start checks the store from end to end; a thread dump of a JVM that hangs tells why (jstack)",
    )
}

pub(super) fn oom_killed(evidence: &Evidence<'_>, proof: &str) -> Cause {
    let memory = evidence.memory.map(|memory| format!(" of {} on this host", size(memory.total))).unwrap_or_default();
    let heap =
        heap(&evidence.launch.arguments).map(|heap| format!(" (its heap is {heap}{memory})")).unwrap_or_default();
    cause(
        "oom-killed",
        format!("the kernel killed it because memory ran out: {proof}{heap}"),
        "lower the heap in cluster.toml or add memory; heap, direct memory and page cache of all instances must fit",
    )
}

pub(super) fn not_enough_memory(evidence: &Evidence<'_>) -> Cause {
    let heap = heap(&evidence.launch.arguments).map(|heap| format!(" of {heap}")).unwrap_or_default();
    let memory = evidence
        .memory
        .map(|memory| format!("; {} of {} are available", size(memory.available), size(memory.total)))
        .unwrap_or_default();
    cause(
        "not-enough-memory",
        format!("the host cannot give the JVM its heap{heap}{memory}"),
        "lower the heap in cluster.toml, or free or add memory",
    )
}

pub(super) fn disk_full(disk: Option<&Disk>) -> Cause {
    let what = match disk {
        Some(disk) => {
            format!("the disk of {} is full: {} of {} left", disk.path.display(), size(disk.free), size(disk.total))
        }
        None => "a disk that it writes to is full".to_owned(),
    };
    cause(
        "disk-full",
        what,
        "free space or enlarge the disk; never delete files in commitlog by hand, lower fileReservedTime instead",
    )
}

/// The fullest disk, if it is too full to go on: less than 1 % and less than 1 GiB (one commit log file) left.
pub(super) fn full_disk<'e>(evidence: &'e Evidence<'_>) -> Option<&'e Disk> {
    let full = |disk: &&Disk| disk.free < disk.total / 100 && disk.free < 1 << 30;
    evidence.disks.iter().filter(full).min_by_key(|disk| disk.free)
}

/// What the state of the host suggests where no text does.
pub(super) fn by_state(evidence: &Evidence<'_>) -> Option<Cause> {
    if let (Some(store), Some(holder)) = (&evidence.launch.store, &evidence.store_holder) {
        return Some(store_locked(&store.root, holder));
    }
    if let Some((port, occupant)) = evidence.busy_ports.first() {
        return Some(port_in_use(*port, occupant));
    }
    full_disk(evidence).map(|disk| disk_full(Some(disk)))
}

/// The largest heap by the last option that says it: the one that counts.
fn heap(arguments: &[String]) -> Option<&str> {
    arguments
        .iter()
        .rev()
        .find_map(|argument| argument.strip_prefix("-Xmx").or_else(|| argument.strip_prefix("-XX:MaxHeapSize=")))
}

fn size(bytes: u64) -> String {
    const UNITS: [(&str, u64); 3] = [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10)];
    let unit = UNITS.iter().find(|(_, unit)| bytes >= *unit);
    unit.map_or(format!("{bytes} bytes"), |(name, unit)| {
        format!("{}.{} {name}", bytes / unit, bytes % unit * 10 / unit)
    })
}
