//! Times as people write them: `60s`, `5m`, `1h`.

use std::{str::FromStr, time::Duration};

/// A time as it stands in the cluster file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span(pub Duration);

/// The text is not a time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be a time such as \"60s\", \"5m\" or \"1h\"")]
pub struct SpanError;

impl FromStr for Span {
    type Err = SpanError;
    fn from_str(text: &str) -> Result<Self, SpanError> {
        let (number, unit) = text.split_at_checked(text.len().saturating_sub(1)).ok_or(SpanError)?;
        let factor = match unit {
            "s" => 1,
            "m" => 60,
            "h" => 3600,
            _ => return Err(SpanError),
        };
        if !number.bytes().all(|b| b.is_ascii_digit()) {
            return Err(SpanError);
        }
        let seconds = number.parse::<u64>().ok().and_then(|n| n.checked_mul(factor)).ok_or(SpanError)?;
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
    }
}
