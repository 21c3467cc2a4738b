import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.net.InetAddress;
import java.net.NetworkInterface;
import java.util.Arrays;
import java.util.Collections;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Collectors;

/**
 * Prints every key that the RocketMQ on the class path takes from a configuration file, a line each: the class, the key,
 * its type and its default, with tabs before each: some classes log to the same stream. For tests/catalogue.rs.
 *
 * A key is what MixAll.properties2Object makes one: a public setter with one parameter of the types below. The proxy's
 * file is JSON and is read through setters as well, of whatever type. A text that the class keeps as an enum has the
 * enum's names for its type. Of a default that depends on the machine it says on what.
 */
public final class ConfigKeys {
    private static final String[] CLASSES = {
        "common.BrokerConfig", "store.config.MessageStoreConfig", "auth.config.AuthConfig",
        "tieredstore.MessageStoreConfig", "tieredstore.common.TieredMessageStoreConfig",
        "remoting.netty.NettyServerConfig", "remoting.netty.NettyClientConfig", "common.namesrv.NamesrvConfig",
        "common.ControllerConfig", "common.JraftConfig", "proxy.config.ProxyConfig",
    };
    private static final Set<String> READ = new TreeSet<>(
        Arrays.asList("int", "Integer", "long", "Long", "double", "Double", "boolean", "Boolean", "float", "Float", "String"));

    public static void main(String[] args) throws Exception {
        Set<String> addresses = new TreeSet<>();
        for (NetworkInterface card : Collections.list(NetworkInterface.getNetworkInterfaces())) {
            for (InetAddress address : Collections.list(card.getInetAddresses())) {
                addresses.add(address.getHostAddress().replaceAll("%.*", ""));
            }
        }
        for (String name : CLASSES) {
            Class<?> type;
            try {
                type = Class.forName("org.apache.rocketmq." + name);
            } catch (ClassNotFoundException absent) {
                continue;
            }
            boolean tiered = name.startsWith("tieredstore");
            Object defaults = type.getDeclaredConstructor().newInstance();
            TreeMap<String, String> types = new TreeMap<>();
            for (Method method : type.getMethods()) {
                boolean setter = method.getName().matches("set.+") && method.getParameterCount() == 1;
                if (!setter || Modifier.isStatic(method.getModifiers())) {
                    continue;
                }
                String key = method.getName().substring(3, 4).toLowerCase() + method.getName().substring(4);
                String taken = method.getParameterTypes()[0].getSimpleName();
                if (READ.contains(taken) || name.startsWith("proxy")) {
                    // Of two setters the text's is the one that people write.
                    types.merge(key, taken, (one, other) -> one.equals("String") ? one : other);
                }
            }
            for (String key : types.keySet()) {
                Object value = null;
                String kind = types.get(key);
                Method getter = getter(type, key);
                if (getter != null) {
                    value = getter.invoke(defaults);
                    Object[] names = getter.getReturnType().getEnumConstants();
                    if (names != null) {
                        kind = Arrays.stream(names).map(String::valueOf).collect(Collectors.joining("|"));
                    }
                }
                String text = value == null ? "" : String.valueOf(value).replaceAll("[\t\n]", " ");
                text = text.replace(System.getProperty("user.home"), "${user.home}");
                if (addresses.contains(text)) {
                    text = "<an address of the host>";
                } else if (!text.isEmpty() && text.equals(hostName())) {
                    text = "<the host's name>";
                }
                String owner = tiered ? "TieredMessageStoreConfig" : type.getSimpleName();
                System.out.println("\t" + String.join("\t", owner, key, kind, text));
            }
        }
    }

    private static Method getter(Class<?> type, String key) {
        String name = key.substring(0, 1).toUpperCase() + key.substring(1);
        for (String getter : new String[] {"get" + name, "is" + name, key}) {
            try {
                return type.getMethod(getter);
            } catch (NoSuchMethodException next) {
                // Under another name, or none: the default is not known then.
            }
        }
        return null;
    }

    private static String hostName() throws Exception {
        return InetAddress.getLocalHost().getHostName();
    }
}
