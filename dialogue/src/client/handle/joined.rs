//! The handle of a room that a client is in.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use serde_json::Value;

use super::asking::Asking;
use super::shared::ClientShared;
use super::stream::RoomStream;
use super::triggering::Triggering;
use crate::chain::Chain;
use crate::client::answer::{Answer, unexpected};
use crate::client::events::{Departure, Erasure, Recovery, RoomItem, decode};
use crate::client::handler::ClientSubscription;
use crate::client::listeners::StartAt;
use crate::client::replies::{HistoryPage, Page, older_than};
use crate::client::room_shared::RoomShared;
use crate::client::session::Demand;
use crate::event::{DialogueEvent, EventMessage, Payload, Received, read};
use crate::hook::HookOutcome;
use crate::id::{EventName, RoomId};
use crate::protocol::{Command, HistoryCommand};
use crate::room::{Allows, ClientAllows, RoomRef};
use crate::schema::Violation;
use crate::schema::plain_numbers::to_value;

/// A room that is known by its id alone. The server checks at run time what the room allows.
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

/// The handle of a room that a client is in, returned by a join. A cheap clone.
///
/// The handle stays valid across lost connections. Each join returns its own handle, with its own handlers and streams,
/// and holds the room. Dropping a handle does not leave the room; [`leave`](Self::leave) does, once no other handle
/// holds it. If the server ends the membership, all handles end.
///
/// Events that the room sends before the first handler or stream for events are kept for it, up to 600 events and 1
/// MiB. If there were more, the first listener learns how many were lost. Handlers are set up one after another, so
/// further listeners added within 5 s of the first receive the kept events that no other listener wanted. Later
/// listeners start with new events.
pub struct Joined<R> {
    client: Arc<ClientShared>,
    room: R,
    shared: Arc<RoomShared>,
}

impl<R> Joined<R> {
    pub(super) fn new(client: Arc<ClientShared>, room: R, shared: Arc<RoomShared>) -> Self {
        Self { client, room, shared }
    }

    /// The room that was joined.
    pub fn room(&self) -> &R {
        &self.room
    }

    /// The room's id.
    #[must_use]
    pub fn id(&self) -> &RoomId {
        &self.shared.id
    }

    /// The room's name for people.
    #[must_use]
    pub fn name(&self) -> String {
        self.shared.view().name
    }

    /// The names of the events that the client is subscribed to. With the wildcard, `"*"` comes first.
    #[must_use]
    pub fn subscriptions(&self) -> Vec<EventName> {
        self.shared.view().subscriptions
    }

    /// Whether this handle holds the room: the client is in it, or is rejoining it after a lost connection.
    #[must_use]
    pub fn is_joined(&self) -> bool {
        !self.shared.is_departed()
    }

    /// Triggers an event: the event itself, or one [with metadata](DialogueEvent::with_meta). Await the result. The
    /// server knows who the sender is, so a sender given here is not sent.
    pub fn trigger<E: DialogueEvent>(&self, data: impl Payload<Event = E>) -> Triggering
    where
        R: ClientAllows<E>,
    {
        let mut outgoing = data.into_outgoing();
        let meta = outgoing.take_meta();
        let data = to_value(&outgoing.data).map_err(Violation::type_mismatch);
        Triggering::new(&self.client, &self.shared, EventName::from(E::NAME), data, meta)
    }

    /// Triggers an event by its name. Only the server checks it.
    pub fn trigger_raw(&self, event: impl Into<EventName>, data: impl Into<Value>) -> Triggering {
        Triggering::new(&self.client, &self.shared, event.into(), Ok(data.into()), Ok(None))
    }

    /// Runs `handler` for each event of its type: one event type, the room's event enum, or any event as [`Value`]. The
    /// handler runs on a task of its own, for one event at a time and in order. Events that do not decode are logged.
    /// The client receives only what it is subscribed to.
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
                        tracing::warn!(error = %Chain(&error), "dropped an event that does not decode");
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

    /// Runs `handler` each time that the data of an event was erased: remove it from what you keep. Like
    /// [`on_recovered`](Self::on_recovered), it runs after all handlers of the room have handled what came before, so after
    /// those for the event, and before they continue. No other handler receives an erased event; a stream reports it as
    /// [`RoomStreamError::Erased`](crate::client::RoomStreamError::Erased).
    ///
    /// A client that was away when an event was erased that it had received before learns of it only from
    /// [`history`](Self::history).
    pub fn on_erased<F, Fut>(&self, handler: F) -> ClientSubscription
    where
        F: Fn(Erasure) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: HookOutcome> + Send + 'static,
    {
        self.handle(
            StartAt::Backlog,
            |item| matches!(item, RoomItem::Erased(..)),
            move |item| match item {
                RoomItem::Erased(erasure, _) => Some(handler(Erasure::clone(&erasure))),
                _ => None,
            },
        )
    }

    /// Runs `handler` each time the client has rejoined the room after a lost connection, and tells it whether events
    /// were missed. It runs after all handlers of the room have handled what came before, and before they continue.
    /// Therefore a handler that never returns blocks this one.
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

    /// Runs `handler` when the client is no longer in the room, for any reason. Nothing follows it: it runs after all
    /// handlers of the room have handled what came before.
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

    fn handle<F, Fut>(&self, start: StartAt, wants: fn(&RoomItem) -> bool, handler: F) -> ClientSubscription
    where
        F: Fn(RoomItem) -> Option<Fut> + Send + Sync + 'static,
        Fut: Future<Output: HookOutcome> + Send + 'static,
    {
        self.shared
            .listeners
            .handle(&self.client.runtime, start, wants, handler)
    }

    /// The events of a type, or of the room's event enum, as a stream. A gap appears in the stream where it happened.
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

    /// Unsubscribes from an event. With the wildcard, the client stays subscribed to all other events.
    pub fn unsubscribe<E: DialogueEvent>(&self) -> Asking<()>
    where
        R: Allows<E>,
    {
        self.unsubscribe_from(E::NAME)
    }

    /// Unsubscribes from an event by its name.
    pub fn unsubscribe_from(&self, event: impl Into<EventName>) -> Asking<()> {
        self.ask(Command::Unsubscribe {
            room_id: self.shared.id.clone(),
            event: event.into(),
        })
    }

    /// Asks for events of a type that the room still keeps, newest first. To read everything, begin with
    /// [`Page::newest`] and continue with [`HistoryPage::next`]. A page has an
    /// [`Unreadable`](crate::event::Unreadable) in the place of an event that was erased or does not decode.
    pub fn history<E: DialogueEvent>(&self, page: Page) -> Asking<HistoryPage<E>>
    where
        R: Allows<E>,
    {
        self.read_history(E::NAME.into(), page)
    }

    /// Asks for events by their name, as JSON.
    pub fn history_named(&self, event: impl Into<EventName>, page: Page) -> Asking<HistoryPage<Value>> {
        self.read_history(event.into(), page)
    }

    fn read_history<M: Received>(&self, event: EventName, page: Page) -> Asking<HistoryPage<M>> {
        let (client, shared) = (Arc::clone(&self.client), Arc::clone(&self.shared));
        let command = Command::History(HistoryCommand {
            room_id: self.shared.id.clone(),
            event,
            cursor: page.cursor(),
        });
        Asking::new(async move {
            match client.ask_in(&shared, Demand::Request(command)).await? {
                Answer::History { events, more, next } => {
                    let older = older_than(&events, more, next);
                    let messages = events.iter().map(read::<M>).collect();
                    Ok(HistoryPage { messages, more, older })
                }
                other => Err(unexpected(&other)),
            }
        })
    }

    /// Gives up this handle's hold of the room: its handlers and streams end. The client leaves the room when the last
    /// handle leaves. Clones of a handle share one hold. Leaving twice has no effect.
    pub fn leave(&self) -> Asking<()> {
        let (client, shared) = (Arc::clone(&self.client), Arc::clone(&self.shared));
        Asking::new(async move { client.leave(shared).await })
    }

    fn ask(&self, command: Command) -> Asking<()> {
        let (client, shared) = (Arc::clone(&self.client), Arc::clone(&self.shared));
        Asking::new(async move { client.ask_in(&shared, Demand::Request(command)).await.map(|_| ()) })
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
