//! `agent.toml`: what differs between the hosts of a cluster and so cannot stand in the cluster file.
//! Every key has a default, and the file may be missing.

mod source;

pub use source::{Login, Place, Source};

use rocketmq_agent_domain::{names::HostName, secret};
use serde::Deserialize;
use std::{
    fs, io,
    net::SocketAddr,
    path::{Path, PathBuf},
};

/// Where the file is looked for.
pub const DEFAULT_PATH: &str = "/etc/rocketmq-agent/agent.toml";

/// The file's keys.
#[derive(Debug, Clone, Deserialize)]
#[serde(default, deny_unknown_fields)]
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
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SupervisorKind {
    /// `systemd` where it is the first process and the agent is root, else `embedded`.
    Auto,
    /// The agent itself is their parent.
    Embedded,
    /// systemd, one unit an instance.
    Systemd,
}

/// The embedded supervisor's keys.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Embedded {
    /// What happens to the JVMs when the agent is told to end.
    pub on_exit: OnExit,
    /// The account they run as when the agent is root.
    pub run_as: RunAs,
}

/// What happens to the JVMs when the agent is told to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OnExit {
    /// They are stopped cleanly first.
    Stop,
    /// They run on, and the next agent takes them over.
    Leave,
}

/// The account that instances run as.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum RunAs {
    /// uid and gid 3000 when the agent is root, else the agent's own.
    RocketMq,
    /// The agent's own.
    #[serde(rename = "self")]
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
    /// The file is not what it should be.
    #[error("{path}: {problem}")]
    Parse {
        /// Which.
        path: PathBuf,
        /// Line, column and what is wrong, as drawn by the TOML parser.
        problem: String,
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
        let settings: Self = toml::from_str(&text).map_err(|error| SettingsError::Parse {
            path: path.to_owned(),
            // The line that is wrong is shown, and may hold a password.
            problem: secret::blanked(error.to_string().trim_end()),
        })?;
        match settings.sync {
            Sync { ca: None, certificate: None, key: None, .. }
            | Sync { ca: Some(_), certificate: Some(_), key: Some(_), .. } => Ok(settings),
            _ => {
                let problem = "[sync] has some of ca, certificate and key; they go together".to_owned();
                Err(SettingsError::Parse { path: path.to_owned(), problem })
            }
        }
    }

    /// The site's own certificates; none where the secret is what counts.
    pub fn certificates(&self) -> Option<Certificates> {
        let Sync { ca, certificate, key, .. } = self.sync.clone();
        Some(Certificates { ca: ca?, certificate: certificate?, key: key? })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_file_is_enough() {
        let settings: Settings = toml::from_str("").unwrap();
        assert_eq!(settings.cluster_file, Path::new("/etc/rocketmq-agent/cluster.toml"));
        assert_eq!(settings.embedded.on_exit, OnExit::Stop);
    }

    #[test]
    fn an_unknown_key_is_an_error_with_its_line() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("agent.toml");
        fs::write(&path, "host = \"vm1\"\nclusterfile = \"/x\"\n").unwrap();
        let text = Settings::read(&path).unwrap_err().to_string();
        assert!(text.contains("line 2") && text.contains("cluster_file"), "{text}");
    }

    #[test]
    fn own_certificates_go_together() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("agent.toml");
        fs::write(&path, "[sync]\nca = \"/ca.pem\"\nkey = \"/key.pem\"\n").unwrap();
        assert!(Settings::read(&path).unwrap_err().to_string().contains("they go together"));
        fs::write(&path, "[sync]\nca = \"/ca.pem\"\nkey = \"/key.pem\"\ncertificate = \"/vm1.pem\"\n").unwrap();
        assert_eq!(Settings::read(&path).unwrap().certificates().unwrap().certificate, Path::new("/vm1.pem"));
        assert_eq!(Settings::default().certificates(), None);
    }

    #[test]
    fn a_mistake_is_shown_without_the_password_beside_it() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("agent.toml");
        fs::write(&path, "[sync]\nsource = { url = \"https://ann:s3cret@config.example.com/a\" }\n").unwrap();
        let text = Settings::read(&path).unwrap_err().to_string();
        assert!(
            text.contains("line 2") && text.contains("user and password_file") && !text.contains("s3cret"),
            "{text}"
        );
    }

    #[test]
    fn a_missing_file_is_an_error_when_it_was_asked_for() {
        assert!(matches!(Settings::read(Path::new("/nonexistent/agent.toml")), Err(SettingsError::Read { .. })));
    }
}
