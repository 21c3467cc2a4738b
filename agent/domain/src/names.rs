//! Names that a person types or RocketMQ reports, checked once at the door: who holds a `HostName` holds a good one.
//! In: strings. Out: typed names or a rule in words. No defaults, no look-ups.

use crate::launch::Role;
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// Why a string is not the name it should be, as a rule in words.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct NameError(String);

macro_rules! name {
    ($(#[$doc:meta])* $name:ident, $longest:expr, $allowed:expr, $rule:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// The name as it is written.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = NameError;
            fn from_str(text: &str) -> Result<Self, NameError> {
                let allowed: fn(char) -> bool = $allowed;
                let starts_well = text.starts_with(|c: char| c.is_ascii_alphanumeric());
                if starts_well && text.len() <= $longest && text.chars().all(allowed) {
                    Ok(Self(text.to_owned()))
                } else {
                    Err(NameError(format!("must be {}, starting with a letter or digit", $rule)))
                }
            }
        }

        impl TryFrom<String> for $name {
            type Error = NameError;
            fn try_from(text: String) -> Result<Self, NameError> {
                text.parse()
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> String {
                name.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.pad(&self.0)
            }
        }
    };
}

name!(
    /// The name of a host in the cluster file; a DNS label, so that it can be the machine's own host name.
    HostName, 63, |c| c.is_ascii_alphanumeric() || c == '-' || c == '.',
    "1 to 63 letters, digits, '-' or '.'"
);
name!(
    /// `brokerClusterName`. RocketMQ makes a topic of this name, so the topic's character set holds
    /// (5.3.3 `TopicValidator.isTopicOrGroupIllegal`).
    ClusterName, 127, |c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '%' | '|'),
    "1 to 127 letters, digits, '-', '_', '%' or '|'"
);
name!(
    /// `brokerName`, the name that a master and its slaves share. It is also a topic and, here, a folder and a
    /// unit name, so only what is good for all three is allowed.
    BrokerName, 64, |c| c.is_ascii_alphanumeric() || c == '-' || c == '_',
    "1 to 64 letters, digits, '-' or '_'"
);
name!(
    /// One supervised JVM of one host: `namesrv`, `controller`, `proxy`, `dashboard`, `exporter`, or the brokerName of the broker it runs. A host never runs two
    /// members of one group, so the brokerName is enough.
    InstanceName, 64, |c| c.is_ascii_alphanumeric() || c == '-' || c == '_',
    "1 to 64 letters, digits, '-' or '_'"
);
name!(
    /// The failure domain of a host: a rack, a room, an availability zone.
    Zone, 63, |c| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.'),
    "1 to 63 letters, digits, '-', '_' or '.'"
);

impl InstanceName {
    /// The NameServer of a host.
    pub fn namesrv() -> Self {
        Self("namesrv".to_owned())
    }

    /// The controller of a host.
    pub fn controller() -> Self {
        Self("controller".to_owned())
    }

    /// The proxy, dashboard or exporter of a host.
    pub fn service(role: Role) -> Self {
        Self(role.to_string())
    }
}

impl From<&BrokerName> for InstanceName {
    fn from(name: &BrokerName) -> Self {
        Self(name.0.clone())
    }
}

/// A RocketMQ release, such as 5.5.0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Version {
    /// 4 or 5.
    pub major: u16,
    /// The middle number.
    pub minor: u16,
    /// The last number.
    pub patch: u16,
}

impl Version {
    /// A version from its three numbers.
    pub const fn new(major: u16, minor: u16, patch: u16) -> Self {
        Self { major, minor, patch }
    }

    /// Whether this is a 5.x release, whose SYNC_MASTER needs `inSyncReplicas` to wait for a slave.
    pub fn is_5(self) -> bool {
        self.major >= 5
    }
}

impl FromStr for Version {
    type Err = NameError;
    fn from_str(text: &str) -> Result<Self, NameError> {
        let numbers: Option<Vec<u16>> = text
            .split('.')
            .map(|part| part.bytes().all(|b| b.is_ascii_digit()).then(|| part.parse().ok()).flatten())
            .collect();
        match numbers.as_deref() {
            Some([major, minor, patch]) => Ok(Self::new(*major, *minor, *patch)),
            _ => Err(NameError("must be a release such as \"5.5.0\"".to_owned())),
        }
    }
}

impl TryFrom<String> for Version {
    type Error = NameError;
    fn try_from(text: String) -> Result<Self, NameError> {
        text.parse()
    }
}

impl From<Version> for String {
    fn from(version: Version) -> String {
        version.to_string()
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_host_name_is_letters_digits_dashes_and_dots() {
        for good in ["vm1", "a", "broker-1.example.org", "9"] {
            assert_eq!(good.parse::<HostName>().unwrap().as_str(), good);
        }
        for bad in ["", "-vm", "vm 1", "vm_1", "vm1\n", &"x".repeat(64)] {
            assert!(bad.parse::<HostName>().is_err(), "{bad:?} was taken");
        }
    }

    #[test]
    fn a_broker_name_can_be_a_folder_and_a_topic() {
        for bad in ["../a", "a/b", "a.b", "broker-a ", "经纪人"] {
            assert!(bad.parse::<BrokerName>().is_err(), "{bad:?} was taken");
        }
    }

    #[test]
    fn versions_order_by_number_not_by_text() {
        let versions: Vec<Version> = ["4.9.10", "4.9.4", "5.0.0"].map(|v| v.parse().unwrap()).to_vec();
        assert!(versions[1] < versions[0] && versions[0] < versions[2]);
        for bad in ["5", "5.5", "5.5.0-SNAPSHOT", "v5.5.0", "5..0", "5.5.+1"] {
            assert!(bad.parse::<Version>().is_err(), "{bad:?} was taken");
        }
    }
}
