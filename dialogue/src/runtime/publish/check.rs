//! Compares a room with the authority over its log, if several nodes share that: it may have been deleted, its epoch may have
//! changed, and events may be missing here.

use std::sync::Arc;

use crate::cluster::{Erasures, Position};
use crate::room::RoomCell;
use crate::runtime::core::Core;
use crate::runtime::deadline::within_deadline;
use crate::runtime::history::load::load_again;
use crate::runtime::membership::delete_at_once::end_deleted;
use crate::runtime::membership::renewal::renew;
use crate::runtime::observe::emit::Involved;
use crate::runtime::observe::log_line::log_line;
use crate::store_failure::StoreFailure;

/// Asks for the position of a room. Only the room's worker calls this. Returns `None` if the room was deleted.
pub(super) async fn ask_position(core: &Arc<Core>, room: &Arc<RoomCell>) -> Result<Option<Position>, StoreFailure> {
    let Some(cluster) = &core.cluster else {
        return Ok(None);
    };
    let position = within_deadline(core, cluster.position(room.id.clone())).await?;
    if position.incarnation != room.incarnation {
        end_deleted(core, room);
        return Ok(None);
    }
    Ok(Some(position))
}

/// Gives a room the epoch of its log, which began after the number `begin` if that is known: what follows is applied event by
/// event.
pub(super) async fn take_over_epoch(
    core: &Arc<Core>,
    room: &Arc<RoomCell>,
    position: &Position,
    begin: Option<u64>,
) -> Result<(), StoreFailure> {
    let begin = begin.filter(|begin| *begin <= position.seq);
    if renew(core, room, &position.epoch, begin).await? {
        // The window was read after this.
        room.lock().record.reach_erasures(position.erasures.count);
    }
    Ok(())
}

/// Reads the window of a room again if more of its events were erased than the log names. Members learn of the latest ones.
pub(super) async fn follow_many_erasures(
    core: &Arc<Core>,
    room: &Arc<RoomCell>,
    erasures: &Erasures,
) -> Result<(), StoreFailure> {
    let (missing, applied) = {
        let state = room.lock();
        let missing = erasures.count.saturating_sub(state.record.erasures());
        (missing, state.record.seq())
    };
    let named = erasures.latest.len() as u64;
    if missing <= named || !room.loaded.initialized() {
        return Ok(());
    }
    load_again(core, room, Some(applied), |state| {
        state.record.reach_erasures(erasures.count - named);
        true
    })
    .await?;
    log_line!(
        ERROR,
        **core,
        Involved::default().in_room(&room.id),
        "",
        { events = missing - named, },
        "events were erased while this node did not hear of it: members who have them keep them"
    );
    Ok(())
}
