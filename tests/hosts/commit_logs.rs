//! The commit logs of a group's two members, read from their files as this machine sees them: bytes, and nothing that a
//! broker or an agent says of them but where they end.

use crate::{lab::Lab, real::poll, vm::DATA};
use std::{
    fs::{self, File},
    io::{self, Read, Seek, SeekFrom},
    path::PathBuf,
    time::Duration,
};

/// The groups that have a member on both hosts.
pub const GROUPS: [&str; 2] = ["broker-a", "broker-b"];
/// How much is read at once.
const CHUNK: u64 = 256 << 10;

/// The commit log of one member.
#[derive(Clone)]
pub struct Log {
    pub host: &'static str,
    folder: PathBuf,
}

impl Log {
    /// That of a group's member on a host.
    pub fn new(lab: &Lab, host: &str, group: &str) -> Self {
        let vm = lab.vms.iter().find(|vm| vm.name == host).unwrap();
        Self { host: vm.name, folder: vm.path(&format!("{DATA}/{group}/store/commitlog")) }
    }

    /// Its files and where they begin, the oldest first.
    pub fn files(&self) -> Vec<(u64, PathBuf)> {
        let files = fs::read_dir(&self.folder).into_iter().flatten().flatten().map(|entry| entry.path());
        let start = |file: &PathBuf| file.file_name()?.to_str()?.parse().ok();
        let mut files: Vec<(u64, PathBuf)> = files.filter_map(|file| Some((start(&file)?, file))).collect();
        files.sort();
        files
    }

    /// Where it begins.
    pub fn start(&self) -> Option<u64> {
        self.files().first().map(|(start, _)| *start)
    }

    /// The end of the last file that holds anything but zeros: just behind its last message, mostly.
    fn end(&self) -> io::Result<u64> {
        for (start, file) in self.files().iter().rev() {
            if let Some(last) = fs::read(file)?.iter().rposition(|byte| *byte != 0) {
                return Ok(start + last as u64 + 1);
            }
        }
        Ok(0)
    }

    /// The last two files of it that hold something: where they begin, and their bytes.
    pub fn last_bytes(&self) -> io::Result<(u64, Vec<u8>)> {
        let end = self.end()?;
        let files = self.files();
        let behind = files.iter().filter(|(start, _)| *start < end).map(|(start, _)| *start);
        let from = behind.rev().nth(1).or(self.start()).unwrap_or_default();
        Ok((from, self.read(from, end)?))
    }

    /// How many of these bytes it has at that offset, up to the first one that differs.
    pub fn keeps(&self, from: u64, bytes: &[u8]) -> u64 {
        let has = |to| self.read(from, to).is_ok_and(|read| bytes.starts_with(&read));
        // A file that was lost leaves fewer bytes to read.
        let to = from + bytes.len() as u64;
        let (mut kept, mut lost) = (from, to + 1);
        while kept + 1 < lost {
            let middle = kept + (lost - kept) / 2;
            if has(middle) { kept = middle } else { lost = middle }
        }
        kept - from
    }

    /// How many of these bytes, which begin with a file of it, are whole messages.
    pub fn whole_messages(&self, from: u64, bytes: &[u8]) -> usize {
        let ends: Vec<u64> = self.files().iter().map(|(start, _)| *start).collect();
        let mut at = 0;
        while let Some([size, magic]) = bytes
            .get(at..at + 8)
            .map(|head| [&head[..4], &head[4..]].map(|four| u32::from_be_bytes(four.try_into().unwrap())))
        {
            // What fills a file up to its end.
            let next = match magic {
                0xCBD4_3194 => {
                    ends.iter().find(|start| **start > from + at as u64).map(|start| (start - from) as usize)
                }
                _ => Some(at + size as usize),
            };
            match next {
                Some(next) if next > at && next <= bytes.len() => at = next,
                _ => break,
            }
        }
        at
    }

    /// Its bytes from one offset to another one.
    pub fn read(&self, from: u64, to: u64) -> io::Result<Vec<u8>> {
        let mut bytes = Vec::new();
        for (start, file) in self.files() {
            let mut file = File::open(file)?;
            let end = start + file.metadata()?.len();
            let (first, last) = (from.max(start), to.min(end));
            if first < last {
                file.seek(SeekFrom::Start(first - start))?;
                file.take(last - first).read_to_end(&mut bytes)?;
            }
        }
        if bytes.len() as u64 == to - from { Ok(bytes) } else { Err(io::ErrorKind::UnexpectedEof.into()) }
    }
}

/// Both members of a group.
pub fn members(lab: &Lab, group: &str) -> [Log; 2] {
    ["vm1", "vm2"].map(|host| Log::new(lab, host, group))
}

/// The first offset of a range at which two logs differ; an error where a log has not all of it.
pub fn first_difference([one, other]: [&Log; 2], from: u64, to: u64) -> io::Result<Option<u64>> {
    let mut at = from;
    while at < to {
        let end = to.min(at + CHUNK);
        let (left, right) = (one.read(at, end)?, other.read(at, end)?);
        if let Some(index) = left.iter().zip(&right).position(|(left, right)| left != right) {
            return Ok(Some(at + index as u64));
        }
        at = end;
    }
    Ok(None)
}

/// Checks that both members of a group hold the same bytes wherever both have some.
pub fn logs_agree(lab: &Lab, group: &str) {
    let [one, other] = members(lab, group);
    let end = |log: &Log| lab.instance(log.host, group)?.max_offset.ok_or(format!("{} knows no end", log.host));
    // An end may be known late, and what is read while it is written may be old. Logs that differ do so for ever.
    poll(Duration::from_secs(20), &format!("the commit logs of {group} are equal"), || {
        let from = one.start().max(other.start()).ok_or("there is none")?;
        let (ends, to) = (format!("{}, {}", end(&one)?, end(&other)?), end(&one)?.min(end(&other)?));
        if to <= from {
            return Err(format!("they have nothing in common: {from} to {to}"));
        }
        match first_difference([&one, &other], from, to) {
            Ok(None) => Ok(()),
            Ok(Some(at)) => Err(format!("they differ at {at}; they begin at {from} and end at {ends}")),
            Err(error) => Err(format!("{from} to {to}: {error}")),
        }
    });
}

/// Checks it of all groups.
pub fn all_logs_agree(lab: &Lab) {
    GROUPS.iter().for_each(|group| logs_agree(lab, group));
}
