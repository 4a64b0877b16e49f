//! What one can do with a connected client.

use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;

use crate::connection::Frame;
use crate::delivery::TriggerError;
use crate::event::DialogueEvent;
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

impl Client {
    /// The connection's id, made by the server and never reused.
    #[must_use]
    pub fn id(&self) -> &ClientId {
        &self.state.id
    }

    /// The user, as `authenticate` said.
    #[must_use]
    pub fn user_id(&self) -> &UserId {
        &self.state.user_id
    }

    /// The `auth` object that the client presented last; `null` if there was none. It may hold secrets.
    #[must_use]
    pub fn auth(&self) -> Arc<Value> {
        Arc::clone(&self.state.session.lock().auth)
    }

    /// What `authenticate` said of the user ([`Identity::claims`](crate::Identity::claims)); `null` by default.
    #[must_use]
    pub fn claims(&self) -> Arc<Value> {
        Arc::clone(&self.state.session.lock().claims)
    }

    /// What the application keeps with the client ([`Identity::meta`](crate::Identity::meta)); `null` by default.
    #[must_use]
    pub fn meta(&self) -> &Value {
        &self.state.meta
    }

    /// The server that the client is connected to.
    #[must_use]
    pub fn dialogue(&self) -> Dialogue {
        Dialogue {
            core: Arc::clone(&self.core),
        }
    }

    /// Whether the connection is up.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        !self.state.outbox.is_closed() && !self.state.membership.lock().is_gone()
    }

    /// Lets the client join a room, as if it had asked for it: `before_join` is asked, the client is sent `joined` with
    /// the history that the room syncs, and `on_joined` follows. A client that is in the room already is sent `joined`
    /// again; no hook runs and no second seat is taken.
    ///
    /// `on_joined` runs after this returns.
    ///
    /// # Errors
    ///
    /// [`JoinError`]: no such room, full, denied, over a limit, or disconnected. The handle of a room on demand that has gone
    /// is of no such room; its id makes another.
    ///
    /// # Cancel safety
    ///
    /// Dropped, the client is in the room with everything that belongs to it, or not at all.
    pub async fn join(&self, room: impl RoomRef) -> Result<RoomHandle, JoinError> {
        let request = JoinRequest {
            epoch: room.room_epoch().map(str::to_owned),
            ..JoinRequest::default()
        };
        let room_id = room.room_id();
        join(&self.core, &self.state, &room_id, request)
            .await
            .map(|cell| self.core.room(&cell))
    }

    /// Takes the client out of a room. It is told so (`left` with the reason `removed`), and `on_left` follows. Returns
    /// whether the client was in the room.
    pub fn leave(&self, room: impl RoomRef) -> bool {
        self.core
            .rooms
            .find_ref(&room)
            .is_some_and(|room| leave(&self.core, &self.state, &room, None, Some(LeftReason::Removed)))
    }

    /// Subscribes the client to an event of a room that it is in.
    ///
    /// # Errors
    ///
    /// [`JoinError`]: not in the room, no such event, or too many subscriptions.
    pub fn subscribe(&self, room: impl RoomRef, event: &str) -> Result<(), JoinError> {
        let room = self.member_of(&room)?;
        subscribe(&self.core.limits, &self.state, &room, &event.into()).map(drop)
    }

    /// Subscribes the client to every event of a room that it is in.
    ///
    /// # Errors
    ///
    /// [`JoinError`]: not in the room, or too many subscriptions.
    pub fn subscribe_all(&self, room: impl RoomRef) -> Result<(), JoinError> {
        let room = self.member_of(&room)?;
        subscribe_all(&self.core.limits, &self.state, &room).map(drop)
    }

    /// Ends the client's subscription to an event. Under the wildcard, the other events of the room remain.
    ///
    /// # Errors
    ///
    /// [`JoinError`]: not in the room, or no such event.
    pub fn unsubscribe(&self, room: impl RoomRef, event: &str) -> Result<(), JoinError> {
        let room = self.member_of(&room)?;
        unsubscribe(&self.core.limits, &self.state, &room, &event.into()).map(drop)
    }

    fn member_of(&self, room: &impl RoomRef) -> Result<Arc<RoomCell>, JoinError> {
        self.core.rooms.find_ref(room).ok_or(JoinError::NotInRoom)
    }

    /// The rooms that the client is in, in no order.
    #[must_use]
    pub fn rooms(&self) -> Vec<RoomId> {
        self.state.membership.lock().rooms()
    }

    /// The names of the events that the client hears in a room, under the wildcard preceded by `*`. Empty if it is not in
    /// the room.
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

    /// Sends an event to this client alone, outside of any room, as a `direct` frame. Returns whether it was queued: not
    /// if the connection is ending.
    ///
    /// # Errors
    ///
    /// [`TriggerError::Invalid`] if the data does not satisfy the event's schema, [`TriggerError::Limited`] if it is too
    /// large for the client's queue.
    pub fn send<E: DialogueEvent>(&self, event: E) -> Result<bool, TriggerError> {
        let frame = direct_frame(&event, &self.core.limits)?;
        Ok(self.state.outbox.push(Frame::Text(frame)))
    }

    /// Sends JSON under any event name to this client alone, as a `direct` frame, without validation. Returns whether it
    /// was queued.
    ///
    /// # Errors
    ///
    /// [`TriggerError::Invalid`] if the data cannot be JSON, [`TriggerError::Limited`] if it is too large for the client's
    /// queue.
    pub fn send_raw(&self, event: &str, data: impl Serialize) -> Result<bool, TriggerError> {
        let name = EventName::from(event);
        let data = to_json(&name, &data)?;
        let frame = encode_direct(&name, &data, &self.core.limits)?;
        Ok(self.state.outbox.push(Frame::Text(frame)))
    }

    /// Ends the connection at once with close code 4501, by which the client knows not to come back of itself. What
    /// waits to be sent is dropped. Whether the user may sign in again is for `authenticate` to say.
    ///
    /// From then on no room takes the client and nothing is queued for it. `on_disconnected` and `on_left` follow; the rooms
    /// are left when `on_disconnected` has returned.
    pub fn disconnect(&self) {
        expel(&self.core, &self.state, "disconnected by the server", None);
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

/// A typed event as a `direct` frame, valid by its schema.
pub(in crate::runtime) fn direct_frame<E: DialogueEvent>(
    event: &E,
    limits: &Limits,
) -> Result<bytes::Bytes, TriggerError> {
    let name = EventName::from(E::NAME);
    let invalid = |violations| TriggerError::Invalid {
        event: EventName::from(E::NAME),
        violations,
    };
    let definition = E::try_definition().map_err(|error| invalid(vec![Violation::type_mismatch(error)]))?;
    let data = to_json(&name, event)?;
    definition.check_outbound(&data).map_err(invalid)?;
    encode_direct(&name, &data, limits)
}

fn to_json(event: &EventName, data: &impl Serialize) -> Result<Value, TriggerError> {
    serde_json::to_value(data).map_err(|error| TriggerError::Invalid {
        event: event.clone(),
        violations: vec![Violation::type_mismatch(error)],
    })
}

fn encode_direct(event: &EventName, data: &Value, limits: &Limits) -> Result<bytes::Bytes, TriggerError> {
    let frame = ServerFrame::Direct { event, data }.encode();
    limits
        .check_event(frame.len())
        .map_err(|reason| TriggerError::Limited { reason })?;
    Ok(frame)
}
