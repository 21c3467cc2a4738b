//! Units: the text of one, and that systemd reads back what was written, by a small reader of systemd's own rules.
#![allow(clippy::unwrap_used, clippy::panic)]

use super::*;
use crate::{
    launch::{Registered, Role, Service, StoreIdentity},
    limits::Limits,
    size::Size,
};
use proptest::prelude::*;
use std::time::Duration;

fn launch() -> Launch {
    let home = PathBuf::from("/var/lib/rocketmq/broker-a");
    Launch {
        instance: "broker-a".parse().unwrap(),
        role: Role::Master,
        program: "/usr/lib/jvm/java-17-openjdk-amd64/bin/java".into(),
        arguments: ["-Xms512m", "-Dsays=50% of \"$HOME\"\\", "-cp", "/var/lib/rocketmq/dist/5.5.0/lib/*", "Main"]
            .map(str::to_owned)
            .into(),
        environment: [("HOME", "/var/lib/rocketmq/broker-a"), ("LANG", "C.UTF-8")]
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into(),
        console: home.join("console.log"),
        logs: vec![home.join("logs/rocketmqlogs/store.log")],
        service: Some(Service {
            cluster: "DefaultCluster".to_owned(),
            over_tls: Default::default(),
            address: "10.0.0.1:10911".parse().unwrap(),
            namesrvs: ["10.0.0.1:9876", "10.0.0.2:9876"].map(|address| address.parse().unwrap()).into(),
            registered: Some(Registered {
                broker: "broker-a".parse().unwrap(),
                id: Some(0),
                address: "203.0.113.1:10911".parse().unwrap(),
            }),
        }),
        store: Some(StoreIdentity {
            root: home.join("store"),
            commit_log: home.join("store/commitlog"),
            format: Default::default(),
            cluster: "DefaultCluster".to_owned(),
            broker: "broker-a".parse().unwrap(),
        }),
        directory: home,
        offsets_of: Some("10.0.0.2:11911".parse().unwrap()),
        partner: Some("vm2".parse().unwrap()),
        ports: vec![10911],
        stop_deadline: Duration::from_secs(300),
        fingerprint: "0123456789abcdef".to_owned(),
    }
}

fn options() -> Options<'static> {
    Options {
        account: Some(("rocketmq", "rocketmq")),
        flock: Path::new("/usr/bin/flock"),
        agent: Some(Path::new("/usr/bin/rocketmq-agent")),
        lock: Path::new("/var/lib/rocketmq/broker-a/supervisor.lock"),
        dirty: None,
    }
}

#[test]
fn the_unit_of_a_master() {
    let text = render(&launch(), &options()).unwrap();
    assert_eq!(text, include_str!("broker-a.service"), "--- rendered:\n{text}");
}

#[test]
fn an_instance_is_active_when_it_answers_in_its_own_way_and_so_does_a_controller_inside() {
    let ready = |role, ports: &[u16]| {
        let mut launch = launch();
        (launch.role, launch.ports) = (role, ports.to_vec());
        launch.service.as_mut().unwrap().registered = None;
        let text = render(&launch, &options()).unwrap();
        let line = text.lines().find(|line| line.starts_with("ExecStartPost=")).unwrap();
        line.rsplit_once(launch.service.unwrap().address.to_string().as_str()).unwrap().1.to_owned()
    };
    assert_eq!(ready(Role::Proxy, &[8081, 8080]), " --proxy-of DefaultCluster");
    assert_eq!(ready(Role::Exporter, &[5557]), " --http");
    assert_eq!(ready(Role::Namesrv, &[9876]), "");
    assert_eq!(ready(Role::Namesrv, &[9876, 9879]), " --controller-inside 10.0.0.1:9879");
}

#[test]
fn what_a_unit_runs_is_told_where_nobody_is_taken_in_plain_text() {
    let mut launch = launch();
    let over_tls = ["10.0.0.1:9876", "10.0.0.2:11911"].map(|address| address.parse().unwrap());
    launch.service.as_mut().unwrap().over_tls = over_tls.into();
    let text = render(&launch, &options()).unwrap();
    let told: Vec<&str> = text.lines().filter(|line| line.ends_with(" --tls 10.0.0.1:9876,10.0.0.2:11911")).collect();
    assert!(told.len() == 2 && told[0].contains("carry-offsets") && told[1].contains("ready"), "{text}");
}

#[test]
fn a_store_elsewhere_can_be_written_and_its_mount_is_waited_for() {
    let mut launch = launch();
    let store = launch.store.as_mut().unwrap();
    store.root = "/data/a b/store".into();
    store.commit_log = "/data/a b/store/commitlog".into();
    let text = render(&launch, &options()).unwrap();
    assert!(text.contains("\nRequiresMountsFor=\"/data/a b/store\"\n"), "{text}");
    assert!(text.contains("\nReadWritePaths=\"/data/a b/store\"\n"), "{text}");
    assert_eq!(text.matches("/data/").count(), 3, "{text}");
}

#[test]
fn a_sandbox_does_not_hide_the_folders_that_the_instance_lives_in() {
    let mut launch = launch();
    launch.directory = "/home/mq/broker-a".into();
    let text = render(&launch, &options()).unwrap();
    assert!(text.contains("\nProtectHome=read-only\n") && text.contains("\nPrivateTmp=yes\n"), "{text}");
    launch.directory = "/tmp/broker-a".into();
    let text = render(&launch, &options()).unwrap();
    assert!(text.contains("\nProtectHome=yes\n") && text.contains("\nPrivateTmp=no\n"), "{text}");
}

#[test]
fn a_stop_may_take_longer_the_more_there_may_be_to_flush() {
    let gib = |count: u64| Some(Size::mib(count << 10));
    let seconds = |store, memory| stop::seconds(&launch(), most_dirty(store, memory));
    assert_eq!(seconds(None, None), 900);
    // A gibibyte takes 52 s, at 20 MiB a second.
    assert_eq!(seconds(gib(1), gib(64)), 952);
    // A store of a terabyte is not dirty from end to end: it would have to fit into memory.
    assert_eq!(seconds(gib(1 << 10), gib(64)), 900 + 3277);
    assert_eq!(seconds(None, gib(64)), 900 + 3277, "what is not known may be large");
    // It grows in steps.
    assert_eq!(seconds(gib(33), gib(64)), seconds(gib(64), gib(64)));
    assert_eq!(seconds(Some(Size(u64::MAX)), None), 900 + u64::MAX.div_ceil(20 << 20));
    let unit = render(&launch(), &Options { dirty: gib(1), ..options() }).unwrap();
    assert!(unit.contains("\nTimeoutStopSec=952\n"), "{unit}");
}

#[test]
fn a_path_that_would_end_its_line_early_is_refused() {
    for bad in ["/data/a\nExecStartPre=/bin/x", "/data/a ", "/data/a\\"] {
        let mut launch = launch();
        launch.directory = bad.into();
        assert_eq!(render(&launch, &options()), Err(UnitError::Path { path: bad.into() }));
    }
}

#[test]
fn no_instance_gets_the_unit_of_the_agent() {
    assert_eq!(name(&"agent".parse().unwrap()), Err(UnitError::Reserved));
    assert_eq!(name(&"broker-a".parse().unwrap()).unwrap(), "rocketmq-broker-a.service");
}

#[test]
fn the_slice_holds_the_limits_and_nothing_where_there_are_none() {
    let limits = Limits { memory: Some(Size::mib(12 << 10)), cpu: Some("300%".parse().unwrap()) };
    assert!(slice(&limits).ends_with("\nMemoryMax=12884901888\nCPUQuota=300%\n"), "{}", slice(&limits));
    let none = slice(&Limits::default());
    assert!(!none.contains("MemoryMax") && !none.contains("CPUQuota"), "{none}");
}

/// systemd's `extract_first_word` with EXTRACT_UNQUOTE and EXTRACT_CUNESCAPE, until the end.
fn read_words(line: &str) -> Vec<String> {
    let mut words = Vec::new();
    let mut chars = line.chars().peekable();
    loop {
        while chars.next_if(|c| " \t\n\r".contains(*c)).is_some() {}
        let Some(_) = chars.peek() else { return words };
        let (mut word, mut quote) = (String::new(), None);
        while let Some(c) = chars.next() {
            match (c, quote) {
                ('\\', _) => word.push(match chars.next().unwrap() {
                    'n' => '\n',
                    't' => '\t',
                    'x' => {
                        let hex: String = chars.by_ref().take(2).collect();
                        char::from(u8::from_str_radix(&hex, 16).unwrap())
                    }
                    same @ ('\\' | '"' | '\'') => same,
                    other => panic!("systemd knows no escape \\{other}"),
                }),
                (c, Some(open)) if c == open => quote = None,
                ('"' | '\'', None) => quote = Some(c),
                (' ' | '\t' | '\n' | '\r', None) => break,
                (c, _) => word.push(c),
            }
        }
        assert_eq!(quote, None, "an open quote in {line}");
        words.push(word);
    }
}

/// `specifier_printf`: `%%` is a percent sign, everything else becomes something else.
fn expand_specifiers(word: &str) -> String {
    let mut chars = word.chars();
    let mut text = String::new();
    while let Some(c) = chars.next() {
        match c {
            '%' => {
                assert_eq!(chars.next(), Some('%'), "a specifier in {word}");
                text.push('%');
            }
            c => text.push(c),
        }
    }
    text
}

/// `replace_env_argv`: `$$` is a dollar sign, everything else becomes something else.
fn expand_variables(word: &str) -> String {
    assert_eq!(word.replace("$$", "").find('$'), None, "a variable in {word}");
    word.replace("$$", "$")
}

proptest! {
    #[test]
    fn every_argument_comes_out_of_systemd_as_it_went_in(
        arguments in prop::collection::vec(".*|[%$\"'\\\\; \t\n{}a-f]*|\\PC*", 0..6)
    ) {
        // An argument with a zero byte cannot be given to any process.
        prop_assume!(!arguments.iter().any(|argument| argument.contains('\0')));
        let line = arguments.iter().map(|argument| quoting::argument(argument)).collect::<Vec<_>>().join(" ");
        prop_assert!(!line.contains('\n') && !line.ends_with('\\') && line.trim() == line);
        // A bare semicolon begins another command.
        prop_assert!(!line.split(' ').any(|word| word == ";" || word == "\\;") || line.contains('"'));
        let read: Vec<String> =
            read_words(&line).iter().map(|word| expand_variables(&expand_specifiers(word))).collect();
        prop_assert_eq!(read, arguments);
    }

    #[test]
    fn every_variable_comes_out_of_systemd_as_it_went_in(value in ".*|[%$\"'\\\\; \t]*") {
        let assignment = format!("KEY={value}");
        let read: Vec<String> = read_words(&word(&assignment)).iter().map(|word| expand_specifiers(word)).collect();
        prop_assert_eq!(read, [assignment]);
    }
}
