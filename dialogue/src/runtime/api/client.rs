//! The methods of [`Client`]: its identity, rooms and subscriptions, and the events that it alone receives.

use std::net::SocketAddr;
use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;
use tokio::task::coop::consume_budget;

use crate::chain::Chain;
use crate::connection::Frame;
use crate::delivery::TriggerError;
use crate::event::DialogueEvent;
use crate::hook::{HookError, HookOutcome};
use crate::id::{ClientId, EventName, RoomId, UserId};
use crate::limits::Limits;
use crate::protocol::{LeftReason, ServerFrame};
use crate::room::{RoomCell, RoomRef};
use crate::runtime::core::{Client, Dialogue, RoomHandle};
use crate::runtime::membership::join::{JoinRequest, join};
use crate::runtime::membership::join_error::JoinError;
use crate::runtime::membership::leave::{expel, leave};
use crate::runtime::membership::subscribe::{subscribe, subscribe_all, unsubscribe};
use crate::schema::Violation;
use crate::schema::plain_numbers::to_value;

impl Client {
    /// The id of this connection. The server generates it and never reuses it.
    #[must_use]
    pub fn id(&self) -> &ClientId {
        &self.state.id
    }

    /// The id of the user: the one that `authenticate` returned, or one that the server generated for an anonymous
    /// user.
    #[must_use]
    pub fn user_id(&self) -> &UserId {
        &self.state.user_id
    }

    /// The latest `auth` object that the client presented; `null` if there was none. It may contain secrets.
    #[must_use]
    pub fn auth(&self) -> Arc<Value> {
        Arc::clone(&self.state.session.lock().auth)
    }

    /// The claims about the user that `authenticate` returned ([`Identity::claims`](crate::Identity::claims)); `null`
    /// by default.
    #[must_use]
    pub fn claims(&self) -> Arc<Value> {
        Arc::clone(&self.state.session.lock().claims)
    }

    /// The application's own data about the client ([`Identity::meta`](crate::Identity::meta)); `null` by default.
    #[must_use]
    pub fn meta(&self) -> &Value {
        &self.state.meta
    }

    /// The address at the other end of the client's socket. Behind a proxy, this is the proxy's address: Dialogue does
    /// not read `X-Forwarded-For`. It is `None` if the router is mounted in a server that does not provide
    /// `ConnectInfo`, and for a connection without a network.
    #[must_use]
    pub fn peer(&self) -> Option<SocketAddr> {
        self.state.peer
    }

    /// The server that the client is connected to.
    #[must_use]
    pub fn dialogue(&self) -> Dialogue {
        Dialogue {
            core: Arc::clone(&self.core),
        }
    }

    /// Whether the client is connected. Returns `false` as soon as its connection starts to close.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        !self.state.outbox.is_closed() && !self.state.membership.lock().is_gone()
    }

    /// Makes the client join a room, as if it had sent a `join` itself. `before_join` decides whether the client may
    /// join. The client receives `joined` with the history that the room syncs. `on_joined` runs after this method
    /// returns.
    ///
    /// If the client's queue has no space for the history, this waits until the client has read enough, or is gone. In a
    /// hook about this client (such as `on_connected`), this time does not count towards
    /// [`Limits::hook_deadline`](crate::Limits::hook_deadline). Elsewhere, do not join many clients one after another: one
    /// that reads slowly would delay the others.
    ///
    /// A client that is already in the room receives `joined` again. No hook runs, and the room counts the client only
    /// once.
    ///
    /// # Errors
    ///
    /// [`JoinError`]: the room does not exist or is full, `before_join` refused or failed, a limit is exceeded, or the
    /// client has disconnected. For a handle to an on-demand room that was deleted, or that is gone without a log, the
    /// error is [`JoinError::NoSuchRoom`]. To create a new room instead, join by id.
    ///
    /// # Cancel safety
    ///
    /// If this future is dropped, the client has joined the room completely or not at all.
    pub async fn join(&self, room: impl RoomRef) -> Result<RoomHandle, JoinError> {
        let request = JoinRequest {
            epoch: room.room_epoch().map(str::to_owned),
            ..JoinRequest::default()
        };
        let room_id = room.room_id();
        let joined = join(&self.core, &self.state, &room_id, request).await;
        // A loop over rooms or clients lets the tasks that send the replies run.
        consume_budget().await;
        joined.map(|seat| self.core.room(&seat.room))
    }

    /// Removes the client from a room. The client receives `left` with the reason `removed`, and `on_left` runs.
    /// Returns whether the client was in the room.
    ///
    /// # Cancel safety
    ///
    /// The client leaves completely when this future is first polled, or not at all.
    pub async fn leave(&self, room: impl RoomRef) -> bool {
        let room = self.core.rooms.find_ref(&room);
        let left = room.and_then(|room| leave(&self.core, &self.state, &room, None, Some(LeftReason::Removed)));
        consume_budget().await;
        left.is_some()
    }

    /// Subscribes the client to one event of a room that it is in.
    ///
    /// # Errors
    ///
    /// [`JoinError`]: the client is not in the room, the room has no such event, or the client holds too many
    /// subscriptions.
    pub fn subscribe(&self, room: impl RoomRef, event: &str) -> Result<(), JoinError> {
        let room = self.member_of(&room)?;
        subscribe(&self.core.limits, &self.state, &room, &event.into()).map(drop)
    }

    /// Subscribes the client to every event of a room that it is in.
    ///
    /// # Errors
    ///
    /// [`JoinError`]: the client is not in the room, or it holds too many subscriptions.
    pub fn subscribe_all(&self, room: impl RoomRef) -> Result<(), JoinError> {
        let room = self.member_of(&room)?;
        subscribe_all(&self.core.limits, &self.state, &room).map(drop)
    }

    /// Unsubscribes the client from one event of a room. A client that is subscribed to every event stays subscribed to
    /// the others.
    ///
    /// # Errors
    ///
    /// [`JoinError`]: the client is not in the room, or the room has no such event.
    pub fn unsubscribe(&self, room: impl RoomRef, event: &str) -> Result<(), JoinError> {
        let room = self.member_of(&room)?;
        unsubscribe(&self.core.limits, &self.state, &room, &event.into()).map(drop)
    }

    fn member_of(&self, room: &impl RoomRef) -> Result<Arc<RoomCell>, JoinError> {
        self.core.rooms.find_ref(room).ok_or(JoinError::NotInRoom)
    }

    /// The ids of the rooms that the client is in, in no particular order.
    #[must_use]
    pub fn rooms(&self) -> Vec<RoomId> {
        self.state.membership.lock().rooms()
    }

    /// The names of the events that the client is subscribed to in a room. If it is subscribed to every event, `*`
    /// comes first. Empty if the client is not in the room.
    #[must_use]
    pub fn subscriptions(&self, room: impl RoomRef) -> Vec<EventName> {
        let Ok(room) = self.member_of(&room) else {
            return Vec::new();
        };
        let subscriptions = room.lock().local.subscriptions(self.state.key).cloned();
        subscriptions.map_or_else(Vec::new, |subscriptions| {
            room.subscription_names(&subscriptions).into_names()
        })
    }

    /// Sends an event to this client alone, outside any room, as a `direct` frame. Returns whether the frame was
    /// queued; it is not queued if the connection is ending.
    ///
    /// # Errors
    ///
    /// [`TriggerError::Invalid`] if the data does not satisfy the event's schema. [`TriggerError::LimitExceeded`] if the
    /// frame is larger than half of [`Limits::queue_bytes`].
    pub fn send<E: DialogueEvent>(&self, event: E) -> Result<bool, TriggerError> {
        let frame = direct_frame(&event, &self.core.limits)?;
        Ok(self.state.outbox.push(Frame::Text(frame)))
    }

    /// Sends JSON with any event name to this client alone, as a `direct` frame, without validation. Returns whether
    /// the frame was queued; it is not queued if the connection is ending.
    ///
    /// # Errors
    ///
    /// [`TriggerError::Invalid`] if the data cannot be written as JSON. [`TriggerError::LimitExceeded`] if the frame is
    /// larger than half of [`Limits::queue_bytes`].
    pub fn send_raw(&self, event: &str, data: impl Serialize) -> Result<bool, TriggerError> {
        let name = EventName::from(event);
        let data = to_json(&name, &data)?;
        let frame = encode_direct(&name, &data, &self.core.limits)?;
        Ok(self.state.outbox.push(Frame::Text(frame)))
    }

    /// Ends the connection at once with close code 4501, so that the client does not reconnect by itself. The server
    /// drops the frames that still wait in the queue. `authenticate` decides whether the user may sign in again.
    ///
    /// After this call, the client can join no room, and the server queues nothing for it. `on_disconnected` runs, then
    /// the client leaves its rooms and `on_left` runs.
    ///
    /// # Cancel safety
    ///
    /// The connection is ended when this future is first polled, or not at all.
    pub async fn disconnect(&self) {
        expel(&self.core, &self.state, "disconnected by the server", None);
        consume_budget().await;
    }
}

/// A hook may return the result of a join as it is.
impl HookOutcome for Result<RoomHandle, JoinError> {
    fn into_result(self) -> Result<(), HookError> {
        self?;
        Ok(())
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client")
            .field("id", &self.state.id)
            .field("user_id", &self.state.user_id)
            .finish_non_exhaustive()
    }
}

impl PartialEq for Client {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.state, &other.state)
    }
}

impl Eq for Client {}

/// Encodes a typed event as a `direct` frame, after a check against the event's schema.
pub(in crate::runtime) fn direct_frame<E: DialogueEvent>(
    event: &E,
    limits: &Limits,
) -> Result<bytes::Bytes, TriggerError> {
    let name = EventName::from(E::NAME);
    let invalid = |violations| TriggerError::Invalid {
        event: EventName::from(E::NAME),
        violations,
    };
    let definition = E::try_definition().map_err(|error| invalid(vec![Violation::type_mismatch(Chain(error))]))?;
    let data = to_json(&name, event)?;
    definition.check_outbound(&data).map_err(invalid)?;
    encode_direct(&name, &data, limits)
}

fn to_json(event: &EventName, data: &impl Serialize) -> Result<Value, TriggerError> {
    to_value(data).map_err(|error| TriggerError::Invalid {
        event: event.clone(),
        violations: vec![Violation::type_mismatch(error)],
    })
}

fn encode_direct(event: &EventName, data: &Value, limits: &Limits) -> Result<bytes::Bytes, TriggerError> {
    let frame = ServerFrame::Direct { event, data }.encode();
    limits.check_event(frame.len())?;
    Ok(frame)
}
