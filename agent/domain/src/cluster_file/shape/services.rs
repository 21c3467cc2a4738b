//! The keys of what stands before the brokers: proxies, dashboard, exporter.

use super::{DIRECT_MEMORY, HEAP, JAVA_OPTIONS, Key, Kind, YOUNG, key};

pub(super) const PROXY: &[Key] = &[
    key("hosts", Kind::Texts, "all hosts with brokers", "The hosts that run a proxy."),
    key("port", Kind::Integer, "`8081`", "grpcServerPort: what gRPC clients connect to."),
    key("remoting_port", Kind::Integer, "`8080`", "remotingListenPort: the same for clients of the remoting protocol."),
    HEAP,
    YOUNG,
    DIRECT_MEMORY,
    JAVA_OPTIONS,
    key("config", Kind::Properties, "none", "Any rmq-proxy.json key that the agent does not derive itself."),
];

const JAR_HOST: Key = key("host", Kind::Text, "the first host with a NameServer", "The host that runs it.");
const SOURCE: Key = key("source", Kind::Text, "required", "The jar: a file on that host, or an http(s) URL.");
const SHA256: Key =
    key("sha256", Kind::Text, "required", "The jar's checksum, 64 hexadecimal digits. Nothing else is ever run.");
const JAR_CONFIG: Key =
    key("config", Kind::Properties, "none", "Any of its properties that the agent does not derive itself.");

pub(super) const DASHBOARD: &[Key] = &[
    JAR_HOST,
    SOURCE,
    SHA256,
    key("port", Kind::Integer, "`8082`", "The port of its web page."),
    key(
        "login",
        Kind::Flag,
        "`false`",
        "Whether it asks who you are. Then its users are lines `name=password,1` (1: administrator) in `users.properties` in the folder `store` of the instance, which a person writes; it does not start without that file.",
    ),
    HEAP,
    YOUNG,
    DIRECT_MEMORY,
    JAVA_OPTIONS,
    JAR_CONFIG,
];

pub(super) const EXPORTER: &[Key] = &[
    JAR_HOST,
    SOURCE,
    SHA256,
    key(
        "port",
        Kind::Integer,
        "`5557`",
        "The port of its metrics. The one 2 above it is its own too: clients send theirs there (grpc.server.port).",
    ),
    HEAP,
    YOUNG,
    DIRECT_MEMORY,
    JAVA_OPTIONS,
    JAR_CONFIG,
];

pub(super) const HOST_PROXY: &[Key] = &[
    key("port", Kind::Integer, "as above", "grpcServerPort."),
    key("remoting_port", Kind::Integer, "as above", "remotingListenPort."),
    key("heap", Kind::Text, "as above", "Xms and Xmx."),
    key("young", Kind::Text, "as above", "Xmn."),
    key("direct_memory", Kind::Text, "as above", "MaxDirectMemorySize."),
    key("java_options", Kind::Texts, "none", "Added after those above."),
    key("config", Kind::Properties, "none", "rmq-proxy.json keys; they win over those above."),
];
