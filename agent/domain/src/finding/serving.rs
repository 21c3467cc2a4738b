//! What is found of instances whose process runs.

use super::findings;

findings! {
    STARTING: "starting",
        "it has just started and was not asked yet", ""
        => "它刚刚启动，还没有问过它", "";
    NOT_ANSWERING: "not-answering",
        "its process runs and does not answer: {why}", ""
        => "它的进程在运行，但不回答：{why}", "";
    PROCESS_UNKNOWN: "process-unknown",
        "its process cannot be looked at: {why}", ""
        => "无法查看它的进程：{why}", "";
    STOPPING: "stopping",
        "it is stopping and flushes its store", ""
        => "它正在停止，并把存储写到磁盘", "";
    STOPPED: "stopped",
        "it does not run yet", ""
        => "它还没有运行", "";
    STOPPED_WITH: "stopped",
        "it ended with {exit}", ""
        => "它已结束（{exit}）", "";
    AGENT_ENDING: "agent-ending",
        "the agent was told to end and stops it", ""
        => "agent 收到结束的命令，正在停止它", "";
    RECOVERING: "recovering",
        "it reads its store, which was not closed cleanly: {done} of {total} commit log files, {percent} %‹, about {seconds} s to go›‹, about {minutes} min to go›",
        "wait: it is not restarted for it, and a restart would begin anew"
        => "它正在读没有正常关闭的存储：commit log 文件 {done}/{total}，{percent} %‹，大约还要 {seconds} 秒›‹，大约还要 {minutes} 分钟›",
        "等待：agent 不会因此重启它，重启会从头再来";
    NAMESRV_UNREACHABLE: "namesrv-unreachable",
        "whether NameServer {namesrv} knows it cannot be told: {why}", "look at that NameServer"
        => "不知道 NameServer {namesrv} 是否有它：{why}", "查看那个 NameServer";
    NAMESRV_NOT_TOLD: "namesrv-not-told",
        "it was started before NameServer {namesrv} was in cluster.toml", "it registers there when it is told"
        => "它启动时 NameServer {namesrv} 还不在 cluster.toml 里", "告诉它之后，它就会在那里注册";
    TWO_CLAIMANTS: "two-claimants",
        "NameServer {namesrv} has {group} with brokerId {id} at {other}, not at {own}",
        "two brokers claim one identity: stop the one that is not in cluster.toml"
        => "NameServer {namesrv} 里 {group} 的 brokerId {id} 在 {other}，不在 {own}",
        "两个 broker 用了同一个身份：停掉不在 cluster.toml 里的那个";
    NOT_REGISTERED: "not-registered",
        "NameServer {namesrv} does not have {group} with brokerId {id}",
        "it registers every 30 s; if it stays so, look at its broker.log"
        => "NameServer {namesrv} 里没有 {group} 的 brokerId {id}",
        "它每 30 秒注册一次；如果一直如此，查看它的 broker.log";
    ROUTES_INCOMPLETE: "routes-incomplete",
        "it has not heard yet of {brokers}‹ and {more} more›, which run: clients that ask it find no way there",
        "wait: brokers register every 30 s, and after two minutes it counts as ready all the same"
        => "它还没有收到 {brokers}‹ 等，另有 {more} 个›的注册，而它们在运行：问它的客户端找不到去那里的路",
        "等待：broker 每 30 秒注册一次，两分钟之后它无论如何都算就绪";
    WRONG_ID: "wrong-id",
        "NameServer {namesrv} has {own} as {group} with brokerId {other}, not {id}",
        "compare broker.conf with what the broker runs with"
        => "NameServer {namesrv} 里 {own} 是 {group} 的 brokerId {other}，不是 {id}",
        "把 broker.conf 与 broker 运行所用的配置相比较";
    CONFIG_UNKNOWN: "config-unknown",
        "what it runs with cannot be read: {why}", ""
        => "无法读取它运行所用的配置：{why}", "";
    CONFIG_DIFFERS: "config-differs",
        "it runs with {key} = {found}, and \"{wanted}\" was rendered",
        "somebody changed it online, or this release does not understand it; a restart brings it back"
        => "它运行所用的 {key} = {found}，而生成的是 \"{wanted}\"",
        "有人在线改过，或这个版本不认识这个值；重启会恢复";
    CONFIG_DIFFERS_FROM_DEFAULT: "config-differs",
        "it runs with {key} = \"{found}\", and cluster.toml leaves it at \"{wanted}\"",
        "somebody changed it online: put it into cluster.toml, or set it back; a restart does that too"
        => "它运行所用的 {key} = \"{found}\"，而 cluster.toml 没有改它，应为 \"{wanted}\"",
        "有人在线改过：写进 cluster.toml，或改回去；重启也会改回去";
    SYNC_LOWERED: "sync-lowered",
        "it acknowledges sends without its slave ({key} = 1): what it takes now is on it alone",
        "bring its slave back; sends wait for it again once it has caught up (broker.sync = \"available\")"
        => "它不等从节点就确认发送（{key} = 1）：现在收到的消息只在它这里",
        "让从节点回来；从节点追上后，发送又会等它（broker.sync = \"available\"）";
    SYNC_STRICT: "sync-strict",
        "no send to it is answered SEND_OK until its slave is back (broker.sync = \"strict\")", ""
        => "从节点回来之前，发给它的消息都得不到 SEND_OK（broker.sync = \"strict\"）", "";
    SYNC_NOT_LOWERED: "sync-not-lowered",
        "sends to it are stored and answered SLAVE_NOT_AVAILABLE until its slave is back: RocketMQ 4.x has nothing that could be lowered, whatever broker.sync says", ""
        => "从节点回来之前，发给它的消息会存下，但回答 SLAVE_NOT_AVAILABLE：RocketMQ 4.x 没有可以放宽的设置，不管 broker.sync 怎么写", "";
    READ_ONLY: "read-only",
        "it takes no messages: it runs with brokerPermission = {permission}",
        "somebody took its write permission online; `mqadmin updateBrokerConfig -k brokerPermission -v 6` or a restart gives it back"
        => "它不接收消息：它运行所用的 brokerPermission = {permission}",
        "有人在线去掉了写权限；`mqadmin updateBrokerConfig -k brokerPermission -v 6` 或重启会恢复";
    MASTER_UNREACHABLE: "master-unreachable",
        "its master‹ {master}› does not answer: {why}", "‹look at host {host}›"
        => "它的主节点‹ {master} ›没有回答：{why}", "‹查看主机 {host}›";
    SLAVE_UNREACHABLE: "slave-unreachable",
        "its slave does not answer: {why}", "‹look at host {host}›"
        => "它的从节点没有回答：{why}", "‹查看主机 {host}›";
    NO_REPLICATION_OF_SLAVE: "no-replication",
        "it has no connection to its master's HA port‹ {address}›",
        "it connects after its next registration (30 s); if it stays so, open listenPort+1 between the hosts"
        => "它没有连到主节点的 HA 端口‹ {address}›",
        "它在下一次注册（30 秒）之后会连上；如果一直如此，在主机之间开放 listenPort+1";
    NO_REPLICATION_OF_MASTER: "no-replication",
        "no slave is connected to its HA port",
        "it connects after its next registration (30 s); if it stays so, open listenPort+1 between the hosts"
        => "没有从节点连到它的 HA 端口",
        "从节点在下一次注册（30 秒）之后会连上；如果一直如此，在主机之间开放 listenPort+1";
    REPLICATION_SETTLING: "replication-settling",
        "replication was connected a moment ago and begins within seconds; sends would time out", ""
        => "复制刚刚连上，几秒后开始；现在发送会超时", "";
    SLAVE_EMPTY: "slave-empty",
        "it has nothing of its master's log yet", "replication begins within seconds of the connection"
        => "它还没有主节点的任何日志", "连上之后几秒复制就会开始";
    SLAVE_EMPTY_OF_MASTER: "slave-empty",
        "its slave has nothing of its log yet", "replication begins within seconds of the connection"
        => "它的从节点还没有它的任何日志", "连上之后几秒复制就会开始";
    SLAVE_AHEAD: "slave-ahead",
        "the slave is {ahead} ahead of its master",
        "the master lost the end of its log: it is stopped, and takes back what it lacks before it starts again"
        => "从节点比主节点多 {ahead}",
        "主节点丢了日志的末尾：它会停止，并在再次启动之前取回缺少的内容";
    LAGGING_SLAVE: "lagging",
        "it is {lag} behind its master (broker.max_lag is {limit})", ""
        => "它比主节点落后 {lag}（broker.max_lag 是 {limit}）", "";
    LAGGING_MASTER: "lagging",
        "its slave is {lag} behind (broker.max_lag is {limit})", ""
        => "它的从节点落后 {lag}（broker.max_lag 是 {limit}）", "";
    NO_HISTORY: "no-history",
        "it has no history before offset {offset}: {missing} of older messages are on the master only",
        "wait until retention has passed, or copy the master's store while it is stopped"
        => "它没有偏移 {offset} 之前的历史：有 {missing} 更早的消息只在主节点上",
        "等到保留时间过去，或在主节点停止时复制它的存储";
    DISK_REFUSES: "disk-full",
        "its disk is {percent} % full; from 90 % on RocketMQ takes no messages",
        "make room on it, or lower fileReservedTime so that messages expire sooner"
        => "它的磁盘已用 {percent} %；到 90 % RocketMQ 就不再接收消息",
        "在磁盘上腾出空间，或减小 fileReservedTime，让消息更早过期";
    SENDS_HELD: "sends-held",
        "it takes no messages: the agent holds sends back while its disk is full, for RocketMQ acknowledges what it cannot write in the first minute of a broker",
        "make room on its disk; the agent then lets it take messages again, without a restart"
        => "它不接收消息：磁盘满时 agent 不让它接收发送，因为 RocketMQ 在 broker 启动后的第一分钟会确认它写不下的消息",
        "在它的磁盘上腾出空间；之后 agent 会让它重新接收消息，不用重启";
    LOG_GAP: "log-gap",
        "its commit log has a gap at offset {offset}: RocketMQ acknowledged what it could not write while its disk was full; it takes no messages, for the next start drops all that comes behind the gap",
        "make room on its disk, then restart it: `rocketmq-agent restart INSTANCE`"
        => "它的 commit log 在偏移 {offset} 处有缺口：磁盘满时 RocketMQ 确认了它写不下的消息；它不接收消息，因为下次启动会丢弃缺口之后的一切",
        "在它的磁盘上腾出空间，然后重启它：`rocketmq-agent restart INSTANCE`";
    DISK_DELETES: "disk-nearly-full",
        "its disk is {percent} % full; from 85 % on RocketMQ deletes messages before they expire",
        "make room on it, or lower fileReservedTime so that messages expire sooner"
        => "它的磁盘已用 {percent} %；超过 85 % RocketMQ 会提前删除未过期的消息",
        "在磁盘上腾出空间，或减小 fileReservedTime，让消息更早过期";
    DISK_NEARLY_FULL: "disk-nearly-full",
        "its disk is {percent} % full; at 90 % RocketMQ takes no messages any more",
        "make room on it, or lower fileReservedTime so that messages expire sooner"
        => "它的磁盘已用 {percent} %；到 90 % RocketMQ 就不再接收消息",
        "在磁盘上腾出空间，或减小 fileReservedTime，让消息更早过期";
    DISK_FILLS: "disk-fills",
        "its disk is {percent} % full and fills by {speed} % an hour: 90 % in about ‹{minutes} min›‹{hours} h›",
        "make room on it, or lower fileReservedTime so that messages expire sooner"
        => "它的磁盘已用 {percent} %，每小时增加 {speed} %：大约‹ {minutes} 分钟›‹ {hours} 小时›后到 90 %",
        "在磁盘上腾出空间，或减小 fileReservedTime，让消息更早过期";
    PAGE_CACHE_BUSY: "page-cache-busy",
        "one message has been being stored for {ms} ms; from {limit} ms on it refuses sends (PCBUSY)",
        "look at the disk (iostat -x), at swap, and at what else writes to it"
        => "一条消息已经存了 {ms} 毫秒；从 {limit} 毫秒起它拒绝发送（PCBUSY）",
        "查看磁盘（iostat -x）、交换分区，以及还有什么在写这块磁盘";
    QUEUE_WAITS: "queue-waits",
        "the first {word} in its queue has waited for {ms} ms; from {limit} ms on they are refused (TIMEOUT_CLEAN_QUEUE)",
        "look at the disk (iostat -x), at swap, and at what else writes to it"
        => "队列里第一个 {word} 请求已经等了 {ms} 毫秒；从 {limit} 毫秒起会被拒绝（TIMEOUT_CLEAN_QUEUE）",
        "查看磁盘（iostat -x）、交换分区，以及还有什么在写这块磁盘";
    NO_ROUTE: "no-route",
        "it answers, and does not know the way to a broker: {code} {message}",
        "it learns the way from the NameServers: look at these and at the masters"
        => "它会回答，但不知道去 broker 的路：{code} {message}",
        "它从 NameServer 得知路由：查看它们和主节点";
    REMOTING_SILENT: "remoting-silent",
        "it does not answer clients of the remoting protocol: {why}", ""
        => "它不回答 remoting 协议的客户端：{why}", "";
    UNAUTHORIZED: "unauthorized",
        "{who} does not take this host's credential: {said}",
        "compare [acl] of cluster.toml and its key_file with what the brokers have: docs/acl.md says how a key is changed"
        => "{who}不接受这台主机的凭据：{said}",
        "把 cluster.toml 的 [acl] 和它的 key_file 与 broker 用的相比较；怎样更换密钥见 docs/acl.md";
    REPLICATION_UNKNOWN: "replication-unknown",
        "whether it replicates cannot be told: {why}", ""
        => "不知道它是否在复制：{why}", "";
    REPLICATION_LOOPS: "replication-loops",
        "{who} connected {count} times for replication in the last three minutes",
        "look for the reason in the slave's rocketmqlogs/store.log: its disk, or a log that does not fit its master's"
        => "{who}在最近三分钟内为复制连接了 {count} 次",
        "在从节点的 rocketmqlogs/store.log 中找原因：它的磁盘，或它的日志与主节点的对不上";
    REPLICATION_GAP_OF_SLAVE: "replication-gap",
        "its log ends at {slave} and its master's begins at {master}: what lies between is nowhere any more, and the slave never catches up",
        "stop the slave, move its store folder aside and start it: it begins anew from its master; delete the old one when it has caught up"
        => "它的日志到 {slave} 为止，主节点的从 {master} 开始：中间的部分哪里都没有了，从节点永远赶不上",
        "停止从节点，把它的存储目录移到一边，再启动它：它会从主节点重新开始；赶上之后再删除旧的";
    REPLICATION_GAP_OF_MASTER: "replication-gap",
        "its slave's log ends at {slave} and its own begins at {master}: what lies between is nowhere any more, and the slave never catches up",
        "stop the slave, move its store folder aside and start it: it begins anew from its master; delete the old one when it has caught up"
        => "它的从节点的日志到 {slave} 为止，它自己的从 {master} 开始：中间的部分哪里都没有了，从节点永远赶不上",
        "停止从节点，把它的存储目录移到一边，再启动它：它会从主节点重新开始；赶上之后再删除旧的";
    TOPICS_MISSING: "topics-missing",
        "it has not {count} topics that the other masters have: {topics}‹ and {more} more›",
        "`rocketmq-agent copy-topics` shows and makes them, with their consumer groups"
        => "它没有其他主节点都有的 {count} 个主题：{topics}‹ 等，另有 {more} 个›",
        "`rocketmq-agent copy-topics` 会列出并建立它们，连同消费组";
    OFFSETS_CARRIED: "offsets-carried",
        "before its start it took over {queues} consumer offsets from its slave {slave}‹, so that {messages} messages are not consumed again ({entries}‹ and {more} more›)›‹; {beyond} were left, as the slave is beyond the end of the master's queues›",
        "‹what they were before is in {backup}›"
        => "启动之前，它从从节点 {slave} 取回了 {queues} 个消费位点‹，因此 {messages} 条消息不会被重复消费（{entries}‹ 等，另有 {more} 项›）›‹；留下 {beyond} 个没有取，因为从节点的位点超过了主节点队列的末尾›",
        "‹原来的位点在 {backup}›";
}
