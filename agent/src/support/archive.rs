//! The archive: texts without their secrets, in one folder, readable by its owner alone.

use crate::{clock, untrusted};
use flate2::{Compression, write::GzEncoder};
use rocketmq_agent_domain::secret::blanked;
use std::{
    fs::File,
    io::{self, Read, Seek, SeekFrom},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};
use tar::{Builder, Header};

/// No single text is longer: a cluster file that is gigabytes by mistake must not fill the disk.
const LONGEST: u64 = 8 << 20;

/// An archive that is being written.
pub struct Archive {
    tar: Builder<GzEncoder<File>>,
    folder: String,
    /// What it should hold and does not, and why.
    lacks: Vec<String>,
}

impl Archive {
    /// A new file; `folder` is what it unpacks to.
    ///
    /// # Errors
    /// It exists already, or cannot be made.
    pub fn create(path: &Path, folder: &str) -> io::Result<Self> {
        let file = File::options().write(true).create_new(true).mode(0o600).open(path)?;
        let tar = Builder::new(GzEncoder::new(file, Compression::default()));
        Ok(Self { tar, folder: folder.to_owned(), lacks: Vec::new() })
    }

    /// Adds a text, without the secrets in it.
    ///
    /// # Errors
    /// The archive cannot be written; as for the others.
    pub fn add(&mut self, name: &str, text: &str) -> io::Result<()> {
        let text = blanked(text);
        let mut header = Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o600);
        header.set_mtime(clock::now() / 1000);
        self.tar.append_data(&mut header, format!("{}/{name}", self.folder), text.as_bytes())
    }

    /// Adds a file of this host.
    pub fn add_file(&mut self, name: &str, path: &Path) -> io::Result<()> {
        self.add_tail(name, path, LONGEST)
    }

    /// Adds the end of a file.
    pub fn add_tail(&mut self, name: &str, path: &Path, most: u64) -> io::Result<()> {
        self.add_read(name, path, tail(path, most))
    }

    /// Adds what was read of a file.
    pub fn add_read(&mut self, name: &str, path: &Path, read: io::Result<String>) -> io::Result<()> {
        match read {
            Ok(text) => self.add(name, &text),
            Err(error) => {
                self.lacks(name, format!("cannot read {}: {error}", path.display()));
                Ok(())
            }
        }
    }

    /// Says what is not in it, and why.
    pub fn lacks(&mut self, name: &str, why: impl Into<String>) {
        self.lacks.push(format!("{name}: {}", why.into()));
    }

    /// Ends it; what it lacks.
    pub fn finish(mut self) -> io::Result<Vec<String>> {
        if !self.lacks.is_empty() {
            let lacks = self.lacks.join("\n") + "\n";
            self.add("missing.txt", &lacks)?;
        }
        self.tar.into_inner()?.finish()?.sync_all()?;
        Ok(self.lacks)
    }
}

/// The last bytes of a file, from the beginning of a line.
pub(super) fn tail(path: &Path, most: u64) -> io::Result<String> {
    let mut file = untrusted::file(path)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(most)))?;
    let mut bytes = Vec::new();
    file.take(most).read_to_end(&mut bytes)?;
    let text = String::from_utf8_lossy(&bytes).into_owned();
    Ok(match text.split_once('\n') {
        Some((_, whole_lines)) if length > most => whole_lines.to_owned(),
        _ => text,
    })
}
