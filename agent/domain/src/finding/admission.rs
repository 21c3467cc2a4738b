//! Why a member of a group does not start yet, what was done before it started, and that two members differ.

use super::findings;

findings! {
    WAITS_FOR_SLAVE: "waits-for-slave",
        "it was not closed cleanly, and host {host} does not say what its slave has: {why}. It starts without an answer {seconds} s after the first try",
        "start the agent on {host}, or `rocketmq-agent start {instance} --accept-loss`"
        => "它没有正常关闭，而主机 {host} 没有说明它的从节点有什么：{why}。首次询问 {seconds} 秒后仍无回答，它就会启动",
        "启动 {host} 上的 agent，或运行 `rocketmq-agent start {instance} --accept-loss`";
    WAITS_FOR_MASTER_HOST: "waits-for-master-log",
        "it was not closed cleanly, and host {host} does not say what its master has: {why}. It starts without an answer {seconds} s after the first try",
        "start the agent on {host}"
        => "它没有正常关闭，而主机 {host} 没有说明它的主节点有什么：{why}。首次询问 {seconds} 秒后仍无回答，它就会启动",
        "启动 {host} 上的 agent";
    COMPARING: "comparing-logs",
        "its commit log is being compared with the one on host {host}", ""
        => "正在把它的 commit log 与主机 {host} 上的比较", "";
    TAIL_REPAIR: "tail-repair",
        "it takes back what the other member on host {host} has and it lacks: {done} of {total}‹, about {seconds} s to go›",
        "wait: it starts when it has everything"
        => "它正在从主机 {host} 上的另一个成员取回它缺少的内容：{done}/{total}‹，大约还要 {seconds} 秒›",
        "等待：取回全部内容后它会启动";
    MASTER_BEHIND: "master-behind",
        "its slave on host {host} has {ahead} of messages that it lacks, and they cannot be taken back: {why}",
        "‹{cure}; ›`rocketmq-agent start {instance} --accept-loss` starts it and loses them"
        => "它在主机 {host} 上的从节点有 {ahead} 的消息是它没有的，而且无法取回：{why}",
        "‹{cure}；›`rocketmq-agent start {instance} --accept-loss` 会启动它并丢失这些消息";
    MASTER_EMPTY: "master-empty",
        "its store is empty, and its slave on host {host} has {size} of messages",
        "put its store back; `rocketmq-agent start {instance} --accept-loss` starts it empty and hides them"
        => "它的存储是空的，而它在主机 {host} 上的从节点有 {size} 的消息",
        "把它的存储放回去；`rocketmq-agent start {instance} --accept-loss` 会以空存储启动它，那些消息就看不到了";
    SLAVE_CUT: "slave-cut",
        "the slave on host {host} ends in {size} that are no whole message, and is restarted to cut them off", ""
        => "主机 {host} 上的从节点末尾有 {size} 不是完整的消息，正在重启它以截掉这部分", "";
    SLAVE_LONGER: "slave-longer",
        "its commit log reaches {ahead} past its master's, so it must not follow it: the master on host {host} has to take these messages back first",
        "see what keeps the master from it: `rocketmq-agent explain` on {host}"
        => "它的 commit log 比主节点的多 {ahead}，所以它不能跟随主节点：主机 {host} 上的主节点要先取回这些消息",
        "查看主节点为什么没有取回：在 {host} 上运行 `rocketmq-agent explain`";
    SLAVE_TOO_SHORT: "replication-gap",
        "its commit log ends at {slave}, and its master's begins at {master}: RocketMQ would never copy what lies between",
        "move its store folder aside: it then begins anew from its master; delete the old one when it has caught up"
        => "它的 commit log 到 {slave} 为止，主节点的从 {master} 开始：RocketMQ 永远不会复制中间的部分",
        "把它的存储目录移到一边：它会从主节点重新开始；赶上之后再删除旧的";
    DIVERGED: "diverged",
        "its commit log and the one on host {host} differ from offset {offset} on: the master's reaches {master}‹ (stored {master_time})›, the slave's {slave}‹ (stored {slave_time})›",
        "keep copies of both stores; the member whose messages you give up has to begin anew from the other one"
        => "它的 commit log 与主机 {host} 上的从偏移 {offset} 起不同：主节点的到 {master}‹（存储于 {master_time}）›，从节点的到 {slave}‹（存储于 {slave_time}）›",
        "保留两个存储的副本；放弃其消息的那个成员要从另一个重新开始";
    OTHER_FILE_SIZE: "other-file-size",
        "its commit log has files of {own}, and the one on host {host} has files of {other}: RocketMQ cannot replicate between them",
        "set mappedFileSizeCommitLog to the same value for both"
        => "它的 commit log 的文件是 {own}，而主机 {host} 上的是 {other}：RocketMQ 无法在它们之间复制",
        "把两者的 mappedFileSizeCommitLog 设为相同的值";
    NOT_COMPARED: "not-compared",
        "its commit log cannot be compared with the one on host {host}: {why}", "it is tried again"
        => "无法把它的 commit log 与主机 {host} 上的比较：{why}", "会再次尝试";
    STARTED_ALONE: "started-alone",
        "it was not closed cleanly, and started after {seconds} s without a word from host {host}: what only its slave has is not in it",
        "bring {host} back: its slave is compared before it follows"
        => "它没有正常关闭，在 {seconds} 秒没有主机 {host} 的回答之后启动：只有从节点才有的内容它没有",
        "让 {host} 恢复：从节点在跟随之前会先比较";
    LOSS_ACCEPTED: "loss-accepted",
        "it was started by hand without what its slave on host {host} has", ""
        => "它被手动启动，没有取回主机 {host} 上的从节点有的内容", "";
    TAIL_REPAIRED: "tail-repaired",
        "before its start it took back {size} of messages from the member on host {host}, from offset {offset} on", ""
        => "启动之前，它从主机 {host} 上的成员取回了 {size} 的消息，从偏移 {offset} 起", "";
}
