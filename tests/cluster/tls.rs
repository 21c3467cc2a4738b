//! NameServers, controllers and brokers that take nobody in plain text: they work with each other, for clients and for the
//! agents, and a cluster gets there and back while it serves.

use crate::{
    elections::CONTROLLERS,
    lab::{Lab, Sender},
    rollout::{ORDER, follow, with_file},
};
use rocketmq_agent::remoting::{Broker, Client, NameServer, RemotingError};
use std::{fs, time::Duration};

const LONG: Duration = Duration::from_secs(10);
const SPEAKS: &str = "java_options = [\"-Dtls.enable=true\"]\n";
/// And so speaks TLS by itself.
const ENFORCES: &str = "java_options = [\"-Dtls.server.mode=enforcing\"]\n";

fn lab(mode: &str, hosts: u16, groups: usize, more: &str, options: &str) -> Lab {
    let mut lab = Lab::new(19, "5.5.0", mode, hosts, more);
    let text = fs::read_to_string(lab.cluster_file()).unwrap();
    let text = text.replace("[cluster]\n", &format!("[cluster]\ngroups = {groups}\n"));
    let kinds = ["[namesrv]\n", "[controller]\n", "[broker]\n"];
    let text = kinds.iter().fold(text, |text, kind| text.replace(kind, &format!("{kind}{options}")));
    fs::write(lab.cluster_file(), text).unwrap();
    lab.clients_over_tls(true);
    lab
}

pub fn enforcing() -> Lab {
    lab("2m-2s-sync", 2, 1, "", ENFORCES)
}

pub fn speaking() -> Lab {
    lab("2m-2s-sync", 2, 2, "[rollout]\nrestart = \"auto\"\n", SPEAKS)
}

pub fn elected() -> Lab {
    lab("controller", 3, 1, CONTROLLERS, ENFORCES)
}

fn instances(lab: &Lab) -> Vec<(&'static str, &'static str, String)> {
    let names = ["vm1", "vm2"].into_iter().flat_map(|host| ["namesrv", "broker-a"].map(|name| (host, name)));
    names.map(|(host, name)| (host, name, lab.instance(host, name).unwrap().address)).collect()
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
    let (ok, said) = lab.java(&["create-topic", "--cluster", "DefaultCluster", "--topic", "Moved", "--queues", "4"]);
    assert!(ok, "{said}");
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
