//! The wall clock, for timestamps that people read.

use std::time::{SystemTime, UNIX_EPOCH};

/// Milliseconds since the Unix epoch. Use it only for `timestamp` and for times that people read, because the clock can
/// jump.
pub(crate) fn wall_clock() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
