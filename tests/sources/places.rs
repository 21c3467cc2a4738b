//! The three places that a document can lie in, as an operator sees them.

use super::etcd::Etcd;
use std::{
    fs,
    io::{BufRead, BufReader, Write},
    net::{SocketAddr, TcpListener, TcpStream},
    path::Path,
    process::{Command, Stdio},
    sync::{Arc, Mutex},
    thread,
};
use tempfile::TempDir;

pub trait Place {
    fn new() -> Self;
    /// As it stands in `agent.toml`.
    fn source(&self) -> String;
    fn publish(&self, document: &str);
    fn breaks(&mut self);
    fn heals(&mut self);
}

impl Place for Etcd {
    fn new() -> Self {
        Self::new(1)
    }

    fn source(&self) -> String {
        Self::source(self)
    }

    fn publish(&self, document: &str) {
        self.put(document);
    }

    fn breaks(&mut self) {
        self.kill(0);
    }

    fn heals(&mut self) {
        self.start(0);
    }
}

/// A plain HTTP server with one file and its ETag.
pub struct Web {
    address: SocketAddr,
    inner: Arc<Mutex<Inner>>,
}

#[derive(Default)]
struct Inner {
    document: Option<String>,
    version: u64,
    is_broken: bool,
    unchanged: u64,
}

impl Web {
    /// How often it said that nothing has changed.
    pub fn unchanged(&self) -> u64 {
        self.inner.lock().unwrap().unchanged
    }
}

impl Place for Web {
    fn new() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let inner = Arc::new(Mutex::new(Inner::default()));
        let served = Arc::clone(&inner);
        thread::spawn(move || {
            for connection in listener.incoming() {
                answer(connection.unwrap(), &served);
            }
        });
        Self { address, inner }
    }

    fn source(&self) -> String {
        format!("url = \"http://{}/orders?token=t0ken\"", self.address)
    }

    fn publish(&self, document: &str) {
        let mut inner = self.inner.lock().unwrap();
        inner.document = Some(document.to_owned());
        inner.version += 1;
    }

    fn breaks(&mut self) {
        self.inner.lock().unwrap().is_broken = true;
    }

    fn heals(&mut self) {
        self.inner.lock().unwrap().is_broken = false;
    }
}

fn answer(mut connection: TcpStream, inner: &Mutex<Inner>) {
    let head = BufReader::new(&connection).lines().map_while(Result::ok).take_while(|line| !line.is_empty());
    let head: Vec<String> = head.collect();
    let mut inner = inner.lock().unwrap();
    let tag = format!("\"{}\"", inner.version);
    let knows = head.iter().any(|line| line.eq_ignore_ascii_case(&format!("if-none-match: {tag}")));
    let (status, body) = match &inner.document {
        _ if inner.is_broken => ("503 Service Unavailable", "down for maintenance"),
        None => ("404 Not Found", ""),
        Some(_) if knows => ("304 Not Modified", ""),
        Some(document) => ("200 OK", document.as_str()),
    };
    let length = body.len();
    let head = format!("HTTP/1.1 {status}\r\nETag: {tag}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n");
    // Whoever asked may have gone.
    let _ = connection.write_all(format!("{head}{body}").as_bytes());
    if status.starts_with("304") {
        inner.unchanged += 1;
    }
}

/// A bare repository, which is pushed to.
pub struct Repository(TempDir);

impl Repository {
    fn git(&self, folder: &str, arguments: &[&str]) {
        let mut command = Command::new("git");
        command.arg("-C").arg(self.0.path().join(folder)).args(arguments);
        for (name, value) in [("NAME", "ann"), ("EMAIL", "ann@example.com")] {
            command.env(format!("GIT_AUTHOR_{name}"), value).env(format!("GIT_COMMITTER_{name}"), value);
        }
        command.env("GIT_CONFIG_GLOBAL", "/dev/null").env("GIT_CONFIG_SYSTEM", "/dev/null");
        let said = command.stdin(Stdio::null()).output().unwrap();
        assert!(said.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&said.stderr));
    }

    fn path(&self, name: &str) -> String {
        self.0.path().join(name).display().to_string()
    }
}

impl Place for Repository {
    fn new() -> Self {
        let repository = Self(tempfile::tempdir().unwrap());
        repository.git("", &["init", "-q", "--bare", "config.git"]);
        repository.git("config.git", &["symbolic-ref", "HEAD", "refs/heads/main"]);
        repository.git("", &["init", "-q", "work"]);
        repository.git("work", &["symbolic-ref", "HEAD", "refs/heads/main"]);
        repository
    }

    fn source(&self) -> String {
        format!("git = {:?}\nbranch = \"main\"\ndocument = \"orders/document\"", self.path("config.git"))
    }

    fn publish(&self, document: &str) {
        fs::create_dir_all(Path::new(&self.path("work/orders"))).unwrap();
        fs::write(self.path("work/orders/document"), document).unwrap();
        self.git("work", &["add", "-A"]);
        self.git("work", &["commit", "-q", "--allow-empty", "-m", "the next document"]);
        self.git("work", &["push", "-q", "--force", &self.path("config.git"), "main"]);
        // As it is in a repository that has been in use for a while: packs, and no file for the branch.
        self.git("config.git", &["gc", "-q"]);
    }

    fn breaks(&mut self) {
        fs::rename(self.path("config.git"), self.path("aside.git")).unwrap();
    }

    fn heals(&mut self) {
        fs::rename(self.path("aside.git"), self.path("config.git")).unwrap();
    }
}
