//! What one can do with a room.

use std::sync::Arc;

use crate::containment::HookOutcome;
use crate::event::{DialogueEvent, EventDefinition, EventMessage, Payload, Received};
use crate::id::{EventName, RoomId, UserId};
use crate::room::{Allows, Listen, ListenScope, RoomRef};
use crate::runtime::api::trigger::Trigger;
use crate::runtime::core::{Client, Dialogue, RoomHandle};
use crate::runtime::handlers::subscription::{self, EventStream, Subscription};
use crate::runtime::history::page::messages;
use crate::runtime::membership::delete_room::delete_room;

impl RoomHandle {
    /// The room's id.
    #[must_use]
    pub fn id(&self) -> &RoomId {
        &self.cell.id
    }

    /// The name for people.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.cell.template.name
    }

    /// What the room is for.
    #[must_use]
    pub fn description(&self) -> Option<&str> {
        self.cell.template.description.as_deref()
    }

    /// The most clients that may be in the room at once; `None` for no bound.
    #[must_use]
    pub fn max_size(&self) -> Option<usize> {
        self.cell.template.max_size
    }

    /// The events that the room lists: first those that clients may trigger, then the server's. Empty for a room that
    /// allows any event, and for a read-only one.
    #[must_use]
    pub fn events(&self) -> Vec<EventDefinition> {
        self.cell.template.policy.definitions().cloned().collect()
    }

    /// The names of the events that a client hears which joins without naming any, under the wildcard preceded by `*`.
    #[must_use]
    pub fn default_subscriptions(&self) -> Vec<EventName> {
        self.cell
            .subscription_names(&self.cell.template.default_subscriptions)
            .into_names()
    }

    /// The user who created the room, if anyone is known to have.
    #[must_use]
    pub fn created_by(&self) -> Option<&UserId> {
        self.cell.created_by.as_ref()
    }

    /// This incarnation of the room: another room of the same id has another epoch.
    #[must_use]
    pub fn epoch(&self) -> &str {
        &self.cell.epoch
    }

    /// The server that the room belongs to.
    #[must_use]
    pub fn dialogue(&self) -> Dialogue {
        Dialogue {
            core: Arc::clone(&self.core),
        }
    }

    /// How many clients are in the room. A user with two tabs counts twice.
    #[must_use]
    pub fn size(&self) -> usize {
        self.cell.lock().record.size()
    }

    /// Whether as many clients are in the room as may be.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.cell.lock().record.is_full()
    }

    /// The clients in the room, in no order.
    #[must_use]
    pub fn participants(&self) -> Vec<Client> {
        self.cell
            .lock()
            .local
            .all()
            .map(|client| self.core.client(client))
            .collect()
    }

    /// Triggers an event in this room. That the room allows it is checked when it runs.
    ///
    /// # Errors
    ///
    /// See [`TriggerError`](crate::TriggerError).
    pub fn trigger<E: DialogueEvent>(&self, data: impl Payload<Event = E>) -> Trigger {
        let cell = Arc::clone(&self.cell);
        Trigger::typed(
            Arc::clone(&self.core),
            self.cell.id.clone(),
            move |_| Some(cell),
            data.into_outgoing(),
        )
    }

    /// Runs a handler for what happens in the room of this id; see [`Dialogue::on`](crate::Dialogue::on).
    pub fn on<M, F, Fut>(&self, handler: F) -> Subscription
    where
        M: Received,
        F: Fn(EventMessage<M>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: HookOutcome> + Send + 'static,
    {
        subscription::subscribe(&self.core, ListenScope::Room(self.cell.id.clone()), handler)
    }

    /// A stream of what happens in the room of this id; see [`Dialogue::events`](crate::Dialogue::events).
    pub fn stream<M: Received>(&self) -> EventStream<M> {
        EventStream::new(&self.core, ListenScope::Room(self.cell.id.clone()))
    }

    /// A page of an event's history, newest first: those of `range`, 0 being the newest. What memory no longer keeps
    /// comes from `load_history`, if there is such a hook; what that returns and `E` does not read is left out. Empty once the
    /// room has been deleted.
    ///
    /// At most [`Limits::history_page_events`](crate::Limits::history_page_events) events and
    /// [`history_page_bytes`](crate::Limits::history_page_bytes) bytes are returned.
    ///
    /// # Errors
    ///
    /// [`HistoryError`].
    ///
    /// # Cancel safety
    ///
    /// Safe to drop: it changes nothing.
    pub async fn history<E: DialogueEvent>(
        &self,
        range: std::ops::Range<usize>,
    ) -> Result<Vec<EventMessage<E>>, HistoryError> {
        self.history_named(E::NAME, range).await.map(|messages| {
            messages
                .into_iter()
                .filter_map(|message| {
                    let data = E::decode(&message.event, &message.data).ok()?;
                    Some(message.with_data(data))
                })
                .collect()
        })
    }

    /// The same as [`history`](Self::history) for an event that is known by its name alone.
    ///
    /// # Errors
    ///
    /// [`HistoryError`].
    ///
    /// # Cancel safety
    ///
    /// Safe to drop: it changes nothing.
    pub async fn history_named(
        &self,
        event: &str,
        range: std::ops::Range<usize>,
    ) -> Result<Vec<EventMessage>, HistoryError> {
        messages(&self.core, &self.cell, &event.into(), range)
            .await
            .map_err(|reason| HistoryError { reason })
    }

    /// Deletes this very room; another one that has taken its id meanwhile stays. Its members leave and are told, and
    /// every client gets `roomDeleted`. Returns whether it was there.
    pub fn delete(&self) -> bool {
        delete_room(&self.core, &self.cell, None)
    }
}

/// History that memory no longer keeps could not be had: `load_history` refused, failed, panicked or took too long.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the history cannot be loaded: {reason}")]
#[non_exhaustive]
pub struct HistoryError {
    /// What the hook said.
    pub reason: String,
}

impl RoomRef for RoomHandle {
    fn room_id(&self) -> RoomId {
        self.cell.id.clone()
    }

    fn room_epoch(&self) -> Option<&str> {
        Some(&self.cell.epoch)
    }
}

/// Any event may be tried; whether the room allows it is checked when it runs.
impl<E> Allows<E> for RoomHandle {}

impl<M> Listen<M> for RoomHandle {
    fn scope(&self) -> ListenScope {
        ListenScope::Room(self.cell.id.clone())
    }
}

impl std::fmt::Debug for RoomHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RoomHandle")
            .field("id", &self.cell.id)
            .finish_non_exhaustive()
    }
}

impl PartialEq for RoomHandle {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.cell, &other.cell)
    }
}

impl Eq for RoomHandle {}
