//! What all instances of a host may take together. In: text of the cluster file. Out: typed values; who enforces them is
//! not known here.

use crate::size::Size;
use std::{fmt, str::FromStr};

/// Limits of one host; `None`: none.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Limits {
    /// Heaps, direct memory, page cache and everything else.
    pub memory: Option<Size>,
    /// CPU time.
    pub cpu: Option<CpuQuota>,
}

/// CPU time per time, in percent of one CPU, as systemd writes it: `300%` is three CPUs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CpuQuota(u32);

/// The text is not a share of CPU time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("must be a share of one CPU such as \"50%\", or \"300%\" for three CPUs")]
pub struct CpuQuotaError;

impl FromStr for CpuQuota {
    type Err = CpuQuotaError;
    fn from_str(text: &str) -> Result<Self, CpuQuotaError> {
        let digits = text.strip_suffix('%').filter(|digits| digits.bytes().all(|b| b.is_ascii_digit()));
        let percent = digits.and_then(|digits| digits.parse().ok());
        percent.filter(|percent| (1..=100_000).contains(percent)).map(Self).ok_or(CpuQuotaError)
    }
}

impl fmt::Display for CpuQuota {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}%", self.0)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_quota_is_written_as_systemd_writes_it() {
        for text in ["1%", "50%", "300%", "100000%"] {
            assert_eq!(text.parse::<CpuQuota>().unwrap().to_string(), text);
        }
        for bad in ["", "%", "3", "0%", "-1%", "1.5%", "+3%", "100001%", "300 %"] {
            assert!(bad.parse::<CpuQuota>().is_err(), "{bad:?} was taken");
        }
    }
}
