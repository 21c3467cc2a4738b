//! Hosts that trust a site's own certificates instead of what follows from a secret.

use super::{
    agent::Agent,
    hosts::{Hosts, works_from},
    pki::{Authority, DAY, HOUR},
    world::until,
};

const YEAR: (i64, i64) = (-DAY, 365 * DAY);

/// Gives a host, which has no secret any more, a certificate for that name.
fn give(authority: &Authority, hosts: &Hosts, host: &str, name: &str, holds: (i64, i64)) {
    let (certificate, key) = authority.sign(name, holds);
    hosts.write(&format!("{host}/ca.pem"), &authority.pem, 0o644);
    hosts.write(&format!("{host}/certificate.pem"), &certificate, 0o644);
    hosts.write(&format!("{host}/key.pem"), &key, 0o600);
    let settings = hosts.read(&format!("{host}/agent.toml"));
    let dir = hosts.path(host);
    let dir = dir.display();
    if !settings.contains("[sync]") {
        let own = format!(
            "[sync]\nca = \"{dir}/ca.pem\"\ncertificate = \"{dir}/certificate.pem\"\nkey = \"{dir}/key.pem\"\n"
        );
        hosts.write(&format!("{host}/agent.toml"), &(settings + &own), 0o644);
        std::fs::remove_file(hosts.path(&format!("{host}/cluster.secret"))).unwrap();
    }
}

fn remarks(agent: &Agent) -> String {
    until("a report", || agent.report())["config"]["remarks"].to_string()
}

#[test]
fn hosts_with_certificates_of_one_authority_agree_and_one_of_another_authority_is_refused_and_counted() {
    let hosts = Hosts::new(3);
    let (own, other) = (Authority::new(), Authority::new());
    give(&own, &hosts, "vm1", "vm1", YEAR);
    give(&own, &hosts, "vm2", "vm2", YEAR);
    give(&other, &hosts, "vm3", "vm3", YEAR);
    let text = hosts.file_where(&[], "[sync]\nhosts = [\"vm1\", \"vm2\"]\n");
    (1..=3).for_each(|n| hosts.write(&format!("vm{n}/cluster.toml"), &text, 0o644));
    let (one, two, three) = (hosts.agent("vm1"), hosts.agent("vm2"), hosts.agent("vm3"));
    works_from(&one, 1);
    works_from(&two, 1);
    assert_eq!(remarks(&one), "[]");
    until("it is counted", || one.report()?["config"]["refused"]["tls"].as_u64().filter(|count| *count > 0));
    three.reason("no-document-yet");
    let status = hosts.run("vm3", &["config", "status"]).out;
    assert!(status.contains("no trust: invalid peer certificate"), "{status}");
    let said = hosts.run("vm1", &["doctor", "certificate"]);
    assert!(said.status == Some(0) && said.out.contains("364 days"), "{said:#?}");
    let shown = one.end() + &two.end() + &three.end();
    assert!(!shown.contains("PRIVATE KEY"), "a key was shown");
}

#[test]
fn a_certificate_that_runs_out_is_named_before_and_after_and_the_host_runs_on() {
    let hosts = Hosts::new(2);
    let own = Authority::new();
    give(&own, &hosts, "vm1", "vm1", YEAR);
    give(&own, &hosts, "vm2", "vm2", (-300 * DAY, 20 * DAY + HOUR));
    let (one, two) = (hosts.agent("vm1"), hosts.agent("vm2"));
    works_from(&one, 1);
    works_from(&two, 1);
    until("it is named", || remarks(&two).contains("this host's certificate runs out in 20 days").then_some(()));
    let said = hosts.run("vm2", &["doctor", "certificate"]);
    assert!(said.status == Some(0) && said.out.contains("runs out in 20 days"), "{said:#?}");
    two.end();
    give(&own, &hosts, "vm2", "vm2", (-300 * DAY, -2 * DAY - HOUR));
    let before = until("a report", || one.report())["config"]["refused"]["tls"].as_u64().unwrap_or_default();
    let two = hosts.agent("vm2");
    works_from(&two, 1);
    assert!(remarks(&two).contains("ran out 2 days ago: other hosts refuse it"), "{}", remarks(&two));
    until("it is refused", || one.report()?["config"]["refused"]["tls"].as_u64().filter(|count| *count > before));
    let status = hosts.run("vm2", &["status"]).out;
    assert!(status.contains("vm2 config: this host's certificate ran out"), "{status}");
    let said = hosts.run("vm2", &["doctor", "certificate"]);
    assert!(said.status == Some(1) && said.out.contains("ran out 2 days ago"), "{said:#?}");
    let status = hosts.run("vm1", &["config", "status"]).out;
    assert!(status.contains("no trust: invalid peer certificate: certificate expired"), "{status}");
    two.end();
    // A new one, and all is well.
    give(&own, &hosts, "vm2", "vm2", YEAR);
    let two = hosts.agent("vm2");
    assert_eq!(hosts.apply("vm1", &hosts.file_with(72), "together again").status, Some(0));
    works_from(&two, 2);
}

#[test]
fn files_that_do_not_fit_keep_the_agent_from_running_and_are_named() {
    let hosts = Hosts::new(1);
    let own = Authority::new();
    give(&own, &hosts, "vm1", "vm9", YEAR);
    hosts.run("vm1", &["run"]).refuses(78, &["certificate.pem cannot be used", "it must have the DNS name vm1"]);
    give(&own, &hosts, "vm1", "vm1", YEAR);
    let key = hosts.read("vm1/key.pem");
    hosts.write("vm1/key.pem", &key, 0o644);
    hosts.run("vm1", &["run"]).refuses(78, &["key.pem may be read by others"]);
    hosts.write("vm1/key.pem", "no key", 0o600);
    hosts.run("vm1", &["run"]).refuses(78, &["key.pem cannot be used"]);
    hosts.write("vm1/key.pem", &key, 0o600);
    let certificate = hosts.read("vm1/certificate.pem");
    give(&own, &hosts, "vm1", "vm1", YEAR);
    hosts.write("vm1/certificate.pem", &certificate, 0o644);
    hosts.run("vm1", &["run"]).refuses(78, &["cannot make this host's certificate", "keys may not be consistent"]);
    give(&Authority::new(), &hosts, "vm1", "vm1", YEAR);
    hosts.write("vm1/certificate.pem", &certificate, 0o644);
    hosts.run("vm1", &["run"]).refuses(78, &["certificate.pem cannot be used", "ca.pem does not vouch for it"]);
    hosts.write("vm1/ca.pem", "", 0o644);
    hosts.run("vm1", &["run"]).refuses(78, &["ca.pem cannot be used", "there is no certificate in it"]);
}
