//! What stands in the way on a host before anything of RocketMQ is started there.

use super::findings;

findings! {
    ACCOUNT_UNUSABLE: "account-unusable",
        "{why}", ""
        => "运行 RocketMQ 的账号不能用：{why}", "";
    CLUSTER_FILE_NOT_TAKEN: "cluster-file-not-taken",
        "cluster.toml is not taken: {why}", "put it right; until then the last good one holds"
        => "没有采用 cluster.toml：{why}", "把它改对；在此之前仍按上一份正确的执行";
    NO_DOCUMENT_YET: "no-document-yet",
        "the hosts have not agreed on a cluster file yet, and nothing is started before they do",
        "`rocketmq-agent config status` says who is waited for, or which lines differ"
        => "各主机还没有就集群文件达成一致，在此之前什么也不启动",
        "`rocketmq-agent config status` 会说明在等谁，或哪些行不同";
    PAUSED: "paused",
        "{author} on {host} paused everything ({message})", "`rocketmq-agent resume` lets it go on"
        => "{author} 在 {host} 上暂停了一切（{message}）", "`rocketmq-agent resume` 让它继续";
    PORT_OF_AGENT: "port-of-agent",
        "{why}; the instances of this host are supervised all the same",
        "end what has the port, or set another one in agent.toml; it is tried again every 5 s"
        => "{why}；本机的实例仍在监管之下",
        "结束占用该端口的进程，或在 agent.toml 中换一个；每 5 秒再试一次";
    DISK_READ_ONLY: "disk-read-only",
        "{path} is on a disk that is mounted read-only",
        "`dmesg` says why where the disk failed; mount it for writing again, and restart rocketmq-agent where it goes on saying this"
        => "{path} 所在的磁盘被挂载为只读",
        "如果是磁盘出错，`dmesg` 会说明原因；重新挂载为可写，如果之后仍这样说，就重启 rocketmq-agent";
    FOLDER_NOT_USABLE: "folder-unusable",
        "{path} {why}", "give it to the account that RocketMQ runs as, or set base_dir in cluster.toml"
        => "目录 {path} 不能用：{why}", "把它交给运行 RocketMQ 的账号，或在 cluster.toml 中设置 base_dir";
    FOLDER_UNKNOWN: "folder-unknown",
        "{path} cannot be looked at: {why}", ""
        => "无法查看 {path}：{why}", "";
    FILE_UNKNOWN: "file-unknown",
        "{path} cannot be read: {why}", ""
        => "无法读取 {path}：{why}", "";
    ACL_KEY: "acl-key",
        "{why}",
        "put the key of [acl] there on every host, the same one, for the agent's account alone (mode 0600)"
        => "[acl] 的密钥文件不能用：{why}",
        "在每台主机上把 [acl] 的密钥放在那里，用同一个，只给 agent 的账号读（权限 0600）";
    NO_SOURCE: "no-source",
        "RocketMQ {version} is not on this host", "say in cluster.toml where it comes from: rocketmq.source"
        => "这台主机上没有 RocketMQ {version}", "在 cluster.toml 中写明从哪里取：rocketmq.source";
    INSTALLING: "installing",
        "RocketMQ {version} is being installed: {progress}", ""
        => "正在安装 RocketMQ {version}：{progress}", "";
    FETCHING_JAR: "installing",
        "its jar is being fetched: {progress}", ""
        => "正在获取它的 jar：{progress}", "";
    INSTALL_FAILED: "install-failed",
        "{why}", "put {source} and {sum} in cluster.toml right"
        => "安装失败：{why}", "改正 cluster.toml 中的 {source} 和 {sum}";
    DISTRIBUTION_UNKNOWN: "distribution-unknown",
        "{path}: {why}", ""
        => "不知道 {path} 中有没有 RocketMQ：{why}", "";
    USERS_MISSING: "users-missing",
        "it is to ask who you are, and {path} is not there",
        "write it, a line name=password,1 for each administrator, and give it to the account of RocketMQ with mode 0600"
        => "它要求登录，而 {path} 不存在",
        "写这个文件，每个管理员一行 name=password,1，并交给 RocketMQ 的账号，权限 0600";
    ADDRESS_ON_NO_CARD: "address-not-here",
        "the address {address} is on no network card of this host (it has {found})",
        "put host.address right in cluster.toml, or say nat = true there"
        => "地址 {address} 不在本机的任何网卡上（本机有 {found}）",
        "改正 cluster.toml 的 host.address，或在那里写 nat = true";
    WAITS_FOR_MASTER: "waits-for-master",
        "it waits for a master: {why}", ""
        => "它在等主节点：{why}", "";
    STEP_FAILED: "step-failed",
        "cannot {step}: {why}", ""
        => "没有做成这一步（{step}）：{why}", "";
}
