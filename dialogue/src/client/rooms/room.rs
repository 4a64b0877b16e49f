//! One room that a client is in: its subscriptions, and whether the client is in it or rejoining it.

use std::collections::BTreeSet;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::time::Instant;

use super::erasures::Erasures;
use super::retries::Retries;
use crate::backoff::Backoff;
use crate::client::buffer::BufferLimits;
use crate::client::events::{Departure, RoomItem};
use crate::client::listeners::ListenerSet;
use crate::client::position::Position;
use crate::client::request_kind::MAX_EXCEPTIONS;
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
    id: RoomId,
    /// The handles that hold the room, oldest first.
    pub(super) handles: Vec<Arc<RoomShared>>,
    pub(super) view: Arc<Mutex<RoomView>>,
    bounds: BufferLimits,
    pub(super) position: Option<Position>,
    pub(super) erasures: Erasures,
    pub(super) subscriptions: SubscriptionList,
    /// The events that the wildcard no longer includes.
    pub(super) excluded: BTreeSet<EventName>,
    /// The excluded events that the server did not leave out of the last join. The client unsubscribes from them one by
    /// one, and passes none of them on.
    pub(super) still_sent: BTreeSet<EventName>,
    pub(super) phase: Phase,
    pub(super) retries: Retries,
    /// The subscriptions that the server chose when it added the client by itself, before it answered the rejoin.
    pub(super) server_subscriptions: Option<SubscriptionList>,
}

impl TrackedRoom {
    /// A room whose state is still unknown.
    pub(super) fn new(id: RoomId, bounds: BufferLimits, backoff: Backoff) -> Self {
        Self {
            id,
            handles: Vec::new(),
            view: Arc::default(),
            bounds,
            position: None,
            erasures: Erasures::default(),
            subscriptions: SubscriptionList::default(),
            excluded: BTreeSet::new(),
            still_sent: BTreeSet::new(),
            phase: Phase::Here,
            retries: Retries::new(backoff),
            server_subscriptions: None,
        }
    }

    /// Another handle of the room.
    pub(super) fn hold(&mut self) -> Arc<RoomShared> {
        let listeners = ListenerSet::new(self.bounds, Some(BACKLOG));
        let handle = Arc::new(RoomShared::new(self.id.clone(), listeners, Arc::clone(&self.view)));
        self.handles.push(Arc::clone(&handle));
        handle
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
    ///
    /// `except` are the exceptions in effect. A server that does not know exceptions in joins names none.
    pub(super) fn confirm(&mut self, subscriptions: SubscriptionList, except: &BTreeSet<EventName>) -> Vec<Command> {
        self.phase = Phase::Here;
        self.retries.reset();
        self.server_subscriptions = None;
        self.subscriptions = subscriptions;
        if !self.subscriptions.wildcard {
            self.clear_exclusions();
        }
        self.still_sent.retain(|event| !except.contains(event));
        self.update_view();
        let unsubscribes = self.still_sent.iter().map(|event| Command::Unsubscribe {
            room_id: self.id.clone(),
            event: event.clone(),
        });
        unsubscribes.collect()
    }

    /// Whether the server may have the client in the room, although the rejoin has not been answered.
    pub(super) fn may_be_member(&self) -> bool {
        self.phase == Phase::Rejoining || self.server_subscriptions.is_some()
    }

    /// Passes an event to every handle.
    pub(super) fn deliver(&self, message: EventMessage, bytes: usize) {
        let Some(item) = RoomItem::of(message, bytes) else {
            return;
        };
        for handle in &self.handles {
            handle.listeners.offer(&item, true);
        }
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
            except: self.excluded.iter().take(MAX_EXCEPTIONS).cloned().collect(),
            since: self.position.as_ref().map(Position::since),
            erasures: Some(true),
        }
    }

    pub(super) fn update_view(&self) {
        let mut shown = self.subscriptions.clone();
        shown.events.retain(|event| !self.excluded.contains(event));
        self.view.lock().subscriptions = shown.into_names();
    }

    pub(super) fn depart(self, departure: &Departure) {
        for handle in self.handles {
            handle.depart(departure.clone());
        }
    }
}

/// Whether these subscriptions include an event that the earlier ones did not.
pub(super) fn adds_events(subscriptions: &SubscriptionList, before: &SubscriptionList) -> bool {
    !before.wildcard && (subscriptions.wildcard || !subscriptions.events.is_subset(&before.events))
}
