//! Why no broker may start on a store.

use super::findings;

/// What to do about a store of another mode, in both languages.
const BACK: [&str; 2] = [
    "set cluster.mode back: RocketMQ cannot take a store from one mode to another; to change it, set up new groups, let consumers finish the old ones, and take those away",
    "把 cluster.mode 改回来：RocketMQ 不能把存储从一种模式转到另一种；要换模式，就建立新的组，让消费者消费完旧的组，再撤掉旧的",
];

findings! {
    STORE_OF_ANOTHER_BROKER: "foreign-store",
        "the store {store} belongs to {owner} of cluster {cluster}, not to {broker} of {own}",
        "move it away, or give the group its old name with [[group]] in cluster.toml"
        => "存储 {store} 属于集群 {cluster} 的 {owner}，不属于 {own} 的 {broker}",
        "把它移走，或在 cluster.toml 中用 [[group]] 让组用回原来的名字";
    STORE_OF_OTHER_TOPICS: "foreign-store",
        "the store {store} belongs to {owner}, not to {broker}",
        "move it away, or name the group after it with [[group]] in cluster.toml"
        => "存储 {store} 属于 {owner}，不属于 {broker}",
        "把它移走，或在 cluster.toml 中用 [[group]] 让组用它的名字";
    STORE_KNOWN_OTHERWISE: "foreign-store",
        "the store {store} is known to the controllers as {owner} of cluster {cluster}",
        "move it away, or give the group its old name with [[group]] in cluster.toml"
        => "controller 知道存储 {store} 是集群 {cluster} 的 {owner}",
        "把它移走，或在 cluster.toml 中用 [[group]] 让组用回原来的名字";
    COMMIT_LOG_MOVED: "commit-log-moved",
        "the messages of {store} are in {found}, and the broker would look in {wanted}",
        "set cluster.base_dir and cluster.layout back"
        => "{store} 的消息在 {found}，而 broker 会在 {wanted} 里找",
        "把 cluster.base_dir 和 cluster.layout 改回来";
    COMMIT_LOG_MISSING: "commit-log-missing",
        "{store} has consume queues, and there is no commit log in {wanted}",
        "move the commit log there: a broker started now would begin at offset 0 and delete the queues"
        => "{store} 有 consume queue，而 {wanted} 里没有 commit log",
        "把 commit log 移到那里：现在启动的 broker 会从 offset 0 开始，并删除这些队列";
    STORE_OWNER: "store-owner",
        "the store {store} holds what its broker may not write: {strangers}",
        "`rocketmq-agent doctor --fix` gives them to the account of the broker"
        => "存储 {store} 里有 broker 不能写的东西：{strangers}",
        "`rocketmq-agent doctor --fix` 会把它们交给 broker 的账号";
    OTHER_MEMBER: "other-member",
        "the messages of {store} are in {found}, and the broker would look in {wanted}",
        "put each store back on the host whose member wrote it"
        => "{store} 的消息在 {found}，而 broker 会在 {wanted} 里找",
        "把每个存储放回写入它的成员所在的主机";
    OTHER_MODE: "other-mode",
        "the messages of {store} are in {found}, and the broker would look in {wanted}",
        BACK[0]
        => "{store} 的消息在 {found}，而 broker 会在 {wanted} 里找",
        BACK[1];
    NOT_OF_CONTROLLER_MODE: "other-mode",
        "the store {store} was not made in controller mode",
        BACK[0]
        => "存储 {store} 不是在 controller 模式下建立的",
        BACK[1];
    OF_CONTROLLER_MODE: "other-mode",
        "the store {store} was made in controller mode",
        BACK[0]
        => "存储 {store} 是在 controller 模式下建立的",
        BACK[1];
    STORE_UNKNOWN: "store-unknown",
        "its store cannot be looked at: {why}", ""
        => "无法查看它的存储：{why}", "";
    FOREIGN_CONF: "foreign-conf",
        "{path} was written by hand for another broker or store: {how}",
        "say the same in cluster.toml (name, group, role, broker.config), or move away what is not its"
        => "{path} 是手工为另一个 broker 或存储写的：{how}",
        "在 cluster.toml 中写成一样（名字、组、角色、broker.config），或移走不属于它的东西";
}
