//! How many events, and how many bytes, an answer may hold.

use super::event::StoredEvent;

/// The most that one answer may hold, or one queue.
#[derive(Debug, Clone, Copy)]
pub(crate) struct LogBounds {
    /// The most events.
    pub(crate) events: usize,
    /// The most bytes of their texts. Separators do not count.
    pub(crate) bytes: usize,
}

impl LogBounds {
    /// No bounds, for callers in this process.
    pub(crate) const NONE: Self = Self {
        events: usize::MAX,
        bytes: usize::MAX,
    };

    /// How many of these events fit, from the first one on.
    pub(crate) fn fitting(self, events: &[StoredEvent]) -> usize {
        let mut budget = Budget::new(self);
        events.iter().take_while(|stored| budget.spend(stored)).count()
    }
}

/// The part of an answer's [`LogBounds`] that is left.
pub(super) struct Budget(LogBounds);

impl Budget {
    pub(super) fn new(bounds: LogBounds) -> Self {
        Self(bounds)
    }

    /// Spends what one more event needs. Returns `false` if too little is left. After that no event fits, however
    /// small it is: an answer has no holes.
    pub(super) fn spend(&mut self, stored: &StoredEvent) -> bool {
        self.spend_bytes(stored.body.len())
    }

    /// The same for an event whose text has `bytes` bytes.
    pub(super) fn spend_bytes(&mut self, bytes: usize) -> bool {
        let left = (self.0.events.checked_sub(1), self.0.bytes.checked_sub(bytes));
        match left {
            (Some(events), Some(bytes)) => {
                self.0 = LogBounds { events, bytes };
                true
            }
            _ => {
                self.0.events = 0;
                false
            }
        }
    }
}
