//! The kinds of happenings in a server, as observers see them.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;

use crate::connection::MembershipEnd;
use crate::event::EventMessage;
use crate::id::{ClientId, EventName, RoomId, UserId};
use crate::protocol::{CloseCode, ErrorCode, LeftReason};
use crate::store_failure::StoreFailure;

/// Something that happened in a server.
///
/// Later versions may add variants, and fields to variants. A clone is cheap: everything large in it is shared.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Observation {
    /// A client connected: `authenticate` named its user, and the server admitted it.
    #[non_exhaustive]
    Connected {
        /// The client.
        client: ClientId,
        /// Its user.
        user: UserId,
    },
    /// A client's connection ended. The client has left its rooms.
    #[non_exhaustive]
    Disconnected {
        /// The client.
        client: ClientId,
        /// Its user.
        user: UserId,
        /// Why the server closed the connection; `None` if the client closed it, or the connection was lost.
        code: Option<CloseCode>,
        /// The text of the close frame; empty if `code` is `None`.
        reason: Arc<str>,
        /// The code with which the client closed the connection; `None` if the server closed it, or the connection was
        /// lost. 1005 stands for a close without a code.
        client_code: Option<u16>,
    },
    /// A client joined a room.
    #[non_exhaustive]
    Joined {
        /// The room.
        room: RoomId,
        /// The client.
        client: ClientId,
        /// Its user.
        user: UserId,
        /// How many clients are in the room now.
        size: usize,
    },
    /// A client left a room.
    #[non_exhaustive]
    Left {
        /// The room.
        room: RoomId,
        /// The client.
        client: ClientId,
        /// Its user.
        user: UserId,
        /// How many clients are still in the room.
        size: usize,
        /// Why the client left.
        reason: LeaveReason,
    },
    /// A room was created, by the server, a client, or the first join of an on-demand room. Declared rooms exist from the
    /// start and are not reported.
    #[non_exhaustive]
    RoomCreated {
        /// The room.
        room: RoomId,
        /// Its name.
        name: Arc<str>,
        /// How many clients it takes; `None` if it has no limit.
        max_size: Option<usize>,
    },
    /// A room was deleted, or an on-demand room expired.
    #[non_exhaustive]
    RoomDeleted {
        /// The room.
        room: RoomId,
    },
    /// A room accepted an event and queued it for its subscribers.
    Event(ObservedEvent),
    /// The data of events was erased. Remove it from what you keep of them.
    #[non_exhaustive]
    Erased {
        /// The room.
        room: RoomId,
        /// The numbers of the events.
        seqs: Arc<[u64]>,
    },
    /// The server refused a frame of a client: the client received an `error` frame.
    #[non_exhaustive]
    Refused {
        /// The code of the `error` frame.
        code: ErrorCode,
        /// The text of the `error` frame.
        message: Arc<str>,
        /// The client; `None` if it was not connected yet.
        client: Option<ClientId>,
        /// Its user; `None` if it was not connected yet.
        user: Option<UserId>,
        /// The room that the frame names, whether or not it exists.
        room: Option<RoomId>,
        /// The event that the frame names, whether or not the room has it.
        event: Option<EventName>,
    },
    /// A hook or handler failed: it returned an error, panicked, or ran longer than
    /// [`Limits::hook_deadline`](crate::Limits::hook_deadline). A refusal is not a failure.
    #[non_exhaustive]
    HookFailed {
        /// The name of the [`Builder`](crate::Builder) method that set the hook; `on` for a handler.
        hook: &'static str,
        /// The error, as text.
        error: Arc<str>,
        /// The client that the hook ran for, where there is one.
        client: Option<ClientId>,
        /// The user that the hook ran for, where there is one.
        user: Option<UserId>,
        /// The room that the hook ran for, where there is one.
        room: Option<RoomId>,
        /// The event that the hook ran for, where there is one.
        event: Option<EventName>,
    },
    /// A hook or handler ended, successfully or not.
    #[non_exhaustive]
    HookTimed {
        /// The name of the [`Builder`](crate::Builder) method that set the hook; `on` for a handler.
        hook: &'static str,
        /// The time from its call to its end.
        duration: Duration,
    },
    /// Memory no longer keeps events of a room: newer events took their place, the room expired, or the server stops and
    /// hands them to `on_history_evicted`. With a store: its retention no longer keeps them, or memory no longer keeps
    /// events that the application has pushed.
    #[non_exhaustive]
    Evicted {
        /// The room.
        room: RoomId,
        /// The name of the events.
        event: EventName,
        /// How many events were evicted.
        count: usize,
    },
    /// The store begins to fail: the server refuses events with history until the store works again.
    #[non_exhaustive]
    StoreFailed {
        /// Why.
        failure: StoreFailure,
    },
    /// The store works again.
    StoreRecovered,
}

/// An event that a room accepted.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ObservedEvent {
    /// The event with its envelope.
    pub message: Arc<EventMessage>,
    /// How many clients of this node the event was queued for.
    pub recipients: usize,
    frame: Bytes,
}

/// Why a client left a room.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum LeaveReason {
    /// The client asked for it.
    Requested,
    /// The client's connection ended.
    Disconnected,
    /// The application took the client out of the room.
    Removed,
    /// The room was deleted.
    RoomDeleted,
    /// The client renewed its session, and `before_join` did not let it stay.
    Denied,
    /// The application ended the client's connection: [`Client::disconnect`](crate::Client::disconnect) or
    /// [`Dialogue::revoke`](crate::Dialogue::revoke).
    Expelled,
    /// A newer connection of the same client replaced the connection: the client has come back, and may join again.
    Replaced,
}

impl ObservedEvent {
    pub(super) fn new(message: &Arc<EventMessage>, recipients: usize, frame: &Bytes) -> Self {
        Self {
            message: Arc::clone(message),
            recipients,
            frame: frame.clone(),
        }
    }

    /// The `event` frame that subscribers receive: JSON text in UTF-8, encoded once for all of them.
    #[must_use]
    pub fn frame(&self) -> &[u8] {
        &self.frame
    }

    /// The same frame, as shared bytes.
    #[cfg(feature = "inspector")]
    pub(crate) fn shared_frame(&self) -> &Bytes {
        &self.frame
    }
}

impl LeaveReason {
    /// The reason of a `left` frame. Without one, the client asked to leave, or its connection has ended.
    pub(in crate::runtime) fn of(reason: Option<LeftReason>, end: Option<MembershipEnd>) -> Self {
        match (reason, end) {
            (None | Some(LeftReason::Revoked), Some(MembershipEnd::Disconnected)) => Self::Disconnected,
            (None | Some(LeftReason::Revoked), Some(MembershipEnd::Expelled)) => Self::Expelled,
            (None | Some(LeftReason::Revoked), Some(MembershipEnd::Replaced)) => Self::Replaced,
            (None, None) => Self::Requested,
            (Some(LeftReason::Removed | LeftReason::Revoked), _) => Self::Removed,
            (Some(LeftReason::RoomDeleted), _) => Self::RoomDeleted,
            (Some(LeftReason::Denied), _) => Self::Denied,
        }
    }
}

impl Observation {
    /// Its size in the buffer of a stream, in bytes: an event's frame, or its text.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Event(event) => event.frame.len(),
            Self::Refused { message: text, .. }
            | Self::HookFailed { error: text, .. }
            | Self::Disconnected { reason: text, .. } => text.len(),
            _ => 0,
        }
    }
}
