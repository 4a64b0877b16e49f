//! One waiting request, and whether it may be sent.

use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::client::answer::ReplySender;
use crate::client::error::{ClientError, Refused};
use crate::client::pacer::VolatileKey;
use crate::client::request_kind::RequestKind;
use crate::id::{ClientId, UserId};
use crate::protocol::{Command, FirstAttempt, Request};

/// How long after a trigger was first sent it may be sent again. A server remembers a key for at least two minutes; the
/// rest is for the time in transit. A server that reads `repeats` decides by itself. This limit is for older ones.
pub(super) const RESEND_WITHIN: Duration = Duration::from_secs(90);

/// The circumstances of the first attempt to send a request.
#[derive(Debug)]
pub(super) struct FirstSent {
    pub(super) at: Instant,
    pub(super) user: Option<UserId>,
    pub(super) client: Option<ClientId>,
    pub(super) epoch: Option<String>,
}

#[derive(Debug)]
pub(super) struct PendingRequest {
    pub(super) request: Request,
    pub(super) text: String,
    pub(super) kind: RequestKind,
    /// The callers that wait for the answer.
    pub(super) replies: Vec<ReplySender>,
    /// Whether it is a request of the client's own, for which nobody waits.
    pub(super) is_own: bool,
    /// When it fails. A request of the client's own has a deadline once it was sent.
    pub(super) deadline: Option<Instant>,
    /// Whether it was sent on this connection.
    pub(super) sent: bool,
    /// When it was first sent, on any connection. `None` if the server is known not to have run it.
    pub(super) first: Option<FirstSent>,
    /// The server's answer that it came too early.
    pub(super) too_early: Option<Refused>,
}

impl PendingRequest {
    /// Whether every caller has stopped waiting.
    pub(super) fn is_abandoned(&self) -> bool {
        !self.is_own && self.replies.iter().all(oneshot::Sender::is_closed)
    }

    /// The event that a volatile trigger belongs to.
    pub(super) fn volatile_key(&self) -> Option<VolatileKey> {
        match &self.kind {
            RequestKind::Trigger {
                room,
                volatile: Some(event),
                ..
            } => Some((room.clone(), event.clone())),
            _ => None,
        }
    }

    /// Whether the request is a trigger that the client has already sent, on another connection.
    pub(super) fn is_repetition(&self) -> bool {
        matches!(self.kind, RequestKind::Trigger { repeats: true, .. })
    }

    /// Replaces the command of a request that was not sent.
    pub(super) fn change(&mut self, command: Command) {
        self.request.command = command;
        self.text = self.request.encode();
    }

    /// The connection is lost. If the trigger was sent, the next attempt is a repetition and says so.
    pub(super) fn repeat(&mut self) {
        self.sent = false;
        let RequestKind::Trigger { repeats, .. } = &mut self.kind else {
            return;
        };
        let (Some(first), Command::Trigger(trigger)) = (&self.first, &mut self.request.command) else {
            return;
        };
        *repeats = true;
        if trigger.key.is_some() && trigger.repeats.is_none() {
            trigger.repeats = first.client.clone().map(|client_id| FirstAttempt {
                client_id,
                epoch: first.epoch.clone().unwrap_or_default(),
            });
            self.text = self.request.encode();
        }
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
            // The callers have stopped waiting and nothing was sent, so nothing needs to be.
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
