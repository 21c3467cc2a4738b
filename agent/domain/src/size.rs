//! Amounts of bytes as people write them: `512M`, `1MB`, `8g`. Multiples are of 1024, as `java -Xmx` means them.

use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// A number of bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Size(pub u64);

/// Why a text is not an amount of bytes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SizeError {
    /// It is none.
    #[error("must be a number of bytes such as \"512M\", \"8G\" or \"64KB\"")]
    NotOne,
    /// No host has so many.
    #[error("must be at most 1024T")]
    TooMany,
}

const UNITS: [(&str, u64); 5] = [("T", 1 << 40), ("G", 1 << 30), ("M", 1 << 20), ("K", 1 << 10), ("", 1)];

impl Size {
    /// The most that a text may ask for: 1024T. A file names far fewer than 2^14 sizes, so that all of them together
    /// are still a number of 64 bits.
    pub const MOST: Self = Self(1 << 50);

    /// That many mebibytes.
    pub const fn mib(count: u64) -> Self {
        Self(count << 20)
    }

    /// Both together, and never more than there are numbers.
    pub const fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }

    /// As a JVM flag takes it, rounded down to whole mebibytes: `512m`.
    pub fn as_java_flag(self) -> String {
        format!("{}m", self.0 >> 20)
    }
}

impl FromStr for Size {
    type Err = SizeError;
    fn from_str(text: &str) -> Result<Self, SizeError> {
        let upper = text.to_ascii_uppercase();
        let number = upper.trim_end_matches(|c: char| c.is_ascii_alphabetic());
        let unit = upper[number.len()..].trim_end_matches('B').trim_end_matches('I');
        let factor = UNITS.iter().find(|(name, _)| *name == unit).ok_or(SizeError::NotOne)?.1;
        if number.is_empty() || !number.bytes().all(|b| b.is_ascii_digit()) {
            return Err(SizeError::NotOne);
        }
        let size = number.parse::<u64>().ok().and_then(|n| n.checked_mul(factor)).map(Size);
        size.filter(|size| *size <= Self::MOST).ok_or(SizeError::TooMany)
    }
}

impl fmt::Display for Size {
    /// The largest unit that keeps three figures true: `1.5 GiB`, `0 B`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match UNITS.iter().find(|(_, factor)| self.0 >= *factor && *factor > 1) {
            None => f.pad(&format!("{} B", self.0)),
            Some((name, factor)) => {
                let tenths = (self.0 as u128 * 10 / *factor as u128) as u64;
                let text = match (tenths / 10, tenths % 10) {
                    (whole, 0) => format!("{whole} {name}iB"),
                    (whole, tenth) => format!("{whole}.{tenth} {name}iB"),
                };
                f.pad(&text)
            }
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_java_and_people_write_them() {
        for (text, bytes) in
            [("512M", 512 << 20), ("8g", 8 << 30), ("1MB", 1 << 20), ("64KiB", 65536), ("100", 100), ("100B", 100)]
        {
            assert_eq!(text.parse::<Size>().unwrap().0, bytes, "{text}");
        }
        for bad in ["", "M", "1.5G", "-1", "1X", "99999999999T", "1 G", "1GG", "1025T", "18446744073709551615"] {
            assert!(bad.parse::<Size>().is_err(), "{bad:?} was taken");
        }
    }

    #[test]
    fn more_than_any_host_has_is_refused_with_the_limit() {
        assert_eq!("1024T".parse(), Ok(Size::MOST));
        for much in ["1025T", "1125899906842625", "18446744073709551615", "18446744073709551616", "99999999999T"] {
            let error = much.parse::<Size>().unwrap_err();
            assert_eq!((&error, error.to_string().as_str()), (&SizeError::TooMany, "must be at most 1024T"), "{much}");
        }
    }

    #[test]
    fn sizes_are_shown_in_the_largest_fitting_unit() {
        assert_eq!(Size(0).to_string(), "0 B");
        assert_eq!(Size(1536 << 20).to_string(), "1.5 GiB");
        assert_eq!(Size::mib(512).to_string(), "512 MiB");
    }
}
