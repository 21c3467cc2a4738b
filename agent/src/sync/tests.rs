#![allow(clippy::unwrap_used, clippy::panic)]

mod refusals;
mod reports;

use super::{
    client::Link,
    driver::start_with,
    server::{Shown, bind, serve},
    *,
};
use crate::trust::{self, Identity, Keys, Secrets};
use rocketmq_agent_domain::{
    document::{Change, Content, Document, config_hosts},
    names::HostName,
    placement::{Placement, place},
    register::{Entry, Message, Outcome, Standing, Timing},
    topology,
};
use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
    },
    time::Instant,
};
use tempfile::TempDir;
use tokio::{sync::oneshot, time::timeout};

const PATIENCE: Duration = Duration::from_secs(60);
const QUICK: Timing = Timing { round: 10, patience: 25, settle: 25 };

/// Hosts on addresses of `lo` of their own.
struct Cluster {
    folder: TempDir,
    net: u32,
}

/// A host's config sync, in a runtime and thread of its own: dropped, it is as dead as a host without power.
struct Host {
    runtime: tokio::runtime::Handle,
    /// Dropped, it ends the runtime.
    _life: oneshot::Sender<()>,
    handle: Handle,
}

fn name(name: &str) -> HostName {
    name.parse().unwrap()
}

fn first(text: &str) -> Document {
    let topology = topology::read(text).unwrap();
    let placement = place(&topology, None).unwrap();
    let config_hosts = config_hosts(&topology);
    Document::first(Content { text: text.to_owned(), placement, config_hosts, paused: None, trial: None }).unwrap()
}

fn next(held: &Entry, text: &str, message: &str) -> Document {
    let change = Change { author: "ann".to_owned(), host: name("vm1"), time: 1, message: message.to_owned() };
    let config_hosts = config_hosts(&topology::read(text).unwrap());
    let placement = Placement::clone(held.document().placement());
    held.document()
        .next(Content { text: text.to_owned(), placement, config_hosts, paused: None, trial: None }, change)
        .unwrap()
}

impl Cluster {
    fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let net = std::process::id() % 250 * 64 + NUMBER.fetch_add(1, Ordering::Relaxed) % 64;
        Self { folder: tempfile::tempdir().unwrap(), net }
    }

    fn file(&self, hosts: usize) -> String {
        let (a, b) = (64 + self.net / 250 % 64, self.net % 250);
        let host = |n: usize| format!("[[host]]\nname = \"vm{n}\"\naddress = \"127.{a}.{b}.{n}\"\n");
        let hosts: String = (1..=hosts).map(host).collect();
        format!("[cluster]\nname = \"c1\"\nmode = \"multi-master\"\n[rocketmq]\nversion = \"5.5.0\"\n{hosts}")
    }

    fn secret(&self, digit: char) -> Secrets {
        let path = self.folder.path().join(format!("secret-{digit}"));
        fs::write(&path, trust::test_secret(digit)).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        Secrets::find(&path).unwrap().unwrap()
    }

    fn keys(&self, digit: char) -> Keys {
        Keys::Secret { secrets: self.secret(digit), file: self.folder.path().join(format!("secret-{digit}")) }
    }

    fn host(&self, host: &str, file: &str) -> Host {
        self.host_that_shows(host, file, Shown::default())
    }

    fn host_that_shows(&self, host: &str, file: &str, shown: Shown) -> Host {
        let topology = topology::read(file).unwrap();
        let book = AddressBook::new(name(host), &topology, self.keys('a')).unwrap();
        let state_dir = self.folder.path().join(host);
        fs::create_dir_all(&state_dir).unwrap();
        let owned = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let runtime = owned.handle().clone();
        let (life, ended) = oneshot::channel::<()>();
        std::thread::spawn(move || {
            let _ = owned.block_on(ended);
            owned.shutdown_background();
        });
        let address = book.address(&name(host)).unwrap();
        let handle = runtime.block_on(async {
            let handle = start_with(&state_dir, Arc::new(book), Some(first(file)), QUICK).unwrap();
            // A host that was just dropped may not have let go of the port.
            let listener = loop {
                match bind(address).await {
                    Ok(listener) => break listener,
                    Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
                }
            };
            tokio::spawn(serve(listener, handle.clone(), shown));
            handle
        });
        Host { runtime, _life: life, handle }
    }

    fn hosts<const N: usize>(&self, file: &str) -> [Host; N] {
        std::array::from_fn(|index| self.host(&format!("vm{}", index + 1), file))
    }

    /// Who says something with this secret, as that host.
    fn link(&self, digit: char, from: &str, file: &str, to: &str) -> Link {
        let book = AddressBook::new(name(from), &topology::read(file).unwrap(), self.keys(digit));
        Link::new(name(to), Arc::new(book.unwrap()))
    }
}

impl Host {
    fn run<T>(&self, future: impl Future<Output = T>) -> T {
        self.runtime.block_on(future)
    }

    fn identity(&self, host: &str) -> Identity {
        Identity { host: name(host), cluster: self.handle.book.cluster().clone() }
    }

    /// A client may hear of its refusal before it is counted.
    fn counts_tls(&self, count: u64) -> BTreeMap<&'static str, u64> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let refused = self.handle.book.refused();
            if refused.get("tls") == Some(&count) {
                return refused;
            }
            assert!(Instant::now() < deadline, "{count} by TLS are not counted: {refused:?}");
            self.run(async { tokio::time::sleep(Duration::from_millis(10)).await });
        }
    }

    fn until<T>(&self, what: &str, ask: impl Fn(&View) -> Option<T>) -> T {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let view = Arc::clone(&self.handle.view.borrow());
            if let Some(answer) = ask(&view) {
                return answer;
            }
            assert!(Instant::now() < deadline, "waited in vain: {what}: {view:#?} {:?}", self.handle.book.trouble());
            std::thread::park_timeout(Duration::from_millis(20));
        }
    }

    fn holds(&self, generation: u64) -> Entry {
        let is_it = |held: &Entry| held.document().generation() == generation;
        self.until(&format!("generation {generation}"), |view| view.held.clone().filter(is_it))
    }

    fn propose(&self, document: Document) -> Ended {
        self.run(self.handle.propose(document))
    }
}

#[track_caller]
fn committed(ended: Ended) {
    assert!(matches!(ended, Ended::Decided(Outcome::Committed { .. })), "{ended:?}");
}

#[test]
fn hosts_with_equal_files_agree_and_a_change_on_one_reaches_all() {
    let cluster = Cluster::new();
    let file = cluster.file(4);
    let hosts: [Host; 4] = cluster.hosts(&file);
    for host in &hosts {
        assert_eq!(host.holds(1).document(), &first(&file));
    }
    let changed = format!("# why not\n{file}");
    // The fourth has no vote and may ask for a change all the same.
    committed(hosts[3].propose(next(&hosts[3].holds(1), &changed, "a remark")));
    for host in &hosts {
        assert_eq!(host.holds(2).document().text(), changed);
    }
    assert_eq!(hosts[3].handle.view.borrow().standing, Standing::Follows);
    assert_eq!(hosts[0].handle.history().unwrap().len(), 2);
}

#[test]
fn hosts_with_different_files_say_which_lines_differ_and_agree_when_they_are_the_same() {
    let cluster = Cluster::new();
    let file = cluster.file(2);
    let other = file.replace("5.5.0", "5.3.1");
    let (one, two) = (cluster.host("vm1", &file), cluster.host("vm2", &other));
    for host in [&one, &two] {
        host.until("the lines", |view| {
            let text = view.remarks.join("\n");
            (text.contains("vm1:5: version = \"5.5.0\"") && text.contains("vm2:5: version = \"5.3.1\"")).then_some(())
        });
        assert_eq!(host.handle.view.borrow().held, None);
    }
    two.run(two.handle.offer(Some(first(&file))));
    assert_eq!(one.holds(1), two.holds(1));
}

#[test]
fn a_host_that_was_down_catches_up_and_a_restart_forgets_nothing() {
    let cluster = Cluster::new();
    let file = cluster.file(3);
    let [one, two, three]: [Host; 3] = cluster.hosts(&file);
    let entry = [&one, &two, &three].map(|host| host.holds(1)).into_iter().next().unwrap();
    drop(three);
    committed(one.propose(next(&entry, &format!("{file}# 2\n"), "two")));
    let second = two.holds(2);
    committed(two.propose(next(&second, &format!("{file}# 3\n"), "three")));
    let three = cluster.host("vm3", &file);
    assert_eq!(three.holds(3), one.holds(3));
    drop((one, two));
    // Alone, and from its own disk.
    drop(three);
    let three = cluster.host("vm3", &file);
    assert_eq!(three.holds(3).document().text(), format!("{file}# 3\n"));
    assert_eq!(three.handle.view.borrow().standing, Standing::Votes);
}

#[test]
fn without_a_majority_nothing_changes_and_what_is_held_stays() {
    let cluster = Cluster::new();
    let file = cluster.file(2);
    let [one, two]: [Host; 2] = cluster.hosts(&file);
    let entry = one.holds(1);
    two.holds(1);
    drop(two);
    let ended = one.propose(next(&entry, &format!("{file}# 2\n"), "alone"));
    assert!(
        matches!(&ended, Ended::Decided(Outcome::NoMajority { silent, .. }) if silent.contains(&name("vm2"))),
        "{ended:?}"
    );
    assert_eq!(one.holds(1), entry);
    assert!(one.handle.book.trouble().contains_key(&name("vm2")));
    let two = cluster.host("vm2", &file);
    // After failures the other host is tried more and more seldom.
    let deadline = Instant::now() + PATIENCE;
    while let ended @ Ended::Decided(Outcome::NoMajority { .. }) =
        one.propose(next(&entry, &format!("{file}# 2\n"), "together"))
    {
        assert!(Instant::now() < deadline, "{ended:?}");
    }
    two.holds(2);
}

/// Nearly everybody has it from the first by then.
#[test]
fn who_decided_on_a_document_tells_it_at_once_and_who_learned_of_it_when_asked_again() {
    let cluster = Cluster::new();
    let file = cluster.file(3).replace("[rocketmq]", "[sync]\nhosts = [\"vm1\"]\n[rocketmq]");
    let [one, two]: [Host; 2] = cluster.hosts(&file);
    let before = one.holds(1);
    two.holds(1);
    let (mut from_one, mut from_two) = (cluster.link('a', "vm3", &file, "vm1"), cluster.link('a', "vm3", &file, "vm2"));
    let held = Some(before.mark());
    let (first, second) = one.run(async {
        let change = next(&before, &format!("{file}# 2\n"), "two");
        let (ended, first, second) = tokio::join!(one.handle.propose(change), from_one.poll(held), from_two.poll(held));
        committed(ended);
        (first.unwrap(), second.unwrap())
    });
    let is_second = |message| matches!(message, Some(Message::Held { entry }) if entry == two.holds(2));
    assert!(is_second(first) && second.is_none(), "{second:?}");
    assert!(is_second(two.run(from_two.poll(held)).unwrap()));
    // Who holds nothing need not ask twice.
    assert!(is_second(two.run(cluster.link('a', "vm3", &file, "vm2").poll(None)).unwrap()));
}

#[test]
fn connections_of_others_end_when_the_secret_is_replaced() {
    let cluster = Cluster::new();
    let file = cluster.file(2);
    let [one, _two]: [Host; 2] = cluster.hosts(&file);
    let held = Some(one.holds(1).mark());
    let mut link = cluster.link('a', "vm2", &file, "vm1");
    let answer = one.run(async {
        link.state().await.unwrap();
        fs::write(cluster.folder.path().join("secret-a"), trust::test_secret('b')).unwrap();
        tokio::join!(timeout(PATIENCE, link.poll(held)), async { one.handle.book.reread() }).0
    });
    assert!(matches!(answer, Ok(Err(_))), "{answer:?}");
}

#[test]
fn of_two_operators_at_once_one_wins_and_the_other_is_told() {
    let cluster = Cluster::new();
    let file = cluster.file(3);
    let [one, two, three]: [Host; 3] = cluster.hosts(&file);
    let entry = [&one, &two, &three].map(|host| host.holds(1)).into_iter().next().unwrap();
    let documents = ["# ann\n", "# bob\n"].map(|line| next(&entry, &format!("{file}{line}"), line));
    let (ann, bob) = std::thread::scope(|scope| {
        let ann = scope.spawn(|| one.propose(documents[0].clone()));
        let bob = scope.spawn(|| two.propose(documents[1].clone()));
        (ann.join().unwrap(), bob.join().unwrap())
    });
    let won = |ended: &Ended| matches!(ended, Ended::Decided(Outcome::Committed { .. }));
    assert!(won(&ann) != won(&bob), "{ann:?} {bob:?}");
    let winner = if won(&ann) { &documents[0] } else { &documents[1] };
    for host in [&one, &two, &three] {
        assert_eq!(host.holds(2).document(), winner);
    }
}

#[test]
fn a_disk_that_fails_stops_config_sync_until_it_is_well_again() {
    let cluster = Cluster::new();
    let file = cluster.file(2);
    let [one, two]: [Host; 2] = cluster.hosts(&file);
    let entry = one.holds(1);
    two.holds(1);
    let ledger = cluster.folder.path().join("vm1/ledger");
    let aside = Path::new(&ledger).with_extension("gone");
    fs::rename(&ledger, &aside).unwrap();
    fs::write(&ledger, "in the way").unwrap();
    let ended = one.propose(next(&entry, &format!("{file}# 2\n"), "no disk"));
    assert!(matches!(ended, Ended::Disk(_)), "{ended:?}");
    one.until("it says so", |view| view.broken.clone());
    assert_eq!(one.handle.view.borrow().held, Some(entry.clone()));
    fs::remove_file(&ledger).unwrap();
    fs::rename(&aside, &ledger).unwrap();
    one.until("it is well", |view| view.broken.is_none().then_some(()));
    committed(one.propose(next(&entry, &format!("{file}# 2\n"), "again")));
    two.holds(2);
}
