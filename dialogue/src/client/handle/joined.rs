//! A room that a client is in.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use serde_json::Value;

use super::asking::Asking;
use super::shared::ClientShared;
use super::stream::RoomStream;
use super::triggering::Triggering;
use crate::client::answer::{Answer, unexpected};
use crate::client::events::{Departure, Recovery, RoomItem, decode};
use crate::client::handler::ClientSubscription;
use crate::client::listeners::StartAt;
use crate::client::replies::{HistoryPage, Page};
use crate::client::room_shared::RoomShared;
use crate::containment::HookOutcome;
use crate::event::{DialogueEvent, EventMessage, Payload, Received};
use crate::id::{EventName, RoomId};
use crate::protocol::{Command, HistoryCommand};
use crate::room::{Allows, ClientAllows, RoomRef};
use crate::schema::Violation;

/// A room known by its id alone: what it allows, the server says when the program runs.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct AnyRoom(pub RoomId);

impl RoomRef for AnyRoom {
    fn room_id(&self) -> RoomId {
        self.0.clone()
    }
}

#[diagnostic::do_not_recommend]
impl<M: Received> Allows<M> for AnyRoom {}
#[diagnostic::do_not_recommend]
impl<E: DialogueEvent> ClientAllows<E> for AnyRoom {}

/// A room that a client is in: what a join gives. A cheap clone.
///
/// It stays the same room across lost connections. Dropping it leaves nothing: [`leave`](Self::leave) does.
///
/// What the room sends between the join and the first handler or stream of events is kept for that one, up to 600 events and
/// 1 MiB; if there were more, it is told how many are lost. Further ones are given what nobody else has wanted, if they are there
/// within 5 s of the first: handlers are set up one after another. Later ones begin with what comes then.
pub struct Joined<R> {
    client: Arc<ClientShared>,
    room: R,
    shared: Arc<RoomShared>,
}

impl<R> Joined<R> {
    pub(super) fn new(client: Arc<ClientShared>, room: R, shared: Arc<RoomShared>) -> Self {
        Self { client, room, shared }
    }

    /// The room as it was joined.
    pub fn room(&self) -> &R {
        &self.room
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> &RoomId {
        &self.shared.id
    }

    /// Its name for people.
    #[must_use]
    pub fn name(&self) -> String {
        self.shared.view().name
    }

    /// The events that the client is subscribed to, by name; under the wildcard, `"*"` comes first.
    #[must_use]
    pub fn subscriptions(&self) -> Vec<EventName> {
        self.shared.view().subscriptions
    }

    /// Whether the client is in the room, or on its way back after a lost connection.
    #[must_use]
    pub fn is_joined(&self) -> bool {
        !self.shared.view().departed
    }

    /// Triggers an event: the event itself, or one [with metadata](DialogueEvent::with_meta). (Whose it is, the server knows:
    /// a sender is not passed on.) Await the result.
    pub fn trigger<E: DialogueEvent>(&self, data: impl Payload<Event = E>) -> Triggering
    where
        R: ClientAllows<E>,
    {
        let mut outgoing = data.into_outgoing();
        let meta = outgoing.take_meta();
        let data = serde_json::to_value(&outgoing.data).map_err(Violation::type_mismatch);
        Triggering::new(&self.client, &self.shared.id, EventName::from(E::NAME), data, meta)
    }

    /// Triggers an event by its name, checked by the server alone.
    pub fn trigger_raw(&self, event: impl Into<EventName>, data: impl Into<Value>) -> Triggering {
        Triggering::new(&self.client, &self.shared.id, event.into(), Ok(data.into()), Ok(None))
    }

    /// Runs `handler` for each event that it takes: one event's type, the room's enum of events, or any as
    /// [`Value`]. In order, one at a time, on a task of its own. What does not decode is logged. The client
    /// hears what it is subscribed to.
    pub fn on<M, F, Fut>(&self, handler: F) -> ClientSubscription
    where
        M: Received,
        R: Allows<M>,
        F: Fn(EventMessage<M>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: HookOutcome> + Send + 'static,
    {
        self.handle(
            StartAt::Backlog,
            |item| item.is_event_of(M::names()),
            move |item| match item {
                RoomItem::Event(message, _) => match decode(&message) {
                    Ok(message) => Some(handler(message)),
                    Err(error) => {
                        tracing::warn!(%error, "an event was dropped");
                        None
                    }
                },
                _ => None,
            },
        )
    }

    /// Runs `handler` for every event of the room, as JSON.
    pub fn on_any<F, Fut>(&self, handler: F) -> ClientSubscription
    where
        F: Fn(EventMessage) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: HookOutcome> + Send + 'static,
    {
        self.handle(
            StartAt::Backlog,
            |item| item.is_event_of(None),
            move |item| match item {
                RoomItem::Event(message, _) => Some(handler(EventMessage::clone(&message))),
                _ => None,
            },
        )
    }

    /// Runs `handler` each time the client is back in the room after a lost connection: whether anything is missed. It runs in
    /// its place: when all handlers of the room have handled what came before, and before they go on. So a handler that never
    /// returns holds this one up.
    pub fn on_recovered<F, Fut>(&self, handler: F) -> ClientSubscription
    where
        F: Fn(Recovery) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: HookOutcome> + Send + 'static,
    {
        self.handle(
            StartAt::Now,
            |item| matches!(item, RoomItem::Recovered(_)),
            move |item| match item {
                RoomItem::Recovered(recovery) => Some(handler(recovery)),
                _ => None,
            },
        )
    }

    /// Runs `handler` when the client is no longer in the room, for whatever reason. It is the last that is heard of it: it runs
    /// when all handlers of the room have handled what came before.
    pub fn on_left<F, Fut>(&self, handler: F) -> ClientSubscription
    where
        F: Fn(Departure) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: HookOutcome> + Send + 'static,
    {
        self.handle(
            StartAt::Now,
            |item| matches!(item, RoomItem::Departed(_)),
            move |item| match item {
                RoomItem::Departed(departure) => Some(handler(departure)),
                _ => None,
            },
        )
    }

    fn handle<F, Fut>(&self, since: StartAt, wants: fn(&RoomItem) -> bool, handler: F) -> ClientSubscription
    where
        F: Fn(RoomItem) -> Option<Fut> + Send + Sync + 'static,
        Fut: Future<Output: HookOutcome> + Send + 'static,
    {
        self.shared
            .listeners
            .handle(&self.client.runtime, since, wants, handler)
    }

    /// The events of a type, or of the room's enum, as a stream, with each gap in its place.
    pub fn stream<M: Received>(&self) -> RoomStream<M>
    where
        R: Allows<M>,
    {
        RoomStream::new(Arc::clone(&self.client), Arc::clone(&self.shared))
    }

    /// Subscribes to an event.
    pub fn subscribe<E: DialogueEvent>(&self) -> Asking<()>
    where
        R: Allows<E>,
    {
        self.subscribe_to(E::NAME)
    }

    /// Subscribes to an event by its name.
    pub fn subscribe_to(&self, event: impl Into<EventName>) -> Asking<()> {
        self.ask(Command::Subscribe {
            room_id: self.shared.id.clone(),
            event: event.into(),
        })
    }

    /// Subscribes to every event of the room.
    pub fn subscribe_all(&self) -> Asking<()> {
        self.ask(Command::SubscribeAll {
            room_id: self.shared.id.clone(),
        })
    }

    /// Ends the subscription to an event; under the wildcard, that is narrowed to all others.
    pub fn unsubscribe<E: DialogueEvent>(&self) -> Asking<()>
    where
        R: Allows<E>,
    {
        self.unsubscribe_from(E::NAME)
    }

    /// The same by the event's name.
    pub fn unsubscribe_from(&self, event: impl Into<EventName>) -> Asking<()> {
        self.ask(Command::Unsubscribe {
            room_id: self.shared.id.clone(),
            event: event.into(),
        })
    }

    /// Asks for events of a type that the room still keeps, newest first.
    pub fn history<E: DialogueEvent>(&self, page: Page) -> Asking<HistoryPage<E>>
    where
        R: Allows<E>,
    {
        let pages = self.history_named(E::NAME, page);
        Asking::new(async move {
            let HistoryPage { events, more } = pages.await?;
            let events = events.iter().map(decode::<E>).collect::<Result<_, _>>()?;
            Ok(HistoryPage { events, more })
        })
    }

    /// The same by the event's name, as JSON.
    pub fn history_named(&self, event: impl Into<EventName>, page: Page) -> Asking<HistoryPage<Value>> {
        let client = Arc::clone(&self.client);
        let command = Command::History(HistoryCommand {
            room_id: self.shared.id.clone(),
            event: event.into(),
            cursor: page.cursor(),
        });
        Asking::new(async move {
            match client.ask(command).await? {
                Answer::History { events, more } => Ok(HistoryPage { events, more }),
                other => Err(unexpected(&other)),
            }
        })
    }

    /// Leaves the room. Nothing of it comes afterwards; handlers and streams end.
    pub fn leave(&self) -> Asking<()> {
        self.ask(Command::Leave {
            room_id: self.shared.id.clone(),
        })
    }

    fn ask(&self, command: Command) -> Asking<()> {
        let client = Arc::clone(&self.client);
        Asking::new(async move { client.ask(command).await.map(|_| ()) })
    }
}

impl<R: Clone> Clone for Joined<R> {
    fn clone(&self) -> Self {
        Self::new(Arc::clone(&self.client), self.room.clone(), Arc::clone(&self.shared))
    }
}

impl<R> fmt::Debug for Joined<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Joined")
            .field("id", &self.shared.id)
            .finish_non_exhaustive()
    }
}
