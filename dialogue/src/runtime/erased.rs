//! What an erasure changes in this process: texts in the window, and `erased` frames for the members that asked for them. If
//! several nodes share the log, each of them follows the erasures of all.

use std::sync::Arc;

use bytes::Bytes;

use crate::cluster::Erasures;
use crate::connection::Frame;
use crate::id::RoomId;
use crate::log::StoredEvent;
use crate::protocol::{Header, ServerFrame, erased};
use crate::room::{RoomCell, ServedRoomState};
use crate::runtime::core::Core;

/// Follows the erasures of a room in a log that several nodes share: members learn of those that they have not been told of.
/// Returns false if there are some that `erasures` does not name. Only the room's worker calls this.
pub(super) fn follow_erasures(core: &Core, room: &Arc<RoomCell>, erasures: &Erasures) -> bool {
    // Nobody is in a room that is not loaded, and its window is read later.
    if !room.loaded.initialized() {
        return true;
    }
    let mut state = room.lock();
    if state.record.is_deleted() {
        return true;
    }
    let missing = erasures.count.saturating_sub(state.record.erasures());
    let latest = &erasures.latest;
    let is_complete = missing <= latest.len() as u64;
    if is_complete && missing > 0 {
        state.record.reach_erasures(erasures.count);
        let seqs = &latest[latest.len() - missing as usize..];
        replace_in_window(core, &room.id, seqs);
        tell(core, &room.id, &state, seqs);
    }
    is_complete
}

/// Erases events in the window, which may have been read from the store before.
pub(super) fn replace_in_window(core: &Core, id: &RoomId, seqs: &[u64]) {
    let is_erased = |event: &StoredEvent| event.seq.is_some_and(|seq| seqs.contains(&seq));
    core.history.log.replace(id, &|event| erased_text(event, is_erased));
}

/// The erased text of an event that is to be erased, unless it is erased already.
pub(super) fn erased_text(event: &StoredEvent, is_due: impl Fn(&StoredEvent) -> bool) -> Option<Bytes> {
    // Every event that is kept has an envelope.
    is_due(event).then(|| erased(&event.body).ok().flatten()).flatten()
}

/// Queues the `erased` frames for the members that asked for them, behind the events. Called under the room's lock.
pub(super) fn tell(core: &Core, id: &RoomId, state: &ServedRoomState, seqs: &[u64]) {
    if seqs.is_empty() {
        return;
    }
    core.observe.erased(id, seqs);
    let mut frames = None;
    for member in state.local.informed_of_erasures() {
        let frames: &Bytes = frames.get_or_insert_with(|| encoded(id, seqs));
        member.outbox.push(Frame::Raw(frames.clone()));
    }
}

/// One `erased` frame for each number, with their headers.
fn encoded(room_id: &RoomId, seqs: &[u64]) -> Bytes {
    let mut frames = Vec::new();
    for seq in seqs {
        let text = ServerFrame::Erased { room_id, seq: *seq }.encode();
        frames.extend_from_slice(Header::of_text(text.len()).as_slice());
        frames.extend_from_slice(&text);
    }
    Bytes::from(frames.into_boxed_slice())
}
