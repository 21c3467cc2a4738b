//! The time of day, as reports, records and documents carry it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Milliseconds since 1970; 0 where the clock stands before that.
pub fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}

/// The same for people, in UTC.
pub fn in_words(at: u64) -> String {
    httpdate::fmt_http_date(UNIX_EPOCH + Duration::from_millis(at))
}
