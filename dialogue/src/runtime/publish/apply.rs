//! The third step of publishing: a sequenced event reaches this node's subscribers, observers and handlers.
//!
//! Runs once per event, in the order of the log, under the room's lock, and never waits: for the memory log at once, for a
//! store in the room's apply queue.

use std::sync::Arc;

use crate::connection::{ClientState, Frame};
use crate::delivery::Delivery;
use crate::event::EventMessage;
use crate::id::EventName;
use crate::log::StoredEvent;
use crate::protocol::EventFrame;
use crate::room::{RoomCell, ServedRoomState};
use crate::runtime::core::Core;
use crate::runtime::handlers::listeners::AppliedEvent;
use crate::runtime::hooks::recursion::at_depth_sync;

/// Queues an event for every subscriber, and offers it to observers, handlers and streams.
pub(super) fn apply(
    core: &Core,
    room: &Arc<RoomCell>,
    state: &ServedRoomState,
    sender: Option<&Arc<ClientState>>,
    message: EventMessage,
    frame: &EventFrame,
) -> (Arc<EventMessage>, Delivery) {
    let message = Arc::new(message);
    let delivery = deliver(core, state, &message, frame);
    offer(core, room, sender, &message);
    (message, delivery)
}

/// Queues an event for every subscriber, and offers it to observers.
fn deliver(core: &Core, state: &ServedRoomState, message: &Arc<EventMessage>, frame: &EventFrame) -> Delivery {
    let recipients = queue_frame(state, &message.event, frame);
    core.observe.event(message, recipients, &frame.text);
    Delivery::new(recipients, message.seq)
}

/// The message of an event that another node may have admitted, if there are observers.
pub(super) fn decoded_for_observers(core: &Core, stored: &StoredEvent) -> Option<Arc<EventMessage>> {
    let is_observed = core.observe.is_observed();
    is_observed.then(|| stored.decode().map(Arc::new)).flatten()
}

/// Queues an event for every subscriber that the log or the feed of a cluster has brought. Handlers and hooks run on the node
/// that admitted it.
pub(super) fn deliver_of_cluster(
    core: &Core,
    state: &ServedRoomState,
    event: &EventName,
    message: Option<&Arc<EventMessage>>,
    frame: &EventFrame,
) {
    let recipients = queue_frame(state, event, frame);
    core.observe.passed_on(message, recipients, &frame.text);
}

/// Queues an event for its subscribers. Returns for how many.
fn queue_frame(state: &ServedRoomState, event: &EventName, frame: &EventFrame) -> usize {
    let subscribers = state.local.subscribers(event);
    subscribers
        .filter(|client| client.outbox.push(Frame::Raw(frame.wire.clone())))
        .count()
}

/// Offers an event to handlers and streams.
fn offer(core: &Core, room: &Arc<RoomCell>, sender: Option<&Arc<ClientState>>, message: &Arc<EventMessage>) {
    if !core.listeners.is_empty() {
        core.listeners.offer(AppliedEvent { message, room, sender });
    }
}

/// The same for an event that a chain of `depth` hooks and handlers has triggered. They do not run any more.
pub(super) fn apply_at(
    core: &Core,
    room: &Arc<RoomCell>,
    state: &ServedRoomState,
    sender: Option<&Arc<ClientState>>,
    message: EventMessage,
    frame: &EventFrame,
    depth: usize,
) -> (Arc<EventMessage>, Delivery) {
    at_depth_sync(core.lifecycle.server, depth, || {
        apply(core, room, state, sender, message, frame)
    })
}

/// Offers an event that a chain of `depth` hooks and handlers has triggered to handlers and streams. Its subscribers have it.
pub(super) fn offer_at(
    core: &Core,
    room: &Arc<RoomCell>,
    sender: Option<&Arc<ClientState>>,
    message: &Arc<EventMessage>,
    depth: usize,
) {
    at_depth_sync(core.lifecycle.server, depth, || offer(core, room, sender, message));
}

/// Queues an event that cannot be decoded for its subscribers.
pub(super) fn queue_unread(state: &ServedRoomState, event: &EventName, frame: &EventFrame) {
    queue_frame(state, event, frame);
}
