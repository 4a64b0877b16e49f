//! Another epoch for a room that is present: the authority over its log may have lost events, so that positions in the earlier
//! epoch are not valid any more. Members stay, and receive an unrequested `joined`.
//!
//! Numbers go on. Events that are on their way keep their place, and keys stay reserved: the incarnation is the same.

use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::time::sleep;

use super::joined::tell_epoch;
use crate::connection::ClientState;
use crate::log::StoreFailure;
use crate::random::random_up_to;
use crate::room::RoomCell;
use crate::runtime::core::Core;
use crate::runtime::deadline::log_failed_read;
use crate::runtime::history::load::{load_again, read_ahead};
use crate::runtime::history::prefetch::ReadAhead;
use crate::serial::spawn_job;

/// The time over which the members learn of it. All rooms of a server may have another epoch at once, and each member then gets
/// the room's history, so the replies must not all be made at once.
const SPREAD: Duration = Duration::from_secs(3);

/// Gives a present room another epoch: its window begins anew with what the log has, up to the number `through` if there is
/// one. That is the room's last number then, even if it was a higher one before. Every member learns of it within 3 seconds.
/// Returns false if the room has this epoch already, or is not present.
///
/// Only the room's worker calls this, so that two renewals come in the order of the log.
pub(crate) async fn renew(
    core: &Arc<Core>,
    room: &Arc<RoomCell>,
    epoch: &Arc<str>,
    through: Option<u64>,
) -> Result<bool, StoreFailure> {
    let begins = load_again(core, room, through, |state| state.record.renew(epoch));
    if !begins.await? {
        return Ok(false);
    }
    let members: Vec<_> = room.lock().local.all().cloned().collect();
    for member in members {
        tell_later(core, room, &member);
    }
    Ok(true)
}

/// Tells a member the room's epoch after a random time. Keeps neither the server nor the room nor the client meanwhile.
fn tell_later(core: &Arc<Core>, room: &Arc<RoomCell>, member: &Arc<ClientState>) {
    let delay = random_up_to(SPREAD);
    let (server, room, member) = (Arc::downgrade(core), Arc::downgrade(room), Arc::downgrade(member));
    spawn_job(&core.lifecycle.background, move || async move {
        sleep(delay).await;
        if let (Some(core), Some(room), Some(member)) = (Weak::upgrade(&server), room.upgrade(), member.upgrade()) {
            tell(&core, &room, &member).await;
        }
    });
}

/// Tells a member the room's epoch, unless it has left, or knows it from a join of its own. Waits for space in its queue.
async fn tell(core: &Core, room: &RoomCell, member: &ClientState) {
    let mut ahead = ReadAhead::default();
    loop {
        let space = core.clients.reply_space(member, core.limits.longest_reply()).await;
        let Some(first) = tell_epoch(core, member, room, &ahead, space) else {
            return;
        };
        if let Err(failure) = read_ahead(core, room, first, &mut ahead).await {
            // The member must learn of the gap in any case. It gets what the window has.
            log_failed_read(core, &failure);
            ahead.read_no_more();
        }
    }
}
