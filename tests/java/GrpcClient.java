import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Paths;
import java.time.Duration;
import java.util.Collections;
import java.util.HashMap;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.apache.rocketmq.client.apis.ClientConfiguration;
import org.apache.rocketmq.client.apis.ClientConfigurationBuilder;
import org.apache.rocketmq.client.apis.ClientException;
import org.apache.rocketmq.client.apis.ClientServiceProvider;
import org.apache.rocketmq.client.apis.StaticSessionCredentialsProvider;
import org.apache.rocketmq.client.apis.consumer.FilterExpression;
import org.apache.rocketmq.client.apis.consumer.SimpleConsumer;
import org.apache.rocketmq.client.apis.message.MessageView;
import org.apache.rocketmq.client.apis.producer.Producer;

/**
 * Sends or receives messages through proxies, with the official gRPC client (rocketmq-client-java).
 *
 *   java GrpcClient send --endpoints HOST:PORT[;HOST:PORT] --topic T --count N --prefix P
 *   java GrpcClient receive --endpoints ... --topic T --group G --count N --prefix P
 *
 * More options: --access-key NAME --secret-file FILE, --tls true.
 *
 * It tries for two minutes at most; exit 0 if all N were acknowledged, or have come.
 */
public final class GrpcClient {
    private static final long PATIENCE_MILLIS = 120_000;

    public static void main(String[] arguments) throws Exception {
        Map<String, String> options = new HashMap<>();
        for (int index = 1; index + 1 < arguments.length; index += 2) {
            options.put(arguments[index].substring(2), arguments[index + 1]);
        }
        ClientConfigurationBuilder builder = ClientConfiguration.newBuilder()
            .setEndpoints(options.get("endpoints"))
            .enableSsl(options.containsKey("tls"))
            .setRequestTimeout(Duration.ofSeconds(5));
        if (options.containsKey("secret-file")) {
            String key = new String(Files.readAllBytes(Paths.get(options.get("secret-file"))), StandardCharsets.UTF_8);
            builder.setCredentialProvider(new StaticSessionCredentialsProvider(options.get("access-key"), key.trim()));
        }
        ClientConfiguration configuration = builder.build();
        int count = Integer.parseInt(options.get("count"));
        boolean sends = arguments[0].equals("send");
        boolean all = sends ? send(configuration, options, count) : receive(configuration, options, count);
        // Threads of the client may go on for a while.
        System.exit(all ? 0 : 1);
    }

    private static boolean send(ClientConfiguration configuration, Map<String, String> options, int count)
        throws Exception {
        ClientServiceProvider provider = ClientServiceProvider.loadService();
        int acknowledged = 0;
        try (Producer producer = provider.newProducerBuilder()
            .setClientConfiguration(configuration).setTopics(options.get("topic")).build()) {
            for (int number = 0; number < count; number++) {
                byte[] body = (options.get("prefix") + number).getBytes(StandardCharsets.UTF_8);
                producer.send(provider.newMessageBuilder().setTopic(options.get("topic")).setBody(body).build());
                acknowledged++;
            }
        } finally {
            System.out.println("sent=" + acknowledged);
        }
        return acknowledged == count;
    }

    private static boolean receive(ClientConfiguration configuration, Map<String, String> options, int count)
        throws Exception {
        ClientServiceProvider provider = ClientServiceProvider.loadService();
        Set<String> bodies = new TreeSet<>();
        long until = System.currentTimeMillis() + PATIENCE_MILLIS;
        try (SimpleConsumer consumer = provider.newSimpleConsumerBuilder()
            .setClientConfiguration(configuration)
            .setConsumerGroup(options.get("group"))
            .setAwaitDuration(Duration.ofSeconds(5))
            .setSubscriptionExpressions(Collections.singletonMap(options.get("topic"), FilterExpression.SUB_ALL))
            .build()) {
            while (bodies.size() < count && System.currentTimeMillis() < until) {
                try {
                    for (MessageView message : consumer.receive(32, Duration.ofSeconds(60))) {
                        ByteBuffer buffer = message.getBody();
                        String body = StandardCharsets.UTF_8.decode(buffer).toString();
                        if (body.startsWith(options.get("prefix"))) {
                            bodies.add(body);
                        }
                        consumer.ack(message);
                    }
                } catch (ClientException later) {
                    System.err.println(later.getMessage());
                }
            }
        }
        System.out.println("received=" + bodies.size());
        return bodies.size() == count;
    }
}
