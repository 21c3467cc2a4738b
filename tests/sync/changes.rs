//! How a change gets to all hosts, and what happens where it cannot.

use super::{
    hosts::{Hosts, generation, remarks, two_apply_at_once, works_from},
    world::until,
};

#[test]
fn an_apply_on_one_host_reaches_all_and_their_cluster_files_follow() {
    let hosts = Hosts::new(4);
    let agents = ["vm1", "vm2", "vm3", "vm4"].map(|host| hosts.agent(host));
    for agent in &agents {
        works_from(agent, 1);
    }
    // vm4 has no vote.
    let said = hosts.apply("vm4", &hosts.file_with(73), "keep messages longer");
    assert_eq!(said.status, Some(0), "{said:#?}");
    for words in [
        "vm2: broker-a takes fileReservedTime = 73 while it runs",
        "fileReservedTime=73",
        "generation 2",
        "vm1: works from it",
        "vm3: works from it",
    ] {
        assert!(said.out.contains(words), "no {words:?} in {}", said.out);
    }
    until("all render it", || (1..=2).all(|n| hosts.renders(&format!("vm{n}"), 73)).then_some(()));
    for n in 1..=4 {
        let host = format!("vm{n}");
        until(&host, || (hosts.read(&format!("{host}/cluster.toml")) == hosts.file_with(73)).then_some(()));
    }
    let history = hosts.run("vm1", &["history"]).out;
    assert!(history.contains("keep messages longer") && history.contains("vm4"), "{history}");
    assert_eq!(hosts.run("vm1", &["config", "show", "1"]).out, hosts.file());
    assert!(hosts.run("vm2", &["diff", "1"]).out.contains("fileReservedTime = 73"));

    let back = hosts.run("vm2", &["rollback", "1", "--yes"]);
    assert!(back.out.contains("generation 3"), "{back:#?}");
    until("all are back", || (hosts.read("vm3/cluster.toml") == hosts.file()).then_some(()));
    let again = hosts.apply("vm1", &hosts.file(), "the same");
    assert!(again.status == Some(0) && again.out.contains("is this file already"), "{again:#?}");
}

#[test]
fn a_host_that_was_down_catches_up_and_one_that_starts_alone_runs_what_it_held() {
    let hosts = Hosts::new(3);
    let (one, two, three) = (hosts.agent("vm1"), hosts.agent("vm2"), hosts.agent("vm3"));
    for agent in [&one, &two, &three] {
        works_from(agent, 1);
    }
    three.end();
    assert_eq!(hosts.apply("vm1", &hosts.file_with(72), "while vm3 is down").status, Some(0));
    let three = hosts.agent("vm3");
    works_from(&three, 2);
    until("its file follows", || (hosts.read("vm3/cluster.toml") == hosts.file_with(72)).then_some(()));
    for agent in [one, two, three] {
        agent.end();
    }
    let alone = hosts.agent("vm2");
    works_from(&alone, 2);
    alone.reason("install-failed");
}

#[test]
fn a_lost_majority_freezes_the_file_and_nothing_else_until_an_override() {
    let hosts = Hosts::new(2);
    let (one, two) = (hosts.agent("vm1"), hosts.agent("vm2"));
    works_from(&one, 1);
    works_from(&two, 1);
    two.end();
    let said = hosts.apply("vm1", &hosts.file_with(72), "alone");
    assert_eq!(said.status, Some(1), "{said:#?}");
    assert!(said.err.contains("too few config hosts answer") && said.err.contains("not vm2"), "{said:#?}");
    assert_eq!((generation(&one), one.get("/livez").0), (Some(1), 200));
    assert!(!hosts.renders("vm1", 72));

    hosts.write("vm1/wanted.toml", &hosts.file_with(96), 0o644);
    let wanted = hosts.path("vm1/wanted.toml");
    let wanted = wanted.to_str().unwrap();
    let said = hosts.run("vm1", &["apply", wanted, "-m", "vm2 burnt", "--without", "vm2", "--yes"]);
    assert_eq!(said.status, Some(0), "{said:#?}");
    works_from(&one, 2);
    // It was not lost after all, and takes what was decided without it.
    let two = hosts.agent("vm2");
    works_from(&two, 2);
    until("its file follows", || (hosts.read("vm2/cluster.toml") == hosts.file_with(96)).then_some(()));
    let said = hosts.run("vm2", &["apply", wanted, "-m", "it votes again", "--with", "vm2", "--yes"]);
    assert_eq!(said.status, Some(0), "{said:#?}");
    let status = hosts.run("vm1", &["config", "status"]).out;
    assert_eq!(status.matches("votes").count(), 2, "{status}");
}

#[test]
fn of_two_operators_at_once_one_wins_and_the_other_is_told_by_whom() {
    let hosts = Hosts::new(3);
    let agents = ["vm1", "vm2", "vm3"].map(|host| hosts.agent(host));
    for agent in &agents {
        works_from(agent, 1);
    }
    let hours = two_apply_at_once(&hosts);
    for n in 1..=3 {
        let path = format!("vm{n}/cluster.toml");
        until(&path, || (hosts.read(&path) == hosts.file_with(hours)).then_some(()));
    }
}

#[test]
fn hosts_that_begin_with_different_files_start_nothing_and_say_which_lines_differ() {
    let hosts = Hosts::new(2);
    hosts.write("vm2/cluster.toml", &hosts.file_with(72), 0o644);
    let (one, two) = (hosts.agent("vm1"), hosts.agent("vm2"));
    for (agent, host) in [(&one, "vm1"), (&two, "vm2")] {
        until("the lines", || remarks(agent).contains("vm2:18: fileReservedTime = 72").then_some(()));
        agent.reason("no-document-yet");
        assert!(!hosts.path(&format!("{host}/base/broker-a")).exists(), "it made folders");
        assert!(!hosts.path(&format!("{host}/state/applied.json")).exists(), "it noted something as applied");
    }
    let status = hosts.run("vm1", &["config", "status"]);
    assert!(status.out.contains("the cluster files of vm1 and vm2 differ"), "{status:#?}");
    hosts.write("vm1/cluster.toml", &hosts.file_with(72), 0o644);
    for agent in [&one, &two] {
        works_from(agent, 1);
    }
    until("both render it", || (hosts.renders("vm1", 72) && hosts.renders("vm2", 72)).then_some(()));
}

#[test]
fn an_edit_that_was_not_applied_is_shown_and_kept_and_not_taken() {
    let hosts = Hosts::new(2);
    let (one, two) = (hosts.agent("vm1"), hosts.agent("vm2"));
    works_from(&one, 1);
    works_from(&two, 1);
    hosts.write("vm1/cluster.toml", &hosts.file_with(11), 0o644);
    until("the edit is shown", || remarks(&one).contains("was edited and is not applied").then_some(()));
    assert!(!one.ids().contains(&"cluster-file-not-taken".to_owned()), "the brokers are as ready as before");
    assert!(one.get("/readyz?verbose").1.contains("[!] config: "), "{}", one.get("/readyz?verbose").1);
    let status = hosts.run("vm2", &["status"]).out;
    assert!(status.contains("vm1 config:") && status.contains("is not applied"), "{status}");
    // Somebody else's change does not overwrite it.
    assert_eq!(hosts.apply("vm2", &hosts.file_with(72), "another").status, Some(0));
    works_from(&one, 2);
    until("vm1 renders what was committed", || hosts.renders("vm1", 72).then_some(()));
    assert_eq!(hosts.read("vm1/cluster.toml"), hosts.file_with(11));
    let held = hosts.run("vm1", &["config", "show"]).out;
    hosts.write("vm1/cluster.toml", &held, 0o644);
    until("all is well", || remarks(&one).is_empty().then_some(()));
}

#[test]
fn a_pause_is_seen_everywhere_and_kept_by_later_changes_until_somebody_lets_it_go_on() {
    let hosts = Hosts::new(2);
    let (one, two) = (hosts.agent("vm1"), hosts.agent("vm2"));
    works_from(&one, 1);
    works_from(&two, 1);
    let said = hosts.run("vm1", &["pause", "-m", "the disk is being replaced"]);
    assert!(said.status == Some(0) && said.out.contains("generation 2"), "{said:#?}");
    works_from(&two, 2);
    let paused = |host: &str| {
        let status = hosts.run(host, &["status"]).out;
        status.contains("paused by ")
            && status.contains(" on vm1 for ")
            && status.contains("the disk is being replaced")
    };
    until("vm2 says so", || paused("vm2").then_some(()));
    let again = hosts.run("vm2", &["pause", "-m", "me too"]);
    assert!(again.status == Some(1) && again.err.contains("(the disk is being replaced)"), "{again:#?}");
    assert_eq!(hosts.apply("vm2", &hosts.file_with(72), "longer").status, Some(0));
    works_from(&one, 3);
    assert!(paused("vm1"), "it is still paused");
    let said = hosts.run("vm2", &["resume"]);
    assert_eq!(said.status, Some(0), "{said:#?}");
    works_from(&one, 4);
    until("vm1 says so no more", || (!paused("vm1")).then_some(()));
    assert_eq!(hosts.read("vm1/cluster.toml"), hosts.file_with(72));
    assert_eq!(hosts.run("vm1", &["resume"]).status, Some(1));

    let audit = hosts.run("vm2", &["history", "--audit"]).out;
    for words in ["VERB", "pause", "me too", "has paused it already", "apply", "committed as generation 3", "resume"] {
        assert!(audit.contains(words), "no {words:?} in {audit}");
    }
    assert!(!audit.contains("the disk is being replaced\n"), "what was done on vm1 is in vm1's: {audit}");
    let lines: serde_json::Value =
        serde_json::from_str(&hosts.run("vm2", &["history", "--audit", "--json"]).out).unwrap();
    assert_eq!(lines[0]["who"]["uid"], rustix::process::getuid().as_raw());
    assert!(!hosts.read("vm2/state/audit.log").contains("fileReservedTime"), "nothing of the file is in it");
}

#[test]
fn what_nobody_confirms_is_taken_back_though_the_host_that_applied_it_is_gone_and_what_somebody_confirms_stays() {
    let hosts = Hosts::new(3);
    let (one, two, three) = (hosts.agent("vm1"), hosts.agent("vm2"), hosts.agent("vm3"));
    for agent in [&one, &two, &three] {
        works_from(agent, 1);
    }
    let tries = |host: &str, hours: u32, within: &str| {
        hosts.write(&format!("{host}/wanted.toml"), &hosts.file_with(hours), 0o644);
        let wanted = hosts.path(&format!("{host}/wanted.toml"));
        let said =
            hosts.run(host, &["apply", wanted.to_str().unwrap(), "-m", "try", "--yes", "--confirm-within", within]);
        assert!(said.status == Some(0) && said.out.contains("is taken back by itself"), "{said:#?}");
    };
    tries("vm1", 72, "1h");
    works_from(&two, 2);
    let said = hosts.apply("vm2", &hosts.file_with(96), "over it");
    assert!(said.status == Some(1) && said.err.contains("generation 2 is not confirmed yet"), "{said:#?}");
    assert!(hosts.run("vm2", &["status"]).out.contains("unless somebody says `rocketmq-agent confirm`"));
    assert_eq!(hosts.run("vm2", &["confirm"]).status, Some(0));
    works_from(&one, 3);
    let report = until("a report", || one.report());
    assert!(report["config"]["confirm_until"].is_null(), "{}", report["config"]);
    assert_eq!(hosts.run("vm1", &["confirm"]).status, Some(1), "it holds already");

    tries("vm1", 96, "5s");
    one.end();
    works_from(&two, 5);
    works_from(&three, 5);
    until("the file before is back", || (hosts.read("vm3/cluster.toml") == hosts.file_with(72)).then_some(()));
    let history = hosts.run("vm2", &["history"]).out;
    assert_eq!(history.matches("nobody confirmed generation 4").count(), 1, "{history}");
    let one = hosts.agent("vm1");
    works_from(&one, 5);
    until("its file is back too", || (hosts.read("vm1/cluster.toml") == hosts.file_with(72)).then_some(()));
}

#[test]
fn what_nobody_confirmed_while_the_host_was_off_is_taken_back_when_it_is_on_again() {
    let hosts = Hosts::new(1);
    let one = hosts.agent("vm1");
    works_from(&one, 1);
    hosts.write("vm1/wanted.toml", &hosts.file_with(72), 0o644);
    let wanted = hosts.path("vm1/wanted.toml");
    let arguments = ["apply", wanted.to_str().unwrap(), "-m", "try", "--yes", "--confirm-within", "3s"];
    assert_eq!(hosts.run("vm1", &arguments).status, Some(0));
    one.end();
    let one = hosts.agent("vm1");
    works_from(&one, 3);
    until("the file before is back", || (hosts.read("vm1/cluster.toml") == hosts.file()).then_some(()));
    let audit = hosts.run("vm1", &["history", "--audit"]).out;
    assert!(audit.contains("take back") && audit.contains("committed as generation 3"), "{audit}");
}
