//! How often the server logs a line that clients can cause, so that no client can flood the log.

use std::collections::HashMap;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::time::Instant;

/// How many lines of one kind may follow each other at once. Whoever reads them sees enough to find the cause.
const BURST: u64 = 10;

/// The kind of a line: its text, and which code or hook it is about. Both are parts of the program, so that there are only
/// a few kinds.
pub(crate) type LineKind = (&'static str, &'static str);

/// Limits the lines of each kind to ten at once, and then to one each second.
#[derive(Debug, Default)]
pub(crate) struct LogLimiter(Mutex<HashMap<LineKind, Bucket>>);

/// The lines of one kind.
#[derive(Debug)]
struct Bucket {
    /// How many more lines are permitted now.
    left: u64,
    /// The time from which the next line is due.
    since: Instant,
    /// How many lines were suppressed since the last one.
    suppressed: u64,
}

impl LogLimiter {
    /// Counts a line. If it is permitted, returns how many lines of its kind were suppressed since the last one; `None`
    /// inside stands for none.
    pub(crate) fn permit(&self, kind: LineKind, now: Instant) -> Option<Option<u64>> {
        let mut kinds = self.0.lock();
        let bucket = kinds.entry(kind).or_insert(Bucket {
            left: BURST,
            since: now,
            suppressed: 0,
        });
        bucket.permit(now)
    }
}

impl Bucket {
    fn permit(&mut self, now: Instant) -> Option<Option<u64>> {
        let seconds = now.duration_since(self.since).as_secs();
        self.left = self.left.saturating_add(seconds).min(BURST);
        // The rest of a second counts for the next line.
        self.since = now - (now.duration_since(self.since) - Duration::from_secs(seconds));
        if self.left == 0 {
            self.suppressed += 1;
            return None;
        }
        self.left -= 1;
        Some(Some(std::mem::take(&mut self.suppressed)).filter(|suppressed| *suppressed > 0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const KIND: LineKind = ("a hook failed", "before_join");

    #[tokio::test(start_paused = true)]
    async fn a_kind_of_line_is_logged_ten_times_at_once_and_then_once_a_second() {
        let limiter = LogLimiter::default();
        let permit = || limiter.permit(KIND, Instant::now());
        for _ in 0..BURST {
            assert_eq!(permit(), Some(None));
        }
        for _ in 0..1_000 {
            assert_eq!(permit(), None);
        }
        assert_eq!(
            limiter.permit(("a hook failed", "on_joined"), Instant::now()),
            Some(None),
            "another kind has its own limit"
        );
        tokio::time::advance(Duration::from_millis(999)).await;
        assert_eq!(permit(), None);
        tokio::time::advance(Duration::from_millis(1)).await;
        assert_eq!(permit(), Some(Some(1_001)), "the line says how many are missing");
        assert_eq!(permit(), None);
        tokio::time::advance(Duration::from_millis(1_500)).await;
        assert_eq!(permit(), Some(Some(1)));
        tokio::time::advance(Duration::from_millis(500)).await;
        assert_eq!(permit(), Some(None), "no time is lost between lines");
        tokio::time::advance(Duration::from_secs(3_600)).await;
        assert_eq!((0..100).filter(|_| permit().is_some()).count() as u64, BURST);
    }
}
