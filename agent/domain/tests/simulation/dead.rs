//! Messages that cannot do anything any more, now or later, whatever happens. States that differ in nothing else are one
//! state, which is what makes scopes small enough to be looked at as a whole.
//!
//! It rests on four facts of the register: a host never comes back to a ballot that it has left; what it promised and
//! what it holds never goes back while its disk is whole; an answer counts only in the round of its ballot; and in peace
//! between two steps the disk has all that the register believes.

use crate::world::{Host, Packet, World};
use rocketmq_agent_domain::{
    names::HostName,
    register::{Ballot, Entry, Judgement, Message, Refusal, judge},
};
use std::collections::BTreeMap;

/// Takes dead messages off the network. `forgetful` may still lose its disk: what it has done may be done again.
pub fn bury(world: &mut World, forgetful: Option<&HostName>) {
    let mut rounds: BTreeMap<Ballot, bool> = BTreeMap::new();
    let hosts = &world.hosts;
    world.packets.retain(|packet| {
        let mut is_open = |ballot: &Ballot| *rounds.entry(ballot.clone()).or_insert_with(|| is_in_round(hosts, ballot));
        !is_dead(hosts, packet, forgetful, &mut is_open)
    });
}

/// Whether a host is at this attempt: one that is gives it up when it hears that it was outbid.
fn is_in_round(hosts: &BTreeMap<HostName, Host>, ballot: &Ballot) -> bool {
    let Some(register) = hosts.get(&ballot.host).and_then(|host| host.register.as_ref()) else { return false };
    let mut probed = register.clone();
    let why = Refusal::Outbid(ballot.clone());
    probed.receive(&ballot.host, Message::Refused { ballot: ballot.clone(), why });
    probed != *register
}

fn is_dead(
    hosts: &BTreeMap<HostName, Host>,
    packet: &Packet,
    forgetful: Option<&HostName>,
    is_open: &mut impl FnMut(&Ballot) -> bool,
) -> bool {
    let Some(receiver) = hosts.get(&packet.route.to) else { return true };
    let forgets = forgetful == Some(&packet.route.to);
    let knows = |entry: &Entry| {
        let judgement = judge(receiver.disk.entries.last(), entry);
        (judgement == Judgement::Older, !forgets && matches!(judgement, Judgement::Older | Judgement::Same))
    };
    let vote = receiver.disk.vote.as_ref().filter(|_| !forgets);
    let promised = vote.and_then(|vote| vote.promised.as_ref());
    match &packet.message {
        Message::Promise { ballot, .. } | Message::Accepted { ballot, .. } | Message::Refused { ballot, .. } => {
            !is_open(ballot)
        }
        Message::Held { entry } => knows(entry).1,
        Message::Prepare { ballot, base: Some(base) } => {
            let (is_older, is_known) = knows(base);
            !is_open(ballot) && is_known && (is_older || promised >= Some(ballot))
        }
        Message::Accept { ballot, base: Some(base), entry } => {
            let (is_older, is_known) = knows(base);
            let accepted = vote.and_then(|vote| vote.accepted.as_ref());
            let has = accepted.is_some_and(|it| it.ballot == *ballot && it.entry == *entry);
            !is_open(ballot) && is_known && (is_older || promised > Some(ballot) || has)
        }
        _ => false,
    }
}
