//! Times as people write them: `60s`, `5m`, `1h`.

use std::{str::FromStr, time::Duration};

/// A time as it stands in the cluster file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span(pub Duration);

/// Why a text is not a time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SpanError {
    /// It is none.
    #[error("must be a time such as \"60s\", \"5m\" or \"1h\"")]
    NotOne,
    /// It is over in none that anybody waits for.
    #[error("must be at most 8760h")]
    TooLong,
}

/// A year: the clocks of the host can be asked for what is so far off.
const LONGEST: u64 = 8760 * 3600;

impl FromStr for Span {
    type Err = SpanError;
    fn from_str(text: &str) -> Result<Self, SpanError> {
        let (number, unit) = text.split_at_checked(text.len().saturating_sub(1)).ok_or(SpanError::NotOne)?;
        let factor = match unit {
            "s" => 1,
            "m" => 60,
            "h" => 3600,
            _ => return Err(SpanError::NotOne),
        };
        if number.is_empty() || !number.bytes().all(|b| b.is_ascii_digit()) {
            return Err(SpanError::NotOne);
        }
        let seconds = number.parse::<u64>().ok().and_then(|n| n.checked_mul(factor));
        let seconds = seconds.filter(|seconds| *seconds <= LONGEST).ok_or(SpanError::TooLong)?;
        Ok(Self(Duration::from_secs(seconds)))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_time_is_a_whole_number_and_a_unit() {
        for (text, seconds) in [("60s", 60), ("5m", 300), ("1h", 3600), ("0s", 0)] {
            assert_eq!(text.parse::<Span>().unwrap().0.as_secs(), seconds, "{text}");
        }
        for bad in ["", "s", "60", "1.5m", "-1s", "1 m", "1d", "+1s", "5é", "99999999999999999999h"] {
            assert!(bad.parse::<Span>().is_err(), "{bad:?} was taken");
        }
        for long in ["8761h", "18446744073709551615s", "99999999999999999999h"] {
            assert_eq!(long.parse::<Span>(), Err(SpanError::TooLong), "{long}");
        }
        assert_eq!("8760h".parse::<Span>().unwrap().0.as_secs(), LONGEST);
    }
}
