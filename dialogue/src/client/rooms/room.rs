//! One room that a client is in: its subscriptions, and where it is on its way back.

use std::collections::BTreeSet;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::client::buffer::BufferLimits;
use crate::client::events::{Departure, RoomItem};
use crate::client::listeners::ListenerSet;
use crate::client::position::Position;
use crate::client::room_shared::{RoomShared, RoomView};
use crate::event::EventMessage;
use crate::id::{EventName, RoomId};
use crate::protocol::{Command, JoinCommand, JoinedRoom, SubscriptionList};

/// What is kept of a room until somebody listens: what a server sends to who joins, 300 events of 512 KiB by default, and about as
/// much that comes behind it.
const BACKLOG: BufferLimits = BufferLimits {
    items: 600,
    bytes: 1024 * 1024,
};

/// Where a room is on its way back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    Here,
    /// Its `join` is to be sent, at this time at the earliest.
    Away(Option<Instant>),
    /// It is sent.
    Rejoining,
}

pub(super) struct TrackedRoom {
    pub(super) shared: Arc<RoomShared>,
    pub(super) position: Option<Position>,
    pub(super) subscriptions: SubscriptionList,
    /// What the wildcard does not stand for any more.
    pub(super) excluded: BTreeSet<EventName>,
    /// What of that the server has not been heard to leave out since the way back.
    pub(super) still_sent: BTreeSet<EventName>,
    pub(super) phase: Phase,
    /// What the client is subscribed to where the server has taken it in by itself, before its way back was answered.
    pub(super) server_subscriptions: Option<SubscriptionList>,
}

impl TrackedRoom {
    /// A room of which nothing is known yet.
    pub(super) fn new(id: RoomId, bounds: BufferLimits) -> Self {
        let shared = RoomShared {
            id,
            listeners: Arc::new(ListenerSet::new(bounds, Some(BACKLOG))),
            view: Mutex::new(RoomView {
                name: String::new(),
                subscriptions: Vec::new(),
                departed: false,
            }),
        };
        Self {
            shared: Arc::new(shared),
            position: None,
            subscriptions: SubscriptionList::default(),
            excluded: BTreeSet::new(),
            still_sent: BTreeSet::new(),
            phase: Phase::Here,
            server_subscriptions: None,
        }
    }

    /// Whether a `joined` finds the client in the room, and subscribes it to nothing of which it has missed some.
    pub(super) fn was_present(&self, joined: &JoinedRoom) -> bool {
        let known = match self.phase {
            Phase::Here => Some(&self.subscriptions),
            _ => self.server_subscriptions.as_ref(),
        };
        // A join that does not say where the client was asks for nothing that was before it.
        known.is_some_and(|known| joined.recovered != Some(false) || !adds_events(&joined.subscriptions, known))
    }

    /// The client is here, with these subscriptions. Returns what the wildcard must be narrowed by again.
    pub(super) fn confirm(&mut self, subscriptions: SubscriptionList) -> Vec<Command> {
        let was_away = std::mem::replace(&mut self.phase, Phase::Here) != Phase::Here;
        self.server_subscriptions = None;
        self.subscriptions = subscriptions;
        if !self.subscriptions.wildcard {
            self.clear_exclusions();
        }
        self.update_view();
        let unsubscribes = self
            .excluded
            .iter()
            .filter(|_| was_away)
            .map(|event| Command::Unsubscribe {
                room_id: self.shared.id.clone(),
                event: event.clone(),
            });
        unsubscribes.collect()
    }

    pub(super) fn deliver(&self, message: EventMessage, bytes: usize) {
        self.shared
            .listeners
            .offer(&RoomItem::Event(Arc::new(message), bytes), true);
    }

    /// Nothing is left out of the wildcard.
    pub(super) fn clear_exclusions(&mut self) {
        self.excluded.clear();
        self.still_sent.clear();
    }

    /// The join that leads back. The wildcard stands for the names; it is not known which were behind it.
    pub(super) fn rejoin(&self, id: &RoomId) -> JoinCommand {
        let mut subscriptions = self.subscriptions.clone();
        if subscriptions.wildcard {
            subscriptions.events.clear();
        }
        JoinCommand {
            room_id: id.clone(),
            subscriptions: Some(subscriptions),
            since: self.position.as_ref().map(Position::since),
        }
    }

    pub(super) fn update_view(&self) {
        let mut shown = self.subscriptions.clone();
        shown.events.retain(|event| !self.excluded.contains(event));
        self.shared.view.lock().subscriptions = shown.into_names();
    }

    pub(super) fn depart(self, departure: Departure) {
        self.shared.view.lock().departed = true;
        self.shared.listeners.offer(&RoomItem::Departed(departure), false);
        self.shared.listeners.end();
    }
}

/// Whether one hears something by these subscriptions that one does not by those of before.
pub(super) fn adds_events(subscriptions: &SubscriptionList, before: &SubscriptionList) -> bool {
    !before.wildcard && (subscriptions.wildcard || !subscriptions.events.is_subset(&before.events))
}
