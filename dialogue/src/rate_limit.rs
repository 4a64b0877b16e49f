//! Rate limits by a sliding log: exact in any window, not only in those that begin on the hour.
//!
//! Owns the arithmetic ([`SlidingWindow`], pure, `now` an argument) and the limiter by key that applications use.
//! Which limits hold where is decided in the limits module and enforced by the connection.

use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

use indexmap::IndexMap;
use parking_lot::Mutex;
use tokio::time::Instant;

/// Allows each key at most so many events in any window of a given length.
///
/// Unlike a counter that is reset at intervals, it never lets two bursts through around a reset; and it refuses
/// nothing while fewer events than the limit lie within the last window. What it refuses does not count.
///
/// A window includes its beginning and excludes its end: at one event per second, an event exactly one second after
/// another is allowed. A `max_events` of 0 refuses everything; a window of zero length holds no events, so that
/// nothing else is refused.
///
/// It keeps 8 bytes for each allowed event within the window, and a key is forgotten once its window is empty, as
/// later calls come by; there is no timer. Whoever chooses the keys can make it keep as many as fit into one window,
/// so use keys that are bounded otherwise, such as signed-in users.
///
/// Time is tokio's, which is monotonic, and can be paused in tests.
///
/// ```
/// use std::time::Duration;
/// use dialogue::RateLimiter;
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
    /// A limiter that allows `max_events` of each key in any `window`.
    #[must_use]
    pub fn new(max_events: usize, window: Duration) -> Self {
        Self {
            origin: Instant::now(),
            keys: Mutex::new(KeyedWindows::new(Rate { max_events, window })),
        }
    }

    /// Whether an event of `key` may happen now. If so, it is counted.
    pub fn is_allowed(&self, key: &str) -> bool {
        // The clock is read under the lock, so that events are counted in the order of their times.
        let mut keys = self.keys.lock();
        keys.allow(key, self.origin.elapsed()).is_ok()
    }

    /// How many events of `key` would be allowed now, one after the other.
    #[must_use]
    pub fn remaining(&self, key: &str) -> usize {
        let keys = self.keys.lock();
        keys.remaining(key, self.origin.elapsed())
    }

    /// How long it is until an event of `key` would be allowed, if no other comes first: zero when it would be now,
    /// [`Duration::MAX`] when it never will be, which is so when `max_events` is 0.
    #[must_use]
    pub fn retry_after(&self, key: &str) -> Duration {
        let keys = self.keys.lock();
        keys.retry_after(key, self.origin.elapsed())
    }

    /// Forgets every event of every key.
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

/// At most `max_events` in any half-open stretch of time as long as `window`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Rate {
    pub(crate) max_events: usize,
    pub(crate) window: Duration,
}

/// A window per key, without a clock.
struct KeyedWindows {
    rate: Rate,
    windows: IndexMap<Box<str>, SlidingWindow>,
    /// Where the walk in search of keys that have gone quiet is.
    cursor: usize,
}

/// How many keys each call looks at. A call adds at most one, so that with two the walk gains on the newcomers, and
/// about as many quiet keys are left as there are busy ones.
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
        // Halving what is a quarter full pays for itself, as growing by doubling does.
        if self.windows.capacity() > 64 && self.windows.len() < self.windows.capacity() / 4 {
            self.windows.shrink_to(self.windows.capacity() / 2);
        }
    }
}

/// A sliding log of the events allowed within the last window. Holds no heap memory when that is empty.
///
/// `now` is the time since an origin of the caller's; one that is before the last is taken as the last.
#[derive(Debug)]
pub(crate) struct SlidingWindow {
    rate: Rate,
    /// When each event was allowed, in nanoseconds (584 years of them), oldest first.
    allowed: VecDeque<u64>,
}

impl SlidingWindow {
    pub(crate) fn new(rate: Rate) -> Self {
        Self {
            rate,
            allowed: VecDeque::new(),
        }
    }

    /// Counts an event, or tells how long it is until one would be allowed.
    pub(crate) fn allow(&mut self, now: Duration) -> Result<(), Duration> {
        self.expire(now);
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

    /// How long after `now` an event would be allowed: zero if at once, [`Duration::MAX`] if never.
    pub(crate) fn retry_after(&self, now: Duration) -> Duration {
        if self.rate.max_events == 0 {
            return Duration::MAX;
        }
        // With the log full, one must leave for another to be allowed, and the oldest leaves first.
        match self.allowed.len().checked_sub(self.rate.max_events) {
            Some(oldest) => {
                let leaves = self.allowed[oldest].saturating_add(nanos(self.rate.window));
                Duration::from_nanos(leaves.saturating_sub(nanos(now)))
            }
            None => Duration::ZERO,
        }
    }

    /// Drops what has left the window and tells whether it is empty now. An idle owner calls it to free the memory.
    pub(crate) fn expire(&mut self, now: Duration) -> bool {
        let (now, window) = (nanos(now), nanos(self.rate.window));
        // Mostly none or one, for which a search for the first that has not expired would take longer.
        while let Some(oldest) = self.allowed.front()
            && now.saturating_sub(*oldest) >= window
        {
            self.allowed.pop_front();
        }
        if self.allowed.is_empty() {
            self.allowed = VecDeque::new();
        }
        self.allowed.is_empty()
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
        fn refuses_exactly_what_would_be_too_much_for_some_window(
            max_events in 0_usize..6,
            window in 0_u64..20,
            steps in prop::collection::vec(0_u64..8, 1..120),
        ) {
            let mut sliding = window_of(max_events, ms(window));
            let mut allowed: Vec<u64> = Vec::new();
            let mut now = 0;
            for step in steps {
                now += step;
                // Those with which an event at `now` would share a window.
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
        fn keys_are_limited_each_by_itself_and_forgotten_when_quiet(
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
    fn an_event_a_whole_window_after_another_is_allowed() {
        let mut sliding = window_of(1, SECOND);
        assert_eq!(sliding.allow(ms(500)), Ok(()));
        assert_eq!(sliding.allow(ms(1_499)), Err(ms(1)));
        assert_eq!(sliding.allow(ms(1_500)), Ok(()));
    }

    #[test]
    fn a_limit_of_zero_refuses_for_ever_and_keeps_no_key() {
        let mut keyed = KeyedWindows::new(Rate {
            max_events: 0,
            window: SECOND,
        });
        assert_eq!(keyed.allow("ada", ms(0)), Err(Duration::MAX));
        assert_eq!(keyed.remaining("ada", ms(0)), 0);
        assert!(keyed.windows.is_empty());
    }

    #[test]
    fn a_window_of_no_length_refuses_nothing() {
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
    fn keys_that_have_gone_quiet_do_not_pile_up() {
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
