//! What is refused, in which words, and that the secret is never shown.

use super::{
    hosts::{Hosts, OTHER_SECRET, SECRET},
    world::until,
};
use std::net::TcpStream;

#[test]
fn without_a_secret_a_host_works_from_its_own_file_and_says_so() {
    let hosts = Hosts::new(1);
    std::fs::remove_file(hosts.path("vm1/cluster.secret")).unwrap();
    let agent = hosts.agent("vm1");
    let report = until("a report", || agent.report());
    assert_eq!(report["config"]["synced"], false);
    let status = hosts.run("vm1", &["status"]).out;
    assert!(status.contains("no secret: this host works from its own cluster.toml"), "{status}");
    assert!(TcpStream::connect((agent.http.ip(), 9878)).is_err(), "it listens for config sync");
    let said = hosts.apply("vm1", &hosts.file_with(72), "no");
    assert!(
        said.status == Some(1)
            && said.err.contains(
                "there is neither a cluster.secret nor a [sync.source], and so every host works from its own"
            ),
        "{said:#?}"
    );
    // As ever.
    hosts.write("vm1/cluster.toml", &hosts.file_with(72), 0o644);
    until("the edit is taken", || hosts.renders("vm1", 72).then_some(()));
    let status = hosts.run("vm1", &["status"]).out;
    assert!(status.contains("no secret: this host works from its own cluster.toml"), "{status}");
}

#[test]
fn a_secret_that_is_gone_is_missed_and_a_second_agent_does_not_touch_the_ledger() {
    let hosts = Hosts::new(1);
    let agent = hosts.agent("vm1");
    until("the first document", || agent.report()?["config"]["generation"].as_u64());
    hosts.run("vm1", &["run"]).refuses(1, &["another rocketmq-agent", "state/ledger"]);
    agent.end();
    std::fs::remove_file(hosts.path("vm1/cluster.secret")).unwrap();
    let agent = hosts.agent("vm1");
    let report = until("a report", || agent.report());
    assert!(report["config"]["remarks"][0].as_str().unwrap().contains("put the secret back"), "{report}");
}

#[test]
fn a_secret_that_others_may_read_or_that_is_none_keeps_the_agent_from_running() {
    let hosts = Hosts::new(1);
    hosts.write("vm1/cluster.secret", SECRET, 0o644);
    hosts.run("vm1", &["run"]).refuses(78, &["cluster.secret may be read by others", "chmod 600"]);
    hosts.write("vm1/cluster.secret", "5ecret", 0o600);
    let said = hosts.run("vm1", &["run"]);
    said.refuses(78, &["cluster.secret holds no secret"]);
    assert!(!said.err.contains("5ecret"), "{said:#?}");
}

#[test]
fn a_credential_wins_over_the_environment_and_that_over_the_file() {
    let hosts = Hosts::new(2);
    let (secret, wrong) = (SECRET, OTHER_SECRET);
    let one = hosts.agent("vm1");
    hosts.write("vm2/cluster.secret", wrong, 0o600);
    let two = hosts.agent_with("vm2", &[("ROCKETMQ_AGENT_SECRET", secret)]);
    until("they agree", || two.report()?["config"]["generation"].as_u64());
    let mut shown = two.end();
    hosts.write("credentials/cluster.secret", secret, 0o400);
    let folder = hosts.path("credentials");
    let both = [("CREDENTIALS_DIRECTORY", folder.to_str().unwrap()), ("ROCKETMQ_AGENT_SECRET", wrong)];
    let two = hosts.agent_with("vm2", &both);
    // What was committed is held from its disk; that it is known to the other host is what the secret is for.
    until("it asks vm1", || {
        let status = hosts.run("vm2", &["config", "status"]).out;
        (status.matches("votes").count() == 2).then_some(())
    });
    shown += &two.end();
    shown += &one.end();
    // One that cannot be used is said, and is no reason to take the next one.
    hosts.write("credentials/cluster.secret", secret, 0o444);
    let said = hosts.run_with("vm2", &["run"], &both[..1]);
    said.refuses(78, &["credentials/cluster.secret may be read by others"]);
    let said = hosts.run_with("vm2", &["run"], &[("ROCKETMQ_AGENT_SECRET", "5ecret")]);
    said.refuses(78, &["ROCKETMQ_AGENT_SECRET holds no secret"]);
    shown += &said.err;
    for secret in [&SECRET[..8], &OTHER_SECRET[..8], "5ecret"] {
        assert!(!shown.contains(secret), "a secret was shown: {shown}");
    }
}

#[test]
fn a_host_with_another_secret_is_refused_counted_and_told() {
    let hosts = Hosts::new(2);
    hosts.write("vm2/cluster.secret", OTHER_SECRET, 0o600);
    let (one, two) = (hosts.agent("vm1"), hosts.agent("vm2"));
    until("it is counted", || one.report()?["config"]["refused"]["tls"].as_u64().filter(|count| *count > 0));
    let metrics = one.get("/metrics").1;
    assert!(metrics.contains("rocketmq_agent_config_refused{") && metrics.contains("reason=\"tls\""), "{metrics}");
    let status = hosts.run("vm2", &["config", "status"]).out;
    assert!(status.contains("no trust: invalid peer certificate"), "{status}");
    let mut shown = one.end() + &two.get("/v1/host").1 + &two.get("/v1/config").1 + &two.get("/v1/cluster").1;
    shown += &two.end();
    assert!(!shown.contains("5e5e5e") && !shown.contains("bad0bad0"), "a secret was shown");
}

#[test]
fn a_file_with_mistakes_or_of_another_cluster_is_not_committed() {
    let hosts = Hosts::new(1);
    let agent = hosts.agent("vm1");
    until("the first document", || agent.report()?["config"]["generation"].as_u64());
    let said = hosts.apply("vm1", &hosts.file().replace("\"single\"", "\"2m2s\""), "typo");
    said.refuses(78, &["there is no mode \"2m2s\""]);
    let renamed = hosts.file().replace("[cluster]\n", "[cluster]\nname = \"Other\"\n");
    hosts.apply("vm1", &renamed, "rename").refuses(1, &["cluster.name is DefaultCluster and cannot become Other"]);
    hosts.write("vm1/wanted.toml", &hosts.file_with(72), 0o644);
    let wanted = hosts.path("vm1/wanted.toml");
    let said = hosts.run("vm1", &["apply", wanted.to_str().unwrap(), "-m", "nobody to ask"]);
    assert!(said.status == Some(2) && said.err.contains("--yes"), "{said:#?}");
    let said = hosts.run("vm1", &["apply", wanted.to_str().unwrap(), "--yes"]);
    assert!(said.status == Some(2) && said.err.contains("-m MESSAGE"), "{said:#?}");
    assert_eq!(agent.report().unwrap()["config"]["generation"], 1);
}

#[test]
fn a_secret_is_replaced_step_by_step_while_the_agents_run() {
    let hosts = Hosts::new(2);
    let agents = [hosts.agent("vm1"), hosts.agent("vm2")];
    let (old, new) = (SECRET, OTHER_SECRET);
    let steps = [format!("{old}\n{new}\n"), format!("# soon alone\n{new}\n{old}\n"), format!("{new}\n")];
    for (done, step) in steps.iter().enumerate() {
        for (n, agent) in agents.iter().enumerate() {
            hosts.write(&format!("vm{}/cluster.secret", n + 1), step, 0o600);
            until("it is taken", || (agent.log().matches("the secret was replaced").count() > done).then_some(()));
            // Each asks the other over a new connection, also where only one of them has taken the step.
            for host in ["vm1", "vm2"] {
                let status = hosts.run(host, &["config", "status"]).out;
                assert!(!status.contains('?'), "after step {done} on {n}, {host}: {status}");
            }
        }
    }
    hosts.write("vm1/cluster.secret", old, 0o644);
    until("one that cannot be used changes nothing", || {
        agents[0].log().contains("the secret is kept as it was").then_some(())
    });
    assert!(!hosts.run("vm1", &["config", "status"]).out.contains('?'));
}
