#![allow(clippy::unwrap_used, clippy::panic)]

use super::*;
use rustls::{ClientConnection, ServerConnection};
use std::{fs, os::unix::fs::PermissionsExt, path::Path};

fn identity(host: &str, cluster: &str) -> Identity {
    Identity { host: host.parse().unwrap(), cluster: cluster.parse().unwrap() }
}

fn secrets(folder: &Path, lines: &[char]) -> Secrets {
    let path = folder.join("secret");
    let text: String = lines.iter().map(|digit| format!("{}\n", test_secret(*digit))).collect();
    fs::write(&path, text).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    Secrets::find(&path).unwrap().unwrap()
}

/// What a handshake leads to: the client's host as the server of `c1` with hosts vm1 and vm2 sees it, or the error.
fn meet(client: Arc<ClientConfig>, server: Arc<ServerConfig>, asked: &Identity) -> Result<String, String> {
    let mut client = ClientConnection::new(client, asked.server_name().unwrap()).unwrap();
    let mut server = ServerConnection::new(server).unwrap();
    for _ in 0..10 {
        let mut bytes = Vec::new();
        while client.wants_write() {
            client.write_tls(&mut bytes).unwrap();
        }
        server.read_tls(&mut bytes.as_slice()).unwrap();
        server.process_new_packets().map_err(|error| format!("server: {error}"))?;
        let mut bytes = Vec::new();
        while server.wants_write() {
            server.write_tls(&mut bytes).unwrap();
        }
        client.read_tls(&mut bytes.as_slice()).unwrap();
        client.process_new_packets().map_err(|error| format!("client: {error}"))?;
    }
    let hosts = ["vm1", "vm2"].map(|host| host.parse().unwrap());
    let certificate = server.peer_certificates().and_then(|chain| chain.first());
    let host = identity::of_peer(certificate, &"c1".parse().unwrap(), hosts.iter());
    host.map(|host| host.to_string()).map_err(|error| error.to_string())
}

struct Ring(tempfile::TempDir);

impl Ring {
    fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    fn ends(&self, lines: &[char], host: &str, cluster: &str) -> Ends {
        ends(&secrets(self.0.path(), lines), &identity(host, cluster), SystemTime::now()).unwrap()
    }
}

#[test]
fn two_hosts_with_one_secret_know_each_other_by_name() {
    let ring = Ring::new();
    let (one, two) = (ring.ends(&['a'], "vm1", "c1"), ring.ends(&['a'], "vm2", "c1"));
    assert_eq!(meet(two.client, one.server, &identity("vm1", "c1")), Ok("vm2".to_owned()));
}

#[test]
fn every_host_makes_the_same_authority() {
    let ring = Ring::new();
    let [one, two] = [(); 2].map(|()| {
        let secrets = secrets(ring.0.path(), &['a']);
        Authority::of(secrets.own()).unwrap().certificate().unwrap()
    });
    assert_eq!(one, two);
}

#[test]
fn another_secret_is_refused_by_both_ends() {
    let ring = Ring::new();
    let (one, two) = (ring.ends(&['a'], "vm1", "c1"), ring.ends(&['b'], "vm2", "c1"));
    let error = meet(two.client, Arc::clone(&one.server), &identity("vm1", "c1")).unwrap_err();
    assert!(error.starts_with("client: invalid peer certificate"), "{error}");
    // A client that takes anybody is still not taken.
    let mut both = (*ring.ends(&['b', 'a'], "vm2", "c1").client).clone();
    both.enable_sni = false;
    let error = meet(Arc::new(both), one.server, &identity("vm1", "c1")).unwrap_err();
    assert!(error.starts_with("server: invalid peer certificate"), "{error}");
}

#[test]
fn a_host_of_another_cluster_with_the_same_secret_is_refused() {
    let ring = Ring::new();
    let (one, two) = (ring.ends(&['a'], "vm1", "c1"), ring.ends(&['a'], "vm2", "c2"));
    let error = meet(Arc::clone(&two.client), Arc::clone(&one.server), &identity("vm1", "c2")).unwrap_err();
    assert!(error.starts_with("client: invalid peer certificate"), "{error}");
    let error = meet(two.client, one.server, &identity("vm1", "c1")).unwrap_err();
    assert_eq!(error, Stranger::OtherCluster.to_string());
}

#[test]
fn a_host_that_is_not_in_the_file_is_refused_by_name() {
    let ring = Ring::new();
    let (one, two) = (ring.ends(&['a'], "vm1", "c1"), ring.ends(&['a'], "vm9", "c1"));
    assert_eq!(
        meet(two.client, one.server, &identity("vm1", "c1")),
        Err("vm9 is none of this cluster's hosts".to_owned())
    );
}

#[test]
fn a_host_that_answers_at_anothers_address_is_refused() {
    let ring = Ring::new();
    let (one, two) = (ring.ends(&['a'], "vm1", "c1"), ring.ends(&['a'], "vm2", "c1"));
    let error = meet(one.client, two.server, &identity("vm3", "c1")).unwrap_err();
    assert!(error.contains("not valid for name"), "{error}");
}

#[test]
fn a_client_without_a_certificate_and_tls_1_2_are_refused() {
    let ring = Ring::new();
    let one = ring.ends(&['a'], "vm1", "c1");
    let mut roots = RootCertStore::empty();
    let authority = Authority::of(secrets(ring.0.path(), &['a']).own()).unwrap();
    roots.add(authority.certificate().unwrap()).unwrap();
    let client = |versions: &[&'static rustls::SupportedProtocolVersion]| {
        let builder = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let builder = builder.with_protocol_versions(versions).unwrap();
        Arc::new(builder.with_root_certificates(roots.clone()).with_no_client_auth())
    };
    let error = meet(client(&[&TLS13]), Arc::clone(&one.server), &identity("vm1", "c1")).unwrap_err();
    assert_eq!(error, "server: peer sent no certificates");
    let error = meet(client(&[&rustls::version::TLS12]), one.server, &identity("vm1", "c1")).unwrap_err();
    assert!(error.starts_with("server: peer is incompatible"), "{error}");
}

#[test]
fn a_certificate_that_has_run_out_is_refused() {
    let ring = Ring::new();
    let one = ring.ends(&['a'], "vm1", "c1");
    let long_ago = SystemTime::now() - VALID - Duration::from_secs(60);
    let stale = ends(&secrets(ring.0.path(), &['a']), &identity("vm2", "c1"), long_ago).unwrap();
    let error = meet(stale.client, one.server, &identity("vm1", "c1")).unwrap_err();
    assert!(error.contains("expired"), "{error}");
}

#[test]
fn a_secret_is_replaced_without_a_moment_in_which_hosts_do_not_know_each_other() {
    let ring = Ring::new();
    let steps = [vec!['a'], vec!['a', 'b'], vec!['b', 'a'], vec!['b']];
    for two in steps.windows(2) {
        let (behind, ahead) = (ring.ends(&two[0], "vm1", "c1"), ring.ends(&two[1], "vm2", "c1"));
        assert_eq!(meet(ahead.client, behind.server, &identity("vm1", "c1")), Ok("vm2".to_owned()), "{two:?}");
        assert_eq!(meet(behind.client, ahead.server, &identity("vm2", "c1")), Ok("vm1".to_owned()), "{two:?}");
    }
}

#[test]
fn a_secret_is_made_once_for_its_owner_alone_and_never_shown() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cluster.secret");
    assert_eq!(Secrets::find(&path).unwrap(), None);
    make(&path, false).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let first = Secrets::find(&path).unwrap().unwrap();
    assert!(matches!(make(&path, false), Err(TrustError::Exists(_))));
    assert_eq!(Secrets::find(&path).unwrap().unwrap(), first);
    make(&path, true).unwrap();
    assert_ne!(Secrets::find(&path).unwrap().unwrap(), first);
    assert_eq!(format!("{first:?}"), "Secrets(one)");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
    assert!(matches!(Secrets::find(&path), Err(TrustError::Open { mode: 0o640, .. })));
    fs::write(&path, "not a secret\n").unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
    let error = Secrets::find(&path).unwrap_err().to_string();
    assert!(error.contains("holds no secret") && !error.contains("not a secret"), "{error}");
}

#[test]
fn a_secret_that_can_be_guessed_is_refused_and_not_shown() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("cluster.secret");
    let find = |text: &str| {
        fs::write(&path, text).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        Secrets::find(&path)
    };
    let counted: String = (0..32).map(|byte| format!("{byte:02x}")).collect();
    let stepped: String = (0..32).map(|byte| format!("{:02x}", 255 - 3 * byte)).collect();
    let strong = test_secret('a');
    for (weak, why) in [
        ("0".repeat(64), "32 equal bytes"),
        ("5e".repeat(32), "32 equal bytes"),
        ("0123456789abcdef".repeat(4), "only 8 different bytes"),
        (format!("{}{}", "0".repeat(40), &strong[..24]), "different bytes"),
        (counted, "a sequence"),
        (stepped, "a sequence"),
        (format!("{strong}\n{}", "f".repeat(64)), "32 equal bytes"),
    ] {
        let error = find(&weak).unwrap_err().to_string();
        assert!(error.contains(why) && error.contains("rocketmq-agent secret new"), "{error}");
        assert!(!error.contains(&weak[..12]), "{error}");
    }
    for _ in 0..1000 {
        make(&path, true).unwrap();
        Secrets::find(&path).unwrap().unwrap();
    }
}
