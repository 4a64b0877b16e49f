//! The second step of publishing without a store: an admitted event gets its place in the room's log.
//!
//! The log in memory is the authority: an event is accepted once it is numbered and stored there. Runs under the room's lock
//! and never waits. [`super::append`] is the same step with a store.

use super::draft::Rejected;
use crate::connection::ClientState;
use crate::event::EventMessage;
use crate::log::StoredEvent;
use crate::protocol::{EventFrame, PreparedEvent};
use crate::room::{RoomCell, ServedRoomState};
use crate::runtime::core::Core;
use crate::runtime::history::keep::QueuedForArchive;

/// Numbers an event and stores it, if its type has history; `limit` is how many of its type are kept then. Returns its frame,
/// and whether events are queued for the archive. Rejects it if the room or the sender's membership has ended since it was admitted.
pub(super) fn sequence(
    core: &Core,
    room: &RoomCell,
    state: &mut ServedRoomState,
    sender: Option<&ClientState>,
    message: &mut EventMessage,
    prepared: PreparedEvent,
    limit: Option<usize>,
) -> Result<(EventFrame, Option<QueuedForArchive>), Rejected> {
    check(core, room, state, sender)?;
    message.seq = limit.map(|_| state.record.advance());
    let frame = prepared.finish(message.seq);
    if let (Some(limit), Some(seq)) = (limit, message.seq) {
        let kept = StoredEvent {
            event: message.event.clone(),
            seq: Some(seq),
            body: frame.text.clone(),
        };
        let queued = core.history.keep(&core.rooms, &core.observe, room, kept, limit);
        return Ok((frame, queued));
    }
    Ok((frame, None))
}

/// Rejects an event if the server, the room or the sender's membership has ended since it was admitted.
pub(super) fn check(
    core: &Core,
    room: &RoomCell,
    state: &ServedRoomState,
    sender: Option<&ClientState>,
) -> Result<(), Rejected> {
    if core.lifecycle.is_stopped() {
        return Err(Rejected::Stopped);
    }
    if !room.is_present(state) {
        return Err(Rejected::NoSuchRoom);
    }
    // A client whose connection has ended may still be in its rooms while `on_disconnected` runs.
    if sender.is_some_and(|sender| !state.local.contains(sender.key) || sender.membership.lock().is_gone()) {
        return Err(Rejected::NotInRoom);
    }
    Ok(())
}
