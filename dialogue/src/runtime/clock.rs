//! The wall clock, for timestamps that people read.

use std::time::{SystemTime, UNIX_EPOCH};

/// Milliseconds since the Unix epoch. For people's eyes and for `timestamp` only: it can jump.
pub(crate) fn wall_clock() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
