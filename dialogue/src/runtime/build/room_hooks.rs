//! The builder's hooks of one room type: each runs for one declared room or family, and receives its parsed fields.

use std::future::{Future, ready};
use std::sync::Arc;

use futures_util::future::BoxFuture;
use serde_json::Value;

use super::builder::Builder;
use super::hooks::notified;
use crate::delivery::Delivery;
use crate::event::EventMessage;
use crate::hook::{HookError, HookOutcome};
use crate::id::EventName;
use crate::room::Room;
use crate::runtime::core::{Client, RoomHandle};
use crate::runtime::hooks::arguments::{Arrival, Left};

/// The room as its type, with the fields of its id.
fn parsed<R: Room>(room: &RoomHandle) -> Result<R, HookError> {
    let id = room.id();
    R::from_id(id).ok_or_else(|| HookError::from(format!("the room id `{id}` no longer parses as its type")))
}

/// Calls a deciding hook with the parsed room.
fn decided<R: Room, O, Fut>(room: &RoomHandle, call: impl FnOnce(R) -> Fut) -> BoxFuture<'static, Result<O, HookError>>
where
    O: Send + 'static,
    Fut: Future<Output = Result<O, HookError>> + Send + 'static,
{
    match parsed(room) {
        Ok(room) => Box::pin(call(room)),
        Err(error) => Box::pin(ready(Err(error))),
    }
}

/// Calls a notification hook with the parsed room.
fn told<R: Room, Fut>(room: &RoomHandle, call: impl FnOnce(R) -> Fut) -> BoxFuture<'static, Result<(), HookError>>
where
    Fut: Future<Output: HookOutcome> + Send + 'static,
{
    match parsed(room) {
        Ok(room) => notified(call(room)),
        Err(error) => Box::pin(ready(Err(error))),
    }
}

impl Builder {
    /// Decides whether a client may join a room of one type; see [`before_join`](Self::before_join). The hook receives
    /// the room's type, with the fields of its id.
    ///
    /// ```
    /// # use dialogue::prelude::*;
    /// # rooms! { pub Rooms; pub Ticket { org: String, id: u64 } = "ticket-{org}-{id}" { events: [] } }
    /// let dialogue = Dialogue::builder()
    ///     .rooms::<Rooms>()
    ///     .before_join_of(|client: Client, ticket: Ticket| async move {
    ///         match client.claims()["org"] == ticket.org.as_str() {
    ///             true => Ok(()),
    ///             false => refuse("this ticket belongs to another organisation"),
    ///         }
    ///     })
    ///     .build()?;
    /// # Ok::<(), dialogue::BuildError>(())
    /// ```
    pub fn before_join_of<R, F, Fut>(mut self, hook: F) -> Self
    where
        R: Room,
        F: Fn(Client, R) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), HookError>> + Send + 'static,
    {
        self.hooks.before_join.add_of(
            "before_join_of",
            R::declaration(),
            Arc::new(move |(client, room)| decided(&room, |room| hook(client, room))),
        );
        self
    }

    /// Decides whether a client may trigger an event in a room of one type; see [`authorize`](Self::authorize).
    pub fn authorize_of<R, F, Fut>(mut self, hook: F) -> Self
    where
        R: Room,
        F: Fn(Client, R, EventName, Arc<Value>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), HookError>> + Send + 'static,
    {
        self.hooks.authorize.add_of(
            "authorize_of",
            R::declaration(),
            Arc::new(move |(client, room, event, data)| decided(&room, |room| hook(client, room, event, data))),
        );
        self
    }

    /// Called for each client that has joined a room of one type; see [`on_joined`](Self::on_joined).
    pub fn on_joined_of<R, F, Fut>(mut self, hook: F) -> Self
    where
        R: Room,
        F: Fn(Client, R, Arrival) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: HookOutcome> + Send + 'static,
    {
        self.hooks.on_joined.add_of(
            "on_joined_of",
            R::declaration(),
            Arc::new(move |(client, room, arrival)| told(&room, |room| hook(client, room, arrival))),
        );
        self
    }

    /// Called for each client that has left a room of one type; see [`on_left`](Self::on_left).
    pub fn on_left_of<R, F, Fut>(mut self, hook: F) -> Self
    where
        R: Room,
        F: Fn(Client, R, Left) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: HookOutcome> + Send + 'static,
    {
        self.hooks.on_left.add_of(
            "on_left_of",
            R::declaration(),
            Arc::new(move |(client, room, left)| told(&room, |room| hook(client, room, left))),
        );
        self
    }

    /// Called for each room of one type that is created after the server was built; see
    /// [`on_room_created`](Self::on_room_created).
    pub fn on_room_created_of<R, F, Fut>(mut self, hook: F) -> Self
    where
        R: Room,
        F: Fn(RoomHandle, R) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: HookOutcome> + Send + 'static,
    {
        self.hooks.on_room_created.add_of(
            "on_room_created_of",
            R::declaration(),
            Arc::new(move |handle: RoomHandle| told(&handle.clone(), |room| hook(handle, room))),
        );
        self
    }

    /// Called for each room of one type that has been deleted or has expired; see
    /// [`on_room_deleted`](Self::on_room_deleted).
    pub fn on_room_deleted_of<R, F, Fut>(mut self, hook: F) -> Self
    where
        R: Room,
        F: Fn(RoomHandle, R) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: HookOutcome> + Send + 'static,
    {
        self.hooks.on_room_deleted.add_of(
            "on_room_deleted_of",
            R::declaration(),
            Arc::new(move |handle: RoomHandle| told(&handle.clone(), |room| hook(handle, room))),
        );
        self
    }

    /// Checks each event before it is sent to a room of one type; see [`before_each`](Self::before_each).
    pub fn before_each_of<R, F, Fut>(mut self, hook: F) -> Self
    where
        R: Room,
        F: Fn(EventMessage, R) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<EventMessage, HookError>> + Send + 'static,
    {
        self.hooks.before_each.add_of(
            "before_each_of",
            R::declaration(),
            Arc::new(move |(message, room)| decided(&room, |room| hook(message, room))),
        );
        self
    }

    /// Called synchronously for each event that has been queued for its recipients in a room of one type; see
    /// [`after_each`](Self::after_each).
    pub fn after_each_of<R, F, O>(mut self, hook: F) -> Self
    where
        R: Room,
        F: Fn(&EventMessage, &Delivery, R) -> O + Send + Sync + 'static,
        O: HookOutcome,
    {
        let hook = move |message: &EventMessage, delivery: &Delivery, room: &RoomHandle| {
            hook(message, delivery, parsed(room)?).into_result()
        };
        self.hooks
            .after_each
            .add_of("after_each_of", R::declaration(), Arc::new(hook));
        self
    }

    /// Called in the background for each event that has been queued for its recipients in a room of one type; see
    /// [`on_triggered`](Self::on_triggered).
    pub fn on_triggered_of<R, F, Fut>(mut self, hook: F) -> Self
    where
        R: Room,
        F: Fn(EventMessage, R) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: HookOutcome> + Send + 'static,
    {
        self.hooks.on_triggered.add_of(
            "on_triggered_of",
            R::declaration(),
            Arc::new(move |(message, room): (Arc<EventMessage>, _)| {
                told(&room, |room| hook(Arc::unwrap_or_clone(message), room))
            }),
        );
        self
    }
}
