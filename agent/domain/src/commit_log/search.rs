//! Where two commit logs stop being equal. In: hashes of chunks of both, window by window from the end back. Out: the next
//! window to compare, and at last the lowest chunk that differs.
//!
//! After a power loss the last pages of a log are not the only ones that can be missing: the kernel writes them back in any
//! order. The search therefore goes on below a difference until a long stretch is equal.

use std::ops::Range;

/// The length of what is hashed at once, bytes.
pub const CHUNK: u64 = 256 << 10;
/// The length of what is asked for at once, bytes.
pub const WINDOW: u64 = 8 << 20;

/// The chunks of a range, each within one multiple of [`CHUNK`].
pub fn chunks(range: Range<u64>) -> impl DoubleEndedIterator<Item = Range<u64>> {
    let numbers = if range.is_empty() { 0..0 } else { range.start / CHUNK..range.end.div_ceil(CHUNK) };
    numbers.map(move |number| range.start.max(number * CHUNK)..range.end.min((number + 1) * CHUNK))
}

/// A search that is under way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Search {
    lowest: u64,
    next: u64,
    enough: u64,
    equal: u64,
    differs: Option<Range<u64>>,
}

impl Search {
    /// Of a range that both logs should have. It ends when `enough` bytes in a row are equal below every difference.
    pub fn new(range: Range<u64>, enough: u64) -> Self {
        Self { lowest: range.start, next: range.end.max(range.start), enough, equal: 0, differs: None }
    }

    /// The window to compare next; none once the search is over.
    pub fn window(&self) -> Option<Range<u64>> {
        if self.next <= self.lowest || self.equal >= self.enough {
            return None;
        }
        let start = (self.next - 1) / WINDOW * WINDOW;
        Some(self.lowest.max(start)..self.next)
    }

    /// Takes in the hashes of both for the window that was asked for. A side with fewer hashes lacks the last chunks.
    pub fn take<H: PartialEq>(&mut self, ours: &[H], theirs: &[H]) {
        let Some(window) = self.window() else { return };
        let all: Vec<Range<u64>> = chunks(window.clone()).collect();
        for (index, chunk) in all.into_iter().enumerate().rev() {
            let same = ours.get(index).zip(theirs.get(index)).is_some_and(|(ours, theirs)| ours == theirs);
            if same {
                self.equal += chunk.end - chunk.start;
            } else {
                self.equal = 0;
                self.differs = Some(chunk);
            }
        }
        self.next = window.start;
    }

    /// The lowest chunk that differs, once the search is over.
    pub fn difference(self) -> Option<Range<u64>> {
        self.differs
    }
}

/// How many of the first bytes are equal.
pub fn first_difference(ours: &[u8], theirs: &[u8]) -> usize {
    ours.iter().zip(theirs).take_while(|(ours, theirs)| ours == theirs).count()
}
