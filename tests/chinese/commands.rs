//! The commands beside `check`, `doctor`, `plan` and `apply`.

use super::{hollow, in_chinese, prose, source, strings, words};
use rocketmq_agent_domain::sentences;
use std::{collections::BTreeSet, fs, process::Command};

/// What the other commands say and hand on, by the table that has it.
const COMMANDS: [(&str, &[&str]); 4] = [
    (
        "orders",
        &[
            "../domain/src/register/proposer.rs",
            "audit.rs",
            "cli/history.rs",
            "cli/orders.rs",
            "control/client.rs",
            "control/hosts.rs",
            "control/server.rs",
            "rollout/orders.rs",
            "sync/client.rs",
            "sync/proposal.rs",
            "sync/source/driver.rs",
            "sync/source/git.rs",
            "sync/source/trouble.rs",
            "sync/source/url.rs",
            "sync/state.rs",
        ],
    ),
    (
        "commands",
        &[
            "../domain/src/removal.rs",
            "acl.rs",
            "cli/copy_topics.rs",
            "cli/document.rs",
            "cli/noted.rs",
            "cli/remove.rs",
            "cli/restore.rs",
            "cli/secret.rs",
            "cli/smoke.rs",
            "cli/status.rs",
            "cli/support.rs",
            "cli/unread.rs",
            "remoting/error.rs",
            "remoting/frame.rs",
            "remove/remains.rs",
            "remove/sweep.rs",
            "supervise/mod.rs",
            "support/archive.rs",
            "support/mod.rs",
            "trust/mod.rs",
            "trust/secret.rs",
        ],
    ),
    ("cluster_file", &["settings.rs", "settings/source.rs"]),
    (
        "errors",
        &[
            "daemon/goal.rs",
            "distribution/archive.rs",
            "distribution/download.rs",
            "distribution/error.rs",
            "distribution/layout.rs",
            "distribution/tree.rs",
            "grpc.rs",
            "probe/ask.rs",
            "probe/mod.rs",
            "stores.rs",
        ],
    ),
];

/// What is said in the log, is put together of others, or is an argument of a program.
const OF_NO_COMMAND: [&str; 22] = [
    "cluster.toml cannot be used, and what was applied last is kept to: {problem:#}",
    "{} redirects to an address that",
    "gRPC status {}",
    "HTTP status {code}",
    "{without}that one is {}{why}",
    "{total} messages on {group} are not read yet ({}{more})",
    ", and {more} more",
    "consumer group {}",
    "look at",
    "delete folder",
    "flush folder",
    "too few config hosts answer to change anything: not {silent}{pending}. What runs is not affected",
    ", and an earlier change has to be brought to its end first",
    "cannot listen on {path}",
    "another agent listens on it",
    "cannot accept a command",
    "{} cannot be written: {error}",
    "{} answers again",
    "{} is taken from {}",
    "{found} lies in {name}{held}: {why}, so it is not taken (docs/config-sync.md)",
    ", and this host holds {held}",
    "  … and {} lines more",
];

#[test]
fn what_the_other_commands_say_and_hand_on_has_its_chinese() {
    let rows: BTreeSet<String> = sentences::all().map(|(english, _)| hollow(english)).collect();
    // Before it may stand what it is about, and behind it why, or that it is asked.
    let has_row = |line: &str| {
        let ways = [line.to_owned(), format!("{{}} {line}"), format!("{line}: {{}}"), format!("{line}?")];
        ways.iter().any(|text| rows.contains(text))
    };
    let is_head = |text: &str| text.len() > 1 && text.chars().all(|char| char.is_ascii_uppercase() || char == ' ');
    for (table, files) in COMMANDS {
        let said = files.iter().flat_map(|path| {
            let has_heads = *path == "cli/history.rs";
            let said = strings(&source(path)).into_iter();
            said.filter(move |text| text.contains(' ') && words(text) > 1 || has_heads && is_head(text))
        });
        let said: Vec<String> = said.filter(|text| !OF_NO_COMMAND.contains(&text.as_str())).collect();
        assert!(said.len() > 15, "{table}: {}", said.len());
        let lines = said.iter().flat_map(|text| text.split('\n')).filter(|line| words(line) > 0);
        let missing: BTreeSet<&str> = lines.filter(|line| !has_row(&hollow(line))).collect();
        assert!(missing.is_empty(), "not in agent/domain/src/sentences/{table}.tsv:\n{missing:#?}");
    }
}

/// Where no agent runs, with a broker that has left something, and with settings that cannot be used.
#[test]
fn the_other_commands_print_no_english_prose_where_chinese_is_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name).display().to_string();
    fs::create_dir_all(at("base/broker-a/store")).unwrap();
    fs::create_dir_all(at("base/broker-a/logs")).unwrap();
    for left in ["store/checkpoint", "logs/gc.log", "notes"] {
        fs::write(folder.path().join("base/broker-a").join(left), "x").unwrap();
    }
    let cluster = "[cluster]\nmode = \"single\"\n[rocketmq]\nversion = \"5.5.0\"\n[[host]]\nname = \"vm1\"\n";
    let cluster = format!("{cluster}address = \"127.0.0.1\"\nbase_dir = \"{}\"\n", at("base"));
    fs::write(at("cluster.toml"), cluster).unwrap();
    let paths = ["cluster_file", "state_dir", "control_socket", "secret_file"];
    let paths = paths.into_iter().zip(["cluster.toml", "state", "control.sock", "secret"]);
    let paths: String = paths.map(|(key, name)| format!("{key} = \"{}\"\n", at(name))).collect();
    // Where nobody answers, whoever else runs on this machine.
    let settings = format!("host = \"vm1\"\nlisten = \"127.0.0.1:1\"\n{paths}");
    let said = |settings: &str, arguments: &str| {
        fs::write(at("agent.toml"), settings).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_rocketmq-agent"));
        let output = command.args(arguments.split(' ')).args(["--lang", "zh", "--config"]).arg(at("agent.toml"));
        let output = output.output().unwrap();
        let shown = [output.stdout, output.stderr].map(|bytes| String::from_utf8(bytes).unwrap()).concat();
        assert!(!shown.is_ascii(), "{arguments}: {shown}");
        assert_eq!(prose(&shown), Vec::<String>::new(), "{arguments}:\n{shown}");
        assert!(!shown.contains("no agent") && !shown.contains("cannot"), "{arguments}:\n{shown}");
        shown
    };
    let support = format!("support --output {}", at("support.tar.gz"));
    for arguments in [
        "restart broker-a",
        "stop broker-a --now",
        "start broker-a",
        "pause -m x",
        "resume",
        "confirm",
        "rollback 1 --yes",
        "history",
        "history --audit",
        "diff 1",
        "config status",
        "status",
        "explain",
        "restore broker-a",
        "restore broker-z",
        "secret new",
        "secret new",
        &support,
    ] {
        said(&settings, arguments);
    }
    let removal = said(&settings, "remove --dry-run");
    for words in ["将删除", "将保留 broker-a 的数据：", "如果目录"] {
        assert!(removal.contains(words), "no {words} in\n{removal}");
    }
    let mistakes = "supervisor = \"sytemd\"\nlisten = \"x\"\n[sync]\nca = \"/ca\"\n[sync.source]\npoll = \"0s\"\n";
    assert_eq!(said(mistakes, "status").lines().count(), 6);
}

#[test]
fn what_the_other_commands_put_together_is_said_in_chinese() {
    let left = "without the master of broker-a here only its slave on vm2 is left, and ";
    for (english, chinese) in [
        (format!("{left}that one is not ready"), "去掉这里 broker-a 的主节点，就只剩 vm2 上它的从节点，而那一个未就绪"),
        (
            format!("{left}how that one is cannot be told: no answer within 2s"),
            "去掉这里 broker-a 的主节点，就只剩 vm2 上它的从节点，而不知道那一个怎样：2s 内没有回答",
        ),
        (format!("{left}it is 7 bytes behind"), "去掉这里 broker-a 的主节点，就只剩 vm2 上它的从节点，而它落后 7 字节"),
        (
            "would keep /d/store (4 KiB): it is a link to /e, and links are not followed".to_owned(),
            "将保留 /d/store（4 KiB）：它是符号链接（指向 /e），而符号链接不会跟进去",
        ),
        (
            "nothing was changed: generation 3 was committed in the meantime by ann on vm2 (more heap): look at it and apply \
             again"
                .to_owned(),
            "什么也没有改变：在此期间提交了第 3 代（ann 在 vm2 上：more heap）：看过它之后重新 apply",
        ),
        (
            "broker-a: topic orders (8 queues to read, 4 to write, perm 6), as on broker-b".to_owned(),
            "broker-a：主题 orders（读队列 8 个，写队列 4 个，perm 6），与 broker-b 上的一样",
        ),
        (
            "message 3 was refused: 10.0.0.1:10911 refused SEND_MESSAGE_V2 (310) with SERVICE_NOT_AVAILABLE (14): disk full"
                .to_owned(),
            "消息 3 被拒绝：10.0.0.1:10911 拒绝了 SEND_MESSAGE_V2 (310)，返回 SERVICE_NOT_AVAILABLE (14)：disk full",
        ),
        (
            "  it lacks journal.txt: cannot run journalctl: gone".to_owned(),
            "  其中没有 journal.txt：无法运行 journalctl：gone",
        ),
        (
            "40 messages on broker-b are not read yet (g: 30, h: 10, and 2 more)".to_owned(),
            "broker-b 上还有 40 条消息没有被读取（g: 30, h: 10，另有 2 个消费组）",
        ),
    ] {
        assert_eq!(in_chinese(&english), chinese);
    }
}
