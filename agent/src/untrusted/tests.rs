//! Root in folders of an account that plays tricks. The account's part is played by a thread that has given up root.

use super::*;
use crate::{accounts::Account, unprivileged};
use rustix::fs::{CWD, FileType, Mode, mknodat};
use std::{
    ffi::OsStr,
    fs,
    io::{self, ErrorKind},
    os::unix::fs::{MetadataExt, PermissionsExt, symlink},
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

const ACCOUNT: Account = Account { uid: accounts::ID, gid: accounts::ID };

/// A folder of root's that everybody may enter, with a secret, and in it a folder of the account's.
struct Host(tempfile::TempDir);

impl Host {
    /// `None` where this is not root: then there is no boundary to keep.
    fn new() -> Option<Self> {
        if !accounts::is_root() {
            return None;
        }
        let host = Self(tempfile::tempdir().unwrap());
        fs::set_permissions(host.0.path(), fs::Permissions::from_mode(0o755)).unwrap();
        fs::write(host.secret(), "root's").unwrap();
        fs::set_permissions(host.secret(), fs::Permissions::from_mode(0o600)).unwrap();
        fs::create_dir(host.path("secrets")).unwrap();
        fs::write(host.path("secrets/key"), "root's too").unwrap();
        fs::set_permissions(host.path("secrets/key"), fs::Permissions::from_mode(0o644)).unwrap();
        fs::set_permissions(host.path("secrets"), fs::Permissions::from_mode(0o700)).unwrap();
        fs::create_dir(host.path("home")).unwrap();
        std::os::unix::fs::chown(host.path("home"), Some(3000), Some(3000)).unwrap();
        Some(host)
    }

    fn path(&self, below: &str) -> PathBuf {
        self.0.path().join(below)
    }

    fn secret(&self) -> PathBuf {
        self.path("secret")
    }

    /// Does something as the account.
    fn attack<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        unprivileged::run(Some(ACCOUNT), work).unwrap()
    }

    /// That nothing of root's changed hands, mode or content.
    fn is_unharmed(&self) {
        for (path, mode, text) in [("secret", 0o600, "root's"), ("secrets/key", 0o644, "root's too")] {
            let found = fs::symlink_metadata(self.path(path)).unwrap();
            assert_eq!((found.uid(), found.mode() & 0o777), (0, mode), "{path}");
            assert_eq!(fs::read_to_string(self.path(path)).unwrap(), text, "{path}");
        }
        let found = fs::symlink_metadata(self.path("secrets")).unwrap();
        assert_eq!((found.uid(), found.mode() & 0o777), (0, 0o700));
    }
}

#[test]
fn no_link_that_the_account_made_is_followed_wherever_it_stands() {
    let Some(host) = Host::new() else { return };
    host.attack(|| {
        symlink(host.secret(), host.path("home/file")).unwrap();
        symlink(host.path("secrets"), host.path("home/folder")).unwrap();
    });
    for error in [
        file(&host.path("home/file")).map(drop).unwrap_err(),
        file(&host.path("home/folder/key")).map(drop).unwrap_err(),
        folder(&host.path("home/folder")).map(drop).unwrap_err(),
        resolve::walked(&host.path("home/folder")).map(drop).unwrap_err(),
        seal(&host.path("home/folder"), 0o755).map(drop).unwrap_err(),
    ] {
        assert!(error.to_string().contains("is a link that user id 3000 could have made"), "{error}");
    }
    host.is_unharmed();
}

#[test]
fn a_link_of_roots_is_followed_where_only_root_can_have_put_it() {
    let Some(host) = Host::new() else { return };
    symlink(host.path("secrets"), host.path("disk")).unwrap();
    assert_eq!(read(&host.path("disk/key"), 100).unwrap(), b"root's too");
    assert!(folder(&host.path("disk")).is_ok() && resolve::walked(&host.path("disk/../secrets")).is_ok());
    // The account can have moved one that lies in its own folder.
    symlink(host.path("secrets"), host.path("home/disk")).unwrap();
    assert!(folder(&host.path("home/disk")).is_err());
    assert!(resolve::walked(Path::new("/")).is_ok() && folder(Path::new(".")).is_ok());
    symlink("loop", host.path("loop")).unwrap();
    assert!(folder(&host.path("loop")).is_err());
}

#[test]
fn what_is_no_regular_file_keeps_nobody_waiting_and_is_not_read() {
    let Some(host) = Host::new() else { return };
    host.attack(|| {
        mknodat(CWD, host.path("home/fifo"), FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).unwrap();
        std::os::unix::net::UnixListener::bind(host.path("home/socket")).unwrap();
        fs::create_dir(host.path("home/folder")).unwrap();
    });
    mknodat(CWD, host.path("home/tty"), FileType::CharacterDevice, Mode::RUSR, rustix::fs::makedev(5, 0)).unwrap();
    let began = Instant::now();
    for name in ["fifo", "socket", "folder", "tty", "none"] {
        assert!(file(&host.path("home").join(name)).is_err(), "{name}");
    }
    assert!(began.elapsed() < Duration::from_secs(1));
}

#[test]
fn a_file_longer_than_the_cap_is_refused_however_little_of_it_is_there() {
    let Some(host) = Host::new() else { return };
    let path = host.path("home/sparse");
    fs::File::create(&path).unwrap().set_len(1 << 40).unwrap();
    assert_eq!(read(&path, 1000).unwrap_err().kind(), ErrorKind::FileTooLarge);
}

#[test]
fn a_second_name_of_a_root_file_in_a_folder_of_the_accounts_is_not_read() {
    let Some(host) = Host::new() else { return };
    // As on a host whose kernel lets anybody link to any file (fs.protected_hardlinks=0).
    fs::hard_link(host.secret(), host.path("home/file")).unwrap();
    assert!(file(&host.path("home/file")).unwrap_err().to_string().contains("second name"));
    take_home(folder(&host.path("home")).unwrap()).unwrap();
    host.is_unharmed();
}

#[test]
fn a_home_is_taken_over_in_place_and_a_held_lock_stays_the_lock() {
    let Some(host) = Host::new() else { return };
    let home = host.path("home");
    let lock = host.attack(|| {
        fs::write(home.join("supervisor.lock"), "").unwrap();
        fs::create_dir_all(home.join("conf/more")).unwrap();
        fs::create_dir_all(home.join("store/config")).unwrap();
        fs::write(home.join("conf/broker.conf"), "a=1").unwrap();
        fs::set_permissions(home.join("conf/broker.conf"), fs::Permissions::from_mode(0o600)).unwrap();
        fs::write(home.join("store-owner.json"), "{}").unwrap();
        symlink(host.secret(), home.join("console.log")).unwrap();
        symlink(host.secret(), home.join("conf/more/link")).unwrap();
        symlink(host.path("secrets"), home.join("config-copies")).unwrap();
        mknodat(CWD, home.join("conf/fifo"), FileType::Fifo, Mode::RUSR, 0).unwrap();
        let lock = fs::File::open(home.join("supervisor.lock")).unwrap();
        lock.lock().unwrap();
        lock
    });
    let before = fs::metadata(&home).unwrap().ino();
    let open = folder(&home).unwrap();
    assert!(!is_sealed(&open).unwrap() && !owned_by_root(&open).unwrap());
    let open = seal(&home, 0o755).unwrap();
    take_home(&open).unwrap();
    assert!(is_sealed(&open).unwrap() && owned_by_root(&open).unwrap());
    assert_eq!(fs::metadata(&home).unwrap().ino(), before);
    let found = fs::metadata(home.join("supervisor.lock")).unwrap();
    assert_eq!((found.uid(), found.ino()), (0, lock.metadata().unwrap().ino()));
    assert!(fs::File::open(home.join("supervisor.lock")).unwrap().try_lock().is_err());
    for gone in ["console.log", "conf/more/link", "conf/fifo", "config-copies"] {
        assert!(fs::symlink_metadata(home.join(gone)).is_err(), "{gone}");
    }
    assert_eq!(fs::metadata(home.join("store/config")).unwrap().uid(), 3000, "what the JVM writes stays its own");
    let readable = host
        .attack(|| (fs::read_to_string(home.join("conf/broker.conf")), fs::File::open(home.join("supervisor.lock"))));
    assert!(readable.0.unwrap() == "a=1" && readable.1.is_ok());
    let denied = host.attack(|| {
        [
            fs::write(home.join("conf/broker.conf"), "").unwrap_err(),
            fs::rename(home.join("conf"), home.join("store/conf")).unwrap_err(),
            symlink("/", home.join("console.log")).unwrap_err(),
            fs::remove_file(home.join("supervisor.lock")).unwrap_err(),
        ]
    });
    assert!(denied.iter().all(|error| error.kind() == ErrorKind::PermissionDenied), "{denied:?}");
    host.is_unharmed();
}

#[test]
fn a_tree_is_deleted_however_deep_and_nothing_beside_it() {
    let Some(host) = Host::new() else { return };
    let deep = host.path("home/store");
    host.attack(|| {
        fs::create_dir(&deep).unwrap();
        symlink(host.path("secrets"), deep.join("link")).unwrap();
        let mut at = rustix::fs::openat(CWD, &deep, rustix::fs::OFlags::PATH, Mode::empty()).unwrap();
        for _ in 0..9_000 {
            rustix::fs::mkdirat(&at, "d", Mode::RWXU).unwrap();
            at = rustix::fs::openat(&at, "d", rustix::fs::OFlags::PATH, Mode::empty()).unwrap();
        }
    });
    let open = folder(&deep).unwrap();
    let walked = walk(&open, Budget::of(Duration::from_secs(60)), |_| Ok(()));
    assert!(walked.unwrap_err().to_string().contains("nested deeper"));
    delete_below(&open).unwrap();
    assert_eq!(fs::read_dir(&deep).unwrap().count(), 0);
    delete(folder(&host.path("home")).unwrap(), OsStr::new("store")).unwrap();
    assert!(!deep.exists());
    host.is_unharmed();
}

/// The account goes on to put links in the place of folders and files while root works there.
#[test]
fn root_harms_nothing_of_its_own_while_names_change_under_its_hands() {
    let Some(host) = Host::new() else { return };
    let (home, over) = (host.path("home"), AtomicBool::new(false));
    host.attack(|| {
        fs::create_dir_all(home.join("a/b")).unwrap();
        fs::write(home.join("a/b/file"), "mine").unwrap();
        symlink(host.path("secrets"), home.join("link")).unwrap();
    });
    thread::scope(|scope| {
        scope.spawn(|| {
            host.attack(|| {
                let names = ["a", "link"].map(|name| home.join(name));
                while !over.load(Ordering::Relaxed) {
                    let flags = rustix::fs::RenameFlags::EXCHANGE;
                    let _ = rustix::fs::renameat_with(CWD, &names[0], CWD, &names[1], flags);
                }
            });
        });
        let began = Instant::now();
        while began.elapsed() < Duration::from_secs(2) {
            let budget = || Budget::of(Duration::from_secs(5));
            let _ = crate::owners::give(&home, ACCOUNT);
            let _ = folder(&home.join("a/b")).and_then(|open| walk(open, budget(), |_| Ok(())));
            if let Ok(found) = read(&home.join("a/key"), 100) {
                panic_over(&over, &found);
            }
            let _: io::Result<()> = folder(&home).and_then(|open| delete(&open, OsStr::new("none")));
            let _ = crate::files::make_directory(&home.join("a/new"), 0o755, Some(ACCOUNT));
            let _ = crate::files::write_file(&home.join("a/text"), b"text", 0o644, Some(ACCOUNT));
        }
        over.store(true, Ordering::Relaxed);
    });
    assert!(!host.path("secrets/new").exists() && !host.path("secrets/text").exists());
    host.is_unharmed();
}

/// The other thread must end before this one fails.
#[allow(clippy::panic)]
fn panic_over(over: &AtomicBool, found: &[u8]) {
    over.store(true, Ordering::Relaxed);
    panic!("a link of the account's was followed: {found:?}");
}

/// Each of these was a way to root or to a silent agent, in what calls this module.
#[test]
fn what_a_broker_writes_is_read_copied_and_put_back_without_roots_rights() {
    let Some(host) = Host::new() else { return };
    let store = host.path("home/store");
    let launch = host.attack(|| {
        fs::create_dir_all(store.join("config")).unwrap();
        symlink(host.secret(), store.join("config/topics.json")).unwrap();
        symlink(host.secret(), store.join("config/topics.json.bak")).unwrap();
        mknodat(CWD, store.join("config/consumerOffset.json"), FileType::Fifo, Mode::RUSR, 0).unwrap();
        symlink(host.secret(), host.path("home/logs.log")).unwrap();
        crate::copies::launch_for_tests(&host.path("home"))
    });
    seal(&host.path("home"), 0o755).unwrap();
    fs::create_dir(host.path("home/config-copies")).unwrap();
    fs::write(host.path("home/config-copies/topics.json.1000"), r#"{"topicConfigTable":{"T":{}}}"#).unwrap();
    let began = Instant::now();
    let torn = crate::copies::torn(&launch, Some(ACCOUNT)).unwrap();
    assert_eq!(torn.iter().filter(|it| it.copy.is_some()).count(), 1);
    for it in &torn {
        crate::copies::put_back(it, Some(ACCOUNT)).unwrap();
    }
    assert!(began.elapsed() < Duration::from_secs(2));
    assert!(fs::symlink_metadata(store.join("config/topics.json.torn")).unwrap().is_symlink(), "put aside unread");
    let back = fs::symlink_metadata(store.join("config/topics.json")).unwrap();
    assert!(back.is_file() && back.uid() == 3000);
    host.is_unharmed();
}
