//! When a client acts at once instead of waiting: because the program says so, or because the machine was asleep.
//!
//! Timers stop while a machine sleeps, and the connection may have died meanwhile. The wall clock runs on, so it shows
//! afterwards how long the sleep was.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::Notify;
use tokio::time::{Instant, sleep, sleep_until};

/// How often the clocks are compared: a user who opens a laptop does not wait for longer.
const COMPARED_EVERY: Duration = Duration::from_secs(1);

/// How far the wall clock must be ahead. A clock that is set by the network changes by less, almost always.
const ASLEEP: Duration = Duration::from_secs(3);

/// The least time between two times that the client wakes. Several signs usually come at once.
const SHORTEST_PAUSE: Duration = Duration::from_secs(1);

/// Resolves each time that the client is to act at once.
#[derive(Debug)]
pub(super) struct Wake {
    asked: Arc<Notify>,
    clocks: Clocks,
    last: Option<Instant>,
}

impl Wake {
    /// Wakes when `asked` is notified, or when the machine was asleep.
    pub(super) fn new(asked: Arc<Notify>) -> Self {
        Self {
            asked,
            clocks: Clocks::new(Instant::now(), SystemTime::now()),
            last: None,
        }
    }

    /// Waits for the next time. Safe to drop: a sign that was not acted on is kept.
    pub(super) async fn next(&mut self) {
        loop {
            if let Some(last) = self.last {
                sleep_until(last + SHORTEST_PAUSE).await;
            }
            let asked = tokio::select! {
                () = self.asked.notified() => true,
                () = sleep(COMPARED_EVERY) => false,
            };
            if self.clocks.slept(Instant::now(), SystemTime::now()) || asked {
                self.last = Some(Instant::now());
                return;
            }
        }
    }
}

/// The monotonic clock and the wall clock when they were last compared. Pure.
#[derive(Debug)]
struct Clocks {
    monotonic: Instant,
    wall: SystemTime,
}

impl Clocks {
    fn new(monotonic: Instant, wall: SystemTime) -> Self {
        Self { monotonic, wall }
    }

    /// Whether the machine was asleep since the last call. A wall clock that is set back says nothing.
    fn slept(&mut self, monotonic: Instant, wall: SystemTime) -> bool {
        let ran = monotonic.saturating_duration_since(self.monotonic);
        let passed = wall.duration_since(self.wall).unwrap_or_default();
        *self = Self { monotonic, wall };
        passed.saturating_sub(ran) >= ASLEEP
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn only_a_wall_clock_that_runs_ahead_shows_that_the_machine_was_asleep() {
        let (began, wall) = (Instant::now(), SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000));
        let secs = Duration::from_secs;
        for (ran, passed, slept) in [
            (1, 1, false),
            (1, 3, false),
            (1, 4, true),
            (1, 7_200, true),
            (60, 60, false),
            (60, 1, false),
        ] {
            let mut clocks = Clocks::new(began, wall);
            assert_eq!(
                clocks.slept(began + secs(ran), wall + secs(passed)),
                slept,
                "{ran} {passed}"
            );
            assert!(
                !clocks.slept(began + secs(ran), wall + secs(passed)),
                "each sleep counts once"
            );
        }
        let mut set_back = Clocks::new(began, wall);
        assert!(!set_back.slept(began + secs(1), wall - secs(3_600)));
        assert!(!set_back.slept(began + secs(2), wall - secs(3_599)));
        assert!(set_back.slept(began + secs(3), wall));
    }

    #[tokio::test(start_paused = true)]
    async fn wakes_at_most_once_a_second_and_keeps_a_sign_that_was_not_acted_on() {
        let asked = Arc::new(Notify::new());
        let mut wake = Wake::new(Arc::clone(&asked));
        let began = Instant::now();
        asked.notify_one();
        asked.notify_one();
        wake.next().await;
        assert_eq!(began.elapsed(), Duration::ZERO);
        asked.notify_one();
        drop(wake.next());
        wake.next().await;
        assert_eq!(began.elapsed(), SHORTEST_PAUSE);
        let idle = tokio::time::timeout(Duration::from_secs(3_600), wake.next()).await;
        assert!(idle.is_err(), "nobody asked");
    }
}
