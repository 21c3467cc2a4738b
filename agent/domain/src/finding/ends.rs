//! Why instances ended, or may not start. The words of [`crate::cause`]'s table of texts are here too.

use super::findings;

findings! {
    PORT_IN_USE: "port-in-use",
        "port {port} is taken by {occupant}",
        "stop that process, or give the instance another port in cluster.toml (a broker takes port-2, port and port+1)"
        => "端口 {port} 被 {occupant} 占用",
        "停掉那个进程，或在 cluster.toml 中给实例另一个端口（broker 占用 port-2、port 和 port+1）";
    PORT_WAS_IN_USE: "port-in-use",
        "one of the ports {ports} was taken when it started; nobody listens there now",
        "it is tried again; if it stays, look for outgoing connections from that port (net.ipv4.ip_local_port_range)"
        => "它启动时端口 {ports} 中有一个被占用；现在没有谁在那里监听",
        "会再试；如果一直如此，查看从那个端口发出的连接（net.ipv4.ip_local_port_range）";
    STORE_LOCKED: "store-locked",
        "the store {store} is in use by {occupant}",
        "stop that broker and wait until it is gone; do not delete the lock file, it protects the data"
        => "存储 {store} 正被 {occupant} 使用",
        "停掉那个 broker，等到它完全结束；不要删除 lock 文件，它保护数据";
    STORE_IN_USE: "store-in-use",
        "{occupant} has {file} open",
        "stop that process, or give the two brokers different stores: sharing one destroys both"
        => "{occupant} 打开着 {file}",
        "停掉那个进程，或给两个 broker 不同的存储：共用一个会毁掉两者";
    INSTANCE_LOCKED: "instance-locked",
        "{occupant} holds {lock}",
        "see what it is; another agent on this folder, or a JVM of this instance with other arguments, must end first"
        => "{occupant} 持有 {lock}",
        "看它是什么；这个目录上的另一个 agent，或这个实例的参数不同的 JVM，必须先结束";
    FOLDER_UNUSABLE: "folder-unusable",
        "{path} cannot be used: {why}",
        "create it and give it to the account that RocketMQ runs as"
        => "不能使用 {path}：{why}",
        "创建它，并把它交给运行 RocketMQ 的账号";
    JAVA_UNUSABLE: "java-unusable",
        "{program} cannot be executed: {why}",
        "install a JDK, or set java_home in cluster.toml to one that this account may run"
        => "不能执行 {program}：{why}",
        "安装 JDK，或把 cluster.toml 的 java_home 设为这个账号可以运行的 JDK";
    ADDRESS_NOT_HERE: "address-not-here",
        "it cannot listen on its address: {line}",
        "put host.address right in cluster.toml: it must be on a network card of this host"
        => "它不能在自己的地址上监听：{line}",
        "改正 cluster.toml 的 host.address：它必须在本机的网卡上";
    HOST_RESTARTED: "host-restarted",
        "the host was restarted while it ran", ""
        => "它运行时主机重启了", "";
    KILLED_AFTER_STOP: "killed-after-stop",
        "it was told to stop, wrote nothing more for {seconds} s and did not end, so it was killed",
        "the next start checks the store from end to end; a thread dump of a JVM that hangs tells why (jstack)"
        => "它被要求停止，{seconds} 秒没有再写任何东西，也没有结束，所以被强行结束",
        "下次启动会从头到尾检查存储；挂起的 JVM 的线程转储会说明原因（jstack）";
    OOM_KILLED: "oom-killed",
        "the kernel killed it because memory ran out: {proof}‹ (its heap is {heap} of {memory} on this host)›‹ (its heap is {alone})›",
        "lower the heap in cluster.toml or add memory; heap, direct memory and page cache of all instances must fit"
        => "内存用尽，内核结束了它：{proof}‹（它的堆是 {heap}，本机内存 {memory}）›‹（它的堆是 {alone}）›",
        "在 cluster.toml 中减小堆，或增加内存；所有实例的堆、直接内存和页缓存必须放得下";
    NOT_ENOUGH_MEMORY: "not-enough-memory",
        "the host cannot give the JVM its heap‹ of {heap}›‹; {available} of {total} are available›",
        "lower the heap in cluster.toml, or free or add memory"
        => "主机不能给 JVM 它的堆‹（{heap}）›‹；总共 {total}，可用 {available}›",
        "在 cluster.toml 中减小堆，或释放、增加内存";
    DISK_FULL: "disk-full",
        "the disk of {path} is full: {free} of {total} left",
        "free space or enlarge the disk; never delete files in commitlog by hand, lower fileReservedTime instead"
        => "{path} 所在的磁盘满了：总共 {total}，剩下 {free}",
        "腾出空间或扩大磁盘；绝不要手工删除 commitlog 里的文件，而是减小 fileReservedTime";
    SOME_DISK_FULL: "disk-full",
        "a disk that it writes to is full",
        "free space or enlarge the disk; never delete files in commitlog by hand, lower fileReservedTime instead"
        => "它要写的磁盘满了",
        "腾出空间或扩大磁盘；绝不要手工删除 commitlog 里的文件，而是减小 fileReservedTime";
    KILLED: "killed",
        "it was ended by SIGKILL, and not by the kernel's out-of-memory killer as far as can be seen",
        "somebody or something ran `kill -9`: see who (shell history, watchdogs)‹; the store was not closed ({abort} is there), so the next start checks it and takes longer›"
        => "它被 SIGKILL 结束，就所能看到的，不是内核因内存用尽而做的",
        "有人或有程序执行了 `kill -9`：看是谁（shell 历史、看门狗）‹；存储没有关闭（{abort} 还在），下次启动会检查它，因此更久›";
    STOPPED_BY_OTHERS: "stopped-by-others",
        "something other than this agent told it to stop ({signal})",
        "look for mqshutdown or kill in scripts‹; the store was not closed ({abort} is there), so the next start checks it and takes longer›"
        => "不是这个 agent 让它停止的（{signal}）",
        "在脚本里找 mqshutdown 或 kill‹；存储没有关闭（{abort} 还在），下次启动会检查它，因此更久›";
    ADD_OPENS_MISSING: "add-opens-missing",
        "this RocketMQ release needs packages of Java that are closed since Java 16: {line}",
        "add to java_options: --add-opens=java.base/java.nio=ALL-UNNAMED, and the same for java.lang, sun.nio.ch and jdk.internal.ref; or run this release on the Java that it was made for (4.x: 8)"
        => "这个 RocketMQ 版本需要的 Java 包从 Java 16 起是关闭的：{line}",
        "在 java_options 中加上 --add-opens=java.base/java.nio=ALL-UNNAMED，以及 java.lang、sun.nio.ch 和 jdk.internal.ref 的；或用这个版本所针对的 Java 来运行（4.x：8）";
    CONFIG_FILE_MISSING: "config-file-missing",
        "its configuration file {file} is missing", "let the agent render it again"
        => "它的配置文件 {file} 不在了", "让 agent 重新生成";
    STORE_UNUSABLE: "store-unusable",
        "the store {store} cannot be written: {line}",
        "give the folder to the account that RocketMQ runs as, and see that its disk is mounted"
        => "不能写存储 {store}：{line}",
        "把目录交给运行 RocketMQ 的账号，并确认它的磁盘已挂载";
    JAVA_TOO_OLD: "java-too-old",
        "this Java is older than what it was told to run: {line}",
        "install a newer JDK, or set java_home in cluster.toml to one"
        => "这个 Java 比要它运行的程序旧：{line}",
        "安装更新的 JDK，或把 cluster.toml 的 java_home 设为一个";
    JAVA_OPTION_REFUSED: "java-option-refused",
        "the arguments are not understood: {line}",
        "take that option out of java_options in cluster.toml, or run a Java that knows it"
        => "不认识这些参数：{line}",
        "从 cluster.toml 的 java_options 中去掉那个选项，或用认识它的 Java";
    NO_NETWORK_CARD: "no-network-card",
        "RocketMQ found no network card but lo on this host, and ends with a stack overflow",
        "give the host its address before the agent starts (network-online.target)"
        => "RocketMQ 在本机除 lo 外没有找到网卡，以栈溢出结束",
        "在 agent 启动之前让主机有地址（network-online.target）";
    DISTRIBUTION_INCOMPLETE: "distribution-incomplete",
        "a part of RocketMQ is missing: {line}",
        "install the release again: remove its folder below dist/ and let the agent unpack it"
        => "RocketMQ 缺了一部分：{line}",
        "重新安装这个版本：删除 dist/ 下它的目录，让 agent 再解压";
    STORE_FILE_SIZE: "store-file-size",
        "the store was written with other file sizes than those set now: {line}",
        "set mappedFileSizeCommitLog and mappedFileSizeConsumeQueue back to what the store was made with; delete nothing"
        => "存储写入时的文件大小与现在设置的不同：{line}",
        "把 mappedFileSizeCommitLog 和 mappedFileSizeConsumeQueue 改回存储建立时的值；什么也不要删";
    STORE_METADATA_BROKEN: "store-metadata-broken",
        "a file of the store's config folder cannot be read, nor its backup: {line}",
        "`rocketmq-agent restore INSTANCE` puts the newest good copy back, where there is one; else put one there from the slave or a backup: without topics.json the broker would know no topic"
        => "存储的 config 目录中有一个文件读不了，它的备份也读不了：{line}",
        "有好的副本时，`rocketmq-agent restore INSTANCE` 放回最新的一个；否则从从节点或备份放一个：没有 topics.json，broker 就不知道任何主题";
    LOGS_DIFFER: "diverged",
        "its commit log is not the one of the other member: {line}",
        "keep copies of both stores; the member whose messages you give up has to begin anew from the other one"
        => "它的 commit log 与另一个成员的不同：{line}",
        "保留两个存储的副本；放弃其消息的那个成员要从另一个重新开始";
    TOO_MANY_MAPS: "too-many-maps",
        "no more files can be mapped: {line}", "raise vm.max_map_count (sysctl) to 655360"
        => "不能映射更多文件：{line}", "把 vm.max_map_count（sysctl）提高到 655360";
    TOO_MANY_THREADS: "too-many-threads",
        "no more threads can be made: {line}",
        "raise the limit of processes (ulimit -u, TasksMax=, pids.max), or look for what uses them up"
        => "不能创建更多线程：{line}",
        "提高进程数的限制（ulimit -u、TasksMax=、pids.max），或找出是什么用光了它们";
    HEAP_EXHAUSTED: "heap-exhausted",
        "the JVM ran out of its own memory: {line}",
        "raise the heap (or direct memory) in cluster.toml, or lower the load; a heap dump tells what fills it"
        => "JVM 自己的内存用完了：{line}",
        "在 cluster.toml 中增大堆（或直接内存），或降低负载；堆转储会说明是什么占满了它";
    TOO_MANY_OPEN_FILES: "too-many-open-files",
        "no more files can be opened: {line}",
        "raise the hard limit of open files (LimitNOFILE=, ulimit -Hn) to 655350"
        => "不能打开更多文件：{line}",
        "把打开文件数的硬限制（LimitNOFILE=、ulimit -Hn）提高到 655350";
    JVM_CRASHED: "jvm-crashed",
        "the JVM itself crashed", "see the hs_err_pid file in the instance's logs folder, and update the JDK"
        => "JVM 自己崩溃了", "查看实例 logs 目录中的 hs_err_pid 文件，并更新 JDK";
    START_FAILED: "start-failed",
        "RocketMQ gave up: {line}", "see its console and logs"
        => "RocketMQ 放弃了：{line}", "查看它的控制台输出和日志";
    ROCKETMQ_HOME_MISSING: "rocketmq-home-missing",
        "ROCKETMQ_HOME is not set", "set ROCKETMQ_HOME in its environment to the folder that holds its conf folder"
        => "没有设置 ROCKETMQ_HOME", "在它的环境中把 ROCKETMQ_HOME 设为其中有 conf 目录的目录";
    NO_BROKER_YET: "no-broker-yet",
        "it found no broker of the cluster, on which a proxy keeps a topic of its own", "it starts as soon as a master is registered with a NameServer"
        => "它没有找到集群的 broker，而 proxy 要在 broker 上放自己的一个主题", "主节点在 NameServer 注册之后，它就会启动";
    NAMESRV_ADDRESS_ILLEGAL: "namesrv-address-illegal",
        "the NameServer list is not address:port[;address:port...]: {line}", "put namesrvAddr right; look for commas, blanks and missing ports"
        => "NameServer 列表不是 address:port[;address:port...] 的形式：{line}", "改正 namesrvAddr；看有没有逗号、空格和缺少的端口";
    BROKER_ID_ILLEGAL: "broker-id-illegal",
        "a slave needs a brokerId above 0", "leave brokerId to the agent, or set it to 1 or more"
        => "从节点的 brokerId 必须大于 0", "把 brokerId 留给 agent，或设为 1 或更大";
    LOGBACK_MISSING: "logback-missing",
        "its logback file is missing: {line}", "render the instance's files again; RocketMQ 4.x and 5.0.0 do not start without conf/logback_*.xml"
        => "它的 logback 文件不在了：{line}", "重新生成实例的文件；RocketMQ 4.x 和 5.0.0 没有 conf/logback_*.xml 就不能启动";
    ARGUMENT_REFUSED: "argument-refused",
        "RocketMQ did not understand its own arguments and printed its usage", "see the arguments after the main class; only -c FILE is needed"
        => "RocketMQ 不认识它自己的参数，打印了用法", "查看主类之后的参数；只需要 -c FILE";
    ENDED: "ended",
        "it ended with {exit}‹; last it said: {line}›",
        "see {places}‹; the store was not closed ({abort} is there), so the next start checks it and takes longer›"
        => "它已结束（{exit}）‹；最后一行是：{line}›",
        "查看 {places}‹；存储没有关闭（{abort} 还在），下次启动会检查它，因此更久›";
    ENDED_BY_ITSELF: "ended-by-itself",
        "it ended by itself, with status 0‹; last it said: {line}›",
        "see {places}‹; the store was not closed ({abort} is there), so the next start checks it and takes longer›"
        => "它自己结束了，状态 0‹；最后一行是：{line}›",
        "查看 {places}‹；存储没有关闭（{abort} 还在），下次启动会检查它，因此更久›";
    INITIALIZE_FAILED: "initialize-failed",
        "RocketMQ could not load its store or its settings‹; last it said: {line}›",
        "see {places}‹; the store was not closed ({abort} is there), so the next start checks it and takes longer›"
        => "RocketMQ 不能载入它的存储或设置‹；最后一行是：{line}›",
        "查看 {places}‹；存储没有关闭（{abort} 还在），下次启动会检查它，因此更久›";
    ENDED_UNSEEN: "ended-unseen",
        "it ended, and how is not known: it was started by an earlier run of this agent‹; last it said: {line}›",
        "see {places}‹; the store was not closed ({abort} is there), so the next start checks it and takes longer›"
        => "它结束了，怎样结束的不知道：它是 agent 上一次运行时启动的‹；最后一行是：{line}›",
        "查看 {places}‹；存储没有关闭（{abort} 还在），下次启动会检查它，因此更久›";
    HANGS: "hangs",
        "it accepts connections on {port} and has not answered for {seconds} s‹, {never}›‹: pid {pid} {activity}›",
        "‹{end}›‹it is not restarted now: {why}; ›‹`kill -CONT {stopped}` lets it go on›‹look at the disk of its store (`{disk}`)›‹`jcmd {jvm} Thread.print` and its gc.log tell what it is busy with›"
        => "它在 {port} 上接受连接，但已经 {seconds} 秒没有回答‹，{never}›‹：pid {pid} {activity}›",
        "‹{end}›‹现在不重启它：{why}；›‹`kill -CONT {stopped}` 让它继续›‹查看它的存储所在的磁盘（`{disk}`）›‹`jcmd {jvm} Thread.print` 和它的 gc.log 会说明它在忙什么›";
    HUNG: "hung",
        "it hung and was ended by this agent: it accepts connections on {port} and has not answered for {seconds} s‹, {never}›‹: pid {pid} {activity}›", ""
        => "它没有反应，这个 agent 结束了它：它在 {port} 上接受连接，但已经 {seconds} 秒没有回答‹，{never}›‹：pid {pid} {activity}›", "";
}
