//! Every key that a RocketMQ release takes in its configuration files: which class has it, its type and its default.
//! In: a file, a release, a key. Out: what the release makes of it. The keys are `keys.tsv`, read out of the jars by
//! `make catalogue`; what the jars do not say is written by hand in [`lore`].

pub mod lore;
mod value;

pub use value::{Kind, Wrong};

use crate::names::Version;
use std::sync::LazyLock;

/// A configuration file of RocketMQ.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum File {
    /// broker.conf.
    Broker,
    /// namesrv.conf.
    Namesrv,
    /// The file of a controller of its own (5.x).
    Controller,
    /// rmq-proxy.json (5.x).
    Proxy,
}

/// The first release of 5.x.
const FIVE: Version = Version::new(5, 0, 0);
const ANY: Version = Version::new(0, 0, 0);

impl File {
    /// Its name, for messages.
    pub fn name(self) -> &'static str {
        match self {
            File::Broker => "broker.conf",
            File::Namesrv => "namesrv.conf",
            File::Controller => "controller.conf",
            File::Proxy => "rmq-proxy.json",
        }
    }

    /// The classes that are filled from it, and the release from which each is: BrokerStartup, NamesrvStartup,
    /// ControllerStartup and Configuration of 4.5.2 to 5.5.0; TieredMessageStore registers its own class.
    fn classes(self) -> &'static [(&'static str, Version)] {
        match self {
            File::Broker => &[
                ("BrokerConfig", ANY),
                ("MessageStoreConfig", ANY),
                ("NettyServerConfig", ANY),
                ("NettyClientConfig", ANY),
                ("AuthConfig", FIVE),
                ("TieredMessageStoreConfig", FIVE),
            ],
            File::Namesrv => &[("NamesrvConfig", ANY), ("NettyServerConfig", ANY), ("NettyClientConfig", FIVE)],
            File::Controller => &[
                ("ControllerConfig", FIVE),
                ("JraftConfig", FIVE),
                ("NettyServerConfig", FIVE),
                ("NettyClientConfig", FIVE),
            ],
            File::Proxy => &[("ProxyConfig", FIVE), ("AuthConfig", FIVE)],
        }
    }
}

/// A key, and the run of releases that agree on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Key {
    /// The class that has it.
    pub class: &'static str,
    /// As it is written.
    pub name: &'static str,
    /// What its value must be.
    pub kind: Kind,
    /// The first catalogued release of which this holds.
    pub first: Version,
    /// The last one.
    pub last: Version,
    /// Its default as the class has it, before the start-up code changes it; empty where there is none.
    pub default: &'static str,
}

struct Catalogue {
    releases: Vec<Version>,
    keys: Vec<Key>,
}

static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(|| parse(include_str!("keys.tsv")));

/// What is not a line of the file as `make catalogue` writes it is left out, which its test would show.
fn parse(text: &'static str) -> Catalogue {
    let mut catalogue = Catalogue { releases: Vec::new(), keys: Vec::new() };
    let mut class = "";
    for line in text.lines() {
        let fields: Vec<&'static str> = line.split('\t').collect();
        if let Some(name) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            class = name;
        } else if let Some(("releases", releases)) = line.split_once('\t') {
            catalogue.releases = releases.split('\t').filter_map(|version| version.parse().ok()).collect();
        } else if let [name, kind, first, last, default] = fields[..]
            && let (Ok(first), Ok(last)) = (first.parse(), last.parse())
        {
            catalogue.keys.push(Key { class, name, kind: Kind::of(kind), first, last, default });
        }
    }
    catalogue
}

/// The releases whose jars were read, the oldest first.
pub fn releases() -> &'static [Version] {
    &CATALOGUE.releases
}

/// Every key of every class, once for each run of releases that agree on it.
pub fn every_key() -> impl Iterator<Item = &'static Key> {
    CATALOGUE.keys.iter()
}

/// The catalogued releases that have the file's own class: of 5.1.4 no jar of the proxy was to be had.
fn releases_with(file: File) -> impl DoubleEndedIterator<Item = Version> {
    let own = file.classes().first().map_or("", |(class, _)| class);
    let has = move |release: &Version| {
        every_key().any(|key| key.class == own && key.first <= *release && *release <= key.last)
    };
    releases().iter().copied().filter(has)
}

/// Of these the ones just below and above; the same twice for one that is catalogued itself.
fn neighbours(file: File, version: Version) -> impl Iterator<Item = Version> + Clone {
    let below = releases_with(file).rfind(|release| *release <= version);
    let above = releases_with(file).find(|release| *release >= version);
    below.into_iter().chain(above)
}

/// The keys of a file in a release, or in either of its neighbours; a name comes once.
pub fn keys(file: File, version: Version) -> Vec<&'static Key> {
    let mut keys: Vec<&Key> = Vec::new();
    for key in neighbours(file, version).flat_map(|release| keys_in(file, release)) {
        if !keys.iter().any(|earlier| earlier.name == key.name) {
            keys.push(key);
        }
    }
    keys
}

/// The keys of a file in a catalogued release, in the order in which its classes are asked.
fn keys_in(file: File, release: Version) -> impl Iterator<Item = &'static Key> {
    let classes = file.classes().iter().filter(move |(_, since)| *since <= release);
    let all = classes.flat_map(|(class, _)| every_key().filter(move |key| key.class == *class));
    all.filter(move |key| key.first <= release && release <= key.last)
}

/// What a release makes of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// It takes it.
    Known(&'static Key),
    /// The release lies between two catalogued ones, of which only this one takes it.
    Neighbours(&'static Key, Version),
    /// It does not, and others do: the first and the last of them.
    OfOtherReleases(Version, Version),
    /// No release takes it.
    Unknown,
}

/// What a release makes of a key in a file.
pub fn standing(file: File, name: &str, version: Version) -> Standing {
    let takes = |release: &Version| keys_in(file, *release).find(|key| key.name == name).map(|key| (*release, key));
    let near: Vec<Option<(Version, &Key)>> = neighbours(file, version).map(|release| takes(&release)).collect();
    let found: Vec<(Version, &Key)> = near.iter().flatten().copied().collect();
    match found.first() {
        Some((_, key)) if found.len() == near.len() => Standing::Known(key),
        Some((release, key)) => Standing::Neighbours(key, *release),
        None => {
            let others: Vec<Version> = releases().iter().filter_map(takes).map(|(release, _)| release).collect();
            match (others.first(), others.last()) {
                (Some(first), Some(last)) => Standing::OfOtherReleases(*first, *last),
                _ => Standing::Unknown,
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn known(file: File, name: &str, version: (u16, u16, u16)) -> Standing {
        standing(file, name, Version::new(version.0, version.1, version.2))
    }

    #[test]
    fn every_line_of_the_file_is_read() {
        let lines = include_str!("keys.tsv").lines().filter(|line| line.split('\t').count() == 5).count();
        assert!(lines > 800 && releases().len() == 7);
        assert_eq!(every_key().count(), lines);
        assert!(every_key().all(|key| !key.class.is_empty()));
    }

    #[test]
    fn a_key_is_known_where_its_release_has_it() {
        assert!(
            matches!(known(File::Broker, "fileReservedTime", (4, 7, 0)), Standing::Known(key) if key.kind == Kind::Int)
        );
        assert!(matches!(known(File::Broker, "inSyncReplicas", (5, 5, 0)), Standing::Known(_)));
        assert!(matches!(known(File::Broker, "initAuthenticationUser", (5, 3, 3)), Standing::Known(_)));
        assert!(matches!(known(File::Namesrv, "clusterTest", (4, 5, 2)), Standing::Known(_)));
        assert!(matches!(known(File::Controller, "electMasterMaxRetryCount", (5, 5, 0)), Standing::Known(_)));
        assert!(matches!(known(File::Proxy, "grpcServerPort", (5, 5, 0)), Standing::Known(_)));
        assert_eq!(known(File::Namesrv, "fileReservedTime", (4, 7, 0)), Standing::Unknown);
        assert_eq!(known(File::Broker, "storeCheckpoint", (4, 7, 0)), Standing::Unknown);
    }

    #[test]
    fn a_key_of_a_proxy_is_known_of_a_release_whose_proxy_was_not_to_be_had() {
        for version in [(5, 1, 0), (5, 1, 4), (5, 5, 0)] {
            assert!(matches!(known(File::Proxy, "regionId", version), Standing::Known(_)), "{version:?}");
        }
        assert!(matches!(known(File::Proxy, "authenticationEnabled", (5, 5, 0)), Standing::Known(_)));
    }

    #[test]
    fn a_key_of_other_releases_is_told_from_one_of_none() {
        let (oldest, newest) = (Version::new(5, 1, 4), Version::new(5, 5, 0));
        assert_eq!(known(File::Broker, "inSyncReplicas", (4, 9, 4)), Standing::OfOtherReleases(oldest, newest));
        assert!(matches!(known(File::Broker, "haSlaveFallbehindMax", (5, 5, 0)), Standing::OfOtherReleases(_, _)));
    }

    #[test]
    fn between_two_releases_a_key_of_either_is_taken() {
        // 5.3.0 has AuthConfig: of its neighbours only the upper has it.
        let newer = Version::new(5, 3, 3);
        assert!(
            matches!(known(File::Broker, "authenticationEnabled", (5, 3, 0)), Standing::Neighbours(_, takes) if takes == newer)
        );
        assert!(matches!(known(File::Broker, "listenPort", (5, 2, 0)), Standing::Known(_)));
        // Beyond the newest there is one neighbour only.
        assert!(matches!(known(File::Broker, "inSyncReplicas", (5, 9, 0)), Standing::Known(_)));
        assert!(matches!(known(File::Broker, "brokerName", (4, 5, 0)), Standing::Known(_)));
    }
}
