//! What follows when a room has removed a client: the client's own membership, its `left` frame, observers, and `on_left`.

use std::sync::Arc;

use crate::connection::{ClientState, Frame};
use crate::protocol::{LeftReason, ServerFrame};
use crate::room::RoomCell;
use crate::runtime::core::Core;
use crate::runtime::hooks::arguments::Left;
use crate::runtime::observe::observation::LeaveReason;
use crate::serial::JobTicket;

/// Finishes a departure after the room's state has removed the client: `size` members remain. `is_last` says whether none
/// of them belongs to the client's user. Returns the call of `on_left`, if there is one. Called under the room's lock.
pub(in crate::runtime) fn left(
    core: &Arc<Core>,
    client: &Arc<ClientState>,
    room: &Arc<RoomCell>,
    id: Option<i64>,
    reason: Option<LeftReason>,
    size: usize,
    is_last: impl FnOnce() -> bool,
) -> (Left, Option<JobTicket>) {
    let declaration = room.template.declaration;
    let is_reported = core.hooks.on_left.concerns(declaration);
    // Without these hooks, nobody asks.
    let is_last = (is_reported || core.hooks.on_joined.concerns(declaration)) && is_last();
    let left = {
        let mut membership = client.membership.lock();
        membership.exit(&room.id);
        let end = membership.ended();
        let left = Left {
            reason: LeaveReason::of(reason, end),
            is_last,
        };
        if end.is_some() {
            membership.record_former(room.id.clone());
        }
        left
    };
    let frame = ServerFrame::Left {
        id,
        room_id: &room.id,
        reason,
    };
    client.outbox.push(Frame::Text(frame.encode()));
    core.observe
        .left(&room.id, &client.id, &client.user_id, size, left.reason);
    let hook = core.notify_of_member(client, &core.room(room), |hooks| &hooks.on_left, left);
    (left, hook)
}
