//! What the checks look at, and what goes wrong otherwise, in Chinese.

/// Of a check by its name.
pub fn in_chinese(id: &str) -> Option<(&'static str, &'static str)> {
    TEXTS.iter().find(|(of, ..)| *of == id).map(|(_, what, why)| (*what, *why))
}

const TEXTS: [(&str, &str, &str); 22] = [
    ("cluster-file", "集群文件有效，这台主机在其中。", "没有它 agent 不会启动；这里的错误会掩盖下面的检查。"),
    (
        "release",
        "所要的 RocketMQ 版本没有已知的漏洞。",
        "例如有 CVE-2023-33246 时，能连到 broker 端口的任何人都可以在主机上执行命令。",
    ),
    (
        "account",
        "用户和组 rocketmq 的 id 都是 3000，没有别人使用它们。",
        "RocketMQ 容器镜像的数据属于 3000:3000。id 不同的账号写不了它们，使用这些 id 的别的用户能读取和修改每条消息。",
    ),
    (
        "directories",
        "每个实例的每个目录都可以建立，或者已经存在并属于正确的账号。",
        "只要有一个不可用，agent 就什么也不启动。",
    ),
    (
        "owners",
        "每个实例的 store、logs 和 tmp 中的文件都属于运行它的账号。",
        "容器和手工启动的 broker 会留下别的用户的文件。不能写其中某个文件的 broker 会结束，报出的错误却说的是别的事。实例没有运行时，`--fix` 会改正。",
    ),
    (
        "disk",
        "base_dir 和存储所在的磁盘有空间、可写，并且写下的能保留。",
        "broker 从 75% 起删除旧消息，到 90% 不再接收；内存文件系统重启后什么都没有了。",
    ),
    (
        "java",
        "有一个能运行所要版本的 Java。",
        "任何版本都不能在低于 Java 8 的 Java 上运行；哪个版本在哪个 Java 上试过，见 docs/java.md。",
    ),
    ("memory", "所有实例的堆放得进这台主机的内存。", "放不下的会被内核结束，往往在半夜。"),
    (
        "swap",
        "没有交换区，或者内核只在需要时才使用它。",
        "被换出的堆在下次垃圾回收时要从磁盘读回：停顿几秒，其间别人当 broker 已经不在了。",
    ),
    (
        "sysctl",
        "vm.max_map_count、vm.swappiness、fs.file-max 和 fs.nr_open 符合 broker 的需要。",
        "每个消息文件都是一个映射和一个打开的文件；再放不下一个时，broker 就不接收消息了。",
    ),
    (
        "limits",
        "JVM 可以打开 655350 个文件。",
        "/etc/security/limits.conf 对服务不起作用，所以 RocketMQ 的 os.sh 写在那里的什么也不改变。",
    ),
    (
        "clock",
        "时钟跟随时间服务器，并且与其他主机的一致。",
        "保留时间、延迟消息和按时间的消费都依照 broker 的时钟；时间与主节点不同的从节点会删除别的文件。",
    ),
    ("address", "集群文件给这台主机的地址在它的某块网卡上。", "broker 以它注册；地址不对，客户端和从节点就找不到。"),
    (
        "names",
        "这台机器自己的名字可以解析，集群文件中的主机名也没有解析到别的主机的地址。",
        "集群本身只用地址。但是 JVM 启动时会查询自己主机的名字，不回答的解析器每次都要耗去几秒；指向别处的名字会误导人。",
    ),
    (
        "ports",
        "每个实例的每个端口都空着，或者由实例自己监听；HAProxy 的 agent-check 有自己的端口。",
        "第三个端口被占的 broker 会服务片刻，然后结束。",
    ),
    (
        "reach",
        "这台主机需要的其他主机的端口都连得到，从那边也连得到这台的端口。",
        "一切都在运行却没有复制：多半是防火墙放行了 listenPort，却忘了 listenPort+1。",
    ),
    (
        "public-address",
        "主机设有 public_address 时，这台主机连得到它们在那里的端口，也连得到自己的。",
        "路由中写的是它：从节点从主节点的这个地址复制 topic 和消费进度，主机上的 proxy 和工具也去那里。不把内部的连接引回内部的路由器会使它们得不到这些。",
    ),
    (
        "mtu",
        "网卡所发的最长的包能到达每台其他主机，也能从那边回来。",
        "只放行更短的包、又不说丢了什么的隧道或交换机会让每个连接都建立：端口开着，心跳正常，第一条大消息却停住，复制也一样。",
    ),
    (
        "firewall",
        "说明客户端、其他主机和它们的 agent 需要哪些端口，附 nftables 和 firewalld 的命令。",
        "agent 从不打开端口。别人能否通过，由他们的检查 `reach` 来说。",
    ),
    (
        "secrets",
        "可能含有密码或密钥的文件只有属主能读。",
        "agent 的记录中有每个 JVM 的环境变量；集群文件中可能有密钥。",
    ),
    (
        "certificate",
        "agent.toml 为配置同步指定的这台主机自己的证书可用，也不会很快过期。",
        "其他主机拒绝过期的证书：这时这台主机取不到集群文件的变更，也没有投票权。",
    ),
    (
        "tls",
        "实例在 TLS 中出示的证书和密钥存在、可用、彼此对应、只有运行它的账号能读密钥，也不会很快过期。",
        "用不了它们的 RocketMQ 仍然启动，只在日志中说一句，然后拒绝每个 TLS 连接；证书过期后核对证书的客户端就连不上了。",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;
    use crate::doctor::CHECKS;

    #[test]
    fn every_check_is_there_in_chinese() {
        let ids: Vec<&str> = CHECKS.iter().map(|check| check.id).collect();
        assert_eq!(TEXTS.map(|(id, ..)| id).to_vec(), ids);
        assert!(TEXTS.iter().all(|(_, what, why)| what.ends_with('。') && why.ends_with('。')));
    }
}
