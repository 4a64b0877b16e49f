//! The third step of publishing: a sequenced event reaches this node's subscribers, observers and handlers.
//!
//! Runs once per event, in the order of the log, under the room's lock, and never waits.

use std::sync::Arc;

use crate::connection::{ClientState, Frame};
use crate::delivery::Delivery;
use crate::event::EventMessage;
use crate::protocol::EventFrame;
use crate::room::{RoomCell, ServedRoomState};
use crate::runtime::core::Core;
use crate::runtime::handlers::listeners::AppliedEvent;

/// Queues an event for every subscriber, and offers it to observers, handlers and streams.
pub(super) fn apply(
    core: &Core,
    room: &Arc<RoomCell>,
    state: &ServedRoomState,
    sender: Option<&Arc<ClientState>>,
    message: EventMessage,
    frame: &EventFrame,
) -> (Arc<EventMessage>, Delivery) {
    let recipients = state
        .local
        .subscribers(&message.event)
        .filter(|client| client.outbox.push(Frame::Raw(frame.wire.clone())))
        .count();
    let message = Arc::new(message);
    core.observe.event(&message, recipients, &frame.text);
    if !core.listeners.is_empty() {
        core.listeners.offer(AppliedEvent {
            message: &message,
            room,
            sender,
        });
    }
    let delivery = Delivery::new(recipients, message.seq);
    (message, delivery)
}
