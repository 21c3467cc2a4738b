//! What the rules of the cluster file are for, in the order of their names. What is wrong in a file at hand, and the way out,
//! is said with its line by `check`.

use super::{Meaning, of_id};

/// Every rule is met before anything is changed, so that what comes of breaking one is mostly the same.
const NOT_TAKEN: &str = "A file with it is not taken: what runs goes on with the one before.";
const CHECK: &str = "`rocketmq-agent check` says the line and what is right there.";

const fn refused(id: &'static str, means: &'static str) -> Meaning {
    of_id(id, means, NOT_TAKEN, CHECK)
}

pub(super) const MEANINGS: &[Meaning] = &[
    of_id(
        "acl-with-proxy",
        "A file for a release before 5.3.0 has both [acl] and [proxy].",
        "The agent does not set up access control of such proxies: one would let everybody in and pass their requests on.",
        "Leave one of the two out, or use 5.3.0 or newer.",
    ),
    of_id(
        "address-twice",
        "Two hosts have one address.",
        "Brokers of both would register under it.",
        "Give each host its own address.",
    ),
    refused(
        "bad-access-key",
        "The name of the administrator in [acl] is too short or too long, or would have to be quoted.",
    ),
    refused("bad-address", "An address is no IP address; names are not resolved."),
    refused("bad-choice", "A word is none of those that the key knows."),
    refused("bad-duration", "A time is not a number with a unit, such as 30s, 5m or 2h."),
    refused(
        "bad-java-option",
        "A Java option does not begin with '-', holds a blank, or is one that the agent sets itself.",
    ),
    refused("bad-key", "A key of [broker.config] or [namesrv.config] cannot be written into a properties file."),
    refused("bad-name", "A name has letters that RocketMQ or a file system does not take, or is too long."),
    refused("bad-path", "A path is not absolute, or has letters that a unit or properties file does not take."),
    refused("bad-quota", "A share of the CPUs is not a percentage such as 300%."),
    refused("bad-sha256", "A checksum is not 64 hexadecimal digits."),
    refused("bad-sha512", "A checksum is not 128 hexadecimal digits."),
    refused("bad-size", "A size is not a number with a unit, such as 512M or 4G."),
    refused("bad-source", "The place of the RocketMQ release is neither an absolute path nor an http(s) URL."),
    refused("bad-version", "A version is not three numbers, such as 5.5.0."),
    of_id(
        "blank-at-the-end",
        "A value begins or ends with a blank.",
        "RocketMQ takes the blank as part of the value: \"true \" is false, and a number falls back to its default.",
        "Take the blank away.",
    ),
    refused("control-character", "A value holds a character that cannot be seen."),
    of_id(
        "dead-key",
        "A key that guides still name, and that this release does not read.",
        "It changes nothing, and RocketMQ says so nowhere.",
        "Take it out; where another key took its place, `rocketmq-agent check` names it.",
    ),
    of_id(
        "derived-key",
        "A key that follows from the rest of the file was set by hand.",
        "Two sources of one truth differ one day: a slave becomes a master, or registers under another address.",
        "Take it out; the key of the cluster file that decides it is named.",
    ),
    refused("duplicate-key", "A key is there twice."),
    refused("empty-list", "A list names nothing."),
    refused("empty-value", "A value is empty."),
    of_id(
        "even-number",
        "An even number of hosts votes on the cluster file.",
        "One more or one fewer would survive the loss of as many hosts.",
        "Name an odd number in sync.hosts, or add a witness.",
    ),
    of_id(
        "heap-too-small",
        "A heap is smaller than RocketMQ starts with.",
        "The JVM would end with OutOfMemoryError.",
        "Raise it, or leave the key out: heaps follow from the memory of the host.",
    ),
    refused("host-twice", "A host is named twice in one list."),
    of_id(
        "http-without-sha512",
        "The release comes over plain http without a checksum.",
        "Whoever is on the way could put a program of his own in its place.",
        "Add rocketmq.sha512, or use https.",
    ),
    of_id(
        "https-without-sha512",
        "The release comes over https without a checksum.",
        "Whoever takes over that server, its name or its certificate runs a program of their own on every host.",
        "Add rocketmq.sha512: `sha512sum FILE` of an archive that you have checked prints it.",
    ),
    of_id(
        "key-of-a-neighbour",
        "A release beside this one has the key; whether this one does is not known.",
        "A release without it ignores it.",
        "Ask the running broker for its configuration, or take the key out.",
    ),
    of_id(
        "known-vulnerability",
        "The wanted release has a vulnerability that is known.",
        "It is published how to use it: with some, whoever reaches a broker's port can run commands on the host.",
        "Upgrade to the release that is named; until then let only clients and the other hosts reach the ports.",
    ),
    of_id(
        "loopback-address",
        "A host has a loopback address, in a file with more than one host.",
        "Brokers would register under 127.0.0.1, where no other host reaches them.",
        "Give the host the address at which the others reach it.",
    ),
    refused("missing-key", "A key that is needed is not there."),
    of_id(
        "mode-needs-release",
        "The mode needs a newer RocketMQ release.",
        "The brokers would start in another mode, or not at all.",
        "Set rocketmq.version to one that has it, or choose another mode.",
    ),
    refused("name-twice", "Two groups or hosts have one name."),
    refused("no-broker-host", "A group is to be on a host that is not in broker.hosts."),
    refused("no-hosts", "There is no host."),
    refused("no-namesrv-there", "A controller is to run inside a NameServer on a host that has none."),
    refused("no-such-service", "A host has settings of a proxy that it does not run."),
    of_id(
        "no-sync-master",
        "broker.sync is set in a mode that has no sync master.",
        "It would have no effect.",
        "Take it out, or choose mode \"2m-2s-sync\".",
    ),
    refused("not-in-this-mode", "A key that belongs to another mode."),
    of_id(
        "option-has-a-key",
        "A Java option that has a key of its own.",
        "The one that comes last would count.",
        "Use the key: heap, young or direct_memory.",
    ),
    refused("out-of-range", "A number is smaller or larger than makes sense."),
    of_id(
        "port-clash",
        "Two instances of a host want one port; a broker takes port-2, port and port+1.",
        "The second one serves for a moment and ends.",
        "Leave 4 and more between the ports of two brokers.",
    ),
    refused("reserved-name", "A group has the name of something else on a host."),
    refused("syntax", "It is not TOML."),
    of_id(
        "tls-not-spoken",
        "One kind of instance is to take TLS only (-Dtls.server.mode=enforcing), and one that asks it speaks plain text.",
        "Brokers would register nowhere, proxies would find nobody, slaves would get no topics.",
        "Give -Dtls.enable=true to those first. docs/tls.md has the steps.",
    ),
    of_id(
        "too-few-hosts",
        "The mode needs more hosts.",
        "Both copies of a group would be on one machine, or no majority would be left without one.",
        "Add hosts, or choose a mode that fits them.",
    ),
    refused("too-many-groups", "The file names more groups than cluster.groups allows."),
    refused("too-many-hosts", "The file names more hosts than the mode takes."),
    refused("unknown-host", "A host that is not in the file."),
    of_id(
        "unknown-key",
        "A key that there is not, or that this RocketMQ release does not have.",
        "RocketMQ would drop it without a word.",
        "`rocketmq-agent check` names the nearest that there is.",
    ),
    refused("unknown-layout", "A layout that there is not."),
    refused("unknown-mode", "A mode that there is not."),
    refused("unknown-version", "A RocketMQ release that the agent does not know."),
    refused("unusable-address", "An address that no host can have, such as 0.0.0.0."),
    refused("witness-runs-nothing", "A witness is to run something, and it only votes."),
    of_id(
        "witness-without-vote",
        "A witness is not among the hosts that vote.",
        "It does nothing then.",
        "Name it in sync.hosts.",
    ),
    refused("wrong-count", "A group has another number of members than its mode takes."),
    refused("wrong-type", "A value is of another kind: text where a number belongs, or the other way round."),
    of_id(
        "young-too-large",
        "The young generation does not fit into the heap.",
        "The JVM would not start.",
        "Lower young, or leave it out.",
    ),
];
