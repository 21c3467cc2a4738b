use super::*;
use proptest::prelude::*;
use rocketmq_agent_domain::commit_log::{HEADER, Verdict};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use std::{
    fs,
    os::unix::fs::FileExt,
    path::Path,
    sync::atomic::{AtomicU64, Ordering},
};

const FILE: u64 = 4096;
const PAGE: usize = 256;
const ENOUGH: u64 = 1 << 30;

/// A message of a log, with properties at its end.
fn message(offset: u64, size: usize, fill: u8) -> Vec<u8> {
    let properties = 24;
    let body = vec![fill; size - 94 - properties];
    let mut rest = Vec::new();
    rest.extend(0xdaa3_20a7_u32.to_be_bytes());
    rest.extend((crc32fast::hash(&body) & 0x7fff_ffff).to_be_bytes());
    rest.extend([0; 8]);
    rest.extend(3_u64.to_be_bytes());
    rest.extend(offset.to_be_bytes());
    rest.extend([0; 4]);
    rest.extend(1_000_u64.to_be_bytes());
    rest.extend([127, 0, 0, 1, 0, 0, 0, 1]);
    rest.extend((5_000 + offset).to_be_bytes());
    rest.extend([127, 0, 0, 1, 0, 0, 0, 1]);
    rest.extend([0; 12]);
    rest.extend((body.len() as u32).to_be_bytes());
    rest.extend(&body);
    rest.push(3);
    rest.extend(b"Top");
    rest.extend((properties as u16).to_be_bytes());
    rest.extend(vec![b'p'; properties]);
    let whole = [&(rest.len() as u32 + 4).to_be_bytes()[..], &rest].concat();
    assert_eq!(whole.len(), size);
    whole
}

/// The bytes of a log of these messages, with a filler at the end of each file.
fn log(sizes: &[usize], fill: u8) -> Vec<u8> {
    let mut bytes = Vec::new();
    for size in sizes {
        let room = FILE as usize - bytes.len() % FILE as usize;
        if size + 8 > room {
            bytes.extend((room as u32).to_be_bytes());
            bytes.extend(0xcbd4_3194_u32.to_be_bytes());
            bytes.extend(vec![0; room - 8]);
        }
        bytes.extend(message(bytes.len() as u64, *size, fill));
    }
    bytes
}

/// Writes a log's files, all of them of full length.
fn store(folder: &Path, bytes: &[u8]) -> LocalLog {
    fs::create_dir_all(folder).unwrap();
    for (index, part) in bytes.chunks(FILE as usize).enumerate() {
        let file = fs::File::create(folder.join(format!("{:020}", index as u64 * FILE))).unwrap();
        file.set_len(FILE).unwrap();
        file.write_all_at(part, 0).unwrap();
    }
    LocalLog::new(folder.to_owned(), None)
}

fn stored(folder: &Path) -> Vec<u8> {
    let mut names: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    names.sort();
    names.iter().flat_map(|path| fs::read(path).unwrap()).collect()
}

fn wait<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

/// A log that stops answering after so many questions.
struct Dying<'l>(&'l LocalLog, AtomicU64);

impl Dying<'_> {
    fn count(&self) -> Result<(), LogError> {
        let left = self.1.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        left.map(drop).map_err(|_| LogError::read(Path::new("gone"), io::Error::other("gone")))
    }
}

impl Log for Dying<'_> {
    type Error = LogError;

    async fn hashes(&self, range: Range<u64>) -> Result<Vec<Hash>, LogError> {
        self.count()?;
        self.0.hashes(range).await
    }

    async fn bytes(&self, range: Range<u64>) -> Result<Vec<u8>, LogError> {
        self.count()?;
        self.0.bytes(range).await
    }
}

async fn compare_whole(master: &LocalLog, slave: &(impl Log<Error = LogError> + Sync), end: u64) -> Comparison {
    let pair = Pair { local: master, side: Side::Master, remote: slave };
    compare(&pair, 0..end, ENOUGH).await.unwrap()
}

/// Takes back all that the slave has, as a master does before it starts; where it ended, or how they diverge.
async fn take_back<R>(master: &LocalLog, slave: &R, end: u64) -> Result<Result<(), Verdict>, LogError>
where
    R: Log<Error = LogError> + Sync,
{
    loop {
        let pair = Pair { local: master, side: Side::Master, remote: slave };
        match compare(&pair, 0..end, ENOUGH).await? {
            Comparison::Differs(Verdict::MasterLacks { from }) => {
                match fill(master, slave, from..end, FILE, |_| {}).await? {
                    Filled::To(reached) => assert!(reached > from, "nothing at {from} of {end}"),
                    Filled::Diverged { at, own, other } => {
                        return Ok(Err(Verdict::Diverged { at, master: own, slave: other }));
                    }
                }
            }
            Comparison::Differs(verdict @ Verdict::Diverged { .. }) => return Ok(Err(verdict)),
            _ => return Ok(Ok(())),
        }
    }
}

#[test]
fn a_log_ends_behind_its_last_whole_message() {
    let dir = tempfile::tempdir().unwrap();
    let bytes = log(&[200, 1500, 900, 3000, 2500], 1);
    let own = store(dir.path(), &bytes);
    let ends = |own: &LocalLog| wait(own.with(|files| files.end())).unwrap();
    assert_eq!(ends(&own), bytes.len() as u64);
    let last = fs::File::options().write(true).open(dir.path().join(format!("{:020}", 2 * FILE))).unwrap();
    last.write_all_at(&[0; 40], 60).unwrap();
    assert_eq!(ends(&own), 2 * FILE, "its last message is broken, and it is the first one of its file");
    let empty = LocalLog::new(dir.path().join("none"), None);
    assert_eq!(ends(&empty), 0);
}

#[test]
fn a_link_or_a_pipe_in_a_logs_place_is_an_error_and_is_not_waited_for() {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("secret"), vec![7; 4096]).unwrap();
    let log = dir.path().join("log");
    fs::create_dir(&log).unwrap();
    std::os::unix::fs::symlink(dir.path().join("secret"), log.join(format!("{:020}", 0))).unwrap();
    assert!(wait(LocalLog::new(log.clone(), None).bytes(0..10)).is_err());
    fs::remove_file(log.join(format!("{:020}", 0))).unwrap();
    nix_fifo(&log.join(format!("{:020}", 0)));
    let own = LocalLog::new(log, None);
    assert!(wait(own.with(|files| files.write(0, b"x", FILE))).is_err());
}

fn nix_fifo(path: &Path) {
    use rustix::fs::{CWD, FileType, Mode};
    rustix::fs::mknodat(CWD, path, FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
}

#[test]
fn a_half_message_at_the_slaves_end_is_left_out_and_named() {
    let dir = tempfile::tempdir().unwrap();
    let bytes = log(&[300, 300, 300], 1);
    let master = store(&dir.path().join("m"), &bytes[..300]);
    let slave = store(&dir.path().join("s"), &bytes[..750]);
    wait(async {
        assert_eq!(take_back(&master, &slave, 750).await.unwrap(), Ok(()));
        assert_eq!(master.with(|files| files.end()).await.unwrap(), 600);
        assert_eq!(
            compare_whole(&master, &slave, 750).await,
            Comparison::Differs(Verdict::SlaveEnds { at: 600 }),
            "the slave has 150 bytes that it has to be cut by"
        );
    });
}

#[test]
fn whole_messages_on_both_sides_that_are_not_the_same_are_never_written_over() {
    let dir = tempfile::tempdir().unwrap();
    let (ours, theirs) = (log(&[300, 300, 300], 1), log(&[300, 500, 400], 2));
    let master = store(&dir.path().join("m"), &ours);
    let theirs = [&ours[..300], &theirs[300..]].concat();
    let slave = store(&dir.path().join("s"), &theirs);
    let diverged = Verdict::Diverged { at: 300, master: 5_300, slave: 5_300 };
    assert_eq!(wait(take_back(&master, &slave, theirs.len() as u64)).unwrap(), Err(diverged));
    assert_eq!(stored(&dir.path().join("m"))[..ours.len()], ours);
}

/// A log whose hashes are not those of its bytes.
struct Lying<'l>(&'l LocalLog);

impl Log for Lying<'_> {
    type Error = LogError;

    async fn hashes(&self, range: Range<u64>) -> Result<Vec<Hash>, LogError> {
        Ok(self.0.hashes(range).await?.into_iter().map(|hash| hash.map(|byte| !byte)).collect())
    }

    async fn bytes(&self, range: Range<u64>) -> Result<Vec<u8>, LogError> {
        self.0.bytes(range).await
    }
}

#[test]
fn hashes_that_are_wrong_change_nothing_and_bytes_decide() {
    let dir = tempfile::tempdir().unwrap();
    let bytes = log(&[300, 400, 1200, 2000, 900], 1);
    let master = store(&dir.path().join("m"), &bytes);
    let slave = store(&dir.path().join("s"), &bytes);
    let before = stored(&dir.path().join("m"));
    let end = bytes.len() as u64;
    assert_eq!(wait(compare_whole(&master, &Lying(&slave), end)), Comparison::Equal);
    assert_eq!(wait(take_back(&master, &Lying(&slave), end)).unwrap(), Ok(()));
    assert_eq!(stored(&dir.path().join("m")), before);
}

/// What a power loss leaves of a log: some of its last pages were never written.
fn lose(bytes: &[u8], from: usize, lost: &[bool]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    for (page, _) in lost.iter().enumerate().filter(|(_, lost)| **lost) {
        let range = (from / PAGE + page) * PAGE..(from / PAGE + page + 1) * PAGE;
        if let Some(page) = bytes.get_mut(range.start..range.end.min(range.start.max(from) + PAGE)) {
            page.fill(0);
        }
    }
    bytes
}

#[test]
fn what_a_broker_plants_in_its_commit_log_is_not_waited_for_nor_held_in_memory() {
    let dir = tempfile::tempdir().unwrap();
    let own = store(dir.path(), &log(&[200, 300], 7));
    let first = dir.path().join(format!("{:020}", 0));
    let file = fs::File::options().write(true).open(&first).unwrap();
    // A message of 2 GiB by its head, in a file without blocks.
    file.set_len(i32::MAX as u64).unwrap();
    file.write_all_at(&i32::MAX.to_be_bytes(), 0).unwrap();
    assert_eq!(wait(own.with(|files| files.at(0))).unwrap().len(), HEADER);
    assert_eq!(wait(own.with(|files| files.end())).unwrap(), 0);
    let refused = |what: &str| {
        let error = format!("{:#}", anyhow::Error::from(wait(own.with(|files| files.end())).unwrap_err()));
        assert!(error.contains("no commit log of RocketMQ's has such a file"), "{what}: {error}");
    };
    file.set_len(1 << 40).unwrap();
    refused("longer than mappedFileSizeCommitLog can be");
    fs::remove_file(&first).unwrap();
    fs::write(dir.path().join(u64::MAX.to_string()), "0").unwrap();
    refused("it would end past the last offset");
    fs::remove_file(dir.path().join(u64::MAX.to_string())).unwrap();
    mknodat(CWD, &first, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
    assert_eq!(wait(own.with(|files| files.end())).unwrap(), 0);
    assert!(wait(own.with(|files| files.write(0, b"x", FILE))).is_err());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(60))]

    /// Whatever pages are lost, and however often it is broken off.
    #[test]
    fn a_master_takes_back_every_message_that_its_slave_has(
        sizes in proptest::collection::vec(130_usize..1800, 1..25),
        tail in 1_usize..20,
        lost in proptest::collection::vec(any::<bool>(), 1..20),
        half in 0_usize..400,
        patience in 1_u64..12,
    ) {
        let memory = Path::new("/dev/shm");
        let dir = tempfile::tempdir_in(if memory.is_dir() { memory } else { Path::new("/tmp") }).unwrap();
        let bytes = log(&sizes, 7);
        let from = bytes.len().saturating_sub(tail * PAGE);
        let mut remains = lose(&bytes, from, &lost);
        // The file that nothing was written to may never have been made.
        if remains[(remains.len() - 1) / FILE as usize * FILE as usize..].iter().all(|byte| *byte == 0) {
            remains.truncate((remains.len() - 1) / FILE as usize * FILE as usize);
        }
        let end = bytes.len() - half.min(bytes.len());
        let master = store(&dir.path().join("m"), &remains);
        let slave = store(&dir.path().join("s"), &bytes[..end]);
        if remains.is_empty() || end == 0 {
            return Ok(());
        }
        wait(async {
            let mut patience = patience;
            loop {
                let dying = Dying(&slave, AtomicU64::new(patience));
                match take_back(&master, &dying, end as u64).await {
                    Ok(done) => { assert_eq!(done, Ok(())); break; }
                    Err(_) => patience = patience * 3 / 2 + 1,
                }
                assert!(patience < 10_000, "it ends");
            }
        });
        let last = move |files: &mut Files| files.walk(files.start_of(end as u64 - 1).unwrap_or_default(), end as u64);
        let whole = wait(slave.with(last)).unwrap() as usize;
        let after = stored(&dir.path().join("m"));
        prop_assert_eq!(&after[..whole], &bytes[..whole]);
        prop_assert!(wait(master.with(|files| files.end())).unwrap() as usize >= whole);
        prop_assert_eq!(after.len() % FILE as usize, 0, "files keep their length");
        // What the slave never had and the master kept is still there.
        let kept = remains.iter().enumerate().skip(whole).all(|(at, byte)| after[at] == *byte);
        prop_assert!(kept);
    }
}
