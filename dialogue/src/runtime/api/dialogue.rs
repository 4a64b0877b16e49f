//! The methods of [`Dialogue`]: triggering and listening, looking up rooms and users, and what the server knows of itself.

use std::future::{Future, IntoFuture};
use std::sync::Arc;

use futures_util::future::BoxFuture;
use tokio::task::coop::consume_budget;

use crate::delivery::{Delivery, TriggerError};
use crate::event::{DialogueEvent, EventDefinition, EventMessage, Payload, Received};
use crate::hook::HookOutcome;
use crate::id::UserId;
use crate::limits::Limits;
use crate::log::{HistoryManager, StoreFailure};
use crate::protocol::LeftReason;
use crate::room::{Allows, Listen, RoomBlueprint, RoomPlan, RoomRef};
use crate::runtime::api::client::direct_frame;
use crate::runtime::api::here::Here;
use crate::runtime::api::trigger::Trigger;
use crate::runtime::api::user_rooms::UserRooms;
use crate::runtime::build::builder::Builder;
use crate::runtime::continuity::revocation::revoke_secrets;
use crate::runtime::core::{Client, Core, Dialogue, RoomHandle};
use crate::runtime::handlers::subscription::{self, EventStream, Subscription};
use crate::runtime::membership::delete_by_id::delete_by_id;
use crate::runtime::membership::leave::expel;
use crate::runtime::rooms::create::{self, CreateRoomError};
use crate::runtime::rooms::load::{RoomUnavailable, parts_of};
use crate::runtime::rooms::on_demand::find_for_server;

impl Dialogue {
    /// Starts to describe a server. See [`Builder`] for its rooms, hooks and limits.
    pub fn builder() -> Builder {
        Builder::new()
    }

    /// A view of this node: its rooms, its clients, and the users of these clients. Its calls are synchronous.
    ///
    /// ```
    /// # use dialogue::Dialogue;
    /// # fn main() -> Result<(), dialogue::BuildError> {
    /// # let dialogue = Dialogue::builder().define_events([]).build()?;
    /// for client in dialogue.here().clients_of("ada") {
    ///     println!("{} is in {:?}", client.id(), client.rooms());
    /// }
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn here(&self) -> Here {
        Here {
            core: Arc::clone(&self.core),
        }
    }

    /// Triggers an event in a room. Every client in the room that is subscribed to the event receives it, and so do the
    /// server's handlers and streams.
    ///
    /// The room is a room type, which the compiler checks, or a [`RoomHandle`], which the server checks at run time.
    /// The payload is the event, an event with a sender or metadata (`event.sent_by(user)`), or a whole
    /// [`EventMessage`].
    ///
    /// A room of an on-demand family need not be present: an event with history begins it, and any event reaches an idle room
    /// that has a log. See [`room`](Self::room).
    ///
    /// The server validates the event and asks `before_each`. If the event has history, the server numbers and stores
    /// it. Then it encodes the event once and queues it for each subscriber. It never waits for a reader.
    ///
    /// # Errors
    ///
    /// See [`TriggerError`]. If a trigger fails, no client and no handler has seen the event.
    pub fn trigger<E: DialogueEvent>(&self, room: impl Allows<E>, data: impl Payload<Event = E>) -> Trigger {
        let room_id = room.room_id();
        let (id, epoch) = (room_id.clone(), room.room_epoch().map(str::to_owned));
        Trigger::typed(
            Arc::clone(&self.core),
            room_id,
            epoch.clone(),
            move |core| core.rooms.find_incarnation(&id, epoch.as_deref()),
            data.into_outgoing(),
        )
    }

    /// Runs a handler for events of a room: for one event (`EventMessage<Message>`), for all events of the room by its
    /// enum (`EventMessage<ChatEvent>`), or for any event as JSON (`EventMessage<Value>`). To listen to a whole family,
    /// pass `Project::every()`.
    ///
    /// The handler receives the events in order, and never delays their delivery to clients. Each run must end within
    /// [`Limits::hook_deadline`]. An error that it returns, a panic and a timeout are logged. If the handler is too
    /// slow, events are dropped for it, counted and logged ([`Limits::handler_queue`]).
    ///
    /// A handler listens to a room's id. It stays registered while no such room exists, and also receives the events of
    /// a room that is created with the same id later.
    pub fn on<M, F, Fut>(&self, room: impl Listen<M>, handler: F) -> Subscription
    where
        M: Received,
        F: Fn(EventMessage<M>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: HookOutcome> + Send + 'static,
    {
        subscription::subscribe(&self.core, room.scope(), move |message, _, _| handler(message))
    }

    /// Runs a handler that also receives the event's room, and the client that triggered the event; otherwise the same as
    /// [`on`](Self::on). The client is `None` if the server triggered the event, or a client of another node. The client
    /// may have disconnected in the meantime.
    ///
    /// ```
    /// # use dialogue::prelude::*;
    /// # #[derive(Serialize, Deserialize, JsonSchema, DialogueEvent)]
    /// # struct Command { text: String }
    /// # #[derive(Serialize, Deserialize, JsonSchema, DialogueEvent)]
    /// # struct Output { text: String }
    /// # rooms! { pub Rooms; pub Console = "console" { events: [Command] } }
    /// # fn example(dialogue: &Dialogue) {
    /// dialogue.on_with_sender(Console, |command: EventMessage<Command>, room, sender| async move {
    ///     if let Some(client) = sender {
    ///         client.send(Output { text: format!("{} in {}", command.data.text, room.name()) })?;
    ///     }
    ///     Ok(())
    /// });
    /// # }
    /// ```
    pub fn on_with_sender<M, F, Fut>(&self, room: impl Listen<M>, handler: F) -> Subscription
    where
        M: Received,
        F: Fn(EventMessage<M>, RoomHandle, Option<Client>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: HookOutcome> + Send + 'static,
    {
        subscription::subscribe(&self.core, room.scope(), handler)
    }

    /// Returns the events of a room as a stream: `dialogue.stream::<Message>(Chat)`. The type selects the events as in
    /// [`on`](Self::on).
    pub fn stream<M: Received>(&self, room: impl Listen<M>) -> EventStream<M> {
        EventStream::new(&self.core, room.scope())
    }

    /// Sends an event to every connected client, outside any room, as a `direct` frame. [`Delivery::recipients`] says
    /// how many clients it was queued for.
    ///
    /// # Errors
    ///
    /// [`TriggerError::Invalid`] if the data does not satisfy the event's schema. [`TriggerError::LimitExceeded`] if the
    /// frame is larger than half of [`Limits::queue_bytes`].
    ///
    /// # Cancel safety
    ///
    /// The event is queued for every client when this future is first polled, or for none.
    pub async fn broadcast<E: DialogueEvent>(&self, event: E) -> Result<Delivery, TriggerError> {
        let frame = direct_frame(&event, &self.core.limits)?;
        let recipients = self.core.clients.broadcast(&frame, None);
        // A loop of broadcasts lets the tasks that send them run.
        consume_budget().await;
        Ok(Delivery::new(recipients, None))
    }

    /// Looks up a room; `None` if it does not exist. A [`RoomHandle`] only finds its own room, here and in every call.
    /// It never finds another room that has taken the id.
    ///
    /// An idle on-demand room exists if it has a log: if any of its events was ever numbered, and memory or the store still
    /// knows that. Looking it up makes it present, as a join does, until it has been empty for
    /// [`Limits::on_demand_idle`] again. A trigger does the same. To see only rooms that are present, use
    /// [`here().room`](Here::room).
    ///
    /// # Errors
    ///
    /// [`RoomUnavailable`]: nobody knows whether the room exists, or it exists and cannot be in this process now. A later
    /// attempt may succeed. Declared rooms of a server without a store are always available.
    ///
    /// # Cancel safety
    ///
    /// Safe to drop: the room is present or not, and nothing else changes.
    pub async fn room(&self, room: impl RoomRef) -> Result<Option<RoomHandle>, RoomUnavailable> {
        let (id, epoch) = parts_of(&room);
        if let Some(room) = self.core.rooms.find_incarnation(&id, epoch.as_deref()) {
            return Ok(Some(self.core.room(&room)));
        }
        let found = Box::pin(find_for_server(&self.core, &id, epoch.as_deref(), |_| false)).await?;
        Ok(found.map(|used| self.core.room(&used.room)))
    }

    /// Creates a room: one of a declared family (`Project { id: 7 }`), or one that is described at run time
    /// ([`RoomConfig`](crate::RoomConfig)). Await the result. To name the user that the room belongs to, call
    /// [`created_by`](CreateRoom::created_by) first. Every client receives `roomCreated`.
    ///
    /// # Errors
    ///
    /// See [`CreateRoomError`], for example if a room with this id already exists.
    ///
    /// # Cancel safety
    ///
    /// Without a store, the room is created completely when the result is first polled, or not at all. With one, the creation
    /// continues if the result is dropped.
    pub fn create_room(&self, room: impl RoomBlueprint) -> CreateRoom {
        CreateRoom {
            core: Arc::clone(&self.core),
            plan: room.into_plan(),
            created_by: None,
        }
    }

    /// Deletes a room. Its members leave and receive `left` with the reason `roomDeleted`, and every client receives
    /// `roomDeleted`. The room's history is discarded. The log of an idle on-demand room is deleted too. Returns whether there was
    /// anything to delete. A declared room that is deleted in a store stays so until [`create_room`](Self::create_room).
    ///
    /// # Errors
    ///
    /// [`StoreFailure`]: the store has not deleted the room. After [`StoreFailure::TimedOut`], it may do so later; the room is then
    /// deleted here too. Without a store, this never fails.
    ///
    /// # Cancel safety
    ///
    /// Without a store, the room is deleted completely when this future is first polled, or not at all. With one, the deletion
    /// continues if the future is dropped.
    pub async fn delete_room(&self, room: impl RoomRef) -> Result<bool, StoreFailure> {
        let (id, epoch) = parts_of(&room);
        let existed = delete_by_id(&self.core, &id, epoch.as_deref()).await;
        consume_budget().await;
        existed
    }

    /// Ends every connection of a user at once, with close code 4501. When this returns, the frames that waited for
    /// these clients are dropped, nothing more is queued for them, and they can join no room. [`Revoked::clients`] says
    /// how many clients there were.
    ///
    /// `on_disconnected` and `on_left` run. As always, a client leaves its rooms when `on_disconnected` has returned,
    /// so [`is_in_room`](Self::is_in_room) may stay true for a moment.
    ///
    /// `authenticate` decides whether the user may sign in again. Make sure that it refuses the user before you call
    /// `revoke`. Otherwise, a connection that is being established at this moment survives.
    ///
    /// With a store, the next run of the server knows of the revocation, too. This waits until the store has noted it, for at
    /// most [`Limits::append_deadline`](crate::Limits::append_deadline). If the store fails, the server logs an error, and tries
    /// again until the store has noted it or the server ends.
    ///
    /// # Cancel safety
    ///
    /// Every connection is ended when this future is first polled, or none. Dropped before it is ready, the store may not
    /// have noted the revocation yet. The server goes on with that.
    pub async fn revoke(&self, user: &str) -> Revoked {
        let noted = revoke_secrets(&self.core, &user.into());
        let clients = self.core.clients.of_user(user);
        for client in &clients {
            expel(&self.core, client, "the session was revoked", Some(LeftReason::Revoked));
        }
        noted.await;
        consume_budget().await;
        Revoked { clients: clients.len() }
    }

    /// The rooms that a user is in, through any of its clients. Await the result to get their ids, or call
    /// [`leave_all`](UserRooms::leave_all).
    pub fn rooms_of(&self, user: &str) -> UserRooms {
        UserRooms {
            core: Arc::clone(&self.core),
            user: UserId::from(user),
        }
    }

    /// Whether any client of a user is in a room.
    ///
    /// # Cancel safety
    ///
    /// Safe to drop: looking up changes nothing.
    pub async fn is_in_room(&self, user: &str, room: impl RoomRef) -> bool {
        self.here().is_in_room(user, room)
    }

    /// The application's value of this type, as [`Builder::state`] received it; `None` if there is none.
    #[must_use]
    pub fn state<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        self.core.application.get()
    }

    /// The manager that keeps the histories of this server's rooms in memory. With a store, it has only the newest events of
    /// the rooms that were used: [`RoomHandle::history`] reads the others.
    #[must_use]
    pub fn history(&self) -> &HistoryManager {
        &self.core.history.log
    }

    /// The limits of this server.
    #[must_use]
    pub fn limits(&self) -> &Limits {
        &self.core.limits
    }

    /// Looks up the definition of an event by its name; `None` if this server does not know the event.
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

/// A room that is created when you await this. [`Dialogue::create_room`] returns it.
#[must_use = "no room is created until this is awaited"]
pub struct CreateRoom {
    core: Arc<Core>,
    plan: RoomPlan,
    created_by: Option<UserId>,
}

impl CreateRoom {
    /// Names the user that the room belongs to. Clients see who created the room, and the user's own clients may delete
    /// it.
    pub fn created_by(mut self, user: impl Into<UserId>) -> Self {
        self.created_by = Some(user.into());
        self
    }
}

impl IntoFuture for CreateRoom {
    type Output = Result<RoomHandle, CreateRoomError>;
    type IntoFuture = BoxFuture<'static, Self::Output>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(async move {
            let created = create::create(&self.core, self.plan, self.created_by).await;
            consume_budget().await;
            Ok(self.core.room(&created?))
        })
    }
}

impl std::fmt::Debug for CreateRoom {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CreateRoom")
            .field("plan", &self.plan)
            .finish_non_exhaustive()
    }
}

/// The outcome of [`Dialogue::revoke`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Revoked {
    /// How many clients the user had.
    pub clients: usize,
}
