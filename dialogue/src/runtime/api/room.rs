//! The methods of [`RoomHandle`]: the room's description, members, events and history.

use std::sync::Arc;

use tokio::task::coop::consume_budget;

use crate::event::{DialogueEvent, EventDefinition, EventMessage, Payload, Received, Unreadable, read};
use crate::hook::HookOutcome;
use crate::id::{EventName, RoomId, UserId};
use crate::log::StoreFailure;
use crate::room::{Allows, Listen, ListenScope, RoomCell, RoomRef};
use crate::runtime::api::here::RoomHere;
use crate::runtime::api::trigger::Trigger;
use crate::runtime::core::{Client, Dialogue, RoomHandle};
use crate::runtime::handlers::subscription::{self, EventStream, Subscription};
use crate::runtime::history::error::HistoryError;
use crate::runtime::history::page::messages;
use crate::runtime::membership::delete_by_id::delete_by_id;
use crate::runtime::rooms::on_demand::find_for_server;

impl RoomHandle {
    /// The room's id.
    #[must_use]
    pub fn id(&self) -> &RoomId {
        &self.cell.id
    }

    /// The room's name, for people to read.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.cell.template.name
    }

    /// The room's description, for people to read.
    #[must_use]
    pub fn description(&self) -> Option<&str> {
        self.cell.template.description.as_deref()
    }

    /// How many clients may be in the room at once; `None` for no limit.
    #[must_use]
    pub fn max_size(&self) -> Option<usize> {
        self.cell.template.max_size
    }

    /// The events that the room lists: first the events that clients may trigger, then the events that only the server
    /// may trigger. Empty for a room that allows any event, and for a read-only room without server events.
    #[must_use]
    pub fn events(&self) -> Vec<EventDefinition> {
        self.cell.template.policy.definitions().cloned().collect()
    }

    /// The names of the events that a client is subscribed to if it joins without naming any. If that is every event,
    /// `*` comes first.
    #[must_use]
    pub fn default_subscriptions(&self) -> Vec<EventName> {
        self.cell
            .subscription_names(&self.cell.template.default_subscriptions)
            .into_names()
    }

    /// The user who created the room, if that is known.
    #[must_use]
    pub fn created_by(&self) -> Option<&UserId> {
        self.cell.created_by.as_ref()
    }

    /// The epoch that the room's clients know: the numbers of its events (`seq`) mean the same only within one epoch.
    /// Another room with the same id has another epoch.
    #[must_use]
    pub fn epoch(&self) -> String {
        self.cell.lock().record.epoch().to_string()
    }

    /// The room as it is present now. An on-demand room that was idle meanwhile is another cell of the same incarnation.
    pub(in crate::runtime) fn present(&self) -> Arc<RoomCell> {
        self.in_this_process().unwrap_or_else(|| Arc::clone(&self.cell))
    }

    /// The same; `None` if the room is deleted or idle.
    fn in_this_process(&self) -> Option<Arc<RoomCell>> {
        let is_deleted = self.cell.lock().record.is_deleted();
        match is_deleted {
            false => Some(Arc::clone(&self.cell)),
            true => self
                .core
                .rooms
                .find_incarnation(&self.cell.id, Some(&self.cell.incarnation)),
        }
    }

    /// The server that the room belongs to.
    #[must_use]
    pub fn dialogue(&self) -> Dialogue {
        Dialogue {
            core: Arc::clone(&self.core),
        }
    }

    /// A view of this node's part of the room: its clients here. The calls of the view are synchronous.
    ///
    /// ```
    /// # async fn example(room: dialogue::RoomHandle) {
    /// let (here, everywhere) = (room.here().size(), room.size().await);
    /// assert!(here <= everywhere);
    /// # }
    /// ```
    #[must_use]
    pub fn here(&self) -> RoomHere {
        RoomHere { room: self.clone() }
    }

    /// How many clients are in the room. A user with two tabs counts twice.
    ///
    /// # Cancel safety
    ///
    /// Safe to drop: counting changes nothing.
    pub async fn size(&self) -> usize {
        self.here().size()
    }

    /// Whether the room has reached its [`max_size`](Self::max_size).
    ///
    /// # Cancel safety
    ///
    /// Safe to drop: counting changes nothing.
    pub async fn is_full(&self) -> bool {
        self.here().is_full()
    }

    /// Triggers an event in this room; see [`Dialogue::trigger`](crate::Dialogue::trigger). The server checks at run
    /// time that the room allows the event.
    ///
    /// # Errors
    ///
    /// See [`TriggerError`](crate::TriggerError).
    pub fn trigger<E: DialogueEvent>(&self, data: impl Payload<Event = E>) -> Trigger {
        let cell = self.in_this_process();
        Trigger::typed(
            Arc::clone(&self.core),
            self.cell.id.clone(),
            Some(self.cell.incarnation.to_string()),
            move |_| cell,
            data.into_outgoing(),
        )
    }

    /// Runs a handler for the events of the room with this id; see [`Dialogue::on`](crate::Dialogue::on).
    pub fn on<M, F, Fut>(&self, handler: F) -> Subscription
    where
        M: Received,
        F: Fn(EventMessage<M>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: HookOutcome> + Send + 'static,
    {
        self.on_with_sender(move |message, _, _| handler(message))
    }

    /// Runs a handler that also receives the event's room and sender; see
    /// [`Dialogue::on_with_sender`](crate::Dialogue::on_with_sender).
    pub fn on_with_sender<M, F, Fut>(&self, handler: F) -> Subscription
    where
        M: Received,
        F: Fn(EventMessage<M>, RoomHandle, Option<Client>) -> Fut + Send + Sync + 'static,
        Fut: Future<Output: HookOutcome> + Send + 'static,
    {
        subscription::subscribe(&self.core, ListenScope::Room(self.cell.id.clone()), handler)
    }

    /// A stream of the events of the room with this id; see [`Dialogue::stream`](crate::Dialogue::stream).
    pub fn stream<M: Received>(&self) -> EventStream<M> {
        EventStream::new(&self.core, ListenScope::Room(self.cell.id.clone()))
    }

    /// Returns a page of an event's history, newest first. `range` counts from the newest event, which is 0. Events
    /// that memory no longer keeps come from the `load_history` hook, if there is one. A deleted room has no history.
    ///
    /// An event that was erased, or that cannot be decoded as `E`, is an [`Unreadable`] in its place. Stored events may be
    /// older than today's type.
    ///
    /// The page has at most [`Limits::history_page_events`](crate::Limits::history_page_events) events and
    /// [`history_page_bytes`](crate::Limits::history_page_bytes) bytes.
    ///
    /// # Errors
    ///
    /// [`HistoryError`] if `load_history` refuses or fails, or if the store cannot read the room.
    ///
    /// # Cancel safety
    ///
    /// Safe to drop: reading changes nothing.
    pub async fn history<E: DialogueEvent>(
        &self,
        range: std::ops::Range<usize>,
    ) -> Result<Vec<Result<EventMessage<E>, Unreadable>>, HistoryError> {
        let messages = self.history_named(E::NAME, range).await?;
        Ok(messages.iter().map(read::<E>).collect())
    }

    /// The same as [`history`](Self::history), for an event whose name is only known at run time. The data is JSON. An
    /// event that was erased has [`erased`](EventMessage::erased) set, and `null` as its data.
    ///
    /// # Errors
    ///
    /// [`HistoryError`] if `load_history` refuses or fails, or if the store cannot read the room.
    ///
    /// # Cancel safety
    ///
    /// Safe to drop: reading changes nothing.
    pub async fn history_named(
        &self,
        event: &str,
        range: std::ops::Range<usize>,
    ) -> Result<Vec<EventMessage>, HistoryError> {
        let idle = match self.in_this_process() {
            Some(_) => None,
            None => {
                let found = find_for_server(&self.core, &self.cell.id, Some(&self.cell.incarnation), |_| false);
                Box::pin(found).await?
            }
        };
        let room = idle
            .as_ref()
            .map_or_else(|| self.present(), |idle| Arc::clone(&idle.room));
        messages(&self.core, &room, &event.into(), range).await
    }

    /// Deletes exactly this room. Another room that has taken its id in the meantime stays. The members leave and
    /// receive `left` with the reason `roomDeleted`, and every client receives `roomDeleted`. Returns whether the room
    /// existed.
    ///
    /// # Errors
    ///
    /// See [`Dialogue::delete_room`](crate::Dialogue::delete_room). Without a store, this never fails.
    ///
    /// # Cancel safety
    ///
    /// Without a store, the room is deleted completely when this future is first polled, or not at all. With one, the deletion
    /// continues if the future is dropped.
    pub async fn delete(&self) -> Result<bool, StoreFailure> {
        let existed = delete_by_id(&self.core, &self.cell.id, Some(&self.cell.incarnation)).await;
        consume_budget().await;
        existed
    }
}

impl RoomRef for RoomHandle {
    fn room_id(&self) -> RoomId {
        self.cell.id.clone()
    }

    fn room_epoch(&self) -> Option<&str> {
        Some(&self.cell.incarnation)
    }
}

/// The compiler accepts any event; the server checks at run time whether the room allows it.
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
            || (Arc::ptr_eq(&self.core, &other.core)
                && (&self.cell.id, &self.cell.incarnation) == (&other.cell.id, &other.cell.incarnation))
    }
}

impl Eq for RoomHandle {}
