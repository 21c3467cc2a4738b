//! SHA-512 of an archive, SHA-256 of a jar: an open file and the wanted checksum in, equal or an error that shows both.

use super::Progress;
use super::error::{DistributionError, open_error};
use sha2::{Digest, Sha256, Sha512, digest::DynDigest};
use std::fmt::Write;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::Path;

/// Bytes between two reports of progress.
const REPORT: u64 = 8 << 20;

/// The checksum in lower case, which must have so many digits.
pub(super) fn parse(given: &str, digits: usize) -> Result<String, DistributionError> {
    let text = given.trim();
    if text.len() == digits && text.bytes().all(|b| b.is_ascii_hexdigit()) {
        Ok(text.to_ascii_lowercase())
    } else {
        Err(DistributionError::ChecksumFormat { given: given.to_owned(), digits })
    }
}

/// Reads the file from where it stands to its end and compares.
pub(super) fn verify(
    path: &Path,
    file: &mut File,
    expected: &str,
    progress: &dyn Fn(Progress),
) -> Result<(), DistributionError> {
    let total = file.metadata().map_err(|e| open_error(path, e))?.len();
    // The two differ in their length.
    let (kind, mut hash): (_, Box<dyn DynDigest>) = match expected.len() {
        64 => ("sha256", Box::new(Sha256::new())),
        _ => ("sha512", Box::new(Sha512::new())),
    };
    let mut buffer = vec![0; 64 << 10];
    let mut done = 0;
    loop {
        let read = match file.read(&mut buffer) {
            Ok(0) => break,
            Ok(read) => read,
            Err(e) if e.kind() == ErrorKind::Interrupted => continue,
            Err(e) => return Err(open_error(path, e)),
        };
        hash.update(&buffer[..read]);
        done += read as u64;
        if done / REPORT != (done - read as u64) / REPORT || done == total {
            progress(Progress::Verifying { done, total });
        }
    }
    let found = hex(&hash.finalize());
    if found == expected {
        Ok(())
    } else {
        Err(DistributionError::WrongChecksum { archive: path.to_owned(), kind, expected: expected.to_owned(), found })
    }
}

/// The checksum of a short text.
pub(super) fn of(text: &str) -> String {
    hex(&Sha512::digest(text))
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        write!(text, "{byte:02x}").expect("writing to a String cannot fail");
        text
    })
}
