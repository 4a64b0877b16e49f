//! Triggers that the server could not take, and when they are sent again. Pure: time and randomness are arguments.
//!
//! `UNAVAILABLE` for a trigger with a key means that the event is not stored, or that nothing is known about it yet. The
//! client repeats the trigger with the same key until there is another answer.

use std::time::Duration;

use tokio::time::Instant;

use super::Pending;
use super::entry::{PendingRequest, RESEND_WITHIN};
use crate::client::backoff::Backoff;
use crate::client::error::Refused;
use crate::client::request_kind::RequestKind;

/// The longest wait before a repetition.
const LONGEST_WAIT: Duration = Duration::from_secs(60);

/// When a trigger that the server could not take is sent again.
#[derive(Debug)]
pub(super) struct NotNow {
    backoff: Backoff,
    /// `None` once it may be sent.
    pub(super) until: Option<Instant>,
}

impl NotNow {
    /// The server could not take the trigger again. The random part comes after the time that the server asks for,
    /// because many clients repeat at the same time.
    fn refused(&mut self, retry_after: Option<Duration>, now: Instant, random: u64) -> Instant {
        let demanded = retry_after.unwrap_or_default().min(LONGEST_WAIT);
        let until = now + (demanded + self.backoff.next(random)).min(LONGEST_WAIT);
        self.until = Some(until);
        until
    }
}

impl Pending {
    /// The server could not take a request now. A trigger with a key is sent again, marked as a repetition, and the
    /// later triggers of its room wait until then. Returns false if it is not repeated here.
    pub(in crate::client) fn not_now(&mut self, id: i64, refused: Refused, now: Instant, random: u64) -> bool {
        let Some(entry) = self.entries.get_mut(&id).filter(|entry| entry.sent) else {
            return false;
        };
        let RequestKind::Trigger { keyed: true, .. } = &entry.kind else {
            return false;
        };
        let Some(first) = entry.first.as_ref().filter(|_| !entry.is_abandoned()) else {
            return false;
        };
        let forgotten = first.at + RESEND_WITHIN;
        let not_now = entry.not_now.get_or_insert_with(|| NotNow {
            backoff: self.backoff.clone(),
            until: None,
        });
        if not_now.refused(refused.retry_after, now, random) >= forgotten {
            return false;
        }
        self.unanswered = self.unanswered.saturating_sub(entry.text.len());
        entry.repeat();
        entry.refused = Some(refused);
        true
    }
}

impl PendingRequest {
    /// How long the trigger waits because the server could not take it.
    pub(super) fn held_until(&self, now: Instant) -> Option<Instant> {
        self.not_now.as_ref()?.until.filter(|until| *until > now)
    }
}
