//! One room that a client is in: its subscriptions, and where it is on its way back.

use std::collections::BTreeSet;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::time::Instant;

use crate::client::buffer::Bounds;
use crate::client::events::{Departure, RoomItem};
use crate::client::listeners::Hearing;
use crate::client::position::Position;
use crate::client::room_shared::{RoomShared, RoomView};
use crate::event::EventMessage;
use crate::id::{EventName, RoomId};
use crate::protocol::{Command, JoinCommand, JoinedRoom, SubscriptionList};

/// What is kept of a room until somebody listens: what a server sends to who joins, 300 events of 512 KiB by default, and about as
/// much that comes behind it.
const UNHEARD: Bounds = Bounds {
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

pub(super) struct Room {
    pub(super) shared: Arc<RoomShared>,
    pub(super) position: Option<Position>,
    pub(super) subscriptions: SubscriptionList,
    /// What the wildcard does not stand for any more.
    pub(super) except: BTreeSet<EventName>,
    /// What of that the server has not been heard to leave out since the way back.
    pub(super) not_left_out: BTreeSet<EventName>,
    pub(super) phase: Phase,
    /// What the client is subscribed to where the server has taken it in by itself, before its way back was answered.
    pub(super) taken_in: Option<SubscriptionList>,
}

impl Room {
    /// A room of which nothing is known yet.
    pub(super) fn new(id: RoomId, bounds: Bounds) -> Self {
        let shared = RoomShared {
            id,
            hearing: Arc::new(Hearing::new(bounds, Some(UNHEARD))),
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
            except: BTreeSet::new(),
            not_left_out: BTreeSet::new(),
            phase: Phase::Here,
            taken_in: None,
        }
    }

    /// Whether a `joined` finds the client in the room, and subscribes it to nothing of which it has missed some.
    pub(super) fn stays(&self, joined: &JoinedRoom) -> bool {
        let heard = match self.phase {
            Phase::Here => Some(&self.subscriptions),
            _ => self.taken_in.as_ref(),
        };
        // A join that does not say where the client was asks for nothing that was before it.
        heard.is_some_and(|heard| joined.recovered != Some(false) || !widens(&joined.subscriptions, heard))
    }

    /// The client is here, with these subscriptions. Returns what the wildcard must be narrowed by again.
    pub(super) fn settle(&mut self, subscriptions: SubscriptionList) -> Vec<Command> {
        let was_away = std::mem::replace(&mut self.phase, Phase::Here) != Phase::Here;
        self.taken_in = None;
        self.subscriptions = subscriptions;
        if !self.subscriptions.wildcard {
            self.hear_all();
        }
        self.show();
        let narrow = self
            .except
            .iter()
            .filter(|_| was_away)
            .map(|event| Command::Unsubscribe {
                room_id: self.shared.id.clone(),
                event: event.clone(),
            });
        narrow.collect()
    }

    pub(super) fn hand_on(&self, message: EventMessage, bytes: usize) {
        self.shared
            .hearing
            .offer(&RoomItem::Event(Arc::new(message), bytes), true);
    }

    /// Nothing is left out of the wildcard.
    pub(super) fn hear_all(&mut self) {
        self.except.clear();
        self.not_left_out.clear();
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

    pub(super) fn show(&self) {
        let mut shown = self.subscriptions.clone();
        shown.events.retain(|event| !self.except.contains(event));
        self.shared.view.lock().subscriptions = shown.into_names();
    }

    pub(super) fn depart(self, departure: Departure) {
        self.shared.view.lock().departed = true;
        self.shared.hearing.offer(&RoomItem::Departed(departure), false);
        self.shared.hearing.end();
    }
}

/// Whether one hears something by these subscriptions that one does not by those of before.
pub(super) fn widens(subscriptions: &SubscriptionList, before: &SubscriptionList) -> bool {
    !before.wildcard && (subscriptions.wildcard || !subscriptions.events.is_subset(&before.events))
}
