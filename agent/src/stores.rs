//! Looks into a broker's store without touching it, and keeps the agent's note of whose it is.

use crate::{
    accounts::Account,
    files::{self, FileError},
    owners, tables, unprivileged,
    untrusted::{self, Budget},
};
use rocketmq_agent_domain::{
    health::recovery::{self, Recovery},
    launch::{Launch, StoreIdentity},
    observed::{StoreMark, StoreState},
};
use rustix::fs::FileType;
use std::{
    io::{self, Read, Seek, SeekFrom},
    path::{Path, PathBuf},
    time::Duration,
};

/// Why a store could not be looked at.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A file is not what it should be.
    #[error("{path} is damaged")]
    Damaged {
        /// Which.
        path: PathBuf,
        /// Where.
        #[source]
        source: serde_json::Error,
    },
    /// A file or folder cannot be read, or the note not written.
    #[error(transparent)]
    File(#[from] FileError),
}

/// The note lies beside the store, not in it: what is in the store is RocketMQ's.
fn mark_path(launch: &Launch) -> PathBuf {
    launch.directory.join("store-owner.json")
}

/// Notes that a store is this broker's.
pub fn mark(launch: &Launch, identity: &StoreIdentity) -> Result<(), StoreError> {
    let mark = StoreMark {
        cluster: identity.cluster.clone(),
        broker: identity.broker.to_string(),
        commit_log: identity.commit_log.clone(),
    };
    let path = mark_path(launch);
    let text = serde_json::to_vec_pretty(&mark).map_err(|source| StoreError::Damaged { path: path.clone(), source })?;
    Ok(files::write_file(&path, &text, 0o644, None)?)
}

/// How long looking into a store may take: the loop waits for it.
pub const DEADLINE: Duration = Duration::from_secs(10);

/// Looks into a store that a broker of this account is to be started on, as that account and beside the caller's work.
///
/// # Errors
/// Something in it cannot be read, or it takes too long.
pub async fn observe(
    launch: &Launch,
    identity: &StoreIdentity,
    account: Option<Account>,
) -> Result<StoreState, StoreError> {
    let path = mark_path(launch);
    let mark: Option<StoreMark> = read_json(&path)?;
    let looked = |worker: Option<Account>| {
        let (mark, store) = (mark.clone(), identity.clone());
        unprivileged::beside(worker, DEADLINE, move || look(mark, &store, account))
    };
    let failed = files::failed("read", &path);
    match looked(account).await.map_err(&failed)? {
        // Data of somebody else, from which the account is shut out: whose they are is seen by descriptor, as root.
        Err(StoreError::File(error)) if error.is_denied() && account.is_some() => looked(None).await.map_err(failed)?,
        looked => looked,
    }
}

fn look(mark: Option<StoreMark>, identity: &StoreIdentity, account: Option<Account>) -> Result<StoreState, StoreError> {
    let topics = topics(&identity.root.join("config"), mark.is_some())?;
    let has_marked_commit_log = match &mark {
        Some(mark) => has_log_files(&mark.commit_log)?,
        None => false,
    };
    Ok(StoreState {
        mark,
        topics,
        has_commit_log: has_log_files(&identity.commit_log)?,
        has_marked_commit_log,
        logs: logs(&identity.root)?,
        identity: files::read(&identity.root.join("brokerIdentity"))?
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .filter(|text| !text.trim().is_empty()),
        has_consume_queues: !files::entries(&identity.root.join("consumequeue"))?.is_empty(),
        strangers: match account.map(|account| owners::strangers(&identity.root, account)) {
            Some(Ok(found)) => found.map(|found| found.to_string()),
            Some(Err(error)) => return Err(files::failed("read", &identity.root)(error).into()),
            None => None,
        },
    })
}

/// How much of the end of a log is read.
const TAIL: u64 = 256 << 10;

/// How far a broker is with reading a store that was not closed; `None` where it does not do that, or nothing tells.
pub fn recovery(launch: &Launch, account: Option<Account>) -> Option<Recovery> {
    unprivileged::run(account, || read_recovery(launch)).ok()?
}

fn read_recovery(launch: &Launch) -> Option<Recovery> {
    let store = launch.store.as_ref()?;
    let files: Vec<u64> = files::entries(&store.commit_log).ok()?.iter().filter_map(|name| name.parse().ok()).collect();
    let mut log = untrusted::file(launch.logs.iter().find(|log| log.ends_with("store.log"))?).ok()?;
    let length = log.metadata().ok()?.len();
    log.seek(SeekFrom::Start(length.saturating_sub(TAIL))).ok()?;
    let mut text = Vec::new();
    log.take(TAIL).read_to_end(&mut text).ok()?;
    recovery::read(&String::from_utf8_lossy(&text), &files)
}

/// What the broker will know of topics: a file that is torn or empty it leaves for the copy beside it, and without a good one
/// it says so itself and ends (4.7.0-5.5.0 `ConfigManager.load`). Where nothing else tells whose the store is, neither is
/// passed over.
fn topics(config: &Path, is_marked: bool) -> Result<Option<Vec<String>>, StoreError> {
    match read_topics(&config.join("topics.json")) {
        Err(StoreError::Damaged { path, source }) => match read_topics(&config.join("topics.json.bak")) {
            Ok(Some(topics)) => Ok(Some(topics)),
            Ok(None) | Err(StoreError::Damaged { .. }) if is_marked => Ok(None),
            Ok(None) => Err(StoreError::Damaged { path, source }),
            Err(error) => Err(error),
        },
        read => read,
    }
}

/// The names in `TopicConfigSerializeWrapper` as JSON; the same in 4.x and 5.x.
fn read_topics(path: &Path) -> Result<Option<Vec<String>>, StoreError> {
    let failed = files::failed("read", path);
    let Some(file) = untrusted::if_there(untrusted::file(path)).map_err(&failed)? else { return Ok(None) };
    if file.metadata().map_err(failed)?.len() == 0 {
        return Ok(None);
    }
    let damaged = |source| StoreError::Damaged { path: path.to_owned(), source };
    tables::names(&file, "topicConfigTable").map(Some).map_err(damaged)
}

/// Whether any file lies in a folder, however deep.
///
/// # Errors
/// It cannot be looked into.
pub fn holds_files(folder: &Path) -> io::Result<bool> {
    let Some(open) = untrusted::if_there(untrusted::folder(folder))? else { return Ok(false) };
    let mut holds = false;
    let walked = untrusted::walk(open, Budget::of(DEADLINE), |entry| {
        holds = entry.kind() != FileType::Directory;
        if holds { Err(io::ErrorKind::Interrupted.into()) } else { Ok(()) }
    });
    if holds { Ok(true) } else { walked.map(|()| false) }
}

fn read_json<T: serde::de::DeserializeOwned>(path: &Path) -> Result<Option<T>, StoreError> {
    match files::read(path)? {
        Some(bytes) if !bytes.is_empty() => serde_json::from_slice(&bytes)
            .map(Some)
            .map_err(|source| StoreError::Damaged { path: path.to_owned(), source }),
        _ => Ok(None),
    }
}

/// The folders of a store that hold a log, of whichever mode.
fn logs(root: &Path) -> Result<Vec<String>, StoreError> {
    let mut found = Vec::new();
    for name in files::entries(root)? {
        let folder = match name.as_str() {
            "commitlog" => root.join(&name),
            other if other.starts_with("dledger-") => root.join(other).join("data"),
            _ => continue,
        };
        if has_log_files(&folder)? {
            found.push(name);
        }
    }
    Ok(found)
}

/// Commit log files are named by the offset they start at, 20 digits (`UtilAll.offset2FileName`).
fn has_log_files(folder: &Path) -> Result<bool, StoreError> {
    let is_log = |name: &String| name.len() == 20 && name.bytes().all(|b| b.is_ascii_digit());
    Ok(files::entries(folder)?.iter().any(is_log))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::fs;

    #[test]
    fn a_torn_topics_file_is_left_for_the_copy_beside_it_as_rocketmq_does() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| fs::write(folder.path().join(name), text).unwrap();
        let names = |is_marked| topics(folder.path(), is_marked);
        assert!(matches!(names(false), Ok(None)));
        write("topics.json", "{\"dataVersion\":{\"counter\":1,");
        assert!(matches!(names(false), Err(StoreError::Damaged { path, .. }) if path.ends_with("topics.json")));
        assert!(matches!(names(true), Ok(None)), "RocketMQ says it itself");
        write("topics.json.bak", "{\"topicConfigTable\":{\"broker-a\":{}}}");
        assert_eq!(names(false).unwrap(), Some(vec!["broker-a".to_owned()]));
        write("topics.json.bak", "");
        assert!(names(false).is_err());
        assert!(matches!(names(true), Ok(None)));
    }
}
