//! A third host that only votes, and hosts that vote because the file says so.

use super::{
    hosts::{Hosts, works_from},
    world::until,
};

const VOTERS: &str = "[sync]\nhosts = [\"vm1\", \"vm2\", \"vm3\"]\n";

/// As an operator does it: the new host gets the secret and the new file, and waits until that is applied.
#[test]
fn a_witness_joins_two_hosts_and_then_any_one_of_the_three_may_be_down() {
    let hosts = Hosts::new(3);
    let (two_hosts, three) = (hosts.file_of(2), hosts.file_where(&[3], VOTERS));
    hosts.write("vm1/cluster.toml", &two_hosts, 0o644);
    hosts.write("vm2/cluster.toml", &two_hosts, 0o644);
    // It finds no Java, and asks for none.
    hosts.write("vm3/cluster.toml", &three.replace("/jdk\"", "/no-jdk\""), 0o644);
    let (one, two, witness) = (hosts.agent("vm1"), hosts.agent("vm2"), hosts.agent("vm3"));
    works_from(&one, 1);
    works_from(&two, 1);
    witness.reason("no-document-yet");
    assert_eq!(witness.get("/readyz").0, 503);

    let said = hosts.apply("vm1", &three, "a witness");
    assert_eq!(said.status, Some(0), "{said:#?}");
    for agent in [&one, &two, &witness] {
        works_from(agent, 2);
    }
    until("it is ready", || (witness.get("/readyz") == (200, "ready\n".to_owned())).then_some(()));
    let verbose = witness.get("/readyz?verbose").1;
    assert!(verbose.contains("[+] witness: it runs nothing; config sync: votes"), "{verbose}");
    assert_eq!(witness.report().unwrap()["instances"].as_array().unwrap().len(), 0);
    let status = hosts.run("vm1", &["status"]).out;
    let row = status.lines().find(|line| line.trim_start().starts_with("vm3")).unwrap_or_default().to_owned();
    assert!(row.contains("witness") && row.contains("ready"), "{status}");
    let plan = hosts.run("vm3", &["plan"]);
    assert!(plan.status == Some(0) && plan.out.contains("nothing of RocketMQ is to run here"), "{plan:#?}");
    let doctor = hosts.run("vm3", &["doctor", "java"]);
    assert_eq!(doctor.status, Some(0), "{doctor:#?}");
    assert!(!hosts.path("vm3/base").exists(), "it has a folder for brokers");

    let with = |hours: u32| format!("{three}[broker.config]\nfileReservedTime = {hours}\n");
    two.end();
    let said = hosts.apply("vm1", &with(72), "while vm2 is down");
    assert_eq!(said.status, Some(0), "{said:#?}");
    works_from(&witness, 3);
    let two = hosts.agent("vm2");
    works_from(&two, 3);
    witness.end();
    assert_eq!(hosts.apply("vm2", &with(73), "while the witness is down").status, Some(0));
    works_from(&one, 4);
    let witness = hosts.agent("vm3");
    works_from(&witness, 4);

    // Back to two voters: a majority of the old ones and of the new ones.
    let said = hosts.apply("vm3", &two_hosts, "without the witness");
    assert_eq!(said.status, Some(0), "{said:#?}");
    works_from(&one, 5);
    let status = hosts.run("vm1", &["config", "status"]).out;
    assert_eq!(status.matches("votes").count(), 2, "{status}");
}

#[test]
fn a_witness_without_a_secret_is_not_ready_and_says_why() {
    let hosts = Hosts::new(3);
    hosts.write("vm3/cluster.toml", &hosts.file_where(&[3], VOTERS), 0o644);
    std::fs::remove_file(hosts.path("vm3/cluster.secret")).unwrap();
    let witness = hosts.agent("vm3");
    witness.reason("witness-without-secret");
    let (status, words) = witness.get("/readyz");
    assert!(status == 503 && words.contains("copy cluster.secret"), "{status} {words}");
}

#[test]
fn hosts_vote_because_the_file_says_so_and_not_by_their_order() {
    let hosts = Hosts::new(4);
    let file = hosts.file_where(&[], "[sync]\nhosts = [\"vm2\", \"vm3\", \"vm4\"]\n");
    (1..=4).for_each(|n| hosts.write(&format!("vm{n}/cluster.toml"), &file, 0o644));
    let agents = ["vm1", "vm2", "vm3", "vm4"].map(|host| hosts.agent(host));
    agents.iter().for_each(|agent| works_from(agent, 1));
    let status = hosts.run("vm1", &["config", "status"]).out;
    for (host, standing) in [("vm1", "follows"), ("vm2", "votes"), ("vm3", "votes"), ("vm4", "votes")] {
        let line = status.lines().find(|line| line.trim_start().starts_with(host)).unwrap_or_default();
        assert!(line.contains(standing), "{status}");
    }
}
