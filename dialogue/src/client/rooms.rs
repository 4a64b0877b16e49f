//! The rooms that a client is in: their positions, subscriptions and listeners. [`rejoin`] has how the client returns.
//!
//! Handles frames that have arrived and knows no connection. It returns the commands to send.

mod erasures;
mod rejoin;
mod retries;
mod room;

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use self::room::{Phase, TrackedRoom};
use super::buffer::BufferLimits;
use super::events::{Departure, Erasure, Recovery, RoomItem};
use super::position::Position;
use super::room_shared::{Readiness, RoomIndex, RoomShared};
use crate::backoff::Backoff;
use crate::event::EventMessage;
use crate::id::{EventName, RoomId};
use crate::protocol::{Command, JoinedRoom, SubscriptionList};

/// How many rooms a server can add a client to by itself: as many as a client may be in by default.
pub(super) const MAX_UNASKED: usize = 100;

/// Every room that the client is in, or was in when its connection was lost.
pub(super) struct JoinedRooms {
    rooms: HashMap<RoomId, TrackedRoom>,
    index: RoomIndex,
    bounds: BufferLimits,
    /// How long each room waits between its rejoins.
    backoff: Backoff,
    /// Whether there may be a room that no handle holds.
    has_unheld: bool,
}

/// The result of a `joined` frame.
pub(super) struct Entered {
    /// The new handles.
    pub(super) handles: Vec<Arc<RoomShared>>,
    /// Whether events were missed; `None` if the client was not away.
    pub(super) recovery: Option<Recovery>,
    /// The events that are not erased, for handlers that want the history as a whole.
    pub(super) events: Vec<EventMessage>,
    /// The commands that exclude events from the wildcard again.
    pub(super) unsubscribes: Vec<Command>,
}

/// A server added the client to more rooms than allowed.
#[derive(Debug)]
pub(super) struct TooManyRooms;

impl JoinedRooms {
    /// `backoff` says how long to wait before a rejoin is repeated, if the server does not say so.
    pub(super) fn new(index: RoomIndex, bounds: BufferLimits, backoff: Backoff) -> Self {
        Self {
            rooms: HashMap::new(),
            index,
            bounds,
            backoff,
            has_unheld: false,
        }
    }

    /// Whether requests for a room can be sent.
    pub(super) fn readiness(&self, id: &RoomId) -> Readiness {
        match self.rooms.get(id) {
            Some(TrackedRoom {
                phase: Phase::Here,
                position,
                ..
            }) => Readiness::Here {
                epoch: position
                    .as_ref()
                    .map(|position| position.epoch().to_owned())
                    .unwrap_or_default(),
            },
            Some(room) if room.may_be_member() => Readiness::Returning,
            Some(_) => Readiness::Away,
            None => Readiness::Gone,
        }
    }

    /// Takes in a `joined` frame of this many bytes. `asked` says whether it answers a request that still waits. Creates
    /// this many handles, which get the recent history. Those that exist get what the client has missed.
    pub(super) fn joined(
        &mut self,
        mut joined: JoinedRoom,
        bytes: usize,
        asked: bool,
        handles: usize,
    ) -> Result<Entered, TooManyRooms> {
        let id = joined.room_id.clone();
        let is_new = !self.rooms.contains_key(&id);
        if is_new {
            if !asked && self.rooms.len() >= MAX_UNASKED {
                return Err(TooManyRooms);
            }
            let room = TrackedRoom::new(id.clone(), self.bounds, self.backoff.clone());
            self.rooms.insert(id.clone(), room);
        }
        let Some(room) = self.rooms.get_mut(&id) else {
            return Err(TooManyRooms);
        };
        let weight = bytes / joined.events.len().max(1);
        let mut history = if is_new || handles == 0 {
            Vec::new()
        } else {
            joined.events.clone()
        };
        let was_present = room.was_present(&joined);
        if room
            .position
            .as_ref()
            .is_none_or(|position| position.epoch() != joined.epoch)
        {
            room.erasures.clear();
        }
        let arrival = Position::arrive(&mut room.position, &mut joined, was_present);
        room.view.lock().name = joined.room_name;
        let is_answer = asked || joined.id.is_some();
        let unsubscribes = if is_answer || room.phase == Phase::Here {
            room.confirm(joined.subscriptions, &joined.except)
        } else {
            // The rejoin's answer is still to come. It restores the earlier subscriptions.
            room.server_subscriptions = Some(joined.subscriptions);
            Vec::new()
        };
        if let Some(recovery) = arrival.recovery {
            if matches!(recovery, Recovery::Gap(_)) {
                // A listener that has received nothing yet has nothing to discard.
                room.handles.iter().for_each(|handle| handle.listeners.drop_backlog());
            }
            for handle in &room.handles {
                handle.listeners.offer(&RoomItem::Recovered(recovery), false);
            }
        }
        for event in &arrival.events {
            // The replayed events may include ones that the client has unsubscribed from.
            if !room.excluded.contains(&event.event) {
                room.deliver(event.clone(), weight);
            }
        }
        let before = room.handles.len();
        let handles: Vec<_> = (0..handles).map(|_| room.hold()).collect();
        if is_new {
            history.clone_from(&arrival.events);
        }
        Position::keep_in_order(&mut history);
        for event in history.iter().filter(|event| !room.excluded.contains(&event.event)) {
            let Some(item) = RoomItem::of(event.clone(), weight) else {
                continue;
            };
            for handle in &room.handles[before..] {
                handle.listeners.offer(&item, true);
            }
        }
        if let Some(oldest) = room.handles.first() {
            self.index.lock().insert(id, Arc::clone(oldest));
        }
        let mut events = arrival.events;
        events.retain(|event| !event.erased);
        Ok(Entered {
            handles,
            recovery: arrival.recovery,
            events,
            unsubscribes,
        })
    }

    /// An event is erased that the client may have received.
    pub(super) fn erased(&mut self, id: &RoomId, seq: u64) {
        let Some(room) = self.rooms.get_mut(id) else { return };
        room.erasures.add(seq);
        let erasure = Erasure {
            room_id: id.clone(),
            seq,
            message: None,
        };
        let item = RoomItem::Erased(Arc::new(erasure), 0);
        for handle in &room.handles {
            // Nobody has received it yet, and nobody shall any more.
            handle.listeners.remove_from_backlog(|item| item.is_event_number(seq));
            handle.listeners.offer(&item, true);
        }
    }

    /// Marks the events of a page that have been erased since the server read it.
    pub(super) fn mark_erased(&self, id: &RoomId, events: &mut [EventMessage]) {
        if let Some(room) = self.rooms.get(id) {
            room.erasures.mark(events);
        }
    }

    /// Takes in a live event of this many bytes. `is_wanted` says whether the application is subscribing to it again: it
    /// may arrive before the answer does.
    pub(super) fn event(
        &mut self,
        message: EventMessage,
        bytes: usize,
        is_wanted: impl Fn(&RoomId, &EventName) -> bool,
    ) {
        if let Some(room) = self.rooms.get_mut(&message.room_id)
            && let Some(position) = &mut room.position
            && position.take(message.seq)
            && (!room.still_sent.contains(&message.event) || is_wanted(&message.room_id, &message.event))
        {
            room.deliver(message, bytes);
        }
    }

    /// Records the number in an `ok` for something in the room.
    pub(super) fn acknowledged(&mut self, id: &RoomId, seq: u64) {
        if let Some(position) = self.rooms.get_mut(id).and_then(|room| room.position.as_mut()) {
            position.acknowledge(seq);
        }
    }

    pub(super) fn subscribed(&mut self, id: &RoomId, event: EventName) {
        if let Some(room) = self.rooms.get_mut(id) {
            room.excluded.remove(&event);
            room.still_sent.remove(&event);
            room.subscriptions.events.insert(event);
            room.update_view();
        }
    }

    pub(super) fn subscribed_to_all(&mut self, id: &RoomId) {
        if let Some(room) = self.rooms.get_mut(id) {
            room.clear_exclusions();
            room.subscriptions.wildcard = true;
            room.update_view();
        }
    }

    /// A join has named these subscriptions and exceptions.
    pub(super) fn resubscribed(&mut self, id: &RoomId, named: Option<&(SubscriptionList, BTreeSet<EventName>)>) {
        if let (Some(room), Some((_, except))) = (self.rooms.get_mut(id), named) {
            room.excluded.clone_from(except);
            room.still_sent.clone_from(except);
        }
    }

    /// The subscriptions and exceptions that cover those of the room's handles and the wanted ones. `None` if there is
    /// no handle in the room.
    pub(super) fn merged(
        &self,
        id: &RoomId,
        wanted: &SubscriptionList,
    ) -> Option<(SubscriptionList, BTreeSet<EventName>)> {
        let room = self.rooms.get(id).filter(|room| !room.handles.is_empty())?;
        let mut subscriptions = room.subscriptions.clone();
        let mut except = room.excluded.clone();
        if wanted.wildcard {
            except.clear();
        }
        subscriptions.wildcard |= wanted.wildcard;
        subscriptions.events.extend(wanted.events.iter().cloned());
        if subscriptions.wildcard {
            // The wildcard covers every name.
            subscriptions.events.clear();
        }
        Some((subscriptions, except))
    }

    /// How many rooms there are.
    pub(super) fn len(&self) -> usize {
        self.rooms.len()
    }

    pub(super) fn contains(&self, id: &RoomId) -> bool {
        self.rooms.contains_key(id)
    }

    /// How many handles hold a room.
    pub(super) fn handles(&self, id: &RoomId) -> usize {
        self.rooms.get(id).map_or(0, |room| room.handles.len())
    }

    /// A handle gives up its hold.
    pub(super) fn release(&mut self, handle: &Arc<RoomShared>) {
        if let Some(room) = self.rooms.get_mut(&handle.id) {
            room.handles.retain(|other| !Arc::ptr_eq(other, handle));
            let mut index = self.index.lock();
            match room.handles.first() {
                Some(oldest) => drop(index.insert(handle.id.clone(), Arc::clone(oldest))),
                None => {
                    index.remove(&handle.id);
                    self.has_unheld = true;
                }
            }
        }
        handle.depart(Departure::Left);
    }

    /// Every handle of a room gives up its hold.
    pub(super) fn release_all(&mut self, id: &RoomId) {
        let handles = self.rooms.get(id).map(|room| room.handles.clone());
        for handle in handles.unwrap_or_default() {
            self.release(&handle);
        }
    }

    /// Forgets the rooms that no handle holds, except for those that the application is joining. Returns those where the
    /// server may have the client.
    pub(super) fn forget_unheld(&mut self, is_joining: impl Fn(&RoomId) -> bool) -> Vec<RoomId> {
        if !self.has_unheld {
            return Vec::new();
        }
        let forgotten = self
            .rooms
            .extract_if(|id, room| room.handles.is_empty() && !is_joining(id));
        let present = forgotten.filter(|(_, room)| room.phase == Phase::Here || room.may_be_member());
        let present = present.map(|(id, _)| id).collect();
        self.has_unheld = self.rooms.values().any(|room| room.handles.is_empty());
        present
    }

    pub(super) fn unsubscribed(&mut self, id: &RoomId, event: &EventName) {
        if let Some(room) = self.rooms.get_mut(id) {
            room.subscriptions.events.remove(event);
            if room.subscriptions.wildcard {
                room.excluded.insert(event.clone());
            }
            room.update_view();
        }
    }

    /// The client is no longer in a room.
    pub(super) fn left(&mut self, id: &RoomId, departure: Departure) {
        let Some(room) = self.rooms.remove(id) else { return };
        self.index.lock().remove(id);
        room.depart(&departure);
    }

    /// The connection is closed for good.
    pub(super) fn leave_all(&mut self) {
        self.index.lock().clear();
        for (_, room) in self.rooms.drain() {
            room.depart(&Departure::Closed);
        }
    }
}

#[cfg(test)]
mod tests;
