//! Every key that a cluster file can have: its kind, its default and what it means. The reader takes only what is
//! listed here, and `docs/cluster-file.md` is made from it, so that the two cannot differ.

mod services;

use services::{DASHBOARD, EXPORTER, HOST_PROXY, PROXY};

/// What a key's value must be.
#[derive(Debug, Clone, Copy)]
pub enum Kind {
    /// A string.
    Text,
    /// A whole number.
    Integer,
    /// `true` or `false`.
    Flag,
    /// An array of strings.
    Texts,
    /// A table with free keys and string, integer or boolean values.
    Properties,
    /// A table: `[key]`.
    Section(&'static [Key]),
    /// An array of tables: `[[key]]`.
    Sections(&'static [Key]),
}

/// One key.
#[derive(Debug)]
pub struct Key {
    /// As it is written.
    pub name: &'static str,
    /// What its value must be.
    pub kind: Kind,
    /// What holds when it is left out, in words.
    pub default: &'static str,
    /// What it means.
    pub doc: &'static str,
}

const fn key(name: &'static str, kind: Kind, default: &'static str, doc: &'static str) -> Key {
    Key { name, kind, default, doc }
}

/// The top of the file.
pub const ROOT: &[Key] = &[
    key("cluster", Kind::Section(CLUSTER), "", "The cluster as a whole."),
    key("rocketmq", Kind::Section(ROCKETMQ), "", "Which RocketMQ runs, and on which Java."),
    key("agent", Kind::Section(AGENT), "", "What all agents share."),
    key("sync", Kind::Section(SYNC), "", "How the hosts keep one file together: `docs/config-sync.md`."),
    key("rollout", Kind::Section(ROLLOUT), "", "How a changed configuration comes to instances that run."),
    key("supervision", Kind::Section(SUPERVISION), "", "What is done about an instance that runs and does not serve."),
    key("namesrv", Kind::Section(NAMESRV), "", "The NameServers."),
    key(
        "controller",
        Kind::Section(CONTROLLER),
        "",
        "The controllers of mode `controller`. Brokers and other controllers reach each on its port; they elect a leader among themselves, so most of them must run.",
    ),
    key(
        "broker",
        Kind::Section(BROKER),
        "",
        "All brokers. `[broker.master]`, `[broker.slave]`, `[host.broker]` and `[[group]]` override it, in that order.",
    ),
    key(
        "acl",
        Kind::Section(ACL),
        "",
        "Access control of the brokers, on where this table is there: who has no key is refused. `aclEnable` and plain_acl.yml up to 5.2, users of each broker (ACL 2.0) from 5.3.0 on.",
    ),
    key(
        "proxy",
        Kind::Section(PROXY),
        "",
        "Proxies, which gRPC clients need (5.1 or newer, cluster mode). There are some where this table is there, be it empty.",
    ),
    key("dashboard", Kind::Section(DASHBOARD), "", "rocketmq-dashboard, where this table is there: a jar of its own."),
    key("exporter", Kind::Section(EXPORTER), "", "rocketmq-exporter, where this table is there: a jar of its own."),
    key(
        "limits",
        Kind::Section(LIMITS),
        "",
        "What the instances of each host may take together, enforced by systemd; `supervisor = \"embedded\"` enforces nothing.",
    ),
    key(
        "host",
        Kind::Sections(HOST),
        "",
        "One table a host. The order matters: it is the order of the ring that pairs masters with slaves.",
    ),
    key(
        "group",
        Kind::Sections(GROUP),
        "",
        "One table for each broker group that is to be named, pinned or tuned by hand.",
    ),
];

const CLUSTER: &[Key] = &[
    key("name", Kind::Text, "`DefaultCluster`", "brokerClusterName."),
    key(
        "mode",
        Kind::Text,
        "required",
        "`single`, `multi-master`, `2m-2s-async`, `2m-2s-sync`, `controller` (5.1.1 or newer) or `dledger`. In the last two a group elects its master, and another one when it is lost.",
    ),
    key(
        "groups",
        Kind::Integer,
        "one master a host; in the modes `controller` and `dledger` one broker a host",
        "How many broker groups (brokerNames) there are. More groups than hosts is fine.",
    ),
    key(
        "members",
        Kind::Integer,
        "3; 2 where `controller` has two hosts for brokers",
        "How many brokers a group has in the modes `controller` (2 to 5) and `dledger` (3 or 5). A send is answered when most of them have the message, and of two both while both are in sync.",
    ),
    key(
        "base_dir",
        Kind::Text,
        "`/var/lib/rocketmq`",
        "The folder that holds RocketMQ and one folder an instance on each host.",
    ),
    key(
        "layout",
        Kind::Text,
        "`instance`",
        "`instance`: one folder an instance. `role`: the classic guide's tree (`server`, `broker-master`, `broker-slave`).",
    ),
];

const ROCKETMQ: &[Key] = &[
    key("version", Kind::Text, "required", "The release, such as `5.5.0`."),
    key(
        "source",
        Kind::Text,
        "required to run",
        "A directory, a zip or tar.gz, or an http(s) URL of the binary release.",
    ),
    key(
        "sha512",
        Kind::Text,
        "not checked",
        "The archive's checksum, 128 hexadecimal digits. Needed where the source is plain http; `check` warns where it is https without one.",
    ),
    key("java_home", Kind::Text, "the best Java found", "The Java that runs the instances; it must fit the release."),
    key(
        "extra_keys",
        Kind::Texts,
        "none",
        "Keys in `config` that the release itself does not have: of a RocketMQ that was changed, or newer than this agent. They are written as they are, and not checked.",
    ),
];

const AGENT: &[Key] = &[
    key("port", Kind::Integer, "`9877`", "The port of every agent's HTTP health."),
    key("sync_port", Kind::Integer, "`9878`", "The port on which agents with a secret share this file."),
];

const SYNC: &[Key] = &[key(
    "hosts",
    Kind::Texts,
    "the first three hosts",
    "The hosts that vote on a change of this file: three or five. More than half of them must be up to change it, none to run.",
)];

const ROLLOUT: &[Key] = &[key(
    "restart",
    Kind::Text,
    "`manual`",
    "An instance that runs with an older configuration than this file gives it: `manual` names it, `auto` restarts it in its turn: NameServers, slaves, masters, one at a time in the whole cluster, and only while every host has the same cluster file and every other instance is ready. A master gives up its writers first; in `2m-2s-sync` it does so before its slave is restarted, too.",
)];

const SUPERVISION: &[Key] = &[
    key(
        "on_hang",
        Kind::Text,
        "`report`",
        "An instance that takes connections and has not answered for `hang_after`: `report` names it, `restart` also ends it, and it is started again as after a crash. Not while the other member of its group is not known to answer, and at most once in 30 minutes.",
    ),
    key(
        "hang_after",
        Kind::Text,
        "`60s`",
        "From how long a silence on it is a hang: `10s` to `1h`. Longer than any pause for garbage collection or for a dump of the heap.",
    ),
];

const HEAP: Key = key("heap", Kind::Text, "by memory", "Xms and Xmx.");
const YOUNG: Key = key("young", Kind::Text, "left to G1", "Xmn.");
const DIRECT_MEMORY: Key = key("direct_memory", Kind::Text, "by memory", "MaxDirectMemorySize.");
const JAVA_OPTIONS: Key =
    key("java_options", Kind::Texts, "none", "More JVM options, one a string; they come last and win.");

const NAMESRV: &[Key] = &[
    key("hosts", Kind::Texts, "the first three hosts that are no witness", "The hosts that run a NameServer."),
    key("port", Kind::Integer, "`9876`", "listenPort of the NameServers."),
    HEAP,
    YOUNG,
    DIRECT_MEMORY,
    JAVA_OPTIONS,
    key("config", Kind::Properties, "none", "Any namesrv.conf key that the agent does not derive itself."),
];

const CONTROLLER: &[Key] = &[
    key(
        "hosts",
        Kind::Texts,
        "the first three hosts that are no witness",
        "The hosts that run a controller: three or five.",
    ),
    key(
        "in_namesrv",
        Kind::Flag,
        "`false`",
        "Each runs inside its host's NameServer (`enableControllerInNamesrv`) rather than as an instance of its own: one JVM less a host, and a restart takes both away. Where `hosts` is not set it is the first three hosts with a NameServer. Heap and Java options are `[namesrv]`'s. It does not change under data: `docs/decisions/0046-controllers-inside-namesrvs.md`.",
    ),
    key("port", Kind::Integer, "`9879`", "The port of the controllers, for each other and for the brokers."),
    HEAP,
    YOUNG,
    DIRECT_MEMORY,
    JAVA_OPTIONS,
    key("config", Kind::Properties, "none", "Any controller.conf key that the agent does not derive itself."),
];

const LIMITS: &[Key] = &[
    key(
        "memory",
        Kind::Text,
        "none",
        "The most memory, page cache included. Where it is less than the host has, heaps are computed from it.",
    ),
    key("cpu", Kind::Text, "none", "The most CPU time, in percent of one CPU: `300%` is three CPUs."),
];

const HOST_LIMITS: &[Key] = &[
    key("memory", Kind::Text, "as above", "The most memory."),
    key("cpu", Kind::Text, "as above", "The most CPU time."),
];

const BROKER: &[Key] = &[
    key("hosts", Kind::Texts, "all hosts that are no witness", "The hosts that run brokers."),
    key(
        "port",
        Kind::Integer,
        "`10911`",
        "listenPort of a host's first master; further ones follow in steps of 10. listenPort-2 and listenPort+1 are taken too.",
    ),
    key(
        "slave_port",
        Kind::Integer,
        "`11911`",
        "listenPort of a host's first slave; further ones follow in steps of 10.",
    ),
    key("max_lag", Kind::Text, "`16M`", "How far a slave may be behind and still count as in sync."),
    key(
        "sync",
        Kind::Text,
        "`available`",
        "Mode `2m-2s-sync` only: what becomes of sends to a master whose slave is gone. `strict`: none is acknowledged with SEND_OK until the slave is back. `available`: the agent of the master's host lets the master acknowledge alone (`inSyncReplicas` = 1) when it has seen for 10 s that nobody replicates from it and neither the slave nor its agent answers, says so, and takes it back when the slave has caught up. A slave whose agent answers has 60 s to come back, 180 s where that agent restarts it in its turn. On 4.x nothing can be lowered, whatever is said here: such sends are stored by the master and answered SLAVE_NOT_AVAILABLE at once.",
    ),
    HEAP,
    YOUNG,
    DIRECT_MEMORY,
    JAVA_OPTIONS,
    key("config", Kind::Properties, "none", "Any broker.conf key that the agent does not derive itself."),
    key("master", Kind::Section(BROKER_ROLE), "", "Overrides for masters."),
    key("slave", Kind::Section(BROKER_ROLE), "", "Overrides for slaves."),
];

const BROKER_ROLE: &[Key] = &[
    key("heap", Kind::Text, "as above", "Xms and Xmx."),
    key("young", Kind::Text, "as above", "Xmn."),
    key("direct_memory", Kind::Text, "as above", "MaxDirectMemorySize."),
    key("java_options", Kind::Texts, "none", "Added after those above."),
    key("config", Kind::Properties, "none", "broker.conf keys; they win over those above."),
];

const HOST: &[Key] = &[
    key("name", Kind::Text, "required", "The host's name; an agent finds itself by it, or by its address."),
    key(
        "address",
        Kind::Text,
        "required",
        "The IP address that the hosts reach each other by: brokerIP2, and brokerIP1 unless public_address is set.",
    ),
    key("public_address", Kind::Text, "`address`", "The IP address that clients reach this host by: brokerIP1."),
    key(
        "nat",
        Kind::Flag,
        "`false`",
        "The address is not on a network card of the host itself, so the agent must not look for it there.",
    ),
    key(
        "witness",
        Kind::Flag,
        "`false`",
        "It runs the agent and nothing of RocketMQ, and needs no Java: a third vote beside two hosts, so that one of the three may be down while this file is changed.",
    ),
    key(
        "zone",
        Kind::Text,
        "none",
        "Rack, room or availability zone. A slave is put in another zone than its master where that can be had.",
    ),
    key("memory", Kind::Text, "as measured", "The memory that heaps are computed from."),
    key("java_home", Kind::Text, "`rocketmq.java_home`", "The Java of this host."),
    key("base_dir", Kind::Text, "`cluster.base_dir`", "The folder of everything on this host, where its disks differ."),
    key("agent_port", Kind::Integer, "`agent.port`", "The port of this host's agent."),
    key("sync_port", Kind::Integer, "`agent.sync_port`", "The port of this host's config sync."),
    key("limits", Kind::Section(HOST_LIMITS), "", "Overrides for what this host's instances may take."),
    key("namesrv", Kind::Section(HOST_NAMESRV), "", "Overrides for this host's NameServer."),
    key("controller", Kind::Section(HOST_CONTROLLER), "", "Overrides for this host's controller."),
    key("broker", Kind::Section(HOST_BROKER), "", "Overrides for this host's brokers."),
    key("proxy", Kind::Section(HOST_PROXY), "", "Overrides for this host's proxy."),
];

const ACL: &[Key] = &[
    key(
        "access_key",
        Kind::Text,
        "required",
        "The administrator's name, 7 to 64 characters: what agents, slaves, dashboard and exporter are known as, and a person with mqadmin.",
    ),
    key(
        "key_file",
        Kind::Text,
        "`/etc/rocketmq-agent/acl.key`",
        "The file on each host that holds the administrator's secret key, of mode 0600; the same key on all hosts. systemd's credential `acl.key` wins over it.",
    ),
];

const HOST_NAMESRV: &[Key] = &[
    key("port", Kind::Integer, "as above", "listenPort."),
    key("heap", Kind::Text, "as above", "Xms and Xmx."),
    key("young", Kind::Text, "as above", "Xmn."),
    key("direct_memory", Kind::Text, "as above", "MaxDirectMemorySize."),
    key("java_options", Kind::Texts, "none", "Added after those above."),
    key("config", Kind::Properties, "none", "namesrv.conf keys; they win over those above."),
];

const HOST_CONTROLLER: &[Key] = &[
    key("port", Kind::Integer, "as above", "Its port."),
    key("heap", Kind::Text, "as above", "Xms and Xmx."),
    key("young", Kind::Text, "as above", "Xmn."),
    key("direct_memory", Kind::Text, "as above", "MaxDirectMemorySize."),
    key("java_options", Kind::Texts, "none", "Added after those above."),
    key("config", Kind::Properties, "none", "controller.conf keys; they win over those above."),
];

const HOST_BROKER: &[Key] = &[
    key("port", Kind::Integer, "as above", "listenPort of this host's first master."),
    key("slave_port", Kind::Integer, "as above", "listenPort of this host's first slave."),
    key("heap", Kind::Text, "as above", "Xms and Xmx."),
    key("young", Kind::Text, "as above", "Xmn."),
    key("direct_memory", Kind::Text, "as above", "MaxDirectMemorySize."),
    key("java_options", Kind::Texts, "none", "Added after those above."),
    key("config", Kind::Properties, "none", "broker.conf keys; they win over those above."),
    key("master", Kind::Section(BROKER_ROLE), "", "Overrides for this host's masters."),
    key("slave", Kind::Section(BROKER_ROLE), "", "Overrides for this host's slaves."),
];

const GROUP: &[Key] = &[
    key("name", Kind::Text, "required", "brokerName."),
    key(
        "hosts",
        Kind::Texts,
        "placed by the agent",
        "Where the group lives: the master's host first, then the slave's; in the modes `controller` and `dledger` its members' hosts.",
    ),
    key("heap", Kind::Text, "as above", "Xms and Xmx."),
    key("young", Kind::Text, "as above", "Xmn."),
    key("direct_memory", Kind::Text, "as above", "MaxDirectMemorySize."),
    key("java_options", Kind::Texts, "none", "Added after those above."),
    key("config", Kind::Properties, "none", "broker.conf keys; they win over those above."),
    key("master", Kind::Section(BROKER_ROLE), "", "Overrides for this group's master."),
    key("slave", Kind::Section(BROKER_ROLE), "", "Overrides for this group's slave."),
];

/// Every key of a file whose top has these, with its full path (`host[].broker.heap`), in their order.
pub fn every_key(top: &'static [Key]) -> Vec<(String, &'static Key)> {
    fn walk(prefix: &str, keys: &'static [Key], out: &mut Vec<(String, &'static Key)>) {
        for key in keys {
            let path = if prefix.is_empty() { key.name.to_owned() } else { format!("{prefix}.{}", key.name) };
            out.push((path.clone(), key));
            match key.kind {
                Kind::Section(inner) => walk(&path, inner, out),
                Kind::Sections(inner) => walk(&format!("{path}[]"), inner, out),
                _ => {}
            }
        }
    }
    let mut out = Vec::new();
    walk("", top, &mut out);
    out
}
