//! The two clocks of the store: one for the age of events, and one for the age of keys.

use std::time::{Duration, Instant};

use crate::log::sqlite::system::now;

/// How long a key counts for a trigger that does not say that it is a repetition of an earlier run.
pub(super) const KEY_LIFETIME: Duration = Duration::from_secs(120);

/// How long earlier runs are remembered.
const EARLIER_RUNS: Duration = Duration::from_secs(600);

/// The time of events follows the wall clock, but never goes back.
#[derive(Debug)]
pub(super) struct EventClock {
    /// The time of the newest event.
    last: i64,
}

impl EventClock {
    pub(super) fn new(last: i64) -> Self {
        Self { last }
    }

    /// The time of an event that is stored now, in milliseconds since 1970, as is `wall`: the time of the machine.
    pub(super) fn now(&mut self, wall: i64) -> i64 {
        self.last = self.last.max(wall);
        self.last
    }
}

/// The time of keys advances only while a server runs, so that neither a stop nor a jump of the wall clock ends a key.
/// Each run continues where the last key of earlier runs was.
#[derive(Debug, Clone, Copy)]
pub(super) struct KeyClock {
    /// The time at the start.
    base: i64,
    start: Instant,
}

impl KeyClock {
    pub(super) fn new(last: Option<i64>) -> Self {
        Self {
            base: last.map_or_else(now, |last| last + 1),
            start: Instant::now(),
        }
    }

    /// The time now. `ahead` moves the clock on, for tests.
    pub(super) fn now(&self, ahead: Duration) -> i64 {
        self.base + milliseconds(self.start.elapsed() + ahead)
    }

    /// Keys of earlier runs are from before this time.
    pub(super) fn start_of_run(&self) -> i64 {
        self.base
    }

    /// Keys from after this time count. Those that counted at the end of the run before count for [`KEY_LIFETIME`] after
    /// the start.
    pub(super) fn counts_after(&self, ahead: Duration) -> i64 {
        let runs = self.start.elapsed() + ahead;
        let beyond = runs.saturating_sub(KEY_LIFETIME);
        self.base - milliseconds(KEY_LIFETIME)
            + match beyond {
                Duration::ZERO => 0,
                _ => milliseconds(runs),
            }
    }

    /// Whether earlier runs are forgotten now.
    pub(super) fn forgets_earlier_runs(&self, ahead: Duration) -> bool {
        self.start.elapsed() + ahead >= EARLIER_RUNS
    }
}

fn milliseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_millis()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn the_time_of_events_never_goes_back() {
        let mut clock = EventClock::new(1_000);
        assert_eq!(clock.now(500), 1_000);
        assert_eq!(clock.now(1_500), 1_500);
        assert_eq!(clock.now(1_400), 1_500);
    }

    #[test]
    fn keys_that_counted_when_a_run_ended_count_for_two_minutes_of_the_next_one() {
        let last = 1_000_000_000;
        let clock = KeyClock::new(Some(last));
        assert!(clock.now(Duration::ZERO) > last);
        assert!(clock.counts_after(110 * SECOND) < last - 119_000);
        assert!(clock.counts_after(110 * SECOND) >= last - 120_000);
        assert!(clock.counts_after(120 * SECOND + SECOND) > last);
    }

    #[test]
    fn a_key_of_this_run_counts_for_two_minutes() {
        let clock = KeyClock::new(None);
        let stored = clock.now(SECOND);
        assert!(clock.counts_after(119 * SECOND) < stored);
        assert!(clock.counts_after(122 * SECOND) > stored);
    }
}
