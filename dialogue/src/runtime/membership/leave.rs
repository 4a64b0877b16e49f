//! Leaving rooms: on request, by removal, or because the connection has ended.

use std::sync::Arc;

use crate::connection::{ClientState, Frame};
use crate::protocol::{CloseCode, LeftReason, ServerFrame};
use crate::room::RoomCell;
use crate::runtime::core::Core;
use crate::runtime::hooks::recursion::depth;
use crate::runtime::observe::observation::LeaveReason;
use crate::runtime::rooms::expiry::note_if_empty;

/// Removes a client from a room. The client receives `left`, and `on_left` is queued. Returns whether it was a member.
pub(crate) fn leave(
    core: &Arc<Core>,
    client: &Arc<ClientState>,
    room: &Arc<RoomCell>,
    id: Option<i64>,
    reason: Option<LeftReason>,
) -> bool {
    let mut state = room.lock();
    if !state.leave(client.key) {
        return false;
    }
    left(core, client, room, id, reason, state.record.size());
    drop(state);
    note_if_empty(core, room);
    true
}

/// Finishes a departure after the room's state has removed the client: `size` members remain. Called under the room's lock.
pub(in crate::runtime) fn left(
    core: &Arc<Core>,
    client: &Arc<ClientState>,
    room: &Arc<RoomCell>,
    id: Option<i64>,
    reason: Option<LeftReason>,
    size: usize,
) {
    let is_gone = {
        let mut membership = client.membership.lock();
        membership.exit(&room.id);
        membership.is_gone()
    };
    let frame = ServerFrame::Left {
        id,
        room_id: &room.id,
        reason,
    };
    client.outbox.push(Frame::Text(frame.encode()));
    let why = LeaveReason::of(reason, is_gone);
    core.observe.left(&room.id, &client.id, &client.user_id, size, why);
    core.notify_of_member(client, room, "on_left", &core.hooks.on_left);
}

/// Ends all of a client's memberships, once. First `on_disconnected` runs, while the client is still in its rooms; then it
/// leaves each room and is forgotten. Returns immediately; the client's hooks continue to run.
pub(crate) fn disconnect(core: &Arc<Core>, client: &Arc<ClientState>) {
    // No room accepts it from here on, although it is still in the rooms that it has joined.
    if !client.membership.lock().end() {
        return;
    }
    let end = {
        let (core, client) = (Arc::clone(core), Arc::clone(client));
        move || {
            let rooms = client.membership.lock().rooms();
            for room in rooms.iter().filter_map(|room| core.rooms.find(room)) {
                leave(&core, &client, &room, None, None);
            }
            core.continuity.resumes.ended(&client);
            // Before the graceful shutdown can go on, which waits for the last client and then ends the observing.
            core.observe
                .disconnected(&client.id, &client.user_id, || client.outbox.ending());
            core.clients.remove(&client);
            let _ = client.departed.set(());
            core.continuity.resumes.expire_in_time(&core.lifecycle);
        }
    };
    let Some(hook) = core.hooks.on_disconnected.clone() else {
        end();
        return;
    };
    let (handle, core, depth) = (core.client(client), Arc::clone(core), depth());
    let tasks = core.lifecycle.tasks.clone();
    client.hooks.push(
        usize::MAX,
        &tasks,
        Box::pin(async move {
            core.notify(depth, "on_disconnected", &hook, handle).await;
            end();
        }),
    );
}

/// Ends a client's connection and memberships immediately, with a close code after which it does not reconnect. QueuedForArchive
/// frames are dropped. If there is a `reason`, the client receives `left` with it for each of its rooms.
pub(crate) fn expel(core: &Arc<Core>, client: &Arc<ClientState>, message: &str, reason: Option<LeftReason>) {
    let rooms = client.membership.lock().rooms();
    let farewell = rooms.iter().filter(|_| reason.is_some()).map(|room_id| {
        let frame = ServerFrame::Left {
            id: None,
            room_id,
            reason,
        };
        Frame::Text(frame.encode())
    });
    client.outbox.abort(CloseCode::Disconnected, message, farewell);
    disconnect(core, client);
}
