//! The longest duration that Dialogue uses.

use std::time::Duration;

/// Ten years: forever for a program, and still short enough to add to any point in time.
pub(crate) const LONGEST: Duration = Duration::from_secs(10 * 365 * 24 * 60 * 60);
