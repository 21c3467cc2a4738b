//! The part of a register that votes. Each answer is preceded by the write that makes it hold.

use super::{Accepted, Ballot, Effect, Entry, Judgement, Message, Refusal, Register, Vote, judgement::judge};
use crate::names::HostName;

impl Register {
    pub(super) fn on_prepare(&mut self, from: &HostName, ballot: Ballot, base: Option<Entry>, out: &mut Vec<Effect>) {
        if let Some(why) = self.refusal(from, &ballot, base, out) {
            return self.send(from, Message::Refused { ballot, why }, out);
        }
        self.vote_on_held();
        if self.vote.promised.as_ref() != Some(&ballot) {
            self.vote.promised = Some(ballot.clone());
            out.push(Effect::Keep(self.vote.clone()));
        }
        let offer = self.offer.clone().filter(|_| self.held.is_none());
        let promise = Message::Promise { ballot, life: self.vote.life, accepted: self.vote.accepted.clone(), offer };
        self.send(from, promise, out);
    }

    pub(super) fn on_accept(
        &mut self,
        from: &HostName,
        ballot: Ballot,
        base: Option<Entry>,
        entry: Entry,
        out: &mut Vec<Effect>,
    ) {
        if !entry.document().follows(base.as_ref().map(Entry::document)) {
            return;
        }
        if let Some(why) = self.refusal(from, &ballot, base, out) {
            return self.send(from, Message::Refused { ballot, why }, out);
        }
        if let Some(earlier) = self.pending()
            && earlier.entry.document().epoch() > entry.document().epoch()
        {
            // An override was accepted: what it leaves behind is not helped any more. The next attempt finds it.
            let why = Refusal::Outbid(earlier.ballot.clone().max(ballot.clone()));
            return self.send(from, Message::Refused { ballot, why }, out);
        }
        let accepted = Accepted { ballot: ballot.clone(), entry };
        if self.pending() != Some(&accepted) {
            if let Some(earlier) = self.pending()
                && earlier.entry.document().epoch() < accepted.entry.document().epoch()
            {
                out.push(Effect::SetAside(earlier.entry.clone()));
            }
            self.vote_on_held();
            self.vote.promised = Some(ballot.clone());
            self.vote.accepted = Some(accepted);
            out.push(Effect::Keep(self.vote.clone()));
        }
        let life = self.vote.life;
        self.send(from, Message::Accepted { ballot, life }, out);
    }

    /// Why this host does not go along with an attempt to change `base`; takes `base` where that is newer.
    fn refusal(
        &mut self,
        from: &HostName,
        ballot: &Ballot,
        base: Option<Entry>,
        out: &mut Vec<Effect>,
    ) -> Option<Refusal> {
        if let Some(base) = base {
            match judge(self.held.as_ref(), &base) {
                Judgement::Older => return self.held.clone().map(Refusal::Holds),
                Judgement::Conflict(_) => {
                    self.learn(from, base, out);
                    return self.held.clone().map(Refusal::Holds);
                }
                Judgement::Same | Judgement::Take | Judgement::TakeAndSetAside => self.learn(from, base, out),
            }
        } else if let Some(held) = &self.held {
            return Some(Refusal::Holds(held.clone()));
        }
        if self.is_behind() {
            return Some(Refusal::Behind);
        }
        self.vote.promised.clone().filter(|promised| promised > ballot).map(Refusal::Outbid)
    }

    /// What was accepted for an older base is decided, one way or the other.
    fn vote_on_held(&mut self) {
        let base = self.mark();
        if self.vote.base != base {
            self.vote = Vote { base, accepted: None, ..self.vote.clone() };
        }
    }
}
