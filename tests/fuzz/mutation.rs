//! Inputs made from real ones. The same seed and number make the same input.

use fastrand::Rng;

/// The longest input.
pub const LONGEST: usize = 64 << 10;

/// What parsers stumble over.
const WORDS: [&[u8]; 34] = [
    b"0",
    b"-1",
    b"1",
    b"255",
    b"256",
    b"65535",
    b"65536",
    b"2147483647",
    b"2147483648",
    b"-2147483648",
    b"4294967295",
    b"9223372036854775807",
    b"9223372036854775808",
    b"18446744073709551615",
    b"18446744073709551616",
    b"1e400",
    b"NaN",
    b"\"\"",
    b"null",
    b"{}",
    b"[]",
    b"[[[[[[[[",
    b"{\"a\":",
    b"}}}}",
    b"\\u0000",
    b"\\ud800",
    b"\x1b[2J",
    b"\xe2\x80\xae",
    b"\xff\xff\xff\xff",
    b"\x7f\xff\xff\xff",
    b"\x80\0\0\0",
    b"\0\0\0\0",
    b"\r\n\r\n",
    b"../",
];

/// An input made of one or two of the seeds.
pub fn made(seeds: &[Vec<u8>], seed: u64, number: u64) -> Vec<u8> {
    let mut random = Rng::with_seed(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ number);
    let mut input = random.choice(seeds).cloned().unwrap_or_default();
    for _ in 0..random.u32(1..=6) {
        change(&mut input, seeds, &mut random);
    }
    input.truncate(LONGEST);
    input
}

fn change(input: &mut Vec<u8>, seeds: &[Vec<u8>], random: &mut Rng) {
    let at = random.usize(0..=input.len());
    let rest = input.len() - at;
    match random.u32(0..10) {
        0 if rest > 0 => input[at] ^= 1 << random.u32(0..8),
        1 if rest > 0 => input[at] = random.u8(..),
        2 => input.truncate(at),
        3 => drop(input.drain(at..at + random.usize(0..=rest.min(64)))),
        4 => {
            let part = input[at..at + random.usize(0..=rest.min(256))].to_vec();
            input.splice(at..at, part.repeat(random.usize(1..=16)));
        }
        // Deep nesting.
        5 => {
            let part = input[at..at + random.usize(0..=rest.min(4))].to_vec();
            input.splice(at..at, part.repeat(random.usize(1..=8192)));
        }
        6 => {
            let other = random.choice(seeds).cloned().unwrap_or_default();
            let from = random.usize(0..=other.len());
            input.splice(at.., other[from..].iter().copied());
        }
        7 => number_at(input, at, random),
        _ => {
            let word = random.choice(WORDS).unwrap();
            let end = at + random.usize(0..=rest.min(word.len()));
            input.splice(at..end, word.iter().copied());
        }
    }
    input.truncate(LONGEST);
}

/// Puts another number in the place of the next one that is written in digits.
fn number_at(input: &mut Vec<u8>, at: usize, random: &mut Rng) {
    let Some(begin) = input[at..].iter().position(u8::is_ascii_digit).map(|first| at + first) else { return };
    let end = input[begin..].iter().position(|byte| !byte.is_ascii_digit()).map_or(input.len(), |last| begin + last);
    let number = match random.u32(0..3) {
        0 => random.u64(..).to_string().into_bytes(),
        1 => random.u8(..).to_string().into_bytes(),
        _ => random.choice(&WORDS[..16]).unwrap().to_vec(),
    };
    input.splice(begin..end, number);
}
