//! The checks after a session was renewed: may the client still be in each of its rooms?
//!
//! They run in the background, so that the client learns at once that its session was renewed.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::AbortHandle;

use super::join::ask_before_join;
use super::join_error::JoinError;
use super::leave::leave;
use crate::connection::ClientState;
use crate::id::RoomId;
use crate::protocol::LeftReason;
use crate::runtime::core::Core;

/// The pause after the first round in which a check failed. Each further pause is twice as long.
const FIRST_PAUSE: Duration = Duration::from_secs(1);

/// The longest pause: a client whose access has ended meanwhile stays for at most a minute after an outage.
const LONGEST_PAUSE: Duration = Duration::from_secs(60);

/// The running checks of one client's rooms. They end when this is dropped.
#[derive(Debug)]
pub(crate) struct RoomRecheck(AbortHandle);

impl Drop for RoomRecheck {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Begins to ask `before_join` again for every room that a client is in, one after another. The client leaves each room
/// where the hook refuses. A check that fails is repeated until it is decided or the client has left the room. `None` if
/// there is nothing to ask.
pub(crate) fn recheck_rooms(core: &Arc<Core>, client: &Arc<ClientState>) -> Option<RoomRecheck> {
    if core.hooks.before_join.is_empty() {
        return None;
    }
    let rooms = client.membership.lock().rooms();
    let checks = recheck(Arc::clone(core), Arc::clone(client), rooms);
    Some(RoomRecheck(core.lifecycle.tasks.spawn(checks).abort_handle()))
}

async fn recheck(core: Arc<Core>, client: Arc<ClientState>, rooms: Vec<RoomId>) {
    let (mut undecided, mut pause) = (rooms, FIRST_PAUSE);
    loop {
        let mut failed = Vec::new();
        for room in undecided {
            if !is_decided(&core, &client, &room).await {
                failed.push(room);
            }
        }
        if failed.is_empty() {
            return;
        }
        tokio::time::sleep(pause).await;
        undecided = failed;
        pause = LONGEST_PAUSE.min(pause * 2);
    }
}

/// Asks whether a client may still be in a room, and removes it if it may not. Returns false if the check failed.
async fn is_decided(core: &Arc<Core>, client: &Arc<ClientState>, room: &RoomId) -> bool {
    let Some(room) = core.rooms.find(room) else {
        return true;
    };
    if !room.lock().local.contains(client.key) {
        return true;
    }
    match ask_before_join(core, client, &room).await {
        Ok(()) => true,
        Err(JoinError::Refused(_)) => {
            leave(core, client, &room, None, Some(LeftReason::Denied));
            true
        }
        Err(_) => false,
    }
}
