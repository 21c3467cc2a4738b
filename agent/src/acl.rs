//! The secret key of `[acl]`: read from its file when it is needed, so that a new one counts at once. In: what the
//! cluster file says. Out: a [`Credential`], and texts with the key in its place.

use crate::{
    files,
    remoting::{Client, Credential},
};
use rocketmq_agent_domain::{
    acl::{Acl, INNER, PLAIN_ACL, SECRET_KEY, is_secret_key},
    desired::{properties, tls_addresses},
    placement::Placement,
    topology::Topology,
};
use std::{
    env,
    fs::File,
    io::{self, Read},
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
    time::Duration,
};

/// The name of systemd's credential: `LoadCredential=acl.key:…` (systemd.exec(5)).
const CREDENTIAL: &str = "acl.key";
/// The file holds one line.
const LONGEST: u64 = 4096;

/// Why there is no key. None of them holds anything of the file.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// It cannot be read.
    #[error("cannot read {path}")]
    File {
        /// Which file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// Others may read it.
    #[error("{path} has mode {mode:o}: others than its owner can use it; make it 0600")]
    Open {
        /// Which file.
        path: PathBuf,
        /// Its mode.
        mode: u32,
    },
    /// It belongs to somebody who is neither root nor this process's account.
    #[error("{path} belongs to user id {owner}, who could change it")]
    Foreign {
        /// Which file.
        path: PathBuf,
        /// Whose it is.
        owner: u32,
    },
    /// It is no key.
    #[error("{0} holds no secret key: one line of 8 to 128 letters, digits and \"._~+/=-\"")]
    NoKey(PathBuf),
}

/// Reads the key.
///
/// # Errors
/// There is none, others may read it or could change it, or it is none.
pub fn credential(acl: &Acl) -> Result<Credential, KeyError> {
    let given = env::var_os("CREDENTIALS_DIRECTORY").map(|folder| Path::new(&folder).join(CREDENTIAL));
    let path = given.filter(|path| path.exists()).unwrap_or_else(|| acl.key_file.clone());
    let key = read(&path)?;
    Ok(Credential::new(acl.access_key.to_string(), key))
}

/// What requests are to be signed with: nothing where access is not controlled. Where the key cannot be read, that is
/// nothing too; the loop says why.
pub fn signer(acl: Option<&Acl>) -> Option<Credential> {
    credential(acl?).ok()
}

/// The credential in the files that a broker runs with, below its instance's folder: for what runs as RocketMQ's account,
/// to which the key's own file is closed. Nothing where access is not controlled.
pub fn of_instance(folder: &Path) -> Option<Credential> {
    #[derive(serde::Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Inner {
        access_key: String,
        secret_key: String,
    }
    let conf = folder.join("conf");
    let inner = properties::parse(&files::read(&conf.join("broker.conf")).ok()??).remove(INNER);
    if let Some(Inner { access_key, secret_key }) = inner.and_then(|inner| serde_json::from_str(&inner).ok()) {
        return Some(Credential::new(access_key, secret_key));
    }
    // As Acl::plain_acl writes it.
    let text = String::from_utf8(files::read(&conf.join(PLAIN_ACL)).ok()??).ok()?;
    let value = |key| text.lines().find_map(|line| line.trim_start_matches(['-', ' ']).strip_prefix(key));
    let value = |key| value(key)?.strip_prefix(": \"")?.strip_suffix('"');
    Some(Credential::new(value("accessKey")?, value("secretKey")?))
}

/// A client for a command, which signs where access is controlled, and speaks TLS where nothing else is taken.
///
/// # Errors
/// As [`credential`]: a command has nobody else who says why it is refused.
pub fn client(topology: &Topology, placement: &Placement, connect_timeout: Duration) -> Result<Client, KeyError> {
    let client = Client::new(connect_timeout);
    client.sign_as(topology.acl.as_ref().map(credential).transpose()?);
    client.speak_tls_to(tls_addresses(topology, placement));
    Ok(client)
}

fn read(path: &Path) -> Result<String, KeyError> {
    let failed = |source| KeyError::File { path: path.to_owned(), source };
    let file = File::open(path).map_err(failed)?;
    let found = file.metadata().map_err(failed)?;
    if let Some(mode) = files::open_to_others(path, &found) {
        return Err(KeyError::Open { path: path.to_owned(), mode });
    }
    if found.uid() != 0 && found.uid() != rustix::process::geteuid().as_raw() {
        return Err(KeyError::Foreign { path: path.to_owned(), owner: found.uid() });
    }
    let mut text = String::new();
    file.take(LONGEST).read_to_string(&mut text).map_err(failed)?;
    let key = text.trim();
    if is_secret_key(key) { Ok(key.to_owned()) } else { Err(KeyError::NoKey(path.to_owned())) }
}

/// A rendered text with the key where it belongs.
pub fn filled(text: &str, credential: &Credential) -> String {
    text.replace(SECRET_KEY, credential.secret_key())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use rocketmq_agent_domain::acl::Generation;
    use std::{fs, os::unix::fs::PermissionsExt};

    #[test]
    fn a_key_is_taken_from_a_file_that_nobody_else_can_read_and_never_shown() {
        let folder = tempfile::tempdir().unwrap();
        let acl = Acl {
            access_key: "rocketmq-admin".parse().unwrap(),
            key_file: folder.path().join("acl.key"),
            generation: Generation::Two,
        };
        assert!(matches!(credential(&acl), Err(KeyError::File { .. })));
        for (text, mode, taken) in
            [("not a key\n", 0o600, false), ("0123456789abcdef\n", 0o640, false), ("0123456789abcdef\n", 0o600, true)]
        {
            fs::write(&acl.key_file, text).unwrap();
            fs::set_permissions(&acl.key_file, fs::Permissions::from_mode(mode)).unwrap();
            match credential(&acl) {
                Ok(found) => {
                    assert!(taken);
                    assert_eq!(filled("secretKey: ${acl.secret_key}\n", &found), "secretKey: 0123456789abcdef\n");
                }
                Err(error) => assert!(!taken && !error.to_string().contains(text.trim()), "{error}"),
            }
        }
    }

    #[test]
    fn the_credential_of_a_broker_is_what_was_rendered_for_it() {
        let folder = tempfile::tempdir().unwrap();
        fs::create_dir(folder.path().join("conf")).unwrap();
        let write = |name: &str, text: &str| fs::write(folder.path().join("conf").join(name), text).unwrap();
        let wanted = Credential::new("rocketmq-admin", "MDEyMzQ1Njc4OWFiY2RlZg==");
        let acl =
            |generation| Acl { access_key: "rocketmq-admin".parse().unwrap(), key_file: PathBuf::new(), generation };
        write("broker.conf", "brokerName=broker-a\n");
        assert_eq!(of_instance(folder.path()), None);
        write(PLAIN_ACL, &filled(&acl(Generation::One).plain_acl(&[]).unwrap(), &wanted));
        assert_eq!(of_instance(folder.path()), Some(wanted.clone()));
        let lines: String = acl(Generation::Two).broker().iter().map(|(key, it)| properties::line(key, it)).collect();
        write("broker.conf", &filled(&lines, &wanted));
        fs::remove_file(folder.path().join("conf").join(PLAIN_ACL)).unwrap();
        assert_eq!(of_instance(folder.path()), Some(wanted));
    }
}
