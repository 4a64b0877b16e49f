//! One waiting request, and whether it may be sent.

use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::client::answer::ReplySender;
use crate::client::error::ClientError;
use crate::client::request_kind::RequestKind;
use crate::id::UserId;

/// How long after a trigger was first sent it may be sent again. A server remembers a key for at least two minutes; the
/// rest is for the time in transit.
pub(super) const RESEND_WITHIN: Duration = Duration::from_secs(90);

/// The circumstances of the first attempt to send a trigger.
#[derive(Debug)]
pub(super) struct FirstSent {
    pub(super) at: Instant,
    pub(super) user: Option<UserId>,
    pub(super) epoch: Option<String>,
}

#[derive(Debug)]
pub(super) struct PendingRequest {
    pub(super) text: String,
    pub(super) kind: RequestKind,
    pub(super) reply: Option<ReplySender>,
    pub(super) deadline: Instant,
    /// Whether it was sent on this connection.
    pub(super) sent: bool,
    /// When it was first sent, on any connection.
    pub(super) first: Option<FirstSent>,
}

impl PendingRequest {
    /// Whether the caller has stopped waiting.
    pub(super) fn is_abandoned(&self) -> bool {
        self.reply.as_ref().is_some_and(oneshot::Sender::is_closed)
    }

    /// Why this request can never be sent to this epoch of the room, or to a server with this limit.
    pub(super) fn obstacle(
        &self,
        now: Instant,
        user: Option<&UserId>,
        epoch: Option<&str>,
        max_bytes: usize,
    ) -> Option<ClientError> {
        let may_be_sent = match &self.first {
            // The caller has stopped waiting and nothing was sent, so nothing needs to be.
            None => !self.is_abandoned(),
            Some(first) => first.is_repeatable(now, user, epoch),
        };
        if !may_be_sent {
            return Some(ClientError::Disconnected);
        }
        let bytes = self.text.len();
        let too_large = ClientError::TooLarge {
            bytes,
            limit: max_bytes,
        };
        // A server with a smaller limit than the last one cannot be asked what happened to the request there.
        let unknown = self.first.is_some();
        (bytes > max_bytes).then_some(if unknown { ClientError::Disconnected } else { too_large })
    }
}

impl FirstSent {
    /// Whether a server still knows that it has had this trigger: it must be the same user, the same epoch of the room,
    /// and recent. Otherwise the server might carry it out twice.
    fn is_repeatable(&self, now: Instant, user: Option<&UserId>, epoch: Option<&str>) -> bool {
        now.saturating_duration_since(self.at) < RESEND_WITHIN
            && self.user.as_ref() == user
            && self.epoch.as_deref() == epoch
    }
}
