//! What uses a cluster from outside and is no part of RocketMQ's release.

use super::made;
use sha2::{Digest, Sha256};
use std::{
    fs,
    path::Path,
    process::{Command, Output},
};

/// The official gRPC client, rocketmq-client-java.
pub fn grpc_client(arguments: &[&str], endpoints: &str) -> Output {
    let folder = made("grpc-client");
    let output = Command::new("java")
        .args(["-Xmx128m", "-cp"])
        .arg(format!("{0}/lib/*:{0}", folder.display()))
        .arg("GrpcClient")
        .args(arguments)
        .args(["--endpoints", endpoints])
        .output();
    output.unwrap()
}

/// An exporter as far as supervision goes: started as a Spring Boot jar is, it serves HTTP on `server.port`, and writes
/// down the NameServers that it was given.
pub fn make_jar(dir: &Path, jar: &Path) {
    const SOURCE: &str = r#"
        import com.sun.net.httpserver.HttpServer;
        import java.io.FileInputStream;
        import java.net.InetSocketAddress;
        import java.nio.file.Files;
        import java.nio.file.Paths;
        import java.util.Properties;
        public final class PlainJar {
            public static void main(String[] arguments) throws Exception {
                Properties properties = new Properties();
                String file = arguments[0].replace("--spring.config.additional-location=file:", "");
                properties.load(new FileInputStream(file));
                String namesrvs = properties.getProperty("rocketmq.config.namesrvAddr");
                Files.write(Paths.get("tmp/served.txt"), namesrvs.getBytes("UTF-8"));
                int port = Integer.parseInt(properties.getProperty("server.port"));
                HttpServer server = HttpServer.create(new InetSocketAddress(port), 0);
                server.createContext("/", exchange -> { exchange.sendResponseHeaders(404, -1); exchange.close(); });
                server.start();
            }
        }"#;
    let run = |program: &str, arguments: &[&str]| {
        let status = Command::new(program).current_dir(dir).args(arguments).status().unwrap();
        assert!(status.success(), "{program} {arguments:?}");
    };
    fs::write(dir.join("PlainJar.java"), SOURCE).unwrap();
    run("javac", &["-nowarn", "--release", "11", "-d", "classes", "PlainJar.java"]);
    run("jar", &["cfe", jar.to_str().unwrap(), "PlainJar", "-C", "classes", "."]);
}

pub fn sha256(file: &Path) -> String {
    Sha256::digest(fs::read(file).unwrap()).iter().map(|byte| format!("{byte:02x}")).collect()
}
