//! Who changed what on this host: one line of JSON for each command that changes something and for what became of it, in
//! the state folder and in the log. In: what was asked, by whom. It holds nothing of the cluster file, and so no secret.

use crate::clock;
use nix::unistd::{Uid, User, gethostname};
use serde::{Deserialize, Serialize};
use std::{
    fs::{self, File},
    io::{self, Write},
    os::unix::fs::{MetadataExt, OpenOptionsExt, fchown},
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};
use tracing::{info, warn};

/// A file that is longer than this is put aside; one is kept.
const LONGEST: u64 = 1 << 20;

/// Who sent a command, as the kernel says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Who {
    /// User id.
    pub uid: u32,
    /// Its name, where it has one.
    pub user: Option<String>,
}

impl Who {
    /// The user with this id.
    pub fn of(uid: u32) -> Self {
        let user = User::from_uid(Uid::from_raw(uid)).ok().flatten();
        Self { uid, user: user.map(|user| user.name) }
    }
}

/// One line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// Milliseconds since 1970.
    pub at: u64,
    /// The name of the machine on which it was done; empty where an older agent wrote it.
    #[serde(default)]
    pub host: String,
    /// Who.
    pub who: Who,
    /// Who they say they are, such as the user behind sudo.
    pub author: String,
    /// The command.
    pub verb: String,
    /// To what: an instance, or a generation.
    pub what: String,
    /// Why, in their words.
    pub message: String,
    /// What became of it.
    pub outcome: String,
}

impl Line {
    /// Before it is known what becomes of it. When and where is added as it is noted.
    pub fn asked(who: Who, author: &str, verb: &str, what: String, message: &str) -> Self {
        let (author, verb, message) = (author.to_owned(), verb.to_owned(), message.to_owned());
        Self { at: 0, host: String::new(), who, author, verb, what, message, outcome: "asked for".to_owned() }
    }
}

/// The file.
#[derive(Debug, Clone)]
pub struct Audit {
    path: PathBuf,
    turn: Arc<Mutex<()>>,
}

impl Audit {
    /// In this state folder.
    pub fn new(state_dir: &Path) -> Self {
        Self { path: state_dir.join("audit.log"), turn: Arc::default() }
    }

    /// Adds a line. A disk that is full must not keep a person from stopping a broker: that is only said.
    pub fn note(&self, line: Line) {
        let (verb, what, uid, author) = (&line.verb, &line.what, line.who.uid, &line.author);
        info!(uid, %author, message = %line.message, "{verb} {what}: {}", line.outcome);
        let _turn = self.turn.lock().unwrap_or_else(PoisonError::into_inner);
        if let Err(error) = self.append(&line) {
            warn!("{} cannot be written: {error}", self.path.display());
        }
    }

    /// The same without a word in the log, for a command that does it itself.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn append(&self, line: &Line) -> io::Result<()> {
        let host = gethostname()?.to_string_lossy().into_owned();
        let line = Line { at: clock::now(), host, ..line.clone() };
        if fs::metadata(&self.path).is_ok_and(|file| file.len() >= LONGEST) {
            fs::rename(&self.path, self.aside())?;
        }
        let mut file = File::options().create(true).append(true).mode(0o600).open(&self.path)?;
        let (owner, own) = (fs::metadata(self.path.with_file_name(""))?, file.metadata()?);
        if own.uid() != owner.uid() {
            // Root's command made it, and the agent, which is another user, has to go on with it.
            fchown(&file, Some(owner.uid()), Some(owner.gid()))?;
        }
        // At once: a line is whole or not there.
        file.write_all(format!("{}\n", serde_json::to_string(&line)?).as_bytes())
    }

    fn aside(&self) -> PathBuf {
        self.path.with_extension("log.1")
    }

    /// All lines that are kept, the oldest first; one that was cut off by a crash is left out.
    ///
    /// # Errors
    /// A file that is there cannot be read.
    pub fn lines(&self) -> io::Result<Vec<Line>> {
        let mut lines = Vec::new();
        for path in [self.aside(), self.path.clone()] {
            let text = match fs::read_to_string(path) {
                Ok(text) => text,
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                Err(error) => return Err(error),
            };
            lines.extend(text.lines().filter_map(|line| serde_json::from_str(line).ok()));
        }
        Ok(lines)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    fn line(message: &str) -> Line {
        Line::asked(Who::of(0), "ann", "stop", "broker-a".to_owned(), message)
    }

    #[test]
    fn lines_are_kept_for_their_owner_alone_and_their_number_is_bounded() {
        let dir = tempfile::tempdir().unwrap();
        let audit = Audit::new(dir.path());
        assert_eq!(audit.lines().unwrap(), []);
        audit.note(line("two\nlines"));
        let kept = audit.lines().unwrap();
        assert_eq!(
            (kept.len(), kept[0].message.as_str(), kept[0].who.user.as_deref()),
            (1, "two\nlines", Some("root"))
        );
        assert!(kept[0].at > 0 && !kept[0].host.is_empty());
        assert_eq!(fs::metadata(&audit.path).unwrap().permissions().mode() & 0o777, 0o600);
        for _ in 0..30 {
            audit.note(line(&"x".repeat(100_000)));
        }
        let size = |path: &Path| fs::metadata(path).unwrap().len();
        assert!(size(&audit.path) < LONGEST + 101_000 && size(&audit.aside()) < LONGEST + 101_000);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 2);
        let before =
            r#"{"at":1,"who":{"uid":0,"user":null},"author":"","verb":"","what":"","message":"","outcome":"older"}"#;
        fs::write(&audit.path, format!("{before}\n{{\"at\": 1, ")).unwrap();
        assert_eq!(audit.lines().unwrap().last().unwrap().outcome, "older");
        assert!(!audit.lines().unwrap().is_empty(), "the one before is still there");
    }
}
