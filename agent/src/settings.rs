//! `agent.toml`: what differs between the hosts of a cluster and so cannot stand in the cluster file.
//! Every key has a default, and the file may be missing. In: its text. Out: [`Settings`], or all mistakes, found by the code
//! that reads the cluster file.

mod source;

pub use source::{Login, Place, Source};

use rocketmq_agent_domain::{
    cluster_file::{
        Section, document,
        shape::{Key, Kind},
    },
    names::HostName,
    problem::{Listing, Problem, Problems, did_you_mean},
};
use std::{
    cell::RefCell,
    fs, io,
    net::SocketAddr,
    path::{Path, PathBuf},
};

/// Where the file is looked for.
pub const DEFAULT_PATH: &str = "/etc/rocketmq-agent/agent.toml";

/// What each key means stands in conf/agent.toml.
const fn key(name: &'static str, kind: Kind) -> Key {
    Key { name, kind, default: "", doc: "" }
}

const KEYS: &[Key] = &[
    key("host", Kind::Text),
    key("cluster_file", Kind::Text),
    key("state_dir", Kind::Text),
    key("listen", Kind::Text),
    key("agent_check", Kind::Text),
    key("secret_file", Kind::Text),
    key("sync", Kind::Section(SYNC)),
    key("sync_listen", Kind::Text),
    key("control_socket", Kind::Text),
    key("supervisor", Kind::Text),
    key("embedded", Kind::Section(&[key("on_exit", Kind::Text), key("run_as", Kind::Text)])),
];

const SYNC: &[Key] = &[
    key("source", Kind::Section(source::KEYS)),
    key("ca", Kind::Text),
    key("certificate", Kind::Text),
    key("key", Kind::Text),
];

/// The file's keys.
#[derive(Debug, Clone)]
pub struct Settings {
    /// This host's name in the cluster file; by default found by the machine's host name, then by its addresses.
    pub host: Option<HostName>,
    /// The cluster file.
    pub cluster_file: PathBuf,
    /// The agent's own state.
    pub state_dir: PathBuf,
    /// Where HTTP is served; by default the agent port of the cluster file on all addresses.
    pub listen: Option<SocketAddr>,
    /// Where HAProxy's agent-checks are answered; nowhere by default.
    pub agent_check: Option<SocketAddr>,
    /// The secret that all hosts of the cluster share. Where there is none, the cluster file is this host's own affair.
    pub secret_file: PathBuf,
    /// How the hosts come to one document.
    pub sync: Sync,
    /// Where config sync is served; by default the sync port of the cluster file on all addresses.
    pub sync_listen: Option<SocketAddr>,
    /// Where the commands that change the cluster reach this host's agent.
    pub control_socket: PathBuf,
    /// Who runs the JVMs.
    pub supervisor: SupervisorKind,
    /// The embedded supervisor.
    pub embedded: Embedded,
}

/// `[sync]`: how the hosts come to one document.
#[derive(Debug, Clone, Default)]
pub struct Sync {
    /// Where it lies; without one the hosts decide on it among themselves.
    pub source: Option<Source>,
    /// The authority's certificates, PEM: with the two others what the hosts show each other in place of the secret.
    pub ca: Option<PathBuf>,
    /// This host's certificate with those between it and the authority's, PEM.
    pub certificate: Option<PathBuf>,
    /// Its key, PEM.
    pub key: Option<PathBuf>,
}

/// The files of a site's own certificates: all three, or there are none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Certificates {
    /// The authority's.
    pub ca: PathBuf,
    /// This host's.
    pub certificate: PathBuf,
    /// Its key.
    pub key: PathBuf,
}

/// Who runs the JVMs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SupervisorKind {
    /// `systemd` where it is the first process and the agent is root, else `embedded`.
    Auto,
    /// The agent itself is their parent.
    Embedded,
    /// systemd, one unit an instance.
    Systemd,
}

/// The embedded supervisor's keys.
#[derive(Debug, Clone, Copy)]
pub struct Embedded {
    /// What happens to the JVMs when the agent is told to end.
    pub on_exit: OnExit,
    /// The account they run as when the agent is root.
    pub run_as: RunAs,
}

/// What happens to the JVMs when the agent is told to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnExit {
    /// They are stopped cleanly first.
    Stop,
    /// They run on, and the next agent takes them over.
    Leave,
}

/// The account that instances run as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunAs {
    /// uid and gid 3000 when the agent is root, else the agent's own.
    RocketMq,
    /// The agent's own.
    Agent,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            host: None,
            cluster_file: PathBuf::from("/etc/rocketmq-agent/cluster.toml"),
            state_dir: PathBuf::from("/var/lib/rocketmq-agent"),
            listen: None,
            agent_check: None,
            secret_file: PathBuf::from("/etc/rocketmq-agent/cluster.secret"),
            sync: Sync::default(),
            sync_listen: None,
            control_socket: PathBuf::from("/run/rocketmq-agent/control.sock"),
            supervisor: SupervisorKind::Auto,
            embedded: Embedded::default(),
        }
    }
}

impl Default for Embedded {
    fn default() -> Self {
        Self { on_exit: OnExit::Stop, run_as: RunAs::RocketMq }
    }
}

/// Why there are no settings.
#[derive(Debug, thiserror::Error)]
pub enum SettingsError {
    /// The file cannot be read.
    #[error("cannot read {path}")]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// It has mistakes.
    #[error("{}", Listing(path, problems))]
    Invalid {
        /// Which.
        path: PathBuf,
        /// All of them, in the order of the file.
        problems: Vec<Problem>,
    },
}

impl Settings {
    /// Reads the file; a missing one at the default path is as good as an empty one.
    pub fn read(path: &Path) -> Result<Self, SettingsError> {
        let text = match fs::read_to_string(path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound && path == Path::new(DEFAULT_PATH) => String::new(),
            Err(source) => return Err(SettingsError::Read { path: path.to_owned(), source }),
        };
        Self::parse(&text).map_err(|problems| SettingsError::Invalid { path: path.to_owned(), problems })
    }

    fn parse(text: &str) -> Result<Self, Vec<Problem>> {
        let problems = RefCell::new(Problems::new(text));
        let document = document(text, &problems);
        let top = Section::top(document.get_ref(), KEYS, &problems);
        let embedded = top.section("embedded");
        let default = Self::default();
        let supervisors = [
            ("auto", SupervisorKind::Auto),
            ("embedded", SupervisorKind::Embedded),
            ("systemd", SupervisorKind::Systemd),
        ];
        let settings = Self {
            host: top.parsed("host", "bad-name").map(|host| host.value),
            cluster_file: path(&top, "cluster_file").unwrap_or(default.cluster_file),
            state_dir: path(&top, "state_dir").unwrap_or(default.state_dir),
            listen: address(&top, "listen"),
            agent_check: address(&top, "agent_check"),
            secret_file: path(&top, "secret_file").unwrap_or(default.secret_file),
            sync: top.section("sync").map(|section| Sync::read(&section)).unwrap_or_default(),
            sync_listen: address(&top, "sync_listen"),
            control_socket: path(&top, "control_socket").unwrap_or(default.control_socket),
            supervisor: choice(&top, "supervisor", &supervisors).unwrap_or(default.supervisor),
            embedded: embedded.map(|section| Embedded::read(&section)).unwrap_or_default(),
        };
        let problems = problems.into_inner().into_vec();
        if problems.is_empty() { Ok(settings) } else { Err(problems) }
    }

    /// The site's own certificates; none where the secret is what counts.
    pub fn certificates(&self) -> Option<Certificates> {
        let Sync { ca, certificate, key, .. } = self.sync.clone();
        Some(Certificates { ca: ca?, certificate: certificate?, key: key? })
    }
}

impl Sync {
    fn read(section: &Section<'_, '_>) -> Self {
        let own = ["ca", "certificate", "key"];
        if own.iter().any(|key| section.has(key)) {
            for key in own.into_iter().filter(|key| !section.has(key)) {
                section.missing(key, "ca, certificate and key go together");
            }
        }
        let [ca, certificate, key] = own.map(|key| path(section, key));
        Self { source: section.section("source").and_then(|section| Source::read(&section)), ca, certificate, key }
    }
}

impl Embedded {
    fn read(section: &Section<'_, '_>) -> Self {
        let (on_exit, run_as) = (
            [("stop", OnExit::Stop), ("leave", OnExit::Leave)],
            [("rocketmq", RunAs::RocketMq), ("self", RunAs::Agent)],
        );
        let default = Self::default();
        Self {
            on_exit: choice(section, "on_exit", &on_exit).unwrap_or(default.on_exit),
            run_as: choice(section, "run_as", &run_as).unwrap_or(default.run_as),
        }
    }
}

fn path(section: &Section<'_, '_>, key: &'static str) -> Option<PathBuf> {
    section.text(key).map(|text| PathBuf::from(text.value))
}

fn address(section: &Section<'_, '_>, key: &'static str) -> Option<SocketAddr> {
    let text = section.text(key)?;
    let parsed = text.value.parse();
    if parsed.is_err() {
        let what = "must be an IP address with a port, such as 0.0.0.0:9877";
        section.problem(text.at, "bad-address", key, what, format!("this is \"{}\"", text.value));
    }
    parsed.ok()
}

fn choice<T: Copy>(section: &Section<'_, '_>, key: &'static str, choices: &[(&'static str, T)]) -> Option<T> {
    let text = section.text(key)?;
    let found = choices.iter().find(|(word, _)| *word == text.value).map(|(_, choice)| *choice);
    if found.is_none() {
        let words: Vec<String> = choices.iter().map(|(word, _)| format!("\"{word}\"")).collect();
        let fix = did_you_mean(&text.value, choices.iter().map(|(word, _)| *word));
        section.problem(text.at, "bad-choice", key, format!("must be one of {}", words.join(", ")), fix);
    }
    found
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use rocketmq_agent_domain::cluster_file::shape::every_key;

    #[test]
    fn an_empty_file_is_enough() {
        let settings = Settings::parse("").unwrap();
        assert_eq!(settings.cluster_file, Path::new("/etc/rocketmq-agent/cluster.toml"));
        assert_eq!(settings.embedded.on_exit, OnExit::Stop);
    }

    fn mistakes(text: &str) -> Vec<String> {
        Settings::parse(text).unwrap_err().iter().map(Problem::to_string).collect()
    }

    #[test]
    fn every_mistake_is_named_at_once_with_its_line_the_nearest_right_key_or_its_right_table_and_the_rule() {
        let text = "clusterfile = \"/x\"\non_exit = \"leave\"\nlisten = \"9877\"\nsupervisor = \"sytemd\"\nhost = 1\n\
                    colour = 2\n[embedded]\nrun_as = \"root\"\ncontrol_socket = \"/c\"\n";
        let known = KEYS.iter().map(|key| key.name).collect::<Vec<_>>().join(", ");
        assert_eq!(
            mistakes(text),
            [
                "1:1: clusterfile: there is no such key; did you mean \"cluster_file\"? [unknown-key]",
                "2:1: on_exit: there is no such key; its place is [embedded] [unknown-key]",
                "3:10: listen: must be an IP address with a port, such as 0.0.0.0:9877; this is \"9877\" [bad-address]",
                "4:14: supervisor: must be one of \"auto\", \"embedded\", \"systemd\"; did you mean \"systemd\"? [bad-choice]",
                "5:8: host: must be a string, and is of type integer [wrong-type]",
                &format!("6:1: colour: there is no such key; known here: {known} [unknown-key]"),
                "8:10: embedded.run_as: must be one of \"rocketmq\", \"self\" [bad-choice]",
                "9:1: embedded.control_socket: there is no such key; its place is the top of the file, above every table \
                 [unknown-key]",
            ]
        );
        assert!(mistakes("host =")[0].ends_with("[syntax]"));
    }

    #[test]
    fn the_sample_shows_every_key() {
        let sample = include_str!("../../conf/agent.toml");
        for (path, key) in every_key(KEYS) {
            let shown = match key.kind {
                Kind::Section(_) => sample.contains(&format!("[{path}]")),
                _ => sample.lines().any(|line| line.trim_start_matches('#').starts_with(&format!("{} = ", key.name))),
            };
            assert!(shown, "{path}");
        }
    }

    #[test]
    fn own_certificates_go_together() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("agent.toml");
        fs::write(&path, "[sync]\nca = \"/ca.pem\"\nkey = \"/key.pem\"\n").unwrap();
        let said = Settings::read(&path).unwrap_err().to_string();
        let wanted = "agent.toml:1:1: sync.certificate: is missing; ca, certificate and key go together [missing-key]";
        assert_eq!(said, wanted);
        fs::write(&path, "[sync]\nca = \"/ca.pem\"\nkey = \"/key.pem\"\ncertificate = \"/vm1.pem\"\n").unwrap();
        assert_eq!(Settings::read(&path).unwrap().certificates().unwrap().certificate, Path::new("/vm1.pem"));
        assert_eq!(Settings::default().certificates(), None);
    }

    #[test]
    fn a_password_in_a_mistake_is_not_shown() {
        let url = "https://ann:s3cret@config.example.com/a";
        for text in [
            format!("[sync]\nsource = {{ url = \"{url}\" }}"),
            format!("[sync.source]\nurl = \"{url}"),
            format!("[sync.source]\nurl = {url}"),
            format!("[sync.source]\netcd = \"{url}\""),
        ] {
            let said = mistakes(&text).concat();
            assert!(said.contains("2:") && !said.contains("s3cret"), "{said}");
        }
    }

    #[test]
    fn a_missing_file_is_an_error_when_it_was_asked_for() {
        assert!(matches!(Settings::read(Path::new("/nonexistent/agent.toml")), Err(SettingsError::Read { .. })));
    }
}
