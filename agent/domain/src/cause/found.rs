//! Causes that follow from what was found on the host rather than from what the process wrote. A supervisor backend
//! uses the same ones to refuse a start, so that a fault reads the same before and after it happened.

use super::{Disk, Evidence, Occupant};
use crate::{finding, launch::Cause};
use std::path::Path;

/// Another process listens on a port of the launch.
pub fn port_in_use(port: u16, occupant: &Occupant) -> Cause {
    finding::PORT_IN_USE.of(&[("port", &port), ("occupant", occupant)])
}

/// A process holds RocketMQ's own lock on the store. Starting a second broker on a live store deletes data of the
/// first (RocketMQ 4.7.0-5.5.0 takes the lock only after load and recovery), so nothing may be started.
pub fn store_locked(store: &Path, occupant: &Occupant) -> Cause {
    finding::STORE_LOCKED.of(&[("store", &store.display()), ("occupant", occupant)])
}

/// A process has files of the store open, though it does not hold the store's lock: a broker with another
/// storePathRootDir and the same storePathCommitLog (the default up to 4.9.3) does, and nothing but this stops it.
pub fn store_in_use(file: &Path, occupant: &Occupant) -> Cause {
    finding::STORE_IN_USE.of(&[("file", &file.display()), ("occupant", occupant)])
}

/// Somebody who is not ours holds the instance's own lock.
pub fn instance_locked(lock: &Path, occupant: &Occupant) -> Cause {
    finding::INSTANCE_LOCKED.of(&[("lock", &lock.display()), ("occupant", occupant)])
}

/// A folder or file of the instance cannot be used.
pub fn folder_unusable(path: &Path, why: &str) -> Cause {
    finding::FOLDER_UNUSABLE.of(&[("path", &path.display()), ("why", &why)])
}

/// The program cannot be executed.
pub fn program_unusable(program: &Path, why: &str) -> Cause {
    finding::JAVA_UNUSABLE.of(&[("program", &program.display()), ("why", &why)])
}

/// It listens on an address that the host does not have.
pub fn address_not_here(line: &str) -> Cause {
    finding::ADDRESS_NOT_HERE.of(&[("line", &line)])
}

/// All processes of the host ended with it.
pub fn host_restarted() -> Cause {
    finding::HOST_RESTARTED.of(&[])
}

/// The supervisor itself had to end it: it had been told to stop, and its store was silent.
pub fn killed_after_stop(silent_seconds: u64) -> Cause {
    finding::KILLED_AFTER_STOP.of(&[("seconds", &silent_seconds)])
}

pub(super) fn oom_killed(evidence: &Evidence<'_>, proof: &str) -> Cause {
    let heap = heap(&evidence.launch.arguments);
    match (&heap, evidence.memory.map(|memory| size(memory.total))) {
        (Some(heap), Some(memory)) => finding::OOM_KILLED.of(&[("proof", &proof), ("heap", heap), ("memory", &memory)]),
        (Some(heap), None) => finding::OOM_KILLED.of(&[("proof", &proof), ("alone", heap)]),
        (None, _) => finding::OOM_KILLED.of(&[("proof", &proof)]),
    }
}

pub(super) fn not_enough_memory(evidence: &Evidence<'_>) -> Cause {
    let (heap, memory) = (heap(&evidence.launch.arguments), evidence.memory);
    let [total, available] =
        [memory.map(|memory| memory.total), memory.map(|memory| memory.available)].map(|it| it.map(size));
    finding::NOT_ENOUGH_MEMORY.of_known(&[
        ("heap", heap.as_ref().map(|it| it as _)),
        ("total", total.as_ref().map(|it| it as _)),
        ("available", available.as_ref().map(|it| it as _)),
    ])
}

pub(super) fn disk_full(disk: Option<&Disk>) -> Cause {
    match disk {
        Some(disk) => finding::DISK_FULL.of(&[
            ("path", &disk.path.display()),
            ("free", &size(disk.free)),
            ("total", &size(disk.total)),
        ]),
        None => finding::SOME_DISK_FULL.of(&[]),
    }
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
