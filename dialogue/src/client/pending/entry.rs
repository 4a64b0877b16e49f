//! One request that waits, and whether it may be sent.

use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::client::answer::ReplySender;
use crate::client::error::ClientError;
use crate::client::request_kind::RequestKind;
use crate::id::UserId;

/// How long after a trigger was first sent it may be sent again: within the two minutes for which a server remembers a
/// key at least, with some for the way.
pub(super) const RESEND_WITHIN: Duration = Duration::from_secs(90);

/// Under which conditions a trigger was first sent.
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
    /// On this connection.
    pub(super) sent: bool,
    /// On any.
    pub(super) first: Option<FirstSent>,
}

impl PendingRequest {
    /// Whether whoever asked has gone.
    pub(super) fn is_abandoned(&self) -> bool {
        self.reply.as_ref().is_some_and(oneshot::Sender::is_closed)
    }

    /// Why it is not to be sent to this room's incarnation, or to a server that takes so much, ever.
    pub(super) fn obstacle(
        &self,
        now: Instant,
        user: Option<&UserId>,
        epoch: Option<&str>,
        max_bytes: usize,
    ) -> Option<ClientError> {
        let may_be_sent = match &self.first {
            // Where whoever asked has gone, nothing has happened yet, and nothing needs to.
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
        // A server that takes less than the one before cannot be asked what came of it there.
        let unknown = self.first.is_some();
        (bytes > max_bytes).then_some(if unknown { ClientError::Disconnected } else { too_large })
    }
}

impl FirstSent {
    /// Whether a server still knows that it has had this: the same user's, in the same incarnation of the room, not long
    /// ago. Otherwise it might be carried out twice.
    fn is_repeatable(&self, now: Instant, user: Option<&UserId>, epoch: Option<&str>) -> bool {
        now.saturating_duration_since(self.at) < RESEND_WITHIN
            && self.user.as_ref() == user
            && self.epoch.as_deref() == epoch
    }
}
