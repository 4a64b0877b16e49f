//! Whether a client keeps to its rate, whenever its frames get to be read. Pure: times are since an origin of the caller's.
//!
//! While a command runs nothing is read, and of what waits when it is done, here or on the way, nobody knows when it was sent.
//! So each frame is counted as early as it can have been sent: a client is refused only what it cannot have sent within its rate.

use std::time::Duration;

use crate::rate_limit::{Rate, SlidingWindow};

/// A client's frames against its rate.
#[derive(Debug)]
pub(super) struct Pace {
    rate: SlidingWindow,
    /// The time at which the last frame was counted.
    counted: Duration,
    /// When a frame was last looked for.
    looked: Duration,
    /// Whether there was none then.
    waiting: bool,
    /// How long ago what comes now may have been sent: for as long as nothing was read, since commands ran, less the time in
    /// which nothing has come since then.
    held_up: Duration,
}

impl Pace {
    pub(super) fn new(rate: Rate) -> Self {
        Self {
            rate: SlidingWindow::new(rate),
            counted: Duration::ZERO,
            looked: Duration::ZERO,
            waiting: false,
            held_up: Duration::ZERO,
        }
    }

    /// A frame is looked for.
    pub(super) fn look(&mut self, now: Duration) {
        let since = now.saturating_sub(std::mem::replace(&mut self.looked, now));
        self.held_up = if self.waiting {
            self.held_up.saturating_sub(since)
        } else {
            self.held_up.saturating_add(since)
        };
    }

    /// Whether there was none, so that the time from then on is the client's.
    pub(super) fn found_none(&mut self, none: bool) {
        self.waiting = none;
    }

    /// Counts the frame that was found, or tells how long it is until one would be allowed.
    pub(super) fn count(&mut self) -> Result<(), Duration> {
        self.counted = self.counted.max(self.looked.saturating_sub(self.held_up));
        let Err(too_early) = self.rate.allow(self.counted) else {
            return Ok(());
        };
        let allowed_at = self.counted.saturating_add(too_early);
        if allowed_at > self.looked {
            return Err(allowed_at - self.looked);
        }
        self.counted = allowed_at;
        self.rate.allow(allowed_at)
    }
}
