//! What real processes wrote when they gave up, and the cause that it must give.

/// (exit status, console, RocketMQ's log, id, a part of the sentence)
pub const TABLE: &[(i32, &str, &str, &str, &str)] = &[
    // 4.7.0
    (
        255,
        "java.net.BindException: Address already in use\n\tat java.base/sun.nio.ch.Net.bind0(Native Method)",
        "2026-11-21 10:02:50 ERROR main - Failed to create SSLContext for server\njava.security.cert.CertificateException: No provider succeeded to generate a self-signed certificate. See debug log for the root cause.",
        "port-in-use",
        "10909, 10911, 10912",
    ),
    // 5.5.0 in a network namespace with nothing but lo
    (
        255,
        "java.lang.StackOverflowError\n\tat org.apache.rocketmq.common.MixAll.getLocalhostByNetworkInterface(MixAll.java:371)\n\tat org.apache.rocketmq.common.MixAll.localhost(MixAll.java:361)",
        "",
        "no-network-card",
        "no network card",
    ),
    // 5.5.0
    (
        255,
        "java.lang.IllegalStateException: Failed to bind to 0.0.0.0:10911\n\tat org.apache.rocketmq.remoting.netty.NettyRemotingServer.start(NettyRemotingServer.java:236)\nCaused by: java.net.BindException: Address already in use",
        "",
        "port-in-use",
        "port 10911",
    ),
    // 5.5.0 NameServer with an address of another host
    (
        255,
        "java.lang.IllegalStateException: Failed to bind to 10.9.9.9:9876\nCaused by: java.net.BindException: Cannot assign requested address",
        "",
        "address-not-here",
        "Cannot assign",
    ),
    // 4.7.0, 4.9.4
    (
        255,
        "java.lang.RuntimeException: Lock failed,MQ already started\n\tat org.apache.rocketmq.store.DefaultMessageStore.start(DefaultMessageStore.java:223)",
        "",
        "store-locked",
        "/a/store",
    ),
    // 5.5.0
    (
        255,
        "java.lang.RuntimeException: Lock failed, MQ already started, lock status: null\n\tat org.apache.rocketmq.store.DefaultMessageStore.start(DefaultMessageStore.java:438)",
        "",
        "store-locked",
        "/a/store",
    ),
    // 4.9.4 and 5.5.0
    (
        253,
        "",
        "2026-11-21 18:07:07 WARN main - /a/store/commitlog/00000000000000000000\t2097152 length not matched message store config value, please check it manually\n2026-11-21 18:07:07 INFO main - load commit log Failed\n2026-11-21 18:07:10 INFO main - /a/store/abort delete Failed",
        "store-file-size",
        "00000000000000000000",
    ),
    // 4.9.4 on Java 17 after a SIGKILL
    (
        253,
        "",
        "2026-11-21 10:08:46 ERROR main - load exception\njava.lang.IllegalStateException: java.lang.reflect.InaccessibleObjectException: Unable to make public java.lang.Object java.nio.DirectByteBuffer.attachment() accessible: module java.base does not \"opens java.nio\" to unnamed module @69eee410",
        "add-opens-missing",
        "java.nio",
    ),
    // 4.7.0 on Java 17
    (
        255,
        "java.lang.NoClassDefFoundError: Could not initialize class io.netty.util.internal.PlatformDependent0\n\tat io.netty.util.internal.PlatformDependent.getSystemClassLoader(PlatformDependent.java:694)\nCaused by: java.lang.ExceptionInInitializerError: Exception java.lang.reflect.InaccessibleObjectException: Unable to make field long java.nio.Buffer.address accessible: module java.base does not \"opens java.nio\" to unnamed module @69eee410 [in thread \"main\"]",
        "",
        "add-opens-missing",
        "PlatformDependent0",
    ),
    // 4.7.0; 5.5.0 says "BrokerController#initialize: unexpected error occurs"
    (
        253,
        "",
        "2026-11-21 10:08:55 ERROR main - Failed to initialize\njava.io.FileNotFoundException: /a/store/lock (Permission denied)\n2026-11-21 10:08:55 ERROR main - persist file /a/store/config/consumerOffset.json exception",
        "store-unusable",
        "Permission denied",
    ),
    // 4.7.0 with a commit log file that its account may not read
    (
        253,
        "",
        "2026-11-25 17:41:20 ERROR main - load file /a/store/commitlog/00000000000000000000 error\njava.io.FileNotFoundException: /a/store/commitlog/00000000000000000000 (Permission denied)",
        "store-unusable",
        "commitlog/00000000000000000000",
    ),
    (
        253,
        "",
        "2026-11-21 10:02:55 ERROR main - Failed to initialize\njava.io.FileNotFoundException: /a/store/lock (Not a directory)",
        "store-unusable",
        "/a/store",
    ),
    // 4.9.4
    (
        253,
        "",
        "2026-11-21 10:06:09 ERROR main - load /a/store/config/topics.json failed, and try to load backup file\ncom.alibaba.fastjson.JSONException: not match : - , info : pos 28, line 1, column 29{\"dataVersion\":{\"counter\":1,\n2026-11-21 10:06:09 ERROR main - load /a/store/config/topics.json Failed",
        "store-metadata-broken",
        "topics.json",
    ),
    (
        254,
        "Please set the ROCKETMQ_HOME variable in your environment to match the location of the RocketMQ installation",
        "",
        "rocketmq-home-missing",
        "ROCKETMQ_HOME",
    ),
    (
        253,
        "The Name Server Address[127.0.0.1] illegal, please set it as follows, \"127.0.0.1:9876;192.168.0.1:9876\"",
        "",
        "namesrv-address-illegal",
        "[127.0.0.1]",
    ),
    (253, "Slave's brokerId must be > 0", "", "broker-id-illegal", "brokerId"),
    // 4.7.0
    (
        255,
        "java.io.FileNotFoundException: /a/c.conf (No such file or directory)\n\tat java.base/java.io.FileInputStream.open0(Native Method)",
        "",
        "config-file-missing",
        "/a/c.conf",
    ),
    // 5.5.0
    (
        255,
        "java.nio.file.NoSuchFileException: /a/c.conf\n\tat java.base/sun.nio.fs.UnixException.translateToIOException(UnixException.java:92)",
        "",
        "config-file-missing",
        "/a/c.conf",
    ),
    // 4.9.4
    (
        1,
        "usage: mqbroker [-c <arg>] [-h] [-m] [-n <arg>] [-p]\n -c,--configFile <arg>       Broker config properties file",
        "",
        "argument-refused",
        "usage",
    ),
    (
        1,
        "Unrecognized VM option 'UseConcMarkSweepGC'\nError: Could not create the Java Virtual Machine.\nError: A fatal exception has occurred. Program will exit.",
        "",
        "java-option-refused",
        "UseConcMarkSweepGC",
    ),
    (
        1,
        "Error occurred during initialization of VM\nInitial heap size set to a larger value than the maximum heap size",
        "",
        "java-option-refused",
        "larger value",
    ),
    (
        1,
        "[0.000s][error][logging] Error opening log file '/nonexistent/gc.log': No such file or directory\nInvalid -Xlog option '-Xlog:gc*:file=/nonexistent/gc.log', see error log for details.\nError: Could not create the Java Virtual Machine.",
        "",
        "java-option-refused",
        "-Xlog",
    ),
    (
        1,
        "Unrecognized option: --add-opens=java.base/java.nio=ALL-UNNAMED\nError: Could not create the Java Virtual Machine.",
        "",
        "java-too-old",
        "older",
    ),
    (
        1,
        "Error: LinkageError occurred while loading main class X\n\tjava.lang.UnsupportedClassVersionError: X has been compiled by a more recent version of the Java Runtime (class file version 69.0), this version of the Java Runtime only recognizes class file versions up to 61.0",
        "",
        "java-too-old",
        "69.0",
    ),
    // 4.7.0
    (
        255,
        "ch.qos.logback.core.joran.spi.JoranException: Could not open [/a/conf/logback_broker.xml].\n\tat ch.qos.logback.core.joran.GenericConfigurator.doConfigure(GenericConfigurator.java:80)\nCaused by: java.io.FileNotFoundException: /a/conf/logback_broker.xml (No such file or directory)",
        "",
        "logback-missing",
        "logback_broker.xml",
    ),
    (
        1,
        "OpenJDK 64-Bit Server VM warning: INFO: os::commit_memory(0x00007e6f2c000000, 966367641600, 0) failed; error='Not enough space' (errno=12)\n#\n# There is insufficient memory for the Java Runtime Environment to continue.",
        "",
        "not-enough-memory",
        "1g",
    ),
    (
        1,
        "Error: Could not find or load main class org.apache.rocketmq.broker.BrokerStartup\nCaused by: java.lang.ClassNotFoundException: org.apache.rocketmq.broker.BrokerStartup",
        "",
        "distribution-incomplete",
        "BrokerStartup",
    ),
    // 5.5.0 with its netty jars taken away
    (
        255,
        "java.lang.NoClassDefFoundError: io/netty/util/concurrent/GenericFutureListener\n\tat org.apache.rocketmq.broker.processor.PullMessageProcessor.<init>(PullMessageProcessor.java:91)",
        "",
        "distribution-incomplete",
        "GenericFutureListener",
    ),
    // 5.5.0 on a full disk
    (
        255,
        "Exception in thread \"FlushConsumeQueueService\" java.lang.InternalError: a fault occurred in a recent unsafe memory access operation in compiled Java code",
        "2026-11-21 18:09:03 ERROR Thread-14 - Failed to persist\njava.io.IOException: No space left on device",
        "disk-full",
        "full",
    ),
    // 5.5.0, a slave that was longer than its master once
    (
        255,
        "",
        "2026-11-21 18:09:03 ERROR ReputMessageService - [BUG]logic queue order maybe wrong, expectLogicOffset: 5 currentLogicOffset: 9",
        "diverged",
        "logic queue order",
    ),
    (1, "java.lang.OutOfMemoryError: Map failed", "", "too-many-maps", "Map failed"),
    (1, "java.lang.OutOfMemoryError: Java heap space", "", "heap-exhausted", "Java heap space"),
    (253, "", "2026-11-21 18:09:03 INFO main - something new", "initialize-failed", "could not load"),
    (7, "10:02:50,111 |-INFO in ch.qos.logback\nit said this\n\tat some.Frame", "", "ended", "it said this"),
    (0, "", "", "ended-by-itself", "status 0"),
    (143, "", "java.io.IOException: No space left on device", "stopped-by-others", "SIGTERM"),
];
