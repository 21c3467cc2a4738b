//! Which lines of two cluster files differ, for a person who set two hosts up from different files.
//! In: two texts. Out: the lines that only one of them has, with their numbers. A missing line end is a difference.

/// A line that only one of the two has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Difference {
    /// Only the first text has it.
    Left {
        /// Its number, from 1.
        line: usize,
        /// Its text.
        text: String,
    },
    /// Only the second text has it.
    Right {
        /// Its number, from 1.
        line: usize,
        /// Its text.
        text: String,
    },
}

/// Beyond this many pairs of lines the middle is shown as a whole rather than matched line by line.
const MOST_PAIRS: usize = 4_000_000;

/// The differences, in the order of the files.
pub fn differences(left: &str, right: &str) -> Vec<Difference> {
    let (left, right): (Vec<&str>, Vec<&str>) =
        (left.split_inclusive('\n').collect(), right.split_inclusive('\n').collect());
    let same_start = left.iter().zip(&right).take_while(|(a, b)| a == b).count();
    let rest = left.len().min(right.len()) - same_start;
    let same_end = left.iter().rev().zip(right.iter().rev()).take(rest).take_while(|(a, b)| a == b).count();
    let (a, b) = (&left[same_start..left.len() - same_end], &right[same_start..right.len() - same_end]);
    let common = common(a, b);
    let (mut i, mut j, mut found) = (0, 0, Vec::new());
    for (next_i, next_j) in common.into_iter().chain([(a.len(), b.len())]) {
        let number = |at: usize| same_start + at + 1;
        let shown = |line: &str| line.trim_end_matches(['\n', '\r']).to_owned();
        found.extend((i..next_i).map(|at| Difference::Left { line: number(at), text: shown(a[at]) }));
        found.extend((j..next_j).map(|at| Difference::Right { line: number(at), text: shown(b[at]) }));
        (i, j) = (next_i + 1, next_j + 1);
    }
    found
}

/// The longest common subsequence, as pairs of places.
fn common(a: &[&str], b: &[&str]) -> Vec<(usize, usize)> {
    if a.len().saturating_mul(b.len()) > MOST_PAIRS {
        return Vec::new();
    }
    let mut longest = vec![vec![0_u32; b.len() + 1]; a.len() + 1];
    for i in (0..a.len()).rev() {
        for j in (0..b.len()).rev() {
            longest[i][j] = match a[i] == b[j] {
                true => longest[i + 1][j + 1] + 1,
                false => longest[i + 1][j].max(longest[i][j + 1]),
            };
        }
    }
    let (mut i, mut j, mut pairs) = (0, 0, Vec::new());
    while i < a.len() && j < b.len() {
        match () {
            () if a[i] == b[j] => {
                pairs.push((i, j));
                (i, j) = (i + 1, j + 1);
            }
            () if longest[i + 1][j] >= longest[i][j + 1] => i += 1,
            () => j += 1,
        }
    }
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_lines_that_differ_are_named_with_their_numbers() {
        let found = differences("a\nb\nc\nd\ne\n", "a\nB\nc\nd\nnew\ne\n");
        let left = |line, text: &str| Difference::Left { line, text: text.to_owned() };
        let right = |line, text: &str| Difference::Right { line, text: text.to_owned() };
        assert_eq!(found, [left(2, "b"), right(2, "B"), right(5, "new")]);
        assert_eq!(differences("a\n", "a\n"), []);
        assert_eq!(differences("", "x"), [right(1, "x")]);
        assert_eq!(differences("a\n", "a"), [left(1, "a"), right(1, "a")]);
    }
}
