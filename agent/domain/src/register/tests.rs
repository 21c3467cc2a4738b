#![allow(clippy::unwrap_used, clippy::panic)]

use super::*;
use crate::{
    document::{Change, Content},
    placement::Placement,
};
use std::collections::BTreeSet;

fn name(index: usize) -> HostName {
    format!("vm{index}").parse().unwrap()
}

fn names(indices: &[usize]) -> BTreeSet<HostName> {
    indices.iter().map(|index| name(*index)).collect()
}

fn content(text: &str, config: &[usize]) -> Content {
    let placement = Placement::default();
    Content { text: text.to_owned(), placement, config_hosts: names(config), paused: None, trial: None }
}

fn change() -> Change {
    Change { author: "ann".to_owned(), host: name(1), time: 1, message: "why not".to_owned() }
}

/// Hosts on a network that loses nothing but what goes to or comes from those that are down.
struct Hosts {
    up: BTreeMap<HostName, Register>,
    down: BTreeMap<HostName, Register>,
    aside: Vec<(HostName, Entry)>,
    outcomes: Vec<Outcome>,
}

impl Hosts {
    fn new(files: &[&str]) -> Self {
        let config: Vec<usize> = (1..=files.len()).collect();
        let register = |index: usize, file: &str| {
            let vote = Vote::new(Life(index as u64));
            let mut register =
                Register::new(name(index), Recovered { held: None, lost: None, vote }, Timing::default());
            register.offer(Some(Document::first(content(file, &config)).unwrap()));
            (name(index), register)
        };
        let up = files.iter().enumerate().map(|(at, file)| register(at + 1, file)).collect();
        Self { up, down: BTreeMap::new(), aside: Vec::new(), outcomes: Vec::new() }
    }

    fn carry_out(&mut self, from: HostName, effects: Vec<Effect>) {
        let mut open = vec![(from, effects)];
        while let Some((from, effects)) = open.pop() {
            for effect in effects {
                match effect {
                    Effect::Send { to, message } => {
                        // What hosts say goes over the wire and back.
                        let message = serde_json::from_str(&serde_json::to_string(&message).unwrap()).unwrap();
                        if let Some(register) = self.up.get_mut(&to) {
                            open.push((to, register.receive(&from, message)));
                        }
                    }
                    Effect::SetAside(entry) => self.aside.push((from.clone(), entry)),
                    Effect::Done(outcome) => self.outcomes.push(outcome),
                    Effect::Keep(_) | Effect::Store(_) => {}
                }
            }
        }
    }

    fn ticks(&mut self, count: u64) {
        for tick in 0..count {
            for host in self.up.keys().cloned().collect::<Vec<_>>() {
                let effects = self.up.get_mut(&host).unwrap().tick(tick);
                self.carry_out(host, effects);
            }
        }
    }

    fn pull(&mut self, host: usize, from: usize) {
        let question = self.up[&name(host)].pull();
        let effects = self.up.get_mut(&name(from)).unwrap().receive(&name(host), question);
        self.carry_out(name(from), effects);
    }

    fn take_down(&mut self, index: usize) {
        let register = self.up.remove(&name(index)).unwrap();
        self.down.insert(name(index), register);
    }

    fn bring_up(&mut self, index: usize) {
        let register = self.down.remove(&name(index)).unwrap();
        self.up.insert(name(index), register);
    }

    fn held(&self, host: usize) -> &Document {
        self.up[&name(host)].held().unwrap().document()
    }

    fn propose(&mut self, host: usize, document: Document) {
        let effects = self.up.get_mut(&name(host)).unwrap().propose(document).unwrap();
        self.carry_out(name(host), effects);
        self.ticks(200);
    }

    fn standing(&self, host: usize) -> Standing {
        self.up[&name(host)].standing()
    }
}

#[test]
fn equal_files_become_generation_1_and_every_config_host_votes() {
    let mut hosts = Hosts::new(&["x", "x", "x"]);
    hosts.ticks(40);
    for host in 1..=3 {
        assert_eq!((hosts.held(host).generation(), hosts.standing(host)), (1, Standing::Votes));
    }
}

#[test]
fn different_files_commit_nothing_and_everybody_sees_who_has_what() {
    let mut hosts = Hosts::new(&["x", "y"]);
    hosts.ticks(100);
    for host in [1, 2] {
        assert_eq!(hosts.up[&name(host)].held(), None);
        let Standing::FilesDiffer { files } = hosts.standing(host) else { panic!("{:?}", hosts.standing(host)) };
        assert_eq!(files.values().flatten().map(Document::text).collect::<Vec<_>>(), ["x", "y"]);
    }
    let corrected = Document::first(content("x", &[1, 2])).unwrap();
    hosts.up.get_mut(&name(2)).unwrap().offer(Some(corrected));
    hosts.ticks(100);
    assert_eq!((hosts.held(1).text(), hosts.held(2).text()), ("x", "x"));
}

#[test]
fn generation_1_waits_for_all_config_hosts_and_says_for_whom() {
    let mut hosts = Hosts::new(&["x", "x", "x"]);
    hosts.take_down(3);
    hosts.ticks(100);
    assert_eq!(hosts.standing(1), Standing::FirstStart { silent: names(&[3]) });
}

#[test]
fn a_majority_is_enough_for_a_change_and_the_third_host_takes_it_later() {
    let mut hosts = Hosts::new(&["x", "x", "x"]);
    hosts.ticks(40);
    hosts.take_down(3);
    let second = hosts.held(1).next(content("y", &[1, 2, 3]), change()).unwrap();
    hosts.propose(1, second.clone());
    assert_eq!(hosts.outcomes, [Outcome::Committed { hash: second.hash(), set_aside: vec![] }]);
    hosts.bring_up(3);
    hosts.pull(3, 2);
    assert_eq!((hosts.held(3), hosts.standing(3)), (&second, Standing::Votes));
}

#[test]
fn a_change_to_an_older_document_is_refused_with_the_newer_one() {
    let mut hosts = Hosts::new(&["x", "x", "x"]);
    hosts.ticks(40);
    hosts.take_down(3);
    let first = hosts.held(1).clone();
    let [theirs, ours] = ["theirs", "ours"].map(|text| first.next(content(text, &[1, 2, 3]), change()).unwrap());
    hosts.propose(1, theirs.clone());
    hosts.bring_up(3);
    hosts.propose(3, ours.clone());
    let Some(Outcome::Refused { hash, newer }) = hosts.outcomes.last() else { panic!("{:?}", hosts.outcomes) };
    assert_eq!((*hash, newer.document()), (ours.hash(), &theirs));
    assert!(matches!(hosts.up.get_mut(&name(3)).unwrap().propose(ours), Err(NotProposed::Stale(_))));
}

#[test]
fn one_of_two_hosts_changes_nothing_without_an_override() {
    let mut hosts = Hosts::new(&["x", "x"]);
    hosts.ticks(40);
    hosts.take_down(2);
    let second = hosts.held(1).next(content("y", &[1, 2]), change()).unwrap();
    hosts.propose(1, second.clone());
    let silent = names(&[2]);
    assert_eq!(hosts.outcomes, [Outcome::NoMajority { hash: second.hash(), silent, pending: None }]);
    let alone = hosts.held(1).next_without(names(&[2]), None, content("y", &[1]), change()).unwrap();
    hosts.propose(1, alone.clone());
    assert_eq!(hosts.held(1), &alone);
}

#[test]
fn a_host_that_was_left_out_takes_the_new_epoch_and_what_it_had_alone_is_set_aside() {
    let mut hosts = Hosts::new(&["x", "x", "x"]);
    hosts.ticks(40);
    let first = hosts.held(1).clone();
    hosts.take_down(1);
    let theirs = first.next(content("theirs", &[1, 2, 3]), change()).unwrap();
    hosts.propose(2, theirs.clone());
    hosts.take_down(2);
    hosts.take_down(3);
    hosts.bring_up(1);
    let ours = first.next_without(names(&[2, 3]), None, content("ours", &[1]), change()).unwrap();
    hosts.propose(1, ours.clone());
    hosts.bring_up(2);
    hosts.pull(2, 1);
    assert_eq!(hosts.held(2), &ours);
    assert!(hosts.aside.iter().any(|(host, entry)| *host == name(2) && *entry.document() == theirs));
    assert_eq!(hosts.standing(2), Standing::Follows);
}

#[test]
fn overrides_on_both_sides_are_a_conflict_and_neither_is_overwritten() {
    let mut hosts = Hosts::new(&["x", "x"]);
    hosts.ticks(40);
    let first = hosts.held(1).clone();
    let mut made = Vec::new();
    for (alone, gone) in [(1, 2), (2, 1)] {
        hosts.take_down(gone);
        let document = first.next_without(names(&[gone]), None, content(&alone.to_string(), &[alone]), change());
        made.push(document.unwrap());
        hosts.propose(alone, made.last().unwrap().clone());
        hosts.bring_up(gone);
    }
    // One goes on: the fork is seen from any distance.
    let next = made[0].next(content("more", &[1]), change()).unwrap();
    hosts.propose(1, next.clone());
    hosts.pull(1, 2);
    hosts.pull(2, 1);
    for (host, held, other) in [(1, &next, 2), (2, &made[1], 1)] {
        assert_eq!(hosts.held(host), held);
        assert_eq!(hosts.up[&name(host)].conflicts()[&name(other)].fork, Fork::Overrides);
    }
}

#[test]
fn a_wiped_host_takes_what_the_others_hold_and_votes_again_after_the_next_change() {
    let mut hosts = Hosts::new(&["x", "x", "x"]);
    hosts.ticks(40);
    let vote = Vote::new(Life(33));
    let mut wiped = Register::new(name(3), Recovered { held: None, lost: None, vote }, Timing::default());
    wiped.offer(Some(Document::first(content("another file", &[1, 2, 3])).unwrap()));
    hosts.up.insert(name(3), wiped);
    hosts.ticks(40);
    assert_eq!((hosts.held(3).text(), hosts.standing(3)), ("x", Standing::WithoutSeat));
    let second = hosts.held(1).next(content("y", &[1, 2, 3]), change()).unwrap();
    hosts.propose(1, second);
    assert_eq!((hosts.held(3).text(), hosts.standing(3)), ("y", Standing::Votes));
}

#[test]
fn a_host_that_lost_its_newest_document_runs_no_older_one() {
    let mut hosts = Hosts::new(&["x", "x"]);
    hosts.ticks(40);
    let register = &hosts.up[&name(1)];
    let (held, vote) = (register.held.clone(), register.vote.clone());
    let again = Register::new(name(1), Recovered { held, lost: Some((1, 2)), vote }, Timing::default());
    assert_eq!((again.held(), again.standing()), (None, Standing::Behind));
}
