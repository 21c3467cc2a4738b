//! Who may use the brokers: what is rendered for it, by RocketMQ's generation of access control. In: the topology's
//! [`Acl`]. Out: lines of broker.conf, rmq-proxy.json and of jars, plain_acl.yml. The secret key itself never comes in here:
//! where it belongs stands [`SECRET_KEY`], which the agent replaces in the moment that it writes a file. So nothing that is
//! shown, compared or sent can hold it.

use crate::{desired::Partner, launch::Role, names::Version};
use serde_json::json;
use std::{
    collections::BTreeSet,
    fmt::{self, Write},
    path::PathBuf,
    str::FromStr,
};

/// What stands for the secret key in everything that is rendered.
pub const SECRET_KEY: &str = "${acl.secret_key}";
/// Where a host's key lies if the cluster file says nothing else.
pub const KEY_FILE: &str = "/etc/rocketmq-agent/acl.key";
/// The file of ACL 1.0, below `ROCKETMQ_HOME/conf` (`PlainPermissionManager` of 4.5.2 to 5.3.2).
pub const PLAIN_ACL: &str = "plain_acl.yml";
/// The first release with ACL 2.0.
pub const TWO_SINCE: Version = Version::new(5, 3, 0);

/// RocketMQ's two kinds of access control.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Generation {
    /// `aclEnable` and plain_acl.yml, which a broker reads again when it changes.
    One,
    /// `authenticationEnabled` and `authorizationEnabled`, with users that each broker keeps in its store.
    Two,
}

impl Generation {
    /// The one that is used with a release. 5.3.0 to 5.3.2 have both.
    pub fn of(version: Version) -> Self {
        if version >= TWO_SINCE { Self::Two } else { Self::One }
    }
}

/// A user's name: `accessKey`, from 5.3.0 on `username`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccessKey(String);

/// It is none.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("must have 7 to 64 letters, digits, '.', '_' or '-'")]
pub struct BadAccessKey;

impl FromStr for AccessKey {
    type Err = BadAccessKey;

    /// RocketMQ takes none of less than seven (`PlainPermissionManager.buildPlainAccessResource` of 4.7.0 to 5.3.2).
    fn from_str(text: &str) -> Result<Self, BadAccessKey> {
        let plain = text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
        if plain && (7..=64).contains(&text.len()) { Ok(Self(text.to_owned())) } else { Err(BadAccessKey) }
    }
}

impl fmt::Display for AccessKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Access control as the cluster file has it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acl {
    /// The administrator, which the agents, slaves and jars are too.
    pub access_key: AccessKey,
    /// Where each host has the secret key.
    pub key_file: PathBuf,
    /// How the release does it.
    pub generation: Generation,
}

/// Whether a secret key can be written into every kind of file as it is.
pub fn is_secret_key(text: &str) -> bool {
    (8..=128).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b"._~+/=-".contains(&b))
}

/// Whether a rendered text is to have the secret key in it.
pub fn has_secret(text: &str) -> bool {
    text.contains(SECRET_KEY)
}

/// A key, and its value in a broker and in a proxy. A broker has users and their rights in its store, a proxy asks a broker
/// for them.
const PROVIDERS: [(&str, &str, &str); 4] = [
    ("authenticationProvider", AUTHENTICATION, AUTHENTICATION),
    (
        "authenticationMetadataProvider",
        "org.apache.rocketmq.auth.authentication.provider.LocalAuthenticationMetadataProvider",
        "org.apache.rocketmq.proxy.auth.ProxyAuthenticationMetadataProvider",
    ),
    ("authorizationProvider", AUTHORIZATION, AUTHORIZATION),
    (
        "authorizationMetadataProvider",
        "org.apache.rocketmq.auth.authorization.provider.LocalAuthorizationMetadataProvider",
        "org.apache.rocketmq.proxy.auth.ProxyAuthorizationMetadataProvider",
    ),
];
const AUTHENTICATION: &str = "org.apache.rocketmq.auth.authentication.provider.DefaultAuthenticationProvider";
const AUTHORIZATION: &str = "org.apache.rocketmq.auth.authorization.provider.DefaultAuthorizationProvider";
const ON: [&str; 2] = ["authenticationEnabled", "authorizationEnabled"];
/// As whom a broker or proxy asks brokers: `{"accessKey": …, "secretKey": …}` (`AuthConfig` of 5.3.0 to 5.5.0).
pub const INNER: &str = "innerClientAuthenticationCredentials";
/// Without it a proxy in cluster mode signs nothing (5.3.0-5.5.0 `DefaultMessagingProcessor.createForClusterMode`).
const PROXY_SIGNS: &str = "enableAclRpcHookForClusterMode";

impl Acl {
    /// The lines of broker.conf.
    pub fn broker(&self) -> Vec<(&'static str, String)> {
        if self.generation == Generation::One {
            return vec![("aclEnable", "true".to_owned())];
        }
        let name = self.access_key.to_string();
        // The user is made where the broker does not have it (5.5.0 `AuthenticationMetadataManagerImpl.initUser`), and
        // a slave asks its master as the other (`BrokerOuterAPI.newAclRPCHook`).
        let user = json!({ "username": name, "password": SECRET_KEY }).to_string();
        let more = [("initAuthenticationUser", user), self.inner()];
        switched_on(PROVIDERS.map(|(key, broker, _)| (key, broker))).chain(more).collect()
    }

    /// The lines of rmq-proxy.json. A proxy judges its clients itself and asks the brokers as the administrator, whoever
    /// the client is. Empty with ACL 1.0, beside which there is none.
    pub fn proxy(&self) -> Vec<(&'static str, String)> {
        if self.generation == Generation::One {
            return Vec::new();
        }
        let more = [self.inner(), (PROXY_SIGNS, "true".to_owned())];
        switched_on(PROVIDERS.map(|(key, _, proxy)| (key, proxy))).chain(more).collect()
    }

    fn inner(&self) -> (&'static str, String) {
        (INNER, json!({ "accessKey": self.access_key.to_string(), "secretKey": SECRET_KEY }).to_string())
    }

    /// The lines of a jar's application.properties.
    pub fn jar(&self, role: Role) -> Vec<(&'static str, String)> {
        let on = (role == Role::Exporter).then(|| ("rocketmq.config.enableACL", "true".to_owned()));
        let name = ("rocketmq.config.accessKey", self.access_key.to_string());
        on.into_iter().chain([name, ("rocketmq.config.secretKey", SECRET_KEY.to_owned())]).collect()
    }

    /// plain_acl.yml of a broker, where the release has one. The other members of its group sign nothing when they
    /// ask for its topics and offsets (`BrokerOuterAPI` of 4.x), so their addresses are let in.
    pub fn plain_acl(&self, others: &[&Partner]) -> Option<String> {
        if self.generation == Generation::Two {
            return None;
        }
        let addresses: BTreeSet<_> = others.iter().flat_map(|it| [it.address.ip(), it.client_address.ip()]).collect();
        let mut text = crate::desired::conf::FIRST_LINE.to_owned();
        text += "globalWhiteRemoteAddresses:";
        text += if addresses.is_empty() { " []\n" } else { "\n" };
        for address in addresses {
            // Writing to a String does not fail.
            let _ = writeln!(text, "- {address}");
        }
        let name = &self.access_key;
        text += &format!("accounts:\n- accessKey: \"{name}\"\n  secretKey: \"{SECRET_KEY}\"\n  admin: true\n");
        Some(text)
    }
}

fn switched_on(providers: [(&'static str, &str); 4]) -> impl Iterator<Item = (&'static str, String)> {
    ON.map(|key| (key, "true")).into_iter().chain(providers).map(|(key, value)| (key, value.to_owned()))
}

/// Why a key of broker.conf or rmq-proxy.json cannot be set by hand beside `[acl]`. `None`: it can.
pub fn derived_key(key: &str) -> Option<&'static str> {
    let ours = ["aclEnable", "initAuthenticationUser", INNER, PROXY_SIGNS].into_iter().chain(ON);
    ours.chain(PROVIDERS.map(|(key, ..)| key)).any(|it| it == key).then_some(FOLLOWS)
}

/// The same for a property of the dashboard or the exporter.
pub fn derived_jar_key(key: &str) -> Option<&'static str> {
    let ours = ["rocketmq.config.accessKey", "rocketmq.config.secretKey", "rocketmq.config.enableACL"];
    ours.contains(&key).then_some(FOLLOWS)
}

const FOLLOWS: &str = "it follows from [acl]";

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_release_has_the_generation_that_it_reads() {
        for (version, generation) in [
            (Version::new(4, 7, 0), Generation::One),
            (Version::new(5, 2, 0), Generation::One),
            (Version::new(5, 3, 0), Generation::Two),
            (Version::new(5, 5, 0), Generation::Two),
        ] {
            assert_eq!(Generation::of(version), generation, "{version}");
        }
    }

    #[test]
    fn names_and_keys_that_would_have_to_be_quoted_are_not_taken() {
        for bad in ["admin", "rocket mq", "rocketmq\"", "rocketmq${", &"x".repeat(65)] {
            assert_eq!(bad.parse::<AccessKey>(), Err(BadAccessKey), "{bad}");
        }
        "rocketmq-admin".parse::<AccessKey>().unwrap();
        for bad in ["short", "with blank", "with\"quote", "with\\back", "with$dollar", &"x".repeat(129)] {
            assert!(!is_secret_key(bad), "{bad}");
        }
        assert!(is_secret_key("0123abcd") && is_secret_key("MDEyMzQ1Njc4OWFiY2RlZg=="));
    }
}
