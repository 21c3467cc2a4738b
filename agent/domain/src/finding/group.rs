//! What is found of controllers, and of groups that elect their master.

use super::findings;

findings! {
    CONTROLLER_UNREACHABLE: "controller-unreachable",
        "controller {address} does not answer: {why}", ""
        => "controller {address} 没有回答：{why}", "";
    NO_LEADER: "no-leader",
        "it knows no leader of the controllers, of which {answering} of {all} answer",
        "most of them must run to elect one, and then masters"
        => "它不知道哪个 controller 是领导者；{all} 个 controller 中有 {answering} 个回答",
        "多数 controller 在运行才能选出领导者，然后才能选出主节点";
    LEADERS_DIFFER: "leaders-differ",
        "the controllers name different leaders: {named}", "it passes in seconds, or they do not reach each other"
        => "各 controller 说的领导者不同：{named}", "几秒后会过去；否则就是它们互相连不通";
    MEMBER_NOT_REGISTERED: "not-registered",
        "NameServer {namesrv} does not have it in {group}",
        "it registers when ‹a {controller} has given it a role; look at the controllers and its broker.log›‹its group has elected a {leader}; look at its broker.log›"
        => "NameServer {namesrv} 的 {group} 里没有它",
        "‹{controller} 给它角色之后它就会注册；查看 controller 和它的 broker.log›‹组里选出 {leader} 之后它就会注册；查看它的 broker.log›";
    NO_MASTER: "no-master",
        "{group} has no master in NameServer {namesrv}: nobody can send to it",
        "‹a {controller} elects one of the members that are in sync; look whether those run›‹most of its {members} must run to elect one›"
        => "NameServer {namesrv} 里 {group} 没有主节点：没有谁能向它发送",
        "‹{controller} 会从同步的成员中选出一个；查看它们是否在运行›‹多数 {members} 在运行才能选出一个›";
    MASTERS_DIFFER: "masters-differ",
        "the NameServers name different masters of {group}: {master} and {other}",
        "after an election it passes in seconds"
        => "各 NameServer 说的 {group} 的主节点不同：{master} 和 {other}",
        "选举之后几秒就会过去";
    MASTER_OF_NOBODY: "two-claimants",
        "the NameServers have {group} with brokerId 0 at {master}, which is none of its members",
        "stop the one that is not in cluster.toml"
        => "NameServer 里 {group} 的 brokerId 0 在 {master}，那不是组里的成员",
        "停掉不在 cluster.toml 里的那个";
    MEMBER_UNREACHABLE: "member-unreachable",
        "the member of {group} at {address} does not answer: {why}", ""
        => "{group} 在 {address} 的成员没有回答：{why}", "";
    SYNC_UNKNOWN_OF_GROUP: "sync-unknown",
        "which members of {group} are in sync cannot be told: {why}",
        "while the controllers have no leader no other master is elected"
        => "不知道 {group} 的哪些成员是同步的：{why}",
        "controller 没有领导者期间，不会选出另一个主节点";
    SYNC_UNKNOWN: "sync-unknown",
        "whether it is in sync cannot be told: {why}", "look at the controllers"
        => "不知道它是否同步：{why}", "查看各 controller";
    TOO_FEW_IN_SYNC: "too-few-in-sync",
        "{count} of the {all} members of {group} are in sync, and it takes messages from {least} on",
        "members come back in sync by themselves once they run"
        => "{group} 的 {all} 个成员中有 {count} 个同步，至少 {least} 个同步它才接收消息",
        "成员运行起来后会自己重新同步";
    MEMBER_NOT_IN_SYNC: "member-not-in-sync",
        "{count} of the {all} members of {group} are in sync", ""
        => "{group} 的 {all} 个成员中有 {count} 个同步", "";
    NOT_IN_SYNC: "not-in-sync",
        "the controllers do not count it as in sync: it would not be elected",
        "it is counted when it has all that its master has"
        => "controller 没有把它算作同步的成员：它不会当选",
        "它有了主节点的全部消息后就会算进去";
    MEMBER_AHEAD: "slave-ahead",
        "it is {ahead} ahead of its master",
        "after an election it gives up what was never acknowledged; if it stays so, compare the stores"
        => "它比主节点多 {ahead}",
        "选举之后它会丢弃从未确认过的部分；如果一直如此，比较两边的存储";
    WITNESS_WITHOUT_SECRET: "witness-without-secret",
        "this host is a witness, and without a secret it has no vote",
        "copy cluster.secret from another host, mode 0600, and restart rocketmq-agent"
        => "这台主机是见证者，没有密钥就没有投票权",
        "从另一台主机复制 cluster.secret，权限 0600，并重启 rocketmq-agent";
    WITNESS_WITHOUT_DOCUMENT: "witness-without-document",
        "this host is a witness, and holds no committed cluster file yet",
        "`rocketmq-agent config status` says what is waited for"
        => "这台主机是见证者，还没有持有已提交的集群文件",
        "`rocketmq-agent config status` 会说明在等什么";
}
