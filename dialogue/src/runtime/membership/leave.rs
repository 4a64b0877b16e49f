//! Leaving rooms: on request, by removal, or because the connection has ended.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::time::Instant;

use super::left::left;
use crate::connection::{ClientState, Close, Frame, MembershipEnd};
use crate::protocol::{CloseCode, LeftReason, ServerFrame};
use crate::room::RoomCell;
use crate::runtime::core::Core;
use crate::runtime::hooks::arguments::ConnectionEnd;
use crate::runtime::hooks::recursion::depth;
use crate::runtime::observe::emit::Involved;
use crate::runtime::observe::log_line::log_line;
use crate::runtime::rooms::expiry::note_if_empty;
use crate::serial::JobTicket;

/// A client has left a room.
pub(crate) struct Departure {
    /// The call of `on_left`, if there is one.
    pub(crate) hook: Option<JobTicket>,
}

/// Removes a client from a room. The client receives `left`, and `on_left` is queued. Returns `None` if it was no member.
pub(crate) fn leave(
    core: &Arc<Core>,
    client: &Arc<ClientState>,
    room: &Arc<RoomCell>,
    id: Option<i64>,
    reason: Option<LeftReason>,
) -> Option<Departure> {
    let mut state = room.lock();
    if !state.leave(client.key) {
        return None;
    }
    let is_in_room = |other: &Arc<ClientState>| state.local.contains(other.key);
    let is_last = || !core.clients.user_has(&client.user_id, is_in_room);
    let (left, hook) = left(core, client, room, id, reason, state.record.size(), is_last);
    if left.is_last && !left.user_is_gone() {
        state.returning.expect(&client.user_id, Instant::now());
    }
    drop(state);
    note_if_empty(core, room);
    Some(Departure { hook })
}

/// Ends all of a client's memberships, once. First `on_disconnected` runs, while the client is still in its rooms; then it
/// leaves each room and is forgotten. Returns immediately; the client's hooks continue to run.
pub(crate) fn disconnect(core: &Arc<Core>, client: &Arc<ClientState>) {
    end(core, client, MembershipEnd::Disconnected);
}

/// Ends a client's connection, because a newer one of the same client replaces it.
pub(crate) fn replace(core: &Arc<Core>, client: &Arc<ClientState>) {
    let message = "a newer connection has replaced this one";
    client
        .outbox
        .abort(CloseCode::Disconnected, message, std::iter::empty());
    end(core, client, MembershipEnd::Replaced);
}

fn end(core: &Arc<Core>, client: &Arc<ClientState>, why: MembershipEnd) {
    // No room accepts it from here on, although it is still in the rooms that it has joined.
    if !client.membership.lock().end(why) {
        return;
    }
    if core.hooks.on_disconnected.is_empty() {
        leave_all(core, client);
        return;
    }
    let about = (core.client(client), ConnectionEnd::from(client.outbox.ending()));
    let departing = Arc::new(Departing {
        core: Arc::clone(core),
        client: Arc::clone(client),
        has_left: AtomicBool::new(false),
    });
    let (worker, depth) = (Arc::clone(core), depth());
    let after_hook = LeaveOnDrop(Arc::clone(&departing));
    let hook = async move {
        worker.notify(depth, &worker.hooks.on_disconnected, about).await;
        drop(after_hook);
    };
    // Without a runtime that could run the hook, the client must not keep its seats until there is one.
    client
        .hooks
        .push_last(&core.lifecycle.tasks, Box::pin(hook), move || departing.leave_all());
}

/// A client that leaves its rooms once its `on_disconnected` has ended, or if it cannot run now.
struct Departing {
    core: Arc<Core>,
    client: Arc<ClientState>,
    has_left: AtomicBool,
}

impl Departing {
    fn leave_all(&self) {
        if !self.has_left.swap(true, Ordering::Relaxed) {
            leave_all(&self.core, &self.client);
        }
    }
}

/// Makes the client leave when the hook has ended, however it ended.
struct LeaveOnDrop(Arc<Departing>);

impl Drop for LeaveOnDrop {
    fn drop(&mut self) {
        self.0.leave_all();
    }
}

/// Removes a client that has ended from its rooms, and forgets it.
fn leave_all(core: &Arc<Core>, client: &Arc<ClientState>) {
    let rooms = client.membership.lock().rooms();
    for room in rooms.iter().filter_map(|room| core.rooms.find(room)) {
        leave(core, client, &room, None, None);
    }
    core.continuity.resumes.ended(client);
    core.continuity.keys.ended(client, &core.lifecycle);
    // Before the graceful shutdown can go on, which waits for the last client and then ends the observing.
    let end = client.outbox.ending().unwrap_or_else(Close::quietly);
    core.observe.disconnected(&client.id, &client.user_id, &end);
    log_end(core, client, &end);
    core.clients.remove(client);
    let _ = client.departed.set(());
    core.continuity.resumes.expire_in_time(&core.lifecycle);
}

/// Logs the end of a client's connection. What the client or its network has to answer for is worth a line at INFO.
fn log_end(core: &Core, client: &ClientState, end: &Close) {
    let involved = Involved::client(client);
    let reason = end.reason.as_str();
    match (end.code, end.client_code) {
        (None, None) => log_line!(DEBUG, *core, involved, "", {}, "disconnected: the connection was lost"),
        (None, Some(client_code)) => {
            log_line!(DEBUG, *core, involved, "", { client_code, }, "disconnected: the client closed the connection");
        }
        (Some(close), _) => {
            let (code, kind) = (close.code(), close.reason());
            match close {
                CloseCode::Restarting | CloseCode::SessionExpired | CloseCode::Disconnected => {
                    log_line!(DEBUG, *core, involved, kind, { code, reason, }, "disconnected");
                }
                _ => log_line!(INFO, *core, involved, kind, { code, reason, }, "disconnected by the server"),
            }
        }
    }
}

/// Ends a client's connection and memberships immediately, with a close code after which it does not reconnect. Queued
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
    end(core, client, MembershipEnd::Expelled);
}
