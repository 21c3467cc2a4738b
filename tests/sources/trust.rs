//! Who etcd takes a host for, and whom a host takes for its etcd.

use super::{
    etcd::{Etcd, KEY},
    fleet::{Fleet, all_is_well, says},
    hosts::{remarks, works_from},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use rcgen::{BasicConstraints, CertificateParams, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair};
use serde_json::json;
use std::path::Path;

#[test]
fn a_name_and_its_password_are_needed_where_etcd_says_so_and_a_new_token_is_had_when_the_old_one_is_gone() {
    let mut etcd = Etcd::new(1);
    let file = "{FILE}";
    let source = |user: &str, path: &Path| {
        format!("{}\nuser = \"{user}\"\npassword_file = {path:?}\npoll = \"1s\"", etcd.source())
    };
    let fleet = Fleet::new(2, &source("agents", Path::new(file)));
    for n in 1..=2 {
        let settings = format!("vm{n}/agent.toml");
        let text = fleet.hosts.read(&settings);
        let path = fleet.hosts.path(&format!("vm{n}/password"));
        let reader = if n == 2 { text.replace("\"agents\"", "\"reader\"") } else { text };
        fleet.hosts.write(&settings, &reader.replace(file, path.to_str().unwrap()), 0o600);
    }
    etcd.put(&fleet.document(None, &fleet.hosts.file(), ""));
    let key = STANDARD.encode(KEY);
    for (path, question) in [
        ("/v3/auth/user/add", json!({ "name": "root", "password": "r00t" })),
        ("/v3/auth/user/add", json!({ "name": "agents", "password": "s3cret-a" })),
        ("/v3/auth/user/add", json!({ "name": "reader", "password": "s3cret-b" })),
        ("/v3/auth/role/add", json!({ "name": "root" })),
        ("/v3/auth/role/add", json!({ "name": "writes" })),
        ("/v3/auth/role/add", json!({ "name": "reads" })),
        ("/v3/auth/role/grant", json!({ "name": "writes", "perm": { "permType": "READWRITE", "key": key } })),
        ("/v3/auth/role/grant", json!({ "name": "reads", "perm": { "permType": "READ", "key": key } })),
        ("/v3/auth/user/grant", json!({ "user": "root", "role": "root" })),
        ("/v3/auth/user/grant", json!({ "user": "agents", "role": "writes" })),
        ("/v3/auth/user/grant", json!({ "user": "reader", "role": "reads" })),
        ("/v3/auth/enable", json!({})),
    ] {
        etcd.ask(path, &question);
    }
    fleet.lay_file("vm1");
    fleet.hosts.write("vm1/password", "wrong\n", 0o600);
    fleet.hosts.write("vm2/password", "s3cret-b\n", 0o600);
    let (one, two) = (fleet.hosts.agent("vm1"), fleet.hosts.agent("vm2"));
    works_from(&two, 1);
    says(&one, "authentication failed, invalid user ID or password");
    one.reason("no-document-yet");
    fleet.hosts.write("vm1/password", "s3cret-a\n", 0o644);
    says(&one, "may be read by others than its owner");
    fleet.hosts.write("vm1/password", "s3cret-a\n", 0o600);
    works_from(&one, 1);
    assert_eq!(fleet.hosts.apply("vm1", &fleet.hosts.file_with(72), "may write").status, Some(0));
    works_from(&two, 2);
    let said = fleet.hosts.apply("vm2", &fleet.hosts.file_with(96), "may not");
    assert!(said.status == Some(1) && said.err.contains("permission denied"), "{said:#?}");

    // Tokens are in a member's memory.
    etcd.kill(0);
    says(&one, "generation 2 is kept to");
    etcd.start(0);
    all_is_well(&one);
    assert_eq!(fleet.hosts.apply("vm1", &fleet.hosts.file_with(96), "with a new token").status, Some(0));
    works_from(&two, 3);
    let shown = [one.log(), two.log(), remarks(&one), fleet.hosts.run("vm1", &["status", "--json"]).out].concat();
    assert!(!shown.contains("s3cret"), "{shown}");
}

fn pem(kind: &str, der: &[u8]) -> String {
    format!("-----BEGIN {kind}-----\n{}\n-----END {kind}-----\n", STANDARD.encode(der))
}

#[test]
fn only_an_etcd_of_the_own_authority_is_believed_and_it_only_believes_hosts_with_a_certificate() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: String| std::fs::write(folder.path().join(name), text).unwrap();
    let path = |name: &str| folder.path().join(name).display().to_string();
    for name in ["ca", "other"] {
        let key = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.distinguished_name.push(rcgen::DnType::CommonName, name);
        write(&format!("{name}.pem"), pem("CERTIFICATE", params.self_signed(&key).unwrap().der()));
        let issuer = Issuer::new(params, key);
        let own = KeyPair::generate().unwrap();
        let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
        // The gateway of a member is a client of the member.
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth, ExtendedKeyUsagePurpose::ClientAuth];
        write(&format!("{name}-host.pem"), pem("CERTIFICATE", params.signed_by(&own, &issuer).unwrap().der()));
        write(&format!("{name}-host.key"), pem("PRIVATE KEY", &own.serialize_der()));
    }
    let options = ["--cert-file", &path("ca-host.pem"), "--key-file", &path("ca-host.key"), "--client-cert-auth"];
    let options = options.into_iter().chain(["--trusted-ca-file", &path("ca.pem")]).map(str::to_owned).collect();
    let etcd = Etcd::with(1, "https", options);
    let source = |ca: &str, own: &str| {
        let own = format!("certificate = {:?}\nkey = {:?}", path(&format!("{own}.pem")), path(&format!("{own}.key")));
        format!("{}\nca = {:?}\n{own}\npoll = \"1s\"", etcd.source(), path(ca))
    };
    let fleet = Fleet::new(1, &source("ca.pem", "ca-host"));
    fleet.lay_file("vm1");
    let agent = fleet.hosts.agent("vm1");
    says(&agent, "no document lies in etcd");
    assert_eq!(fleet.hosts.apply("vm1", &fleet.hosts.file(), "begin").status, Some(0));
    works_from(&agent, 1);
    for (ca, own, words) in [
        ("other.pem", "ca-host", "UnknownIssuer"),
        ("ca.pem", "other-host", "https://127.0.0.1"),
        ("nowhere.pem", "ca-host", "No such file"),
    ] {
        let fleet = Fleet::new(1, &source(ca, own));
        let said = fleet.hosts.run("vm1", &["run"]);
        assert!(said.status == Some(1) && said.err.contains(words), "{words}: {said:#?}");
        assert!(said.err.contains("nothing was ever taken from it"), "{said:#?}");
    }
}
