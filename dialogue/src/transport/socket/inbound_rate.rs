//! Whether a client keeps to its rate, whenever its frames get to be read. Pure: times are since an origin of the caller's.
//!
//! While a command runs nothing is read, and of what waits when it is done, here or on the way, nobody knows when it was sent.
//! So each frame is counted as early as it can have been sent: a client is refused only what it cannot have sent within its rate.

use std::time::Duration;

use crate::rate_limit::{Rate, SlidingWindow};

/// A client's frames against its rate.
#[derive(Debug)]
pub(super) struct InboundRate {
    rate: SlidingWindow,
    /// The time at which the last frame was counted.
    counted_at: Duration,
    /// When a frame was last looked for.
    checked_at: Duration,
    /// Whether there was none then.
    was_empty: bool,
    /// How long ago what comes now may have been sent: for as long as nothing was read, since commands ran, less the time in
    /// which nothing has come since then.
    held_up: Duration,
}

impl InboundRate {
    pub(super) fn new(rate: Rate) -> Self {
        Self {
            rate: SlidingWindow::new(rate),
            counted_at: Duration::ZERO,
            checked_at: Duration::ZERO,
            was_empty: false,
            held_up: Duration::ZERO,
        }
    }

    /// A frame is looked for.
    pub(super) fn begin_check(&mut self, now: Duration) {
        let since = now.saturating_sub(std::mem::replace(&mut self.checked_at, now));
        self.held_up = if self.was_empty {
            self.held_up.saturating_sub(since)
        } else {
            self.held_up.saturating_add(since)
        };
    }

    /// Whether there was none, so that the time from then on is the client's.
    pub(super) fn end_check(&mut self, was_empty: bool) {
        self.was_empty = was_empty;
    }

    /// Counts the frame that was found, or tells how long it is until one would be allowed.
    pub(super) fn count(&mut self) -> Result<(), Duration> {
        self.counted_at = self.counted_at.max(self.checked_at.saturating_sub(self.held_up));
        let Err(too_early) = self.rate.allow(self.counted_at) else {
            return Ok(());
        };
        let allowed_at = self.counted_at.saturating_add(too_early);
        if allowed_at > self.checked_at {
            return Err(allowed_at - self.checked_at);
        }
        self.counted_at = allowed_at;
        self.rate.allow(allowed_at)
    }
}
