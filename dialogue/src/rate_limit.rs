//! Rate limits by a sliding log. They are exact in every window, not only in windows that start at fixed times.
//!
//! Keep a [`RateLimiter`] in [`state`](crate::Builder::state), and ask it in [`authorize`](crate::Builder::authorize).

// Owns the arithmetic (`SlidingWindow`: pure, with `now` as an argument) and the limiter by key that applications use.
// The module of limits decides which limits apply, and the connection enforces them.

use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

use indexmap::IndexMap;
use parking_lot::Mutex;
use tokio::time::Instant;

/// Allows each key at most `max_events` events in any window of a given length.
///
/// A counter that is reset at intervals allows two bursts around a reset. This limiter never does. It refuses an event
/// only if the last window already contains as many events as the limit. Refused events do not count.
///
/// A window includes its start and excludes its end. With one event per second, an event is allowed exactly one second
/// after another. A `max_events` of 0 refuses everything. A window of zero length contains no events, so a limiter
/// with such a window refuses nothing unless `max_events` is 0.
///
/// The limiter keeps 8 bytes for each allowed event within the window. There is no timer: later calls remove keys
/// whose window is empty. Whoever chooses the keys can fill memory with as many keys as fit into one window. So use
/// keys whose number is bounded, such as signed-in users.
///
/// The limiter uses tokio's clock, which is monotonic and can be paused in tests.
///
/// ```
/// use std::time::Duration;
/// use dialogue::rate_limit::RateLimiter;
///
/// let limiter = RateLimiter::new(2, Duration::from_secs(1));
/// assert!(limiter.is_allowed("ada"));
/// assert_eq!(limiter.remaining("ada"), 1);
/// assert!(limiter.is_allowed("ada"));
/// assert!(!limiter.is_allowed("ada"));
/// assert!(limiter.is_allowed("grace"));
/// ```
pub struct RateLimiter {
    origin: Instant,
    keys: Mutex<KeyedWindows>,
}

impl RateLimiter {
    /// Makes a limiter that allows each key `max_events` events in any `window`.
    #[must_use]
    pub fn new(max_events: usize, window: Duration) -> Self {
        Self {
            origin: Instant::now(),
            keys: Mutex::new(KeyedWindows::new(Rate { max_events, window })),
        }
    }

    /// Whether an event of `key` is allowed now. An allowed event is counted.
    pub fn is_allowed(&self, key: &str) -> bool {
        // The clock is read while the lock is held, so that events are counted in the order of their times.
        let mut keys = self.keys.lock();
        keys.allow(key, self.origin.elapsed()).is_ok()
    }

    /// How many more events of `key` would be allowed now.
    #[must_use]
    pub fn remaining(&self, key: &str) -> usize {
        let keys = self.keys.lock();
        keys.remaining(key, self.origin.elapsed())
    }

    /// How long to wait until an event of `key` is allowed, if no other event of that key comes first. Zero if it is
    /// allowed now, and [`Duration::MAX`] if it never will be (`max_events` is 0).
    #[must_use]
    pub fn retry_after(&self, key: &str) -> Duration {
        let keys = self.keys.lock();
        keys.retry_after(key, self.origin.elapsed())
    }

    /// Forgets all events of all keys.
    pub fn clear(&self) {
        self.keys.lock().windows = IndexMap::new();
    }
}

impl fmt::Debug for RateLimiter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rate = self.keys.lock().rate;
        f.debug_struct("RateLimiter")
            .field("max_events", &rate.max_events)
            .field("window", &rate.window)
            .finish_non_exhaustive()
    }
}

/// At most `max_events` in any half-open interval of length `window`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rate {
    pub(crate) max_events: usize,
    pub(crate) window: Duration,
}

/// One window for each key. Has no clock.
struct KeyedWindows {
    rate: Rate,
    windows: IndexMap<Box<str>, SlidingWindow>,
    /// The position of the search for idle keys.
    cursor: usize,
}

/// How many keys each call examines. A call adds at most one key. By examining two, the search catches up with new
/// keys, and at most about as many idle keys remain as there are active ones.
const SWEPT_PER_CALL: usize = 2;

impl KeyedWindows {
    fn new(rate: Rate) -> Self {
        Self {
            rate,
            windows: IndexMap::new(),
            cursor: 0,
        }
    }

    fn allow(&mut self, key: &str, now: Duration) -> Result<(), Duration> {
        self.sweep(now);
        if let Some(window) = self.windows.get_mut(key) {
            return window.allow(now);
        }
        let mut window = SlidingWindow::new(self.rate);
        window.allow(now)?;
        self.windows.insert(key.into(), window);
        Ok(())
    }

    fn remaining(&self, key: &str, now: Duration) -> usize {
        self.windows
            .get(key)
            .map_or(self.rate.max_events, |window| window.remaining(now))
    }

    fn retry_after(&self, key: &str, now: Duration) -> Duration {
        match self.windows.get(key) {
            Some(window) => window.retry_after(now),
            None => SlidingWindow::new(self.rate).retry_after(now),
        }
    }

    fn sweep(&mut self, now: Duration) {
        for _ in 0..SWEPT_PER_CALL {
            if self.cursor >= self.windows.len() {
                self.cursor = 0;
            }
            let Some((_, window)) = self.windows.get_index_mut(self.cursor) else {
                break;
            };
            if window.expire(now) {
                self.windows.swap_remove_index(self.cursor);
            } else {
                self.cursor += 1;
            }
        }
        // Shrinking to half when only a quarter is used has the same amortised cost as growing by doubling.
        if self.windows.capacity() > 64 && self.windows.len() < self.windows.capacity() / 4 {
            self.windows.shrink_to(self.windows.capacity() / 2);
        }
    }
}

/// How many events a log has space for if it has held one only. An owner with rare events keeps this memory.
const SMALL_LOG: usize = 4;

/// A sliding log of the events that were allowed within the last window. Holds no heap memory while it is empty.
///
/// `now` is the time since an origin that the caller chooses. A `now` before the last allowed event counts as the time
/// of that event.
#[derive(Debug)]
pub(crate) struct SlidingWindow {
    rate: Rate,
    /// When each event was allowed, oldest first, in nanoseconds. A `u64` has space for 584 years.
    allowed: VecDeque<u64>,
}

impl SlidingWindow {
    pub(crate) fn new(rate: Rate) -> Self {
        Self {
            rate,
            allowed: VecDeque::new(),
        }
    }

    /// Counts an event, or returns how long to wait until one is allowed.
    pub(crate) fn allow(&mut self, now: Duration) -> Result<(), Duration> {
        self.drop_expired(now);
        if self.allowed.is_empty() && self.allowed.capacity() > SMALL_LOG {
            self.allowed = VecDeque::new();
        }
        if self.allowed.len() >= self.rate.max_events {
            return Err(self.retry_after(now));
        }
        let last = self.allowed.back().copied().unwrap_or(0);
        self.allowed.push_back(nanos(now).max(last));
        Ok(())
    }

    /// How many events would be allowed at `now`.
    pub(crate) fn remaining(&self, now: Duration) -> usize {
        self.rate.max_events - (self.allowed.len() - self.expired(now))
    }

    /// How long after `now` an event would be allowed. Zero if at once, and [`Duration::MAX`] if never.
    pub(crate) fn retry_after(&self, now: Duration) -> Duration {
        if self.rate.max_events == 0 {
            return Duration::MAX;
        }
        // The log is full, so the next event is allowed when the oldest one leaves the window.
        match self.allowed.len().checked_sub(self.rate.max_events) {
            Some(oldest) => {
                let leaves = self.allowed[oldest].saturating_add(nanos(self.rate.window));
                Duration::from_nanos(leaves.saturating_sub(nanos(now)))
            }
            None => Duration::ZERO,
        }
    }

    /// Drops the events that have left the window, and returns whether the log is now empty. An idle owner calls it to
    /// free the memory.
    pub(crate) fn expire(&mut self, now: Duration) -> bool {
        self.drop_expired(now);
        if self.allowed.is_empty() {
            self.allowed = VecDeque::new();
        }
        self.allowed.is_empty()
    }

    fn drop_expired(&mut self, now: Duration) {
        let (now, window) = (nanos(now), nanos(self.rate.window));
        // Usually none or one event has expired. A binary search would take longer for that.
        while let Some(oldest) = self.allowed.front()
            && now.saturating_sub(*oldest) >= window
        {
            self.allowed.pop_front();
        }
    }

    fn expired(&self, now: Duration) -> usize {
        let (now, window) = (nanos(now), nanos(self.rate.window));
        self.allowed
            .partition_point(|allowed| now.saturating_sub(*allowed) >= window)
    }
}

fn nanos(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn ms(millis: u64) -> Duration {
        Duration::from_millis(millis)
    }

    fn window_of(max_events: usize, window: Duration) -> SlidingWindow {
        SlidingWindow::new(Rate { max_events, window })
    }

    proptest! {
        #[test]
        fn refuses_exactly_the_events_that_would_exceed_a_window(
            max_events in 0_usize..6,
            window in 0_u64..20,
            steps in prop::collection::vec(0_u64..8, 1..120),
        ) {
            let mut sliding = window_of(max_events, ms(window));
            let mut allowed: Vec<u64> = Vec::new();
            let mut now = 0;
            for step in steps {
                now += step;
                // The events that would share a window with an event at `now`.
                let recent: Vec<u64> = allowed.iter().copied().filter(|then| now - then < window).collect();
                prop_assert_eq!(sliding.remaining(ms(now)), max_events - recent.len());
                let before = sliding.retry_after(ms(now));
                match sliding.allow(ms(now)) {
                    Ok(()) => {
                        prop_assert!(recent.len() < max_events);
                        prop_assert_eq!(before, Duration::ZERO);
                        allowed.push(now);
                    }
                    Err(retry_after) => {
                        prop_assert_eq!(recent.len(), max_events);
                        prop_assert_eq!(before, retry_after);
                        let expected = recent.first().map_or(Duration::MAX, |oldest| ms(oldest + window - now));
                        prop_assert_eq!(retry_after, expected);
                    }
                }
            }
        }

        #[test]
        fn each_key_is_limited_separately_and_forgotten_when_idle(
            steps in prop::collection::vec((0_usize..6, 0_u64..8), 1..200),
        ) {
            let rate = Rate { max_events: 2, window: ms(10) };
            let mut keyed = KeyedWindows::new(rate);
            let mut alone: Vec<SlidingWindow> = (0..6).map(|_| SlidingWindow::new(rate)).collect();
            let mut now = 0;
            for (key, step) in steps {
                now += step;
                let name = key.to_string();
                prop_assert_eq!(keyed.remaining(&name, ms(now)), alone[key].remaining(ms(now)));
                prop_assert_eq!(keyed.retry_after(&name, ms(now)), alone[key].retry_after(ms(now)));
                prop_assert_eq!(keyed.allow(&name, ms(now)), alone[key].allow(ms(now)));
            }
        }
    }

    #[test]
    fn an_event_is_allowed_a_whole_window_after_another() {
        let mut sliding = window_of(1, SECOND);
        assert_eq!(sliding.allow(ms(500)), Ok(()));
        assert_eq!(sliding.allow(ms(1_499)), Err(ms(1)));
        assert_eq!(sliding.allow(ms(1_500)), Ok(()));
    }

    #[test]
    fn a_limit_of_zero_refuses_everything_and_keeps_no_key() {
        let mut keyed = KeyedWindows::new(Rate {
            max_events: 0,
            window: SECOND,
        });
        assert_eq!(keyed.allow("ada", ms(0)), Err(Duration::MAX));
        assert_eq!(keyed.remaining("ada", ms(0)), 0);
        assert!(keyed.windows.is_empty());
    }

    #[test]
    fn a_window_of_zero_length_refuses_nothing() {
        let mut sliding = window_of(1, Duration::ZERO);
        assert!((0..10).all(|_| sliding.allow(ms(7)).is_ok()));
        assert!(sliding.allowed.len() <= 1);
    }

    #[test]
    fn a_clock_that_steps_back_allows_no_more() {
        let mut sliding = window_of(2, SECOND);
        assert_eq!(sliding.allow(ms(5_000)), Ok(()));
        assert_eq!(sliding.allow(ms(0)), Ok(()));
        assert_eq!(sliding.allow(ms(5_999)), Err(ms(1)));
    }

    #[test]
    fn an_empty_window_holds_no_memory() {
        let mut sliding = window_of(200, SECOND);
        for _ in 0..200 {
            assert_eq!(sliding.allow(ms(0)), Ok(()));
        }
        assert!(!sliding.expire(ms(999)));
        assert!(sliding.expire(SECOND));
        assert_eq!(sliding.allowed.capacity(), 0);
    }

    #[test]
    fn rare_events_keep_little_memory_after_a_burst() {
        let mut sliding = window_of(200, SECOND);
        for _ in 0..200 {
            assert_eq!(sliding.allow(ms(0)), Ok(()));
        }
        for second in 1..3 {
            assert_eq!(sliding.allow(second * SECOND), Ok(()));
            assert_eq!(sliding.allowed.capacity(), SMALL_LOG);
        }
    }

    #[test]
    fn idle_keys_do_not_accumulate() {
        const ACTIVE: u64 = 500;
        let mut keyed = KeyedWindows::new(Rate {
            max_events: 1,
            window: ms(ACTIVE),
        });
        for now in 0..10 * ACTIVE {
            assert_eq!(keyed.allow(&now.to_string(), ms(now)), Ok(()));
            assert!(
                keyed.windows.len() as u64 <= 2 * ACTIVE + 2,
                "{} keys",
                keyed.windows.len()
            );
        }
        for _ in 0..3 * ACTIVE {
            let _ = keyed.allow("ada", ms(20 * ACTIVE));
        }
        assert_eq!(keyed.windows.len(), 1);
        assert!(keyed.windows.capacity() <= 64, "{}", keyed.windows.capacity());
    }

    #[tokio::test(start_paused = true)]
    async fn the_limiter_follows_the_clock_of_the_runtime() {
        let limiter = RateLimiter::new(2, SECOND);
        assert!(limiter.is_allowed("ada"));
        tokio::time::advance(ms(400)).await;
        assert!(limiter.is_allowed("ada"));
        assert!(!limiter.is_allowed("ada"));
        assert_eq!(limiter.remaining("ada"), 0);
        assert_eq!(limiter.retry_after("ada"), ms(600));
        assert_eq!(limiter.retry_after("grace"), Duration::ZERO);
        assert_eq!(limiter.remaining("grace"), 2);
        tokio::time::advance(ms(600)).await;
        assert!(limiter.is_allowed("ada"));
        assert!(!limiter.is_allowed("ada"));
        limiter.clear();
        assert!(limiter.is_allowed("ada"));
    }
}
