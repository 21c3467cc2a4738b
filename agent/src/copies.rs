//! Copies of what a broker keeps of topics, consumer groups and offsets, to go back to where both its own file and RocketMQ's
//! `.bak` beside it are torn. In: launches of brokers. Out: a few good copies of each file, beside the store. A file that
//! cannot be read as a whole is never copied, and nothing is put back without a person's word.

use crate::{
    accounts::Account,
    clock,
    files::{self, FileError},
    tables::{self, LONGEST},
    unprivileged, untrusted,
};
use rocketmq_agent_domain::{desired::Desired, launch::Launch};
use std::{
    fs::{self, File},
    io::{self, Read, Seek},
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, UNIX_EPOCH},
};
use tokio::{sync::watch, task, time};

/// Between two looks.
const LOOK: Duration = Duration::from_secs(60);
/// Between two copies of a file, milliseconds, and how many are kept of each.
const EVERY: u64 = 600_000;
const KEPT: usize = 5;

/// Files of `store/config`, each with what it is nothing without (4.7.0-5.5.0).
const FILES: [(&str, &str); 3] = [
    ("topics.json", "topicConfigTable"),
    ("subscriptionGroup.json", "subscriptionGroupTable"),
    ("consumerOffset.json", "offsetTable"),
];

/// Keeps copies of the files of all brokers of this host, for as long as the agent runs.
pub fn spawn(desired: watch::Receiver<Arc<Desired>>, owner: Option<Account>) {
    tokio::spawn(async move {
        loop {
            let goal = Arc::clone(&desired.borrow());
            // A file may be long, and nothing else of the agent is to wait until it is read.
            let done = task::spawn_blocking(move || keep_all(&goal, owner)).await;
            if let Err(error) = done {
                tracing::warn!("copies of brokers' files are not kept: {error}");
            }
            time::sleep(LOOK).await;
        }
    });
}

fn keep_all(goal: &Desired, owner: Option<Account>) {
    for launch in goal.instances.iter().map(|instance| &instance.launch) {
        if let Err(error) = keep(launch, owner, clock::now()) {
            tracing::warn!(instance = %launch.instance, "{}: {:#}", launch.instance, anyhow::Error::from(error));
        }
    }
}

/// Copies each file that is good and was written since it was copied last, if that is long enough ago. The broker's files
/// are opened as the account; the copies are the agent's, in its own folder.
fn keep(launch: &Launch, account: Option<Account>, now: u64) -> Result<(), FileError> {
    let Some(store) = &launch.store else { return Ok(()) };
    let folder = folder(launch);
    for (name, table) in FILES {
        let path = store.root.join("config").join(name);
        let Some((file, written)) = open(&path, account)? else { continue };
        let copies = copies(&folder, name)?;
        if copies.last().is_some_and(|(at, _)| *at >= written || now < at + EVERY) {
            continue;
        }
        if !folder.exists() {
            files::make_directory(&folder, 0o750, None)?;
        }
        let mut is_good = true;
        // What is checked is the copy: the broker may write while it is read.
        let copied = files::write_with(&folder.join(format!("{name}.{written}")), 0o640, None, |copy| {
            io::copy(&mut (&file).take(LONGEST), copy)?;
            copy.rewind()?;
            is_good = tables::is_whole(copy, table);
            if is_good { Ok(()) } else { Err(io::ErrorKind::InvalidData.into()) }
        });
        match copied {
            Err(_) if !is_good => continue,
            copied => copied?,
        }
        for (_, old) in copies.iter().take((copies.len() + 1).saturating_sub(KEPT)) {
            fs::remove_file(old).map_err(files::failed("remove", old))?;
        }
    }
    Ok(())
}

/// A file that RocketMQ cannot read, with the newest good copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Torn {
    /// The file.
    pub path: PathBuf,
    /// When the copy was as good as now, milliseconds since 1970; none where there is no copy.
    pub copy: Option<(u64, PathBuf)>,
}

/// The files of which neither the one nor the `.bak` beside it is good.
///
/// # Errors
/// Something cannot be read.
pub fn torn(launch: &Launch, account: Option<Account>) -> Result<Vec<Torn>, FileError> {
    let Some(store) = &launch.store else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    for (name, table) in FILES {
        let path = store.root.join("config").join(name);
        if is_good(&path, table, account)? || is_good(&path.with_extension("json.bak"), table, account)? {
            continue;
        }
        let copy = copies(&folder(launch), name)?.pop();
        // One that never was there is not torn.
        if copy.is_some() || fs::symlink_metadata(&path).is_ok() {
            found.push(Torn { path, copy });
        }
    }
    Ok(found)
}

/// Puts the copy in the place of the file; what lay there is kept beside it. To be called while nothing runs on the store.
///
/// # Errors
/// Something cannot be read or written.
pub fn put_back(torn: &Torn, account: Option<Account>) -> Result<(), FileError> {
    let Some((_, copy)) = &torn.copy else { return Ok(()) };
    let mut good = untrusted::file(copy).map_err(files::failed("read", copy))?;
    // In the store the account writes, whoever asked for it: a link there leads it nowhere that it could not go itself.
    let put = || {
        let before = torn.path.with_extension("json.torn");
        match untrusted::file(&torn.path) {
            Ok(found) => {
                files::write_with(&before, 0o640, None, |file| io::copy(&mut found.take(LONGEST), file).map(drop))?
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            // No file at all, or one that leads elsewhere.
            Err(_) => fs::rename(&torn.path, &before).map_err(files::failed("put aside", &torn.path))?,
        }
        files::write_with(&torn.path, 0o640, None, |file| io::copy(&mut good, file).map(drop))
    };
    unprivileged::run(account, put).map_err(files::failed("put back", &torn.path))?
}

fn folder(launch: &Launch) -> PathBuf {
    launch.directory.join("config-copies")
}

/// A file that may be copied, and when it was written, milliseconds since 1970; none where there is none, or it is too long.
fn open(path: &Path, account: Option<Account>) -> Result<Option<(File, u64)>, FileError> {
    let failed = files::failed("look at", path);
    let file = match unprivileged::run(account, || untrusted::file(path)).and_then(|opened| opened) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(source) => return Err(failed(source)),
    };
    let found = file.metadata().map_err(&failed)?;
    let at = found.modified().map_err(failed)?.duration_since(UNIX_EPOCH).unwrap_or_default();
    let at = u64::try_from(at.as_millis()).ok().filter(|_| found.len() <= LONGEST);
    Ok(at.map(|at| (file, at)))
}

/// Whether RocketMQ would read it; not where it is not there, empty, torn, or no file at all.
fn is_good(path: &Path, table: &str, account: Option<Account>) -> Result<bool, FileError> {
    match unprivileged::run(account, || untrusted::file(path)).and_then(|opened| opened) {
        Ok(file) => Ok(tables::is_whole(&file, table)),
        // What the account may not read, RocketMQ does not read either.
        Err(error)
            if matches!(
                error.kind(),
                io::ErrorKind::NotFound | io::ErrorKind::PermissionDenied | io::ErrorKind::Other
            ) =>
        {
            Ok(false)
        }
        Err(error) => Err(files::failed("read", path)(error)),
    }
}

/// All copies of a file with when it was written, the oldest first.
fn copies(folder: &Path, name: &str) -> Result<Vec<(u64, PathBuf)>, FileError> {
    let of = |entry: &String| {
        let at = entry.strip_prefix(name)?.strip_prefix('.')?.parse().ok()?;
        Some((at, folder.join(entry)))
    };
    let mut found: Vec<(u64, PathBuf)> = files::entries(folder)?.iter().filter_map(of).collect();
    found.sort();
    Ok(found)
}

/// A broker with its store in that folder.
#[cfg(test)]
#[allow(clippy::unwrap_used)]
pub(crate) fn launch_for_tests(home: &Path) -> Launch {
    use rocketmq_agent_domain::launch::{Role, StoreIdentity};
    use std::collections::BTreeMap;
    Launch {
        instance: "broker-a".parse().unwrap(),
        role: Role::Master,
        program: "/j".into(),
        arguments: Vec::new(),
        environment: BTreeMap::new(),
        directory: home.to_owned(),
        console: home.join("console.log"),
        logs: Vec::new(),
        store: Some(StoreIdentity {
            root: home.join("store"),
            commit_log: home.join("store/commitlog"),
            format: Default::default(),
            cluster: "C".to_owned(),
            broker: "broker-a".parse().unwrap(),
        }),
        service: None,
        offsets_of: None,
        partner: None,
        ports: Vec::new(),
        stop_deadline: Duration::ZERO,
        fingerprint: String::new(),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn launch(home: &Path) -> Launch {
        fs::create_dir_all(home.join("store/config")).unwrap();
        launch_for_tests(home)
    }

    fn write(launch: &Launch, name: &str, text: &str, second: u64) {
        let path = launch.directory.join("store/config").join(name);
        fs::write(&path, text).unwrap();
        let file = File::options().write(true).open(path).unwrap();
        file.set_modified(UNIX_EPOCH + Duration::from_secs(second)).unwrap();
    }

    #[test]
    fn good_files_are_copied_when_they_change_and_few_copies_are_kept() {
        let home = tempfile::tempdir().unwrap();
        let launch = launch(home.path());
        keep(&launch, None, 0).unwrap();
        assert!(!folder(&launch).exists(), "nothing to copy");
        let looks = |at: u64, text: &str| {
            write(&launch, "topics.json", text, at);
            keep(&launch, None, at * 1000).unwrap();
            let copies = copies(&folder(&launch), "topics.json").unwrap();
            copies.iter().map(|(at, _)| at / 1000).collect::<Vec<_>>()
        };
        for at in (1000..9000).step_by(1000) {
            looks(at, &format!("{{\"topicConfigTable\":{{\"T{at}\":{{}}}}}}"));
        }
        assert_eq!(looks(9000, r#"{"topicConfigTable":{}}"#), [5000, 6000, 7000, 8000, 9000]);
        assert_eq!(looks(9599, r#"{"topicConfigTable":{"T":{}}}"#)[4], 9000, "not every few seconds");
        assert_eq!(looks(9600, r#"{"topicConfigTable":{"T":{}}}"#)[4], 9600);
        assert_eq!(looks(99_000, r#"{"topicConfigTable":{"T"#)[4], 9600, "it is torn");
    }

    #[test]
    fn the_newest_copy_is_put_back_where_the_file_and_rocketmqs_own_copy_are_torn() {
        let home = tempfile::tempdir().unwrap();
        let launch = launch(home.path());
        let (first, second) = (r#"{"offsetTable":{"T@g":{0:5}}}"#, r#"{"offsetTable":{"T@g":{0:6}}}"#);
        for (text, at) in [(first, 1), (second, 2000)] {
            write(&launch, "consumerOffset.json", text, at);
            keep(&launch, None, at * 1000).unwrap();
        }
        write(&launch, "consumerOffset.json", "", 3);
        write(&launch, "consumerOffset.json.bak", first, 3);
        assert_eq!(torn(&launch, None).unwrap(), [], "RocketMQ takes its own");
        write(&launch, "consumerOffset.json.bak", "{\"offset", 3);
        let found = torn(&launch, None).unwrap();
        assert_eq!(found.len(), 1);
        put_back(&found[0], None).unwrap();
        let config = launch.directory.join("store/config");
        assert_eq!(fs::read_to_string(config.join("consumerOffset.json")).unwrap(), second);
        assert_eq!(fs::read_to_string(config.join("consumerOffset.json.torn")).unwrap(), "");
        assert_eq!(torn(&launch, None).unwrap(), []);
    }
}
