//! What the rules of the cluster file are for, in Chinese.

use crate::meaning::{Meaning, of_id};

const NOT_TAKEN: &str = "有这种错误的文件不会被采用：正在运行的按上一份继续。";
const CHECK: &str = "`rocketmq-agent check` 会说明是哪一行、应该怎样写。";

const fn refused(id: &'static str, means: &'static str) -> Meaning {
    of_id(id, means, NOT_TAKEN, CHECK)
}

pub(super) const MEANINGS: &[Meaning] = &[
    of_id("address-twice", "两台主机用了同一个地址。", "两台上的 broker 都会以它注册。", "给每台主机自己的地址。"),
    refused("bad-address", "地址不是 IP 地址；主机名不会被解析。"),
    refused("bad-choice", "这个键不认识这个词。"),
    refused("bad-duration", "时间不是带单位的数字，例如 30s、5m 或 2h。"),
    refused("bad-java-option", "Java 选项不以 '-' 开头，含有空格，或者是 agent 自己设置的选项。"),
    refused("bad-key", "[broker.config] 或 [namesrv.config] 中的键不能写进 properties 文件。"),
    refused("bad-name", "名字含有 RocketMQ 或文件系统不接受的字符，或者太长。"),
    refused("bad-path", "路径不是绝对路径，或含有单元或 properties 文件不接受的字符。"),
    refused("bad-quota", "CPU 份额不是百分比，例如 300%。"),
    refused("bad-sha256", "校验和不是 64 个十六进制数字。"),
    refused("bad-sha512", "校验和不是 128 个十六进制数字。"),
    refused("bad-size", "大小不是带单位的数字，例如 512M 或 4G。"),
    refused("bad-source", "RocketMQ 发布包的位置既不是绝对路径，也不是 http(s) URL。"),
    refused("bad-version", "版本不是三个数字，例如 5.5.0。"),
    of_id(
        "blank-at-the-end",
        "值以空格开头或结尾。",
        "RocketMQ 把空格当作值的一部分：\"true \" 就是 false，数字则回到默认值。",
        "去掉空格。",
    ),
    refused("control-character", "值中含有看不见的字符。"),
    of_id(
        "dead-key",
        "教程里还在写、但这个版本已不读取的键。",
        "它什么也不改变，而 RocketMQ 哪里也不说。",
        "去掉它；如果有别的键代替了它，`rocketmq-agent check` 会指出。",
    ),
    of_id(
        "derived-key",
        "手工设置了由文件其余部分得出的键。",
        "一件事有两个来源，总有一天会不一致：从节点变成主节点，或以别的地址注册。",
        "去掉它；决定它的是集群文件中的哪个键，会指出来。",
    ),
    refused("duplicate-key", "同一个键出现了两次。"),
    refused("empty-list", "列表中什么也没有。"),
    refused("empty-value", "值是空的。"),
    of_id(
        "even-number",
        "对集群文件投票的主机数目是偶数。",
        "多一台或少一台，能承受失去的主机一样多。",
        "在 sync.hosts 中写奇数台，或增加一个见证者。",
    ),
    of_id(
        "heap-too-small",
        "堆比 RocketMQ 启动所需的小。",
        "JVM 会以 OutOfMemoryError 结束。",
        "增大它，或不写这个键：堆的大小由主机的内存得出。",
    ),
    refused("host-twice", "一个列表中同一台主机写了两次。"),
    of_id(
        "http-without-sha512",
        "发布包经由普通 http 取得，没有校验和。",
        "途中的任何人都可以换上自己的程序。",
        "加上 rocketmq.sha512，或使用 https。",
    ),
    of_id(
        "key-of-a-neighbour",
        "相邻的版本有这个键；这个版本有没有，不知道。",
        "没有这个键的版本会忽略它。",
        "查询正在运行的 broker 的配置，或去掉这个键。",
    ),
    of_id(
        "known-vulnerability",
        "所要的版本有已知的漏洞。",
        "利用方法已经公开：有的漏洞让能连到 broker 端口的任何人在主机上执行命令。",
        "升级到所说的版本；在此之前，只让客户端和其他主机连到这些端口。",
    ),
    of_id(
        "loopback-address",
        "文件中不止一台主机，却有主机使用回环地址。",
        "broker 会以 127.0.0.1 注册，其他主机都连不到。",
        "给这台主机其他主机连得到的地址。",
    ),
    refused("missing-key", "缺少一个必需的键。"),
    of_id(
        "mode-needs-release",
        "这个模式需要更新的 RocketMQ 版本。",
        "broker 会以另一种模式启动，或根本启动不了。",
        "把 rocketmq.version 设为支持它的版本，或选择另一种模式。",
    ),
    refused("name-twice", "两个组或两台主机同名。"),
    refused("no-broker-host", "某个组要放在不属于 broker.hosts 的主机上。"),
    refused("no-hosts", "没有主机。"),
    refused("no-such-service", "主机上有 proxy 的设置，但它不运行 proxy。"),
    of_id(
        "no-sync-master",
        "在没有同步主节点的模式下设置了 broker.sync。",
        "它不会有任何作用。",
        "去掉它，或选择模式 \"2m-2s-sync\"。",
    ),
    refused("not-in-this-mode", "属于另一种模式的键。"),
    of_id(
        "option-has-a-key",
        "有专门的键的 Java 选项。",
        "排在最后的那个会生效。",
        "使用那个键：heap、young 或 direct_memory。",
    ),
    refused("out-of-range", "数字小于或大于合理的范围。"),
    of_id(
        "port-clash",
        "一台主机上的两个实例要用同一个端口；broker 占用 port-2、port 和 port+1。",
        "第二个会服务片刻，然后结束。",
        "让两个 broker 的端口相差 4 或更多。",
    ),
    refused("reserved-name", "组的名字与主机上别的东西同名。"),
    refused("syntax", "不是 TOML。"),
    of_id(
        "too-few-hosts",
        "这个模式需要更多主机。",
        "一个组的两份会在同一台机器上，或者少一台就没有多数了。",
        "增加主机，或选择适合的模式。",
    ),
    refused("too-many-groups", "文件中的组多于 cluster.groups 所允许的。"),
    refused("too-many-hosts", "文件中的主机多于这个模式所允许的。"),
    refused("unknown-host", "文件中没有的主机。"),
    of_id(
        "unknown-key",
        "不存在的键，或这个 RocketMQ 版本没有的键。",
        "RocketMQ 会一声不响地丢掉它。",
        "`rocketmq-agent check` 会指出最接近的键。",
    ),
    refused("unknown-layout", "不存在的布局。"),
    refused("unknown-mode", "不存在的模式。"),
    refused("unknown-version", "agent 不认识的 RocketMQ 版本。"),
    refused("unusable-address", "任何主机都不能有的地址，例如 0.0.0.0。"),
    refused("witness-runs-nothing", "要让见证者运行某个实例，而它只投票。"),
    of_id("witness-without-vote", "见证者不在投票的主机之中。", "那它就什么也不做。", "把它写进 sync.hosts。"),
    refused("wrong-count", "组的成员数目与它的模式不符。"),
    refused("wrong-type", "值的种类不对：该是数字的地方是文字，或者相反。"),
    of_id("young-too-large", "年轻代放不进堆里。", "JVM 启动不了。", "减小 young，或不写它。"),
];
