//! What a restart waits for, and what is so between the hosts.

use super::findings;

findings! {
    HOST_UNKNOWN: "host-unknown",
        "the agent of {host} does not answer‹: {why}›",
        "on {host}: `systemctl start rocketmq-agent`; `rocketmq-agent doctor reach` here says whether it is reached"
        => "{host} 的 agent 没有回答‹：{why}›",
        "在 {host} 上：`systemctl start rocketmq-agent`；在本机 `rocketmq-agent doctor reach` 会说明能否连到它";
    OTHER_FILE: "other-file",
        "{host} has another cluster.toml‹ than {own}›",
        "give every host the same cluster.toml"
        => "{host} 的 cluster.toml ‹与 {own} 的›不同",
        "让每台主机的 cluster.toml 相同";
    OTHER_PLACEMENT: "other-placement",
        "{host} places the brokers differently‹ than {own}›",
        "pin the groups with [[group]] hosts in cluster.toml"
        => "{host} 对 broker 的安排‹与 {own} ›不同",
        "在 cluster.toml 中用 [[group]] hosts 固定各组的位置";
    MANUAL: "manual",
        "the cluster file leaves restarts to a person",
        "`rocketmq-agent restart {instance}` on {host}, or restart = \"auto\" under [rollout] in cluster.toml, on every host"
        => "集群文件把重启留给人来做",
        "在 {host} 上 `rocketmq-agent restart {instance}`，或在每台主机 cluster.toml 的 [rollout] 下写 restart = \"auto\"";
    MANUAL_PENDING: "manual",
        "it runs with an older configuration; its restart is pending", ""
        => "它运行所用的是旧配置；等待重启", "";
    IN_FLIGHT: "in-flight",
        "{seat} {phase}", ""
        => "{seat} 正在重启（{phase}）", "";
    NOT_READY: "not-ready",
        "{seat} is {state}‹: {why}›", "‹on {host}: {fix}›"
        => "{seat} 的状态是 {state}‹：{why}›", "‹在 {host} 上：{fix}›";
    NOT_READY_ITSELF: "not-ready",
        "it is {state} itself‹: {why}›",
        "‹`rocketmq-agent restart {instance} --now` on {host}, where that does not help›"
        => "它自己的状态是 {state}‹：{why}›",
        "‹如果没有用，在 {host} 上 `rocketmq-agent restart {instance} --now`›";
    NOT_ITS_TURN: "not-its-turn",
        "{seat} is before it", ""
        => "{seat} 排在它前面", "";
    ONLY_MASTER: "only-master",
        "it is the only master: without it nobody takes messages",
        "‹`rocketmq-agent restart {instance} --now` on {host}, at a time of your choice›"
        => "它是唯一的主节点：没有它就没有谁接收消息",
        "‹选一个合适的时间，在 {host} 上 `rocketmq-agent restart {instance} --now`›";
    HOST_BLOCKED: "host-blocked",
        "{host}: {what}", ""
        => "{host} 停在一步：{what}", "";
    DRAINING_BEGINS: "draining",
        "its writers are asked to leave", ""
        => "正在请写入者离开它", "";
    DRAINING_ROUTES: "draining",
        "clients learn within 30 s that it takes no more messages", ""
        => "客户端在 30 秒内会知道它不再接收消息", "";
    DRAINING_SENDS: "draining",
        "clients still send to it", ""
        => "仍有客户端向它发送", "";
    DRAINING_SLAVE: "draining",
        "its slave does not have everything yet", ""
        => "它的从节点还没有全部消息", "";
    HANDING_OVER: "handing-over",
        "another member is to be its master", ""
        => "正在让另一个成员成为主节点", "";
}
