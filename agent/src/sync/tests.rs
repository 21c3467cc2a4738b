#![allow(clippy::unwrap_used, clippy::panic)]

use super::{client::Link, driver::start_with, *};
use crate::trust::{self, Identity, Keys, Secrets};
use bytes::Bytes;
use hyper::Method;
use rocketmq_agent_domain::{
    document::{Change, Content, Document, config_hosts},
    names::HostName,
    placement::{Placement, place},
    register::{Ballot, Entry, Life, Message, Outcome, Refusal, Standing, Timing},
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
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    sync::oneshot,
};

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
        fs::write(&path, digit.to_string().repeat(64)).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        Secrets::find(&path).unwrap().unwrap()
    }

    fn keys(&self, digit: char) -> Keys {
        Keys::Secret { secrets: self.secret(digit), file: "/nonexistent".into() }
    }

    fn host(&self, host: &str, file: &str) -> Host {
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
            tokio::spawn(serve(listener, handle.clone()));
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
fn whoever_has_another_secret_or_is_not_in_the_file_is_refused_and_counted() {
    let cluster = Cluster::new();
    let file = cluster.file(1);
    let one = cluster.host("vm1", &file);
    one.holds(1);
    let longer = cluster.file(2);
    let error = one.run(cluster.link('b', "vm2", &longer, "vm1").poll(None)).unwrap_err();
    assert!(matches!(error, LinkError::Tls(_)), "{error:?}");
    let error = one.run(cluster.link('a', "vm2", &longer, "vm1").poll(None)).unwrap_err();
    assert_eq!(error.to_string(), "it refuses: vm2 is none of this cluster's hosts");
    let other = file.replace("\"c1\"", "\"c2\"");
    let error = one.run(cluster.link('a', "vm1", &other, "vm1").poll(None)).unwrap_err();
    assert!(matches!(error, LinkError::Tls(_)), "{error:?}");
    let refused = one.counts_tls(2);
    assert_eq!(refused.get("stranger"), Some(&1), "{refused:?}");
}

#[test]
fn a_certificate_that_has_run_out_and_an_older_tls_are_refused_and_counted() {
    let cluster = Cluster::new();
    let file = cluster.file(2);
    let one = cluster.host("vm1", &file);
    let (address, vm1) = (one.handle.book.address(&name("vm1")).unwrap(), one.identity("vm1"));
    let vm2 = one.identity("vm2");
    let knock = |client: Arc<rustls::ClientConfig>| {
        let (connector, server) = (tokio_rustls::TlsConnector::from(client), vm1.server_name().unwrap());
        one.run(async {
            let stream = tokio::net::TcpStream::connect(address).await.unwrap();
            // A client of TLS 1.3 has its handshake before it hears what the server thinks of it.
            let _ = connector.connect(server, stream).await;
        });
    };
    // The same secret all along: each is refused for its age alone.
    let now = std::time::SystemTime::now();
    let stale = trust::ends(&cluster.secret('a'), &vm2, now - Duration::from_secs(10 * 24 * 3600)).unwrap();
    knock(stale.client);
    one.counts_tls(1);
    let builder = rustls::ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()));
    let builder = builder.with_protocol_versions(&[&rustls::version::TLS12]).unwrap();
    knock(Arc::new(builder.with_root_certificates(rustls::RootCertStore::empty()).with_no_client_auth()));
    one.counts_tls(2);
    assert!(one.run(cluster.link('a', "vm2", &file, "vm1").state()).is_ok(), "who is well is taken");
}

#[test]
fn what_is_too_long_or_no_message_is_refused_and_counted() {
    let cluster = Cluster::new();
    let file = cluster.file(2);
    let one = cluster.host("vm1", &file);
    let mut link = cluster.link('a', "vm2", &file, "vm1");
    let mut say = |body: Vec<u8>| one.run(link.ask(Method::POST, "/register", Bytes::from(body), PATIENCE));
    let error = say(b"{}".to_vec()).unwrap_err();
    assert!(error.to_string().contains("no message of this agent's kind"), "{error}");
    let error = say(vec![b' '; LONGEST_MESSAGE + 1]).unwrap_err();
    assert!(matches!(error, LinkError::Refused(_) | LinkError::Broken(_)), "{error}");
    let refused = one.handle.book.refused();
    assert_eq!((refused.get("malformed"), refused.get("too-long")), (Some(&1), Some(&1)), "{refused:?}");
}

#[test]
fn a_message_of_an_older_ballot_is_answered_with_the_newer_one() {
    let cluster = Cluster::new();
    let file = cluster.file(2);
    let [one, two]: [Host; 2] = cluster.hosts(&file);
    let base = Some(one.holds(1));
    two.holds(1);
    let mut link = cluster.link('a', "vm2", &file, "vm1");
    let ballot = |round| Ballot { round, host: name("vm2"), life: Life(7) };
    let prepare = |round| Message::Prepare { ballot: ballot(round), base: base.clone() };
    let answers = one.run(link.tell(&prepare(1000))).unwrap();
    assert!(matches!(&answers[..], [Message::Promise { .. }]), "{answers:?}");
    let answers = one.run(link.tell(&prepare(999))).unwrap();
    let why = Refusal::Outbid(ballot(1000));
    assert_eq!(answers, [Message::Refused { ballot: ballot(999), why }]);
    // Asked again the same is answered the same: no message is safe from being lost.
    assert!(matches!(&one.run(link.tell(&prepare(1000))).unwrap()[..], [Message::Promise { .. }]));
    assert_eq!(one.handle.book.refused().get("older-ballot"), Some(&1));
}

#[test]
fn what_was_said_about_an_older_document_and_is_said_again_is_refused_and_counted() {
    let cluster = Cluster::new();
    let file = cluster.file(3);
    let [one, two, three]: [Host; 3] = cluster.hosts(&file);
    let before = [&one, &two, &three].map(|host| host.holds(1)).into_iter().next().unwrap();
    committed(one.propose(next(&before, &format!("{file}# 2\n"), "two")));
    let after = [&one, &two, &three].map(|host| host.holds(2)).into_iter().next().unwrap();
    let mut link = cluster.link('a', "vm2", &file, "vm1");
    let count = || one.handle.book.refused().get("older-document").copied().unwrap_or_default();
    let counted = count();
    let answers = one.run(link.tell(&Message::Held { entry: before.clone() })).unwrap();
    assert!(answers.is_empty() && count() > counted, "{answers:?}");
    let counted = count();
    let ballot = Ballot { round: 1000, host: name("vm2"), life: Life(7) };
    let again = Message::Accept { ballot, base: Some(before), entry: after.clone() };
    let answers = one.run(link.tell(&again)).unwrap();
    let held =
        |message: &Message| matches!(message, Message::Refused { why: Refusal::Holds(held), .. } if *held == after);
    assert!(answers.len() == 1 && held(&answers[0]), "{answers:?}");
    assert!(count() > counted);
    assert_eq!(one.holds(2), after);
}

/// Somebody on the way kept every byte of a change and sends it once more.
#[test]
fn a_connection_that_was_recorded_and_is_played_again_is_refused_and_counted() {
    let cluster = Cluster::new();
    let file = cluster.file(2);
    let [one, two]: [Host; 2] = cluster.hosts(&file);
    let base = Some(one.holds(1));
    two.holds(1);
    drop(two);
    let address = one.handle.book.address(&name("vm1")).unwrap();
    let (recorded, kept) = one.run(async {
        let listener = bind(([127, 0, 0, 1], 0).into()).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (done, kept) = oneshot::channel();
        tokio::spawn(async move {
            let (mut from, _) = listener.accept().await.unwrap();
            let mut to = tokio::net::TcpStream::connect(address).await.unwrap();
            let ((mut reads, mut writes), (mut reads_back, mut writes_on)) = (from.split(), to.split());
            let (mut bytes, mut buffer) = (Vec::new(), [0; 4096]);
            let on = async {
                while let Ok(count @ 1..) = reads.read(&mut buffer).await {
                    bytes.extend_from_slice(&buffer[..count]);
                    writes_on.write_all(&buffer[..count]).await.unwrap();
                }
            };
            let back = tokio::io::copy(&mut reads_back, &mut writes);
            tokio::select! { () = on => {}, _ = back => {} }
            let _ = done.send(bytes);
        });
        (port, kept)
    });
    let on_the_way =
        file.replacen(&format!("\"{}\"\n", address.ip()), &format!("\"127.0.0.1\"\nsync_port = {recorded}\n"), 1);
    let mut link = cluster.link('a', "vm2", &on_the_way, "vm1");
    let ballot = Ballot { round: 1000, host: name("vm2"), life: Life(7) };
    let answers = one.run(link.tell(&Message::Prepare { ballot, base })).unwrap();
    assert!(matches!(&answers[..], [Message::Promise { .. }]), "{answers:?}");
    drop(link);
    let bytes = one.run(kept).unwrap();
    let before = one.handle.book.refused().get("tls").copied().unwrap_or_default();
    one.run(async {
        let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
        stream.write_all(&bytes).await.unwrap();
        let _ = stream.read_to_end(&mut Vec::new()).await;
    });
    one.counts_tls(before + 1);
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
