//! When a trigger that the server could not take is sent again. Pure: time and randomness are arguments.
//!
//! `UNAVAILABLE` for a trigger with a key means that the event is not stored, or that nothing is known about it yet. The
//! client repeats the trigger with the same key until there is another answer.

use std::time::Duration;

use tokio::time::Instant;

use crate::backoff::Backoff;

/// The longest wait before a repetition.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// The waits of a trigger that the server could not take.
#[derive(Debug)]
pub(super) struct NotNow {
    backoff: Backoff,
    until: Option<Instant>,
}

impl NotNow {
    pub(super) fn new(backoff: Backoff) -> Self {
        Self { backoff, until: None }
    }

    /// The server could not take the trigger. Returns when it is sent again. The random part comes after the time that
    /// the server asks for, because many clients repeat at the same time.
    pub(super) fn refused(&mut self, retry_after: Option<Duration>, now: Instant, random: u64) -> Instant {
        let demanded = retry_after.unwrap_or_default().min(LONGEST_WAIT);
        let until = now + (demanded + self.backoff.next(random)).min(LONGEST_WAIT);
        self.until = Some(until);
        until
    }

    /// The connection is lost. The next one may go to another server, so the wait ends.
    pub(super) fn end(&mut self) {
        self.until = None;
    }

    /// When the wait ends, if it has not.
    pub(super) fn until(&self, now: Instant) -> Option<Instant> {
        self.until.filter(|until| *until > now)
    }
}
