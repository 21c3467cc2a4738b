//! `[sync.source]`: where the document of the cluster lies, where the hosts do not decide on it among themselves.
//! In: the table as it is written. Out: a [`Source`], or all its mistakes.

use super::{key, path};
use reqwest::Url;
use rocketmq_agent_domain::{
    cluster_file::{
        At, Section, Text,
        shape::{Key, Kind},
    },
    duration::Span,
};
use std::{net::IpAddr, path::PathBuf, time::Duration};

const POLL: Span = Span(Duration::from_secs(30));
const LONGEST_POLL: Duration = Duration::from_secs(3600);
/// Where the document lies, in etcd and in a repository, where nothing else is said.
const ETCD_KEY: &str = "/rocketmq-agent/document";
const GIT_PATH: &str = "document";

/// A place where the document lies, and how it is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
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

pub(super) const KEYS: &[Key] = &[
    key("etcd", Kind::Texts),
    key("url", Kind::Text),
    key("git", Kind::Text),
    key("document", Kind::Text),
    key("branch", Kind::Text),
    key("poll", Kind::Text),
    key("user", Kind::Text),
    key("password_file", Kind::Text),
    key("ca", Kind::Text),
    key("certificate", Kind::Text),
    key("key", Kind::Text),
];

impl Source {
    pub(super) fn read(section: &Section<'_, '_>) -> Option<Self> {
        let is_git = section.has("git");
        for key in ["user", "password_file", "ca", "certificate", "key"] {
            if let (true, Some(At { at, .. })) = (is_git, section.text(key)) {
                let what = "is for etcd and url: a repository is read from this host's disk";
                section.problem(at, "bad-source", key, what, "");
            }
        }
        if let (false, Some(At { at, .. })) = (is_git, section.text("branch")) {
            section.problem(at, "bad-source", "branch", "is for git", "");
        }
        let poll = section.parsed("poll", "bad-duration");
        let poll = poll.map_or(POLL.0, |At { value: Span(poll), at }| {
            if poll.is_zero() || poll > LONGEST_POLL {
                section.problem(at, "out-of-range", "poll", "must be a time from 1s to 1h", "");
            }
            poll
        });
        for (one, other, fix) in [
            ("user", "password_file", "user and password_file go together"),
            ("certificate", "key", "certificate and key go together"),
        ] {
            match (section.has(one), section.has(other)) {
                (true, false) => section.missing(other, fix),
                (false, true) => section.missing(one, fix),
                _ => {}
            }
        }
        let user = section.text("user").map(|user| user.value);
        Some(Self {
            place: place(section)?,
            poll,
            login: user.zip(path(section, "password_file")).map(|(user, password_file)| Login { user, password_file }),
            ca: path(section, "ca"),
            certificate: path(section, "certificate").zip(path(section, "key")),
        })
    }
}

fn place(section: &Section<'_, '_>) -> Option<Place> {
    let document = section.text("document");
    let (etcd, url, git) = (section.list::<Text>("etcd", "bad-source"), section.text("url"), section.text("git"));
    if ["etcd", "url", "git"].into_iter().filter(|key| section.has(key)).count() != 1 {
        section.problem(section.at, "bad-source", "etcd", "must be there, or url, or git: one of the three", "");
        return None;
    }
    if let Some(At { value: members, at }) = etcd {
        if members.is_empty() {
            section.problem(at, "empty-list", "etcd", "must name at least one member", "");
        }
        let members = members.into_iter().filter_map(|it| address(section, "etcd", it.map(|text| text.0))).collect();
        return Some(Place::Etcd { members, key: document.map_or(ETCD_KEY.to_owned(), |key| key.value) });
    }
    if let Some(url) = url {
        if let Some(At { at, .. }) = document {
            let what = "is for etcd and git: a url names the document itself";
            section.problem(at, "bad-source", "document", what, "");
        }
        return address(section, "url", url).map(Place::Url);
    }
    let At { value, at } = git?;
    let repository = PathBuf::from(value);
    if !repository.is_absolute() {
        section.problem(at, "bad-path", "git", "must be the absolute path of a repository on this host", "");
    }
    let branch = section.text("branch").map(|branch| branch.value);
    Some(Place::Git { repository, branch, path: document.map_or(GIT_PATH.to_owned(), |path| path.value) })
}

/// An address that nobody on the way can answer for: what comes from it is run.
fn address(section: &Section<'_, '_>, key: &'static str, At { value, at }: At<String>) -> Option<Url> {
    // Where a name and a password stand in it, it must not be shown.
    let wrong = |what: String, fix: &str| section.problem(at, "bad-source", key, what, fix);
    let url = match Url::parse(&value) {
        Ok(url) => url,
        Err(error) => {
            wrong(format!("cannot be read: {error}"), "");
            return None;
        }
    };
    let host = url.host_str().unwrap_or_default().trim_matches(['[', ']']);
    let stays_here = host == "localhost" || host.parse().is_ok_and(|address: IpAddr| address.is_loopback());
    match url.scheme() {
        _ if !url.username().is_empty() || url.password().is_some() => {
            wrong("has a name or password in it".to_owned(), "user and password_file say who this host is");
        }
        "https" => return Some(url),
        "http" if stays_here => return Some(url),
        "http" => wrong(format!("{url}: without TLS anybody on the way could change what runs here"), "use https://"),
        _ => wrong(format!("{url}: is no address of the web"), "it begins with https://"),
    }
    None
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::settings::Settings;
    use rocketmq_agent_domain::problem::Problem;

    fn read(text: &str) -> Result<Source, String> {
        let settings = Settings::parse(&format!("[sync.source]\n{text}"));
        let said = |problems: Vec<Problem>| problems.iter().map(|it| format!("{it}\n")).collect();
        settings.map(|settings| settings.sync.source.unwrap()).map_err(said)
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
    fn all_mistakes_are_named_at_once() {
        let text = "git = \"config\"\nurl = \"http://a/b\"\nuser = \"u\"\nkey = \"/k\"\npoll = \"0s\"";
        let error = read(text).unwrap_err();
        for words in [
            "1:1: sync.source.etcd: must be there, or url, or git: one of the three",
            "sync.source.password_file: is missing; user and password_file go together",
            "sync.source.certificate: is missing; certificate and key go together",
            "6:8: sync.source.poll: must be a time from 1s to 1h",
            "4:8: sync.source.user: is for etcd and url",
        ] {
            assert!(error.contains(words), "no {words:?} in {error}");
        }
        assert!(read("polls = \"3s\"\nurl = \"https://a\"").unwrap_err().contains("did you mean \"poll\"?"));
        assert!(read("").unwrap_err().contains("one of the three"));
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
