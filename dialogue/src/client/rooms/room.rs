//! One room that a client is in: its subscriptions, and whether the client is in it or rejoining it.

use std::collections::BTreeSet;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::time::Instant;

use super::retries::Retries;
use crate::client::backoff::Backoff;
use crate::client::buffer::BufferLimits;
use crate::client::events::{Departure, RoomItem};
use crate::client::listeners::ListenerSet;
use crate::client::position::Position;
use crate::client::room_shared::{RoomShared, RoomView};
use crate::event::EventMessage;
use crate::id::{EventName, RoomId};
use crate::protocol::{Command, JoinCommand, JoinedRoom, SubscriptionList};

/// The limits of the backlog before there is a listener. By default a server sends 300 events or 512 KiB to a client
/// that joins; this is about twice as much, for the live events that follow.
const BACKLOG: BufferLimits = BufferLimits {
    items: 600,
    bytes: 1024 * 1024,
};

/// Whether the client is in a room or rejoining it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    Here,
    /// The `join` must be sent, at this time at the earliest.
    Away(Option<Instant>),
    /// The `join` was sent.
    Rejoining,
}

pub(super) struct TrackedRoom {
    pub(super) shared: Arc<RoomShared>,
    pub(super) position: Option<Position>,
    pub(super) subscriptions: SubscriptionList,
    /// The events that the wildcard no longer includes.
    pub(super) excluded: BTreeSet<EventName>,
    /// The excluded events that the server may still send, because it has not confirmed their exclusion since the
    /// rejoin.
    pub(super) still_sent: BTreeSet<EventName>,
    pub(super) phase: Phase,
    pub(super) retries: Retries,
    /// The subscriptions that the server chose when it added the client by itself, before it answered the rejoin.
    pub(super) server_subscriptions: Option<SubscriptionList>,
}

impl TrackedRoom {
    /// A room whose state is still unknown.
    pub(super) fn new(id: RoomId, bounds: BufferLimits, backoff: Backoff) -> Self {
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
            retries: Retries::new(backoff),
            server_subscriptions: None,
        }
    }

    /// Whether the client was already in the room at this `joined`, and the new subscriptions include no event that it
    /// has missed.
    pub(super) fn was_present(&self, joined: &JoinedRoom) -> bool {
        let known = match self.phase {
            Phase::Here => Some(&self.subscriptions),
            _ => self.server_subscriptions.as_ref(),
        };
        // A join that does not say where the client was asks for no earlier events.
        known.is_some_and(|known| joined.recovered != Some(false) || !adds_events(&joined.subscriptions, known))
    }

    /// The client is in the room, with these subscriptions. Returns the commands that exclude events from the wildcard
    /// again.
    pub(super) fn confirm(&mut self, subscriptions: SubscriptionList) -> Vec<Command> {
        let was_away = std::mem::replace(&mut self.phase, Phase::Here) != Phase::Here;
        self.retries.reset();
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

    /// Whether the server may have the client in the room, although the rejoin has not been answered.
    pub(super) fn may_be_member(&self) -> bool {
        self.phase == Phase::Rejoining || self.server_subscriptions.is_some()
    }

    pub(super) fn deliver(&self, message: EventMessage, bytes: usize) {
        self.shared
            .listeners
            .offer(&RoomItem::Event(Arc::new(message), bytes), true);
    }

    /// The wildcard excludes nothing any more.
    pub(super) fn clear_exclusions(&mut self) {
        self.excluded.clear();
        self.still_sent.clear();
    }

    /// The join that gets the client back into the room. With a wildcard it leaves out the names, because they may have
    /// been resolved from the wildcard.
    pub(super) fn rejoin(&self, id: &RoomId) -> JoinCommand {
        let mut subscriptions = self.subscriptions.clone();
        if subscriptions.wildcard {
            subscriptions.events.clear();
        }
        JoinCommand {
            room_id: id.clone(),
            subscriptions: Some(subscriptions),
            except: BTreeSet::new(),
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

/// Whether these subscriptions include an event that the earlier ones did not.
pub(super) fn adds_events(subscriptions: &SubscriptionList, before: &SubscriptionList) -> bool {
    !before.wildcard && (subscriptions.wildcard || !subscriptions.events.is_subset(&before.events))
}
