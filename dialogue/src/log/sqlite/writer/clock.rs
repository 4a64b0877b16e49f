//! The two clocks of the store: one for the age of events, and one for the age of keys.

use std::time::{Duration, Instant};

use crate::log::sqlite::system::now;

/// How long a key counts for a trigger that does not say that it is a repetition of an earlier run.
pub(super) const KEY_LIFETIME: Duration = Duration::from_secs(120);

/// How long earlier runs are remembered.
const EARLIER_RUNS: Duration = Duration::from_secs(600);

/// The clock of the file, for the age of events. It follows the wall clock, but the wall clock may be wrong, and may jump:
/// so it never jumps, and its speed differs from that of real time by at most a tenth. While no server runs, it stands still.
/// No event is therefore deleted for its age before servers have run for nine tenths of that age.
#[derive(Debug)]
pub(super) struct EventClock {
    /// In microseconds since 1970, so that many short steps lose nothing.
    time: i64,
    /// When it was that time.
    since: Instant,
}

impl EventClock {
    /// Goes on from `last`, the time at the end of the last run, or from the wall clock if there was none. Both are in
    /// milliseconds since 1970.
    pub(super) fn new(last: Option<i64>, wall: i64) -> Self {
        Self {
            time: last.unwrap_or(wall).saturating_mul(1_000),
            since: Instant::now(),
        }
    }

    /// The time of an event that is stored now, in milliseconds since 1970, as is `wall`: the time of the machine.
    pub(super) fn now(&mut self, wall: i64) -> i64 {
        self.at(wall, Instant::now())
    }

    fn at(&mut self, wall: i64, now: Instant) -> i64 {
        let passed = now.saturating_duration_since(self.since).as_micros();
        let passed = i64::try_from(passed).unwrap_or(i64::MAX);
        let tenth = passed / 10;
        let least = self.time.saturating_add(passed - tenth);
        let most = self.time.saturating_add(passed.saturating_add(tenth));
        self.time = wall.saturating_mul(1_000).clamp(least, most);
        self.since = now;
        self.time / 1_000
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
    fn the_time_of_events_follows_the_wall_clock_and_never_jumps() {
        let mut clock = EventClock::new(None, 1_000_000);
        let start = clock.since;
        let mut at = |seconds: u32, wall: i64| clock.at(wall * 1_000, start + seconds * SECOND) / 1_000;
        assert_eq!(at(10, 1_010), 1_010);
        assert_eq!(at(20, 9_999_999), 1_021, "a jump forward: a tenth faster");
        assert_eq!(at(30, 1_029), 1_030, "back again: a tenth slower");
        assert_eq!(at(40, 1_040), 1_040);
        assert_eq!(at(50, 0), 1_049, "a jump back");
        assert_eq!(at(50, 9_999_999), 1_049);
    }

    #[test]
    fn the_time_of_events_goes_on_from_the_last_run() {
        let mut clock = EventClock::new(Some(1_000_000), 9_000_000);
        let start = clock.since;
        assert_eq!(clock.at(9_000_000, start), 1_000_000);
        assert_eq!(clock.at(9_000_000, start + SECOND), 1_001_100);
        let mut clock = EventClock::new(Some(9_000_000), 1_000_000);
        let start = clock.since;
        assert_eq!(clock.at(1_000_000, start + SECOND), 9_000_900);
    }

    #[test]
    fn many_short_steps_of_the_time_of_events_lose_nothing() {
        let mut clock = EventClock::new(Some(0), 0);
        let start = clock.since;
        let steps = (0..=100_000).map(|step| clock.at(i64::MAX / 2_000, start + step * Duration::from_micros(10)));
        assert_eq!(steps.last(), Some(1_100));
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
