// What Java's own parser reads of properties files, for tests/java_properties.rs. JDK 11 or newer, no class path:
//
//   java PropertiesEcho.java FOLDER
//
// For every file of FOLDER, sorted by name: `= NAME`, then one line a key, sorted: KEY VALUE as hexadecimal UTF-16BE
// units, `-` for an empty one; or `= NAME refused` where Properties.load throws. RocketMQ loads broker.conf the same way
// (MixAll.file2Properties, BrokerStartup: Properties.load of a BufferedInputStream).

import java.io.BufferedInputStream;
import java.io.BufferedWriter;
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.InputStream;
import java.io.OutputStreamWriter;
import java.io.PrintWriter;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Properties;
import java.util.TreeSet;
import java.util.stream.Collectors;

class PropertiesEcho {
    public static void main(String[] arguments) throws Exception {
        var console = new OutputStreamWriter(new FileOutputStream(FileDescriptor.out), StandardCharsets.US_ASCII);
        try (var out = new PrintWriter(new BufferedWriter(console)); var files = Files.list(Path.of(arguments[0]))) {
            for (Path file : files.sorted().collect(Collectors.toList())) {
                var properties = new Properties();
                try (InputStream in = new BufferedInputStream(Files.newInputStream(file))) {
                    properties.load(in);
                } catch (IllegalArgumentException malformedEscape) {
                    out.print("= " + file.getFileName() + " refused\n");
                    continue;
                }
                out.print("= " + file.getFileName() + "\n");
                for (String key : new TreeSet<>(properties.stringPropertyNames())) {
                    out.print(hex(key) + " " + hex(properties.getProperty(key)) + "\n");
                }
            }
        }
    }

    private static String hex(String text) {
        if (text.isEmpty()) {
            return "-";
        }
        return text.chars().mapToObj(unit -> String.format("%04x", unit)).collect(Collectors.joining());
    }
}
