//! NameServers, controllers and brokers that take nobody in plain text: they work with each other, for clients and for the
//! agents, and a cluster gets there and back while it serves.

use crate::{
    elections::CONTROLLERS,
    lab::{Lab, Sender, until},
    rollout::{ORDER, follow, with_file},
};
use base64::{Engine, engine::general_purpose::STANDARD};
use rcgen::{CertificateParams, Issuer, KeyPair};
use rocketmq_agent::{
    accounts::Account,
    files,
    remoting::{Broker, Client, NameServer, RemotingError},
    tls,
};
use std::{
    fs::{self, Permissions},
    os::unix::fs::{PermissionsExt, chown},
    path::{Path, PathBuf},
    time::{Duration, SystemTime},
};
use tokio::net::TcpStream;

const LONG: Duration = Duration::from_secs(10);
const SPEAKS: &str = "java_options = [\"-Dtls.enable=true\"]\n";
/// And so speaks TLS by itself.
const ENFORCES: &str = "java_options = [\"-Dtls.server.mode=enforcing\"]\n";

/// Of files in [`folder`].
const PROPERTIES: &str = "tls.properties";
const CERTIFICATE: &str = "server.pem";
const KEY: &str = "server.key";
/// Who the instances run as.
const ACCOUNT: Account = Account { uid: 3000, gid: 3000 };

fn lab(version: &'static str, mode: &str, hosts: u16, groups: usize, more: &str, options: &str) -> Lab {
    let mut lab = Lab::new(19, version, mode, hosts, more);
    let text = fs::read_to_string(lab.cluster_file()).unwrap();
    let text = text.replace("[cluster]\n", &format!("[cluster]\ngroups = {groups}\n"));
    let kinds = ["[namesrv]\n", "[controller]\n", "[broker]\n"];
    let text = kinds.iter().fold(text, |text, kind| text.replace(kind, &format!("{kind}{options}")));
    fs::write(lab.cluster_file(), text).unwrap();
    lab.clients_over_tls(true);
    lab
}

/// All instances are given one certificate and its key.
pub fn enforcing(version: &'static str) -> Lab {
    let lab = lab(version, "2m-2s-sync", 2, 1, "", ENFORCES);
    let folder = folder(&lab);
    fs::create_dir(&folder).unwrap();
    write_pair(&folder, 200);
    let [file, certificate, key] = [PROPERTIES, CERTIFICATE, KEY].map(|name| folder.join(name));
    let text = format!(
        "tls.test.mode.enable = false\ntls.server.certPath = {}\ntls.server.keyPath = {}\n",
        certificate.display(),
        key.display()
    );
    fs::write(&file, text).unwrap();
    let text = fs::read_to_string(lab.cluster_file()).unwrap();
    let named = format!("\"-Dtls.config.file={}\", \"-Dtls.server.mode", file.display());
    fs::write(lab.cluster_file(), text.replace("\"-Dtls.server.mode", &named)).unwrap();
    lab
}

fn folder(lab: &Lab) -> PathBuf {
    lab.dir.join("tls")
}

/// A key for the account of the instances alone, and a certificate for it that ends so many days from now.
fn write_pair(folder: &Path, days: i64) {
    let (key, authority) = (KeyPair::generate().unwrap(), KeyPair::generate().unwrap());
    let mut certificate = CertificateParams::new(vec!["rocketmq".to_owned()]).unwrap();
    let day = Duration::from_secs(24 * 3600);
    let now = SystemTime::now();
    let from_now = |days: i64| match u32::try_from(days) {
        Ok(days) => now + day * days,
        Err(_) => now - day * u32::try_from(-days).unwrap(),
    };
    (certificate.not_before, certificate.not_after) = (from_now(-400).into(), from_now(days).into());
    let issuer = Issuer::new(CertificateParams::default(), authority);
    let made = certificate.signed_by(&key, &issuer).unwrap();
    let pem =
        |kind, bytes: &[u8]| format!("-----BEGIN {kind}-----\n{}\n-----END {kind}-----\n", STANDARD.encode(bytes));
    // Each at once: a RocketMQ that reads half of one takes neither.
    let write =
        |name, pem: String| files::write_file(&folder.join(name), pem.as_bytes(), 0o600, Some(ACCOUNT)).unwrap();
    write(KEY, pem("PRIVATE KEY", &key.serialize_der()));
    write(CERTIFICATE, pem("CERTIFICATE", made.der()));
}

pub fn speaking() -> Lab {
    lab("5.5.0", "2m-2s-sync", 2, 2, "[rollout]\nrestart = \"auto\"\n", SPEAKS)
}

pub fn elected() -> Lab {
    lab("5.5.0", "controller", 3, 1, CONTROLLERS, ENFORCES)
}

fn instances(lab: &Lab) -> Vec<(&'static str, &'static str, String)> {
    let names = ["vm1", "vm2"].into_iter().flat_map(|host| ["namesrv", "broker-a"].map(|name| (host, name)));
    names.map(|(host, name)| (host, name, lab.instance(host, name).unwrap().address.into())).collect()
}

/// What each NameServer and broker says to somebody who does not speak TLS.
fn in_plain_text(lab: &Lab) -> Vec<Result<(), RemotingError>> {
    let client = Client::new(LONG);
    let ask = |(_, name, address): (_, &str, String)| match name {
        "namesrv" => lab.wait(NameServer::new(&client, address, LONG).cluster_info()).map(|_| ()),
        _ => lab.wait(Broker::new(&client, address, LONG).config()).map(|_| ()),
    };
    instances(lab).into_iter().map(ask).collect()
}

fn all_shut_out(lab: &Lab) {
    for said in in_plain_text(lab) {
        assert!(matches!(said, Err(RemotingError::Closed { .. })), "{said:?}");
    }
}

pub fn nobody_is_taken_in_plain_text_and_all_come_up_in_sync(lab: &mut Lab) {
    lab.start();
    lab.until_ready();
    all_shut_out(lab);
    assert_eq!(lab.get("vm2", "/health/broker-a/slave?max_lag=1MB").unwrap().0, 200);
    let smoke = lab.agents[0].run(&["smoke", "--count", "20"]);
    assert!(smoke.status.success(), "{}", String::from_utf8_lossy(&smoke.stdout));
    let unread = lab.agents[0].run(&["unread", "broker-a"]);
    assert!(unread.status.success(), "{}", String::from_utf8_lossy(&unread.stderr));
}

pub fn a_client_that_speaks_tls_sends_and_receives_and_one_that_does_not_is_shut_out(lab: &mut Lab) {
    let create = ["create-topic", "--cluster", "DefaultCluster", "--topic", "Closed", "--queues", "4"];
    let (ok, said) = lab.java(&create);
    assert!(ok, "{said}");
    let send = |count| ["send", "--topic", "Closed", "--prefix", "closed", "--count", count];
    lab.clients_over_tls(false);
    let (ok, said) = lab.java(&send("2"));
    assert!(!ok && said.contains("ok=0"), "sent in plain text: {said}");
    lab.clients_over_tls(true);
    let (ok, said) = lab.java(&send("100"));
    assert!(ok && said.contains("sent=100 ok=100"), "{said}");
    let (ok, said) = lab.java(&["receive", "--topic", "Closed", "--group", "closed", "--expect", "100"]);
    assert!(ok && said.contains("distinct=100"), "{said}");
}

/// The certificates that they show.
fn shown_by_all(lab: &Lab) -> Vec<Vec<u8>> {
    let ask = |(_, _, address): (_, _, String)| {
        lab.wait(async {
            let stream = tls::to_anyone(TcpStream::connect(address).await.unwrap(), &[]).await.unwrap();
            stream.get_ref().1.peer_certificates().unwrap()[0].to_vec()
        })
    };
    instances(lab).into_iter().map(ask).collect()
}

/// What lies in the folder.
fn given(lab: &Lab) -> Vec<u8> {
    let text = fs::read_to_string(folder(lab).join(CERTIFICATE)).unwrap();
    STANDARD.decode(text.lines().nth(1).unwrap()).unwrap()
}

/// As before a restart, which is when RocketMQ reads such files.
pub fn doctor_names_what_is_wrong_with_certificate_and_key_and_is_content_again(lab: &mut Lab) {
    let folder = folder(lab);
    let [file, certificate, key] = [PROPERTIES, CERTIFICATE, KEY].map(|name| folder.join(name));
    let (pids, text) = (lab.pids(), fs::read_to_string(&file).unwrap());
    let doctor = || {
        let output = lab.agents[0].run(&["doctor", "tls"]);
        (output.status.success(), String::from_utf8(output.stdout).unwrap())
    };
    let is_content = || {
        let (ok, said) = doctor();
        let holds = format!("{} holds for ", certificate.display());
        assert!(ok && said.contains(&holds) && said.contains("server.key is a key that is taken"), "{said}");
    };
    let names = |what: &str, to_do: &str| {
        let (ok, said) = doctor();
        assert!(!ok && said.contains("FAIL") && said.contains(what) && said.contains(&format!("→ {to_do}")), "{said}");
    };
    is_content();
    for (days, name, what, to_do) in [
        (-1, CERTIFICATE, "/server.pem does not hold at this time", "put a new one there"),
        (200, KEY, "/server.key is not the key of ", "put both there as they were made"),
    ] {
        let other = folder.join("other");
        fs::create_dir_all(&other).unwrap();
        write_pair(&other, days);
        let path = |folder: &Path| folder.join(name).display().to_string();
        fs::write(&file, text.replace(&path(&folder), &path(&other))).unwrap();
        names(what, to_do);
        fs::write(&file, &text).unwrap();
        is_content();
    }
    let away = folder.join("away");
    fs::rename(&key, &away).unwrap();
    names("/server.key cannot be read: No such file", "put it there, readable by the account");
    fs::rename(&away, &key).unwrap();
    let give_to = |account: Account| chown(&key, Some(account.uid), Some(account.gid)).unwrap();
    give_to(Account { uid: 0, gid: 0 });
    names("/server.key is closed to user id 3000", "let the account of the instances read it");
    fs::set_permissions(&key, Permissions::from_mode(0o644)).unwrap();
    names("/server.key can be read by others", "chown it to rocketmq, and chmod 600");
    give_to(ACCOUNT);
    fs::set_permissions(&key, Permissions::from_mode(0o600)).unwrap();
    fs::write(&file, text.replace("tls.test.mode.enable = false\n", "")).unwrap();
    names("/server.pem is not used", "set tls.test.mode.enable = false");
    fs::write(&file, &text).unwrap();
    is_content();
    assert_eq!((lab.pids(), shown_by_all(lab)), (pids, vec![given(lab); 4]));
}

pub fn a_new_certificate_and_its_key_are_taken_by_all_while_they_run(lab: &mut Lab) {
    let pids = lab.pids();
    assert_eq!(shown_by_all(lab), vec![given(lab); 4]);
    write_pair(&folder(lab), 100);
    until(crate::lab::LONG, "all show the new one", || shown_by_all(lab) == vec![given(lab); 4]);
    assert_eq!(lab.pids(), pids);
}

fn rolled_out(lab: &Lab, from: &str, to: &str) {
    let text = fs::read_to_string(lab.cluster_file()).unwrap();
    with_file(lab, &text.replace(from, to));
    assert_eq!(follow(lab, |_| {}), ORDER);
    lab.until_ready();
}

pub fn plain_text_is_shut_out_and_let_in_again_under_load_and_nothing_is_lost(lab: &mut Lab) {
    lab.start();
    lab.until_ready();
    assert!(in_plain_text(lab).iter().all(Result::is_ok), "{:?}", in_plain_text(lab));
    lab.create_topic("Moved");
    let sender = Sender::start(lab, "Moved", "moved", 50);
    rolled_out(lab, SPEAKS, ENFORCES);
    all_shut_out(lab);
    sender.until_acknowledged(20);
    rolled_out(lab, ENFORCES, SPEAKS);
    assert!(in_plain_text(lab).iter().all(Result::is_ok), "{:?}", in_plain_text(lab));
    sender.until_acknowledged(20);
    let acknowledged = sender.stop();
    lab.receive_all("Moved", "moved", &acknowledged);
}
