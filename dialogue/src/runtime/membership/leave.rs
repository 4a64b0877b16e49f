//! How clients get out of rooms: by themselves, taken out, or because their connection has ended.

use std::sync::Arc;

use crate::connection::{ClientState, Frame};
use crate::protocol::{CloseCode, LeftReason, ServerFrame};
use crate::room::RoomCell;
use crate::runtime::core::Core;
use crate::runtime::hooks::recursion::depth;
use crate::runtime::observe::tap::Notice;
use crate::runtime::rooms::expiry::note_if_empty;

/// Takes a client out of a room: tells it, if it did not ask for it, and `on_left`. Returns whether it was in the room.
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

/// What follows when a client is no longer in a room's state, where `size` stay. Called under the room's lock.
pub(in crate::runtime) fn left(
    core: &Arc<Core>,
    client: &Arc<ClientState>,
    room: &Arc<RoomCell>,
    id: Option<i64>,
    reason: Option<LeftReason>,
    size: usize,
) {
    client.membership.lock().exit(&room.id);
    let frame = ServerFrame::Left {
        id,
        room_id: &room.id,
        reason,
    };
    client.outbox.push(Frame::Text(frame.encode()));
    core.tap
        .offer(|| Notice::left(&room.id, &client.id, &client.user_id, size));
    core.tell_of_member(client, room, "on_left", &core.hooks.on_left);
}

/// Ends a client's membership everywhere, once: `on_disconnected` first, while it is still in its rooms, then each room
/// is left and the client forgotten. Returns at once; the client's hooks run on.
pub(crate) fn disconnect(core: &Arc<Core>, client: &Arc<ClientState>) {
    // From here on no room lets it in, although it is still in those it has joined.
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
            core.tell(depth, "on_disconnected", &hook, handle).await;
            end();
        }),
    );
}

/// Ends a client's connection and membership at once, with a code by which it does not come back of itself. What waits is
/// dropped; for each of its rooms it is told `left`, if there is a reason to tell.
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
