//! One waiting request, and whether it may be sent.

use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use super::not_now::NotNow;
use crate::client::answer::ReplySender;
use crate::client::error::{ClientError, Refused};
use crate::client::pacer::VolatileKey;
use crate::client::request_kind::RequestKind;
use crate::id::{ClientId, UserId};
use crate::protocol::{Command, ErrorCode, FirstAttempt, Request};

/// How long after a trigger was first sent it may be sent again to a server that does not know `repeats`. Such a server
/// remembers a key for two minutes. The rest is for the time in transit: a connection whose other end is silent is given up
/// after 35 s at most, so a repetition seldom arrives later than 30 s after it was sent. A server that knows `repeats`
/// decides by itself. The JavaScript client has the same limit.
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
    /// The server's answer that it came too early, or that the server could not take it. Until it is sent again.
    pub(super) refused: Option<Refused>,
    /// When it is sent again if the server could not take it.
    pub(super) not_now: Option<NotNow>,
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

    /// The server's answer that it could not take the trigger. The event may be stored.
    pub(super) fn not_taken(&self) -> Option<&Refused> {
        let refused = self.refused.as_ref();
        refused.filter(|refused| refused.code == ErrorCode::Unavailable)
    }

    /// Whether nobody needs the request to be sent. A trigger that was sent on another connection is sent again, so that
    /// the event is not lost.
    pub(super) fn is_pointless(&self) -> bool {
        self.is_abandoned() && (self.first.is_none() || self.not_taken().is_some())
    }

    /// Whether the request is a trigger of which an earlier attempt may have been carried out.
    pub(super) fn is_repetition(&self) -> bool {
        matches!(self.kind, RequestKind::Trigger { repeats: true, .. })
    }

    /// How long the trigger waits because the server could not take it.
    pub(super) fn held_until(&self, now: Instant) -> Option<Instant> {
        self.not_now.as_ref()?.until(now)
    }

    /// Replaces the command of a request that was not sent.
    pub(super) fn change(&mut self, command: Command) {
        self.request.command = command;
        self.text = self.request.encode();
    }

    /// An attempt has ended without an outcome. If the trigger was sent, the next attempt is a repetition and says so.
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

    /// The error of a request that fails for this reason. Without one, the client is not in the request's room. If the
    /// server's last answer was that it could not take the trigger, this answer is the error. Otherwise a trigger that was
    /// sent may have been carried out.
    pub(super) fn failure(&self, error: Option<ClientError>) -> ClientError {
        if let Some(refused) = self.not_taken() {
            return ClientError::Refused(refused.clone());
        }
        match error {
            Some(error @ ClientError::TimedOut(_)) => error,
            _ if self.is_sent_trigger() => ClientError::OutcomeUnknown,
            Some(error) => error,
            None => match self.kind.room() {
                Some(room) => ClientError::NotJoined { room: room.clone() },
                None => ClientError::Disconnected,
            },
        }
    }

    /// Why a request has no answer after this time.
    pub(super) fn lateness(&self, timeout: Duration) -> ClientError {
        if self.is_repetition() && !self.sent {
            return ClientError::OutcomeUnknown;
        }
        // The server has said that it did not run the request, unless it is a repetition.
        let refused = self.refused.clone().filter(|_| !self.is_repetition());
        refused.map_or(ClientError::TimedOut(timeout), ClientError::Refused)
    }

    /// Whether the request is a trigger that may have been carried out.
    fn is_sent_trigger(&self) -> bool {
        self.first.is_some() && matches!(self.kind, RequestKind::Trigger { .. })
    }

    /// Why this request can never be sent to this epoch of the room, or to a server with this limit.
    pub(super) fn obstacle(
        &self,
        now: Instant,
        user: Option<&UserId>,
        epoch: Option<&str>,
        max_bytes: usize,
        knows_repeats: bool,
    ) -> Option<ClientError> {
        let first = self.first.as_ref();
        let may_be_sent =
            first.is_none_or(|first| first.is_of(user, epoch) && (knows_repeats || first.is_remembered(now)));
        if self.is_pointless() || !may_be_sent {
            return Some(ClientError::Disconnected);
        }
        // If the trigger was sent before, this server cannot be asked what happened to it: see `failure`.
        let bytes = self.text.len();
        (bytes > max_bytes).then_some(ClientError::TooLarge {
            bytes,
            limit: max_bytes,
        })
    }
}

impl FirstSent {
    /// Whether it was this user's, in this epoch of the room. For any other, a server might carry the trigger out twice.
    fn is_of(&self, user: Option<&UserId>, epoch: Option<&str>) -> bool {
        self.user.as_ref() == user && self.epoch.as_deref() == epoch
    }

    /// Whether a server that does not know `repeats` still knows the trigger's key.
    pub(super) fn is_remembered(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.at) < RESEND_WITHIN
    }
}
