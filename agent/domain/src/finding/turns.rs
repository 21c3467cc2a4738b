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
        "the {role}‹ of {of}› on {on} {phase}", ""
        => "{role}（{on}‹ 的 {of}›）{phase}", "";
    NOT_READY: "not-ready",
        "the {role}‹ of {of}› on {on} is {state}‹: {of.what}›", "‹on {on}: {of.fix}›"
        => "{role}（{on}‹ 的 {of}›）{state}‹：{of.what}›", "‹在 {on} 上：{of.fix}›";
    NOT_READY_ITSELF: "not-ready",
        "it is {state} itself‹: {of.what}›",
        "‹`rocketmq-agent restart {instance} --now` on {host}, where that does not help›"
        => "它自己{state}‹：{of.what}›",
        "‹如果没有用，在 {host} 上 `rocketmq-agent restart {instance} --now`›";
    NOT_ITS_TURN: "not-its-turn",
        "the {role}‹ of {of}› on {on} is before it", ""
        => "{role}（{on}‹ 的 {of}›）排在它前面", "";
    ONLY_MASTER: "only-master",
        "it is the only master: without it nobody takes messages",
        "‹`rocketmq-agent restart {instance} --now` on {host}, at a time of your choice›"
        => "它是唯一的主节点：没有它就没有谁接收消息",
        "‹选一个合适的时间，在 {host} 上 `rocketmq-agent restart {instance} --now`›";
    HOST_BLOCKED: "host-blocked",
        "{host}: {of.what}", "‹{of.fix}›"
        => "{host} 停在一步：{of.what}", "‹{of.fix}›";
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
    INSTANCE_UNKNOWN: "instance-unknown",
        "the agent of {on} does not know the {role}‹ of {of}› on {on}", "give every host the same cluster.toml"
        => "{on} 的 agent 不知道 {role}（{on}‹ 的 {of}›）", "让每台主机的 cluster.toml 相同";
    NAMESRV_UNSEEN: "not-ready",
        "the {role}‹ of {of}› on {on}: {of.what}", "‹{of.fix}›"
        => "{role}（{on}‹ 的 {of}›）：{of.what}", "‹{of.fix}›";
    ONLY_NAMESRV: "only-namesrv",
        "it is the only NameServer: without it no client finds a broker", ""
        => "它是唯一的 NameServer：没有它，客户端找不到任何 broker", "";
    ONLY_CONTROLLER: "only-controller",
        "it is the only controller: without it no group gets another master", ""
        => "它是唯一的 controller：没有它，任何组都得不到新的主节点", "";
    ONLY_PROXY: "only-proxy",
        "it is the only proxy: without it gRPC clients can do nothing", ""
        => "它是唯一的 proxy：没有它，gRPC 客户端什么也做不了", "";
    DRAINING_LENT: "draining",
        "until its slave is back and in sync", ""
        => "直到它的从节点回来并同步", "";
    DRAINING_ASKED: "draining",
        "its master's agent is asked for that", ""
        => "已请它的主节点的 agent 这样做", "";
    NOT_READY_AGAIN: "not-ready",
        "it is {state}", "‹{of.what}›"
        => "它{state}", "‹{of.what}›";
    NO_HANDOVER: "no-handover",
        "its group did not come to another master and in sync with it", ""
        => "它的组没有换到另一个主节点并与之同步", "";
    PERMISSION: "permission",
        "it runs with {key} = {has}", ""
        => "它运行所用的 {key} = {has}", "";
    DOWN_NAMESRVS: "down",
        "no NameServer answers, so that clients find no broker", ""
        => "没有 NameServer 回答，客户端找不到任何 broker", "";
    DOWN_MASTERS: "down",
        "no master takes messages", ""
        => "没有主节点接收消息", "";
    DOWN_GROUP: "down",
        "no member of {group} answers, so that its messages cannot be read", ""
        => "{group} 没有成员回答，它的消息无法读取", "";
}
