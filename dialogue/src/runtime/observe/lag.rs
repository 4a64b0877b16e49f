//! The backlog of the server's own handlers and streams.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// Counts the events that wait for handlers and streams, and the events that they lost.
#[derive(Debug, Default)]
pub(crate) struct HandlerLag {
    waiting: AtomicUsize,
    dropped: AtomicU64,
}

/// One event that waits for one handler or stream. It counts until this is dropped.
#[derive(Debug)]
pub(crate) struct Lagging(Arc<HandlerLag>);

impl HandlerLag {
    /// Counts an event that a handler or stream has not taken yet.
    pub(crate) fn add(self: &Arc<Self>) -> Lagging {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        Lagging(Arc::clone(self))
    }

    /// Counts an event that a handler or stream lost because it was too slow.
    pub(crate) fn note_dropped(&self) {
        self.dropped.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn waiting(&self) -> usize {
        self.waiting.load(Ordering::Relaxed)
    }

    pub(crate) fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }
}

impl Drop for Lagging {
    fn drop(&mut self) {
        self.0.waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_counts_until_it_is_taken_and_a_lost_event_stays_counted() {
        let lag = Arc::new(HandlerLag::default());
        let (first, second) = (lag.add(), lag.add());
        assert_eq!((lag.waiting(), lag.dropped()), (2, 0));
        drop(first);
        lag.note_dropped();
        drop(second);
        assert_eq!((lag.waiting(), lag.dropped()), (0, 1));
    }
}
