//! The third step of publishing: a sequenced event reaches this node's subscribers, observers and handlers.
//!
//! Runs once per event, in the order of the log, under the room's lock, and never waits: for the memory log at once, for a
//! store in the room's apply queue.

use std::sync::Arc;

use crate::connection::{ClientState, Frame};
use crate::delivery::Delivery;
use crate::event::EventMessage;
use crate::id::EventName;
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
pub(super) fn deliver(
    core: &Core,
    state: &ServedRoomState,
    message: &Arc<EventMessage>,
    frame: &EventFrame,
) -> Delivery {
    let recipients = state
        .local
        .subscribers(&message.event)
        .filter(|client| client.outbox.push(Frame::Raw(frame.wire.clone())))
        .count();
    core.observe.event(message, recipients, &frame.text);
    Delivery::new(recipients, message.seq)
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
    for client in state.local.subscribers(event) {
        client.outbox.push(Frame::Raw(frame.wire.clone()));
    }
}
