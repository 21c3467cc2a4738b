//! What holds of every source, whichever it is; and what those that are only read say to who would change them.

use super::{
    agent::Agent,
    etcd::Etcd,
    fleet::{Fleet, all_is_well, says},
    hosts::{remarks, works_from},
    places::{Place, Repository, Web},
    world::until,
};

const POLL: &str = "\npoll = \"1s\"";

fn hosts_need_no_file_to_begin_with_and_take_what_comes_after<P: Place>() {
    let place = P::new();
    let fleet = Fleet::new(2, &(place.source() + POLL));
    let hosts = &fleet.hosts;
    let first = fleet.document(None, &hosts.file(), "");
    place.publish(&first);
    let agents = fleet.agents();
    for (n, agent) in agents.iter().enumerate() {
        works_from(agent, 1);
        let file = format!("vm{}/cluster.toml", n + 1);
        until(&file, || (hosts.read(&file) == hosts.file()).then_some(()));
        all_is_well(agent);
    }
    place.publish(&fleet.document(Some(&first), &hosts.file_with(73), "keep messages longer"));
    for (n, agent) in agents.iter().enumerate() {
        works_from(agent, 2);
        until("it is rendered", || hosts.renders(&format!("vm{}", n + 1), 73).then_some(()));
    }
    let history = hosts.run("vm2", &["history"]).out;
    assert!(history.contains("keep messages longer"), "{history}");
    let status = hosts.run("vm1", &["config", "status"]).out;
    assert_eq!(status.matches("takes what lies in").count(), 2, "{status}");
    let rows = status.lines().filter(|line| line.split_whitespace().skip(1).take(2).eq(["2", "2"]));
    assert_eq!(rows.count(), 2, "both hold and work from generation 2: {status}");
}

fn what_went_back_or_contradicts_or_was_damaged_changes_nothing_and_is_said<P: Place>() {
    let place = P::new();
    let fleet = Fleet::new(2, &(place.source() + POLL));
    let file = fleet.hosts.file();
    let first = fleet.document(None, &file, "");
    let second = fleet.document(Some(&first), &fleet.hosts.file_with(72), "one");
    let other = fleet.document(Some(&first), &fleet.hosts.file_with(11), "another");
    let after_other = fleet.document(Some(&other), &fleet.hosts.file_with(12), "after another");
    place.publish(&second);
    let agent = fleet.hosts.agent("vm1");
    works_from(&agent, 2);
    for (document, words) in [
        (first.as_str(), "it went back"),
        (&other, "it is not what comes after that"),
        (&after_other, "it is not what comes after that"),
        (&second.replace("= 72", "= 99"), "it was damaged or edited"),
        (&file, "does not begin with the line"),
    ] {
        place.publish(document);
        says(&agent, words);
        works_from(&agent, 2);
        assert!(fleet.hosts.renders("vm1", 72), "{words}");
    }
    assert!(!remarks(&agent).contains("t0ken"), "{}", remarks(&agent));
    place.publish(&second);
    all_is_well(&agent);
}

fn a_host_boots_from_what_it_took_last_and_says_since_when_and_why<P: Place>() {
    let mut place = P::new();
    let fleet = Fleet::new(2, &(place.source() + POLL));
    let first = fleet.document(None, &fleet.hosts.file(), "");
    place.publish(&first);
    let agent = fleet.hosts.agent("vm1");
    works_from(&agent, 1);
    place.breaks();
    says(&agent, "gives no document since ");
    agent.end();
    let agent = fleet.hosts.agent("vm1");
    works_from(&agent, 1);
    says(&agent, "generation 1 is kept to");
    let status = fleet.hosts.run("vm1", &["config", "status"]).out;
    assert!(status.contains("gives no document since"), "{status}");
    // A host that never took anything has nothing to run.
    let said = fleet.hosts.run("vm2", &["run"]);
    assert_eq!(said.status, Some(1), "tried again by its unit: {said:#?}");
    assert!(said.err.contains("nothing was ever taken from it"), "{said:#?}");
    place.heals();
    all_is_well(&agent);
    place.publish(&fleet.document(Some(&first), &fleet.hosts.file_with(72), "on"));
    works_from(&agent, 2);
}

macro_rules! of_every_place {
    ($($place:ident: $kind:ty),*) => {$(
        mod $place {
            use super::*;

            #[test]
            fn hosts_need_no_file_to_begin_with_and_take_what_comes_after() {
                super::hosts_need_no_file_to_begin_with_and_take_what_comes_after::<$kind>();
            }

            #[test]
            fn what_went_back_or_contradicts_or_was_damaged_changes_nothing_and_is_said() {
                super::what_went_back_or_contradicts_or_was_damaged_changes_nothing_and_is_said::<$kind>();
            }

            #[test]
            fn a_host_boots_from_what_it_took_last_and_says_since_when_and_why() {
                super::a_host_boots_from_what_it_took_last_and_says_since_when_and_why::<$kind>();
            }
        }
    )*};
}

of_every_place!(etcd: Etcd, web: Web, git: Repository);

fn cannot_be_changed_here<P: Place>(place: &P, words: &str) -> (Fleet, Agent) {
    let fleet = Fleet::new(2, &(place.source() + POLL));
    place.publish(&fleet.document(None, &fleet.hosts.file(), ""));
    let agent = fleet.hosts.agent("vm1");
    works_from(&agent, 1);
    let applied = fleet.hosts.apply("vm1", &fleet.hosts.file_with(72), "no");
    let back = fleet.hosts.run("vm1", &["rollback", "1", "--yes"]);
    let paused = fleet.hosts.run("vm1", &["pause", "-m", "no"]);
    for said in [applied, back, paused] {
        assert_eq!(said.status, Some(1), "{said:#?}");
        assert!(said.err.contains(words) && said.err.contains("rocketmq-agent document FILE -m WHY"), "{said:#?}");
    }
    works_from(&agent, 1);
    // The next one without a copy of the last one at hand: the agent knows it.
    fleet.hosts.write("next.toml", &fleet.hosts.file_with(72), 0o644);
    let file = fleet.hosts.path("next.toml");
    let next = fleet.hosts.run("vm1", &["document", file.to_str().unwrap(), "-m", "on"]);
    place.publish(&next.out);
    works_from(&agent, 2);
    assert_eq!(fleet.hosts.run("vm1", &["config", "show", "--document"]).out, next.out);
    (fleet, agent)
}

#[test]
fn what_lies_behind_an_address_is_asked_for_by_its_etag_and_apply_says_what_to_do_instead() {
    let web = Web::new();
    let _running = cannot_be_changed_here(&web, "is published at http://");
    let before = web.unchanged();
    until("it is asked again", || (web.unchanged() > before).then_some(()));
}

#[test]
fn what_lies_in_a_repository_is_committed_there_and_apply_says_so() {
    cannot_be_changed_here(&Repository::new(), "is committed to ");
}
