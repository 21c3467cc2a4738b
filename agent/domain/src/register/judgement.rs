//! What a host does with a committed entry that another host shows it. In: the entry held and the entry offered, both
//! committed as far as their holders know. Out: a [`Judgement`]. This is the whole rule of pulling.

use super::entry::Entry;

/// Why two committed entries cannot both be right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Fork {
    /// They do not begin with the same generation 1: two clusters were set up, from different files.
    FirstDocument,
    /// Overrides were made on both sides of a partition.
    Overrides,
    /// One generation of one epoch, and two contents; or a parent that is not the one held. The register rules it out:
    /// a disk was put back from a copy, or tampered with.
    Content,
    /// One document with two sets of voters: all its config hosts lost their state and began again from the same file.
    Seats,
}

/// What to do with an entry that was offered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Judgement {
    /// It is the one held.
    Same,
    /// It is an ancestor of the one held, or was left behind by an override: refused.
    Older,
    /// It is a descendant of the one held.
    Take,
    /// An override left behind what is held: it is taken, and what is held is set aside and shown, not lost.
    TakeAndSetAside,
    /// Neither may overwrite the other; a person has to decide.
    Conflict(Fork),
}

/// Judges an entry that was offered. A host that holds nothing takes what others hold.
pub fn judge(held: Option<&Entry>, offered: &Entry) -> Judgement {
    let Some(held) = held else { return Judgement::Take };
    if held.document() == offered.document() {
        return if held.seats() == offered.seats() { Judgement::Same } else { Judgement::Conflict(Fork::Seats) };
    }
    let (mine, theirs) = (held.document().line(), offered.document().line());
    let common = mine.iter().zip(&theirs).take_while(|(a, b)| a == b).count();
    let (held, offered) = (held.document(), offered.document());
    match (mine.get(common), theirs.get(common)) {
        (Some(_), Some(_)) if common == 0 => Judgement::Conflict(Fork::FirstDocument),
        (Some(_), Some(_)) => Judgement::Conflict(Fork::Overrides),
        (Some(_), None) => Judgement::Older,
        (None, Some(opening)) if held.generation() >= opening.generation => Judgement::TakeAndSetAside,
        (None, Some(opening)) => match held.generation() + 1 == opening.generation {
            true if opening.parent != Some(held.hash()) => Judgement::Conflict(Fork::Content),
            _ => Judgement::Take,
        },
        // One epoch: a line of generations, as long as the register holds what it promises.
        (None, None) => match (held.generation(), offered.generation()) {
            (a, b) if a == b => Judgement::Conflict(Fork::Content),
            (a, b) if a + 1 == b && offered.parent() != Some(held.hash()) => Judgement::Conflict(Fork::Content),
            (a, b) if b + 1 == a && held.parent() != Some(offered.hash()) => Judgement::Conflict(Fork::Content),
            (a, b) if a < b => Judgement::Take,
            _ => Judgement::Older,
        },
    }
}
