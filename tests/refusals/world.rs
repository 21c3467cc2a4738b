//! A host to try the program on: a folder with a good cluster file, a release and a Java that nobody may run, and the
//! program with what it said.

use super::agent::Agent;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    io::Write,
    net::TcpListener,
    os::unix::{
        fs::{MetadataExt, PermissionsExt, chown},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};
use tempfile::TempDir;

/// For what takes a moment, or one tick of the agent's loop, on an idle machine.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// An account without rights.
const NOBODY: u32 = 65534;

/// Asks until there is an answer.
pub fn until<T>(what: &str, mut ask: impl FnMut() -> Option<T>) -> T {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ask() {
            return answer;
        }
        assert!(Instant::now() < deadline, "waited in vain: {what}");
        std::thread::park_timeout(Duration::from_millis(20));
    }
}

/// What a finished program left.
#[derive(Debug)]
pub struct Said {
    pub status: Option<i32>,
    pub out: String,
    pub err: String,
}

impl Said {
    /// The status, and all of these words on stderr.
    #[track_caller]
    pub fn refuses(&self, status: i32, words: &[&str]) {
        for word in words {
            assert!(self.err.contains(word), "no {word:?} in {self:#?}");
        }
        assert_eq!(self.status, Some(status), "{self:#?}");
        assert_eq!(self.out, "", "a refusal belongs on stderr");
    }
}

/// Every path below some folders, with mode and content.
pub type Listing = BTreeMap<PathBuf, (u32, Option<Vec<u8>>)>;

pub struct World {
    folder: TempDir,
    binary: PathBuf,
    addresses: [String; 2],
    as_nobody: bool,
}

impl World {
    /// `vm1` runs broker-a, `vm2` the NameServer and broker-b: on `vm1` nothing waits for anything but its own host.
    pub fn new() -> Self {
        let world = Self {
            folder: tempfile::tempdir().unwrap(),
            binary: env!("CARGO_BIN_EXE_rocketmq-agent").into(),
            addresses: addresses(),
            as_nobody: false,
        };
        fs::set_permissions(world.path(""), fs::Permissions::from_mode(0o755)).unwrap();
        let dir = world.path("").display().to_string();
        let dir = dir.trim_end_matches('/');
        world.java("jdk", "17.0.15");
        let release = [("lib/rocketmq-broker-5.5.0.jar", "broker"), ("lib/rocketmq-namesrv-5.5.0.jar", "namesrv")];
        world.write("release.zip", &zip_of(&release));
        let [one, two] = &world.addresses;
        let cluster = format!(
            "[cluster]\nmode = \"multi-master\"\nbase_dir = \"{dir}/base\"\n\n\
             [rocketmq]\nversion = \"5.5.0\"\nsource = \"{dir}/release.zip\"\njava_home = \"{dir}/jdk\"\n\n\
             [namesrv]\nhosts = [\"vm2\"]\nheap = \"128M\"\n\n[broker]\nheap = \"256M\"\n\n\
             [[host]]\nname = \"vm1\"\naddress = \"{one}\"\n\n[[host]]\nname = \"vm2\"\naddress = \"{two}\"\n"
        );
        world.write("cluster.toml", cluster.as_bytes());
        let settings = format!(
            "host = \"vm1\"\ncluster_file = \"{dir}/cluster.toml\"\nstate_dir = \"{dir}/state\"\nsupervisor = \"embedded\"\n\
             listen = \"127.0.0.1:0\"\ncontrol_socket = \"{dir}/control.sock\"\n[embedded]\nrun_as = \"self\"\n"
        );
        world.write("agent.toml", settings.as_bytes());
        world
    }

    /// The same for a program without root's rights, whoever runs the tests.
    pub fn of_nobody() -> Self {
        let world = Self::new();
        if !is_root() {
            return world;
        }
        let mut binary = world.binary.clone();
        if Command::new(&binary).arg("--version").uid(NOBODY).gid(NOBODY).output().is_err() {
            // Below a folder that is root's alone. Copied by another process: a program that this one has open for
            // writing while it forks elsewhere cannot be run (ETXTBSY).
            binary = world.path("rocketmq-agent");
            assert!(Command::new("cp").arg(&world.binary).arg(&binary).status().unwrap().success());
        }
        Self { binary, as_nobody: true, ..world }
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub fn write(&self, name: &str, content: &[u8]) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, content).unwrap();
        path
    }

    /// A folder that the program may write to.
    pub fn own_folder(&self, name: &str) {
        fs::create_dir_all(self.path(name)).unwrap();
        if self.as_nobody {
            chown(self.path(name), Some(NOBODY), Some(NOBODY)).unwrap();
        }
    }

    /// Changes a file of this world.
    #[track_caller]
    pub fn edit(&self, name: &str, from: &str, to: &str) {
        let text = fs::read_to_string(self.path(name)).unwrap();
        assert!(text.contains(from), "{from:?} is not in {text}");
        // As an editor does it: never half a file.
        self.write("edited", text.replacen(from, to, 1).as_bytes());
        fs::rename(self.path("edited"), self.path(name)).unwrap();
    }

    /// Gives both hosts addresses that this machine does not have.
    pub fn move_hosts_elsewhere(&self) {
        for (index, here) in self.addresses.iter().enumerate() {
            self.edit("cluster.toml", &format!("\"{here}\""), &format!("\"10.255.255.{}\"", index + 1));
        }
    }

    /// A Java home of that release, whose program says that it was run.
    pub fn java(&self, name: &str, version: &str) {
        self.write(&format!("{name}/release"), format!("JAVA_VERSION=\"{version}\"\n").as_bytes());
        let ran = self.path("java-ran");
        let program =
            self.write(&format!("{name}/bin/java"), format!("#!/bin/sh\ntouch {}\n", ran.display()).as_bytes());
        fs::set_permissions(program, fs::Permissions::from_mode(0o755)).unwrap();
    }

    #[track_caller]
    pub fn no_java_ran(&self) {
        assert!(!self.path("java-ran").exists(), "a JVM was started");
    }

    /// What the agent keeps: its state, and what is below base_dir. Its locks, and the folders that are made for them, are
    /// not counted: they are taken to find out whether there is another agent.
    pub fn listing(&self) -> Listing {
        let mut listing = Listing::new();
        list(&self.path("base"), &mut listing);
        list(&self.path("state"), &mut listing);
        listing.retain(|path, _| path.file_name() != Some("agent.lock".as_ref()));
        for made_for_a_lock in ["base", "state", "state/run"] {
            if self.path(made_for_a_lock).is_dir() {
                listing.remove(&self.path(made_for_a_lock));
            }
        }
        listing
    }

    /// Nothing that the agent keeps was made, changed or removed.
    #[track_caller]
    pub fn is_as_before(&self, before: &Listing) {
        let now = self.listing();
        let paths = before.keys().chain(now.keys());
        let differing: BTreeSet<_> = paths.filter(|path| before.get(*path) != now.get(*path)).collect();
        assert!(differing.is_empty(), "{differing:#?}");
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.binary);
        if self.as_nobody {
            // The groups are dropped with it: std does so for a root that becomes another.
            command.uid(NOBODY).gid(NOBODY);
        }
        for variable in ["ROCKETMQ_AGENT_CONFIG", "ROCKETMQ_AGENT_LOG", "JOURNAL_STREAM", "COLUMNS", "NOTIFY_SOCKET"] {
            command.env_remove(variable);
        }
        command.current_dir("/").env("ROCKETMQ_AGENT_CONFIG", self.path("agent.toml")).args(arguments);
        command
    }

    /// Runs the program to its end.
    pub fn run(&self, arguments: &[&str]) -> Said {
        let out = self.path(&format!("out-{}", NUMBER.fetch_add(1, Ordering::Relaxed)));
        let said = self.run_into(File::create(&out).unwrap(), arguments);
        Said { out: fs::read_to_string(out).unwrap(), ..said }
    }

    /// Runs the program with a stdout that nobody reads any more.
    pub fn run_unread(&self, arguments: &[&str]) -> Said {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        self.run_into(writer, arguments)
    }

    fn run_into(&self, out: impl Into<Stdio>, arguments: &[&str]) -> Said {
        let err = self.path(&format!("err-{}", NUMBER.fetch_add(1, Ordering::Relaxed)));
        let mut command = self.command(arguments);
        let mut child = command.stdout(out).stderr(File::create(&err).unwrap()).spawn().unwrap();
        let status = ended(&mut child, &err);
        Said { status, out: String::new(), err: fs::read_to_string(err).unwrap() }
    }

    /// `run` as it must not go: it ends by itself and has changed nothing.
    #[track_caller]
    pub fn run_is_refused(&self, status: i32, words: &[&str]) {
        let before = self.listing();
        self.run(&["run"]).refuses(status, words);
        self.is_as_before(&before);
        self.no_java_ran();
    }

    /// Runs the agent until it serves HTTP.
    #[track_caller]
    pub fn agent(&self) -> Agent {
        self.agent_with(&[])
    }

    /// The same with variables in its environment.
    #[track_caller]
    pub fn agent_with(&self, variables: &[(&str, &str)]) -> Agent {
        let log = self.path(&format!("agent-{}.log", NUMBER.fetch_add(1, Ordering::Relaxed)));
        let mut command = self.command(&["run"]);
        command.envs(variables.iter().copied());
        let child =
            command.stdout(File::create(&log).unwrap()).stderr(File::options().append(true).open(&log).unwrap());
        Agent::begins(child.spawn().unwrap(), log)
    }
}

static NUMBER: AtomicU32 = AtomicU32::new(0);

pub fn is_root() -> bool {
    fs::metadata("/proc/self").unwrap().uid() == 0
}

/// A port that is free now, from below the range that the kernel takes for connections (Linux: from 32768 on).
pub fn free_port() -> u16 {
    until("a free port", || {
        let port = 20_000 + (std::process::id() * 16 + NUMBER.fetch_add(1, Ordering::Relaxed)) % 10_000;
        TcpListener::bind(("0.0.0.0", port as u16)).ok().map(|_| port as u16)
    })
}

/// Two addresses of `lo` that no other test of this machine is likely to have.
fn addresses() -> [String; 2] {
    let number = NUMBER.fetch_add(2, Ordering::Relaxed) % 250;
    let process = std::process::id();
    [number, number + 1].map(|n| format!("127.{}.{}.{}", 1 + process / 256 % 250, process % 256, 1 + n))
}

fn list(path: &Path, listing: &mut Listing) {
    let Ok(found) = fs::symlink_metadata(path) else { return };
    let content = found.is_file().then(|| fs::read(path).unwrap());
    listing.insert(path.to_owned(), (found.mode(), content));
    for entry in fs::read_dir(path).into_iter().flatten() {
        list(&entry.unwrap().path(), listing);
    }
}

/// A zip with these entries below one folder, as RocketMQ's own are.
pub fn zip_of(entries: &[(&str, &str)]) -> Vec<u8> {
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for (name, text) in entries {
        zip.start_file(format!("rocketmq/{name}"), zip::write::SimpleFileOptions::default()).unwrap();
        zip.write_all(text.as_bytes()).unwrap();
    }
    zip.finish().unwrap().into_inner()
}

/// The exit status, for which it waits.
pub fn ended(child: &mut Child, log: &Path) -> Option<i32> {
    let deadline = Instant::now() + PATIENCE;
    loop {
        if let Some(status) = child.try_wait().unwrap() {
            return status.code();
        }
        if Instant::now() > deadline {
            child.kill().unwrap();
            child.wait().unwrap();
            panic!("it did not end: {}", fs::read_to_string(log).unwrap_or_default());
        }
        std::thread::park_timeout(Duration::from_millis(5));
    }
}
