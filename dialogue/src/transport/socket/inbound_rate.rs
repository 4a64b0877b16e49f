//! Checks a client's frames against its rate, no matter when the server reads them. Pure: times are relative to an origin
//! that the caller chooses.
//!
//! While a command runs, the server counts nothing. It cannot know when the client sent the frames that wait here or on
//! the network. Therefore, each frame counts as sent at the earliest possible time. Only frames that the client cannot
//! have sent within its rate are rejected.

use std::time::Duration;

use crate::rate_limit::{Rate, SlidingWindow};

/// The rate of a client's frames.
#[derive(Debug)]
pub(super) struct InboundRate {
    rate: SlidingWindow,
    /// The time at which the last frame was counted.
    counted_at: Duration,
    /// The time of the last check for a frame.
    checked_at: Duration,
    /// Whether that check found no frame.
    was_empty: bool,
    /// How long ago the next frame may have been sent. It grows while commands run and nothing is read. It shrinks while
    /// the server waits and no frame arrives.
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

    /// Begins a check for a frame.
    pub(super) fn begin_check(&mut self, now: Duration) {
        let since = now.saturating_sub(std::mem::replace(&mut self.checked_at, now));
        self.held_up = if self.was_empty {
            self.held_up.saturating_sub(since)
        } else {
            self.held_up.saturating_add(since)
        };
    }

    /// Ends the check. If there was no frame, the following time counts as the client's own.
    pub(super) fn end_check(&mut self, was_empty: bool) {
        self.was_empty = was_empty;
    }

    /// Counts the frame that was found. If it is over the rate, returns the time until a frame would be allowed.
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
