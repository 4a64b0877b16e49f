//! What one can do with a server.

use std::future::{Future, IntoFuture, Ready, ready};
use std::sync::Arc;

use crate::containment::HookOutcome;
use crate::delivery::TriggerError;
use crate::event::{DialogueEvent, EventDefinition, EventMessage, Payload, Received};
use crate::id::UserId;
use crate::limits::Limits;
use crate::log::HistoryManager;
use crate::protocol::LeftReason;
use crate::room::{Allows, Listen, RoomBlueprint, RoomPlan, RoomRef};
use crate::runtime::api::client::direct_frame;
use crate::runtime::api::trigger::Trigger;
use crate::runtime::api::user_rooms::UserRooms;
use crate::runtime::build::builder::Builder;
use crate::runtime::core::{Client, Core, Dialogue, RoomHandle};
use crate::runtime::handlers::subscription::{self, EventStream, Subscription};
use crate::runtime::membership::delete_room::delete_room;
use crate::runtime::membership::leave::expel;
use crate::runtime::rooms::create::{self, CreateRoomError};

impl Dialogue {
    /// Starts the description of a server.
    pub fn builder() -> Builder {
        Builder::new()
    }

    /// Triggers an event in a room: everyone there who is subscribed to it gets it, and the server's handlers. The room
    /// is a room type, checked by the compiler, or a [`RoomHandle`], checked when it runs. The payload is the event, an
    /// event with a sender or metadata (`event.sent_by(user)`), or a whole [`EventMessage`].
    ///
    /// The event is validated, shown to `before_each`, numbered and stored if it has history, encoded once, and queued for
    /// each subscriber; it never waits for a reader.
    ///
    /// # Errors
    ///
    /// See [`TriggerError`]. No client and no handler has seen the event then.
    pub fn trigger<E: DialogueEvent>(&self, room: impl Allows<E>, data: impl Payload<Event = E>) -> Trigger {
        let room_id = room.room_id();
        let (id, epoch) = (room_id.clone(), room.room_epoch().map(str::to_owned));
        Trigger::typed(
            Arc::clone(&self.core),
            room_id,
            move |core| core.rooms.find_incarnation(&id, epoch.as_deref()),
            data.into_outgoing(),
        )
    }

    /// Runs a handler for events in a room: one event's (`EventMessage<Message>`), all of a room's by its enum
    /// (`EventMessage<ChatEvent>`), or any as JSON (`EventMessage<Value>`). For a whole family, listen to
    /// `Project::every()`.
    ///
    /// The handler runs in the order of the events, off their way to clients, each run within
    /// [`Limits::hook_deadline`]; what it returns as an error, a panic and an overrun are logged. Events that it is too slow
    /// for are dropped for it, counted and logged ([`Limits::handler_queue`]). It listens to an id: also while there is no
    /// such room, and when the room is made anew.
    pub fn on<M, F, Fut>(&self, room: impl Listen<M>, handler: F) -> Subscription
    where
        M: Received,
        F: Fn(EventMessage<M>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: HookOutcome> + Send + 'static,
    {
        subscription::subscribe(&self.core, room.scope(), handler)
    }

    /// The same as a stream: `dialogue.events::<Message>(Chat)`.
    pub fn events<M: Received>(&self, room: impl Listen<M>) -> EventStream<M> {
        EventStream::new(&self.core, room.scope())
    }

    /// Sends an event to every connected client, outside of any room, as a `direct` frame. Returns for how many it was
    /// queued.
    ///
    /// # Errors
    ///
    /// [`TriggerError::Invalid`] if the data does not satisfy the event's schema, [`TriggerError::Limited`] if it is too
    /// large for a client's queue.
    pub fn broadcast<E: DialogueEvent>(&self, event: E) -> Result<usize, TriggerError> {
        let frame = direct_frame(&event, &self.core.limits)?;
        Ok(self.core.clients.broadcast(&frame, None))
    }

    /// The room of this id, if there is one. A [`RoomHandle`] means its very room, here and in every call: not another one
    /// that has taken the id.
    #[must_use]
    pub fn room(&self, room: impl RoomRef) -> Option<RoomHandle> {
        let room = self.core.rooms.find_ref(&room)?;
        Some(self.core.room(&room))
    }

    /// Every room there is, in no order.
    #[must_use]
    pub fn rooms(&self) -> Vec<RoomHandle> {
        self.core.rooms.all().iter().map(|room| self.core.room(room)).collect()
    }

    /// Creates a room: one of a declared family (`Project { id: 7 }`), or one described at run time
    /// ([`RoomConfig`](crate::RoomConfig)). Await it, perhaps after
    /// [`created_by`](CreateRoom::created_by). Every client is told `roomCreated`.
    ///
    /// # Errors
    ///
    /// See [`CreateRoomError`]; an id that there is already is one.
    ///
    /// # Cancel safety
    ///
    /// The room is made whole when this is first polled, or not at all.
    pub fn create_room(&self, room: impl RoomBlueprint) -> CreateRoom {
        CreateRoom {
            core: Arc::clone(&self.core),
            plan: room.into_plan(),
            created_by: None,
        }
    }

    /// Deletes a room. Its members leave and are told (`left` with the reason `roomDeleted`), and every client gets
    /// `roomDeleted`. What memory keeps of its history is forgotten. Returns whether there was such a room.
    ///
    /// # Cancel safety
    ///
    /// The room is deleted whole when this is first polled, or not at all.
    pub async fn delete_room(&self, room: impl RoomRef) -> bool {
        self.core
            .rooms
            .find_ref(&room)
            .is_some_and(|room| delete_room(&self.core, &room, None))
    }

    /// The clients of a user, the earliest first. A user may have several: tabs, devices.
    #[must_use]
    pub fn clients_of(&self, user: &str) -> Vec<Client> {
        let clients = self.core.clients.of_user(user);
        clients.iter().map(|client| self.core.client(client)).collect()
    }

    /// Every connected client, in no order.
    #[must_use]
    pub fn clients(&self) -> Vec<Client> {
        let clients = self.core.clients.all();
        clients.iter().map(|client| self.core.client(client)).collect()
    }

    /// Ends every connection of a user at once, with close code 4501: when this returns, what waited for them is dropped,
    /// nothing more is queued for them, and no room takes them. Returns how many there were.
    ///
    /// `on_disconnected` and `on_left` follow; as always, the rooms are left when `on_disconnected` has returned, so that
    /// [`is_in_room`](Self::is_in_room) may still be true for a moment.
    ///
    /// Whether the user may sign in again is for `authenticate` to say: make sure that it says no before you call this, or a
    /// connection that is being made at this moment stays.
    pub fn revoke(&self, user: &str) -> usize {
        self.core.continuity.resumes.forget(user);
        let clients = self.core.clients.of_user(user);
        for client in &clients {
            expel(&self.core, client, "the session was revoked", Some(LeftReason::Revoked));
        }
        clients.len()
    }

    /// The rooms of a user, over all its clients.
    #[must_use]
    pub fn rooms_of(&self, user: &str) -> UserRooms {
        UserRooms {
            core: Arc::clone(&self.core),
            user: UserId::from(user),
        }
    }

    /// Whether any of a user's clients is in a room.
    #[must_use]
    pub fn is_in_room(&self, user: &str, room: impl RoomRef) -> bool {
        let Some(room) = self.core.rooms.find_ref(&room) else {
            return false;
        };
        self.core
            .clients
            .user_has(user, |client| client.membership.lock().contains(&room.id))
    }

    /// What `Dialogue::builder().state(…)` was given, if it was a `T`.
    #[must_use]
    pub fn state<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        Arc::clone(self.core.application.as_ref()?).downcast().ok()
    }

    /// The histories of this server's rooms.
    #[must_use]
    pub fn history(&self) -> &HistoryManager {
        &self.core.history.log
    }

    /// The limits of this server.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.core.limits
    }

    /// The definition of the event that this server knows by a name, if it knows one.
    #[must_use]
    pub fn event(&self, name: &str) -> Option<&EventDefinition> {
        self.core.rooms.known_events.get(name)
    }
}

impl std::fmt::Debug for Dialogue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Dialogue")
            .field("clients", &self.core.clients.len())
            .finish_non_exhaustive()
    }
}

/// A room to be created: await it. What [`Dialogue::create_room`] returns.
#[must_use = "no room is created until this is awaited"]
pub struct CreateRoom {
    core: Arc<Core>,
    plan: RoomPlan,
    created_by: Option<UserId>,
}

impl CreateRoom {
    /// Names the user whose room it is: clients are told, and the user's clients may delete it.
    pub fn created_by(mut self, user: impl Into<UserId>) -> Self {
        self.created_by = Some(user.into());
        self
    }
}

impl IntoFuture for CreateRoom {
    type Output = Result<RoomHandle, CreateRoomError>;
    type IntoFuture = Ready<Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        let room = create::create(&self.core, self.plan, self.created_by);
        ready(room.map(|room| self.core.room(&room)))
    }
}

impl std::fmt::Debug for CreateRoom {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CreateRoom")
            .field("plan", &self.plan)
            .finish_non_exhaustive()
    }
}
