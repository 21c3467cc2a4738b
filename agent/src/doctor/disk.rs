//! The file systems that the instances write to.

use super::{Check, Finding, Host};
use rocketmq_agent_domain::size::Size;
use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

pub(super) static CHECK: Check = Check {
    id: "disk",
    what: "The disks below base_dir and the stores have room, can be written, and keep what is written.",
    why: "A broker deletes old messages from 75 % on and takes no more at 90 %; memory file systems lose everything at a \
          reboot.",
    run,
    repair: None,
};

/// `diskMaxUsedSpaceRatio`, and where `DefaultMessageStore` makes the disk count as full (4.7.0-5.5.0).
const DELETES_AT: u64 = 75;
const FULL_AT: u64 = 90;

fn run(host: &Host) -> Vec<Finding> {
    let Some(in_file) = host.in_file() else { return vec![Finding::skipped("no cluster file")] };
    let mounts = mounts(&fs::read_to_string("/proc/self/mountinfo").unwrap_or_default());
    let stores = host.instances().iter().filter_map(|it| Some(it.launch.store.as_ref()?.root.clone()));
    // One finding a disk, however many folders are on it.
    let mut disks: BTreeMap<PathBuf, PathBuf> = BTreeMap::new();
    for folder in stores.chain([in_file.base_dir.clone()]) {
        let Some(there) = folder.ancestors().find_map(|path| fs::canonicalize(path).ok()) else { continue };
        if let Some((mount, _)) = mount_of(&mounts, &there) {
            disks.entry(mount.to_owned()).or_insert(there);
        }
    }
    disks.values().flat_map(|there| look(&mounts, there)).collect()
}

fn look(mounts: &[Mount], there: &Path) -> Vec<Finding> {
    let Some((mount, kind)) = mount_of(mounts, there) else { return Vec::new() };
    let shown = format!("{} ({} on {})", there.display(), kind.kind, mount.display());
    let mut findings = Vec::new();
    if kind.read_only {
        findings.push(Finding::fail(
            format!("{shown} is mounted read-only"),
            "mount it read-write, or set base_dir elsewhere",
        ));
    }
    if matches!(kind.kind.as_str(), "tmpfs" | "ramfs" | "overlay") {
        findings.push(Finding::warn(
            format!("{shown} does not keep data: it is gone with the next boot or container"),
            "put base_dir on a disk",
        ));
    }
    if kind.kind.starts_with("nfs") || kind.kind == "cifs" {
        findings.push(Finding::warn(
            format!(
                "{shown} is a network file system: message files are mapped into memory, and a short pause of the \
                     network stops the broker"
            ),
            "put base_dir on a local disk",
        ));
    }
    if let Ok(space) = rustix::fs::statvfs(there) {
        findings.push(judge_space(
            &shown,
            space.f_bavail.saturating_mul(space.f_frsize),
            space.f_blocks.saturating_mul(space.f_frsize),
        ));
    }
    findings
}

fn judge_space(shown: &str, free: u64, total: u64) -> Finding {
    let used = 100 - free.saturating_mul(100).checked_div(total).unwrap_or(100).min(100);
    let said = format!("{shown}: {} free, {used} % used", Size(free));
    match used {
        FULL_AT.. => Finding::fail(format!("{said}; a broker takes no messages from {FULL_AT} % on"), "make room"),
        DELETES_AT.. => Finding::warn(
            format!("{said}; from {DELETES_AT} % on a broker deletes old messages before their time"),
            "make room, or lower fileReservedTime",
        ),
        _ => Finding::ok(said),
    }
}

struct Mount {
    point: PathBuf,
    kind: String,
    read_only: bool,
}

/// `36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue` (proc_pid_mountinfo(5)).
fn mounts(text: &str) -> Vec<Mount> {
    let parse = |line: &str| {
        let (mount, file_system) = line.split_once(" - ")?;
        let mut fields = mount.split(' ').skip(4);
        let (point, options) = (fields.next()?, fields.next()?);
        let mut fields = file_system.split(' ');
        let (kind, on_disk) = (fields.next()?, fields.nth(1).unwrap_or_default());
        let read_only = [options, on_disk].iter().any(|options| options.split(',').any(|option| option == "ro"));
        Some(Mount { point: point.replace("\\040", " ").into(), kind: kind.to_owned(), read_only })
    };
    text.lines().filter_map(parse).collect()
}

/// The mount that a path lies on: the longest that it begins with, the last of equal ones.
fn mount_of<'m>(mounts: &'m [Mount], path: &Path) -> Option<(&'m Path, &'m Mount)> {
    let all = mounts.iter().filter(|mount| path.starts_with(&mount.point));
    let found = all.max_by_key(|mount| mount.point.as_os_str().len())?;
    Some((&found.point, found))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::doctor::Verdict;

    #[test]
    fn a_path_lies_on_the_innermost_mount() {
        let text = "1 0 8:1 / / rw - ext4 /dev/sda1 rw\n2 1 0:5 / /var/lib/rocketmq rw shared:1 - tmpfs tmpfs rw\n\
                    3 1 8:2 / /data ro - xfs /dev/sdb rw\n";
        let all = mounts(text);
        let kind =
            |path: &str| mount_of(&all, Path::new(path)).map(|(_, it)| (it.kind.as_str(), it.read_only)).unwrap();
        assert_eq!(kind("/var/lib/rocketmq/broker-a"), ("tmpfs", false));
        assert_eq!(kind("/var/lib/rocketmq2"), ("ext4", false));
        assert_eq!(kind("/data/x"), ("xfs", true));
    }

    #[test]
    fn room_is_judged_where_a_broker_changes_its_ways() {
        let verdict = |free| judge_space("/d", free, 100).verdict;
        assert_eq!(
            [verdict(26), verdict(25), verdict(11), verdict(10)],
            [Verdict::Ok, Verdict::Warn, Verdict::Warn, Verdict::Fail]
        );
    }
}
