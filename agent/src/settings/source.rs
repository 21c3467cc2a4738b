//! `[sync.source]`: where the document of the cluster lies, where the hosts do not decide on it among themselves.
//! In: the table as it is written. Out: a [`Source`], or all its mistakes.

use reqwest::Url;
use rocketmq_agent_domain::duration::Span;
use serde::Deserialize;
use std::{net::IpAddr, path::PathBuf, time::Duration};

const POLL: Span = Span(Duration::from_secs(30));
const LONGEST_POLL: Duration = Duration::from_secs(3600);
/// Where the document lies, in etcd and in a repository, where nothing else is said.
const ETCD_KEY: &str = "/rocketmq-agent/document";
const GIT_PATH: &str = "document";

/// A place where the document lies, and how it is reached.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "Written")]
pub struct Source {
    /// Which.
    pub place: Place,
    /// It is looked at anew after so long.
    pub poll: Duration,
    /// Who this host is there.
    pub login: Option<Login>,
    /// The only certificate authorities that are believed, as PEM; by default those of the host.
    pub ca: Option<PathBuf>,
    /// This host's own certificate and its key, as PEM.
    pub certificate: Option<(PathBuf, PathBuf)>,
}

/// Which place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// A key of etcd, version 3.
    Etcd {
        /// Its members, each as good as the others.
        members: Vec<Url>,
        /// The key.
        key: String,
    },
    /// An address.
    Url(Url),
    /// A Git repository on this host, bare or not, that something else keeps current.
    Git {
        /// Its folder.
        repository: PathBuf,
        /// The branch; by default the one that is checked out.
        branch: Option<String>,
        /// The path of the document in it.
        path: String,
    },
}

/// A name and where its password is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Login {
    /// The name.
    pub user: String,
    /// One line. Nobody else may read it.
    pub password_file: PathBuf,
}

/// The table's keys.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    etcd: Option<Vec<String>>,
    url: Option<String>,
    git: Option<PathBuf>,
    document: Option<String>,
    branch: Option<String>,
    poll: Option<String>,
    user: Option<String>,
    password_file: Option<PathBuf>,
    ca: Option<PathBuf>,
    certificate: Option<PathBuf>,
    key: Option<PathBuf>,
}

impl TryFrom<Written> for Source {
    type Error = String;

    fn try_from(written: Written) -> Result<Self, String> {
        let mut mistakes = Vec::new();
        let is_git = written.git.is_some();
        for (key, is_there) in [
            ("user", written.user.is_some()),
            ("password_file", written.password_file.is_some()),
            ("ca", written.ca.is_some()),
            ("certificate", written.certificate.is_some()),
            ("key", written.key.is_some()),
        ] {
            if is_git && is_there {
                mistakes.push(format!("{key} is for etcd and url: a repository is read from this host's disk"));
            }
        }
        if !is_git && written.branch.is_some() {
            mistakes.push("branch is for git".to_owned());
        }
        let poll = written.poll.map_or(Ok(POLL), |poll| poll.parse());
        let poll = poll.map_or(Duration::ZERO, |Span(poll)| poll);
        if poll.is_zero() || poll > LONGEST_POLL {
            mistakes.push("poll is a time from 1s to 1h".to_owned());
        }
        let login = match (written.user, written.password_file) {
            (Some(user), Some(password_file)) => Some(Login { user, password_file }),
            (None, None) => None,
            _ => {
                mistakes.push("user and password_file go together".to_owned());
                None
            }
        };
        let certificate = match (written.certificate, written.key) {
            (Some(certificate), Some(key)) => Some((certificate, key)),
            (None, None) => None,
            _ => {
                mistakes.push("certificate and key go together".to_owned());
                None
            }
        };
        let place = match (written.etcd, written.url, written.git) {
            (Some(members), None, None) => {
                if members.is_empty() {
                    mistakes.push("etcd names at least one member".to_owned());
                }
                let members = members.iter().filter_map(|member| address(member, &mut mistakes)).collect();
                Some(Place::Etcd { members, key: written.document.unwrap_or_else(|| ETCD_KEY.to_owned()) })
            }
            (None, Some(url), None) => {
                if written.document.is_some() {
                    mistakes.push("document is for etcd and git: a url names the document itself".to_owned());
                }
                address(&url, &mut mistakes).map(Place::Url)
            }
            (None, None, Some(repository)) => {
                if !repository.is_absolute() {
                    mistakes.push("git is the absolute path of a repository on this host".to_owned());
                }
                let path = written.document.unwrap_or_else(|| GIT_PATH.to_owned());
                Some(Place::Git { repository, branch: written.branch, path })
            }
            _ => {
                mistakes.push("it says one of etcd, url and git".to_owned());
                None
            }
        };
        match place {
            Some(place) if mistakes.is_empty() => Ok(Self { place, poll, login, ca: written.ca, certificate }),
            _ => Err(mistakes.join("; ")),
        }
    }
}

/// An address that nobody on the way can answer for: what comes from it is run.
fn address(text: &str, mistakes: &mut Vec<String>) -> Option<Url> {
    // Where a name and a password stand in it, it must not be shown.
    let url = match Url::parse(text) {
        Ok(url) => url,
        Err(error) => {
            mistakes.push(format!("an address cannot be read: {error}"));
            return None;
        }
    };
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let stays_here = host == "localhost" || host.parse().is_ok_and(|address: IpAddr| address.is_loopback());
    match url.scheme() {
        _ if !url.username().is_empty() || url.password().is_some() => {
            mistakes.push("user and password_file say who this host is, and not the address".to_owned());
        }
        "https" => return Some(url),
        "http" if stays_here => return Some(url),
        "http" => mistakes.push(format!("{url}: without TLS anybody on the way could change what runs here: https://")),
        _ => mistakes.push(format!("{url}: it begins with https://")),
    }
    None
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Source, String> {
        toml::from_str(text).map_err(|error| error.message().to_owned())
    }

    #[test]
    fn one_line_is_enough_for_each_place() {
        let etcd = read("etcd = [\"https://e1:2379\", \"https://e2:2379\"]").unwrap();
        assert!(matches!(etcd.place, Place::Etcd { members, key } if members.len() == 2 && key == ETCD_KEY));
        assert_eq!(etcd.poll, Duration::from_secs(30));
        let url = read("url = \"https://config.example.com/orders\"").unwrap();
        assert!(matches!(url.place, Place::Url(_)));
        let git = read("git = \"/srv/config.git\"").unwrap();
        assert!(matches!(git.place, Place::Git { branch: None, path, .. } if path == "document"));
    }

    #[test]
    fn the_sample_names_every_key() {
        let sample = include_str!("../../../conf/agent.toml").split_once("#[sync.source]").unwrap().1;
        let keys: Vec<&str> =
            sample.lines().filter_map(|line| line.strip_prefix('#')?.split_once(" = ")).map(|it| it.0).collect();
        let refused = read("unknown = 1").unwrap_err();
        let known: Vec<&str> = refused.split('`').skip(3).step_by(2).collect();
        assert_eq!(known.len(), 11, "{refused}");
        assert!(known.iter().all(|key| keys.contains(key)), "{known:?} {keys:?}");
    }

    #[test]
    fn all_mistakes_are_named_at_once() {
        let text = "git = \"config\"\nurl = \"http://a/b\"\nuser = \"u\"\nkey = \"/k\"\npoll = \"0s\"";
        let error = read(text).unwrap_err();
        for words in [
            "it says one of etcd, url and git",
            "user and password_file go together",
            "certificate and key go together",
            "poll is a time from 1s to 1h",
            "user is for etcd and url",
        ] {
            assert!(error.contains(words), "no {words:?} in {error}");
        }
        assert!(read("polls = \"3s\"\nurl = \"https://a\"").unwrap_err().contains("unknown field"));
        assert!(read("").unwrap_err().contains("one of etcd, url and git"));
    }

    #[test]
    fn an_address_that_others_could_answer_for_is_refused_and_a_password_in_one_is_not_shown() {
        for plain in ["http://config.example.com/a", "http://10.0.0.1/a"] {
            assert!(read(&format!("url = \"{plain}\"")).unwrap_err().contains("without TLS"), "{plain}");
        }
        for here in ["http://127.0.0.1:8080/a", "http://[::1]/a", "http://localhost/a"] {
            read(&format!("url = \"{here}\"")).unwrap();
        }
        let error = read("url = \"https://ann:s3cret@config.example.com/a\"").unwrap_err();
        assert!(error.contains("user and password_file") && !error.contains("s3cret"), "{error}");
        assert!(read("url = \"ftp://a/b\"").unwrap_err().contains("https://"));
    }
}
