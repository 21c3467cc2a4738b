//! A document in a Git repository on this host, bare or not: read from the commit that a branch points to, never from
//! the files of a checkout, which may be half written. Something else keeps the repository current (`git fetch` in a
//! timer, a push): a remote is reached with other programs and other people's keys (docs/decisions/0031).

use super::{Place, SourceError};
use gix::open::Options;
use rocketmq_agent_domain::document::{Document, LONGEST};
use std::{
    fmt::Display,
    path::{Path, PathBuf},
    time::Duration,
};
use tokio::task::spawn_blocking;

pub(super) struct Git {
    name: String,
    repository: PathBuf,
    branch: Option<String>,
    path: String,
}

impl Git {
    pub fn new(repository: PathBuf, branch: Option<String>, path: String) -> Self {
        let at = branch.as_deref().unwrap_or("HEAD");
        Self { name: format!("{} ({at}:{path})", repository.display()), repository, branch, path }
    }
}

impl Place for Git {
    fn name(&self) -> &str {
        &self.name
    }

    async fn read(&mut self) -> Result<Option<Document>, SourceError> {
        let (repository, branch, path) = (self.repository.clone(), self.branch.clone(), self.path.clone());
        let read = spawn_blocking(move || committed(&repository, branch.as_deref(), &path)).await;
        let Some(bytes) = read.map_err(|error| SourceError::Repository(error.to_string()))?? else { return Ok(None) };
        Ok(Some(Document::read(str::from_utf8(&bytes).map_err(|_| SourceError::NotText)?)?))
    }

    async fn wait(&mut self, longest: Duration) {
        tokio::time::sleep(longest).await;
    }

    fn instead(&self) -> Option<String> {
        Some(format!(
            "the document is committed to {}: `rocketmq-agent document FILE -m WHY` prints the next one, to be committed \
             there (an earlier FILE: `rocketmq-agent config show N`)",
            self.name
        ))
    }

    async fn put(&mut self, _: &Document) -> Result<bool, SourceError> {
        Err(SourceError::ReadOnly)
    }
}

/// The file as the branch has it; none where the branch has no commit yet, or no such file.
fn committed(repository: &Path, branch: Option<&str>, path: &str) -> Result<Option<Vec<u8>>, SourceError> {
    // Without the settings of the account that this runs as, and of the host: they are nothing to read a file by.
    let opened =
        gix::open_opts(repository, Options::isolated()).map_err(|error| failed("it is no repository", &error))?;
    let id = match branch {
        Some(branch) => {
            // Of a tag with the same name git would take the tag.
            let name = if branch.starts_with("refs/") { branch.to_owned() } else { format!("refs/heads/{branch}") };
            match opened.try_find_reference(name.as_str()).map_err(|error| failed(branch, &error))? {
                Some(mut reference) => reference.peel_to_id().map_err(|error| failed(branch, &error))?,
                None => return Err(SourceError::Repository(format!("there is no branch {branch}"))),
            }
        }
        None => {
            let mut head = opened.head().map_err(|error| failed("HEAD", &error))?;
            match head.try_peel_to_id().map_err(|error| failed("HEAD", &error))? {
                Some(id) => id,
                None => return Ok(None),
            }
        }
    };
    let object = id.object().map_err(|error| failed("its commit cannot be read", &error))?;
    let commit = object.try_into_commit().map_err(|error| failed("its commit cannot be read", &error))?;
    let tree = commit.tree().map_err(|error| failed("its files cannot be read", &error))?;
    let entry = tree.lookup_entry_by_path(path).map_err(|error| failed(path, &error))?;
    let Some(entry) = entry else { return Ok(None) };
    let header = opened.find_header(entry.object_id()).map_err(|error| failed(path, &error))?;
    if header.size() > LONGEST as u64 {
        return Err(SourceError::Repository(format!("{path} is longer than a document may be")));
    }
    let object = entry.object().map_err(|error| failed(path, &error))?;
    match object.kind.is_blob() {
        true => Ok(Some(object.detach().data)),
        false => Err(SourceError::Repository(format!("{path} is no file"))),
    }
}

fn failed(what: &str, error: &dyn Display) -> SourceError {
    SourceError::Repository(format!("{what}: {error}"))
}
