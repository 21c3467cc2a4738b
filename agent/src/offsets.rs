//! Before a master starts: the consumer offsets that its slave has newer go into the master's own file, of which a copy
//! is kept. In: a launch, while nothing runs on its store. `docs/decisions/0042-offsets-of-a-returning-master.md`.
//!
//! What cannot be found out is said, and the start goes on as it would have.

use crate::{
    accounts::Account,
    acl, clock,
    files::{self, FileError},
    remoting::{self, Broker, Client, RemotingError},
    unprivileged, untrusted,
};
use rocketmq_agent_domain::{
    launch::{Cause, Launch},
    offsets::{Ahead, Carried, Offsets, ahead},
};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    io::{self, Read, Seek, SeekFrom},
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

/// A start waits no longer for a slave that does not answer.
const TIMEOUT: Duration = Duration::from_secs(2);
/// `ConsumeQueue.CQ_STORE_UNIT_SIZE` (4.7.0-5.5.0): u64 offset in the commit log, u32 size, u64 hash of the tag.
const UNIT: u64 = 20;
/// As the JVM's own umask makes it.
const MODE: u32 = 0o640;
/// A file of offsets is held as a whole, ten times over; a longer one is left as it is.
const LONGEST: u64 = 16 << 20;
const LONGEST_NOTE: u64 = 1 << 20;

/// Why nothing was taken over.
#[derive(Debug, thiserror::Error)]
pub enum OffsetsError {
    /// The slave did not say.
    #[error("the slave does not say its consumer offsets")]
    Slave(#[from] RemotingError),
    /// A file is not what RocketMQ writes.
    #[error("{path} is not what RocketMQ writes")]
    Damaged {
        /// Which.
        path: PathBuf,
        /// Where.
        #[source]
        source: serde_json::Error,
    },
    /// A file cannot be read or written.
    #[error(transparent)]
    File(#[from] FileError),
}

/// Takes over what is newer, and says what came of it. To be called by whoever holds the instance's lock.
/// `has_all` as in [`carry`].
pub async fn before_start(launch: &Launch, owner: Option<Account>, has_all: bool) {
    if let (Some(slave), Some(store)) = (launch.offsets_of, &launch.store) {
        let over_tls = launch.service.iter().flat_map(|service| service.over_tls.clone()).collect();
        carry(&store.root, &launch.directory, slave, over_tls, owner, has_all).await;
    }
}

/// The same of a `store`. In `folder`, the instance's own, are files with the credential that the slave wants, and there
/// a note of it is kept. To the addresses `over_tls` TLS is spoken. `has_all`: the commit log holds everything that the slave's
/// does, so that its queues will reach as far, though they were not built yet.
pub async fn carry(
    store: &Path,
    folder: &Path,
    slave: SocketAddr,
    over_tls: BTreeSet<SocketAddr>,
    owner: Option<Account>,
    has_all: bool,
) {
    // What a broker keeps is read and written as its account, whoever calls.
    if !unprivileged::run(owner, || file(store).exists()).unwrap_or(false) {
        return;
    }
    let client = Client::new(TIMEOUT);
    client.sign_as(acl::of_instance(folder));
    client.speak_tls_to(over_tls);
    let asked = Broker::new(&client, slave.to_string(), TIMEOUT).consumer_offsets().await;
    let done = asked.map_err(OffsetsError::from).and_then(|theirs| {
        let done = unprivileged::run(owner, || take_over(store, slave, &theirs, has_all));
        done.unwrap_or_else(|source| Err(files::failed("read", store)(source).into()))
    });
    let name = folder.file_name().unwrap_or_default().display();
    match done {
        Ok(None) => {}
        Ok(Some(carried)) => {
            let told = carried.warning(carried.at);
            tracing::warn!("{name}: {}", told.map(|told| told.what).unwrap_or_default());
        }
        Err(error) => {
            tracing::warn!("{name} starts with the consumer offsets that it has: {:#}", anyhow::Error::from(error));
        }
    }
}

fn file(store: &Path) -> PathBuf {
    store.join("config/consumerOffset.json")
}

/// What was taken over, where anything was or had to be left. On an error the file is as it was.
fn take_over(
    store: &Path,
    slave: SocketAddr,
    theirs: &Offsets,
    has_all: bool,
) -> Result<Option<Carried>, OffsetsError> {
    let path = file(store);
    let text = untrusted::read(&path, LONGEST).map_err(files::failed("read", &path))?;
    let damaged = |source| OffsetsError::Damaged { path: path.clone(), source };
    let mut file: Value = remoting::from_json(&text).map_err(damaged)?;
    let mut table: Offsets = serde_json::from_value(file["offsetTable"].take()).map_err(damaged)?;
    let queues = store.join("consumequeue");
    let Ahead { offsets, messages, beyond } = ahead(&table, theirs, |topic, queue| match has_all {
        true => Some(i64::MAX),
        false => end(&queues.join(topic).join(queue.to_string())).ok().flatten(),
    });
    if offsets.is_empty() && beyond == 0 {
        return Ok(None);
    }
    let carried = Carried {
        at: clock::now(),
        slave,
        backup: path.with_extension("json.before-carry"),
        entries: offsets.keys().cloned().collect(),
        queues: offsets.values().map(BTreeMap::len).sum(),
        messages,
        beyond,
    };
    if !offsets.is_empty() {
        for (entry, queues) in offsets {
            table.entry(entry).or_default().extend(queues);
        }
        file["offsetTable"] = serde_json::to_value(table).map_err(damaged)?;
        files::write_file(&carried.backup, &text, MODE, None)?;
        files::write_file(&path, &serde_json::to_vec(&file).map_err(damaged)?, MODE, None)?;
    }
    files::write_file(&note(store), &serde_json::to_vec_pretty(&carried).map_err(damaged)?, MODE, None)?;
    Ok(Some(carried))
}

/// Beside the file that it is about: whoever writes it is the account, which can write nowhere else.
fn note(store: &Path) -> PathBuf {
    store.join("config/offsets-carried.json")
}

/// What was taken over before the last starts, as long as it is news.
pub fn warning(launch: &Launch, account: Option<Account>) -> Option<Cause> {
    launch.offsets_of?;
    let note = note(&launch.store.as_ref()?.root);
    let text = unprivileged::run(account, || untrusted::read(&note, LONGEST_NOTE)).ok()?.ok()?;
    let carried: Carried = serde_json::from_slice(&text).ok()?;
    carried.warning(clock::now())
}

/// Where a consume queue ends: in its last file, the first unit that nothing was written to. None where there is no file.
fn end(folder: &Path) -> io::Result<Option<i64>> {
    let names = untrusted::names(untrusted::folder(folder)?)?;
    let Some((start, name)) = names.iter().filter_map(|name| Some((name.parse::<u64>().ok()?, name))).max() else {
        return Ok(None);
    };
    let mut file = untrusted::file(&folder.join(name))?;
    let (mut written, mut blank) = (0, file.metadata()?.len() / UNIT);
    while written < blank {
        let middle = written + (blank - written) / 2;
        let mut size = [0; 4];
        file.seek(SeekFrom::Start(middle * UNIT + 8))?;
        file.read_exact(&mut size)?;
        if size == [0; 4] { blank = middle } else { written = middle + 1 }
    }
    Ok(i64::try_from(start / UNIT + written).ok())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use std::fs;

    fn queue(store: &Path, topic: &str, start: u64, written: usize) {
        let folder = store.join("consumequeue").join(topic).join("0");
        fs::create_dir_all(&folder).unwrap();
        let mut units = vec![0u8; 100 * UNIT as usize];
        for unit in 0..written {
            units[unit * UNIT as usize + 11] = 120;
        }
        fs::write(folder.join(format!("{:020}", start * UNIT)), units).unwrap();
    }

    #[test]
    fn a_queue_ends_where_its_last_file_is_blank() {
        let store = tempfile::tempdir().unwrap();
        let found = |topic: &str| end(&store.path().join("consumequeue").join(topic).join("0")).ok().flatten();
        assert_eq!(found("None"), None);
        for (topic, written) in [("Empty", 0), ("One", 1), ("Some", 63), ("Full", 100)] {
            queue(store.path(), topic, 0, written);
            assert_eq!(found(topic), Some(written as i64));
        }
        queue(store.path(), "Full", 100, 7);
        assert_eq!(found("Full"), Some(107));
    }

    #[test]
    fn newer_offsets_go_into_the_file_and_what_else_is_in_it_stays() {
        let home = tempfile::tempdir().unwrap();
        let store = home.path().join("store");
        fs::create_dir_all(store.join("config")).unwrap();
        let before = r#"{"dataVersion":{"counter":9},"offsetTable":{"T@g":{0:5},"T@h":{0:7}}}"#;
        fs::write(file(&store), before).unwrap();
        queue(&store, "T", 0, 9);
        let slave = "127.0.0.1:1".parse().unwrap();
        let theirs = remoting::from_json(br#"{"T@g":{0:8},"T@h":{0:6}}"#).unwrap();
        let carried = take_over(&store, slave, &theirs, false).unwrap().unwrap();
        assert_eq!((carried.queues, carried.messages, carried.beyond), (1, 3, 0));
        let after: Value = serde_json::from_slice(&fs::read(file(&store)).unwrap()).unwrap();
        let wanted = r#"{"dataVersion":{"counter":9},"offsetTable":{"T@g":{"0":8},"T@h":{"0":7}}}"#;
        assert_eq!(after, serde_json::from_str::<Value>(wanted).unwrap());
        assert_eq!(fs::read_to_string(carried.backup).unwrap(), before);
        assert_eq!(take_over(&store, slave, &theirs, false).unwrap(), None, "and then it is as new");
        // The queue of what was taken back a moment ago is built only by the start.
        let beyond = remoting::from_json(br#"{"T@g":{0:12}}"#).unwrap();
        assert_eq!(take_over(&store, slave, &beyond, false).unwrap().unwrap().beyond, 1);
        assert_eq!(take_over(&store, slave, &beyond, true).unwrap().unwrap().queues, 1);
    }

    #[test]
    fn a_torn_file_is_left_to_rocketmq() {
        let home = tempfile::tempdir().unwrap();
        fs::create_dir_all(home.path().join("config")).unwrap();
        let torn = r#"{"offsetTable":{"T@"#;
        fs::write(file(home.path()), torn).unwrap();
        let slave = "127.0.0.1:1".parse().unwrap();
        assert!(take_over(home.path(), slave, &Offsets::new(), false).is_err());
        assert_eq!(fs::read_to_string(file(home.path())).unwrap(), torn);
    }
}
