//! Archives made of a list of entries, the bad ones included: names are written as given.

use flate2::{Compression, write::GzEncoder};
use std::io::{Cursor, Write};
use zip::CompressionMethod;
use zip::write::{SimpleFileOptions, ZipWriter};

/// One entry, in terms that both formats have.
#[derive(Clone)]
pub(super) struct Entry {
    pub(super) name: Vec<u8>,
    pub(super) kind: Kind,
    pub(super) content: Vec<u8>,
}

#[derive(Clone, Copy, PartialEq)]
pub(super) enum Kind {
    File,
    Folder,
    Symlink,
    HardLink,
    Device,
}

impl Entry {
    pub(super) fn new(name: &str, kind: Kind, content: &[u8]) -> Self {
        Self { name: name.as_bytes().to_owned(), kind, content: content.to_owned() }
    }

    pub(super) fn file(name: &str, content: &[u8]) -> Self {
        Self::new(name, Kind::File, content)
    }

    pub(super) fn symlink(name: &str, target: &str) -> Self {
        Self::new(name, Kind::Symlink, target.as_bytes())
    }
}

pub(super) fn tar_gz(entries: &[Entry]) -> Vec<u8> {
    gzip(&tar(entries))
}

pub(super) fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut writer = GzEncoder::new(Vec::new(), Compression::fast());
    writer.write_all(bytes).unwrap();
    writer.finish().unwrap()
}

pub(super) fn tar(entries: &[Entry]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    for entry in entries {
        let mut header = tar::Header::new_gnu();
        // Written by hand: the crate's own setters refuse what is to be tested.
        header.as_old_mut().name[..entry.name.len()].copy_from_slice(&entry.name);
        header.set_mode(0o777);
        header.set_entry_type(match entry.kind {
            Kind::File => tar::EntryType::Regular,
            Kind::Folder => tar::EntryType::Directory,
            Kind::Symlink => tar::EntryType::Symlink,
            Kind::HardLink => tar::EntryType::Link,
            Kind::Device => tar::EntryType::Char,
        });
        let content = match entry.kind {
            Kind::File => entry.content.as_slice(),
            _ => {
                let target = &mut header.as_old_mut().linkname;
                target[..entry.content.len()].copy_from_slice(&entry.content);
                &[]
            }
        };
        header.set_size(content.len() as u64);
        header.set_cksum();
        builder.append(&header, content).unwrap();
    }
    builder.into_inner().unwrap()
}

pub(super) fn zip(entries: &[Entry]) -> Vec<u8> {
    zip_as(CompressionMethod::Deflated, entries)
}

/// Devices and hard links do not exist in a zip: they become files.
pub(super) fn zip_as(method: CompressionMethod, entries: &[Entry]) -> Vec<u8> {
    let mut writer = ZipWriter::new(Cursor::new(Vec::new()));
    for entry in entries {
        let name = String::from_utf8(entry.name.clone()).unwrap();
        let options = SimpleFileOptions::default().compression_method(method).unix_permissions(0o777);
        match entry.kind {
            Kind::Folder => writer.add_directory(name, options).unwrap(),
            Kind::Symlink => {
                let target = String::from_utf8(entry.content.clone()).unwrap();
                writer.add_symlink(name, target, options).unwrap();
            }
            Kind::File | Kind::HardLink | Kind::Device => {
                writer.start_file(name, options).unwrap();
                writer.write_all(&entry.content).unwrap();
            }
        }
    }
    writer.finish().unwrap().into_inner()
}

/// Replaces a name in the headers of a zip, where the writer refuses what is to be tested.
pub(super) fn renamed(zip: &[u8], from: &str, to: &[u8]) -> Vec<u8> {
    assert_eq!(from.len(), to.len(), "the headers hold the length");
    let mut bytes = zip.to_owned();
    let mut at = 0;
    let mut count = 0;
    while at + to.len() <= bytes.len() {
        if bytes[at..].starts_with(from.as_bytes()) {
            bytes[at..at + to.len()].copy_from_slice(to);
            count += 1;
        }
        at += 1;
    }
    assert_eq!(count, 2, "once beside the data and once in the central directory");
    bytes
}
