//! What is fuzzed: for each target its seeds, and what takes an input.

use crate::served;
use bytes::BytesMut;
use rocketmq_agent::{
    ledger::{GENERATIONS, Ledger},
    remoting::FrameCodec,
};
use rocketmq_agent_domain::{
    desired::{HostFacts, Java, desired, properties},
    document::{Content, Document, config_hosts},
    explain, finding,
    health::{recovery, report::ClusterReport},
    meaning::Language,
    names::HostName,
    placement::place,
    register::{Effect, Message, Register, Timing},
    size::Size,
    topology,
};
use std::{fs, path::PathBuf};
use tokio_util::codec::Decoder;

/// Takes one input after the other.
pub type Take = Box<dyn FnMut(&[u8])>;

pub struct Target {
    pub name: &'static str,
    pub seeds: fn() -> Vec<Vec<u8>>,
    pub start: fn() -> Take,
    /// It does what none may do, so that it is known to be seen.
    pub must_end: bool,
}

pub fn all() -> Vec<Target> {
    let target = |name, seeds, start| Target { name, seeds, start, must_end: false };
    vec![
        target("cluster-file", cluster_files, || Box::new(cluster_file)),
        target("properties", served::property_files, || Box::new(properties_file)),
        target("frames", served::frames, || Box::new(frame)),
        target("typed-bodies", served::bodies, served::typed_bodies),
        target("documents", documents, || Box::new(document)),
        target("messages", messages, || register()),
        target("ledger", ledger_files, || ledger()),
        target("archives", served::archives, served::unpacking),
        target("agent-check", served::questions, served::agent_check),
        target("reports", || vec![REPORT.as_bytes().to_vec()], || Box::new(report)),
    ]
}

/// Targets that panic, use up the stack, and ask for more memory than an input can be worth.
pub fn that_must_end() -> Vec<Target> {
    fn deep(depth: u64) -> u64 {
        let here = std::hint::black_box([depth; 64]);
        if depth == u64::MAX { 0 } else { deep(depth + 1) + here[63] }
    }
    let target = |name, start| Target { name, seeds: || vec![b"1".to_vec()], start, must_end: true };
    vec![
        target("must-end-panic", || Box::new(|input| assert!(input.is_empty()))),
        target("must-end-stack", || Box::new(|_| assert!(std::hint::black_box(deep(0)) > 0))),
        target("must-end-memory", || Box::new(|_| drop(std::hint::black_box(vec![1_u8; 512 << 20])))),
    ]
}

pub const REPORT: &str = include_str!("../fixtures/status/cluster.json");

/// All files of a folder of this repository whose names end so.
pub fn files(folder: &str, ending: &str) -> Vec<Vec<u8>> {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(folder);
    let mut paths: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    paths.retain(|path| path.to_str().unwrap().ends_with(ending));
    paths.sort();
    paths.iter().map(|path| fs::read(path).unwrap()).collect()
}

fn cluster_files() -> Vec<Vec<u8>> {
    ["tests/fixtures/rejected", "conf", "conf/examples"].iter().flat_map(|folder| files(folder, ".toml")).collect()
}

fn cluster_file(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    match topology::read(&text) {
        Ok(topology) => {
            let Ok(placement) = place(&topology, None) else { return };
            let java = Java { program: "/usr/bin/java".into(), release: 17 };
            let facts = HostFacts { memory: Size::mib(8192), java };
            for host in topology.hosts.iter().take(4) {
                let _ = desired(&topology, &placement, &host.name, &facts);
            }
        }
        // One that repeats itself repeats its words, which take a while in Chinese.
        Err(problems) => problems.iter().take(16).for_each(|problem| {
            let _ = (problem.to_string(), problem.clone().in_language(Language::Chinese).to_string());
        }),
    }
}

fn properties_file(input: &[u8]) {
    let read = properties::parse(input);
    let written: String = read.iter().map(|(key, value)| properties::line(key, value)).collect();
    assert!(properties::parse(written.as_bytes()).len() <= read.len());
    let _ = recovery::read(&String::from_utf8_lossy(input), &[0, 1 << 30]);
}

fn frame(input: &[u8]) {
    let mut buffer = BytesMut::from(input);
    let mut codec = FrameCodec::with_limit(1 << 20);
    while let Ok(Some(_)) = codec.decode(&mut buffer) {}
}

pub const FILE: &str = "[cluster]\nname = \"c1\"\nmode = \"2m-2s-sync\"\n[rocketmq]\nversion = \"5.5.0\"\n\
    source = \"/r.zip\"\n[[host]]\nname = \"vm1\"\naddress = \"10.0.0.1\"\n[[host]]\nname = \"vm2\"\naddress = \"10.0.0.2\"\n";

fn first(text: &str) -> Document {
    let topology = topology::read(text).unwrap();
    let placement = place(&topology, None).unwrap();
    let config_hosts = config_hosts(&topology);
    Document::first(Content { text: text.to_owned(), placement, config_hosts, paused: None, trial: None }).unwrap()
}

fn documents() -> Vec<Vec<u8>> {
    vec![first(FILE).to_string().into_bytes(), first(&format!("{FILE}# é\n")).to_string().into_bytes()]
}

fn document(input: &[u8]) {
    if let Ok(document) = Document::read(&String::from_utf8_lossy(input)) {
        assert_eq!(Document::read(&document.to_string()).unwrap(), document);
    }
}

fn name(name: &str) -> HostName {
    name.parse().unwrap()
}

/// Two hosts' registers, and everything that they said and wrote until both held the first document.
fn history() -> ([Register; 2], Vec<Message>, Vec<Effect>) {
    let folder = tempfile::tempdir().unwrap();
    let hosts = [name("vm1"), name("vm2")];
    let mut registers = hosts.clone().map(|host| {
        let recovered = Ledger::open(&folder.path().join(host.as_str()), GENERATIONS).unwrap().1;
        let mut register = Register::new(host, recovered, Timing { round: 10, patience: 25, settle: 25 });
        register.offer(Some(first(FILE)));
        register
    });
    let (mut messages, mut effects) = (Vec::new(), Vec::new());
    for tick in 0..200 {
        let mut sent: Vec<(usize, Effect)> = Vec::new();
        for at in [0, 1] {
            sent.extend(registers[at].tick(tick).into_iter().map(|effect| (at, effect)));
        }
        while let Some((from, effect)) = sent.pop() {
            if let Effect::Send { to, message } = &effect {
                let at = hosts.iter().position(|host| host == to).unwrap();
                messages.push(message.clone());
                sent.extend(
                    registers[at].receive(&hosts[from], message.clone()).into_iter().map(|effect| (at, effect)),
                );
            }
            effects.push(effect);
        }
    }
    messages.push(registers[0].pull());
    messages.extend(registers[0].held().map(|entry| Message::Held { entry: entry.clone() }));
    (registers, messages, effects)
}

fn messages() -> Vec<Vec<u8>> {
    let mut written: Vec<_> = history().1.iter().map(|message| serde_json::to_vec(message).unwrap()).collect();
    // A new life is a random number.
    written.truncate(32);
    written
}

fn register() -> Take {
    let registers = history().0;
    assert!(registers.iter().all(|register| register.held().is_some()), "the seeds hold nothing");
    Box::new(move |input| {
        let Ok(message) = serde_json::from_slice::<Message>(input) else { return };
        for (register, other) in registers.iter().zip(["vm2", "vm1"]) {
            let mut register = register.clone();
            for effect in register.receive(&name(other), message.clone()) {
                if let Effect::Send { message, .. } = effect {
                    serde_json::to_vec(&message).unwrap();
                }
            }
            for random in 0..3 {
                register.tick(random);
            }
        }
    })
}

fn ledger_files() -> Vec<Vec<u8>> {
    let folder = tempfile::tempdir().unwrap();
    let ledger = Ledger::open(folder.path(), GENERATIONS).unwrap().0;
    let kept = |effect: &&Effect| matches!(effect, Effect::Keep(_) | Effect::Store(_));
    history().2.iter().filter(kept).for_each(|effect| ledger.write(effect).unwrap());
    let inside = folder.path().join("ledger");
    [inside.join("vote"), inside.join("epoch-1-generation-1.entry")].map(|file| fs::read(file).unwrap()).into()
}

fn ledger() -> Take {
    // In memory: there are two syncs in each round.
    let folder = tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).unwrap();
    Ledger::open(folder.path(), GENERATIONS).unwrap();
    Box::new(move |input| {
        let inside = folder.path().join("ledger");
        fs::write(inside.join("vote"), input).unwrap();
        fs::write(inside.join("epoch-1-generation-1.entry"), input).unwrap();
        let (ledger, recovered) = Ledger::open(folder.path(), GENERATIONS).unwrap();
        let entry = ledger.entry((1, 1)).unwrap();
        assert!(recovered.held.is_none() || entry.is_some());
    })
}

fn report(input: &[u8]) {
    let Ok(report) = serde_json::from_slice::<ClusterReport>(input) else { return };
    let shown = finding::report_in_language(Language::Chinese, report.clone());
    for point in explain::cluster(&report).iter().chain(&explain::cluster(&shown)) {
        let words = point.next.iter().chain([&point.what, &point.id]);
        assert!(words.clone().all(|line| !line.chars().any(char::is_control)), "{point:?}");
    }
    for line in shown.problems.iter().chain(&shown.vulnerabilities) {
        assert!(!line.chars().any(char::is_control), "{line}");
    }
}
