//! Where the secret comes from, and how a new one is made. In: a path, systemd's credentials, the environment. Out:
//! [`Secrets`], which nothing prints.

use super::TrustError;
use crate::{files, untrusted};
use ring::rand::{SecureRandom, SystemRandom};
use std::{
    collections::{BTreeMap, BTreeSet},
    env, fmt, fs,
    io::{self, Read},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

/// The variable that holds the secret itself, for containers.
pub const FROM_ENVIRONMENT: &str = "ROCKETMQ_AGENT_SECRET";
/// The name of systemd's credential: `LoadCredential=cluster.secret:…` (systemd.exec(5)).
const CREDENTIAL: &str = "cluster.secret";
const LENGTH: usize = 32;
/// 32 random bytes have 30 different ones on average.
const LEAST_DIFFERENT: usize = 16;
/// The file holds at most this: two lines, and comments.
const LONGEST: u64 = 4096;

/// 32 bytes.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Secret([u8; LENGTH]);

/// The secrets that are taken: the own one, and while it is replaced another one.
#[derive(Clone, PartialEq, Eq)]
pub struct Secrets {
    own: Secret,
    other: Option<Secret>,
}

impl Secret {
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// Why somebody could guess it; `None` for one that was made at random. Of 10^14 such secrets fewer than one has so
    /// few different bytes, and none known is a sequence.
    fn weakness(&self) -> Option<String> {
        let different = self.0.iter().collect::<BTreeSet<_>>().len();
        let mut steps = BTreeMap::<u8, usize>::new();
        for pair in self.0.windows(2) {
            *steps.entry(pair[1].wrapping_sub(pair[0])).or_default() += 1;
        }
        match different {
            1 => Some(format!("it is {LENGTH} equal bytes")),
            _ if different < LEAST_DIFFERENT => Some(format!("it has only {different} different bytes")),
            _ if steps.values().any(|count| *count >= LENGTH / 2) => Some("it is a sequence".to_owned()),
            _ => None,
        }
    }
}

impl fmt::Debug for Secrets {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.other.is_some() { "Secrets(two)" } else { "Secrets(one)" })
    }
}

impl Secrets {
    /// What there is: systemd's credential, else the environment's variable, else the file. None where there is none.
    ///
    /// # Errors
    /// It cannot be read, others may read it, or it is no secret.
    pub fn find(file: &Path) -> Result<Option<Self>, TrustError> {
        if let Some(folder) = env::var_os("CREDENTIALS_DIRECTORY")
            && let path = Path::new(&folder).join(CREDENTIAL)
            && path.exists()
        {
            return Self::read(&path);
        }
        match env::var(FROM_ENVIRONMENT) {
            Ok(text) => Self::of(&text, FROM_ENVIRONMENT).map(Some),
            Err(_) => Self::read(file),
        }
    }

    fn read(path: &Path) -> Result<Option<Self>, TrustError> {
        let failed = |source| TrustError::File { doing: "read", path: path.to_owned(), source };
        let file = match untrusted::file(path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        let found = file.metadata().map_err(failed)?;
        if let Some(mode) = files::open_to_others(path, &found) {
            return Err(TrustError::Open { path: path.to_owned(), mode });
        }
        if found.uid() != 0 && found.uid() != rustix::process::geteuid().as_raw() {
            return Err(TrustError::Foreign { path: path.to_owned(), owner: found.uid() });
        }
        let mut text = String::new();
        file.take(LONGEST).read_to_string(&mut text).map_err(failed)?;
        Self::of(&text, &path.display().to_string()).map(Some)
    }

    fn of(text: &str, from: &str) -> Result<Self, TrustError> {
        let secrets = Self::read_lines(text).ok_or_else(|| TrustError::NoSecret { from: from.to_owned() })?;
        let weakness = secrets.all().find_map(Secret::weakness);
        match weakness {
            Some(why) => Err(TrustError::Weak { from: from.to_owned(), why }),
            None => Ok(secrets),
        }
    }

    fn read_lines(text: &str) -> Option<Self> {
        let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#'));
        let own = secret(lines.next()?)?;
        let other = match lines.next() {
            Some(line) => Some(secret(line)?),
            None => None,
        };
        lines.next().is_none().then_some(Self { own, other })
    }

    pub(super) fn own(&self) -> &Secret {
        &self.own
    }

    pub(super) fn all(&self) -> impl Iterator<Item = &Secret> {
        [&self.own].into_iter().chain(&self.other)
    }
}

fn secret(line: &str) -> Option<Secret> {
    let mut bytes = [0; LENGTH];
    if line.len() != 2 * LENGTH || !line.is_ascii() {
        return None;
    }
    for (index, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(line.get(2 * index..2 * index + 2)?, 16).ok()?;
    }
    Some(Secret(bytes))
}

/// A secret for tests, another one for each name.
#[cfg(test)]
pub(crate) fn test_secret(name: char) -> String {
    let digest = ring::digest::digest(&ring::digest::SHA256, name.to_string().as_bytes());
    digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Makes a new secret and writes it, for its owner alone.
///
/// # Errors
/// One is there and is not to be replaced, or it cannot be written.
pub fn make(path: &Path, force: bool) -> Result<(), TrustError> {
    let failed = |source| TrustError::File { doing: "write", path: path.to_owned(), source };
    if !force && fs::symlink_metadata(path).is_ok() {
        return Err(TrustError::Exists(path.to_owned()));
    }
    let mut bytes = [0_u8; LENGTH];
    SystemRandom::new().fill(&mut bytes).map_err(|_| failed(io::Error::other("there is no randomness to be had")))?;
    let digits: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    let folder = path.parent().map_or_else(|| PathBuf::from("/"), Path::to_owned);
    // tempfile makes it 0600.
    let mut file = tempfile::NamedTempFile::new_in(folder).map_err(failed)?;
    io::Write::write_all(&mut file, format!("{digits}\n").as_bytes()).map_err(failed)?;
    file.as_file().sync_all().map_err(failed)?;
    match force {
        true => file.persist(path).map(|_| ()).map_err(|error| failed(error.error)),
        false => file.persist_noclobber(path).map(|_| ()).map_err(|error| match error.error.kind() {
            io::ErrorKind::AlreadyExists => TrustError::Exists(path.to_owned()),
            _ => failed(error.error),
        }),
    }
}
