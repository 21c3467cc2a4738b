// A command line around the official RocketMQ Java client, for tests: what it can send, an application can send.
//
// One source for every version: it compiles with `javac -cp 'lib/*'` against lib of 4.7.0, 4.9.4 and 5.5.0 (JDK 11 or
// newer; `var` bridges the classes that 5.x moved to other packages) and runs as
// `java --add-opens java.base/java.nio=ALL-UNNAMED -cp 'lib/*:CLASSES' Client VERB ...` (only 4.7.0 needs the flag):
//
//   create-topic --namesrv A --cluster C --topic T --queues N [--order]
//       Creates or changes the topic on every master of the cluster; --order makes it globally ordered per broker.
//   send --namesrv A --topic T --count N [--rate PER_SECOND] [--prefix P] [--size BYTES] [--log FILE]
//       Sends P-0, P-1 ... (body and key) one after another. N=0: until stdin closes (unless it is /dev/null) or SIGTERM.
//       A body has at least BYTES: a tab and random letters follow, which receive and pull do not show.
//       One line a message, to stdout or FILE: STATUS BODY MSGID BROKERNAME QUEUEID OFFSET, or FAILED BODY REASON;
//       with tries=N at its end where the client itself sent it N times.
//       Last line on stdout: sent=N ok=N other=N failed=N. `other` was stored, but not flushed or replicated as asked.
//   receive --namesrv A --topic T --group G (--expect N | --bodies FILE) [--timeout SECONDS] [--twice FILE]
//       Consumes from the first offset (a group that consumed before goes on where it was) until N distinct bodies, or
//       all lines of FILE, have arrived. Last lines: received=N distinct=N duplicates=N missing=N and up to 20 missing.
//       With --twice it goes on until nothing has come for 3 s, and writes a line a body that came more than once:
//       BODY PLACES TIMES: in how many places (queue and offset) it is stored, and how often it came.
//   pull --namesrv A --topic T [--broker NAME] [--id BROKERID]
//       Reads every queue to its end from the broker with that id (default 1, a slave): one line a message as for send.
//
// Each takes --access-key NAME --secret-file FILE, where access is controlled: FILE holds the secret key.
// Exit status: 0 all as asked, 1 not so, 2 usage. Writes nothing outside a temporary folder, which it removes.

import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import java.util.stream.Collectors;
import org.apache.rocketmq.acl.common.AclClientRPCHook;
import org.apache.rocketmq.acl.common.SessionCredentials;
import org.apache.rocketmq.client.ClientConfig;
import org.apache.rocketmq.client.consumer.DefaultMQPullConsumer;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.PullStatus;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.client.consumer.rebalance.AllocateMessageQueueAveragely;
import org.apache.rocketmq.client.hook.SendMessageContext;
import org.apache.rocketmq.client.hook.SendMessageHook;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.SendStatus;
import org.apache.rocketmq.common.TopicConfig;
import org.apache.rocketmq.common.consumer.ConsumeFromWhere;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.remoting.RPCHook;
import org.apache.rocketmq.tools.admin.DefaultMQAdminExt;
import org.apache.rocketmq.tools.command.CommandUtil;

public final class Client {
    private final Map<String, String> options = new HashMap<>();
    private final CountDownLatch finished = new CountDownLatch(1);
    private volatile boolean stopped;
    private volatile int status = 1;

    public static void main(String[] args) throws Exception {
        Path scratch = keepLogsAway();
        var client = new Client();
        Runtime.getRuntime().addShutdownHook(new Thread(() -> client.stop(scratch)));
        try {
            client.parse(args);
            client.status = client.run(args[0]) ? 0 : 1;
        } catch (IllegalArgumentException wrong) {
            System.err.println("usage: " + wrong.getMessage() + "; see the head of Client.java");
            client.status = 2;
        } catch (Throwable failed) {
            // Also an Error: without the count-down below, stop() would wait for a verb that is no more.
            System.err.println(reason(failed));
        }
        client.finished.countDown();
        System.exit(client.status);
    }

    /** On SIGTERM: lets the verb finish and print its summary, and leaves with its status instead of 143. */
    private void stop(Path scratch) {
        stopped = true;
        try {
            finished.await(20, TimeUnit.SECONDS);
            try (var files = Files.walk(scratch)) {
                files.sorted(Comparator.reverseOrder()).forEach(file -> file.toFile().delete());
            }
        } catch (Exception leftBehind) {
            System.err.println(reason(leftBehind));
        }
        Runtime.getRuntime().halt(status);
    }

    private boolean run(String verb) throws Exception {
        switch (verb) {
            case "create-topic": return createTopic();
            case "send": return send();
            case "receive": return receive();
            case "pull": return pull();
            default: throw new IllegalArgumentException("no such verb: " + verb);
        }
    }

    private boolean createTopic() throws Exception {
        var admin = configured(new DefaultMQAdminExt(credential()));
        admin.start();
        try {
            String topic = required("topic");
            int queues = Integer.parseInt(required("queues"));
            var config = new TopicConfig(topic, queues, queues, 6);
            config.setOrder(options.containsKey("order"));
            var masters = CommandUtil.fetchMasterAddrByClusterName(admin, required("cluster"));
            for (String master : masters) {
                admin.createAndUpdateTopicConfig(master, config);
            }
            System.out.println("created " + topic + " on " + masters);
            if (config.isOrder()) {
                // Without this list in the NameServers the clients do not treat the topic as ordered across brokers.
                var names = CommandUtil.fetchBrokerNameByClusterName(admin, required("cluster"));
                String order = names.stream().map(name -> name + ":" + queues).collect(Collectors.joining(";"));
                admin.createOrUpdateOrderConf(topic, order, true);
            }
            return !masters.isEmpty();
        } finally {
            admin.shutdown();
        }
    }

    @SuppressWarnings("deprecation") // Hooks are registered with what stands behind the producer.
    private boolean send() throws Exception {
        String topic = required("topic");
        String prefix = options.getOrDefault("prefix", "message");
        long count = Long.parseLong(required("count"));
        int size = Integer.parseInt(options.getOrDefault("size", "0"));
        double rate = Double.parseDouble(options.getOrDefault("rate", "0"));
        var producer = configured(new DefaultMQProducer("test-producer", credential()));
        var tries = new Tries();
        producer.getDefaultMQProducerImpl().registerSendMessageHook(tries);
        producer.start();
        if (count == 0) {
            stopWhenInputCloses();
        }
        long sent = 0, ok = 0, failed = 0;
        long began = System.nanoTime();
        try (var log = options.containsKey("log") ? new PrintStream(options.get("log"), StandardCharsets.UTF_8) : System.out) {
            while (!stopped && (count == 0 || sent < count)) {
                if (rate > 0) {
                    long due = began + (long) (sent / rate * 1e9);
                    TimeUnit.NANOSECONDS.sleep(due - System.nanoTime());
                }
                String body = prefix + "-" + sent++;
                tries.count = 0;
                try {
                    var result = producer.send(new Message(topic, "", body, padded(body, size)));
                    var queue = result.getMessageQueue();
                    log.println(result.getSendStatus() + " " + body + " " + result.getMsgId() + " " + queue.getBrokerName()
                        + " " + queue.getQueueId() + " " + result.getQueueOffset() + tries);
                    ok += result.getSendStatus() == SendStatus.SEND_OK ? 1 : 0;
                } catch (Exception refused) {
                    failed++;
                    log.println("FAILED " + body + " " + reason(refused) + tries);
                    // A cluster that is down answers at once; do not fill the disk with its refusals.
                    TimeUnit.MILLISECONDS.sleep(50);
                }
                log.flush();
            }
            // Inside the block: leaving it closes the log, which may be stdout.
            System.out.println("sent=" + sent + " ok=" + ok + " other=" + (sent - ok - failed) + " failed=" + failed);
        }
        producer.shutdown();
        return sent == ok;
    }

    private boolean receive() throws Exception {
        if (options.containsKey("expect") == options.containsKey("bodies")) {
            throw new IllegalArgumentException("receive takes either --expect or --bodies");
        }
        Set<String> missing = ConcurrentHashMap.newKeySet();
        if (options.containsKey("bodies")) {
            missing.addAll(Files.readAllLines(Path.of(options.get("bodies"))));
            missing.remove("");
        }
        long expected = Long.parseLong(options.getOrDefault("expect", "0"));
        Set<String> distinct = ConcurrentHashMap.newKeySet();
        Map<String, List<String>> places = new ConcurrentHashMap<>();
        boolean twice = options.containsKey("twice");
        var received = new AtomicLong();
        var latest = new AtomicLong(System.nanoTime());
        var consumer = configured(new DefaultMQPushConsumer(required("group"), credential(), new AllocateMessageQueueAveragely()));
        consumer.setConsumeFromWhere(ConsumeFromWhere.CONSUME_FROM_FIRST_OFFSET);
        consumer.subscribe(required("topic"), "*");
        consumer.registerMessageListener((MessageListenerConcurrently) (messages, context) -> {
            for (var message : messages) {
                String body = shown(message.getBody());
                received.incrementAndGet();
                latest.set(System.nanoTime());
                if (twice) {
                    String place = context.getMessageQueue() + " " + message.getQueueOffset();
                    places.computeIfAbsent(body, first -> new CopyOnWriteArrayList<>()).add(place);
                }
                distinct.add(body);
                missing.remove(body);
            }
            return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
        });
        consumer.start();
        long deadline = System.nanoTime() + TimeUnit.SECONDS.toNanos(Long.parseLong(options.getOrDefault("timeout", "60")));
        while (!stopped && System.nanoTime() < deadline && (distinct.size() < expected || !missing.isEmpty())) {
            TimeUnit.MILLISECONDS.sleep(20);
        }
        long quiet = TimeUnit.SECONDS.toNanos(3);
        while (twice && !stopped && System.nanoTime() < deadline && System.nanoTime() - latest.get() < quiet) {
            TimeUnit.MILLISECONDS.sleep(20);
        }
        consumer.shutdown();
        if (twice) {
            try (var file = new PrintStream(options.get("twice"), StandardCharsets.UTF_8)) {
                places.entrySet().stream().filter(body -> body.getValue().size() > 1).forEach(body -> file.println(
                    body.getKey() + " " + new TreeSet<>(body.getValue()).size() + " " + body.getValue().size()));
            }
        }
        long lacking = options.containsKey("bodies") ? missing.size() : Math.max(0, expected - distinct.size());
        System.out.println("received=" + received + " distinct=" + distinct.size()
            + " duplicates=" + (received.get() - distinct.size()) + " missing=" + lacking);
        new TreeSet<>(missing).stream().limit(20).forEach(body -> System.out.println("missing " + body));
        return lacking == 0;
    }

    @SuppressWarnings("deprecation") // The one consumer that can be told which member of a group to read from.
    private boolean pull() throws Exception {
        var consumer = configured(new DefaultMQPullConsumer("test-puller", credential()));
        consumer.start();
        var from = consumer.getDefaultMQPullConsumerImpl().getPullAPIWrapper();
        from.setConnectBrokerByUser(true);
        from.setDefaultBrokerId(Long.parseLong(options.getOrDefault("id", "1")));
        long pulled = 0;
        for (var queue : new TreeSet<>(consumer.fetchSubscribeMessageQueues(required("topic")))) {
            if (!queue.getBrokerName().equals(options.getOrDefault("broker", queue.getBrokerName()))) {
                continue;
            }
            for (long offset = 0; !stopped; ) {
                var result = consumer.pull(queue, "*", offset, 32);
                // An offset below the first kept one is answered with where to go on.
                boolean ahead = result.getNextBeginOffset() > offset;
                offset = result.getNextBeginOffset();
                if (result.getPullStatus() == PullStatus.FOUND) {
                    for (var message : result.getMsgFoundList()) {
                        pulled++;
                        System.out.println("PULLED " + shown(message.getBody()) + " "
                            + message.getMsgId() + " " + queue.getBrokerName() + " " + queue.getQueueId() + " " + message.getQueueOffset());
                    }
                } else if (!ahead) {
                    break;
                }
            }
        }
        consumer.shutdown();
        System.out.println("pulled=" + pulled);
        return true;
    }

    /** Random letters follow: the client compresses long bodies. */
    private static byte[] padded(String body, int size) {
        var letters = ThreadLocalRandom.current().ints(Math.max(0, size - body.length() - 1), '0', 'z');
        String padding = letters.mapToObj(Character::toString).collect(Collectors.joining());
        return (padding.isEmpty() ? body : body + "\t" + padding).getBytes(StandardCharsets.UTF_8);
    }

    private static String shown(byte[] body) {
        return new String(body, StandardCharsets.UTF_8).split("\t", 2)[0];
    }

    /** How often the client sent the message at hand: it tries again by itself, and a try that failed may be stored. */
    private static final class Tries implements SendMessageHook {
        private volatile int count;

        @Override
        public String hookName() {
            return "tries";
        }

        @Override
        public void sendMessageBefore(SendMessageContext context) {
            count++;
        }

        @Override
        public void sendMessageAfter(SendMessageContext context) {
        }

        @Override
        public String toString() {
            return count > 1 ? " tries=" + count : "";
        }
    }

    /** What signs every request; nothing does without --access-key. */
    private RPCHook credential() throws Exception {
        if (!options.containsKey("access-key")) {
            return null;
        }
        String secret = Files.readString(Path.of(required("secret-file"))).trim();
        return new AclClientRPCHook(new SessionCredentials(required("access-key"), secret));
    }

    private <C extends ClientConfig> C configured(C client) {
        client.setNamesrvAddr(required("namesrv"));
        client.setVipChannelEnabled(false);
        client.setInstanceName(Long.toString(ProcessHandle.current().pid()));
        // The default, 30 s, is how long a client goes on asking a broker that is gone: too long to wait for in a test.
        client.setPollNameServerInterval(1_000);
        return client;
    }

    /** Stops a send without end when whoever started it goes away; a job in the background has /dev/null there. */
    private void stopWhenInputCloses() throws Exception {
        if (Files.readSymbolicLink(Path.of("/proc/self/fd/0")).equals(Path.of("/dev/null"))) {
            return;
        }
        var reader = new Thread(() -> {
            try {
                System.in.transferTo(PrintStream.nullOutputStream());
            } catch (Exception unreadable) {
                System.err.println(reason(unreadable));
            }
            stopped = true;
        });
        reader.setDaemon(true);
        reader.start();
    }

    /** Must run before any class of RocketMQ is loaded: 4.x and 5.x would log below the home folder and to stdout. */
    private static Path keepLogsAway() throws Exception {
        Path scratch = Files.createTempDirectory("rocketmq-client-");
        Path silent = Files.writeString(scratch.resolve("logback.xml"), "<configuration><root level='OFF'/></configuration>");
        System.setProperty("user.home", scratch.toString());
        System.setProperty("rocketmq.client.logRoot", scratch.toString());
        System.setProperty("rocketmq.client.logUseSlf4j", "false");
        System.setProperty("rocketmq.client.logLevel", "ERROR");
        System.setProperty("logback.configurationFile", silent.toString());
        System.setProperty("rmq.logback.configurationFile", silent.toString());
        return scratch;
    }

    private void parse(String[] args) {
        if (args.length == 0) {
            throw new IllegalArgumentException("a verb is missing");
        }
        for (int i = 1; i < args.length; i++) {
            if (!args[i].startsWith("--")) {
                throw new IllegalArgumentException("not an option: " + args[i]);
            }
            String name = args[i].substring(2);
            if (!name.equals("order") && i + 1 == args.length) {
                throw new IllegalArgumentException("--" + name + " lacks its value");
            }
            options.put(name, name.equals("order") ? "" : args[++i]);
        }
    }

    private String required(String name) {
        if (!options.containsKey(name)) {
            throw new IllegalArgumentException("--" + name + " is missing");
        }
        return options.get(name);
    }

    /** One line: the error and its text. */
    private static String reason(Throwable error) {
        return error.getClass().getSimpleName() + ": " + String.valueOf(error.getMessage()).replaceAll("\\s+", " ");
    }
}
